/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of NetFlow v5, v9 and IPFIX from one exporter, with templates that stay: the input is a
 * row of messages, each behind its length in two octets (host-independent, big-endian).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <spanflow/collect.h>

#include "base/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t packets, records;

static void on_record(void *context, const struct sf_collected *record)
{
	/* every octet of every value is read on the way to text */
	if (sf_collected_json(record, context))
		abort();
	for (unsigned half = 0; half < 2; half++)
		if (record->flow.half[half].start_ns > record->flow.half[half].end_ns)
			abort();
	if (!record->options)
		packets += sf_flow_packets(&record->flow);
	records++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *stream = fopen("/dev/null", "w");
	struct sf_collector_options options = { on_record, stream, 32 };
	struct sf_collector_stats stats;
	struct sf_collector *collector;
	struct sf_error error;

	packets = records = 0;
	if (!stream || sf_collector_new(&collector, &options, &error))
		abort();
	while (size >= 2) {
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
		sf_collector_message(collector, "fuzz", message, length, &error);
		free(message);
		data += length;
		size -= length;
	}
	sf_collector_stats(collector, &stats);
	if (stats.records != records || stats.packets != packets)
		abort();
	sf_collector_free(collector);
	fclose(stream);
	return 0;
}
