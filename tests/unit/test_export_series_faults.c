/* SPDX-License-Identifier: BSD-2-Clause */
/* Files with a time in their names: crashes and full disks, plain and compressed. */
#include <sys/wait.h>

#include "series_support.h"
#include "spanflow_config.h"

static const char *const suffixes[] = {
	"",
#ifdef HAVE_ZLIB
	".gz",
#endif
#ifdef HAVE_ZSTD
	".zst",
#endif
};

/* A process that dies leaves what was flushed: all whole messages of more than 5 seconds ago. */
static void crash(const char *suffix)
{
	struct sf_destination_count sum = { 0 };
	unsigned damaged = 0;
	char rest[64];
	pid_t pid;
	int status;

	where();
	pid = fork();
	snprintf(rest, sizeof(rest), "%%H.ipfix%s", suffix);
	if (pid == 0) {
		struct sf_exporter *exporter =
			exporter_with(&(struct sf_exporter_options){ 0 }, rest);

		meter(exporter, 5000, NOON);
		sf_exporter_tick(exporter, NOON + S, NOON);
		later_ns += 6 * S;
		sf_exporter_tick(exporter, NOON + 2 * S, NOON);
		meter(exporter, 50, NOON);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(read_below(base, &sum, &damaged), 1);
	ck_assert_uint_ge(sum.records, 5000);
	/* the end of a compressed file is missed, and said so */
	ck_assert_uint_eq(damaged, *suffix != 0);
	/* the next run leaves it alone */
	complete(exporter_with(&(struct sf_exporter_options){ 0 }, rest));
	sum = (struct sf_destination_count){ 0 };
	ck_assert_uint_eq(read_below(base, &sum, &damaged), 2);
	ck_assert_uint_ge(sum.records, 5000);
	remove_all(base);
}

START_TEST(crashed_files_can_be_read)
{
	for (unsigned i = 0; i < COUNT(suffixes); i++)
		crash(suffixes[i]);
}
END_TEST

static uint64_t draw(uint64_t *state, uint64_t below)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (*state >> 33) % below;
}

/*
 * A disk that is full now and then, in the middle of any write: what counts as sent can be read,
 * whatever happens; without compression exactly that. Files of intervals with room are whole.
 */
static void fill_disk(uint64_t seed, const char *suffix, bool queued)
{
	uint64_t state = seed;
	const bool plain = *suffix == 0;
	struct sf_destination_count sum = { 0 };
	struct sf_destination_stats stats;
	int64_t now = NOON;
	unsigned damaged = 0;
	struct sf_exporter *exporter;
	char rest[64];

	snprintf(rest, sizeof(rest), "%%H%%M.ipfix%s,rotate=1m,size=%u", suffix,
		(unsigned)(20000 + draw(&state, 100000)));
	exporter = exporter_with(&(struct sf_exporter_options){ .queued = queued }, rest);
	for (unsigned i = 0; i < 40; i++) {
		now += (int64_t)draw(&state, 20) * S;
		later_ns += (int64_t)draw(&state, 3) * S;
		if (draw(&state, 4) == 0)
			room = draw(&state, 3) ? draw(&state, 30000) : UINT64_MAX;
		meter(exporter, (unsigned)draw(&state, 400), now);
		for (unsigned k = 0; queued && k < 5; k++)
			sf_exporter_pump(exporter, later_ns + INT64_C(1000000000000000), false);
	}
	if (draw(&state, 2))
		room = UINT64_MAX;
	later_ns += 2 * S;
	for (unsigned k = 0; queued && k < 100; k++)
		sf_exporter_pump(exporter, later_ns + INT64_C(1000000000000000) + k * S, true);
	stats = complete(exporter);
	room = UINT64_MAX;
	read_below(base, &sum, &damaged);
	ck_assert_msg(
		plain ? sum.records == stats.sent.records && sum.packets == stats.sent.packets &&
				sum.octets == stats.sent.octets && damaged == 0
		      : sum.records >= stats.sent.records && sum.packets >= stats.sent.packets,
		"seed %llu%s: read %llu, sent %llu, %u damaged", (unsigned long long)seed, suffix,
		(unsigned long long)sum.records, (unsigned long long)stats.sent.records, damaged);
	ck_assert_uint_eq(stats.offered.records,
		stats.sent.records + stats.lost_write.records + stats.lost_queue.records);
	remove_all(base);
	later_ns = 0; /* Check measures time with the same clock */
}

START_TEST(full_disks_lose_only_what_is_counted)
{
	const char *seeds = getenv("SERIES_SEEDS");

	with_gaps = true;
	for (uint64_t seed = 1; seed <= (seeds ? strtoull(seeds, NULL, 10) : 8); seed++)
		for (unsigned i = 0; i < 2 * COUNT(suffixes); i++)
			fill_disk(seed, suffixes[i / 2], i % 2);
}
END_TEST

/* With a queue nothing is lost while the disk is full: records wait. */
START_TEST(full_disk_is_waited_for)
{
	struct sf_exporter *exporter =
		exporter_with(&(struct sf_exporter_options){ .queued = true }, "%H.ipfix");
	struct sf_destination_stats stats;

	meter(exporter, 100, NOON);
	sf_exporter_pump(exporter, S, false);
	room = 500;
	for (unsigned i = 1; i < 20; i++) {
		meter(exporter, 100, NOON + i * S);
		sf_exporter_pump(exporter, INT64_C(1000000000000000), false);
	}
	ck_assert(sf_exporter_stats(exporter, 0, &stats));
	ck_assert(stats.failing);
	ck_assert_ptr_nonnull(strstr(stats.news, "No space left on device; trying again"));
	room = UINT64_MAX;
	later_ns += 2 * S;
	for (unsigned k = 0; k < 100; k++)
		sf_exporter_pump(exporter, INT64_C(2000000000000000) + k * S, true);
	ck_assert(sf_exporter_stats(exporter, 0, &stats));
	ck_assert(!stats.failing);
	ck_assert_uint_eq(complete(exporter).sent.records, 2000);
	ck_assert_uint_eq(read_file_of("12.ipfix").records, 2000);
}
END_TEST

CHECK_MAIN("export_series_faults", crashed_files_can_be_read, full_disks_lose_only_what_is_counted,
	full_disk_is_waited_for);
