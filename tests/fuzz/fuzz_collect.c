/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of NetFlow v5, v9 and IPFIX from two exporters, with templates that stay: the input is a
 * row of messages, each behind its length in two octets (host-independent, big-endian). The records
 * become JSON, table, CSV and an IPFIX file; the file read back has as many packets and octets.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <spanflow/collect.h>
#include <spanflow/export.h>

#include "base/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t packets, octets, records;
static FILE *stream;
static struct sf_exporter *exporter;

static void on_record(void *context, const struct sf_collected *record)
{
	(void)context;
	/* every octet of every value is read on the way to text */
	if (sf_collected_json(record, stream))
		abort();
	for (unsigned half = 0; half < 2; half++)
		if (record->flow.half[half].start_ns > record->flow.half[half].end_ns)
			abort();
	if (!record->options && !record->flow.directions)
		abort();
	packets += sf_flow_packets(&record->flow);
	octets += sf_flow_octets(&record->flow);
	records++;
	if (exporter)
		sf_exporter_put_collected(exporter, record);
}

/* Table, CSV of biflows, and a file in memory; returns its descriptor. */
static int open_exporter(void)
{
	const struct sf_exporter_options options = { .collected = true };
	int fd = memfd_create("fuzz", 0);
	struct sf_error error;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || sf_exporter_new(&exporter, &options, &error) ||
		sf_exporter_add_file(exporter, path, &error) ||
		sf_exporter_add_text(exporter,
			&(struct sf_text_options){ .stream = stream, .format = SF_TEXT_TABLE },
			&error) ||
		sf_exporter_add_text(exporter,
			&(struct sf_text_options){
				.stream = stream, .format = SF_TEXT_CSV, .biflow = true },
			&error))
		abort();
	return fd;
}

static struct sf_collector *open_collector(void)
{
	const struct sf_collector_options options = { .record = on_record, .max_templates = 64 };
	struct sf_collector *collector;
	struct sf_error error;

	if (sf_collector_new(&collector, &options, &error))
		abort();
	return collector;
}

static void check_collector(struct sf_collector *collector)
{
	struct sf_collector_stats stats;

	sf_collector_stats(collector, &stats);
	if (stats.records != records || stats.packets != packets || stats.octets != octets)
		abort();
	sf_collector_free(collector);
}

static void feed(struct sf_collector *collector, const uint8_t *data, size_t size)
{
	struct sf_error error;

	for (unsigned i = 0; size >= 2; i++) {
		size_t length = sf_load_be16(data);
		uint8_t *message;

		data += 2;
		size -= 2;
		if (length > size)
			length = size;
		/* a message in memory of its own: a read past its end is seen */
		message = malloc(length ? length : 1);
		if (!message)
			abort();
		memcpy(message, data, length);
		sf_collector_message(collector, i % 4 == 3 ? "[2001:db8::1]:1" : "192.0.2.1:4000",
			message, length, &error);
		free(message);
		data += length;
		size -= length;
	}
}

/* The file has all records but those that did not fit into a message. */
static void check_file(int fd)
{
	struct sf_collector *collector;
	struct sf_destination_stats stats;
	struct sf_error error;
	char path[64];

	sf_exporter_finish(exporter);
	for (unsigned i = 0; sf_exporter_stats(exporter, i, &stats); i++)
		if (!sf_destination_balanced(&stats) || stats.offered.packets != packets ||
			stats.offered.octets != octets)
			abort();
	sf_exporter_stats(exporter, 0, &stats);
	sf_exporter_free(exporter);
	exporter = NULL;
	packets = octets = records = 0;
	collector = open_collector();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (sf_collector_file(collector, path, &error))
		abort();
	if (packets != stats.sent.packets || octets != stats.sent.octets)
		abort();
	check_collector(collector);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sf_collector *collector;
	int fd;

	stream = fopen("/dev/null", "w");
	if (!stream)
		abort();
	packets = octets = records = 0;
	fd = open_exporter();
	collector = open_collector();
	feed(collector, data, size);
	check_collector(collector);
	check_file(fd);
	fclose(stream);
	return 0;
}
