/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that several collectors read together: what they have in sum is what one collector has. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/wire.h"
#include "check_main.h"
#include "collect/gather.h"

enum {
	PADDING = 192,
	RECORD = 8 + PADDING, /* a number first */
	RECORDS = 100,        /* of a message */
	MESSAGE = 20 + RECORDS * RECORD,
	MESSAGES = 500, /* of a file: more than all chunks of reading.c together */
	TEMPLATE = 32,
	SIZE = TEMPLATE + MESSAGES * MESSAGE,
	READERS_MAX = 3,
};

/* What a reader has, or all together. */
struct outcome {
	struct sf_collector_stats stats;
	uint64_t sum, squares; /* of the numbers in the records */
	char problems[1024];
	bool whole;
};

struct reader {
	pthread_t thread;
	struct sf_collector *collector;
	struct sf_reading *reading;
	unsigned number;
	uint64_t stop_after; /* records; 0: never */
	const char *const *names;
	unsigned count;
	struct outcome outcome;
};

static char directory[64];
static uint8_t *file; /* SIZE bytes */

static void begin(void)
{
	uint8_t *p = file = malloc(SIZE);
	uint64_t number = 0;

	snprintf(directory, sizeof(directory), "/tmp/spanflow-reading-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	p = sf_store_be32(p, 10 << 16 | TEMPLATE);
	p = sf_store_be32(sf_store_be64(p, UINT64_C(0x65000000) << 32), 1);
	p = sf_store_be64(p, UINT64_C(0x0002001001000002));
	p = sf_store_be32(p, 1 << 16 | 8);
	p = sf_store_be32(p, 210 << 16 | PADDING);
	for (unsigned i = 0; i < MESSAGES; i++) {
		p = sf_store_be32(p, 10 << 16 | MESSAGE);
		p = sf_store_be32(sf_store_be64(p, UINT64_C(0x65000000) << 32 | number), 1);
		p = sf_store_be32(p, 0x0100 << 16 | (MESSAGE - 16));
		for (unsigned record = 0; record < RECORDS; record++)
			p = (uint8_t *)memset(sf_store_be64(p, number++), 0, PADDING) + PADDING;
	}
	ck_assert_int_eq(p - file, SIZE);
}

static void end(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", directory);
	ck_assert_int_eq(system(command), 0);
	free(file);
}

/* The path of a file in the directory: of static memory, the same for the same name. */
static const char *path_of(const char *name)
{
	static char paths[8][128];
	char path[128];
	unsigned i = 0;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	while (paths[i][0] && strcmp(paths[i], path) != 0)
		ck_assert_uint_lt(++i, 8);
	return strcpy(paths[i], path);
}

static const char *write_file(const char *name, size_t size)
{
	const char *path = path_of(name);
	FILE *stream = fopen(path, "w");

	ck_assert_ptr_nonnull(stream);
	ck_assert_uint_eq(fwrite(file, 1, size, stream), size);
	ck_assert_int_eq(fclose(stream), 0);
	return path;
}

static void take(void *context, const struct sf_collected *record)
{
	struct reader *reader = context;
	struct sf_collector_stats stats;
	uint64_t number = sf_load_be64(record->fields[0].data);

	reader->outcome.sum += number;
	reader->outcome.squares += number * number;
	sf_collector_stats(reader->collector, &stats);
	if (stats.records == reader->stop_after)
		sf_collector_stop(reader->collector);
}

static void problem(void *context, const char *text)
{
	struct reader *reader = context;
	char *all = reader->outcome.problems;
	size_t length = strlen(all);

	snprintf(all + length, sizeof(reader->outcome.problems) - length, "%s\n", text);
}

static void *run(void *context)
{
	struct reader *reader = context;
	const struct sf_gather_options options = {
		.reading = reader->reading,
		.reader = reader->number,
		.problem = problem,
		.context = reader,
	};

	reader->outcome.whole =
		sf_gather(reader->collector, reader->names, reader->count, &options);
	sf_collector_stats(reader->collector, &reader->outcome.stats);
	return NULL;
}

static void open_reader(struct reader *reader)
{
	const struct sf_collector_options options = { .record = take, .context = reader };
	struct sf_error error;

	ck_assert_int_eq(sf_collector_new(&reader->collector, &options, &error), 0);
}

/* One collector, as without sf_reading_new(). */
static struct outcome read_alone(const char *const *names, unsigned count)
{
	struct reader reader = { .names = names, .count = count };

	open_reader(&reader);
	run(&reader);
	sf_collector_free(reader.collector);
	return reader.outcome;
}

static void start(struct reader *readers, unsigned count, struct sf_reading *reading,
	const char *const *names, unsigned name_count)
{
	for (unsigned i = 0; i < count; i++) {
		readers[i].reading = reading;
		readers[i].number = i;
		readers[i].names = names;
		readers[i].count = name_count;
		open_reader(&readers[i]);
		ck_assert_int_eq(pthread_create(&readers[i].thread, NULL, run, &readers[i]), 0);
	}
}

static void join(struct reader *readers, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		pthread_join(readers[i].thread, NULL);
		sf_collector_free(readers[i].collector);
	}
}

static struct sf_reading *reading_of(const char *const *names, unsigned count, unsigned readers)
{
	struct sf_reading *reading;
	struct sf_error error;

	ck_assert_int_eq(sf_reading_new(&reading, names, count, readers, &error), 0);
	return reading;
}

static void add_stats(struct sf_collector_stats *sum, const struct sf_collector_stats *stats)
{
	for (size_t i = 0; i < sizeof(*sum) / sizeof(uint64_t); i++)
		((uint64_t *)sum)[i] += ((const uint64_t *)stats)[i];
}

/* Several collectors have the same records in sum, and tell the problems that one alone tells. */
static void compare(const char *const *names, unsigned name_count)
{
	const struct outcome alone = read_alone(names, name_count);

	for (unsigned count = 2; count <= READERS_MAX; count++) {
		struct reader readers[READERS_MAX] = { 0 };
		struct sf_reading *reading = reading_of(names, name_count, count);
		struct outcome all = { 0 };

		start(readers, count, reading, names, name_count);
		join(readers, count);
		sf_reading_free(reading);
		for (unsigned i = 0; i < count; i++) {
			add_stats(&all.stats, &readers[i].outcome.stats);
			all.sum += readers[i].outcome.sum;
			all.squares += readers[i].outcome.squares;
		}
		ck_assert_mem_eq(&all.stats, &alone.stats, sizeof(all.stats));
		ck_assert_uint_eq(all.sum, alone.sum);
		ck_assert_uint_eq(all.squares, alone.squares);
		/* also damage in a message, which the collector finds that decodes it */
		ck_assert_str_eq(readers[0].outcome.problems, alone.problems);
		ck_assert(readers[0].outcome.whole == alone.whole);
	}
}

START_TEST(plain_files)
{
	const char *names[4];
	struct outcome alone;

	begin();
	names[0] = write_file("a", SIZE);
	names[1] = write_file("short", TEMPLATE + 7 * MESSAGE);
	names[2] = write_file("empty", 0);
	names[3] = write_file("templates", TEMPLATE);
	alone = read_alone(names, 4);
	ck_assert_uint_eq(alone.stats.records, (MESSAGES + 7) * RECORDS);
	ck_assert(alone.whole);
	compare(names, 4);
	compare(names, 1);
	end();
}
END_TEST

/* The same file twice is one file; what does not exist is told once. */
START_TEST(directories)
{
	const char *names[4] = { directory, directory, "/proc/nonexistent", "/proc/neither" };

	begin();
	write_file("a", SIZE);
	write_file("b", SIZE / 3 / MESSAGE * MESSAGE + TEMPLATE);
	memset(file, 'x', 100);
	write_file("foreign", 100);
	write_file(".c.partial", 100);
	ck_assert_int_eq(mkdir(path_of("below"), 0700), 0);
	write_file("below/foreign", 100);
	compare(names, 4);
	/* a user who names it hears that it is no such file */
	names[1] = path_of("foreign");
	compare(names, 2);
	end();
}
END_TEST

/* Wherever a chunk may end, and behind it. */
START_TEST(damage_between_messages)
{
	const char *names[2];

	begin();
	for (unsigned i = 1; i < MESSAGES; i += 17)
		memset(file + TEMPLATE + i * MESSAGE, 0xff, 4);
	names[0] = write_file("damaged", SIZE - 17);
	memset(file + SIZE / 3, 0, SIZE / 3);
	names[1] = write_file("hole", SIZE);
	compare(names, 2);
	ck_assert_uint_gt(read_alone(names, 2).stats.messages, MESSAGES);
	end();
}
END_TEST

START_TEST(damage_in_messages)
{
	const char *name;

	begin();
	/* a set that is longer than its message */
	for (unsigned i = 1; i < MESSAGES; i += 17)
		memset(file + TEMPLATE + i * MESSAGE + 18, 0xff, 2);
	name = write_file("damaged", SIZE);
	ck_assert_uint_gt(read_alone(&name, 1).stats.malformed, MESSAGES / 18);
	compare(&name, 1);
	end();
}
END_TEST

/* Also in a build without zlib or libzstd, and without the tools that make such files. */
START_TEST(compressed_files)
{
	static const char *const tools[] = { "gzip -1", "zstd -q -1", "xz -0" };
	char command[512];
	struct stat status;

	begin();
	for (unsigned i = 0; i < 3; i++) {
		const char *names[2] = { path_of("packed"), path_of("cut") };

		write_file("a", SIZE);
		snprintf(command, sizeof(command), "%s < %s/a > %s 2>/dev/null", tools[i],
			directory, names[0]);
		if (system(command) != 0)
			continue;
		ck_assert_int_eq(stat(names[0], &status), 0);
		snprintf(command, sizeof(command), "head -c %ld %s > %s",
			(long)status.st_size * 2 / 3, names[0], names[1]);
		ck_assert_int_eq(system(command), 0);
		compare(names, 2);
	}
	end();
}
END_TEST

/* The list is made once: what appears later is read by nobody, what disappears is told. */
START_TEST(files_that_come_and_go)
{
	const char *const name = directory, *gone;
	struct reader readers[2] = { 0 };
	char expected[256];
	struct sf_reading *reading;
	uint64_t records = 0;

	begin();
	write_file("a", TEMPLATE + 8 * MESSAGE);
	gone = write_file("gone", SIZE);
	reading = reading_of(&name, 1, 2);
	unlink(gone);
	write_file("new", SIZE);
	start(readers, 2, reading, &name, 1);
	join(readers, 2);
	sf_reading_free(reading);
	snprintf(expected, sizeof(expected), "%s: No such file or directory\n", gone);
	for (unsigned i = 0; i < 2; i++)
		records += readers[i].outcome.stats.records;
	ck_assert_uint_eq(records, 8 * RECORDS);
	ck_assert_str_eq(readers[0].outcome.problems, expected);
	ck_assert(!readers[0].outcome.whole);
	ck_assert_str_eq(readers[1].outcome.problems, "");
	end();
}
END_TEST

/* Nobody waits for a reader that has stopped, wherever it was: the others do the rest. */
START_TEST(a_reader_stops)
{
	static const uint64_t places[] = { 1, RECORDS, 50 * RECORDS + 1 };
	const char *names[2];

	begin();
	names[0] = write_file("a", SIZE);
	names[1] = write_file("b", SIZE);
	for (unsigned i = 0; i < 9; i++) {
		struct reader readers[3] = { 0 };
		struct sf_reading *reading = reading_of(names, 2, 3);
		uint64_t records = 0;

		readers[i % 3].stop_after = places[i / 3];
		start(readers, 3, reading, names, 2);
		join(readers, 3);
		sf_reading_free(reading);
		for (unsigned reader = 0; reader < 3; reader++)
			records += readers[reader].outcome.stats.records;
		ck_assert_uint_le(readers[i % 3].outcome.stats.records, places[i / 3]);
		/* what is missing is the rest of four messages that it had taken */
		ck_assert_uint_le(records, 2 * MESSAGES * RECORDS);
		ck_assert_uint_gt(records, 2 * MESSAGES * RECORDS - 4 * RECORDS);
	}
	end();
}
END_TEST

START_TEST(a_reader_never_begins)
{
	struct reader readers[2] = { 0 };
	struct sf_reading *reading;
	const char *name;

	begin();
	name = write_file("a", SIZE);
	reading = reading_of(&name, 1, 3);
	start(readers, 2, reading, &name, 1);
	/* they may have filled all chunks by now */
	usleep(20000);
	sf_reading_leave(reading, 2);
	sf_reading_leave(reading, 2);
	join(readers, 2);
	sf_reading_free(reading);
	/* nobody begins */
	sf_reading_free(reading_of(&name, 1, 3));
	end();
}
END_TEST

CHECK_MAIN("reading", plain_files, directories, damage_between_messages, damage_in_messages,
	compressed_files, files_that_come_and_go, a_reader_stops, a_reader_never_begins)
