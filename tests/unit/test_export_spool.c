/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The spool, and a simulation of everything between a meter's records and a collector: exporter, spool and
 * transport run against a simulated network, disk, clock and collector, driven by a seed. A seed that fails
 * is printed; SPOOL_SEED=number replays it, SPOOL_SEEDS=count runs so many.
 */
#include <time.h>

#include "quick_asserts.h"

#include "simulated_collector.h"

#define FILES 512

/* ---------------------------------------------------------------- a disk in memory */

struct sim_file {
	uint64_t number; /* 0: none */
	uint8_t *bytes;
	size_t length;
};

static struct sim_disk {
	struct sf_disk disk; /* first */
	struct sim_file files[FILES];
	size_t capacity;    /* bytes of all files; then ENOSPC */
	unsigned write_max; /* bytes of one write; 0: any */
	unsigned dies_in;   /* operations until the machine dies; 0: never */
	bool dead;
} disk;

static bool sim_dies(void)
{
	if (disk.dies_in && --disk.dies_in == 0)
		disk.dead = true;
	return disk.dead;
}

static size_t disk_used(void)
{
	size_t sum = 0;

	for (unsigned i = 0; i < FILES; i++)
		sum += disk.files[i].length;
	return sum;
}

static uint64_t sim_disk_next(struct sf_disk *unused, uint64_t after)
{
	uint64_t next = 0;

	(void)unused;
	for (unsigned i = 0; i < FILES; i++)
		if (disk.files[i].number > after && (!next || disk.files[i].number < next))
			next = disk.files[i].number;
	return next;
}

static int sim_disk_file(struct sf_disk *unused, uint64_t number, bool create)
{
	int unused_slot = -1;

	(void)unused;
	if (sim_dies())
		return -EIO;
	for (int i = FILES - 1; i >= 0; i--) {
		if (disk.files[i].number == number)
			return i;
		if (disk.files[i].number == 0)
			unused_slot = i;
	}
	if (!create)
		return -ENOENT;
	ck_assert(unused_slot >= 0);
	disk.files[unused_slot].number = number;
	return unused_slot;
}

static ssize_t sim_disk_read(
	struct sf_disk *unused, int handle, void *to, size_t length, uint64_t offset)
{
	const struct sim_file *file = &disk.files[handle];

	(void)unused;
	if (disk.dead)
		return -EIO;
	if (offset >= file->length)
		return 0;
	if (length > file->length - offset)
		length = file->length - offset;
	memcpy(to, file->bytes + offset, length);
	return (ssize_t)length;
}

static ssize_t sim_disk_write(
	struct sf_disk *unused, int handle, const void *from, size_t length, uint64_t offset)
{
	struct sim_file *file = &disk.files[handle];

	(void)unused;
	if (disk.dead)
		return -EIO;
	if (disk.write_max && length > disk.write_max)
		length = disk.write_max;
	/* what was being written when the machine died is there in part */
	if (sim_dies())
		length /= 2;
	if (disk.capacity && offset + length > file->length && disk_used() + length > disk.capacity)
		return -ENOSPC;
	if (offset + length > file->length) {
		file->bytes = realloc(file->bytes, offset + length);
		memset(file->bytes + file->length, 0, offset + length - file->length);
		file->length = offset + length;
	}
	memcpy(file->bytes + offset, from, length);
	return disk.dead ? -EIO : (ssize_t)length;
}

static int sim_disk_truncate(struct sf_disk *unused, int handle, uint64_t length)
{
	(void)unused;
	if (sim_dies())
		return -EIO;
	if (length < disk.files[handle].length)
		disk.files[handle].length = length;
	return 0;
}

static void sim_disk_close(struct sf_disk *unused, int handle)
{
	(void)unused, (void)handle;
}

static int sim_disk_remove(struct sf_disk *unused, uint64_t number)
{
	(void)unused;
	if (sim_dies())
		return -EIO;
	for (unsigned i = 0; i < FILES; i++)
		if (disk.files[i].number == number) {
			free(disk.files[i].bytes);
			disk.files[i] = (struct sim_file){ 0 };
			return 0;
		}
	return -ENOENT;
}

static void sim_disk_free(struct sf_disk *unused)
{
	(void)unused;
}

static const struct sf_disk_ops disk_ops = {
	.next = sim_disk_next,
	.open = sim_disk_file,
	.read = sim_disk_read,
	.write = sim_disk_write,
	.truncate = sim_disk_truncate,
	.close = sim_disk_close,
	.remove = sim_disk_remove,
	.free = sim_disk_free,
};

static void disk_init(void)
{
	for (unsigned i = 0; i < FILES; i++)
		free(disk.files[i].bytes);
	memset(&disk, 0, sizeof(disk));
	disk.disk.ops = &disk_ops;
}

/* ---------------------------------------------------------------- runs */

static struct sim sim;
static struct sim_exporter out;

static void begin_sim(uint64_t spool_octets)
{
	disk_init();
	sim_init(&sim);
	sim.disk = &disk.disk;
	sim.spool = (struct sf_spool_options){ .octets = spool_octets };
	memset(&out, 0, sizeof(out));
}

/* A run; its records have the ids behind those of the run before. */
static void begin_run(uint64_t number, uint64_t queue_records)
{
	unsigned put = out.put;

	disk.dead = false;
	sim.spool.run = number;
	sim.profile = number % 2 ? SF_PROFILE_DEFAULT : SF_PROFILE_EXTENDED;
	sim_export(&out, &sim, S, queue_records, true);
	out.put = put;
}

static struct sf_destination_stats end_run(void)
{
	struct sf_destination *destination = out.destination;
	struct sf_destination_stats stats;

	sf_destination_drop(&out.queue, destination,
		destination->fails ? destination->lost_as : SF_FATE_LOST_stopped);
	destination->ops->finish(destination);
	stats = destination->stats;
	destination->ops->free(destination);
	sf_queue_free(&out.queue);
	ck_assert_msg(sf_destination_balanced(&stats),
		"offered %lu inherited %lu sent %lu spooled %lu",
		(unsigned long)stats.offered.records, (unsigned long)stats.inherited.records,
		(unsigned long)stats.sent.records, (unsigned long)stats.spooled.records);
	return stats;
}

/* The process is killed: what it had in memory is gone. Returns how many records that were, at most. */
static uint64_t kill_run(struct sf_destination_stats *stats)
{
	struct sf_destination *destination = out.destination;
	struct sf_destination_count waiting;

	*stats = destination->stats;
	sf_count_add(&stats->offered, &destination->queued);
	ck_assert(sf_destination_waiting(stats, &waiting));
	disk.dead = true;
	destination->ops->free(destination);
	sf_queue_free(&out.queue);
	disk.dead = false;
	disk.dies_in = 0;
	sim_cut(&sim);
	return waiting.records - stats->spooled.records;
}

static void pump_and_deliver(unsigned steps, bool ending)
{
	while (steps--) {
		sim_pump(&out, &sim, S, ending);
		sim_deliver(&sim, SIZE_MAX);
	}
}

/* Away at the end of a run: the next run delivers it, on a connection with the templates of the first. */
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

/* Killed while the spool is read: nothing that was in it is lost, and what may be there twice is counted. */
/* The template has its flow key, an options record, in the same message: sequence numbers count it in the next run, too. */
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

/* Every byte of a segment is damaged once: only what was damaged is lost, and nothing false is sent. */
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

/* ---------------------------------------------------------------- simulation */

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

static const char *number_of(const char *variable, const char *other)
{
	const char *value = getenv(variable);

	return value ? value : other;
}

/* As many seeds as fit into some seconds. */
START_TEST(simulation)
{
	uint64_t one = strtoull(number_of("SPOOL_SEED", "0"), NULL, 10);
	uint64_t most = strtoull(number_of("SPOOL_SEEDS", "0"), NULL, 10), seed = 1;
	time_t end = time(NULL) + 6;

	if (one) {
		simulate(one);
		return;
	}
	for (; most ? seed <= most : time(NULL) < end; seed++) {
		/* a failure ends the process: what stands in the file then is the seed */
		printf("\rseed %lu ", (unsigned long)seed);
		fflush(stdout);
		simulate(seed);
	}
	printf("\r%lu seeds\n", (unsigned long)seed - 1);
}
END_TEST

CHECK_MAIN("export_spool", what_is_left_goes_out_in_the_next_run, a_template_that_was_made_later,
	a_crash_loses_nothing_of_the_spool, a_full_spool_loses_by_name, a_full_disk_loses_by_name,
	damage_is_found, being_away_costs_no_wakeups, simulation)
