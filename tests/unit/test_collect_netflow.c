/* SPDX-License-Identifier: BSD-2-Clause */
/* The collecting process: NetFlow v5 and v9. */
#include "collect_support.h"

/* RFC 3954 §11 */
/*
 * [RFC3954-5.2-1] [RFC3954-5.3-1] [RFC3954-6.1-1] [RFC3954-6.2-1] [RFC3954-9-2]
 * [RFC3954-9-5]
 */
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

START_TEST(test_netflow5_record)
{
	struct sf_flow *flow = &seen.record[0].flow;

	start(0);
	/* uptime 100 s, first 40 s, last 99.5 s; the header's clock is at .5 s */
	ck_assert_int_eq(feed(V5("00000000", "000186a0", "00009c40", "000184ac")), 0);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_uint_eq(seen.record[0].domain, 0x0203);
	/* the record's own fields, and the sampling rate of the header */
	ck_assert_uint_eq(seen.record[0].field_count, 20);
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
	ck_assert_ptr_nonnull(strstr(error.text, "byte 2:"));
	/* none announced, one there */
	ck_assert_int_eq(feed("00050000"
			      "000186a0 65000000 1dcd6500 00000000 02034064"
			      "c0000201 c6336402 00000000 00070008 0000000a 00000bc7 00009c40"
			      "000184ac 30390050 001b0610 00000000 18200000"),
		SF_ECORRUPT);
	/* a header alone is a question whether somebody listens */
	ck_assert_int_eq(feed("00050000 000186a0 65000000 1dcd6500 00000000 02034064"), 0);
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
	ck_assert_str_eq(seen.json[0], "{\"ie32769\":\"deadbeef\",\"octetDeltaCount\":7" FROM);
	end();
}
END_TEST

/* RFC 3954 §5.1: sequence of v9 counts packets, per source id */
/* [RFC3954-7-1] [RFC3954-9-1] */
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

/* Vendors send NetFlow v9 fields of variable length, as RFC 7011 §7 encodes them; scopes too. */
START_TEST(test_netflow9_variable_length)
{
	start(0);
	ck_assert_int_eq(feed("00090002 000f4240 65000000 00000000 00000001"
			      "00000010 01000002 0060ffff 00010004"
			      "01000014 04 68747470 00000064 00 00000065 0000"),
		0);
	ck_assert_uint_eq(seen.count, 2);
	ck_assert_ptr_nonnull(
		strstr(seen.json[0], "{\"applicationName\":\"http\",\"octetDeltaCount\":100,"));
	ck_assert_ptr_nonnull(
		strstr(seen.json[1], "{\"applicationName\":\"\",\"octetDeltaCount\":101,"));
	/* an options template whose scope has a variable length: here in the long form */
	ck_assert_int_eq(feed("00090002 000f4240 65000000 00000001 00000001"
			      "00010014 01010004 00040002 ffff0030 00010000"
			      "0101000c ff0003 6c6331 07 00"),
		0);
	ck_assert_uint_eq(seen.count, 3);
	ck_assert(seen.record[2].options);
	ck_assert_uint_eq(seen.length[2][0], 3);
	ck_assert_mem_eq(seen.data[2][0], "lc1", 3);
	ck_assert_uint_eq(stats.templates_refused, 0);
	end();
}
END_TEST

/* RFC 3954 §5.1: address and source id name a v9 exporter; RFC 7011: the port belongs to it. */
/* [RFC3954-7-2] */
START_TEST(test_netflow9_from_two_ports)
{
	static const char template[] = "00090001 000f4240 65000000 00000000 00000001"
				       "0000000c 01000001 00010004";
	static const char data[] = "00090001 000f4240 65000000 00000001 00000001 01000008 00000005";

	start(0);
	ck_assert_int_eq(feed_from("192.0.2.1:4000", template), 0);
	ck_assert_int_eq(feed_from("192.0.2.1:4001", data), 0);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_uint_eq(stats.sequence_gaps, 0);
	ck_assert_int_eq(feed_from("192.0.2.11:4000", data), 0);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_int_eq(feed_from("[2001:db8::1]:4000", template), 0);
	ck_assert_int_eq(feed_from("[2001:db8::1]:4001", data), 0);
	ck_assert_uint_eq(seen.count, 2);
	ck_assert_int_eq(feed_from("[2001:db8::1:4000]:1", data), 0);
	ck_assert_uint_eq(seen.count, 2);
	ck_assert_int_eq(feed_from("192.0.2.1:4000", "000a001c 65000000 00000000 00000001"
						     "0002000c 01000001 00010004"),
		0);
	ck_assert_int_eq(feed_from("192.0.2.1:4001",
				 "000a0018 65000000 00000000 00000001 01000008 00000005"),
		0);
	ck_assert_uint_eq(seen.count, 2);
	end();
}
END_TEST

/* The sampling rate of a v5 header becomes fields: mode and interval, where the header has them. */
START_TEST(test_netflow5_sampling)
{
	static const struct {
		const char *sampling, *json;
	} cases[] = {
		{ "4064", ",\"samplingInterval\":100,\"samplingAlgorithm\":1," },
		{ "83e8", ",\"samplingInterval\":1000,\"samplingAlgorithm\":2," },
		{ "03e8", ",\"samplingInterval\":1000,\"exporterIPv4Address\"" },
		{ "4000", "\"destinationIPv4PrefixLength\":0,\"exporterIPv4Address\"" },
		{ "0000", "\"destinationIPv4PrefixLength\":0,\"exporterIPv4Address\"" },
	};

	start(0);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[] = "00050001 000186a0 65000000 1dcd6500 00000000 0203 4064"
			      "c0000201 c6336402 00000000 00070008 0000000a 00000bc7 00009c40"
			      "000184ac 30390050 001b0610 00000000 00000000";

		memcpy(strstr(text, "4064"), cases[i].sampling, 4);
		ck_assert_int_eq(feed(text), 0);
		ck_assert_msg(strstr(seen.json[i], cases[i].json), "%s", seen.json[i]);
	}
	end();
}
END_TEST

CHECK_MAIN("collect_netflow", test_rfc3954_section_11, test_netflow5_record,
	test_netflow5_uptime_wrap, test_netflow5_count, test_netflow5_icmp, test_netflow9_uptime,
	test_netflow9_high_types, test_netflow9_sequence, test_netflow9_variable_length,
	test_netflow9_from_two_ports, test_netflow5_sampling)
