/* SPDX-License-Identifier: BSD-2-Clause */
/* Export over connections: what a collector reads, and what is counted, when they are cut. */
#include "simulated_collector.h"

#define RETRY S

static struct sim sim;
static struct sim_exporter out;

static void begin_sim(int64_t retry_ns, uint64_t queue_records, bool late)
{
	sim_init(&sim);
	sim_export(&out, &sim, retry_ns, queue_records, late);
}

static void end_sim(void)
{
	sim_fini(&sim);
}

/* One connection, short writes: everything arrives once, in order. */
/* [RFC5471-3.5.1-1] */
START_TEST(everything_arrives)
{
	struct sf_destination_stats stats;

	begin_sim(RETRY, 10000, false);
	sim.write_max = 777;
	for (unsigned i = 0; i < 20; i++) {
		sim_put(&out, 100);
		sim_pump(&out, &sim, S / 4, false);
		sim_deliver(&sim, SIZE_MAX);
	}
	sim_pump(&out, &sim, S, true);
	sim_deliver(&sim, SIZE_MAX);
	sim_pump(&out, &sim, S, true);
	ck_assert(!sf_destination_waits(out.destination));
	stats = sim_finish(&out, &sim);
	ck_assert_uint_eq(stats.sent.records, 2000);
	ck_assert_uint_eq(sim.distinct, 2000);
	ck_assert_uint_eq(stats.repeated.records, 0);
	ck_assert_uint_eq(sim.count, 1);
	end_sim();
}
END_TEST

/* Nothing counts as sent before the peer has acknowledged it. */
START_TEST(sent_means_acknowledged)
{
	begin_sim(RETRY, 10000, false);
	sim_put(&out, 100);
	sim_pump(&out, &sim, S, true);
	ck_assert_uint_gt(sim.under_way_length, 0);
	ck_assert_uint_eq(out.destination->stats.sent.records, 0);
	ck_assert(sf_destination_waits(out.destination));
	sim_deliver(&sim, sim.under_way_length - 1);
	sim_pump(&out, &sim, S, true);
	ck_assert_uint_eq(out.destination->stats.sent.records, 0);
	sim_deliver(&sim, 1);
	sim_pump(&out, &sim, S, true);
	ck_assert_uint_eq(out.destination->stats.sent.records, 100);
	sim_finish(&out, &sim);
	end_sim();
}
END_TEST

/*
 * Cut at every byte of the stream: the message that was cut is sent again as a whole on the next
 * connection, behind the templates, and nothing is lost.
 */
START_TEST(a_cut_in_a_message_loses_nothing)
{
	struct sf_destination_stats stats;
	size_t whole = 0;

	for (size_t at = 0; at <= whole; at += at < 64 || at + 64 > whole ? 1 : 37) {
		begin_sim(RETRY, 10000, false);
		sim_pump(&out, &sim, 10 * S, false);
		sim_put(&out, 60);
		sim_pump(&out, &sim, S, true);
		if (at == 0)
			whole = sim.under_way_length;
		sim_deliver(&sim, at);
		sim_pump(&out, &sim, S / 100, false);
		sim.closes = at % 2;
		sim_cut(&sim);
		sim_put(&out, 10);
		sim_pump(&out, &sim, S / 100, false);
		ck_assert(out.destination->fails || at == whole || sim.count > 1);
		for (unsigned i = 0; i < 10; i++) {
			sim_pump(&out, &sim, S / 2, true);
			sim_deliver(&sim, SIZE_MAX);
		}
		stats = sim_finish(&out, &sim);
		ck_assert_uint_eq(stats.sent.records, 70);
		ck_assert_uint_eq(sim.distinct, 70);
		ck_assert_uint_eq(sim.count, 2);
		/* a collector that closes an old connection has read all that it acknowledged */
		ck_assert_uint_eq(stats.repeated.records, at == whole && sim.closes ? 0 : 60);
		end_sim();
	}
}
END_TEST

/* What was acknowledged and then refused, while nothing follows any more, is lost by name. */
START_TEST(a_refusal_at_the_end_is_seen)
{
	for (unsigned refuses = 0; refuses < 2; refuses++) {
		struct sf_destination_stats stats;

		begin_sim(RETRY, 10000, false);
		sim.refuses = refuses;
		sim_put(&out, 60);
		sim_pump(&out, &sim, S, true);
		sim_deliver(&sim, SIZE_MAX);
		sim_pump(&out, &sim, S, true);
		ck_assert_uint_eq(out.destination->stats.sent.records, 60);
		stats = sim_finish(&out, &sim);
		ck_assert_uint_eq(stats.sent.records, refuses ? 0 : 60);
		ck_assert_uint_eq(stats.lost_unreachable.records, refuses ? 60 : 0);
		ck_assert_int_eq(
			strncmp(stats.failure, "lost the connection", refuses ? 19 : 0), 0);
		end_sim();
	}
}
END_TEST

/* A peer that closes the connection soon after it was made may have refused what it read. */
START_TEST(a_connection_that_is_closed_early_is_no_delivery)
{
	for (unsigned early = 0; early < 2; early++) {
		struct sf_destination_stats stats;

		begin_sim(RETRY, 10000, false);
		sim_pump(&out, &sim, early ? S : 6 * S, false);
		sim_put(&out, 60);
		sim_pump(&out, &sim, S, true);
		sim_deliver(&sim, SIZE_MAX);
		sim_pump(&out, &sim, S, true);
		sim.closes = true;
		sim_cut(&sim);
		sim_pump(&out, &sim, S / 10, true);
		ck_assert_uint_eq(out.destination->stats.sent.records, early ? 0 : 60);
		stats = sim_finish(&out, &sim);
		ck_assert_uint_eq(stats.lost_unreachable.records, early ? 60 : 0);
		ck_assert((strstr(stats.news, "what it got is sent again") != NULL) == early);
		end_sim();
	}
}
END_TEST

/* What arrived without an acknowledgement is sent again, and counted as what may be there twice. */
START_TEST(what_may_arrive_twice_is_counted)
{
	struct sf_destination_stats stats;

	begin_sim(RETRY, 10000, false);
	sim.acks_are_lost = true;
	sim_put(&out, 60);
	sim_pump(&out, &sim, S, true);
	sim_deliver(&sim, SIZE_MAX);
	sim_pump(&out, &sim, S, true);
	sim_cut(&sim);
	sim.acks_are_lost = false;
	sim_pump(&out, &sim, S, true);
	sim_pump(&out, &sim, S, true);
	sim_deliver(&sim, SIZE_MAX);
	stats = sim_finish(&out, &sim);
	ck_assert_uint_eq(stats.sent.records, 60);
	ck_assert_uint_eq(sim.twice, 60);
	ck_assert_uint_eq(stats.repeated.records, 60);
	end_sim();
}
END_TEST

/*
 * A collector is killed that has not read what its kernel had acknowledged: it is sent again, if
 * that was a moment ago, or if the collector stood still since then; and only then.
 */
START_TEST(what_the_peer_had_not_read_is_sent_again)
{
	static const struct {
		unsigned seconds;
		bool stands;
		uint64_t repeated;
	} cases[] = { { 1, false, 60 }, { 10, false, 0 }, { 10, true, 60 } };

	for (unsigned i = 0; i < 3; i++) {
		struct sf_destination_stats stats;

		begin_sim(RETRY, 10000, false);
		sim_put(&out, 60);
		sim_pump(&out, &sim, S, true);
		sim_deliver(&sim, SIZE_MAX);
		sim_pump(&out, &sim, S, true);
		ck_assert_uint_eq(out.destination->stats.sent.records, 60);
		sim.stands = cases[i].stands;
		for (unsigned k = 0; k < cases[i].seconds; k++)
			sim_pump(&out, &sim, S, true);
		if (cases[i].repeated)
			sim.connections[0].unread = sim.connections[0].length;
		sim_cut(&sim);
		sim_pump(&out, &sim, S / 100, true);
		ck_assert_uint_eq(out.destination->stats.sent.records, 60 - cases[i].repeated);
		for (unsigned k = 0; k < 10; k++) {
			sim_pump(&out, &sim, S, true);
			sim_deliver(&sim, SIZE_MAX);
		}
		stats = sim_finish(&out, &sim);
		ck_assert_uint_eq(stats.sent.records, 60);
		ck_assert_uint_eq(stats.repeated.records, cases[i].repeated);
		ck_assert_uint_eq(sim.distinct, 60);
		end_sim();
	}
}
END_TEST

/* A collector that does not read: memory is bounded, and the queue loses by name. */
START_TEST(a_reader_that_stands_still)
{
	struct sf_destination_stats stats;

	begin_sim(RETRY, 1000, false);
	sim.buffer = 5000;
	for (unsigned i = 0; i < 180; i++) {
		sim_put(&out, 100);
		sim_pump(&out, &sim, S / 4, false);
	}
	ck_assert_uint_eq(sim.count, 1);
	ck_assert_uint_le(out.destination->queued.records, 1000);
	sim.buffer = 1 << 20;
	for (unsigned i = 0; i < 100; i++) {
		sim_deliver(&sim, SIZE_MAX);
		sim_pump(&out, &sim, S / 4, true);
	}
	stats = sim_finish(&out, &sim);
	ck_assert_uint_eq(stats.sent.records + stats.lost_queue.records, 18000);
	ck_assert_uint_eq(sim.distinct, stats.sent.records);
	end_sim();
}
END_TEST

/* RFC 7011 §10.4.4: by default, no more than one attempt in a minute. */
/* [RFC7011-10.4.4-2] */
START_TEST(attempts_keep_their_distance)
{
	begin_sim(0, 1000, true);
	sim.listens = false;
	for (unsigned i = 0; i < 4000; i++)
		sim_pump(&out, &sim, S / 10, false);
	ck_assert_uint_ge(sim.attempts, 6);
	for (unsigned i = 1; i < sim.attempts; i++)
		ck_assert_int_ge(sim.attempt_ns[i] - sim.attempt_ns[i - 1], 60 * S);
	ck_assert_ptr_nonnull(strstr(out.destination->stats.news, "cannot connect to collector"));
	ck_assert_ptr_nonnull(strstr(out.destination->stats.news, "refused"));
	ck_assert_ptr_nonnull(
		strstr(out.destination->stats.news, "; next attempt in 60 s (retry=)"));
	ck_assert_uint_eq(out.destination->stats.news_count, 1);
	sim_finish(&out, &sim);
	end_sim();
	/* retry=1s: 1, 2, 4 … 60 seconds */
	begin_sim(S, 1000, true);
	sim.listens = false;
	for (unsigned i = 0; i < 4000; i++)
		sim_pump(&out, &sim, S / 10, false);
	for (unsigned i = 1; i < sim.attempts; i++)
		ck_assert_int_ge(sim.attempt_ns[i] - sim.attempt_ns[i - 1],
			i < 7 ? (int64_t)(1 << (i - 1)) * S : 60 * S);
	ck_assert_uint_ge(sim.attempts, 10);
	sim_finish(&out, &sim);
	end_sim();
}
END_TEST

/*
 * An attempt that nobody answers ends after ten seconds; the collector comes, and gets what waits.
 */
START_TEST(nobody_answers_and_then_somebody_does)
{
	struct sf_destination_stats stats;

	begin_sim(RETRY, 1000, true);
	sim.drops_attempts = true;
	sim_put(&out, 100);
	for (unsigned i = 0; i < 150; i++)
		sim_pump(&out, &sim, S / 10, false);
	ck_assert_uint_ge(sim.attempts, 2);
	ck_assert_ptr_nonnull(strstr(out.destination->stats.news, "timed out"));
	/* the end waits for it */
	sim_pump(&out, &sim, S / 10, true);
	ck_assert(sf_destination_waits(out.destination));
	sim.drops_attempts = false;
	for (unsigned i = 0; i < 30; i++) {
		sim_pump(&out, &sim, S, true);
		sim_deliver(&sim, SIZE_MAX);
	}
	ck_assert(!sf_destination_waits(out.destination));
	ck_assert_ptr_nonnull(strstr(out.destination->stats.news, "can be reached again"));
	stats = sim_finish(&out, &sim);
	ck_assert_uint_eq(stats.sent.records, 100);
	end_sim();
}
END_TEST

/* What waits for a collector that never comes is lost by name. */
START_TEST(a_collector_that_never_comes)
{
	struct sf_destination_stats stats;

	begin_sim(RETRY, 50, true);
	sim.listens = false;
	sim_put(&out, 80);
	sim_pump(&out, &sim, S, false);
	sim_put(&out, 20);
	sim_pump(&out, &sim, S, true);
	stats = sim_finish(&out, &sim);
	ck_assert_uint_eq(stats.lost_unreachable.records + stats.lost_queue.records, 100);
	ck_assert_uint_ge(stats.lost_unreachable.records, 50);
	end_sim();
}
END_TEST

/* The wall clock is set back: export times do not go back in a connection. */
START_TEST(export_time_never_goes_back)
{
	uint32_t last = 0;

	begin_sim(RETRY, 1000, false);
	for (unsigned i = 0; i < 10; i++) {
		sim_put(&out, 10);
		sim_pump(&out, &sim, S, false);
		out.shared.wall_ns += (i % 2 ? 300 : -200) * S;
	}
	sim_deliver(&sim, SIZE_MAX);
	sim_finish(&out, &sim);
	for (size_t at = 0; at < sim.connections[0].length;
		at += sf_load_be16(sim.connections[0].bytes + at + 2)) {
		uint32_t time = sf_load_be32(sim.connections[0].bytes + at + 4);

		ck_assert_uint_ge(time, last);
		last = time;
	}
	ck_assert_uint_gt(last, 0);
	end_sim();
}
END_TEST

CHECK_MAIN("export_stream", everything_arrives, sent_means_acknowledged,
	a_cut_in_a_message_loses_nothing, a_refusal_at_the_end_is_seen,
	a_connection_that_is_closed_early_is_no_delivery, what_may_arrive_twice_is_counted,
	what_the_peer_had_not_read_is_sent_again, a_reader_that_stands_still,
	attempts_keep_their_distance, nobody_answers_and_then_somebody_does,
	a_collector_that_never_comes, export_time_never_goes_back);
