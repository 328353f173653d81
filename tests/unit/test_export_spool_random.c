/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A simulation of everything between a meter's records and a collector: exporter, spool and
 * transport run against a simulated network, disk, clock and collector, driven by a seed. A seed
 * that fails is printed; SPOOL_SEED=number replays it, SPOOL_SEEDS=count runs so many.
 */
#include <time.h>

#include "quick_asserts.h"

#include "sanitized.h"
#include "spool_support.h"

static uint64_t state;

static unsigned pick(unsigned below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)((state * UINT64_C(0x9e3779b97f4a7c15)) >> 40) % below;
}

static bool once_in(unsigned n)
{
	return pick(n) == 0;
}

/* One step of a run: something happens to records, network, collector, clock or disk. */
static void happen(void)
{
	switch (pick(16)) {
	case 0:
	case 1:
	case 2:
		if (out.put < SIM_RECORDS - 400)
			sim_put(&out, pick(200));
		break;
	case 3:
		sim.listens = !sim.listens;
		break;
	case 4:
		sim_cut(&sim);
		sim.closes = once_in(2);
		break;
	case 5:
		sim.acks_are_lost = once_in(3);
		break;
	case 6:
		sim.buffer = 1 + pick(100000);
		if (sim.buffer < sim.under_way_length)
			sim.buffer = sim.under_way_length;
		break;
	case 7:
		sim.stands = once_in(2);
		break;
	case 8:
		/* the wall clock is set */
		out.shared.wall_ns += ((int64_t)pick(7200) - 3600) * S;
		break;
	case 9:
		disk.capacity = once_in(2) ? 1 + pick(300000) : 0;
		sim.any_order |= disk.capacity != 0;
		break;
	case 10:
		disk.write_max = once_in(2) ? 1 + pick(1000) : 0;
		break;
	case 11:
		sim.write_max = once_in(2) ? 1 + pick(5000) : 0;
		break;
	case 12:
		sim.drops_attempts = once_in(3);
		break;
	default:
		sim_deliver(&sim, pick(4) ? pick(50000) : SIZE_MAX);
		break;
	}
	sim_pump(&out, &sim, (1 + pick(1000)) * 4 * MS, once_in(5));
}

struct sums {
	uint64_t lost, crashed, repeated, torn;
};

static void add_stats(struct sums *sums, const struct sf_destination_stats *stats)
{
#define X(name, text) sums->lost += stats->lost_##name.records;
	SF_LOST_REASONS(X)
#undef X
	sums->repeated += stats->repeated.records;
	sums->torn += stats->torn_octets;
}

static void simulate_run(uint64_t number, struct sums *sums)
{
	struct sf_destination_stats stats;
	unsigned steps = 5 + pick(60);

	sim.spool.drop_newest = once_in(2);
	begin_run(number, 50 + pick(1000));
	if (once_in(3))
		disk.dies_in = 1 + pick(200);
	while (steps-- && !disk.dead)
		happen();
	if (disk.dead || once_in(3)) {
		sums->crashed += kill_run(&stats);
	} else {
		disk.dies_in = 0;
		stats = end_run();
	}
	add_stats(sums, &stats);
}

/* All is well again: everything that is left leaves. */
static void settle_down(uint64_t number, struct sums *sums)
{
	struct sf_destination_stats stats;

	disk.capacity = disk.write_max = disk.dies_in = 0;
	sim.write_max = 0;
	sim.buffer = 1 << 20;
	sim.listens = true;
	sim.drops_attempts = sim.acks_are_lost = sim.stands = false;
	begin_run(number, 1000);
	pump_and_deliver(200, true);
	ck_assert(!sf_destination_waits(out.destination));
	stats = end_run();
	ck_assert_uint_eq(stats.spooled.records, 0);
	add_stats(sums, &stats);
}

static void simulate(uint64_t seed)
{
	struct sums sums = { 0 };
	unsigned runs;

	state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	begin_sim(100000 + pick(2000000));
	sim.streams = once_in(3) ? 1 + pick(7) : 0;
	runs = 1 + pick(4);
	for (unsigned i = 1; i <= runs; i++)
		simulate_run(i, &sums);
	settle_down(runs + 1, &sums);
	sim_read_all(&sim);
	/* nothing is lost without a name, but what the memory of a killed process held */
	ck_assert_msg(out.put <= sim.distinct + sums.lost + sums.crashed,
		"put %u, arrived %u, lost %lu, killed with %lu", out.put, sim.distinct,
		(unsigned long)sums.lost, (unsigned long)sums.crashed);
	ck_assert_msg(sim.twice <= sums.repeated, "%u arrived twice, %lu counted", sim.twice,
		(unsigned long)sums.repeated);
	sim_fini(&sim);
}

/*
 * With sanitizers a seed takes several times as long: then as many seeds as fit into some seconds.
 * Check waits for a minute or longer.
 */
static time_t most_seconds(void)
{
	return SANITIZED ? 6 : getenv("CK_TIMEOUT_MULTIPLIER") ? 110 : 50;
}

START_TEST(simulation)
{
	const char *one = getenv("SPOOL_SEED"), *asked = getenv("SPOOL_SEEDS");
	uint64_t most = strtoull(asked ? asked : "10000", NULL, 10), seed = 1;
	time_t end = time(NULL) + most_seconds();

	if (one) {
		simulate(strtoull(one, NULL, 10));
		return;
	}
	for (; seed <= most && (asked || time(NULL) < end); seed++) {
		/* a failure ends the process: what stands in the file then is the seed */
		printf("\rseed %lu ", (unsigned long)seed);
		fflush(stdout);
		simulate(seed);
	}
	printf("\r%lu seeds\n", (unsigned long)seed - 1);
}
END_TEST

CHECK_MAIN("export_spool_random", simulation);
