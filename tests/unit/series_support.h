/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of series of files share: a disk that fills up and a monotonic clock that jumps,
 * both by -Wl,--wrap; a directory; exporters into it, and what is read from its files.
 */
#ifndef TESTS_SERIES_SUPPORT_H
#define TESTS_SERIES_SUPPORT_H

#include <dirent.h>
#include <sys/stat.h>
#include <time.h>

#include <spanflow/collect.h>

#include "export_support.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOON         (INT64_C(1700000000) / 86400 * 86400 * S + 43200 * S)

/* ---------------------------------------------------------------- disk and clock of the tests */

static uint64_t room = UINT64_MAX; /* bytes that the disk takes before it is full */
static int64_t later_ns;           /* added to the monotonic clock */

ssize_t __real_write(int fd, const void *bytes, size_t length);
ssize_t __wrap_write(int fd, const void *bytes, size_t length);
int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);

ssize_t __wrap_write(int fd, const void *bytes, size_t length)
{
	ssize_t n;

	if (room == UINT64_MAX)
		return __real_write(fd, bytes, length);
	if (room == 0) {
		errno = ENOSPC;
		return -1;
	}
	n = __real_write(fd, bytes, length < room ? length : room);
	room -= n > 0 ? (uint64_t)n : 0;
	return n;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	int code = __real_clock_gettime(clock, time);

	if (clock == CLOCK_MONOTONIC)
		time->tv_sec += later_ns / S;
	return code;
}

/* ---------------------------------------------------------------- directories */

static char base[64];
static bool with_gaps; /* messages were lost on purpose */

static void remove_all(const char *path)
{
	DIR *list = opendir(path);
	struct dirent *entry;
	char name[PATH_MAX];

	while (list && (entry = readdir(list)) != NULL) {
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
			unlink(name) < 0)
			remove_all(name);
	}
	if (list)
		closedir(list);
	rmdir(path);
}

static inline void remove_base(void)
{
	remove_all(base);
}

/* Check runs each test in a process of its own. */
static inline const char *where(void)
{
	if (!base[0]) {
		snprintf(base, sizeof(base), "/tmp/spanflow-test-series-%d", getpid());
		atexit(remove_base);
	}
	return base;
}

static inline bool is_there(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", base, name);
	return access(path, F_OK) == 0;
}

static inline void add_up(void *context, const struct sf_collected *record)
{
	struct sf_destination_count *sum = context;

	if (record->options)
		return;
	sum->records++;
	sum->packets += record->flow.half[0].packets + record->flow.half[1].packets;
	sum->octets += record->flow.half[0].octets + record->flow.half[1].octets;
}

/* What is read from a file, with a session of its own. Returns the collector's result. */
static inline int read_one(const char *path, struct sf_destination_count *sum)
{
	const struct sf_collector_options options = { .record = add_up, .context = sum };
	struct sf_collector *collector;
	struct sf_collector_stats stats;
	int code;

	ck_assert_int_eq(sf_collector_new(&collector, &options, NULL), 0);
	code = sf_collector_file(collector, path, NULL);
	sf_collector_stats(collector, &stats);
	/* each file has its templates, and sequence numbers of its own */
	ck_assert_uint_eq(stats.missing_template, 0);
	ck_assert(with_gaps || stats.sequence_gaps == 0);
	sf_collector_free(collector);
	return code;
}

static inline struct sf_destination_count read_file_of(const char *name)
{
	struct sf_destination_count sum = { 0 };
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", base, name);
	ck_assert_msg(read_one(path, &sum) == 0, "%s", name);
	return sum;
}

/* All files below a directory; *damaged: number of files that are not whole. */
static unsigned read_below(const char *path, struct sf_destination_count *sum, unsigned *damaged)
{
	DIR *list = opendir(path);
	struct dirent *entry;
	char name[PATH_MAX];
	unsigned count = 0;

	while (list && (entry = readdir(list)) != NULL) {
		struct stat status;

		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		ck_assert_int_eq(stat(name, &status), 0);
		if (S_ISDIR(status.st_mode)) {
			count += read_below(name, sum, damaged);
			continue;
		}
		count++;
		*damaged += status.st_size && read_one(name, sum) != 0;
	}
	if (list)
		closedir(list);
	return count;
}

/* ---------------------------------------------------------------- exporters */

static inline struct sf_exporter *exporter_with(
	const struct sf_exporter_options *options, const char *rest)
{
	struct sf_exporter *exporter;
	struct sf_error error = { 0 };
	char url[256];

	snprintf(url, sizeof(url), "%s/%s", where(), rest);
	ck_assert_int_eq(sf_exporter_new(&exporter, options, &error), 0);
	ck_assert_msg(sf_exporter_add_file(exporter, url, &error) == 0, "%s", error.text);
	return exporter;
}

static inline void meter(struct sf_exporter *exporter, unsigned count, int64_t now)
{
	sf_exporter_tick(exporter, now, now);
	for (unsigned i = 0; i < count; i++) {
		struct sf_flow flow = i % 3 ? flow_ipv4(i) : flow_ipv6(i);

		flow.half[0].start_ns = now - S;
		flow.half[0].end_ns = now;
		ck_assert_uint_eq(sf_exporter_put(exporter, &flow, 1), 1);
	}
}

/* Finishes; the counters balance. */
static inline struct sf_destination_stats complete(struct sf_exporter *exporter)
{
	struct sf_destination_stats stats;

	sf_exporter_finish(exporter);
	ck_assert(sf_exporter_stats(exporter, 0, &stats));
	ck_assert(sf_destination_balanced(&stats));
	sf_exporter_free(exporter);
	return stats;
}

#endif
