/* SPDX-License-Identifier: BSD-2-Clause */
/* What records and options data say: times, counters, fields, both directions. */
#include "export_support.h"

/* The absolute time that a collector computes from a v9 or v5 field. */
static int64_t absolute_ms(const struct message *message, uint32_t uptime_field)
{
	return (int64_t)message->time * 1000 + message->nsecs / 1000000 - message->uptime +
	       uptime_field;
}

static void check_uptimes(unsigned index, const struct sf_flow *flow)
{
	const struct record *record = flow_record(reader, index);
	const struct message *message = &reader->messages[record->message];
	uint32_t first, last;

	if (record->template) {
		first = (uint32_t)field(record, 0, 22);
		last = (uint32_t)field(record, 0, 21);
	} else {
		first = sf_load_be32(record->bytes + 24);
		last = sf_load_be32(record->bytes + 28);
	}
	/* no wrap anywhere: FIRST <= LAST <= sysUptime */
	ck_assert_uint_le(first, last);
	ck_assert_uint_le(last, message->uptime);
	ck_assert_int_eq(absolute_ms(message, first), flow->half[0].start_ns / MS);
	ck_assert_int_eq(absolute_ms(message, last), flow->half[0].end_ns / MS);
}

/*
 * RFC 3954 §5.1 and §8: exact to the millisecond whatever the fraction of the second, for
 * captures from years ago and for flows that end in the millisecond of the export.
 */
START_TEST(uptimes_are_exact_and_not_in_the_future)
{
	for (int v5 = 0; v5 < 2; v5++) {
		struct sf_exporter *exporter = start(OFFLINE, v5 ? NETFLOW5 : NETFLOW9, "");
		struct sf_flow flows[200];

		for (unsigned i = 0; i < 200; i++) {
			flows[i] = flow_ipv4(i);
			flows[i].half[0].start_ns += i * 137 * MS;
			flows[i].half[0].end_ns = flows[i].half[0].start_ns + i * 999999;
			put(exporter, &flows[i]);
		}
		finish(exporter);
		for (unsigned i = 0; i < 200; i++)
			check_uptimes(i, &flows[i]);
		end();
	}
}
END_TEST

/* Live: the header is wall time, but never before the last packet of a record in it. */
START_TEST(live_uptime_is_not_before_the_flow)
{
	struct sf_exporter *exporter = start(LIVE, NETFLOW9, "");
	struct sf_flow flow = flow_ipv4(0);

	sf_exporter_tick(exporter, flow.half[0].end_ns - 700 * MS, 0);
	put(exporter, &flow);
	finish(exporter);
	check_uptimes(0, &flow);
	end();
}
END_TEST

/* Collectors compute boot time and record times in unsigned ms since 1970 (SiLK). */
START_TEST(boot_is_not_before_1970)
{
	static const int64_t starts[] = { 0, 92 * S, 96 * 3600 * S - MS, 96 * 3600 * S, T0 };

	for (int v5 = 0; v5 < 2; v5++)
		for (unsigned i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
			struct sf_exporter *exporter = start(OFFLINE, v5 ? NETFLOW5 : NETFLOW9, "");
			struct sf_flow flow = flow_ipv4(0);

			flow.half[0].start_ns = starts[i];
			flow.half[0].end_ns = starts[i] + 1500 * MS;
			put(exporter, &flow);
			finish(exporter);
			check_uptimes(0, &flow);
			for (unsigned k = 0; k < reader->message_count; k++)
				ck_assert_int_ge(absolute_ms(&reader->messages[k], 0), 0);
			end();
		}
}
END_TEST

/* Times at the ends of 64 bits, as a collected record may have them, overflow nothing. */
START_TEST(times_at_the_ends_of_64_bits)
{
	static const char *const schemes[] = { IPFIX, NETFLOW9, NETFLOW5 };
	static const int64_t times[] = { INT64_MIN, -1, 0, INT64_MAX };

	for (unsigned i = 0; i < 3; i++) {
		struct sf_exporter *exporter = start(OFFLINE, schemes[i], "");

		for (unsigned k = 0; k < 4; k++) {
			struct sf_flow flow = flow_ipv4(k);

			flow.half[0].start_ns = flow.half[0].end_ns = times[k];
			put(exporter, &flow);
		}
		ck_assert_uint_eq(finish(exporter).sent.records, 4);
		end();
	}
}
END_TEST

/* 32 bits of ms are 49.7 days: no record is ever on the other side of a wrap. */
START_TEST(uptime_survives_49_days)
{
	for (int v5 = 0; v5 < 2; v5++) {
		struct sf_exporter *exporter = start(OFFLINE, v5 ? NETFLOW5 : NETFLOW9, "");
		struct sf_flow flows[120];
		int64_t hour = 3600 * S;

		for (unsigned i = 0; i < 120; i++) {
			flows[i] = flow_ipv4(i);
			flows[i].half[0].start_ns += (int64_t)i * 24 * hour;
			/* up to 72 h long, ending around a wrap too */
			flows[i].half[0].end_ns = flows[i].half[0].start_ns + (i % 4) * 24 * hour;
			put(exporter, &flows[i]);
		}
		/* and out of order: a flow from the first day at the very end */
		put(exporter, &flows[0]);
		finish(exporter);
		for (unsigned i = 0; i < 120; i++)
			check_uptimes(i, &flows[i]);
		check_uptimes(120, &flows[0]);
		end();
	}
}
END_TEST

START_TEST(live_uptime_survives_49_days)
{
	struct sf_exporter *exporter = start(LIVE, NETFLOW9, "");
	struct sf_flow flows[100];

	for (unsigned i = 0; i < 100; i++) {
		int64_t now = T0 + (int64_t)i * 24 * 3600 * S;

		sf_exporter_tick(exporter, now, now);
		flows[i] = flow_ipv4(i);
		flows[i].half[0].start_ns = now - 30 * S;
		flows[i].half[0].end_ns = now - 10 * S;
		put(exporter, &flows[i]);
		sf_exporter_tick(exporter, now + S, now + S);
		receive(reader, &receiver);
	}
	finish(exporter);
	for (unsigned i = 0; i < 100; i++)
		check_uptimes(i, &flows[i]);
	end();
}
END_TEST

/* RFC 3954 §3.2: 32-bit counters; a larger flow is split, never wrapped or cut. */
START_TEST(netflow5_splits_what_32_bits_cannot_hold)
{
	struct sf_exporter *exporter = start(OFFLINE, NETFLOW5, "");
	struct sf_flow flow = flow_ipv4(0);
	struct sf_destination_stats stats;
	uint64_t packets = 0, octets = 0;

	flow.half[0].packets = 123456789;
	flow.half[0].octets = UINT64_C(10) << 32;
	put(exporter, &flow);
	stats = finish(exporter);
	ck_assert_uint_eq(stats.sent.records, 11);
	ck_assert_uint_eq(stats.sent.octets, flow.half[0].octets);
	for (unsigned i = 0; i < 11; i++) {
		packets += sf_load_be32(flow_record(reader, i)->bytes + 16);
		octets += sf_load_be32(flow_record(reader, i)->bytes + 20);
	}
	ck_assert_uint_eq(packets, flow.half[0].packets);
	ck_assert_uint_eq(octets, flow.half[0].octets);
	end();

	exporter = start(OFFLINE, NETFLOW5, "");
	flow.half[0].octets = UINT32_MAX;
	put(exporter, &flow);
	ck_assert_uint_eq(finish(exporter).sent.records, 1);
	ck_assert_uint_eq(sf_load_be32(flow_record(reader, 0)->bytes + 20), UINT32_MAX);
	end();
}
END_TEST

/* The default profile, value by value. */
START_TEST(ipfix_default_record)
{
	struct sf_exporter *exporter = start(OFFLINE, IPFIX, "");
	struct sf_flow flow = flow_ipv4(0);
	const struct record *record;

	flow.has = SF_HAS_VLAN | SF_HAS_CVLAN;
	flow.vlan = 7;
	flow.cvlan = 8;
	flow.half[0].tcp_flags = 0x11b;
	flow.half[0].octets = UINT64_C(0x123456789);
	put(exporter, &flow);
	finish(exporter);
	record = flow_record(reader, 0);
	ck_assert_uint_eq(field(record, 0, 8), 0xc0000201);
	ck_assert_uint_eq(field(record, 0, 12), 0xc6336407);
	ck_assert_uint_eq(field(record, 0, 7), 40000);
	ck_assert_uint_eq(field(record, 0, 11), 443);
	ck_assert_uint_eq(field(record, 0, 4), 6);
	ck_assert_uint_eq(field(record, 0, 5), 0x28);
	ck_assert_uint_eq(field(record, 0, 6), 0x1b); /* one octet: the low eight flags */
	ck_assert_uint_eq(field(record, 0, 60), 4);
	ck_assert_uint_eq(field(record, 0, 1), UINT64_C(0x123456789));
	ck_assert_uint_eq(field(record, 0, 2), 10);
	ck_assert_uint_eq(field(record, 0, 152), (uint64_t)(T0 / MS));
	ck_assert_uint_eq(field(record, 0, 153), (uint64_t)(T0 / MS + 1500));
	ck_assert_uint_eq(field(record, 0, 10), 3);
	ck_assert_uint_eq(field(record, 0, 14), 3);
	ck_assert_uint_eq(field(record, 0, 61), 0);
	ck_assert_uint_eq(field(record, 0, 136), 3);
	ck_assert_uint_eq(field(record, 0, 58), 7);
	ck_assert_uint_eq(field(record, 0, 243), 7);
	ck_assert_uint_eq(field(record, 0, 245), 8);
	ck_assert_uint_eq(field(record, 0, 48), 1);
	ck_assert(!has_field(record, 0, 32));
	ck_assert(!has_field(record, 0, 27));
	/* nothing enterprise, nothing of variable length (the reader checks that) */
	for (unsigned i = 0; i < record->template->count; i++)
		ck_assert_uint_eq(record->template->fields[i].pen, 0);
	end();
}
END_TEST

/*
 * RFC 3954 §8: field types are below 128, except those that all collectors know; 60 is the IP
 * version.
 */
START_TEST(netflow9_default_record)
{
	struct sf_exporter *exporter = start(OFFLINE, NETFLOW9, "");
	struct sf_flow flow = flow_ipv6(0);
	const struct record *record;

	put(exporter, &flow);
	finish(exporter);
	record = flow_record(reader, 0);
	ck_assert(has_field(record, 0, 27) && has_field(record, 0, 28));
	ck_assert_uint_eq(field(record, 0, 60), 6);
	ck_assert_uint_eq(field(record, 0, 136), 3);
	ck_assert(!has_field(record, 0, 8));
	ck_assert(!has_field(record, 0, 152));
	ck_assert(!has_field(record, 0, 245));
	for (unsigned i = 0; i < record->template->count; i++) {
		uint16_t id = record->template->fields[i].id;

		ck_assert(id < 128 || id == 136 || id == 243);
	}
	end();
}
END_TEST

/*
 * ICMP in every form that some collector reads: field 32 or 139 and the destination port. NetFlow
 * v9 has both fields for ICMPv6.
 */
START_TEST(icmp_type_and_code)
{
	static const char *const schemes[] = { IPFIX, NETFLOW9 };

	for (unsigned i = 0; i < 2; i++)
		for (uint8_t version = 4; version <= 6; version += 2) {
			struct sf_exporter *exporter = start(OFFLINE, schemes[i], "");
			struct sf_flow flow = flow_icmp(version);
			const struct record *record;
			uint16_t element = version == 4 ? 32 : 139;

			answer(&flow);
			put(exporter, &flow);
			finish(exporter);
			record = flow_record(reader, 0);
			ck_assert_uint_eq(field(record, 0, 7), 0);
			ck_assert_uint_eq(field(record, 0, 11), version == 4 ? 0x0800 : 0x8000);
			ck_assert_uint_eq(
				field(record, 0, element), version == 4 ? 0x0800 : 0x8000);
			ck_assert_int_eq(has_field(record, 0, 32), version == 4 || i == 1);
			ck_assert_int_eq(has_field(record, 0, 139), version == 6);
			if (version == 6 && i == 1)
				ck_assert_uint_eq(field(record, 0, 32), 0x8000);
			record = flow_record(reader, 1);
			ck_assert_int_eq(field_index(record, 0, element, 1), -1); /* once */
			ck_assert_uint_eq(field(record, 0, 11), version == 4 ? 0 : 0x8100);
			ck_assert_uint_eq(field(record, 0, element), version == 4 ? 0 : 0x8100);
			end();
		}
}
END_TEST

/*
 * Later fragments have no type: no field says one, also between flows that have one, in one batch.
 */
START_TEST(icmp_without_type)
{
	static const char *const schemes[] = { IPFIX, NETFLOW9 };

	for (unsigned i = 0; i < 2; i++)
		for (uint8_t version = 4; version <= 6; version += 2) {
			struct sf_exporter *exporter = start(OFFLINE, schemes[i], "");
			uint16_t element = version == 4 ? 32 : 139;
			unsigned with = 0;

			for (unsigned n = 0; n < 3; n++) {
				struct sf_flow flow = flow_icmp(version);

				if (n == 1)
					flow.port[0] = flow.port[1] = 0;
				put(exporter, &flow);
			}
			finish(exporter);
			/* the record without type may come last, as it has another template */
			for (unsigned n = 0; n < 3; n++) {
				const struct record *record = flow_record(reader, n);
				bool has = has_field(record, 0, element);

				with += has;
				ck_assert_int_eq(
					has_field(record, 0, 32), has && (version == 4 || i == 1));
				ck_assert_int_eq(field(record, 0, 11) != 0, has);
			}
			ck_assert_uint_eq(with, 2);
			end();
		}
}
END_TEST

START_TEST(both_directions_are_uniflows)
{
	struct sf_exporter *exporter = start(OFFLINE, IPFIX, "");
	struct sf_flow flow = flow_ipv4(0);
	struct sf_destination_stats stats;
	const struct record *record;

	answer(&flow);
	put(exporter, &flow);
	stats = finish(exporter);
	ck_assert_uint_eq(stats.offered.records, 2);
	ck_assert_uint_eq(stats.sent.packets, 18);
	ck_assert_uint_eq(stats.sent.octets, 12015);
	record = flow_record(reader, 1);
	ck_assert_uint_eq(field(record, 0, 8), 0xc6336407);
	ck_assert_uint_eq(field(record, 0, 12), 0xc0000201);
	ck_assert_uint_eq(field(record, 0, 7), 443);
	ck_assert_uint_eq(field(record, 0, 11), 40000);
	ck_assert_uint_eq(field(record, 0, 2), 8);
	ck_assert_uint_eq(field(record, 0, 1), 9000);
	ck_assert_uint_eq(field(record, 0, 6), 0x12);
	end();
}
END_TEST

/* RFC 5103 §4, §6: reverse elements only where both directions were seen; 239 in each record. */
START_TEST(biflows_have_reverse_elements)
{
	struct sf_exporter *exporter = start(OFFLINE, IPFIX, ",biflow=yes");
	struct sf_flow flow = flow_ipv4(0), one_way = flow_ipv4(1), only_answer;
	const struct record *record;
	struct sf_destination_stats stats;

	answer(&flow);
	put(exporter, &flow);
	put(exporter, &one_way);
	only_answer = flow;
	memset(&only_answer.half[0], 0, sizeof(only_answer.half[0]));
	only_answer.directions = SF_REVERSE;
	put(exporter, &only_answer);
	stats = finish(exporter);
	ck_assert_uint_eq(stats.offered.records, 3);
	ck_assert_uint_eq(stats.sent.packets, 18 + 10 + 8);
	for (unsigned i = 0; i < 3; i++) {
		record = flow_record(reader, i);
		if (field(record, 0, 7) == 40001) {
			ck_assert(!has_field(record, SF_PEN_REVERSE, 1));
			ck_assert_uint_eq(field(record, 0, 239), 1);
		} else if (field(record, 0, 7) == 443) {
			/* the responder alone: its record says so, §6.3 */
			ck_assert(!has_field(record, SF_PEN_REVERSE, 1));
			ck_assert_uint_eq(field(record, 0, 239), 2);
			ck_assert_uint_eq(field(record, 0, 2), 8);
		} else {
			ck_assert_uint_eq(field(record, 0, 7), 40000);
			ck_assert_uint_eq(field(record, 0, 239), 1);
			ck_assert_uint_eq(field(record, 0, 2), 10);
			ck_assert_uint_eq(field(record, SF_PEN_REVERSE, 2), 8);
			ck_assert_uint_eq(field(record, SF_PEN_REVERSE, 1), 9000);
			ck_assert_uint_eq(field(record, SF_PEN_REVERSE, 6), 0x12);
			ck_assert_uint_eq(
				field(record, SF_PEN_REVERSE, 152), (uint64_t)(T0 / MS + 20));
			ck_assert_uint_eq(field(record, SF_PEN_CERT, 21), 20);
			/* §6.1: not reversible */
			ck_assert(!has_field(record, SF_PEN_REVERSE, 148));
			ck_assert(!has_field(record, SF_PEN_REVERSE, 239));
		}
	}
	end();
}
END_TEST

/* RFC 7011 §6.1.9, §6.1.10 */
START_TEST(finer_times_on_request)
{
	struct sf_exporter *exporter = start(OFFLINE, IPFIX, ",time=us");
	struct sf_flow flow = flow_ipv4(0);

	flow.half[0].start_ns = INT64_C(1600000000123456789);
	flow.half[0].end_ns = flow.half[0].start_ns;
	put(exporter, &flow);
	finish(exporter);
	ck_assert_uint_eq(field(flow_record(reader, 0), 0, 154), UINT64_C(0xe3088e801f9ad000));
	ck_assert(!has_field(flow_record(reader, 0), 0, 152));
	end();

	exporter = start(OFFLINE, IPFIX, ",time=ns");
	put(exporter, &flow);
	finish(exporter);
	/* fraction 123456789 * 2^32 / 10^9, rounded up */
	ck_assert_uint_eq(field(flow_record(reader, 0), 0, 156), UINT64_C(0xe3088e801f9add38));
	end();
}
END_TEST

static unsigned two_interfaces(void *context, unsigned slot, uint32_t *index, const char **name)
{
	static const char *const names[] = { "eth0", "a name of more than thirty-two octets \xff" };

	ck_assert_ptr_nonnull(context);
	if (slot >= 2)
		return 0;
	*index = 3 + slot;
	*name = names[slot];
	return 1;
}

/* Options data has sampling even at 1:1, interface names, times and totals. */
/*
 * [RFC7011-4.1-1] [RFC7011-4.2-1] [RFC7011-4.3-1] [RFC5471-3.4.3-1] [RFC5471-3.4.4-1]
 * [RFC5471-3.4.5-1]
 */
START_TEST(options_data_tell_about_the_exporter)
{
	int context;
	struct sf_exporter_options options = {
		.packet_clock = true,
		.domain = 77,
		.sampling_interval = 0,
		.interfaces = two_interfaces,
		.interfaces_context = &context,
	};
	struct sf_exporter *exporter = start(&options, IPFIX, "");
	struct sf_ledger ledger = { 0 };
	struct sf_destination_stats stats;
	const struct record *record;

	ledger.ignored[SF_IGNORED_truncated] = 2;
	ledger.ignored[SF_IGNORED_malformed] = 3;
	ledger.ignored[SF_IGNORED_unsupportedLinkType] = 4;
	ledger.ignored[SF_IGNORED_handOver] = 5;
	ledger.ignored[SF_IGNORED_nonIp] = 1000;
	ledger.ignored[SF_IGNORED_filtered] = 1000;
	ledger.ignored[SF_IGNORED_notSampled] = 1000;
	ledger.ignored[SF_IGNORED_duplicate] = 1000;
	ledger.ignored[SF_IGNORED_ownExport] = 1000;
	ledger.lost_records = 6;
	ledger.lost_packets = 60;
	ledger.lost_octets = 600;
	sf_exporter_tick(exporter, T0, T0);
	sf_exporter_metering(exporter, &ledger, 10);
	sf_exporter_tick(exporter, T0 + 5 * MS, T0 + 5 * MS);
	ledger.lost_records = 7;
	sf_exporter_metering(exporter, &ledger, 10);
	put_many(exporter, 100);
	stats = finish(exporter);
	record = options_record(reader, 50);
	ck_assert_uint_eq(record->template->fields[0].id, 144);
	ck_assert_uint_eq(record->template->domain, 77);
	ck_assert_uint_eq(field(record, 0, 48), 1);
	ck_assert_uint_eq(field(record, 0, 49), 1);
	ck_assert_uint_eq(field(record, 0, 50), 1);
	record = options_record(reader, 82);
	ck_assert_uint_eq(record->template->fields[0].id, 10);
	ck_assert_uint_eq(field(record, 0, 10), 4);
	ck_assert_int_eq(memcmp(record->bytes + 4, "a name of more than thirty-two o", 32), 0);
	/* [RFC7011-6.1.6-1] [RFC7011-6.1.6-2] */
	/* RFC 7011 §6.1.6: no ill-formed UTF-8 */
	ck_assert_str_eq(
		(const char *)record->bytes + 36, "a name of more than thirty-two octets ?");
	/* RFC 7011 §4.1, last copy: everything before the message that carries it */
	record = options_record(reader, 41);
	ck_assert_uint_eq(field(record, 0, 149), 77);
	ck_assert_uint_eq(field(record, 0, 41), stats.messages - 1);
	ck_assert_uint_eq(field(record, 0, 42), 100);
	ck_assert_uint_eq(field(record, 0, 40),
		stats.message_octets - reader->messages[reader->message_count - 1].length);
	/* RFC 7011 §4.2: what should have been metered, not what was left out on purpose */
	record = options_record(reader, 164);
	ck_assert_uint_eq(field(record, 0, 164), 24);
	ck_assert_int_eq(field_index(record, 0, 323, 1), 4);
	ck_assert_uint_eq(field(record, 0, 323), (uint64_t)(T0 / MS));
	/* RFC 7011 §4.3 */
	record = options_record(reader, 166);
	ck_assert_uint_eq(field(record, 0, 166), 7);
	ck_assert_uint_eq(field(record, 0, 167), 60);
	ck_assert_uint_eq(field(record, 0, 168), 600);
	ck_assert_uint_eq(field(record, 0, 323), (uint64_t)(T0 / MS));
	ck_assert_uint_eq(sf_load_be(record->bytes + record->template->fields[5].offset, 8),
		(uint64_t)(T0 / MS) + 5);
	record = options_record(reader, 160);
	ck_assert_uint_eq(field(record, 0, 160), (uint64_t)(T0 / MS));
	end();
}
END_TEST

/* RFC 3954 §6.1: scope System, ids that v9 has. */
START_TEST(netflow9_options_data)
{
	struct sf_exporter_options options = { .packet_clock = true, .sampling_interval = 100 };
	struct sf_exporter *exporter = start(&options, NETFLOW9, "");
	const struct record *record;

	put_many(exporter, 10);
	finish(exporter);
	record = options_record(reader, 50);
	ck_assert_uint_eq(record->template->scopes, 1);
	ck_assert_uint_eq(record->template->fields[0].id, 1);
	ck_assert_uint_eq(field(record, 0, 49), 2);
	ck_assert_uint_eq(field(record, 0, 50), 100);
	ck_assert_ptr_nonnull(options_record(reader, 42));
	ck_assert_ptr_null(options_record(reader, 166));
	end();
}
END_TEST

START_TEST(options_can_be_switched_off)
{
	struct sf_exporter *exporter = start(OFFLINE, IPFIX, ",options=no");

	put_many(exporter, 10);
	finish(exporter);
	for (unsigned i = 0; i < reader->message_count; i++) {
		ck_assert_uint_eq(reader->messages[i].options, 0);
		ck_assert_uint_eq(reader->messages[i].options_templates, 0);
	}
	end();
}
END_TEST

START_TEST(netflow5_cannot_announce_every_rate)
{
	struct sf_exporter *exporter;
	struct sf_error error;

	ck_assert_int_eq(
		sf_exporter_new(&exporter,
			&(struct sf_exporter_options){ .sampling_interval = 16384 }, &error),
		0);
	ck_assert_int_eq(sf_exporter_add_collector(exporter, "netflow5://127.0.0.1:2055", &error),
		SF_EUSAGE);
	ck_assert_ptr_nonnull(strstr(error.text, "16384"));
	sf_exporter_free(exporter);
}
END_TEST

CHECK_MAIN("export_record", uptimes_are_exact_and_not_in_the_future,
	live_uptime_is_not_before_the_flow, uptime_survives_49_days, live_uptime_survives_49_days,
	boot_is_not_before_1970, times_at_the_ends_of_64_bits,
	netflow5_splits_what_32_bits_cannot_hold, ipfix_default_record, netflow9_default_record,
	icmp_type_and_code, icmp_without_type, both_directions_are_uniflows,
	biflows_have_reverse_elements, finer_times_on_request, options_data_tell_about_the_exporter,
	netflow9_options_data, options_can_be_switched_off, netflow5_cannot_announce_every_rate)
