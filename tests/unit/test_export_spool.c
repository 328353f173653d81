/* SPDX-License-Identifier: BSD-2-Clause */
/* The spool: what is left for the next run, crashes, a full spool, a full disk, damage. */
#include "quick_asserts.h"

#include "spool_support.h"

/*
 * Away at the end of a run: the next run delivers it, on a connection with the templates of the
 * first.
 */
START_TEST(what_is_left_goes_out_in_the_next_run)
{
	struct sf_destination_stats stats;

	begin_sim(4 << 20);
	sim.listens = false;
	begin_run(1, 1000);
	sim_put(&out, 500);
	pump_and_deliver(3, true);
	stats = end_run();
	ck_assert_uint_eq(stats.sent.records, 0);
	ck_assert_uint_eq(stats.spooled.records, 500);
	sim.listens = true;
	begin_run(2, 1000);
	ck_assert_uint_eq(out.destination->stats.inherited.records, 0);
	sim_put(&out, 300);
	pump_and_deliver(10, true);
	stats = end_run();
	ck_assert_uint_eq(stats.inherited.records, 500);
	ck_assert_uint_eq(stats.sent.records, 800);
	ck_assert_uint_eq(stats.spooled.records, 0);
	ck_assert_uint_eq(stats.repeated.records, 0);
	sim_read_all(&sim);
	ck_assert_uint_eq(sim.distinct, 800);
	ck_assert_uint_eq(sim.twice, 0);
	ck_assert_uint_eq(sim.count, 2);
	ck_assert_uint_eq(disk_used(), 0);
	sim_fini(&sim);
}
END_TEST

/*
 * The template has its flow key, an options record, in the same message: sequence numbers count it
 * in the next run, too.
 */
START_TEST(a_template_that_was_made_later)
{
	struct sf_flow flow = flow_ipv4(0);

	begin_sim(4 << 20);
	sim.listens = false;
	begin_run(2, 1000);
	sim_put(&out, 20);
	sim_pump(&out, &sim, S, true);
	flow.has |= SF_HAS_VLAN;
	flow.half[0].octets = ++out.put;
	sf_destinations_put(&out.queue, &out.destination, 1, &flow, 1);
	sim_pump(&out, &sim, S, true);
	sim_put(&out, 20);
	sim_pump(&out, &sim, S, true);
	ck_assert_uint_eq(end_run().spooled.records, 41);
	sim.listens = true;
	begin_run(3, 1000);
	pump_and_deliver(5, true);
	ck_assert_uint_eq(end_run().sent.records, 41);
	sim_read_all(&sim);
	ck_assert_uint_eq(sim.distinct, 41);
	sim_fini(&sim);
}
END_TEST

/*
 * Killed while the spool is read: nothing that was in it is lost, and what may be there twice is
 * counted.
 */
START_TEST(a_crash_loses_nothing_of_the_spool)
{
	struct sf_destination_stats stats;

	begin_sim(4 << 20);
	sim.listens = false;
	begin_run(1, 1000);
	for (unsigned i = 0; i < 3; i++) {
		sim_put(&out, 200);
		pump_and_deliver(1, true);
	}
	end_run();
	sim.listens = true;
	begin_run(2, 1000);
	sim_pump(&out, &sim, S, true);
	sim_pump(&out, &sim, S, true);
	sim_deliver(&sim, 20000);
	sim_pump(&out, &sim, S, true);
	kill_run(&stats);
	begin_run(3, 1000);
	pump_and_deliver(10, true);
	stats = end_run();
	ck_assert_uint_eq(stats.inherited.records, 600);
	ck_assert_uint_eq(stats.repeated.records, 600);
	sim_read_all(&sim);
	ck_assert_uint_eq(sim.distinct, 600);
	ck_assert_uint_gt(sim.twice, 0);
	sim_fini(&sim);
}
END_TEST

/* A process that keeps records for a collector that is away does not wake more often for it. */
START_TEST(being_away_costs_no_wakeups)
{
	int64_t next;

	begin_sim(4 << 20);
	sim.listens = false;
	begin_run(1, 1000);
	sim_put(&out, 100);
	pump_and_deliver(3, true);
	ck_assert(sf_destination_waits(out.destination));
	next = sf_destination_pump(&out.queue, out.destination, sim.mono, false);
	ck_assert_int_ge(next, sim.mono + 100 * MS);
	end_run();
	sim_fini(&sim);
}
END_TEST

/* The oldest, or the newest, are lost by name when the spool is full. */
START_TEST(a_full_spool_loses_by_name)
{
	for (unsigned newest = 0; newest < 2; newest++) {
		struct sf_destination_stats stats;

		begin_sim(200000);
		sim.spool.drop_newest = newest;
		sim.listens = false;
		begin_run(1, 1000);
		for (unsigned i = 0; i < 100; i++) {
			sim_put(&out, 100);
			sim_pump(&out, &sim, S, false);
			ck_assert_uint_le(disk_used(), 201000);
		}
		sim.listens = true;
		pump_and_deliver(80, true);
		stats = end_run();
		ck_assert_uint_gt(stats.lost_spool.records, 5000);
		ck_assert_uint_eq(stats.sent.records + stats.lost_spool.records, 10000);
		sim_read_all(&sim);
		ck_assert_uint_eq(sim.distinct, stats.sent.records);
		ck_assert_uint_eq(sim.seen[10000], !newest);
		ck_assert_uint_eq(sim.seen[1], newest);
		sim_fini(&sim);
	}
}
END_TEST

/* The disk is full: lost by name, and what is in the spool stays whole. */
START_TEST(a_full_disk_loses_by_name)
{
	struct sf_destination_stats stats;

	begin_sim(4 << 20);
	disk.capacity = 50000;
	sim.listens = false;
	begin_run(1, 1000);
	for (unsigned i = 0; i < 20; i++) {
		sim_put(&out, 100);
		sim_pump(&out, &sim, S, false);
	}
	disk.capacity = 0;
	for (unsigned i = 0; i < 5; i++) {
		sim_put(&out, 100);
		sim_pump(&out, &sim, S, false);
	}
	sim.listens = true;
	pump_and_deliver(80, true);
	stats = end_run();
	ck_assert_uint_gt(stats.lost_write.records, 1000);
	ck_assert_uint_eq(stats.sent.records + stats.lost_write.records, 2500);
	sim_read_all(&sim);
	ck_assert_uint_eq(sim.distinct, stats.sent.records);
	sim_fini(&sim);
}
END_TEST

/*
 * Every byte of a segment is damaged once: only what was damaged is lost, and nothing false is
 * sent.
 */
START_TEST(damage_is_found)
{
	size_t length = 1;

	for (size_t at = 0; at < length; at += at < 200 ? 1 : 97) {
		struct sf_destination_stats stats;

		begin_sim(4 << 20);
		sim.listens = false;
		begin_run(1, 1000);
		for (unsigned i = 0; i < 3; i++) {
			sim_put(&out, 20);
			sim_pump(&out, &sim, S, true);
		}
		end_run();
		for (unsigned i = 0; i < FILES; i++)
			if (disk.files[i].number == 2) {
				length = disk.files[i].length;
				disk.files[i].bytes[at] ^= 0x10;
			}
		sim.listens = true;
		begin_run(2, 1000);
		pump_and_deliver(5, true);
		stats = end_run();
		ck_assert_uint_lt(stats.inherited.records, 60);
		ck_assert_uint_eq(stats.sent.records, stats.inherited.records);
		ck_assert_uint_gt(stats.torn_octets, 0);
		sim_read_all(&sim);
		ck_assert_uint_eq(sim.distinct, stats.sent.records);
		sim_fini(&sim);
	}
}
END_TEST

CHECK_MAIN("export_spool", what_is_left_goes_out_in_the_next_run, a_template_that_was_made_later,
	a_crash_loses_nothing_of_the_spool, being_away_costs_no_wakeups, a_full_spool_loses_by_name,
	a_full_disk_loses_by_name, damage_is_found);
