/* SPDX-License-Identifier: BSD-2-Clause */
/* Export sessions over loopback: templates, sequence numbers, sizes, refusals. */
#include "export_support.h"
#include "transport/transport.h"

/* RFC 7011 §8 and §8.4: templates first, more than once over UDP, in messages before the data. */
/* [RFC3954-7-4] */
START_TEST(templates_and_options_come_before_data)
{
	struct sf_exporter *exporter = start(OFFLINE, IPFIX, "");
	unsigned first_data = 0, template_messages = 0, options_before = 0;

	put_many(exporter, 10);
	ck_assert_uint_eq(finish(exporter).sent.records, 10);
	while (reader->messages[first_data].flows == 0) {
		template_messages += reader->messages[first_data].templates > 0;
		options_before += reader->messages[first_data].options;
		first_data++;
	}
	ck_assert_uint_eq(reader->messages[0].templates, 4);
	/* §8: options templates in the same message */
	ck_assert_uint_eq(reader->messages[0].options_templates, 8);
	ck_assert_uint_ge(template_messages, 2);
	ck_assert_uint_ge(options_before, 4);
	end();
}
END_TEST

/* RFC 7011 §3.1: data records of all kinds sent before; templates do not count. */
START_TEST(ipfix_sequence_counts_data_records)
{
	struct sf_exporter *exporter = start(OFFLINE, IPFIX, "");
	uint32_t sequence = 0;

	put_many(exporter, 3000);
	finish(exporter);
	ck_assert_uint_eq(flow_count(reader), 3000);
	for (unsigned i = 0; i < reader->message_count; i++) {
		ck_assert_uint_eq(reader->messages[i].sequence, sequence);
		sequence += reader->messages[i].flows + reader->messages[i].options;
	}
	end();
}
END_TEST

/* RFC 3954 §5.1: sequence in packets, templates included, from 0. */
/* [RFC3954-5.1-1] */
START_TEST(netflow9_sequence_counts_packets)
{
	struct sf_exporter *exporter = start(OFFLINE, NETFLOW9, "");

	put_many(exporter, 3000);
	finish(exporter);
	ck_assert_uint_eq(flow_count(reader), 3000);
	for (unsigned i = 0; i < reader->message_count; i++)
		ck_assert_uint_eq(reader->messages[i].sequence, i);
	end();
}
END_TEST

START_TEST(netflow5_sequence_counts_flows)
{
	struct sf_exporter *exporter = start(OFFLINE, NETFLOW5, "");
	struct sf_destination_stats stats;
	uint32_t sequence = 0;

	put_many(exporter, 1000);
	stats = finish(exporter);
	/* no IPv6: skipped and counted */
	ck_assert_uint_eq(stats.skipped_ipv6.records, 200);
	ck_assert_uint_eq(stats.skipped_ipv6.packets, 2000);
	ck_assert_uint_eq(stats.skipped_ipv6.octets, 200 * 3015);
	ck_assert_uint_eq(flow_count(reader), 800);
	ck_assert_uint_eq(reader->message_count, (800 + 29) / 30);
	for (unsigned i = 0; i < reader->message_count; i++) {
		ck_assert_uint_eq(reader->messages[i].sequence, sequence);
		sequence += reader->messages[i].flows;
	}
	end();
}
END_TEST

/* RFC 7011 §10.3.3: IP and UDP headers count; never above what is known to pass. */
/* [RFC7011-10.3.3-1] */
START_TEST(datagrams_fit_the_mtu)
{
	static const struct {
		int family;
		const char *scheme, *rest;
		size_t limit, least;
	} cases[] = {
		{ AF_INET, IPFIX, "", 7652, 7560 },
		{ AF_INET, IPFIX, ",rate=0", 7652, 7560 },
		{ AF_INET6, IPFIX6, "", 7632, 7540 },
		{ AF_INET, IPFIX, ",mtu=600", 572, 500 },
		{ AF_INET, IPFIX, ",mtu=1500", 1472, 1380 },
		{ AF_INET6, IPFIX6, ",mtu=1500", 1452, 1360 },
		{ AF_INET, NETFLOW9, "", 1472, 1380 },
		{ AF_INET6, NETFLOW96, "", 1452, 1360 },
		{ AF_INET, NETFLOW9, ",mtu=576", 548, 480 },
		{ AF_INET, NETFLOW9, ",mtu=9000", 8972, 8800 },
		{ AF_INET, NETFLOW5, "", 1464, 1464 },
		{ AF_INET, NETFLOW5, ",mtu=200", 172, 120 },
		{ AF_INET, IPFIX, ",mtu=9000", 8972, 8800 },
		{ AF_INET, IPFIX, ",mtu=65535", 65507, 60000 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sf_exporter *exporter;
		size_t largest = 0;

		receiver = receiver_open(cases[i].family);
		reader = reader_new();
		exporter = exporter_to(&receiver, OFFLINE, cases[i].scheme, cases[i].rest);
		for (unsigned n = 0; n < 2500; n++) {
			struct sf_flow flow = flow_ipv4(n);

			put(exporter, &flow);
		}
		ck_assert_uint_eq(finish(exporter).sent.records, 2500);
		ck_assert_uint_eq(flow_count(reader), 2500);
		for (unsigned m = 0; m < reader->message_count; m++)
			if (reader->messages[m].length > largest)
				largest = reader->messages[m].length;
		ck_assert_uint_le(largest, cases[i].limit);
		ck_assert_uint_ge(largest, cases[i].least);
		end();
	}
}
END_TEST

/* To a collector elsewhere 1500 octets, whatever the protocol's collectors could take. */
START_TEST(datagrams_to_other_hosts_stay_small)
{
	struct sf_udp_options options = {
		.peer.host = "192.0.2.77", .peer.port = "4739", .large = true
	};
	struct sf_transport *transport;
	struct sf_error error;

	if (sf_udp_open(&transport, &options, &error) < 0)
		return; /* no route out of here */
	ck_assert(!sf_udp_stays_here(transport));
	ck_assert_uint_le(transport->max_message, 1472);
	transport->ops->free(transport);

	options.peer.host = "127.0.0.1";
	ck_assert_int_eq(sf_udp_open(&transport, &options, &error), 0);
	ck_assert(sf_udp_stays_here(transport));
	ck_assert_uint_eq(transport->max_message, 7652);
	transport->ops->free(transport);
}
END_TEST

/* 30 records of NetFlow v5 are 1512 octets over IPv6. */
START_TEST(netflow5_over_ipv6_has_29_records)
{
	struct sf_exporter *exporter;

	receiver = receiver_open(AF_INET6);
	reader = reader_new();
	exporter = exporter_to(&receiver, OFFLINE, "netflow5://[::1]", "");
	for (unsigned i = 0; i < 58; i++) {
		struct sf_flow flow = flow_ipv4(i);

		put(exporter, &flow);
	}
	finish(exporter);
	ck_assert_uint_eq(reader->message_count, 2);
	ck_assert_uint_eq(reader->messages[0].flows, 29);
	end();
}
END_TEST

START_TEST(record_larger_than_mtu_is_counted)
{
	struct sf_exporter *exporter = start(OFFLINE, IPFIX, ",mtu=128,profile=extended");
	struct sf_flow flow = flow_ipv6(0);
	struct sf_destination_stats stats;

	put(exporter, &flow);
	sf_exporter_finish(exporter);
	stats = stats_of(exporter, 0);
	ck_assert(sf_destination_balanced(&stats));
	ck_assert_uint_eq(stats.lost_tooLarge.records, 1);
	ck_assert_uint_eq(stats.lost_tooLarge.octets, 3015);
	ck_assert_ptr_nonnull(strstr(stats.failure, "mtu"));
	sf_exporter_free(exporter);
	end();
}
END_TEST

/* A record does not wait longer for others that fill its message. */
START_TEST(waiting_records_leave_within_a_second)
{
	struct sf_exporter *exporter = start(LIVE, IPFIX, "");
	struct sf_flow flow = flow_ipv4(0);

	sf_exporter_tick(exporter, T0, T0);
	put(exporter, &flow);
	sf_exporter_tick(exporter, T0 + S, T0 + S);
	receive(reader, &receiver);
	ck_assert_uint_eq(flow_count(reader), 1);
	ck_assert_uint_eq(stats_of(exporter, 0).sent.records, 1);
	finish(exporter);
	end();
}
END_TEST

/* RFC 7011 §8: a template that is first needed later goes out before its data. */
START_TEST(extended_templates_come_when_needed)
{
	struct sf_exporter *exporter = start(LIVE, IPFIX, ",profile=extended,options=no");
	struct sf_flow flow = flow_ipv4(0);
	struct full_annex annex;
	const struct record *record;

	put(exporter, &flow);
	sf_exporter_tick(exporter, T0 + 10 * S, 0);
	flow.has = SF_HAS_VLAN | SF_HAS_MPLS | SF_HAS_MAC;
	flow.vlan = 9;
	give_annex(&flow, &annex);
	set_number(&annex, SF_FACT_mpls, 0, 0x11223);
	set_fact(&annex, SF_FACT_src_mac, 0, "\2\0\0\0\0\0");
	put(exporter, &flow);
	finish(exporter);
	ck_assert_uint_eq(flow_count(reader), 2);
	ck_assert(!has_field(flow_record(reader, 0), 0, 58));
	record = flow_record(reader, 1);
	ck_assert_uint_eq(field(record, 0, 58), 9);
	ck_assert_uint_eq(field(record, 0, 70), 0x11223);
	ck_assert_uint_eq(field(record, 0, 56), UINT64_C(0x020000000000));
	ck_assert_uint_eq(field(record, 0, 52), 63);
	ck_assert_uint_eq(field(record, 0, 53), 64);
	ck_assert_uint_eq(field(record, 0, 148), 1000);
	end();
}
END_TEST

/*
 * A collected flow may come without its packets, or without any count: it is a record all the same.
 */
START_TEST(flows_without_counts_are_records)
{
	static const char *const rest[] = { "", ",biflow=yes" };

	for (unsigned i = 0; i < 2; i++) {
		struct sf_exporter *exporter = start(OFFLINE, IPFIX, rest[i]);
		struct sf_flow flows[6];
		struct sf_destination_stats stats;

		for (unsigned j = 0; j < 6; j++)
			flows[j] = flow_ipv4(j);
		flows[1].half[0].packets = 0;
		flows[2].half[0].packets = flows[2].half[0].octets = 0;
		answer(&flows[4]);
		flows[4].half[1] = flows[4].half[0];
		flows[4].half[0].packets = 0;
		ck_assert_uint_eq(sf_exporter_put(exporter, flows, 6), 6);
		stats = finish(exporter);
		/* flow 4 has two directions, though its exporter counted the octets of one only */
		ck_assert_uint_eq(stats.sent.records, i ? 6 : 7);
		ck_assert_uint_eq(stats.sent.packets, 40);
		ck_assert_uint_eq(stats.sent.octets, 6 * 3015);
		ck_assert_uint_eq(flow_count(reader), i ? 6 : 7);
		ck_assert_uint_eq(field(flow_record(reader, 1), 0, 1), 3015);
		ck_assert_uint_eq(field(flow_record(reader, 1), 0, 2), 0);
		end();
	}
}
END_TEST

/*
 * Many flows at once, some seen in both directions: their two records may come to lie in two
 * messages, of which none is too long, and the order stays.
 */
START_TEST(two_records_of_a_flow_in_two_messages)
{
	static const char *const schemes[] = { IPFIX, NETFLOW9, NETFLOW5 };

	for (unsigned scheme = 0; scheme < 3; scheme++)
		for (unsigned mtu = 240; mtu < 440; mtu += 65) {
			struct sf_flow flows[150];
			struct sf_exporter *exporter;
			unsigned records = 0;
			char rest[32];

			snprintf(rest, sizeof(rest), ",mtu=%u", mtu);
			exporter = start(OFFLINE, schemes[scheme], rest);
			for (unsigned i = 0; i < 150; i++) {
				flows[i] = flow_ipv4(i);
				flows[i].half[0].packets = 1 + records++;
				if (i / 11 % 2 == 0)
					continue;
				flows[i].directions |= SF_REVERSE;
				flows[i].half[1] = flows[i].half[0];
				flows[i].half[1].packets = 1 + records++;
			}
			ck_assert_uint_eq(sf_exporter_put(exporter, flows, 150), 150);
			ck_assert_uint_eq(finish(exporter).sent.records, records);
			ck_assert_uint_eq(flow_count(reader), records);
			for (unsigned i = 0; i < records && scheme < 2; i++)
				ck_assert_uint_eq(field(flow_record(reader, i), 0, 2), 1 + i);
			for (unsigned i = 0; i < reader->message_count; i++)
				ck_assert_uint_le(reader->messages[i].length, mtu - 28);
			end();
		}
}
END_TEST

/* RFC 7011 §3.1, §3.4.1: sequence and templates belong to session and observation domain. */
START_TEST(domains_have_sequences_and_templates_of_their_own)
{
	struct sf_exporter *exporter = start(
		&(struct sf_exporter_options){ .packet_clock = true, .domain = 5 }, IPFIX, "");
	uint32_t sequence[3] = { 0 };

	for (unsigned i = 0; i < 900; i++) {
		struct sf_flow flow = flow_ipv4(i);

		flow.domain = i % 3 ? i % 3 : 0;
		put(exporter, &flow);
	}
	finish(exporter);
	ck_assert_uint_eq(flow_count(reader), 900);
	for (unsigned i = 0; i < reader->message_count; i++) {
		const struct message *message = &reader->messages[i];
		unsigned domain = message->domain == 5 ? 0 : message->domain;

		ck_assert_uint_lt(domain, 3);
		ck_assert_uint_eq(message->sequence, sequence[domain]);
		sequence[domain] += message->flows + message->options;
	}
	ck_assert(sequence[0] > 300 && sequence[1] > 300 && sequence[2] > 300);
	end();
}
END_TEST

/* Several collectors: each has its own session, all get everything. */
/* [RFC5471-3.5.6-1] */
START_TEST(collectors_are_independent)
{
	struct receiver second = receiver_open(AF_INET);
	struct reader *first_reader;
	struct sf_exporter *exporter = start(OFFLINE, IPFIX, "");
	struct sf_error error = { 0 };
	char url[64];

	snprintf(url, sizeof(url), "netflow9://127.0.0.1:%u", second.port);
	ck_assert_int_eq(sf_exporter_add_collector(exporter, url, &error), 0);
	put_many(exporter, 500);
	sf_exporter_finish(exporter);
	for (unsigned i = 0; i < 2; i++) {
		struct sf_destination_stats stats = stats_of(exporter, i);

		ck_assert(sf_destination_balanced(&stats));
		ck_assert_uint_eq(stats.sent.records, 500);
	}
	ck_assert_str_eq(stats_of(exporter, 1).url, url);
	ck_assert_str_eq(stats_of(exporter, 1).kind, "netflow9");
	sf_exporter_free(exporter);
	receive(reader, &receiver);
	ck_assert_uint_eq(flow_count(reader), 500);
	first_reader = reader;
	reader = reader_new();
	receive(reader, &second);
	ck_assert_uint_eq(flow_count(reader), 500);
	reader_free(first_reader);
	close(second.fd);
	end();
}
END_TEST

/* A port where nobody listens: ICMP comes back, nothing counts as sent. */
START_TEST(refused_datagrams_are_counted)
{
	for (unsigned count = 1; count <= 5000; count = count * 5 + 3) {
		struct sf_exporter *exporter = start(OFFLINE, IPFIX, ",rate=0");
		struct sf_destination_stats stats;

		close(receiver.fd);
		put_many(exporter, count);
		sf_exporter_finish(exporter);
		stats = stats_of(exporter, 0);
		ck_assert(sf_destination_balanced(&stats));
		ck_assert_uint_eq(stats.lost_unreachable.records, count);
		ck_assert_uint_eq(stats.sent.records, 0);
		ck_assert_ptr_nonnull(strstr(stats.failure, "is not listening"));
		sf_exporter_free(exporter);
		reader_free(reader);
	}
}
END_TEST

/* A collector that comes back gets what follows. */
START_TEST(refusal_does_not_end_the_session)
{
	struct sf_exporter *exporter = start(LIVE, NETFLOW5, "");
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(receiver.port) };
	struct sf_flow flow = flow_ipv4(0);
	struct sf_destination_stats stats;

	close(receiver.fd);
	put(exporter, &flow);
	sf_exporter_tick(exporter, T0 + 10 * S, 0);
	receiver.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(receiver.fd, (struct sockaddr *)&address, sizeof(address)), 0);
	put(exporter, &flow);
	sf_exporter_finish(exporter);
	receive(reader, &receiver);
	stats = stats_of(exporter, 0);
	ck_assert(sf_destination_balanced(&stats));
	ck_assert_uint_eq(stats.lost_unreachable.records, 1);
	ck_assert_uint_eq(stats.sent.records, 1);
	ck_assert_uint_eq(flow_count(reader), 1);
	/* the sequence shows what was lost */
	ck_assert_uint_eq(reader->messages[0].sequence, 1);
	sf_exporter_free(exporter);
	end();
}
END_TEST

START_TEST(own_addresses_are_known)
{
	struct sf_exporter *exporter = start(OFFLINE, IPFIX, "");
	struct sockaddr_storage local, peer;
	unsigned size = sizeof(local), peer_size = sizeof(peer);

	ck_assert(sf_exporter_local_address(exporter, 0, (struct sockaddr *)&local, &size,
		(struct sockaddr *)&peer, &peer_size));
	ck_assert_uint_eq(ntohs(((struct sockaddr_in *)&peer)->sin_port), receiver.port);
	ck_assert_uint_ne(((struct sockaddr_in *)&local)->sin_port, 0);
	ck_assert(!sf_exporter_local_address(exporter, 1, (struct sockaddr *)&local, &size,
		(struct sockaddr *)&peer, &peer_size));
	sf_exporter_free(exporter);
	end();
}
END_TEST

CHECK_MAIN("export_session", templates_and_options_come_before_data,
	ipfix_sequence_counts_data_records, netflow9_sequence_counts_packets,
	netflow5_sequence_counts_flows, datagrams_fit_the_mtu, datagrams_to_other_hosts_stay_small,
	netflow5_over_ipv6_has_29_records, record_larger_than_mtu_is_counted,
	waiting_records_leave_within_a_second, extended_templates_come_when_needed,
	flows_without_counts_are_records, two_records_of_a_flow_in_two_messages,
	domains_have_sequences_and_templates_of_their_own, collectors_are_independent,
	refused_datagrams_are_counted, refusal_does_not_end_the_session, own_addresses_are_known);
