/* SPDX-License-Identifier: BSD-2-Clause */
/* The collecting process: messages, templates, sequence numbers. */
#include "collect_support.h"

#define A1_IPFIX                                                                                   \
	"000a0098 65000000 00000000 00000001 0002001c 01000005 00080004 000c0004"                  \
	"000f0004 00020004 00010004 01000040 c000020c c00002fe c0000201 00001391"                  \
	"00518c81 c000021b c0000217 c0000202 000002ec 0005ef46 c0000238 c0000241"                  \
	"c0000203 00000005 00001986 00030018 01020003 0001008d 00040029 0002002a"                  \
	"00020000 01020014 00000001 015927d9 00000002 02b24fb2"

/* RFC 7011 appendix A: one template, three flows, one options template, two options records */
/* [RFC7011-3.4.2.2-1] [RFC5655-7.1-4] */
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
		"\"octetDeltaCount\":6534" FROM);
	end();
}
END_TEST

/* RFC 7011 §3.1: IPFIX counts data records, options data included, modulo 2^32 */
/* [RFC7011-8-1] [RFC7011-8-5] [RFC7011-11.6-1] */
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

/* RFC 7011 §3.1: each stream of SCTP counts for itself; templates are those of all of them. */
START_TEST(test_sequence_of_streams)
{
	static const char record[] = "01000018 c000020c c00002fe c0000201 00001391 00518c81";
	static const char wide[] = "01000018 c000020c c00002fe c0000201 00001391 00518c81"
				   "01000018 c000020c c00002fe c0000201 00001391 00518c81";

	start(0);
	connected = true;
	ck_assert_int_eq(
		feed_ipfix(0, "0002001c 01000005 00080004 000c0004 000f0004 00020004 00010004"), 0);
	for (sctp_stream = 3; sctp_stream > 0; sctp_stream--) {
		ck_assert_int_eq(feed_ipfix(0, wide), 0);
		ck_assert_int_eq(feed_ipfix(2, record), 0);
	}
	ck_assert_int_eq(feed_ipfix(0, record), 0);
	ck_assert_uint_eq(stats.sequence_gaps, 0);
	sctp_stream = 2;
	ck_assert_int_eq(feed_ipfix(8, record), 0);
	ck_assert_uint_eq(stats.sequence_gaps, 1);
	ck_assert_uint_eq(stats.sequence_lost, 5);
	/* of more streams than 256 the messages are taken, and their numbers are not looked at */
	for (sctp_stream = 4; sctp_stream < 1000; sctp_stream++) {
		ck_assert_int_eq(feed_ipfix(50, ""), 0);
		ck_assert_int_eq(feed_ipfix(60, ""), 0);
	}
	ck_assert_uint_eq(stats.records, 11);
	ck_assert_uint_eq(stats.sequence_gaps, 1 + 256 - 3);
	sctp_stream = 0;
	connected = false;
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
/* [RFC7011-7-2] [RFC7011-7-3] [RFC5471-3.2.2-1] */
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
	ck_assert_str_eq(seen.json[0], "{\"sourceTransportPort\":4660,\"interfaceName\":\"abc\","
				       "\"octetDeltaCount\":5" FROM);
	/* RFC 5471 §3.6.5: a length that leaves the set */
	ck_assert_int_eq(feed_ipfix(3, "0100000c 1234 63 616263 0000"), SF_ECORRUPT);
	ck_assert_uint_eq(seen.count, 3);
	ck_assert_uint_eq(stats.malformed, 1);
	ck_assert_ptr_nonnull(strstr(error.text, "byte 20: field 2"));
	end();
}
END_TEST

/* RFC 7011 §3.3.2: 0 and 1 are not used, 4 … 255 reserved; RFC 5153 §4.1: ignored */
/* [RFC5471-3.6.7-1] */
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
/* [RFC7011-3.3.2-1] [RFC7011-9-3] [RFC5471-3.2.3-1] */
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
/* [RFC7011-8.4-4] */
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

/* RFC 7011 §8.1: a connection has templates of its own, may withdraw them, and takes them along */
/* [RFC7011-8-2] [RFC7011-8-3] [RFC7011-8.1-1] [RFC5471-3.2.5-1] */
START_TEST(test_connections)
{
	start(0);
	ck_assert_int_eq(feed_ipfix(0, "0002000c 01000001 00010004"), 0);
	connected = true;
	ck_assert_int_eq(feed_ipfix(0, "01000008 00000006"), 0);
	ck_assert_uint_eq(stats.missing_template, 1);
	ck_assert_int_eq(feed_ipfix(0, "0002000c 01000001 00010004 01000008 00000006"), 0);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_uint_eq(seen.record[0].origin_count, 2);
	ck_assert_int_eq(feed_ipfix(1, "00020008 01000000 01000008 00000006"), 0);
	ck_assert_uint_eq(stats.withdrawals_ignored, 0);
	ck_assert_uint_eq(stats.missing_template, 2);
	ck_assert_int_eq(feed_ipfix(1, "0002000c 01000001 00010004"), 0);
	sf_collector_stream_end(collector, "192.0.2.1:4000");
	ck_assert_int_eq(feed_ipfix(0, "01000008 00000006"), 0);
	ck_assert_uint_eq(stats.missing_template, 3);
	ck_assert_uint_eq(stats.sequence_gaps, 0);
	/* the datagrams' one is still there */
	connected = false;
	ck_assert_int_eq(feed_ipfix(0, "01000008 00000006"), 0);
	ck_assert_uint_eq(seen.count, 2);
	end();
}
END_TEST

/* a new definition of an id counts at once */
/*
 * [RFC7011-3.4.1-1] [RFC7011-8.4-5] [RFC5655-7.1-6] [RFC3954-7-3] [RFC3954-9-4]
 * [RFC5471-3.6.8-1]
 */
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

/* Templates that no record can be decoded with, and the templates behind them in the same set */
/* [RFC5471-3.4.1-1] [RFC5471-3.6.4-1] */
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
	/* a count of 0 means nothing in v9 */
	ck_assert_int_eq(feed("00090001 000f4240 65000000 00000000 00000001 00000008 01010000"), 0);
	ck_assert_uint_eq(stats.templates_refused, 5);
	ck_assert_uint_eq(stats.templates, 1);
	end();
}
END_TEST

/* SF_COLLECT_FIELDS_MAX fields are the most */
/* [RFC5471-3.5.3-1] */
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

/* a message of 65535 octets, with one record that fills it */
/* [RFC7011-10-1] */
START_TEST(test_longest_message)
{
	enum { HEADER = 16, TEMPLATE_SET = 16, RECORD = 65535 - HEADER - TEMPLATE_SET - 4 };
	static uint8_t bytes[65535];
	uint8_t *p = bytes;

	p = sf_store_be16(p, 10);
	p = sf_store_be16(p, 65535);
	p += 8; /* time and sequence */
	p = sf_store_be32(p, 1);
	p = sf_store_be32(p, 2 << 16 | TEMPLATE_SET);
	p = sf_store_be32(p, 256 << 16 | 2);
	p = sf_store_be32(p, 210 << 16 | (RECORD - 4));
	p = sf_store_be32(p, 1 << 16 | 4);
	p = sf_store_be32(p, 256 << 16 | (RECORD + 4));
	sf_store_be32(bytes + 65535 - 4, 7);
	start(0);
	ck_assert_int_eq(sf_collector_message(collector, "x", bytes, 65535, &error), 0);
	sf_collector_stats(collector, &stats);
	ck_assert_uint_eq(stats.records, 1);
	ck_assert_uint_eq(stats.octets, 7);
	end();
}
END_TEST

/* memory stays bounded: templates and senders beyond max_templates are refused and counted */
/* [RFC5471-3.5.4-1] */
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
/* [RFC5471-3.6.5-1] */
START_TEST(test_malformed)
{
	static const struct {
		const char *hex, *where;
	} cases[] = {
		{ "000a", "byte 0: 2 bytes" },
		{ "000a000f 65000000 00000000 00000001", "byte 2: message length 15" },
		{ "000a0020 65000000 00000000 00000001", "byte 2: message length 32" },
		{ "000a0012 65000000 00000000 00000001 0001", "byte 16: 2 bytes left" },
		{ "000a0014 65000000 00000000 00000001 01000000", "byte 18: length 0" },
		{ "000a0014 65000000 00000000 00000001 01000003", "byte 18: length 3" },
		{ "000a0014 65000000 00000000 00000001 01000005", "byte 18: length 5" },
		{ "000a0010 65000000 00000000 00000001 01", "byte 16: 1 bytes follow" },
		{ "00090000 65000000 00000000", "byte 0: 12 bytes" },
		{ "00090001 000f4240 65000000 00000000 00000001 0001000e 01000003 00040000 0000",
			"byte 26: lengths 3 and 4" },
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

/* Every prefix of a message: no fault, and no record beyond the bytes that it has */
/* [RFC5471-3.6.6-1] */
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

static char refusal[256];
static unsigned refusals;

static void on_refusal(void *context, const char *exporter, const char *text)
{
	ck_assert_ptr_eq(context, &seen);
	snprintf(refusal, sizeof(refusal), "%s: %s", exporter, text);
	refusals++;
}

/* The first refused template of each exporter is reported with its reason. */
START_TEST(test_refusals_are_told)
{
	static const struct {
		const char *sets, *words;
	} cases[] = {
		{ "0002000c 01000001 00520000", "template 256 of domain 1 is refused: all its "
						"fields have the length 0" },
		{ "0003000e 01020001 0000 00010004", "it is an options template without a scope" },
		{ "0003000e 01020001 0002 00010004", "it has more scope fields than fields" },
		{ "0002000c 00ff0001 00010004", "its number is below 256" },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sf_collector_options options = {
			.refused = on_refusal,
			.context = &seen,
		};

		refusals = 0;
		ck_assert_int_eq(sf_collector_new(&collector, &options, &error), 0);
		for (unsigned again = 0; again < 3; again++)
			ck_assert_int_eq(feed_ipfix(0, cases[i].sets), 0);
		ck_assert_uint_eq(refusals, 1);
		ck_assert_msg(strstr(refusal, cases[i].words), "%s", refusal);
		ck_assert_msg(strstr(refusal, "192.0.2.1:4000: "), "%s", refusal);
		ck_assert_uint_eq(stats.templates_refused, 3);
		sf_collector_free(collector);
	}
}
END_TEST

/* Zeros behind the last set of a message or behind the message, in each protocol */
START_TEST(test_zero_tails)
{
	char text[512];

	start(0);
	for (unsigned zeros = 1; zeros <= 40; zeros++) {
		char tail[81] = "", length[5];

		memset(tail, '0', 2 * zeros);
		snprintf(text, sizeof(text),
			V5("00000000", "000186a0", "00009c40", "000184ac") "%s", tail);
		ck_assert_int_eq(feed(text), 0);
		snprintf(text, sizeof(text),
			"00090001 000f4240 65000000 00000000 00000001"
			"0000000c 01000001 00010004 01000008 00000005 %s",
			tail);
		ck_assert_int_eq(feed(text), 0);
		/* in an IPFIX message, and behind it */
		snprintf(length, sizeof(length), "%04x", 36 + zeros);
		snprintf(text, sizeof(text),
			"000a %s 65000000 00000000 00000001"
			"0002000c 01000001 00010004 01000008 00000005 %s",
			zeros % 2 ? length : "0024", tail);
		ck_assert_int_eq(feed(text), 0);
		ck_assert_uint_eq(seen.count, 3);
		ck_assert_uint_eq(stats.malformed, 0);
		/* but not anything */
		text[strlen(text) - 1] = '1';
		ck_assert_int_eq(feed(text), SF_ECORRUPT);
		end();
		start(0);
	}
	end();
}
END_TEST

/*
 * Fields without octets make records that cost their sender one octet for hundreds of fields: work
 * and output stay in proportion to the message, and what is left out is counted.
 */
START_TEST(test_fields_without_octets_are_bounded)
{
	enum { DATA = 60000, FIELDS = 512 };
	static uint8_t bytes[16 + 4 + DATA];
	uint8_t *p = bytes;
	struct sf_collector_options options = { .max_templates = 0 };

	for (unsigned variable = 0; variable < 2; variable++) {
		ck_assert_int_eq(sf_collector_new(&collector, &options, &error), 0);
		p = sf_store_be32(bytes, 10 << 16 | (16 + 8 + 4 * FIELDS));
		p = sf_store_be32(sf_store_be64(p, UINT64_C(0x65000000) << 32), 1);
		p = sf_store_be32(p, 2 << 16 | (8 + 4 * FIELDS));
		p = sf_store_be32(p, 256 << 16 | FIELDS);
		for (unsigned i = 0; i < FIELDS - 1; i++)
			p = sf_store_be32(p, (82 + i % 2) << 16);
		p = sf_store_be32(p, 4 << 16 | (variable ? 0xffff : 1));
		ck_assert_int_eq(
			sf_collector_message(collector, "a", bytes, (size_t)(p - bytes), &error),
			0);
		p = sf_store_be32(bytes, 10u << 16 | sizeof(bytes));
		p = sf_store_be32(sf_store_be64(p, UINT64_C(0x65000000) << 32), 1);
		p = sf_store_be32(p, 256u << 16 | (4 + DATA));
		memset(p, 0, DATA);
		ck_assert_int_eq(
			sf_collector_message(collector, "a", bytes, sizeof(bytes), &error), 0);
		sf_collector_stats(collector, &stats);
		ck_assert_uint_eq(stats.records, (sizeof(bytes) + FIELDS) / (FIELDS - 1));
		ck_assert_uint_eq(stats.sets_cut, 1);
		ck_assert_uint_eq(stats.malformed, 0);
		sf_collector_free(collector);
	}
	/* a few of them in each record, as real exporters send, do no harm */
	start(0);
	ck_assert_int_eq(feed_ipfix(0, "00020014 01000003 00520000 00530000 00010004"
				       "01000014 00000001 00000002 00000003 00000004"),
		0);
	ck_assert_uint_eq(seen.count, 4);
	ck_assert_uint_eq(stats.sets_cut, 0);
	end();
}
END_TEST

/* Names that occur twice are numbered in long records as in short ones. */
START_TEST(test_many_names)
{
	enum { FIELDS = 300 };
	static char text[64 + 10 * FIELDS + 4 * FIELDS + 64];
	char *p = text;

	start(0);
	p += sprintf(p, "%04x%04x %04x%04x", 2, 8 + 4 * FIELDS, 256, FIELDS);
	for (unsigned i = 0; i < FIELDS; i++)
		p += sprintf(p, " %04x0001", 4 + i % 3);
	p += sprintf(p, " 0100%04x ", 4 + FIELDS);
	for (unsigned i = 0; i < FIELDS; i++)
		p += sprintf(p, "%02x", i % 256);
	ck_assert_int_eq(feed_ipfix(0, text), 0);
	ck_assert_ptr_nonnull(strstr(seen.json[0], "{\"protocolIdentifier\":0,"
						   "\"ipClassOfService\":1,\"tcpControlBits\":2,"
						   "\"protocolIdentifier_2\":3,"));
	ck_assert_ptr_nonnull(strstr(seen.json[0], ",\"tcpControlBits_100\":43" FROM));
	end();
}
END_TEST

CHECK_MAIN("collect", test_rfc7011_appendix_a, test_ipfix_sequence, test_sequence_of_streams,
	test_sequence_restart, test_variable_length, test_unknown_sets, test_padding,
	test_withdrawal_over_udp, test_connections, test_redefinition, test_templates_refused,
	test_largest_template, test_longest_message, test_bounded, test_malformed, test_truncation,
	test_stop, test_refusals_are_told, test_zero_tails, test_fields_without_octets_are_bounded,
	test_many_names)
