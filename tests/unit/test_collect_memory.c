/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that is not there: whichever allocation fails while a file is read, either all records
 * arrive or the caller learns of it. The linker puts the functions below in the place of calloc()
 * and malloc().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <spanflow/collect.h>
#include <spanflow/export.h>

#include "base/wire.h"
#include "check_main.h"

void *__real_calloc(size_t count, size_t size);
void *__real_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);

static unsigned allocations, failing; /* the allocation that fails; 0: none */
static bool failed;

static bool fails(void)
{
	failed |= ++allocations == failing;
	return allocations == failing;
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

enum { RECORDS = 4 };

struct sink {
	FILE *stream;
	struct sf_exporter *exporter;
	unsigned records;
	bool json_failed;
};

static void on_record(void *context, const struct sf_collected *record)
{
	struct sink *sink = context;

	sink->records++;
	if (sf_collected_json(record, sink->stream))
		sink->json_failed = true;
	sf_exporter_put_collected(sink->exporter, record);
}

/* A template with a long string, records of two domains, options. */
static void write_file(const char *path)
{
	FILE *file = fopen(path, "w");
	uint8_t bytes[2048], *p;

	for (unsigned i = 0; i < RECORDS; i++) {
		p = sf_store_be16(sf_store_be16(bytes, 10), 16 + 16 + 4 + 304);
		p = sf_store_be32(sf_store_be32(sf_store_be32(p, 0x65000000), i / 2), i % 2);
		p = sf_store_be32(sf_store_be32(p, 2 << 16 | 16), 256 << 16 | 2);
		p = sf_store_be32(sf_store_be32(p, 82 << 16 | 300), 1 << 16 | 4);
		p = sf_store_be32(p, 256 << 16 | (4 + 304));
		memset(p, 'a', 300);
		p = sf_store_be32(p + 300, 5);
		fwrite(bytes, 1, (size_t)(p - bytes), file);
	}
	fclose(file);
}

static int open_all(struct sink *sink, struct sf_collector **collector, struct sf_error *error)
{
	const struct sf_collector_options options = { .record = on_record, .context = sink };
	const struct sf_exporter_options exporter_options = { .collected = true };
	const struct sf_text_options text = { .stream = sink->stream, .format = SF_TEXT_CSV };
	int result = sf_exporter_new(&sink->exporter, &exporter_options, error);

	if (result == 0)
		result = sf_exporter_add_text(sink->exporter, &text, error);
	if (result == 0)
		result = sf_exporter_add_file(sink->exporter, "/dev/null", error);
	if (result == 0)
		result = sf_collector_new(collector, &options, error);
	return result;
}

/* Reads the file. True: the caller learnt that something is missing. */
static bool read_file(const char *path, unsigned *records)
{
	struct sink sink = { .stream = fopen("/dev/null", "w") };
	struct sf_collector *collector = NULL;
	struct sf_destination_stats stats;
	struct sf_error error = { 0 };
	bool told = true;
	int result;

	allocations = 0;
	failed = false;
	result = open_all(&sink, &collector, &error);
	if (result == 0) {
		result = sf_collector_file(collector, path, &error);
		sf_exporter_finish(sink.exporter);
		told = result || sink.json_failed;
		for (unsigned i = 0; sf_exporter_stats(sink.exporter, i, &stats); i++)
			told |= stats.sent.records != RECORDS || stats.incomplete;
	}
	if (result)
		ck_assert(error.text[0] != '\0');
	failing = 0;
	*records = sink.records;
	sf_collector_free(collector);
	sf_exporter_free(sink.exporter);
	fclose(sink.stream);
	return told;
}

START_TEST(test_any_allocation_may_fail)
{
	char path[] = "/tmp/spanflow-memory-XXXXXX";
	unsigned records;

	close(mkstemp(path));
	write_file(path);
	ck_assert(!read_file(path, &records));
	ck_assert_uint_eq(records, RECORDS);
	for (unsigned n = 1;; n++) {
		bool told;

		ck_assert_uint_lt(n, 1000);
		failing = n;
		told = read_file(path, &records);
		if (!failed)
			break;
		ck_assert_msg(told, "allocation %u failed, and nobody was told", n);
	}
	unlink(path);
}
END_TEST

CHECK_MAIN("collect_memory", test_any_allocation_may_fail)
