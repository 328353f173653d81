/* SPDX-License-Identifier: BSD-2-Clause */
/* How runs end: failures of sources and threads, what another worker leaves, books of turns. */
#include "run_support.h"

static unsigned failures;
static uint64_t failed_sources;

static void on_notice(void *context, enum sf_notice notice, const char *text)
{
	unsigned number;

	(void)context;
	if (notice != SF_NOTICE_FAILED)
		return;
	ck_assert_int_eq(sscanf(text, "source %u is out of order", &number), 1);
	failed_sources |= UINT64_C(1) << number;
	failures++;
}

/* Each failure is reported once, however many workers there are and meet it. */
START_TEST(each_source_that_fails_is_told)
{
	struct sf_engine *engine;

	failing_count = FAILING_MAX;
	source.packets = 1000;
	source.repeat = 1;
	failures = 0;
	failed_sources = 0;
	engine = make(&plain);
	engine->options.events.notice = on_notice;
	run_engine(engine);
	ck_assert_uint_gt(engine->worker_count, 64);
	ck_assert_uint_eq(failures, failing_count);
	ck_assert_uint_eq(failed_sources, (UINT64_C(1) << failing_count) - 1);
	failing_count = 0;
	end(engine);
}
END_TEST

/* The run ends, and none of those that could be started has begun. */
START_TEST(threads_that_cannot_be_started)
{
	for (unsigned i = 0; i < 4 * QUEUES; i++) {
		struct sf_plan plan = plain;
		struct sf_engine *engine;

		plan.workers_independent = i & 1;
		source.file = i & 2;
		source.packets = 100000;
		source.repeat = 1;
		source.shared = true;
		threads_left = i / 4;
		engine = run_all(&plan);
		threads_left = UINT_MAX;
		ck_assert_str_eq(engine->ended, "error");
		ck_assert_uint_eq(counters.frames, 0);
		end(engine);
	}
}
END_TEST

static _Atomic uint32_t control;
static uint64_t out;

/* Requests counters when the first records come. */
static unsigned count_and_ask(void *context, const struct sf_flow *flows, unsigned count)
{
	(void)context;
	(void)flows;
	atomic_store(&control, 1 << 1);
	out += count;
	return count;
}

/* What remains of another worker leaves through this one, and is not in what it answered before. */
START_TEST(leftover_flows_of_another_worker)
{
	enum { OWN = 1000, OTHERS = 300 };
	static struct sf_interfaces interfaces;
	struct sf_capture capture = { .ops = &source_ops, .queues = 2 };
	struct sf_input input = { .capture = &capture, .interfaces = &interfaces };
	struct sf_worker *workers = aligned_alloc(SF_CACHE_LINE, 2 * sizeof(*workers));
	const uint32_t key[SF_STEER_WORDS] = { 1, 2, 3, 4 };
	const struct sf_handover_options shared = {
		.capture = &capture,
		.workers = 2,
		.steer_key = key,
		.clock_limit_ns = SF_NS_PER_S * 10,
		.workers_of_run = workers,
	};
	struct sf_worker_options options = {
		.input = &input,
		.control = &control,
		.meter = { .idle_timeout_ns = SF_NS_PER_S * 10,
			.active_timeout_ns = SF_NS_PER_S * 10,
			.max_flows = OWN,
			.sink = { count_and_ask, NULL },
			.ifindex = interfaces.ifindex },
		.cpu = -1,
	};
	struct sf_leftover *leftover;
	struct sf_error error;
	struct sf_engine_counters sum = { .ledger.unsupported_link = UINT32_MAX }, one;

	ck_assert_int_eq(sf_turns.new(&options.handover, &shared), 0);
	options.kind = sf_turns.kind(options.handover, true);
	leftover = &((struct sf_turns *)options.handover)->leftovers[1];
	for (unsigned w = 0; w < 2; w++) {
		options.number = options.queue = w;
		ck_assert_int_eq(sf_worker_init(&workers[w], &options, &error), 0);
		for (uint64_t flow = 0; flow < (w ? OTHERS : OWN); flow++) {
			uint8_t frame[FRAME];
			struct sf_packet packet = { .data = frame,
				.captured = FRAME,
				.wire = FRAME,
				.link = SF_LINK_ETHERNET };

			frame_write(frame, w, flow);
			sf_meter_batch(workers[w].meter, &packet, 1, NULL, &input.point);
		}
	}
	leftover->meter = workers[1].meter;
	leftover->ids = sf_meter_ids_used(workers[1].meter);
	ck_assert_uint_eq(leftover->ids, OTHERS);
	atomic_store(&leftover->open, true);
	/* their packets have ended, so their counters are those of the meters */
	workers[0].state = workers[1].state = SF_WORKER_EOF;
	sf_worker_finish(&workers[0]);
	ck_assert_uint_eq(out, OWN + OTHERS);
	ck_assert_uint_eq(atomic_load(&leftover->emitted), OTHERS);
	sf_worker_counters(&workers[0], &one);
	ck_assert_uint_eq(one.ledger.records, OWN + OTHERS);
	ck_assert_uint_eq(workers[0].answered, 1);
	ck_assert_uint_eq(workers[0].snapshot.ledger.records, OWN);
	sf_engine_counters_add(&sum, &one);
	sf_meter_forget(workers[1].meter);
	sf_worker_counters(&workers[1], &one);
	ck_assert_uint_eq(one.ledger.records, 0);
	sf_engine_counters_add(&sum, &one);
	ck_assert(sf_ledger_balanced(&sum.ledger));
	ck_assert_uint_eq(sum.ledger.table_packets, 0);
	for (unsigned w = 0; w < 2; w++)
		sf_worker_fini(&workers[w]);
	sf_turns.free(options.handover);
	free(workers);
}
END_TEST

/*
 * Statistics are requested while the workers of a file run. At the end it is chance through which
 * worker a flow leaves, but no record is lost or comes twice.
 */
START_TEST(workers_of_a_file_end_together)
{
	for (unsigned repeat = 1; repeat < 20; repeat += 9) {
		struct sf_plan plan = plain;
		struct sf_engine *engine;

		/* then all turns are worker 0's */
		plan.dedup = repeat == 10;
		plan.dedup_window_ns = 1;
		source.packets = 160000;
		source.repeat = repeat;
		source.file = true;
		source.raise_at = SIGUSR1;
		engine = run_all(&plan);
		ck_assert_uint_eq(
			counters.ledger.packets + counters.ledger.ignored[SF_IGNORED_duplicate],
			160000);
		ck_assert_uint_eq(counters.ledger.records, (160000 + repeat - 1) / repeat);
		ck_assert_uint_eq(counters.ledger.lost_records, 0);
		ck_assert_uint_eq(offered(engine), counters.ledger.packets);
		end(engine);
	}
}
END_TEST

/*
 * What workers who take turns say when they are asked: each of the same packets, so the sum is
 * balanced although packets are under way between them. They are stepped here, at random.
 */
START_TEST(books_of_turns_are_of_the_same_packets)
{
	struct sf_plan plan = plain;
	unsigned answers = 0, under_way = 0, left = QUEUES;
	struct sf_engine *engine;
	uint64_t random = 1;

	source.packets = 500000;
	source.repeat = 3;
	source.file = true;
	engine = make(&plan);
	ck_assert_ptr_eq(engine->handovers[0]->ops, &sf_turns);
	while (left) {
		struct sf_worker *worker;
		unsigned given = 0;

		random = random * 6364136223846793005 + 1442695040888963407;
		worker = &engine->workers[(random >> 33) % QUEUES];
		if (!sf_worker_ended(worker))
			left -= sf_worker_step(worker) > SF_WORKER_QUIET;
		for (unsigned i = 0; i < QUEUES; i++)
			given += engine->workers[i].answered == engine->request;
		if (given < QUEUES)
			continue;
		memset(&counters, 0, sizeof(counters));
		for (unsigned i = 0; i < QUEUES; i++) {
			under_way +=
				engine->workers[i].frames != engine->workers[i].snapshot.frames;
			sf_engine_counters_add(&counters, &engine->workers[i].snapshot);
		}
		if (engine->request) {
			ck_assert(sf_ledger_balanced(&counters.ledger));
			ck_assert_uint_eq(counters.frames, counters.ledger.frames);
			answers++;
		}
		atomic_store(&engine->control, ++engine->request << 1);
	}
	ck_assert_uint_gt(answers, 5);
	ck_assert_uint_gt(under_way, 5);
	sf_engine_count(engine, &counters);
	ck_assert_uint_eq(counters.ledger.packets, 500000);
	ck_assert(sf_ledger_balanced(&counters.ledger));
	end(engine);
}
END_TEST

CHECK_MAIN("run_ends", books_of_turns_are_of_the_same_packets, workers_of_a_file_end_together,
	leftover_flows_of_another_worker, threads_that_cannot_be_started,
	each_source_that_fails_is_told)
