/* SPDX-License-Identifier: BSD-2-Clause */
/* The collecting process: what a record becomes. */
#include "base/annex.h"
#include "collect_support.h"

/* RFC 7011 §3.2, RFC 5103: enterprise bit, reverse elements, reduced sizes (§6.2) */
/* [RFC5471-3.3.1-1] */
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
	/* 154 microseconds, RFC 7011 §6.1.9: 1600000000.123456; 155 with */
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
	/* 22, 21 without 160: as they are; the flow ended now, and lasted as long as they say */
	ck_assert_int_eq(
		feed_ipfix(4, "00020010 01000002 00160004 00150004 0100000c 000003e8 000007d0"), 0);
	ck_assert_int_eq(seen.record[4].flow.half[0].start_ns, 0x64ffffff * SF_NS_PER_S);
	ck_assert_int_eq(seen.record[4].flow.half[0].end_ns, 0x65000000 * SF_NS_PER_S);
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
	ck_assert_uint_eq(sf_fact_get_flow_label(flow, 0), 0xabcde);
	ck_assert_uint_eq(sf_fact_get_src_mac(flow, 0)[5], 1);
	ck_assert_uint_eq(sf_fact_get_dst_mac(flow, 0)[5], 2);
	ck_assert_uint_eq(sf_fact_get_mpls(flow, 0), 0x12345);
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
	/* neither element nor port: no type is known; type 0 of an element is one */
	ck_assert_int_eq(feed_ipfix(2, "00020014 01000003 00040001 00070002 000b0002"
				       "01000009 01 0000 0000"),
		0);
	ck_assert(!sf_flow_has_icmp_type(&seen.record[4].flow));
	ck_assert(!(seen.record[4].known[0] & SF_KNOWN_ICMP));
	ck_assert_int_eq(feed_ipfix(3, "00020010 01000002 00040001 00200002 01000007 01 0000"), 0);
	ck_assert(sf_flow_has_icmp_type(&seen.record[5].flow));
	ck_assert(seen.record[5].known[0] & SF_KNOWN_ICMP);
	ck_assert_uint_eq(seen.record[5].flow.port[1], 0x0800);
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
/* [RFC7011-8-4] [RFC5471-3.3.3-1] */
START_TEST(test_repeated_elements)
{
	start(0);
	ck_assert_int_eq(feed_ipfix(0, "00020014 01000003 00080004 000c0004 00080004"
				       "01000010 c0000201 c0000202 c0000203"),
		0);
	ck_assert_uint_eq(ip4(&seen.record[0].flow, 0), 0xc0000201);
	ck_assert_str_eq(seen.json[0],
		"{\"sourceIPv4Address\":\"192.0.2.1\",\"destinationIPv4Address\":\"192.0.2.2\","
		"\"sourceIPv4Address_2\":\"192.0.2.3\"" FROM);
	end();
}
END_TEST

/* A v9 message with uptime 1000 s at 0x65000000, of source id 1. */
#define V9(sets) "00090002 000f4240 65000000 00000000 00000001" sets

/* Octets of the answer count without a packet counter: real firewalls have none. */
START_TEST(test_answers_without_packets)
{
	static const struct {
		const char *template, *values;
		unsigned directions;
		uint64_t octets[2], packets[2];
	} cases[] = {
		/* initiatorOctets, responderOctets */
		{ "00e70004 00e80004", "00000051 000002fb", 3, { 81, 763 }, { 0, 0 } },
		{ "00e70004 00e80004", "00000000 000002fb", 2, { 0, 763 }, { 0, 0 } },
		{ "00e70004 00e80004", "00000051 00000000", 1, { 81, 0 }, { 0, 0 } },
		/* responderOctets alone */
		{ "00e80004 00960004", "000002fb 00000001", 2, { 0, 763 }, { 0, 0 } },
		/* initiatorPackets, responderPackets */
		{ "012a0004 012b0004", "00000003 00000004", 3, { 0, 0 }, { 3, 4 } },
		/* what was sent on: delta and total */
		{ "00170004 00180004", "000001f4 00000005", 1, { 500, 0 }, { 5, 0 } },
		{ "00ab0004 00ac0004", "000001f4 00000005", 1, { 500, 0 }, { 5, 0 } },
		/* totals */
		{ "00550004 00560004", "000001f4 00000005", 1, { 500, 0 }, { 5, 0 } },
		/* before the exporter and behind it: what came in counts */
		{ "00170004 00010004", "00000000 000001f4", 1, { 500, 0 }, { 0, 0 } },
		/* no counter at all: there is a flow nevertheless */
		{ "000a0004 000e0004", "00000001 00000002", 1, { 0, 0 }, { 0, 0 } },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct sf_flow *flow = &seen.record[0].flow;
		char text[512];

		start(0);
		snprintf(text, sizeof(text), V9("00000010 01000002 %s 0100000c %s"),
			cases[i].template, cases[i].values);
		ck_assert_int_eq(feed(text), 0);
		ck_assert_uint_eq(flow->directions, cases[i].directions);
		for (unsigned d = 0; d < 2; d++) {
			ck_assert_uint_eq(flow->half[d].octets, cases[i].octets[d]);
			ck_assert_uint_eq(flow->half[d].packets, cases[i].packets[d]);
		}
		ck_assert_uint_eq(stats.octets, cases[i].octets[0] + cases[i].octets[1]);
		ck_assert_uint_eq(stats.packets, cases[i].packets[0] + cases[i].packets[1]);
		end();
	}
}
END_TEST

/* RFC 5103: both octet counters, and the packets of one direction only */
START_TEST(test_reverse_octets_without_packets)
{
	start(0);
	ck_assert_int_eq(feed_ipfix(0, "00020018 01000003 00010004 00020004 80010004 00007279"
				       "01000010 00000051 00000002 000002fb"),
		0);
	ck_assert_uint_eq(seen.record[0].flow.directions, 3);
	ck_assert_uint_eq(seen.record[0].flow.half[1].octets, 763);
	ck_assert_uint_eq(seen.record[0].known[0] & (SF_KNOWN_PACKETS | SF_KNOWN_OCTETS),
		SF_KNOWN_PACKETS | SF_KNOWN_OCTETS);
	ck_assert_uint_eq(
		seen.record[0].known[1] & (SF_KNOWN_PACKETS | SF_KNOWN_OCTETS), SF_KNOWN_OCTETS);
	/* the times of the record span both directions */
	ck_assert_int_eq(seen.record[0].flow.half[1].end_ns, 0x65000000 * SF_NS_PER_S);
	end();
}
END_TEST

/* What a record does not have is not known; what it has is, also where it is 0. */
START_TEST(test_known)
{
	const struct sf_collected *record = &seen.record[0];

	start(0);
	/* egressInterface 11, flowDirection 1, maximumTTL 0, destinationTransportPort 53 */
	ck_assert_int_eq(feed(V9("00000018 01000004 000e0002 003d0001 00350001 000b0002"
				 "0100000a 000b 01 00 0035")),
		0);
	ck_assert_uint_eq(
		record->known[0], SF_KNOWN_EGRESS | SF_KNOWN_DIRECTION | SF_KNOWN_TTL_MAX);
	ck_assert_uint_eq(record->known[1], SF_KNOWN_PORT);
	ck_assert_uint_eq(record->egress[0], 11);
	ck_assert_uint_eq(record->flow_direction[0], 1);
	ck_assert_uint_eq(record->flow.port[1], 53);
	/* no address: neither family nor version, and no 0.0.0.0 */
	ck_assert_uint_eq(record->flow.directions, SF_FORWARD);
	end();
}
END_TEST

/* Numbers of any length are numbers; what the flow has no room for is not cut. */
START_TEST(test_wide_numbers)
{
	const struct sf_collected *record = &seen.record[0];

	start(0);
	/* protocol in 2, port in 4, interface in 8, TTL in 2 octets */
	ck_assert_int_eq(feed(V9("00000018 01000004 00040002 00070004 000a0008 00340002"
				 "01000014 0011 000001bb 0000000000000009 0040")),
		0);
	ck_assert_uint_eq(record->flow.protocol, 17);
	ck_assert_uint_eq(record->flow.port[0], 443);
	ck_assert_uint_eq(record->flow.half[0].ingress, 9);
	ck_assert_uint_eq(record->wide[0], 0);
	ck_assert_ptr_nonnull(strstr(seen.json[0], "\"protocolIdentifier\":17,\"sourceTransportPort"
						   "\":443,\"ingressInterface\":9,"));
	record++;
	ck_assert_int_eq(feed(V9("01000014 0111 000101bb 0100000000000009 0140")), 0);
	ck_assert_uint_eq(record->flow.protocol, 0);
	ck_assert_uint_eq(record->flow.port[0], 0);
	ck_assert_uint_eq(record->flow.half[0].ingress, 0);
	ck_assert_uint_eq(record->wide[0],
		SF_KNOWN_PROTOCOL | SF_KNOWN_PORT | SF_KNOWN_INGRESS | SF_KNOWN_TTL_MIN);
	end();
}
END_TEST

#define A4 "0a000001"
#define B4 "0a000002"
#define A6 "20010db8000000000000000000000001"
#define B6 "20010db8000000000000000000000002"
#define Z4 "00000000"
#define Z6 "00000000000000000000000000000000"

/* The addresses decide about the family; ipVersion between equally complete pairs. */
START_TEST(test_families)
{
	/* 8, 12, 27, 28, 60 */
	static const char template[] =
		"0000001c 01000005 00080004 000c0004 001b0010 001c0010 003c0001";
	static const struct {
		const char *values;
		unsigned version;
		uint32_t source; /* the first four octets */
	} cases[] = {
		{ A4 B4 Z6 Z6 "06", 4, 0x0a000001 },
		{ Z4 Z4 A6 B6 "04", 6, 0x20010db8 },
		{ Z4 B4 Z6 Z6 "06", 4, 0 },          /* DHCP */
		{ Z4 Z4 Z6 B6 "04", 6, 0 },          /* duplicate address detection */
		{ A4 B4 A6 B6 "04", 4, 0x0a000001 }, /* both in full */
		{ A4 B4 A6 B6 "06", 6, 0x20010db8 },
		{ A4 B4 A6 B6 "00", 6, 0x20010db8 }, /* the outer ones of IPv4 in IPv6 */
		{ Z4 Z4 Z6 Z6 "06", 6, 0 },
		{ Z4 Z4 Z6 Z6 "00", 4, 0 },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512];

		start(0);
		snprintf(text, sizeof(text), V9("%s 0100002d %s"), template, cases[i].values);
		ck_assert_int_eq(feed(text), 0);
		ck_assert_uint_eq(seen.record[0].flow.ip_version, cases[i].version);
		ck_assert_uint_eq(ip4(&seen.record[0].flow, 0), cases[i].source);
		ck_assert(seen.record[0].known[0] & seen.record[0].known[1] & SF_KNOWN_ADDRESS);
		end();
	}
	/* templates of one family: the addresses alone, and one address of each */
	start(0);
	ck_assert_int_eq(feed(V9("00000014 01000003 00080004 000c0004 003c0001"
				 "0100000d" A4 B4 "06")),
		0);
	ck_assert_int_eq(feed(V9("00000010 01010002 00080004 001c0010 01010018" A4 B6)), 0);
	/* a complete pair beside half a pair */
	ck_assert_int_eq(feed(V9("00000014 01020003 00080004 001b0010 001c0010"
				 "01020028" A4 A6 B6)),
		0);
	ck_assert_uint_eq(seen.record[0].flow.ip_version, 4);
	ck_assert_uint_eq(seen.record[1].flow.ip_version, 4);
	ck_assert(seen.record[1].known[0] & SF_KNOWN_ADDRESS);
	ck_assert(!(seen.record[1].known[1] & SF_KNOWN_ADDRESS));
	ck_assert_uint_eq(seen.record[2].flow.ip_version, 6);
	end();
}
END_TEST

/* Times that depend on others: events, durations, uptimes of an unknown start. */
START_TEST(test_times_from_others)
{
	const struct sf_flow_half *half;

	start(0);
	/* flowStartSeconds and the event of a firewall's record: its end */
	ck_assert_int_eq(feed_ipfix(0, "00020010 01000002 00960004 01430008"
				       "01000010 64000000 000001871dfddbe8"),
		0);
	half = &seen.record[0].flow.half[0];
	ck_assert_int_eq(half->start_ns, 0x64000000 * SF_NS_PER_S);
	ck_assert_int_eq(half->end_ns, INT64_C(0x1871dfddbe8) * 1000000);
	/* a duration beside an end, and alone */
	ck_assert_int_eq(feed_ipfix(1, "00020010 01000002 00970004 00a10004"
				       "0100000c 64000000 000007d0"),
		0);
	half = &seen.record[1].flow.half[0];
	ck_assert_int_eq(half->start_ns, 0x64000000 * SF_NS_PER_S - 2 * SF_NS_PER_S);
	ck_assert_int_eq(feed_ipfix(2, "0002000c 01000001 00a20004 01000008 001e8480"), 0);
	half = &seen.record[2].flow.half[0];
	ck_assert_int_eq(half->end_ns, 0x65000000 * SF_NS_PER_S);
	ck_assert_int_eq(half->start_ns, 0x64fffffe * SF_NS_PER_S);
	/* uptimes that wrapped between start and end */
	ck_assert_int_eq(feed_ipfix(3, "00020010 01000002 00160004 00150004"
				       "0100000c fffffc18 000003e8"),
		0);
	half = &seen.record[3].flow.half[0];
	ck_assert_int_eq(half->end_ns, 0x65000000 * SF_NS_PER_S);
	ck_assert_int_eq(half->start_ns, 0x64fffffe * SF_NS_PER_S);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_eq(seen.record[i].known[0] & (SF_KNOWN_START | SF_KNOWN_END),
			SF_KNOWN_START | SF_KNOWN_END);
	/* one uptime says nothing; a start alone is no end */
	ck_assert_int_eq(feed_ipfix(4, "0002000c 01000001 00160004 01000008 000003e8"), 0);
	ck_assert_uint_eq(seen.record[4].known[0] & (SF_KNOWN_START | SF_KNOWN_END), 0);
	ck_assert_int_eq(feed_ipfix(5, "0002000c 01000001 00960004 01000008 64000000"), 0);
	ck_assert_uint_eq(
		seen.record[5].known[0] & (SF_KNOWN_START | SF_KNOWN_END), SF_KNOWN_START);
	/* beyond what 64 bits of ns hold */
	ck_assert_int_eq(feed_ipfix(6, "00020014 01000003 00980008 00990008 00a10004"
				       "01000018 ffffffffffffffff ffffffffffffffff ffffffff"),
		0);
	ck_assert_int_eq(seen.record[6].flow.half[0].end_ns, INT64_MAX);
	ck_assert_int_eq(feed_ipfix(7, "00020010 01000002 00980008 00a10004"
				       "01000010 ffffffffffffffff ffffffff"),
		0);
	ck_assert_int_eq(seen.record[7].flow.half[0].end_ns, INT64_MAX);
	end();
}
END_TEST

/* A file with the records of two exporters: the start of one does not date the other's uptimes. */
START_TEST(test_start_of_another_exporter)
{
	start(0);
	/* options: 130 is the scope, 160; then records with 130, 22, 21 */
	ck_assert_int_eq(
		feed_ipfix(0, "00030012 01000002 0001 00820004 00a00008"
			      "01000010 c0000201 0000018a8814c0f0"
			      "00020014 01010003 00820004 00160004 00150004"
			      "0101001c c0000201 000003e8 000007d0 c0000202 000003e8 000007d0"),
		0);
	ck_assert_uint_eq(seen.id[1][1], 152);
	ck_assert_int_eq(seen.record[1].flow.half[0].start_ns,
		INT64_C(0x18a8814c0f0) * 1000000 + 1000 * INT64_C(1000000));
	ck_assert_uint_eq(seen.id[2][1], 22);
	ck_assert_int_eq(seen.record[2].flow.half[0].end_ns, 0x65000000 * SF_NS_PER_S);
	end();
}
END_TEST

/* The origin of a record is shown once: not if the record itself has it. */
START_TEST(test_origin)
{
	start(0);
	/* 130 and 149 as they are; others than they are; an IPv6 exporter */
	ck_assert_int_eq(feed_ipfix(0, "00020010 01000002 00820004 00950004"
				       "01000014 c0000201 00000001 c0000209 00000005"),
		0);
	ck_assert_uint_eq(seen.record[0].origin_count, 0);
	ck_assert_str_eq(seen.json[0],
		"{\"exporterIPv4Address\":\"192.0.2.1\",\"observationDomainId\":1,"
		"\"exportTime\":\"2023-09-12T06:06:56.000Z\"}\n");
	ck_assert_str_eq(seen.json[1],
		"{\"exporterIPv4Address\":\"192.0.2.9\",\"observationDomainId\":5,"
		"\"exporterIPv4Address_2\":\"192.0.2.1\",\"observationDomainId_2\":1,"
		"\"exportTime\":\"2023-09-12T06:06:56.000Z\"}\n");
	ck_assert_int_eq(
		feed_from("[2001:db8::1]:4000", "00090002 000f4240 65000000 00000000 00000007"
						"0000000c 01000001 00010004 01000008 00000005"),
		0);
	ck_assert_str_eq(seen.json[2],
		"{\"octetDeltaCount\":5,\"exporterIPv6Address\":\"2001:db8::1\","
		"\"observationDomainId\":7,\"exportTime\":\"2023-09-12T06:06:56.000Z\"}\n");
	end();
}
END_TEST

/*
 * Aggregated records are about networks, under the names of prefixes or of addresses. The length of
 * a route that is told beside the address of a host is none of it.
 */
START_TEST(test_networks)
{
	static const struct {
		const char *message;
		uint8_t address[4], bits;
		uint32_t known;
	} cases[] = {
		/* 44 and 9 */
		{ "00020010 01000002 002c0004 00090001 01000009 c0000200 18", { 192, 0, 2 }, 24,
			SF_KNOWN_ADDRESS | SF_KNOWN_PREFIX },
		/* 8, 9 and 3: a folded record */
		{ "00020014 01000003 00080004 00090001 00030001 0100000a c0000200 18 05",
			{ 192, 0, 2 }, 24, SF_KNOWN_ADDRESS | SF_KNOWN_PREFIX },
		{ "00020014 01000003 00080004 00090001 00030001 0100000a 00000000 00 05", { 0 }, 0,
			SF_KNOWN_ADDRESS | SF_KNOWN_PREFIX },
		/* a host of that network */
		{ "00020014 01000003 00080004 00090001 00030001 0100000a c0000201 18 05",
			{ 192, 0, 2, 1 }, 0, SF_KNOWN_ADDRESS },
		{ "00020014 01000003 00080004 00090001 00030001 0100000a c0000280 18 05",
			{ 192, 0, 2, 128 }, 0, SF_KNOWN_ADDRESS },
		{ "00020014 01000003 00080004 00090001 00030001 0100000a c0000200 20 05",
			{ 192, 0, 2 }, 0, SF_KNOWN_ADDRESS },
		/* no aggregated record; and one without a length, or with a wrong one */
		{ "00020010 01000002 00080004 00090001 01000009 c0000200 18", { 192, 0, 2 }, 0,
			SF_KNOWN_ADDRESS },
		{ "00020010 01000002 00080004 00030001 01000009 c0000200 05", { 192, 0, 2 }, 0,
			SF_KNOWN_ADDRESS },
		{ "00020014 01000003 00080004 00090001 00030001 0100000a c0000200 ff 05",
			{ 192, 0, 2 }, 0, SF_KNOWN_ADDRESS },
		/* ports are those of hosts: 7 */
		{ "00020018 01000004 00080004 00090001 00030001 00070002 0100000c c0000200 18 05"
		  "0035",
			{ 192, 0, 2 }, 0, SF_KNOWN_ADDRESS },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct sf_collected *record = &seen.record[0];

		start(0);
		ck_assert_int_eq(feed_ipfix(0, cases[i].message), 0);
		ck_assert_uint_eq(seen.count, 1);
		ck_assert_mem_eq(record->flow.addr[0], cases[i].address, 4);
		ck_assert_uint_eq(
			record->known[0] & (SF_KNOWN_ADDRESS | SF_KNOWN_PREFIX), cases[i].known);
		ck_assert_uint_eq(record->flow.prefix_length[0], cases[i].bits);
		end();
	}
}
END_TEST

CHECK_MAIN("collect_record", test_networks, test_biflow, test_times, test_members, test_one_ttl,
	test_icmp, test_combined_addresses, test_repeated_elements, test_answers_without_packets,
	test_reverse_octets_without_packets, test_known, test_wide_numbers, test_families,
	test_times_from_others, test_start_of_another_exporter, test_origin)
