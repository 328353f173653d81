/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of collected records: what goes in comes out, however many templates there are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <spanflow/collect.h>
#include <spanflow/export.h>

#include "base/wire.h"
#include "check_main.h"

static char path[] = "/tmp/spanflow-collected-XXXXXX";
static struct sf_exporter *exporter;
static struct sf_collector *collector;
static struct sf_error error;
static char *text; /* the records as JSON */
static size_t text_size;
static FILE *stream;
static uint32_t sequence;

static void on_record(void *context, const struct sf_collected *record)
{
	(void)context;
	ck_assert_int_eq(sf_collected_json(record, stream), 0);
	if (exporter)
		sf_exporter_put_collected(exporter, record);
}

static void start(void)
{
	const struct sf_collector_options options = { .record = on_record };
	const struct sf_exporter_options exporter_options = { .collected = true };

	strcpy(strstr(path, "-collected-") + 11, "XXXXXX");
	close(mkstemp(path));
	sequence = 0;
	stream = open_memstream(&text, &text_size);
	ck_assert_int_eq(sf_collector_new(&collector, &options, &error), 0);
	ck_assert_int_eq(sf_exporter_new(&exporter, &exporter_options, &error), 0);
	ck_assert_int_eq(sf_exporter_add_file(exporter, path, &error), 0);
}

/* Ends the file. */
static struct sf_destination_stats finish(void)
{
	struct sf_destination_stats stats;

	sf_exporter_finish(exporter);
	ck_assert(sf_exporter_stats(exporter, 0, &stats));
	ck_assert(sf_destination_balanced(&stats));
	sf_exporter_free(exporter);
	exporter = NULL;
	sf_collector_free(collector);
	return stats;
}

/* The file read back says the same as what was collected. */
static void check_file(void)
{
	const struct sf_collector_options options = { .record = on_record };
	struct sf_collector_stats stats;
	char *before;

	fclose(stream);
	before = text;
	stream = open_memstream(&text, &text_size);
	ck_assert_int_eq(sf_collector_new(&collector, &options, &error), 0);
	ck_assert_msg(sf_collector_file(collector, path, &error) == 0, "%s", error.text);
	sf_collector_stats(collector, &stats);
	sf_collector_free(collector);
	fclose(stream);
	ck_assert_uint_eq(stats.missing_template, 0);
	ck_assert_uint_eq(stats.sequence_gaps, 0);
	ck_assert(strcmp(text, before) == 0);
	free(before);
	free(text);
	unlink(path);
}

/* An IPFIX message of a template with these field specifiers, and one record. */
static void feed(uint32_t domain, const uint32_t *specifiers, unsigned count, const uint8_t *record,
	size_t length, uint32_t time)
{
	size_t size = 16 + 8 + 4 * count + 4 + length;
	uint8_t *bytes = malloc(size), *p = bytes;

	p = sf_store_be16(sf_store_be16(p, 10), (uint16_t)size);
	p = sf_store_be32(sf_store_be32(sf_store_be32(p, time), sequence++), domain);
	p = sf_store_be16(sf_store_be16(p, 2), (uint16_t)(8 + 4 * count));
	p = sf_store_be16(sf_store_be16(p, 256), (uint16_t)count);
	for (unsigned i = 0; i < count; i++)
		p = sf_store_be32(p, specifiers[i]);
	p = sf_store_be16(sf_store_be16(p, 256), (uint16_t)(4 + length));
	memcpy(p, record, length);
	ck_assert_msg(sf_collector_message(collector, "192.0.2.1:4000", bytes, size, &error) == 0,
		"%s", error.text);
	free(bytes);
}

/* Beyond the most templates all are withdrawn and defined anew: nothing is lost. */
/* [RFC7011-8.1-2] [RFC7011-8.2-4] [RFC5655-7.3.1-1] */
START_TEST(test_many_templates)
{
	enum { TEMPLATES = 20000 };
	static const uint8_t record[2] = { 7, 8 };
	struct sf_destination_stats stats;

	start();
	for (unsigned i = 0; i < TEMPLATES; i++) {
		const uint32_t specifiers[] = { (1 + i % 150) << 16 | 1, (1 + i / 150) << 16 | 1 };

		feed(1 + i % 3, specifiers, 2, record, sizeof(record), 0x65000000 + i / 1000);
	}
	/* the first one again */
	feed(1, (const uint32_t[]){ 1 << 16 | 1, 1 << 16 | 1 }, 2, record, sizeof(record),
		0x65000100);
	stats = finish();
	ck_assert_uint_eq(stats.sent.records, TEMPLATES + 1);
	ck_assert(!stats.incomplete);
	/* withdrawals go by the same sequence numbers */
	check_file();
}
END_TEST

/* Records of one second share a message; each message has the time of its records. */
START_TEST(test_messages)
{
	static const uint32_t specifiers[] = { 1 << 16 | 4 };
	static const uint8_t record[4] = { 0, 0, 0, 9 };
	struct sf_destination_stats stats;

	start();
	for (unsigned i = 0; i < 100; i++)
		feed(1, specifiers, 1, record, sizeof(record), 0x65000000 + i / 50);
	stats = finish();
	ck_assert_uint_eq(stats.messages, 2);
	/* two headers, a template of three fields, two data sets of records with their origin */
	ck_assert_uint_eq(stats.message_octets, 2 * 16 + 4 + 4 + 3 * 4 + 2 * 4 + 100 * 12);
	check_file();
}
END_TEST

/* A record that fills its message has no room for its origin. */
START_TEST(test_record_that_does_not_fit)
{
	static const uint32_t specifiers[] = { 82 << 16 | 65000, 1 << 16 | 4 };
	static const uint32_t larger[] = { 82 << 16 | 65480, 1 << 16 | 4 };
	static uint8_t record[65484];
	struct sf_destination_stats stats;

	start();
	feed(1, specifiers, 2, record, 65004, 0x65000000);
	feed(1, larger, 2, record, 65484, 0x65000000);
	feed(1, specifiers, 2, record, 65004, 0x65000001);
	stats = finish();
	ck_assert_uint_eq(stats.sent.records, 2);
	ck_assert_uint_eq(stats.lost_tooLarge.records, 1);
	ck_assert(stats.incomplete);
	fclose(stream);
	free(text);
	unlink(path);
}
END_TEST

/* Strings of variable length, short and long, and records of several lengths in one set */
START_TEST(test_variable_length)
{
	static const uint32_t specifiers[] = { 82 << 16 | 0xffff, 1 << 16 | 1 };
	uint8_t record[400] = { 0 };

	start();
	for (unsigned length = 0; length < 300; length += 23) {
		uint8_t *p = record;

		if (length < 255)
			p = sf_store_u8(p, (uint8_t)length);
		else
			p = sf_store_be16(sf_store_u8(p, 255), (uint16_t)length);
		memset(p, 'a', length);
		p[length] = 7;
		feed(1, specifiers, 2, record, (size_t)(p - record) + length + 1, 0x65000000);
	}
	finish();
	check_file();
}
END_TEST

CHECK_MAIN("export_collected", test_many_templates, test_messages, test_record_that_does_not_fit,
	test_variable_length)
