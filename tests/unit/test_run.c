/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs over a source that is made up: several queues, each in a thread of its own, real meters,
 * rings and exporter. Mostly live ones. Also built with ThreadSanitizer, to show that what the
 * threads share is what docs/design.md says.
 */
#include "run_support.h"

START_TEST(all_queues_to_the_end)
{
	struct sf_engine *engine;

	source.packets = 200000;
	source.repeat = 4;
	engine = run_all(&plain);
	ck_assert_uint_eq(counters.ledger.packets, 600000);
	ck_assert_uint_eq(counters.ledger.flows_created, 150000);
	ck_assert_uint_eq(offered(engine) + counters.ledger.lost_packets, 600000);
	/* the workers end with all flows in their tables and then wait for room */
	ck_assert_uint_eq(counters.ledger.lost_records, 0);
	end(engine);
}
END_TEST

/* Each queue rests longer than the hand-over rings have room for what others bring meanwhile. */
START_TEST(workers_who_sleep_are_woken)
{
	struct sf_plan plan = plain;
	struct sf_engine *engine;

	plan.workers_independent = false;
	source.packets = 200000;
	source.repeat = 4;
	source.shared = source.waits = true;
	woken = 0;
	engine = run_all(&plan);
	ck_assert_uint_eq(counters.ledger.frames, 600000);
	ck_assert_uint_eq(
		counters.ledger.packets + counters.ledger.ignored[SF_IGNORED_handOver], 600000);
	ck_assert_uint_gt(woken, 0);
	end(engine);
}
END_TEST

/* Each packet a record: more than the exporter can take, so the ring overflows, by name. */
START_TEST(full_ring_is_counted)
{
	struct sf_plan plan = plain;
	struct sf_engine *engine;

	plan.per_packet = true;
	source.packets = 400000;
	source.repeat = 1;
	engine = run_all(&plan);
	ck_assert_uint_eq(counters.ledger.packets, 1200000);
	ck_assert_uint_eq(offered(engine) + counters.ledger.lost_packets, 1200000);
	end(engine);
}
END_TEST

/* A flow whose packets reach all queues is one flow: they are handed over, or lost by name. */
START_TEST(flows_over_several_queues_are_whole)
{
	struct sf_plan plan = plain;
	struct sf_engine *engine;
	uint64_t lost;

	plan.workers_independent = false;
	source.packets = 200000;
	source.repeat = 4;
	source.shared = true;
	engine = run_all(&plan);
	lost = counters.ledger.ignored[SF_IGNORED_handOver];
	ck_assert_uint_eq(counters.ledger.packets + lost, 600000);
	ck_assert_uint_eq(counters.ledger.frames, 600000);
	ck_assert_uint_gt(counters.handed + lost, 300000);
	ck_assert_uint_le(counters.ledger.flows_created, 50000);
	if (lost == 0)
		ck_assert_uint_eq(counters.ledger.flows_created, 50000);
	end(engine);
}
END_TEST

/* Answers arrive long before what they answer: by their times each connection is one flow. */
START_TEST(packets_of_several_queues_are_in_the_order_of_their_times)
{
	struct sf_plan plan = plain;

	plan.workers_independent = false;
	for (plan.workers = 1; plan.workers <= QUEUES + 1; plan.workers++) {
		struct sf_engine *engine;

		source.packets = 4000;
		source.repeat = 1;
		source.shared = source.refused = true;
		engine = run_all(&plan);
		ck_assert_uint_eq(counters.ledger.packets, QUEUES * 4000);
		/* a refused connection, and a flow of queue 2 */
		ck_assert_uint_eq(counters.ledger.flows_created, 2 * 4000);
		ck_assert_uint_eq(counters.order.late, 0);
		ck_assert_uint_eq(counters.order.forced, 0);
		ck_assert_uint_eq(counters.order.waiting, 0);
		end(engine);
	}
}
END_TEST

/* Without a queue of their own, workers live on what the others hand over. */
START_TEST(more_workers_than_queues)
{
	struct sf_plan plan = plain;
	struct sf_engine *engine;

	plan.workers_independent = false;
	plan.workers = QUEUES + 2;
	source.packets = 20000;
	source.repeat = 4;
	source.shared = true;
	engine = run_all(&plan);
	ck_assert_uint_eq(engine->worker_count, QUEUES + 2);
	ck_assert_uint_eq(
		counters.ledger.packets + counters.ledger.ignored[SF_IGNORED_handOver], 60000);
	end(engine);
}
END_TEST

/*
 * Live each worker has packets of its own; of a file no trace is left of what lies beyond the
 * limit.
 */
START_TEST(count_is_exact_over_workers)
{
	static const uint64_t counts[] = { 1, 64, 1000, 99999 };

	for (size_t i = 0; i < 2 * sizeof(counts) / sizeof(counts[0]); i++) {
		struct sf_plan plan = plain;
		struct sf_engine *engine;

		plan.packet_limit = counts[i / 2];
		source.packets = 100000;
		source.repeat = 10;
		source.file = i % 2;
		engine = run_all(&plan);
		ck_assert_uint_eq(counters.ledger.packets, plan.packet_limit);
		if (source.file) {
			ck_assert_uint_eq(counters.frames, plan.packet_limit);
			ck_assert_int_eq(engine->workers[0].state, SF_WORKER_LIMIT);
		}
		end(engine);
	}
}
END_TEST

/* A source without end, and SIGTERM after half of its packets: at least that half is metered. */
static void check_sigterm(uint64_t least)
{
	struct sf_engine *engine;

	source.repeat = 10;
	source.endless = true;
	source.raise_at = SIGTERM;
	engine = run_all(&plain);
	ck_assert_str_eq(engine->ended, "SIGTERM");
	ck_assert_uint_ge(counters.ledger.packets, least);
	ck_assert_uint_eq(counters.ledger.flows_active, 0);
	end(engine);
}

START_TEST(signals)
{
	struct sf_engine *engine;

	source.packets = 20000;
	check_sigterm(1);

	/* the statistics are asked for, the run goes on to its end */
	source.packets = 50000;
	source.repeat = 10;
	source.raise_at = SIGUSR1;
	engine = run_all(&plain);
	ck_assert_uint_eq(counters.ledger.packets, QUEUES * 50000);
	end(engine);
}
END_TEST

/*
 * docs/design.md §4: a record leaves at most 1 s after its timeout, on an idle link too, however
 * many they are. There are some ten steps in a second in which no packet comes. No record is lost
 * for want of room: what the ring does not take stays in the table.
 */
START_TEST(many_flows_leave_a_quiet_link)
{
	struct sf_plan plan = plain;
	struct sf_worker *worker;
	struct sf_engine *engine;
	uint64_t records = 0, before;
	unsigned steps = 0;

	plan.idle_timeout_ns = 100 * INT64_C(1000000);
	source.packets = 200000;
	source.repeat = 1;
	source.endless = true;
	engine = make(&plan);
	worker = &engine->workers[0];
	for (unsigned i = 0; i < 100000 && records < source.packets; i++) {
		struct sf_flow flows[SF_BATCH_MAX];
		uint32_t n;

		before = records;
		ck_assert_int_le(sf_worker_step(worker), SF_WORKER_QUIET);
		while ((n = sf_records_get(&worker->ring, flows, SF_BATCH_MAX)) > 0) {
			sf_records_done(&worker->ring, n);
			records += n;
		}
		steps += records > before;
	}
	ck_assert_uint_eq(records, source.packets);
	/* by 256 flows in a step it would be 782 */
	ck_assert_uint_le(steps, 200);
	sf_worker_counters(worker, &counters);
	ck_assert_uint_eq(counters.ledger.lost_records, 0);
	sf_exporter_finish(engine->exporter);
	end(engine);
}
END_TEST

START_TEST(turns_end_at_a_signal)
{
	source.packets = 400000;
	source.file = true;
	check_sigterm(200000);
}
END_TEST

CHECK_MAIN("run", all_queues_to_the_end, workers_who_sleep_are_woken, full_ring_is_counted,
	flows_over_several_queues_are_whole,
	packets_of_several_queues_are_in_the_order_of_their_times, more_workers_than_queues,
	count_is_exact_over_workers, signals, many_flows_leave_a_quiet_link, turns_end_at_a_signal)
