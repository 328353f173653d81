/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From packets to records: which parts make the key, which numbers a record shows, and the
 * counters. Packets are raw IPv4 and IPv6, built from a few values; parsing proper has its own
 * tests.
 */
#include <string.h>

#include "base/wire.h"
#include "check_main.h"
#include "meter/fragment.h"
#include "meter/meter_facts.h"
#include "oracle.h"
#include "parse/parse.h"

#define S     SF_NS_PER_S
#define START (INT64_C(1700000000) * S)

static struct sf_meter *meter;
static struct record_list list;
static const uint32_t ifindex[] = { 21, 22, 23, 24 };
static const uint32_t domain[] = { 5, 5, 6, 6 };

struct made {
	uint8_t bytes[96];
	struct sf_packet packet;
};

/* source and destination: last octet of the address << 16 | port */
static struct sf_packet *make(
	struct made *made, uint32_t source, uint32_t destination, uint8_t protocol, uint8_t tos)
{
	uint8_t *p = made->bytes;

	memset(made, 0, sizeof(*made));
	p = sf_store_u8(p, 0x45);
	p = sf_store_u8(p, tos);
	p = sf_store_be16(p, 40);
	p = sf_store_be32(p, 0);
	p = sf_store_u8(p, 64);
	p = sf_store_u8(p, protocol);
	p = sf_store_be16(p, 0);
	p = sf_store_be32(p, 0xc0000200 + (source >> 16));
	p = sf_store_be32(p, 0xc0000200 + (destination >> 16));
	p = sf_store_be16(p, (uint16_t)source);
	p = sf_store_be16(p, (uint16_t)destination);
	p = sf_store_be32(p, 0);
	p = sf_store_be32(p, 0);
	p = sf_store_be32(p, 0x50100000);
	made->packet = (struct sf_packet){ .data = made->bytes,
		.captured = 40,
		.wire = 40,
		.link = SF_LINK_RAW,
		.time_ns = START };
	return &made->packet;
}

static struct sf_packet *make_ethernet(
	struct made *made, uint32_t source, uint32_t destination, uint8_t protocol)
{
	make(made, source, destination, protocol, 0)->link = SF_LINK_ETHERNET;
	memmove(made->bytes + 14, made->bytes, 40);
	memcpy(made->bytes, (uint8_t[14]){ [12] = 0x08, 0 }, 14);
	made->packet.captured = made->packet.wire = 54;
	return &made->packet;
}

static void setup(uint32_t key, bool per_packet)
{
	struct sf_meter_options options = { .idle_timeout_ns = 15 * S,
		.active_timeout_ns = 60 * S,
		.max_flows = 100,
		.key = key,
		.per_packet = per_packet,
		.sink = { record_list_put, &list },
		.ifindex = ifindex,
		.domain = domain };

	ck_assert_int_eq(sf_meter_new(&meter, &options, NULL), 0);
}

static const struct sf_observation_point point = { .id = 1, .interface_base = 2 };

static void put(const struct sf_packet *packet)
{
	int64_t clock = START;

	sf_meter_batch(meter, packet, 1, &clock, &point);
}

static void check_counters(void)
{
	struct sf_ledger ledger;
	uint64_t flows, packets, octets;

	sf_meter_ledger(meter, &ledger);
	sf_meter_sum(meter, &flows, &packets, &octets);
	ck_assert(sf_ledger_balanced(&ledger));
	ck_assert_uint_eq(ledger.flows_active, flows);
	ck_assert_uint_eq(ledger.table_packets, packets);
	ck_assert_uint_eq(ledger.table_octets, octets);
}

static void finish(void)
{
	struct sf_ledger ledger;

	check_counters();
	sf_meter_finish(meter, START);
	check_counters();
	sf_meter_ledger(meter, &ledger);
	ck_assert_uint_eq(ledger.records, list.count);
	ck_assert_uint_eq(ledger.flows_active, 0);
}

static void teardown(void)
{
	sf_meter_free(meter);
	record_list_free(&list);
}

/* How many records come out of TCP A→B, its answer, another port, another TOS, UDP. */
static size_t records_with_key(uint32_t key)
{
	struct made made;
	size_t count;

	setup(key, false);
	put(make(&made, 1 << 16 | 1000, 2 << 16 | 80, 6, 0));
	make(&made, 2 << 16 | 80, 1 << 16 | 1000, 6, 0)->interface = 1;
	put(&made.packet);
	put(make(&made, 1 << 16 | 1001, 2 << 16 | 80, 6, 0));
	put(make(&made, 1 << 16 | 1000, 2 << 16 | 80, 6, 8));
	put(make(&made, 1 << 16 | 1000, 2 << 16 | 80, 17, 0));
	put(make(&made, 3 << 16 | 1000, 2 << 16 | 80, 6, 0));
	make_ethernet(&made, 1 << 16 | 1000, 2 << 16 | 80, 6);
	made.packet.flags = SF_PACKET_VLAN;
	made.packet.vlan_tci = 7;
	put(&made.packet);
	finish();
	count = list.count;
	teardown();
	return count;
}

START_TEST(key_parts_tell_flows_apart)
{
	/* A↔B and TOS 8 | port 1001 | UDP | other host | VLAN */
	ck_assert_uint_eq(records_with_key(0), 5);
	ck_assert_uint_eq(records_with_key(SF_KEY_DEFAULT), 5);
	ck_assert_uint_eq(records_with_key(SF_KEY_DEFAULT | SF_KEY_TOS), 6);
	ck_assert_uint_eq(records_with_key(SF_KEY_DEFAULT | SF_KEY_INTERFACE), 6);
	ck_assert_uint_eq(records_with_key(SF_KEY_DEFAULT & ~SF_KEY_VLAN), 4);
	ck_assert_uint_eq(records_with_key(SF_KEY_DEFAULT & ~SF_KEY_PORT), 4);
	ck_assert_uint_eq(records_with_key(SF_KEY_DEFAULT & ~SF_KEY_PROTOCOL), 4);
	ck_assert_uint_eq(records_with_key(SF_KEY_DEFAULT & ~SF_KEY_ADDRESS), 4);
	ck_assert_uint_eq(records_with_key(SF_KEY_ADDRESS), 2);
	ck_assert_uint_eq(records_with_key(SF_KEY_PROTOCOL), 2);
}
END_TEST

/* With a key of ports without addresses both directions still meet. */
START_TEST(directions_stay_apart_without_addresses)
{
	struct made made;

	setup(SF_KEY_PORT | SF_KEY_PROTOCOL, false);
	put(make(&made, 9 << 16 | 80, 2 << 16 | 1000, 17, 0));
	put(make(&made, 1 << 16 | 1000, 9 << 16 | 80, 17, 0));
	put(make(&made, 9 << 16 | 1000, 1 << 16 | 80, 17, 0));
	finish();
	ck_assert_uint_eq(list.count, 1);
	ck_assert_uint_eq(list.flows[0].half[0].packets, 1);
	ck_assert_uint_eq(list.flows[0].half[1].packets, 2);
	ck_assert_uint_eq(list.flows[0].port[0], 80);
	ck_assert_uint_eq(list.flows[0].addr[0][0], 0);
	teardown();
}
END_TEST

/* An aggregate of many connections does not end with one of them. */
START_TEST(aggregates_do_not_end_with_a_reset)
{
	struct made made;

	setup(SF_KEY_ADDRESS | SF_KEY_PROTOCOL, false);
	make(&made, 1 << 16 | 1000, 2 << 16 | 80, 6, 0);
	made.bytes[33] = 0x04;
	put(&made.packet);
	finish();
	ck_assert_uint_eq(list.flows[0].end_reason, SF_END_FORCED);
	ck_assert_uint_eq(list.flows[0].half[0].tcp_flags, 4);
	teardown();
}
END_TEST

START_TEST(record_names_interfaces_and_domain)
{
	struct made made;

	setup(0, false);
	put(make(&made, 1 << 16 | 1000, 2 << 16 | 80, 17, 0x28));
	make(&made, 2 << 16 | 80, 1 << 16 | 1000, 17, 0)->interface = 1;
	put(&made.packet);
	finish();
	ck_assert_uint_eq(list.count, 1);
	ck_assert_uint_eq(list.flows[0].half[0].ingress, 23);
	ck_assert_uint_eq(list.flows[0].half[1].ingress, 24);
	ck_assert_uint_eq(list.flows[0].domain, 6);
	ck_assert_uint_eq(list.flows[0].half[0].tos, 0x28);
	ck_assert_uint_eq(list.flows[0].half[0].octets, 40);
	teardown();
}
END_TEST

START_TEST(frames_are_metered_or_ignored_by_name)
{
	struct made made;
	struct sf_ledger ledger;

	setup(0, false);
	put(make(&made, 1, 2, 17, 0));
	make(&made, 1, 2, 17, 0)->captured = 12;
	put(&made.packet);
	make(&made, 1, 2, 17, 0)->link = 9999;
	put(&made.packet);
	make(&made, 1, 2, 17, 0);
	made.bytes[0] = 0x42;
	put(&made.packet);
	sf_meter_ignore(meter, SF_IGNORED_filtered, 3);
	sf_meter_ledger(meter, &ledger);
	ck_assert_uint_eq(ledger.frames, 7);
	ck_assert_uint_eq(ledger.packets, 1);
	ck_assert_uint_eq(ledger.ignored[SF_IGNORED_truncated], 1);
	ck_assert_uint_eq(ledger.ignored[SF_IGNORED_unsupportedLinkType], 1);
	ck_assert_uint_eq(ledger.ignored[SF_IGNORED_malformed], 1);
	ck_assert_uint_eq(ledger.ignored[SF_IGNORED_filtered], 3);
	ck_assert_uint_eq(ledger.unsupported_link, 9999);
	ck_assert_str_eq(sf_ignored_name(SF_IGNORED_ownExport), "ownExport");
	finish();
	teardown();
}
END_TEST

/* Facts are those of the packets in their order, whichever packets the vector instructions take. */
START_TEST(packets_of_all_kinds_in_one_batch)
{
	enum { PLAIN, TRUNCATED, FRAGMENT, ICMP, OTHER_INTERFACE, TAG_BESIDE, KINDS };
	struct made made[SF_METER_PART];
	struct sf_packet packets[SF_METER_PART];
	struct sf_facts facts[SF_METER_PART];
	unsigned parsed = 0, truncated = 0, n;
	struct sf_ledger ledger;

	setup(0, false);
	for (unsigned i = 0; i < SF_METER_PART; i++) {
		unsigned kind = i < KINDS ? i : i * i % 7 % KINDS;
		struct sf_packet *packet = make_ethernet(&made[i], 1000 + i, 2000, 17);

		packet->captured = kind == TRUNCATED ? 30 : packet->captured;
		made[i].bytes[14 + 6] = kind == FRAGMENT ? 0x20 : 0;
		made[i].bytes[14 + 9] = kind == ICMP ? 1 : 17;
		packet->interface = kind == OTHER_INTERFACE;
		packet->flags = kind == TAG_BESIDE ? SF_PACKET_VLAN : 0;
		packet->vlan_tci = 9;
		packet->time_ns = START + i;
		packets[i] = *packet;
		truncated += kind == TRUNCATED;
	}
	n = sf_meter_parse(meter, packets, SF_METER_PART, NULL, &point,
		(struct sf_facts_array){ facts, NULL });
	ck_assert_uint_eq(n, SF_METER_PART - truncated);
	for (unsigned i = 0; i < SF_METER_PART; i++) {
		struct sf_facts expected = { 0 };

		if (sf_parse(&packets[i], &expected) != SF_PARSED)
			continue;
		expected.scope = point.id;
		expected.interface += point.interface_base;
		if (expected.flags & SF_FACT_FRAGMENT)
			sf_fragment_mark(&expected);
		ck_assert_mem_eq(&facts[parsed++], &expected, SF_FACTS_IPV4);
	}
	ck_assert_uint_eq(parsed, n);
	sf_meter_ledger(meter, &ledger);
	ck_assert_uint_eq(ledger.frames, SF_METER_PART);
	ck_assert_uint_eq(ledger.ignored[SF_IGNORED_truncated], truncated);
	teardown();
}
END_TEST

/*
 * docs/design.md §6: timeouts are decided at the clock that has been reached, not at the packet's
 * time.
 */
START_TEST(clock_decides_timeouts_and_steps_back_are_counted)
{
	struct made made;
	struct sf_ledger ledger;
	int64_t clock = START + 20 * S;

	setup(0, false);
	put(make(&made, 1, 2, 17, 0));
	made.packet.time_ns = START + S;
	sf_meter_batch(meter, &made.packet, 1, &clock, &point);
	sf_meter_ledger(meter, &ledger);
	ck_assert_uint_eq(ledger.clock_steps, 1);
	ck_assert_uint_eq(ledger.records, 1);
	finish();
	ck_assert_int_eq(list.flows[1].half[0].start_ns, START + S);
	teardown();
}
END_TEST

/* Packets in order need no clocks; times that no table can reckon with are brought into range. */
START_TEST(packets_without_clocks_have_their_own)
{
	static const int64_t times[] = { INT64_MIN, START, START + S, INT64_MAX };
	struct sf_packet packets[4];
	struct made made[4];
	struct sf_ledger ledger;

	setup(0, false);
	for (unsigned i = 0; i < 4; i++) {
		packets[i] = *make(&made[i], 1, 2 + (uint8_t)i, 17, 0);
		packets[i].data = made[i].packet.data;
		packets[i].time_ns = times[i];
	}
	sf_meter_batch(meter, packets, 4, NULL, &point);
	sf_meter_batch(meter, packets + 1, 2, NULL, &point);
	sf_meter_ledger(meter, &ledger);
	ck_assert_uint_eq(ledger.clock_steps, 0);
	ck_assert_uint_eq(ledger.packets, 6);
	finish();
	ck_assert_uint_eq(list.count, 4);
	for (unsigned i = 0; i < 4; i++) {
		int64_t start = list.flows[i].half[0].start_ns;

		ck_assert(start == START || start == START + S || llabs(start) == INT64_C(1) << 62);
		ck_assert_int_eq(start, list.flows[i].half[0].end_ns);
	}
	teardown();
}
END_TEST

/* The end comes at any time: what is not over by then leaves because it must. */
START_TEST(end_may_be_any_time)
{
	static const struct {
		int64_t now;
		enum sf_end_reason reason;
	} cases[] = { { INT64_MIN, SF_END_FORCED }, { START, SF_END_FORCED },
		{ INT64_MAX, SF_END_IDLE } };
	struct made made;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setup(0, false);
		put(make(&made, 1, 2, 17, 0));
		sf_meter_finish(meter, cases[i].now);
		ck_assert_uint_eq(list.count, 1);
		ck_assert_uint_eq(list.flows[0].end_reason, cases[i].reason);
		list.count = 0;
		teardown();
	}
}
END_TEST

START_TEST(each_packet_can_be_a_record)
{
	struct made made;

	setup(0, true);
	for (unsigned i = 0; i < 100; i++)
		put(make(&made, 1, 2, 17, 0));
	ck_assert_uint_eq(list.count, 100);
	finish();
	ck_assert_uint_eq(list.count, 100);
	teardown();
}
END_TEST

/* What two meters count when one parses and the other has the table. */
START_TEST(books_of_two_meters_close_together)
{
	struct sf_ledger sum = { .unsupported_link = UINT32_MAX }, ledger;
	struct sf_meter *parser;
	struct sf_facts facts[1];
	const struct sf_facts_array array = { facts, NULL };
	struct made made;
	int64_t clock = START;

	setup(0, false);
	parser = meter;
	setup(0, false);
	make(&made, 1, 2, 17, 0);
	ck_assert_uint_eq(sf_meter_parse(parser, &made.packet, 1, &clock, &point, array), 1);
	*sf_meter_room(meter).facts = facts[0];
	sf_meter_offer(meter, 1);
	make(&made, 1, 2, 17, 0)->link = 9999;
	ck_assert_uint_eq(sf_meter_parse(parser, &made.packet, 1, &clock, &point, array), 0);
	sf_meter_ledger(parser, &ledger);
	ck_assert(!sf_ledger_balanced(&ledger));
	sf_ledger_add(&sum, &ledger);
	sf_meter_ledger(meter, &ledger);
	sf_ledger_add(&sum, &ledger);
	ck_assert(sf_ledger_balanced(&sum));
	ck_assert_uint_eq(sum.unsupported_link, 9999);
	ck_assert_uint_eq(sum.frames, 2);
	ck_assert_uint_eq(sum.packets, 1);
	sf_meter_free(parser);
	teardown();
}
END_TEST

/* The flows left in one meter leave in parts, some of them through another meter. */
START_TEST(records_may_leave_through_another_meter)
{
	struct sf_ledger sum = { .unsupported_link = UINT32_MAX }, ledger;
	struct sf_meter *of;
	struct made made;

	setup(SF_KEY_DEFAULT, false);
	of = meter;
	for (uint32_t i = 1; i < 6; i++)
		put(make(&made, i << 16 | 1000, 9 << 16 | 80, 6, 0));
	setup(SF_KEY_DEFAULT, false);
	ck_assert_uint_eq(sf_meter_ids_used(of), 5);
	sf_meter_finish_part(meter, of, 3, 5, START);
	ck_assert_uint_eq(list.count, 2);
	sf_meter_finish_part(of, of, 0, 3, START);
	ck_assert_uint_eq(list.count, 5);
	sf_meter_forget(of);
	for (uint32_t i = 0; i < 5; i++) {
		const struct sf_flow *flow = &list.flows[i];

		/* as they were put into the table */
		ck_assert_uint_eq(flow->addr[0][3], (i + 3) % 5 + 1);
		ck_assert_uint_eq(flow->end_reason, SF_END_FORCED);
		ck_assert_uint_eq(flow->half[0].ingress, 23);
	}
	sf_meter_ledger(meter, &ledger);
	ck_assert_uint_eq(ledger.records, 2);
	ck_assert_uint_eq(ledger.flows_created, 0);
	sf_ledger_add(&sum, &ledger);
	sf_meter_ledger(of, &ledger);
	ck_assert_uint_eq(ledger.records, 3);
	sf_ledger_add(&sum, &ledger);
	ck_assert(sf_ledger_balanced(&sum));
	ck_assert_uint_eq(sum.records, 5);
	ck_assert_uint_eq(sum.record_packets, 5);
	ck_assert_uint_eq(sum.table_packets, 0);
	ck_assert_uint_eq(sum.table_octets, 0);
	ck_assert_uint_eq(sum.flows_active, 0);
	ck_assert(sf_ledger_closed(&sum));
	/* the meter that has forgotten goes on */
	ck_assert_uint_eq(sf_meter_ids_used(of), 0);
	sf_meter_free(of);
	teardown();
}
END_TEST

/* The number of packets in the table follows from the other counters, and is 0 at the end. */
START_TEST(books_close_when_all_is_told)
{
	const struct sf_ledger closed = { .frames = 3,
		.packets = 3,
		.octets = 300,
		.flows_created = 1,
		.flows_ended = 1,
		.records = 1,
		.record_packets = 3,
		.record_octets = 300 };
	struct sf_ledger ledger = closed;

	ck_assert(sf_ledger_closed(&ledger));
	ledger.flows_active = 1;
	ck_assert(sf_ledger_balanced(&ledger) && !sf_ledger_closed(&ledger));
	ledger = closed;
	ledger.record_packets--;
	ledger.table_packets++;
	ck_assert(sf_ledger_balanced(&ledger) && !sf_ledger_closed(&ledger));
	ledger = closed;
	ledger.record_octets--;
	ledger.table_octets++;
	ck_assert(sf_ledger_balanced(&ledger) && !sf_ledger_closed(&ledger));
	/* a packet in two records */
	ledger = closed;
	ledger.record_packets++;
	ledger.table_packets--;
	ck_assert(!sf_ledger_balanced(&ledger));
	ledger = closed;
	ledger.record_octets++;
	ledger.table_octets--;
	ck_assert(!sf_ledger_balanced(&ledger));
}
END_TEST

/* A switch pads frames to 60 octets, tag included: what is behind the packet is no part of it. */
START_TEST(copies_differ_in_padding)
{
	struct sf_meter_options options = { .idle_timeout_ns = 15 * S,
		.active_timeout_ns = 60 * S,
		.max_flows = 100,
		.dedup = SF_DEDUP_DROP,
		.dedup_window_ns = S,
		.sink = { record_list_put, &list } };
	struct sf_ledger ledger;
	struct made made;

	ck_assert_int_eq(sf_meter_new(&meter, &options, NULL), 0);
	put(make_ethernet(&made, 1, 2, 6));
	make_ethernet(&made, 1, 2, 6);
	made.packet.captured = made.packet.wire = 60;
	put(&made.packet);
	memmove(made.bytes + 18, made.bytes + 14, 40);
	memcpy(made.bytes + 12, (uint8_t[]){ 0x81, 0, 0, 7, 0x08, 0 }, 6);
	memset(made.bytes + 58, 0xff, 2);
	put(&made.packet);
	sf_meter_ledger(meter, &ledger);
	ck_assert_uint_eq(ledger.packets, 1);
	ck_assert_uint_eq(ledger.ignored[SF_IGNORED_duplicate], 2);
	teardown();
}
END_TEST

/* The frequent ones stay, whatever comes between; no frame is lost from the sum. */
START_TEST(most_frequent_ethertypes)
{
	struct sf_ethertypes ethertypes = { 0 };
	uint64_t sum = 0, arp = 0;

	for (unsigned i = 0; i < 10000; i++) {
		sf_ethertypes_add(&ethertypes, 0x0806, 1);
		sf_ethertypes_add(&ethertypes, (uint16_t)(0x9000 + i), 1);
	}
	for (unsigned i = 0; i < SF_ETHERTYPES_MAX; i++) {
		sum += ethertypes.types[i].frames;
		if (ethertypes.types[i].type == 0x0806)
			arp = ethertypes.types[i].frames;
	}
	ck_assert_uint_eq(arp, 10000);
	ck_assert_uint_eq(sum + ethertypes.others, 20000);
}
END_TEST

START_TEST(unknown_key_part_is_refused)
{
	struct sf_meter_options options = { .idle_timeout_ns = S,
		.active_timeout_ns = S,
		.max_flows = 1,
		.key = 0x4000,
		.sink = { record_list_put, &list } };
	struct sf_error error;

	ck_assert_int_eq(sf_meter_new(&meter, &options, &error), SF_EUSAGE);
	options.key = 0;
	options.max_flows = 0;
	ck_assert_int_eq(sf_meter_new(&meter, &options, &error), SF_EUSAGE);
	sf_meter_free(NULL);
}
END_TEST

CHECK_MAIN("meter", most_frequent_ethertypes, key_parts_tell_flows_apart,
	directions_stay_apart_without_addresses, aggregates_do_not_end_with_a_reset,
	record_names_interfaces_and_domain, frames_are_metered_or_ignored_by_name,
	packets_of_all_kinds_in_one_batch, clock_decides_timeouts_and_steps_back_are_counted,
	packets_without_clocks_have_their_own, end_may_be_any_time, each_packet_can_be_a_record,
	books_of_two_meters_close_together, records_may_leave_through_another_meter,
	books_close_when_all_is_told, copies_differ_in_padding, unknown_key_part_is_refused)
