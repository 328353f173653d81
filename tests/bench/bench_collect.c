/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many records a second the collecting process decodes into flow records: full datagrams of
 * the fields that most exporters send, without output. The totals are checked before the rate is
 * printed.
 *
 *	bench_collect [messages, default 300000]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <spanflow/collect.h>

#include "base/clock.h"
#include "base/wire.h"

#define DATAGRAM 1472

static const uint16_t fields[][2] = {
	{ 8, 4 },
	{ 12, 4 },
	{ 7, 2 },
	{ 11, 2 },
	{ 4, 1 },
	{ 5, 1 },
	{ 6, 1 },
	{ 60, 1 },
	{ 1, 8 },
	{ 2, 8 },
	{ 152, 8 },
	{ 153, 8 },
	{ 10, 4 },
	{ 14, 4 },
	{ 61, 1 },
	{ 136, 1 },
	{ 58, 2 },
	{ 243, 2 },
	{ 245, 2 },
	{ 48, 1 },
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static uint64_t octets;

static void on_record(void *context, const struct sf_collected *record)
{
	(void)context;
	octets += record->flow.half[0].octets;
}

static uint8_t *header(uint8_t *p, size_t length, uint32_t sequence, uint16_t set)
{
	p = sf_store_be16(p, 10);
	p = sf_store_be16(p, (uint16_t)length);
	p = sf_store_be32(p, 1700000000);
	p = sf_store_be32(p, sequence);
	p = sf_store_be32(p, 1);
	p = sf_store_be16(p, set);
	return sf_store_be16(p, (uint16_t)(length - 16));
}

/* The template in a message; returns the length of its records. */
static size_t send_template(struct sf_collector *collector)
{
	uint8_t message[DATAGRAM], *p = header(message, 24 + 4 * FIELDS, 0, 2);
	size_t record = 0;

	p = sf_store_be16(p, 256);
	p = sf_store_be16(p, FIELDS);
	for (size_t i = 0; i < FIELDS; i++) {
		p = sf_store_be16(p, fields[i][0]);
		p = sf_store_be16(p, fields[i][1]);
		record += fields[i][1];
	}
	sf_collector_message(collector, "192.0.2.1:4739", message, (size_t)(p - message), NULL);
	return record;
}

int main(int argc, char **argv)
{
	const unsigned messages = argc > 1 ? (unsigned)atoi(argv[1]) : 300000;
	const struct sf_collector_options options = { .record = on_record };
	struct sf_collector *collector;
	struct sf_collector_stats stats;
	uint8_t message[DATAGRAM] = { 0 };
	size_t record, count, length;
	int64_t start, ns;

	if (sf_collector_new(&collector, &options, NULL))
		return EXIT_FAILURE;
	record = send_template(collector);
	count = (DATAGRAM - 20) / record;
	length = 20 + count * record;
	header(message, length, 0, 256);
	for (size_t i = 0; i < count; i++)
		sf_store_be64(message + 20 + i * record + 16, 1500); /* octetDeltaCount */
	start = sf_clock_read(CLOCK_MONOTONIC);
	for (uint32_t i = 0; i < messages; i++) {
		sf_store_be32(message + 8, i * (uint32_t)count);
		sf_collector_message(collector, "192.0.2.1:4739", message, length, NULL);
	}
	ns = sf_clock_read(CLOCK_MONOTONIC) - start;
	sf_collector_stats(collector, &stats);
	sf_collector_free(collector);
	if (stats.records != messages * count || octets != 1500 * stats.records ||
		stats.octets != octets || stats.sequence_gaps) {
		fprintf(stderr, "the totals are wrong: no rate\n");
		return EXIT_FAILURE;
	}
	printf("collect: %.2f M records/s (%zu records of %zu octets a datagram)\n",
		(double)stats.records * 1000 / (double)ns, count, record);
	return EXIT_SUCCESS;
}
