/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Layouts of annexes and the merge rules, each by its definition over all packets of a direction.
 * That the table uses them rightly is what test_oracle.c checks.
 */
#include <stdlib.h>
#include <string.h>

#include <spanflow/packet.h>

#include "base/community_id.h"
#include "check_main.h"
#include "engine/records.h"
#include "fact_values.h"

static uint64_t state = 1;

static uint32_t draw(uint32_t below)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(state >> 33) % below;
}

/* ---------------------------------------------------------------- merge rules */

enum { RULES = SF_FACT_MERGE_REST + 1, PACKETS = 40 };

/*
 * A layout of one fact that no run has: a rule for a value of every packet (in the head, 4 bytes),
 * or for one of the packets that have it (in the annex, 2 bytes).
 */
static void make_rule(struct sf_annex_layout *layout, uint8_t merge, bool head)
{
	const bool first = merge == SF_FACT_MERGE_FIRST;

	memset(layout, 0, sizeof(*layout));
	layout->steps[0] = (struct sf_annex_step){
		.merge = merge,
		.op = sf_annex_op(merge, merge == SF_FACT_MERGE_SUM ? 8
					 : head                     ? 4
								    : 2),
		.head = head,
		.has = head ? 0 : SF_HAS_MPLS,
		.from = head ? offsetof(struct sf_facts, octets) : 0,
		.from_bytes = head ? 4 : 2,
		.to = 8,
		.to_bytes = merge == SF_FACT_MERGE_SUM ? 8
			    : head                     ? 4
						       : 2,
	};
	layout->step_count = 1;
	layout->simple_count = head && merge >= SF_FACT_MERGE_MIN;
	layout->later_count = !first;
	layout->all_has = first || head ? 0 : SF_HAS_MPLS;
	layout->first_has = first && !head ? SF_HAS_MPLS : 0;
	layout->side_bytes = 16;
}

struct packet {
	struct sf_facts facts;
	uint16_t annex;
};

static uint8_t first_octet(int64_t value)
{
	const uint32_t u32 = (uint32_t)value;
	uint8_t octet;

	memcpy(&octet, &u32, 1);
	return octet;
}

/* The value of the rule over packets[0 … count-1], by what the rule says; -1: none has it. */
static int64_t expect(
	const struct sf_annex_step *step, const struct packet *packets, unsigned count)
{
	int64_t result = -1, kept = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct packet *packet = &packets[i];
		const bool has = !step->has || sf_facts_has(&packet->facts) & step->has;
		const int64_t time = packet->facts.time_ns;
		const int64_t value = step->head ? packet->facts.octets : packet->annex;

		if (step->merge == SF_FACT_MERGE_FIRST && (i == 0 || time < kept)) {
			result = has ? value : -1;
			kept = time;
		}
		if (!has || step->merge == SF_FACT_MERGE_FIRST)
			continue;
		if (result < 0 || (step->merge == SF_FACT_MERGE_LAST && time >= kept)) {
			result = value;
			kept = time;
			continue;
		}
		switch (step->merge) {
		case SF_FACT_MERGE_MIN:
			result = value < result ? value : result;
			break;
		case SF_FACT_MERGE_MAX:
			result = value > result ? value : result;
			break;
		case SF_FACT_MERGE_BEST:
			result = first_octet(value) > first_octet(result) ? value : result;
			break;
		case SF_FACT_MERGE_SUM:
			result += value;
			break;
		case SF_FACT_MERGE_OR:
			result |= value;
			break;
		default:
			break;
		}
	}
	return result;
}

/* The same for REST. */
static int64_t expect_rest(const struct packet *packets, unsigned count)
{
	unsigned earliest = 0;
	int64_t rest = 0;

	for (unsigned i = 1; i < count; i++)
		if (packets[i].facts.time_ns < packets[earliest].facts.time_ns)
			earliest = i;
	for (unsigned i = 0; i < count; i++)
		rest |= i == earliest ? 0 : packets[i].facts.octets;
	return rest;
}

static void check_rule(uint8_t merge, bool head, unsigned round)
{
	_Alignas(8) uint8_t side[16] = { 0 };
	struct packet packets[PACKETS] = { 0 };
	int64_t earliest = INT64_MAX, latest = INT64_MIN;
	struct sf_annex_layout layout;

	make_rule(&layout, merge, head);
	for (unsigned i = 0; i < PACKETS; i++) {
		struct packet *packet = &packets[i];
		const int64_t time = round % 3 ? (int64_t)i : (int64_t)draw(20);
		unsigned order = time < earliest ? SF_ANNEX_EARLIEST : 0;
		int64_t expected;

		order |= time >= latest ? SF_ANNEX_LATEST : 0;
		earliest = time < earliest ? time : earliest;
		latest = time > latest ? time : latest;
		packet->facts.octets = draw(round % 2 ? 100 : UINT32_MAX);
		packet->facts.time_ns = time;
		/* LAST is about facts that all packets of a direction have, or none */
		if (merge == SF_FACT_MERGE_LAST ? round % 4 : draw(3))
			packet->facts.flags = SF_FACT_MPLS;
		packet->annex = (uint16_t)draw(65536);
		sf_annex_add(&layout, side, &packet->facts, (uint8_t *)&packet->annex, order);
		expected = merge == SF_FACT_MERGE_REST ? expect_rest(packets, i + 1)
						       : expect(&layout.steps[0], packets, i + 1);
		ck_assert_uint_eq(sf_fact_number(side + 8, layout.steps[0].to_bytes),
			expected < 0 ? 0 : (uint64_t)expected);
		ck_assert_uint_eq(((struct sf_annex_side *)(void *)side)->has,
			expected < 0 ? 0 : layout.steps[0].has);
	}
}

START_TEST(merge_rules_mean_what_they_say)
{
	for (unsigned round = 0; round < 300; round++)
		for (uint8_t merge = 0; merge < RULES; merge++) {
			check_rule(merge, true, round);
			/* a rest is of what all packets have */
			if (merge != SF_FACT_MERGE_REST)
				check_rule(merge, false, round);
		}
}
END_TEST

/* OR of octets: the bits of all packets, also in bytes that few packets set. */
START_TEST(octets_are_joined_bit_by_bit)
{
	const uint64_t wanted = SF_FACT_SET(tcp_options);
	struct sf_facts facts = { .version = 4, .flags = SF_FACT_TCP };
	_Alignas(16) uint8_t annex[SF_ANNEX_PACKET_MAX], side[128] = { 0 };
	struct sf_annex_layout layout;
	uint8_t all[32] = { 0 };

	sf_annex_layout_init(&layout, wanted);
	ck_assert_uint_eq(layout.details, SF_DETAILS_OPTIONS);
	for (unsigned i = 0; i < 100; i++) {
		memset(facts.details.tcp_options, 0, 32);
		facts.details.tcp_options[draw(32)] = (uint8_t)(1u << draw(8));
		for (unsigned k = 0; k < 32; k++)
			all[k] |= facts.details.tcp_options[k];
		sf_annex_pack(&layout, &facts, annex);
		sf_annex_add(&layout, side, &facts, annex, i == 50 ? SF_ANNEX_EARLIEST : 0);
		ck_assert_mem_eq(side + layout.at[SF_FACT_tcp_options], all, 32);
	}
	ck_assert_uint_eq(((struct sf_annex_side *)(void *)side)->has, SF_HAS_TCP);
}
END_TEST

/* ---------------------------------------------------------------- layouts */

static void draw_tail(struct sf_facts *facts)
{
	uint8_t *tail = (uint8_t *)facts + SF_FACTS_IPV6;

	for (size_t i = 0; i < sizeof(*facts) - SF_FACTS_IPV6; i++)
		tail[i] = (uint8_t)draw(256);
}

/*
 * Of any set of facts, each has a place of its own, and a packet's values come out as they went in.
 */
START_TEST(facts_of_any_set_keep_their_values)
{
	const uint64_t all = (UINT64_C(1) << SF_FACT_COUNT) - 1;

	for (unsigned round = 0; round < 500; round++) {
		const uint64_t wanted = round ? draw(UINT32_MAX) & all : all;
		struct sf_facts facts = {
			.version = 6, .flags = SF_FACT_MAC | SF_FACT_MPLS, .octets = draw(1500)
		};
		_Alignas(16) uint8_t annex[SF_ANNEX_PACKET_MAX], side[4096] = { 0 };
		uint8_t used[4096] = { 0 };
		struct sf_annex_layout layout;

		draw_tail(&facts);
		sf_annex_layout_init(&layout, wanted);
		ck_assert_uint_eq(layout.facts, wanted);
		if (!wanted)
			continue;
		ck_assert_uint_eq(layout.packet_bytes % 16, 0);
		ck_assert_uint_eq(layout.side_bytes % 8, 0);
		memset(annex, 0xa5, sizeof(annex));
		sf_annex_pack(&layout, &facts, annex);
		sf_annex_add(&layout, side, &facts, annex, SF_ANNEX_LATEST);
		memset(used, 1, sizeof(struct sf_annex_side));
		for (unsigned i = 0; i < SF_FACT_COUNT; i++) {
			const struct sf_fact_row *row = sf_fact_row((enum sf_fact)i);

			if (!(wanted >> i & 1) || row->merge == SF_FACT_MERGE_MADE)
				continue;
			for (unsigned k = 0; k < row->bytes; k++)
				ck_assert_uint_eq(used[layout.at[i] + k]++, 0);
			ck_assert_uint_le(layout.at[i] + row->bytes, layout.side_bytes);
		}
		if (wanted & SF_FACT_SET(src_mac))
			ck_assert_mem_eq(side + layout.at[SF_FACT_src_mac], facts.src_mac,
				sizeof(facts.src_mac));
		if (wanted & SF_FACT_SET(mpls))
			ck_assert_mem_eq(side + layout.at[SF_FACT_mpls], &facts.mpls, 4);
	}
}
END_TEST

/* Facts of a rare condition are packed, moved and merged only with the packets that have them. */
START_TEST(rare_facts_travel_with_their_packets)
{
	struct sf_facts facts = { .version = 4, .flags = SF_FACT_MAC };
	_Alignas(16) uint8_t annex[64], moved[64], side[64] = { 0 };
	struct sf_annex_layout layout;

	sf_annex_layout_init(
		&layout, SF_FACT_SET(mpls) | SF_FACT_SET(src_mac) | SF_FACT_SET(dst_mac));
	ck_assert_uint_eq(layout.common_bytes, 16);
	ck_assert_uint_eq(layout.packet_bytes, 16);
	sf_annex_layout_init(&layout, SF_FACT_SET(mpls));
	ck_assert_uint_eq(layout.common_bytes, 0);
	ck_assert_uint_eq(layout.packet_bytes, 16);
	facts.mpls = 5;
	memset(annex, 0xa5, sizeof(annex));
	memset(moved, 0xa5, sizeof(moved));
	sf_annex_pack(&layout, &facts, annex);
	ck_assert_uint_eq(sf_annex_move(&layout, moved, annex, &facts), 0);
	sf_annex_add(&layout, side, &facts, annex, SF_ANNEX_LATEST);
	ck_assert_uint_eq(sf_fact_number(side + layout.at[SF_FACT_mpls], 4), 0);
	ck_assert_uint_eq(annex[0], 0xa5);
	facts.flags |= SF_FACT_MPLS;
	sf_annex_pack(&layout, &facts, annex);
	ck_assert_uint_eq(sf_annex_move(&layout, moved, annex, &facts), 16);
	memset(side, 0, sizeof(side));
	sf_annex_add(&layout, side, &facts, moved, SF_ANNEX_LATEST);
	ck_assert_uint_eq(sf_fact_number(side + layout.at[SF_FACT_mpls], 4), 5);
}
END_TEST

/*
 * What payload said is kept at the end of a side, is copied only where it is, and stays when the
 * active timeout cuts the flow.
 */
START_TEST(what_payload_said_stays_with_the_flow)
{
	static const uint64_t wanted = SF_FACT_SET(app) | SF_FACT_SET(max_octets) |
				       SF_FACT_SET(application) | SF_FACT_SET(entropy);
	static const struct sf_application answer = { 1, { 22, 0, 5 } };
	const struct sf_app worse = { .rank = SF_APP_NAMED, .kind = SF_APP_DNS };
	const struct sf_app better = { .rank = SF_APP_READ, .kind = SF_APP_DNS, .number = { 28 } };
	struct sf_facts facts = { .version = 4, .octets = 70 };
	_Alignas(16) uint8_t annex[SF_ANNEX_PACKET_MAX], side[1024], copy[1024];
	const struct sf_app *kept, *copied;
	struct sf_annex_layout layout;

	sf_annex_layout_init(&layout, wanted);
	kept = (const struct sf_app *)(const void *)(side + layout.at[SF_FACT_app]);
	copied = (const struct sf_app *)(const void *)(copy + layout.at[SF_FACT_app]);
	memset(side, 0xa5, sizeof(side));
	memset(copy, 0xa5, sizeof(copy));
	sf_annex_clear(&layout, side, SF_ANNEX_KEEP_NOTHING);
	sf_annex_add(&layout, side, &facts, annex, SF_ANNEX_LATEST);
	sf_annex_fill(&layout, copy, side);
	ck_assert_uint_eq(copied->kind, SF_APP_NONE);
	ck_assert_uint_eq(*sf_app_text(copied, 1), 0);
	ck_assert_uint_eq(copy[layout.at[SF_FACT_application]], 0);
	ck_assert_uint_eq(sf_fact_number(copy + layout.at[SF_FACT_entropy], 2), 0);
	for (unsigned i = 0; i < 3; i++) {
		facts.app = i == 1 ? &better : &worse;
		facts.application = i == 1 ? answer : (struct sf_application){ 0 };
		facts.entropy = i ? 0 : 4321;
		facts.tcp_flags = SF_TCP_FLAGS_APP;
		sf_annex_pack(&layout, &facts, annex);
		sf_annex_add(&layout, side, &facts, annex, SF_ANNEX_LATEST);
		ck_assert_uint_eq(kept->rank, i ? SF_APP_READ : SF_APP_NAMED);
	}
	sf_annex_clear(&layout, side, SF_ANNEX_KEEP_FLOW);
	facts.tcp_flags = 0;
	sf_annex_add(&layout, side, &facts, annex, SF_ANNEX_LATEST);
	sf_annex_fill(&layout, copy, side);
	ck_assert_uint_eq(((struct sf_annex_side *)(void *)copy)->has, SF_HAS_APP);
	ck_assert_mem_eq(copied, &better, sizeof(better));
	ck_assert_mem_eq(copy + layout.at[SF_FACT_application], &answer, sizeof(answer));
	ck_assert_uint_eq(sf_fact_number(copy + layout.at[SF_FACT_entropy], 2), 4321);
	/* fragments have other bits in the place of the flag */
	facts.tcp_flags = SF_TCP_FLAGS_APP;
	facts.flags = SF_FACT_FRAGMENT;
	ck_assert_uint_eq(sf_annex_bytes(&layout, &facts), 0);
}
END_TEST

/* ---------------------------------------------------------------- records */

/* A record in a ring keeps its facts until it is done with, whatever becomes of the original. */
START_TEST(records_take_their_facts_through_a_ring)
{
	struct sf_flow flows[8] = { 0 }, got[8];
	static struct full_annex annexes[8];
	struct sf_ring ring;
	unsigned put = 0, taken = 0;

	ck_assert_int_eq(sf_records_init(&ring, 16, UINT64_MAX), 0);
	while (taken < 1000) {
		unsigned n = 1 + draw(8);

		for (unsigned i = 0; i < n; i++) {
			give_annex(&flows[i], &annexes[i]);
			flows[i].id = put + i;
			set_number(&annexes[i], SF_FACT_mpls, 1, put + i);
		}
		put += sf_records_put(&ring, flows, n);
		for (unsigned i = 0; i < n; i++)
			set_number(&annexes[i], SF_FACT_mpls, 1, 0);
		n = sf_records_get(&ring, got, 1 + draw(8));
		for (unsigned i = 0; i < n; i++) {
			ck_assert_uint_eq(got[i].id, taken);
			ck_assert_uint_eq(sf_fact_get_mpls(&got[i], 1), taken++);
			ck_assert_uint_eq(sf_fact_get_mpls(&got[i], 0), 0);
		}
		sf_records_done(&ring, n);
	}
	sf_ring_fini(&ring);
}
END_TEST

/* The examples of the specification. */
START_TEST(community_ids_are_those_of_others)
{
	static const struct {
		uint8_t version, protocol;
		uint8_t addr[2][16];
		uint16_t port[2];
		const char *id;
	} cases[] = {
		{ 4, 6, { { 128, 232, 110, 120 }, { 66, 35, 250, 204 } }, { 34855, 80 },
			"1:LQU9qZlK+B5F3KDmev6m5PMibrg=" },
		{ 4, 17, { { 192, 168, 1, 52 }, { 8, 8, 8, 8 } }, { 54585, 53 },
			"1:d/FP5EW3wiY1vCndhwleRRKHowQ=" },
		{ 4, 132, { { 192, 168, 170, 8 }, { 192, 168, 170, 56 } }, { 7, 80 },
			"1:jQgCxbku+pNGw8WPbEc/TS/uTpQ=" },
		{ 4, 1, { { 192, 168, 0, 89 }, { 192, 168, 0, 1 } }, { 8 << 8, 0 },
			"1:X0snYXpgwiv9TZtqg64sgzUn6Dk=" },
		{ 4, 1, { { 192, 168, 0, 89 }, { 192, 168, 0, 1 } }, { 20 << 8, 20 << 8 },
			"1:3o2RFccXzUgjl7zDpqmY7yJi8rI=" },
		{ 6, 58,
			{ { 0xfe, 0x80, [8] = 0x02, 0x00, 0x86, 0xff, 0xfe, 0x05, 0x80, 0xda },
				{ 0xfe, 0x80, [8] = 0x02, 0x60, 0x97, 0xff, 0xfe, 0x07, 0x69,
					0xea } },
			{ 135 << 8, 136 << 8 }, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=" },
		{ 4, 46, { { 10, 1, 24, 4 }, { 10, 1, 12, 1 } }, { 0, 0 },
			"1:/nQI4Rh/TtY3mf0R2gJFBkVlgS4=" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		/* the answer's sender may have been seen first */
		for (unsigned turned = 0; turned < 2; turned++) {
			struct sf_flow flow = { .ip_version = cases[i].version,
				.protocol = cases[i].protocol };
			uint8_t value[1 + SF_COMMUNITY_ID_LENGTH];

			for (unsigned d = 0; d < 2; d++) {
				memcpy(flow.addr[d], cases[i].addr[d ^ turned], 16);
				flow.port[d] = cases[i].port[d ^ turned];
			}
			if (turned && cases[i].port[0] == 20 << 8)
				continue; /* a message without an answer has one direction */
			sf_community_id(&flow, value);
			ck_assert_uint_eq(value[0], SF_COMMUNITY_ID_LENGTH);
			ck_assert_mem_eq(value + 1, cases[i].id, SF_COMMUNITY_ID_LENGTH);
		}
}
END_TEST

/* The same by the library's names. */
START_TEST(facts_are_found_by_name)
{
	struct sf_flow flow = { .directions = SF_FORWARD, .has = SF_HAS_MPLS };
	static struct full_annex annex;
	size_t length = 0;
	const void *value;

	ck_assert_uint_eq(sf_fact_find("mpls"), SF_FACT_SET(mpls));
	ck_assert_uint_eq(sf_fact_find("mpl"), 0);
	ck_assert_ptr_null(sf_flow_fact(&flow, sf_fact_find("mpls"), 0, &length));
	give_annex(&flow, &annex);
	set_number(&annex, SF_FACT_mpls, 0, 77);
	value = sf_flow_fact(&flow, sf_fact_find("mpls"), 0, &length);
	ck_assert_ptr_nonnull(value);
	ck_assert_uint_eq(length, 4);
	ck_assert_uint_eq(sf_fact_number(value, 4), 77);
	/* it has no answer, and no MAC address */
	ck_assert_ptr_null(sf_flow_fact(&flow, sf_fact_find("mpls"), 1, &length));
	ck_assert_ptr_null(sf_flow_fact(&flow, sf_fact_find("src_mac"), 0, &length));
	ck_assert_ptr_null(sf_flow_fact(&flow, 0, 0, &length));
}
END_TEST

CHECK_MAIN("annex", merge_rules_mean_what_they_say, octets_are_joined_bit_by_bit,
	facts_of_any_set_keep_their_values, rare_facts_travel_with_their_packets,
	what_payload_said_stays_with_the_flow, records_take_their_facts_through_a_ring,
	community_ids_are_those_of_others, facts_are_found_by_name)
