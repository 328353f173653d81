/* SPDX-License-Identifier: BSD-2-Clause */
/* The collecting process: messages, templates, sequence numbers. */
#include "collect_support.h"

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

CHECK_MAIN("collect", test_rfc7011_appendix_a, test_ipfix_sequence, test_sequence_of_streams,
	test_sequence_restart, test_variable_length, test_unknown_sets, test_padding,
	test_withdrawal_over_udp, test_connections, test_redefinition, test_stop);
