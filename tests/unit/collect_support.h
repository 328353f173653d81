/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the collecting process share: literal messages in, copies of the records and
 * counters out.
 */
#ifndef TESTS_COLLECT_SUPPORT_H
#define TESTS_COLLECT_SUPPORT_H

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <spanflow/collect.h>
#include <spanflow/packet.h>

#include "base/wire.h"
#include "check_main.h"
#include "fact_values.h"

#define RECORDS 64

/* The message of RFC 7011 appendix A. */
#define A1_IPFIX                                                                                   \
	"000a0098 65000000 00000000 00000001 0002001c 01000005 00080004 000c0004"                  \
	"000f0004 00020004 00010004 01000040 c000020c c00002fe c0000201 00001391"                  \
	"00518c81 c000021b c0000217 c0000202 000002ec 0005ef46 c0000238 c0000241"                  \
	"c0000203 00000005 00001986 00030018 01020003 0001008d 00040029 0002002a"                  \
	"00020000 01020014 00000001 015927d9 00000002 02b24fb2"

/* What the callback saw: copies, because records are lent. */
struct seen {
	unsigned count;
	struct sf_collected record[RECORDS];
	struct full_annex annex[RECORDS]; /* of their flows */
	uint16_t id[RECORDS][32], length[RECORDS][32];
	uint32_t pen[RECORDS][32];
	uint8_t data[RECORDS][32][16];
	char *json[RECORDS];
};

static struct seen seen;
static struct sf_collector *collector;
static struct sf_collector_stats stats;
static struct sf_error error;
static unsigned stop_after; /* records; 0: never */

/* A record is lent: its facts too. */
static inline void keep_facts(
	struct sf_flow *flow, struct full_annex *full, const struct sf_annex *annex)
{
	full->layout = *annex->layout;
	sf_annex_copy(&full->annex, annex);
	full->annex.layout = &full->layout;
	flow->annex = &full->annex;
}

static inline void on_record(void *context, const struct sf_collected *record)
{
	struct seen *to = context;
	size_t size;
	FILE *stream;

	ck_assert_uint_lt(to->count, RECORDS);
	to->record[to->count] = *record;
	if (record->flow.annex)
		keep_facts(&to->record[to->count].flow, &to->annex[to->count], record->flow.annex);
	for (unsigned i = 0; i < record->field_count && i < 32; i++) {
		const struct sf_field_value *field = &record->fields[i];
		size_t length = field->length < 16 ? field->length : 16;

		to->id[to->count][i] = field->id;
		to->pen[to->count][i] = field->pen;
		to->length[to->count][i] = field->length;
		memcpy(to->data[to->count][i], field->data, length);
	}
	stream = open_memstream(&to->json[to->count], &size);
	ck_assert_int_eq(sf_collected_json(record, stream), 0);
	fclose(stream);
	to->count++;
	if (to->count == stop_after)
		sf_collector_stop(collector);
}

static inline void start(unsigned max_templates)
{
	struct sf_collector_options options = {
		.record = on_record,
		.context = &seen,
		.max_templates = max_templates,
	};

	memset(&seen, 0, sizeof(seen));
	ck_assert_int_eq(sf_collector_new(&collector, &options, &error), 0);
}

static inline void end(void)
{
	for (unsigned i = 0; i < seen.count; i++)
		free(seen.json[i]);
	sf_collector_free(collector);
}

/* Hex digits and blanks to octets on the heap, exactly as long, so that overruns are seen. */
static inline uint8_t *unhex(const char *text, size_t *length)
{
	uint8_t *bytes = malloc(strlen(text) / 2 + 1), *exact;
	unsigned digits = 0;

	for (; *text; text++) {
		unsigned digit;

		if (*text == ' ')
			continue;
		digit = *text <= '9' ? (unsigned)(*text - '0') : (unsigned)(*text - 'a' + 10);
		ck_assert_uint_lt(digit, 16);
		if (digits++ % 2 == 0)
			bytes[digits / 2] = (uint8_t)(digit << 4);
		else
			bytes[digits / 2 - 1] |= (uint8_t)digit;
	}
	*length = digits / 2;
	exact = malloc(*length ? *length : 1);
	memcpy(exact, bytes, *length);
	free(bytes);
	return exact;
}

static inline int feed_from(const char *exporter, const char *hex)
{
	size_t length;
	uint8_t *bytes = unhex(hex, &length);
	int result = sf_collector_message(collector, exporter, bytes, length, &error);

	free(bytes);
	sf_collector_stats(collector, &stats);
	return result;
}

static inline int feed(const char *hex)
{
	return feed_from("192.0.2.1:4000", hex);
}

/* The messages of feed_ipfix() come over a connection. */
static bool connected;
static uint16_t sctp_stream; /* with `connected` */

/* An IPFIX message of these sets: export time 0x65000000, domain 1. */
static inline int feed_ipfix(uint32_t sequence, const char *sets)
{
	size_t length, message = 16;
	uint8_t *body = unhex(sets, &length), *bytes = malloc(16 + length), *p = bytes;
	int result;

	message += length;
	p = sf_store_be16(p, 10);
	p = sf_store_be16(p, (uint16_t)message);
	p = sf_store_be32(p, 0x65000000);
	p = sf_store_be32(p, sequence);
	p = sf_store_be32(p, 1);
	memcpy(p, body, length);
	free(body);
	if (connected)
		result = sf_collector_stream_message(
			collector, "192.0.2.1:4000", sctp_stream, bytes, message, &error);
	else
		result = sf_collector_message(collector, "192.0.2.1:4000", bytes, message, &error);
	free(bytes);
	sf_collector_stats(collector, &stats);
	return result;
}

static inline uint32_t ip4(const struct sf_flow *flow, unsigned side)
{
	return sf_load_be32(flow->addr[side]);
}

/* Writes hex to a file of its own and reads it back as an IPFIX file. */
static inline int feed_file(const char *hex)
{
	char path[] = "/tmp/spanflow-collect-XXXXXX";
	size_t length;
	uint8_t *bytes = unhex(hex, &length);
	int fd = mkstemp(path), result;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
	close(fd);
	free(bytes);
	error.text[0] = '\0';
	result = sf_collector_file(collector, path, &error);
	unlink(path);
	sf_collector_stats(collector, &stats);
	return result;
}

#define FILE_TEMPLATE         "000a001c 65000000 00000000 00000001 0002000c 01000001 00010004"
#define FILE_DATA(seq, value) "000a0018 65000000 " seq " 00000001 01000008 " value

/* NetFlow v5, one record: time = header time - SysUptime + First */
#define V5(seq, uptime, first, last)                                                               \
	"00050001 " uptime " 65000000 1dcd6500 " seq " 02034064"                                   \
	"c0000201 c6336402 00000000 00070008 0000000a 00000bc7 " first " " last " 30390050"        \
	"001b0610 00000000 18200000"

/* Where all messages of feed() and feed_ipfix() come from, as their JSON ends. */
#define FROM                                                                                       \
	",\"exporterIPv4Address\":\"192.0.2.1\",\"observationDomainId\":1,"                        \
	"\"exportTime\":\"2023-09-12T06:06:56.000Z\"}\n"

#endif
