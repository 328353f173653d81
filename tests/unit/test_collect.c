/* SPDX-License-Identifier: BSD-2-Clause */
/* The collecting process: literal messages in, records and counters out. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <spanflow/collect.h>
#include <spanflow/packet.h>

#include "base/wire.h"
#include "check_main.h"

#define RECORDS 64

/* What the callback saw: copies, because records are lent. */
struct seen {
	unsigned count;
	struct sf_collected record[RECORDS];
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

static void on_record(void *context, const struct sf_collected *record)
{
	struct seen *to = context;
	size_t size;
	FILE *stream;

	ck_assert_uint_lt(to->count, RECORDS);
	to->record[to->count] = *record;
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

static void start(unsigned max_templates)
{
	struct sf_collector_options options = {
		.record = on_record,
		.context = &seen,
		.max_templates = max_templates,
	};

	memset(&seen, 0, sizeof(seen));
	ck_assert_int_eq(sf_collector_new(&collector, &options, &error), 0);
}

static void end(void)
{
	for (unsigned i = 0; i < seen.count; i++)
		free(seen.json[i]);
	sf_collector_free(collector);
}

/* Hex digits and blanks to octets on the heap, exactly as long, so that overruns are seen. */
static uint8_t *unhex(const char *text, size_t *length)
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

static int feed_from(const char *exporter, const char *hex)
{
	size_t length;
	uint8_t *bytes = unhex(hex, &length);
	int result = sf_collector_message(collector, exporter, bytes, length, &error);

	free(bytes);
	sf_collector_stats(collector, &stats);
	return result;
}

static int feed(const char *hex)
{
	return feed_from("192.0.2.1:4000", hex);
}

/* An IPFIX message of these sets: export time 0x65000000, domain 1. */
static int feed_ipfix(uint32_t sequence, const char *sets)
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
	result = sf_collector_message(collector, "192.0.2.1:4000", bytes, message, &error);
	free(bytes);
	sf_collector_stats(collector, &stats);
	return result;
}

static uint32_t ip4(const struct sf_flow *flow, unsigned side)
{
	return sf_load_be32(flow->addr[side]);
}

#define A1_IPFIX                                                                                   \
	"000a0098 65000000 00000000 00000001 0002001c 01000005 00080004 000c0004"                  \
	"000f0004 00020004 00010004 01000040 c000020c c00002fe c0000201 00001391"                  \
	"00518c81 c000021b c0000217 c0000202 000002ec 0005ef46 c0000238 c0000241"                  \
	"c0000203 00000005 00001986 00030018 01020003 0001008d 00040029 0002002a"                  \
	"00020000 01020014 00000001 015927d9 00000002 02b24fb2"

/* RFC 7011 appendix A: one template, three flows, one options template, two options records */
START_TEST(test_rfc7011_appendix_a)
{
	start(0);
	ck_assert_int_eq(feed(A1_IPFIX), 0);
	ck_assert_uint_eq(seen.count, 5);
	ck_assert_uint_eq(stats.messages, 1);
	ck_assert_uint_eq(stats.records, 5);
	ck_assert_uint_eq(stats.options_records, 2);
	ck_assert_uint_eq(stats.templates, 2);
	ck_assert_uint_eq(stats.packets, 5009 + 748 + 5);
	ck_assert_uint_eq(stats.octets, 5344385 + 388934 + 6534);
	ck_assert_uint_eq(stats.malformed, 0);
	ck_assert_uint_eq(seen.record[0].version, 10);
	ck_assert_uint_eq(seen.record[0].domain, 1);
	ck_assert_uint_eq(seen.record[0].template_id, 256);
	ck_assert_int_eq(seen.record[0].export_time_ns, 0x65000000 * SF_NS_PER_S);
	ck_assert_uint_eq(ip4(&seen.record[0].flow, 0), 0xc000020c);
	ck_assert_uint_eq(ip4(&seen.record[0].flow, 1), 0xc00002fe);
	ck_assert_uint_eq(seen.record[0].flow.ip_version, 4);
	ck_assert_uint_eq(seen.record[1].flow.half[0].octets, 388934);
	ck_assert_uint_eq(seen.record[1].flow.half[1].packets, 0);
	/* no time in the record: the export time */
	ck_assert_int_eq(seen.record[1].flow.half[0].end_ns, 0x65000000 * SF_NS_PER_S);
	ck_assert(seen.record[3].options);
	ck_assert_uint_eq(seen.record[3].scope_count, 1);
	ck_assert_uint_eq(seen.record[3].field_count, 3);
	ck_assert_uint_eq(seen.id[3][0], 141);
	ck_assert_uint_eq(seen.id[4][2], 42);
	ck_assert_uint_eq(sf_load_be16(seen.data[4][2]), 0x4fb2);
	ck_assert_str_eq(seen.json[2],
		"{\"sourceIPv4Address\":\"192.0.2.56\",\"destinationIPv4Address\":\"192.0.2.65\","
		"\"ipNextHopIPv4Address\":\"192.0.2.3\",\"packetDeltaCount\":5,"
		"\"octetDeltaCount\":6534}\n");
	end();
}
END_TEST

/* RFC 3954 §11 */
START_TEST(test_rfc3954_section_11)
{
	start(0);
	ck_assert_int_eq(
		feed("00090007 000f4240 65000000 00000000 00000001 0000001c 01000005 00080004"
		     "000c0004 000f0004 00020004 00010004 01000040 c6a8010c 0a050cfe c0a80101"
		     "00001391 00518c81 c0a8011b 0a050c17 c0a80101 000002ec 0005ef46 c0a80138"
		     "0a050c41 c0a80101 00000005 00001986 00010018 01010004 00080003 00020029"
		     "0002002a 00020000 01010010 00010159 27d90002 02b24fb2"),
		0);
	ck_assert_uint_eq(seen.count, 5);
	ck_assert_uint_eq(stats.options_records, 2);
	ck_assert_uint_eq(stats.octets, 5344385 + 388934 + 6534);
	ck_assert_uint_eq(seen.record[0].version, 9);
	ck_assert_uint_eq(ip4(&seen.record[2].flow, 1), 0x0a050c41);
	/* scope type 3, Line Card, is lineCardId 141; 2 octets */
	ck_assert(seen.record[3].options);
	ck_assert_uint_eq(seen.record[3].scope_count, 1);
	ck_assert_uint_eq(seen.id[3][0], 141);
	ck_assert_uint_eq(seen.length[3][0], 2);
	end();
}
END_TEST

/* PROTOCOLS §2: header 24, record 48; time = header time - SysUptime + First */
#define V5(seq, uptime, first, last)                                                               \
	"00050001 " uptime " 65000000 1dcd6500 " seq " 02034064"                                   \
	"c0000201 c6336402 00000000 00070008 0000000a 00000bc7 " first " " last " 30390050"        \
	"001b0610 00000000 18200000"

START_TEST(test_netflow5_record)
{
	struct sf_flow *flow = &seen.record[0].flow;

	start(0);
	/* uptime 100 s, first 40 s, last 99.5 s; the header's clock is at .5 s */
	ck_assert_int_eq(feed(V5("00000000", "000186a0", "00009c40", "000184ac")), 0);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_uint_eq(seen.record[0].domain, 0x0203);
	ck_assert_uint_eq(seen.record[0].field_count, 18);
	ck_assert_uint_eq(ip4(flow, 0), 0xc0000201);
	ck_assert_uint_eq(ip4(flow, 1), 0xc6336402);
	ck_assert_uint_eq(flow->half[0].ingress, 7);
	ck_assert_uint_eq(flow->half[0].packets, 10);
	ck_assert_uint_eq(flow->half[0].octets, 3015);
	ck_assert_uint_eq(flow->port[0], 12345);
	ck_assert_uint_eq(flow->port[1], 80);
	ck_assert_uint_eq(flow->half[0].tcp_flags, 0x1b);
	ck_assert_uint_eq(flow->protocol, 6);
	ck_assert_uint_eq(flow->half[0].tos, 0x10);
	ck_assert_int_eq(
		flow->half[0].start_ns, 0x65000000 * SF_NS_PER_S + 500000000 - 60 * SF_NS_PER_S);
	ck_assert_int_eq(flow->half[0].end_ns, 0x65000000 * SF_NS_PER_S);
	/* the callback sees flowStartMilliseconds in place of an uptime */
	ck_assert_uint_eq(seen.id[0][7], 152);
	ck_assert_uint_eq(seen.length[0][7], 8);
	ck_assert_uint_eq(sf_load_be64(seen.data[0][7]), 0x65000000 * UINT64_C(1000) + 500 - 60000);
	ck_assert_ptr_nonnull(strstr(seen.json[0], "\"flowEndMilliseconds\":\"2023-09-12T"));
	end();
}
END_TEST

/* SysUptime wraps after 49.7 days: First before the wrap, Last and the header after it */
START_TEST(test_netflow5_uptime_wrap)
{
	start(0);
	ck_assert_int_eq(feed(V5("00000000", "00000064", "ffffff9c", "00000032")), 0);
	ck_assert_int_eq(seen.record[0].flow.half[0].start_ns,
		0x65000000 * SF_NS_PER_S + 500000000 - 200 * INT64_C(1000000));
	ck_assert_int_eq(seen.record[0].flow.half[0].end_ns,
		0x65000000 * SF_NS_PER_S + 500000000 - 50 * INT64_C(1000000));
	/* Last a little after the header's uptime is the future, not 49.7 days ago */
	ck_assert_int_eq(feed(V5("00000001", "000186a0", "00009c40", "00018894")), 0);
	ck_assert_int_eq(seen.record[1].flow.half[0].end_ns,
		0x65000000 * SF_NS_PER_S + 500000000 + 500 * INT64_C(1000000));
	end();
}
END_TEST

/* the count of the header and the length of the datagram must agree */
START_TEST(test_netflow5_count)
{
	start(0);
	ck_assert_int_eq(feed("00050002" /* two announced, one there */
			      "000186a0 65000000 1dcd6500 00000000 02034064"
			      "c0000201 c6336402 00000000 00070008 0000000a 00000bc7 00009c40"
			      "000184ac 30390050 001b0610 00000000 18200000"),
		SF_ECORRUPT);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_uint_eq(stats.malformed, 1);
	ck_assert_ptr_nonnull(strstr(error.text, "octet 2:"));
	ck_assert_int_eq(
		feed("00050000 000186a0 65000000 1dcd6500 00000000 02034064"), SF_ECORRUPT);
	ck_assert_int_eq(feed("00050001 000186a0"), SF_ECORRUPT);
	ck_assert_uint_eq(stats.malformed, 3);
	end();
}
END_TEST

/* ICMP in v5: destination port = type * 256 + code */
START_TEST(test_netflow5_icmp)
{
	start(0);
	ck_assert_int_eq(feed("00050001 000186a0 65000000 1dcd6500 00000000 02034064"
			      "c0000201 c6336402 00000000 00070008 0000000a 00000bc7 00009c40"
			      "000184ac 00000800 00000110 00000000 18200000"),
		0);
	ck_assert_uint_eq(seen.record[0].flow.port[0], 0x0800);
	ck_assert_uint_eq(seen.record[0].flow.port[1], 0x0000);
	end();
}
END_TEST

/* v9 has whole seconds in its header; 22/21 are 4 octets of SysUptime */
START_TEST(test_netflow9_uptime)
{
	start(0);
	ck_assert_int_eq(feed("00090002 000f4240 65000000 00000000 00000001"
			      "00000010 01000002 00160004 00150004"
			      "0100000c 000f3e58 000f4240"),
		0);
	ck_assert_int_eq(seen.record[0].flow.half[0].start_ns,
		0x65000000 * SF_NS_PER_S - 1000 * INT64_C(1000000));
	ck_assert_int_eq(seen.record[0].flow.half[0].end_ns, 0x65000000 * SF_NS_PER_S);
	ck_assert_uint_eq(seen.id[0][0], 152);
	ck_assert_uint_eq(seen.id[0][1], 153);
	end();
}
END_TEST

/* v9 has no enterprise bit: a type with the high bit set is a number, no PEN follows */
START_TEST(test_netflow9_high_types)
{
	start(0);
	ck_assert_int_eq(feed("00090002 000f4240 65000000 00000000 00000001"
			      "00000010 01000002 80010004 00010004"
			      "0100000c deadbeef 00000007"),
		0);
	ck_assert_uint_eq(seen.id[0][0], 0x8001);
	ck_assert_uint_eq(seen.pen[0][0], 0);
	ck_assert_uint_eq(seen.record[0].flow.half[0].octets, 7);
	ck_assert_str_eq(seen.json[0], "{\"ie32769\":\"deadbeef\",\"octetDeltaCount\":7}\n");
	end();
}
END_TEST

/* PROTOCOLS §3: sequence of v9 counts packets, per source id */
START_TEST(test_netflow9_sequence)
{
	static const char *const at[] = { "00000007", "00000008", "0000000b" };
	char text[128];

	start(0);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(text, sizeof(text),
			"00090001 000f4240 65000000 %s 00000001 0000000c 01000001 00010004", at[i]);
		ck_assert_int_eq(feed(text), 0);
		ck_assert_uint_eq(stats.sequence_gaps, i == 2);
	}
	ck_assert_uint_eq(stats.sequence_lost, 2);
	/* another source id has its own sequence, and its own templates */
	ck_assert_int_eq(feed("00090001 000f4240 65000000 00000063 00000002 01000008 00000001"), 0);
	ck_assert_uint_eq(stats.sequence_gaps, 1);
	ck_assert_uint_eq(stats.missing_template, 1);
	ck_assert_uint_eq(seen.count, 0);
	end();
}
END_TEST

/* RFC 7011 §3.1: IPFIX counts data records, options data included, modulo 2^32 */
START_TEST(test_ipfix_sequence)
{
	start(0);
	ck_assert_int_eq(feed(A1_IPFIX), 0);
	ck_assert_int_eq(feed_ipfix(5, "01000018 c000020c c00002fe c0000201 00001391 00518c81"), 0);
	ck_assert_uint_eq(stats.sequence_gaps, 0);
	ck_assert_int_eq(
		feed_ipfix(10, "01000018 c000020c c00002fe c0000201 00001391 00518c81"), 0);
	ck_assert_uint_eq(stats.sequence_gaps, 1);
	ck_assert_uint_eq(stats.sequence_lost, 4);
	/* late: what was thought lost came after all */
	ck_assert_int_eq(feed_ipfix(8, "01000018 c000020c c00002fe c0000201 00001391 00518c81"), 0);
	ck_assert_uint_eq(stats.sequence_gaps, 2);
	ck_assert_uint_eq(stats.sequence_lost, 3);
	ck_assert_int_eq(
		feed_ipfix(11, "01000018 c000020c c00002fe c0000201 00001391 00518c81"), 0);
	ck_assert_uint_eq(stats.sequence_gaps, 2);
	/* a message with a set nobody can count: no claim about the next one */
	ck_assert_int_eq(feed_ipfix(12, "01ff0008 00000000"), 0);
	ck_assert_uint_eq(stats.missing_template, 1);
	ck_assert_int_eq(
		feed_ipfix(99, "01000018 c000020c c00002fe c0000201 00001391 00518c81"), 0);
	ck_assert_uint_eq(stats.sequence_gaps, 2);
	end();
}
END_TEST

/* the exporter restarts: one gap, then its new sequence is the one to follow */
START_TEST(test_sequence_restart)
{
	start(0);
	ck_assert_int_eq(feed(V5("00001000", "000186a0", "00009c40", "000184ac")), 0);
	ck_assert_int_eq(feed(V5("00000000", "000186a0", "00009c40", "000184ac")), 0);
	ck_assert_int_eq(feed(V5("00000001", "000186a0", "00009c40", "000184ac")), 0);
	ck_assert_int_eq(feed(V5("00000002", "000186a0", "00009c40", "000184ac")), 0);
	ck_assert_uint_eq(stats.sequence_gaps, 1);
	ck_assert_uint_eq(stats.sequence_lost, 0);
	/* modulo 2^32 */
	ck_assert_int_eq(feed_from("a", V5("ffffffff", "000186a0", "00009c40", "000184ac")), 0);
	ck_assert_int_eq(feed_from("a", V5("00000000", "000186a0", "00009c40", "000184ac")), 0);
	ck_assert_uint_eq(stats.sequence_gaps, 1);
	end();
}
END_TEST

/* RFC 7011 §7: both forms of the length, a zero length, and fields before and after */
START_TEST(test_variable_length)
{
	start(0);
	ck_assert_int_eq(feed_ipfix(0, "00020014 01000003 00070002 0052ffff 00010004"
				       "01000022 1234 03 616263 00000005"
				       "1235 ff0003 646566 00000006 1236 00 00000007 00"),
		0);
	ck_assert_uint_eq(seen.count, 3);
	ck_assert_uint_eq(seen.length[0][1], 3);
	ck_assert_mem_eq(seen.data[1][1], "def", 3);
	ck_assert_uint_eq(seen.length[2][1], 0);
	ck_assert_uint_eq(seen.record[2].flow.half[0].octets, 7);
	ck_assert_uint_eq(seen.record[2].flow.port[0], 0x1236);
	ck_assert_str_eq(seen.json[0],
		"{\"sourceTransportPort\":4660,\"interfaceName\":\"abc\",\"octetDeltaCount\":5}\n");
	/* RFC 5471 §3.6.5: a length that leaves the set */
	ck_assert_int_eq(feed_ipfix(3, "0100000c 1234 63 616263 0000"), SF_ECORRUPT);
	ck_assert_uint_eq(seen.count, 3);
	ck_assert_uint_eq(stats.malformed, 1);
	ck_assert_ptr_nonnull(strstr(error.text, "octet 20: field 2"));
	end();
}
END_TEST

/* RFC 7011 §3.2, RFC 5103: enterprise bit, reverse elements, reduced sizes (§6.2) */
START_TEST(test_biflow)
{
	struct sf_flow *flow = &seen.record[0].flow;

	start(0);
	ck_assert_int_eq(
		feed_ipfix(0, "0002004c 0100000d 00080004 000c0004 00070002 000b0002 00040001"
			      "00010003 00020001 80010005 00007279 80020002 00007279"
			      "00980008 00990008 80980008 00007279 80990008 00007279"
			      "0100003c c0000201 c0000202 3039 0050 06 000bc7 0a 0100000001 000c"
			      "000000000000 03e8 000000000000 07d0"
			      "000000000000 044c 000000000000 0708"),
		0);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_uint_eq(flow->half[0].octets, 3015);
	ck_assert_uint_eq(flow->half[0].packets, 10);
	ck_assert_uint_eq(flow->half[1].octets, UINT64_C(0x100000001));
	ck_assert_uint_eq(flow->half[1].packets, 12);
	ck_assert_int_eq(flow->half[0].start_ns, SF_NS_PER_S);
	ck_assert_int_eq(flow->half[0].end_ns, 2 * SF_NS_PER_S);
	ck_assert_int_eq(flow->half[1].start_ns, 1100 * INT64_C(1000000));
	ck_assert_int_eq(flow->half[1].end_ns, 1800 * INT64_C(1000000));
	ck_assert_uint_eq(stats.packets, 22);
	ck_assert_ptr_nonnull(strstr(seen.json[0], "\"reverseOctetDeltaCount\":4294967297,"));
	end();
}
END_TEST

/* Each way of saying a time; the best one in a record wins. */
START_TEST(test_times)
{
	start(0);
	/* 150, 151 seconds */
	ck_assert_int_eq(
		feed_ipfix(0, "00020010 01000002 00960004 00970004 0100000c 00000005 00000006"), 0);
	ck_assert_int_eq(seen.record[0].flow.half[0].start_ns, 5 * SF_NS_PER_S);
	ck_assert_int_eq(seen.record[0].flow.half[0].end_ns, 6 * SF_NS_PER_S);
	/* 154 microseconds, RFC 7011 §6.1.9: 1600000000.123456 as PROTOCOLS §27 has it; 155 with */
	/* its fraction rounded down */
	ck_assert_int_eq(feed_ipfix(1, "00020010 01000002 009a0008 009b0008"
				       "01000014 e3088e80 1f9ad000 e3088e80 1f9ac800"),
		0);
	ck_assert_int_eq(seen.record[1].flow.half[0].start_ns, INT64_C(1600000000123456000));
	ck_assert_int_eq(seen.record[1].flow.half[0].end_ns, INT64_C(1600000000123456000));
	/* 156, 157 nanoseconds; era 1 begins in 2036 */
	ck_assert_int_eq(feed_ipfix(2, "00020010 01000002 009c0008 009d0008"
				       "01000014 e3088e80 1f9acffa 00000000 00000000"),
		0);
	ck_assert_int_eq(seen.record[2].flow.half[0].start_ns, INT64_C(1600000000123456000));
	ck_assert_int_eq(seen.record[2].flow.half[0].end_ns, INT64_C(2085978496000000000));
	/* 158, 159: microseconds before the export time; the callback sees 154, 155 */
	ck_assert_int_eq(
		feed_ipfix(3, "00020010 01000002 009e0004 009f0004 0100000c 000f4240 00000001"), 0);
	ck_assert_int_eq(seen.record[3].flow.half[0].start_ns, 0x64ffffff * SF_NS_PER_S);
	ck_assert_int_eq(seen.record[3].flow.half[0].end_ns, 0x65000000 * SF_NS_PER_S - 1000);
	ck_assert_uint_eq(seen.id[3][0], 154);
	ck_assert_ptr_nonnull(strstr(seen.json[3], ".999999Z"));
	/* 22, 21 without 160: as they are, and no time */
	ck_assert_int_eq(
		feed_ipfix(4, "00020010 01000002 00160004 00150004 0100000c 000003e8 000007d0"), 0);
	ck_assert_int_eq(seen.record[4].flow.half[0].start_ns, 0x65000000 * SF_NS_PER_S);
	ck_assert_uint_eq(seen.id[4][0], 22);
	ck_assert_uint_eq(seen.length[4][0], 4);
	/* with 160 in options data they are known from then on, in this message and the next */
	ck_assert_int_eq(feed_ipfix(5, "00030012 01010002 0001 00950004 00a00008"
				       "01010010 00000001 0000018a 8814c0f0"
				       "0100000c 000003e8 000007d0"),
		0);
	ck_assert_uint_eq(seen.count, 7);
	ck_assert_int_eq(seen.record[6].flow.half[0].start_ns,
		INT64_C(0x18a8814c0f0) * 1000000 + SF_NS_PER_S);
	ck_assert_int_eq(seen.record[6].flow.half[0].end_ns,
		INT64_C(0x18a8814c0f0) * 1000000 + 2 * SF_NS_PER_S);
	ck_assert_uint_eq(seen.id[6][0], 152);
	ck_assert_int_eq(feed_ipfix(7, "0100000c 000003e8 000007d0"), 0);
	ck_assert_int_eq(seen.record[7].flow.half[0].start_ns,
		INT64_C(0x18a8814c0f0) * 1000000 + SF_NS_PER_S);
	ck_assert_uint_eq(seen.id[7][0], 152);
	/* both 150 and 152: the finer one */
	ck_assert_int_eq(feed_ipfix(8, "00020010 01000002 00960004 00980008 01000010 00000005"
				       "00000000 000013ec"),
		0);
	ck_assert_int_eq(seen.record[8].flow.half[0].start_ns, 5100 * INT64_C(1000000));
	/* no end: the end is the start */
	ck_assert_int_eq(seen.record[8].flow.half[0].end_ns, 5100 * INT64_C(1000000));
	end();
}
END_TEST

/* Members filled from their element, whatever else may say the same */
START_TEST(test_members)
{
	struct sf_flow *flow = &seen.record[0].flow;

	start(0);
	ck_assert_int_eq(
		feed_ipfix(0,
			"00020074 0100001b 001b0010 001c0010 00040001 00060002 00340001 00350001"
			"001f0003 00380006 00500006 00460003 00880001 00940008 003a0002 00f30002"
			"00f50002 00050001 000a0004 00c50001 00580002 00550008 00560008 008b0002"
			"003c0001 00070002 000b0002 00d20003 00010004 01000070"
			"20010db8 00000000 00000000 00000001 20010db8 00000000 00000000 00000002"
			"3a 0112 3f 40 0abcde 020000000001 020000000002 012345 03"
			"001fffff ffffffff 0007 0008 0009 b8 00011170 20 0000"
			"00000000 00000063 00000000 00000002 8000 06 0000 8000 000000 00000064"),
		0);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_uint_eq(flow->ip_version, 6);
	ck_assert_uint_eq(flow->addr[1][15], 2);
	ck_assert_uint_eq(flow->half[0].tcp_flags, 0x112);
	ck_assert_uint_eq(flow->half[0].ttl_min, 0x3f);
	ck_assert_uint_eq(flow->half[0].ttl_max, 0x40);
	ck_assert_uint_eq(flow->half[0].flow_label, 0xabcde);
	ck_assert_uint_eq(flow->half[0].src_mac[5], 1);
	ck_assert_uint_eq(flow->half[0].dst_mac[5], 2);
	ck_assert_uint_eq(flow->half[0].mpls, 0x12345);
	ck_assert_uint_eq(flow->end_reason, 3);
	ck_assert_uint_eq(flow->id, UINT64_C(0x1fffffffffffff));
	/* 243 before 58 */
	ck_assert_uint_eq(flow->vlan, 8);
	ck_assert_uint_eq(flow->cvlan, 9);
	ck_assert_uint_eq(flow->half[0].tos, 0xb8);
	ck_assert_uint_eq(flow->half[0].ingress, 70000);
	/* 1 before 85; 86 where 2 is absent */
	ck_assert_uint_eq(flow->half[0].octets, 100);
	ck_assert_uint_eq(flow->half[0].packets, 2);
	ck_assert_uint_eq(flow->port[0], 0x8000);
	ck_assert_uint_eq(flow->port[1], 0x8100);
	ck_assert_uint_eq(flow->has, SF_HAS_MAC | SF_HAS_MPLS | SF_HAS_VLAN | SF_HAS_CVLAN |
					     SF_HAS_FLOW_LABEL | SF_HAS_FRAGMENTS);
	/* padding is no value */
	ck_assert_ptr_null(strstr(seen.json[0], "padding"));
	end();
}
END_TEST

/* ipTTL is both ends of the range: one field, two steps */
START_TEST(test_one_ttl)
{
	start(0);
	ck_assert_int_eq(feed_ipfix(0, "0002000c 01000001 00c00001 01000005 40"), 0);
	ck_assert_uint_eq(seen.record[0].flow.half[0].ttl_min, 0x40);
	ck_assert_uint_eq(seen.record[0].flow.half[0].ttl_max, 0x40);
	end();
}
END_TEST

/* Every spelling of type and code */
START_TEST(test_icmp)
{
	start(0);
	/* 176, 177 */
	ck_assert_int_eq(
		feed_ipfix(0, "00020014 01000003 00040001 00b00001 00b10001 01000007 01 03 01"), 0);
	ck_assert_uint_eq(seen.record[0].flow.port[0], 0x0301);
	ck_assert_uint_eq(seen.record[0].flow.port[1], 0x0301);
	/* v9 says 32 for ICMPv6 as well */
	ck_assert_int_eq(feed("00090002 000f4240 65000000 00000000 00000001"
			      "00000014 01000003 003c0001 00040001 00200002 01000008 06 3a 8700"),
		0);
	ck_assert_uint_eq(seen.record[1].flow.port[0], 0x8700);
	ck_assert_uint_eq(seen.record[1].flow.port[1], 0x8800);
	/* 32 wins over the ports; and TCP is left alone */
	ck_assert_int_eq(feed_ipfix(1, "00020018 01000004 00040001 00070002 000b0002 00200002"
				       "01000012 01 0001 0000 0800 06 0001 0002 0000"),
		0);
	ck_assert_uint_eq(seen.record[2].flow.port[0], 0x0800);
	ck_assert_uint_eq(seen.record[3].flow.port[0], 1);
	ck_assert_uint_eq(seen.record[3].flow.port[1], 2);
	end();
}
END_TEST

/* Both address families in one template: the one that is not zero */
START_TEST(test_combined_addresses)
{
	start(0);
	ck_assert_int_eq(
		feed_ipfix(0,
			"00020018 01000004 001b0010 001c0010 00080004 000c0004"
			"01000054 00000000 00000000 00000000 00000000 00000000 00000000 00000000"
			"00000000 c0000201 c0000202 20010db8 00000000 00000000 00000001 20010db8"
			"00000000 00000000 00000002 00000000 00000000"),
		0);
	ck_assert_uint_eq(seen.count, 2);
	ck_assert_uint_eq(seen.record[0].flow.ip_version, 4);
	ck_assert_uint_eq(ip4(&seen.record[0].flow, 1), 0xc0000202);
	ck_assert_uint_eq(seen.record[1].flow.ip_version, 6);
	ck_assert_uint_eq(seen.record[1].flow.addr[0][15], 1);
	end();
}
END_TEST

/* RFC 7011 §8: the same element several times; the first is the outermost */
START_TEST(test_repeated_elements)
{
	start(0);
	ck_assert_int_eq(feed_ipfix(0, "00020014 01000003 00080004 000c0004 00080004"
				       "01000010 c0000201 c0000202 c0000203"),
		0);
	ck_assert_uint_eq(ip4(&seen.record[0].flow, 0), 0xc0000201);
	ck_assert_str_eq(seen.json[0],
		"{\"sourceIPv4Address\":\"192.0.2.1\",\"destinationIPv4Address\":\"192.0.2.2\","
		"\"sourceIPv4Address_2\":\"192.0.2.3\"}\n");
	end();
}
END_TEST

/* RFC 7011 §3.3.2: 0 and 1 are not used, 4 … 255 reserved; RFC 5153 §4.1: ignored */
START_TEST(test_unknown_sets)
{
	start(0);
	ck_assert_int_eq(feed_ipfix(0, "00040008 00000000 00ff0004 00000008 01000001"), 0);
	ck_assert_uint_eq(stats.unknown_sets, 3);
	ck_assert_uint_eq(stats.templates, 0);
	ck_assert_uint_eq(stats.malformed, 0);
	end();
}
END_TEST

/* RFC 7011 §3.3.1: padding shorter than a record is no record, whatever its octets are */
START_TEST(test_padding)
{
	start(0);
	ck_assert_int_eq(feed_ipfix(0, "0002000c 01000001 00010004"
				       "0100000b 00000005 000000"
				       "01000008 00000006"),
		0);
	ck_assert_uint_eq(seen.count, 2);
	/* template sets padded with more than an exporter may */
	ck_assert_int_eq(feed_ipfix(2, "00020014 01010001 00010004 00000000 00000000"), 0);
	ck_assert_uint_eq(stats.templates, 2);
	ck_assert_uint_eq(stats.templates_refused, 0);
	end();
}
END_TEST

/* RFC 7011 §8.4: withdrawals must not be sent over UDP; they are passed over */
START_TEST(test_withdrawal_over_udp)
{
	start(0);
	ck_assert_int_eq(feed_ipfix(0, "0002000c 01000001 00010004"), 0);
	ck_assert_int_eq(feed_ipfix(0, "00020008 01000000 00020008 00020000 00030008 00030000"), 0);
	ck_assert_uint_eq(stats.withdrawals_ignored, 3);
	ck_assert_int_eq(feed_ipfix(0, "01000008 00000006"), 0);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_uint_eq(stats.missing_template, 0);
	end();
}
END_TEST

/* a new definition of an id counts at once */
START_TEST(test_redefinition)
{
	start(0);
	ck_assert_int_eq(feed_ipfix(0, "0002000c 01000001 00010004 01000008 00000006"), 0);
	ck_assert_int_eq(feed_ipfix(1, "0002000c 01000001 00020004 01000008 00000009"), 0);
	ck_assert_uint_eq(seen.record[0].flow.half[0].octets, 6);
	ck_assert_uint_eq(seen.record[1].flow.half[0].packets, 9);
	ck_assert_uint_eq(seen.record[1].flow.half[0].octets, 0);
	end();
}
END_TEST

/* Templates that no record can be told with, and what follows them in the same set */
START_TEST(test_templates_refused)
{
	start(0);
	/* a field of no octets; then a good one */
	ck_assert_int_eq(feed_ipfix(0, "00020014 01000001 00520000 01010001 00010004"
				       "01000008 00000006 01010008 00000007"),
		0);
	ck_assert_uint_eq(stats.templates_refused, 1);
	ck_assert_uint_eq(stats.missing_template, 1);
	ck_assert_uint_eq(seen.count, 1);
	/* RFC 7011 §3.4.2.2: scope count 0; RFC 5471 §3.6.4: fewer fields than scopes; id < 256 */
	ck_assert_int_eq(feed_ipfix(0, "0003000e 01020001 0000 00010004"), 0);
	ck_assert_int_eq(feed_ipfix(0, "0003000e 01020001 0002 00010004"), 0);
	ck_assert_int_eq(feed_ipfix(0, "0002000c 00ff0001 00010004"), 0);
	ck_assert_uint_eq(stats.templates_refused, 4);
	/* more fields than the set has room for */
	ck_assert_int_eq(feed_ipfix(0, "0002000c 01000002 00010004"), SF_ECORRUPT);
	ck_assert_int_eq(feed_ipfix(0, "0002000c 01000001 80010004"), SF_ECORRUPT);
	/* RFC 6759 §4.2: v9 has no variable length, a count of 0 means nothing there */
	ck_assert_int_eq(feed("00090001 000f4240 65000000 00000000 00000001"
			      "00000010 01000001 0052ffff 01010000"),
		0);
	ck_assert_uint_eq(stats.templates_refused, 6);
	ck_assert_uint_eq(stats.templates, 1);
	end();
}
END_TEST

/* SF_COLLECT_FIELDS_MAX fields are the most */
START_TEST(test_largest_template)
{
	static uint8_t bytes[16 + 8 + 4 * 513 + 12];

	start(0);
	for (unsigned fields = 512; fields <= 513; fields++) {
		uint8_t *p = bytes;

		p = sf_store_be16(p, 10);
		p = sf_store_be16(p, (uint16_t)(16 + 8 + 4 * fields + 8));
		p = sf_store_be32(p, 0);
		p = sf_store_be32(p, 0);
		p = sf_store_be32(p, 1);
		p = sf_store_be16(p, 2);
		p = sf_store_be16(p, (uint16_t)(8 + 4 * fields + 8));
		p = sf_store_be16(p, (uint16_t)(fields));
		p = sf_store_be16(p, (uint16_t)fields);
		for (unsigned i = 0; i < fields; i++)
			p = sf_store_be32(p, 5 << 16 | 1);
		/* and one more behind it */
		p = sf_store_be32(p, 0x02580001);
		p = sf_store_be32(p, 0x00010004);
		ck_assert_int_eq(
			sf_collector_message(collector, "x", bytes, (size_t)(p - bytes), &error),
			0);
	}
	sf_collector_stats(collector, &stats);
	ck_assert_uint_eq(stats.templates_refused, 1);
	ck_assert_uint_eq(stats.templates, 3);
	end();
}
END_TEST

/* memory stays bounded: templates and senders beyond max_templates are refused and counted */
START_TEST(test_bounded)
{
	char name[32], text[128];

	start(8);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(text, sizeof(text),
			"000a001c 65000000 00000000 00000001 0002000c %04x0001 00010004", 256 + i);
		ck_assert_int_eq(feed_from("a", text), 0);
	}
	ck_assert_uint_eq(stats.templates, 8);
	ck_assert_uint_eq(stats.templates_refused, 12);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "sender %u", i);
		ck_assert_int_eq(
			feed_from(name, "000a0028 65000000 00000000 00000001 0002000c 01000001 "
					"00010004 0100000c 00000001 00000002"),
			0);
	}
	ck_assert_uint_eq(seen.count, 0);
	ck_assert_uint_eq(stats.missing_template, 20);
	/* the first one is still served, and may define its ids anew */
	ck_assert_int_eq(
		feed_from("a", "000a0024 65000000 00000000 00000001 0002000c 01000001 00020004"
			       "01000008 00000003"),
		0);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_uint_eq(seen.record[0].flow.half[0].packets, 3);
	end();
}
END_TEST

/* RFC 7011 §9.1, RFC 5471 §3.6.4: lengths that make no sense; what came before them counts */
START_TEST(test_malformed)
{
	static const struct {
		const char *hex, *where;
	} cases[] = {
		{ "000a", "octet 0: 2 octets" },
		{ "000a000f 65000000 00000000 00000001", "octet 2: message length 15" },
		{ "000a0020 65000000 00000000 00000001", "octet 2: message length 32" },
		{ "000a0012 65000000 00000000 00000001 0000", "octet 16: 2 octets left" },
		{ "000a0014 65000000 00000000 00000001 01000000", "octet 18: length 0" },
		{ "000a0014 65000000 00000000 00000001 01000003", "octet 18: length 3" },
		{ "000a0014 65000000 00000000 00000001 01000005", "octet 18: length 5" },
		{ "000a0010 65000000 00000000 00000001 00", "octet 16: 1 octets follow" },
		{ "00090000 65000000 00000000", "octet 0: 12 octets" },
		{ "00090001 000f4240 65000000 00000000 00000001 0001000e 01000003 00040000 0000",
			"octet 26: lengths 3 and 4" },
	};

	start(0);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_int_eq(feed(cases[i].hex), SF_ECORRUPT);
		ck_assert_msg(strstr(error.text, cases[i].where), "%s", error.text);
		ck_assert_uint_eq(stats.malformed, i + 1);
	}
	ck_assert_int_eq(feed("0001"), SF_ECORRUPT);
	ck_assert_int_eq(feed(""), SF_ECORRUPT);
	ck_assert_uint_eq(stats.unknown_version, 1);
	/* a good set, then a bad one */
	ck_assert_int_eq(feed_ipfix(0, "0002000c 01000001 00010004 01000008 00000006 01000000"),
		SF_ECORRUPT);
	ck_assert_uint_eq(seen.count, 1);
	end();
}
END_TEST

/* Writes hex to a file of its own and reads it back as an IPFIX file. */
static int feed_file(const char *hex)
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

START_TEST(test_file)
{
	start(0);
	ck_assert_int_eq(feed_file(FILE_TEMPLATE FILE_DATA("00000000", "00000007")
					 FILE_DATA("00000001", "00000008")),
		0);
	ck_assert_uint_eq(seen.count, 2);
	ck_assert_uint_eq(stats.messages, 3);
	/* one file is one session: the next one knows nothing of its templates */
	ck_assert_int_eq(feed_file(FILE_DATA("00000000", "00000007")), 0);
	ck_assert_uint_eq(stats.missing_template, 1);
	/* an empty file is no damage */
	ck_assert_int_eq(feed_file(""), 0);
	ck_assert_int_eq(sf_collector_file(collector, "/nonexistent", &error), -ENOENT);
	ck_assert_ptr_nonnull(strstr(error.text, "/nonexistent"));
	end();
}
END_TEST

/* RFC 7011 §8.1: in a file withdrawals count; one of an unknown template does not matter */
START_TEST(test_file_withdrawal)
{
	start(0);
	ck_assert_int_eq(feed_file(FILE_TEMPLATE
				 "000a0018 65000000 00000000 00000001 00020008 01000000"
				 "000a0018 65000000 00000000 00000001 00020008 01000000" FILE_DATA(
					 "00000000", "00000007")),
		0);
	ck_assert_uint_eq(seen.count, 0);
	ck_assert_uint_eq(stats.missing_template, 1);
	/* all templates, not the options templates; then those */
	ck_assert_int_eq(feed_file(FILE_TEMPLATE
				 "000a0022 65000000 00000000 00000001 00030012 01010002 0001"
				 "00950004 00010004"
				 "000a0018 65000000 00000000 00000001 00020008 00020000"
				 "000a001c 65000000 00000000 00000001 0101000c 00000001 00000005"
				 "000a0018 65000000 00000001 00000001 00030008 00030000"
				 "000a001c 65000000 00000001 00000001 0101000c 00000001 00000005"),
		0);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_uint_eq(stats.missing_template, 2);
	end();
}
END_TEST

/* cut off: every record that is there whole, then where it stops */
START_TEST(test_file_cut)
{
	start(0);
	ck_assert_int_eq(
		feed_file(FILE_TEMPLATE
			"000a0020 65000000 00000000 00000001 01000010 00000007 00000008 00"),
		SF_ECORRUPT);
	ck_assert_uint_eq(seen.count, 2);
	ck_assert_msg(strstr(error.text, "octet 57: the message is cut off: 29 of 32 octets"), "%s",
		error.text);
	/* cut in the middle of a template */
	ck_assert_int_eq(feed_file("000a0020 65000000 00000000 00000001 00020010 01000002 0001"),
		SF_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(error.text, "octet 26: the message is cut off"));
	ck_assert_int_eq(feed_file(FILE_TEMPLATE "000a0020 650000"), SF_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(error.text, "octet 28: a message header is cut off"));
	end();
}
END_TEST

/* RFC 5655 §10.3: after damage it goes on with the next message */
START_TEST(test_file_resync)
{
	start(0);
	ck_assert_int_eq(feed_file(FILE_TEMPLATE "deadbeef 000a0000 00" FILE_DATA(
				 "00000000", "00000007") FILE_DATA("00000001", "00000008")),
		SF_ECORRUPT);
	ck_assert_uint_eq(seen.count, 2);
	ck_assert_msg(strstr(error.text, "octet 28: no IPFIX message begins here; 9 octets passed"),
		"%s", error.text);
	/* a damaged length, too long: the message ends where the next one begins */
	ck_assert_int_eq(feed_file(FILE_TEMPLATE
				 "000a0118 65000000 00000000 00000001 01000008 00000009" FILE_DATA(
					 "00000001", "00000008")),
		SF_ECORRUPT);
	ck_assert_uint_eq(seen.count, 4);
	/* something else altogether */
	ck_assert_int_eq(feed_file("d4c3b2a1 02000400 00000000 00000000"), SF_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(error.text, "not an IPFIX file: it is a pcap capture"));
	ck_assert_int_eq(feed_file("00000000 00000000 00000000 00000000"), SF_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(error.text, "not an IPFIX file"));
	end();
}
END_TEST

/* Every prefix of a message: no fault, no record beyond what is there */
START_TEST(test_truncation)
{
	size_t length;
	uint8_t *bytes = unhex(A1_IPFIX, &length);

	start(0);
	for (size_t n = 0; n < length; n++) {
		uint8_t *exact = malloc(n ? n : 1);

		memcpy(exact, bytes, n);
		ck_assert_int_eq(
			sf_collector_message(collector, "x", exact, n, &error), SF_ECORRUPT);
		free(exact);
	}
	ck_assert_uint_eq(seen.count, 0);
	free(bytes);
	end();
}
END_TEST

/* the callback has had enough: nothing more is handed over, or counted */
START_TEST(test_stop)
{
	start(0);
	stop_after = 2;
	ck_assert_int_eq(feed(A1_IPFIX), 0);
	ck_assert_int_eq(feed(A1_IPFIX), 0);
	ck_assert_uint_eq(seen.count, 2);
	ck_assert_uint_eq(stats.records, 2);
	end();
	stop_after = 1;
	start(0);
	ck_assert_int_eq(feed_file(FILE_TEMPLATE FILE_DATA("00000000", "00000007")
					 FILE_DATA("00000001", "00000008")),
		0);
	ck_assert_uint_eq(seen.count, 1);
	stop_after = 0;
	end();
}
END_TEST

/* Who is told to stop does not wait for a pipe that is open but has nothing. */
START_TEST(test_stop_on_a_pipe)
{
	enum { VALUE = 60000, MESSAGES = 7, ROOM = 1 << 20 };
	uint8_t *bytes = calloc(1, 28 + MESSAGES * (20 + VALUE)), *p = bytes;
	int ends[2];
	char path[32];

	p = sf_store_be16(p, 10);
	p = sf_store_be16(p, 28);
	p = sf_store_be32(sf_store_be64(p, UINT64_C(0x65000000) << 32), 1);
	p = sf_store_be64(p, UINT64_C(0x0002000c01000001));
	p = sf_store_be32(p, 82 << 16 | VALUE);
	for (unsigned i = 0; i < MESSAGES; i++) {
		p = sf_store_be16(p, 10);
		p = sf_store_be16(p, 20 + VALUE);
		p = sf_store_be32(sf_store_be64(p, UINT64_C(0x65000000) << 32 | i), 1);
		p = sf_store_be32(p, 0x0100 << 16 | (4 + VALUE)) + VALUE;
	}
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_ge(fcntl(ends[1], F_SETPIPE_SZ, ROOM), ROOM);
	ck_assert_int_eq(write(ends[1], bytes, (size_t)(p - bytes)), p - bytes);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
	stop_after = 3;
	start(0);
	ck_assert_int_eq(sf_collector_file(collector, path, &error), 0);
	ck_assert_uint_eq(seen.count, 3);
	stop_after = 0;
	end();
	close(ends[0]);
	close(ends[1]);
	free(bytes);
}
END_TEST

CHECK_MAIN("collect", test_rfc7011_appendix_a, test_rfc3954_section_11, test_netflow5_record,
	test_netflow5_uptime_wrap, test_netflow5_count, test_netflow5_icmp, test_netflow9_uptime,
	test_netflow9_high_types, test_netflow9_sequence, test_ipfix_sequence,
	test_sequence_restart, test_variable_length, test_biflow, test_times, test_members,
	test_one_ttl, test_icmp, test_combined_addresses, test_repeated_elements, test_unknown_sets,
	test_padding, test_withdrawal_over_udp, test_redefinition, test_templates_refused,
	test_largest_template, test_bounded, test_malformed, test_file, test_file_withdrawal,
	test_file_cut, test_file_resync, test_truncation, test_stop, test_stop_on_a_pipe)
