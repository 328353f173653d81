/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Later fragments and the flow of their first one: any order, both IP versions, copies,
 * identifications that are used again, and floods that must not cost more than the bound.
 */
#include <spanflow/meter.h>

#include "base/wire.h"
#include "check_main.h"
#include "meter/fragment.h"
#include "parse/parse.h"

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)

static struct sf_fragments fragments;
static struct sf_annex_layout layout;
static struct sf_facts given[8192];
static unsigned given_count;

static void give(void *context, const struct sf_facts *facts, const uint8_t *annex)
{
	(void)context;
	(void)annex;
	if (given_count < 8192)
		sf_facts_copy(&given[given_count], facts);
	given_count++;
}

static void start(void)
{
	sf_annex_layout_init(&layout, 0);
	ck_assert_int_eq(sf_fragments_init(&fragments, &layout, give, NULL), 0);
	given_count = 0;
}

/* A fragment of `bytes` octets; the first one has UDP ports. */
struct piece {
	uint8_t version;
	uint32_t id;
	uint16_t offset; /* octets */
	bool more;
	uint16_t bytes, port;
	int64_t time_ns;
	bool back; /* from the other end */
	bool note; /* the packet inside is metered */
};

static size_t write_ipv4(uint8_t *p, const struct piece *piece)
{
	memset(p, 0, 20);
	p[0] = 0x45;
	sf_store_be16(p + 2, (uint16_t)(20 + piece->bytes));
	sf_store_be16(p + 4, (uint16_t)piece->id);
	sf_store_be16(p + 6, (uint16_t)(piece->offset / 8 | (piece->more ? 0x2000 : 0)));
	p[8] = 64;
	p[9] = 17;
	sf_store_be32(p + (piece->back ? 16 : 12), 0xc0000201);
	sf_store_be32(p + (piece->back ? 12 : 16), 0xc0000202);
	return 20;
}

static size_t write_ipv6(uint8_t *p, const struct piece *piece)
{
	memset(p, 0, 48);
	p[0] = 0x60;
	sf_store_be16(p + 4, (uint16_t)(8 + piece->bytes));
	p[6] = 44;
	p[7] = 64;
	p[8] = p[24] = 0x20;
	p[23] = piece->back ? 2 : 1;
	p[39] = piece->back ? 1 : 2;
	p[40] = 17;
	sf_store_be16(p + 42, (uint16_t)(piece->offset | piece->more));
	sf_store_be32(p + 44, piece->id);
	return 48;
}

static void take(const struct piece *piece)
{
	uint8_t bytes[128] = { 0 };
	size_t header = piece->version == 4 ? write_ipv4(bytes, piece) : write_ipv6(bytes, piece);
	struct sf_packet packet = { .data = bytes,
		.captured = (uint32_t)(header + 8),
		.wire = (uint32_t)(header + piece->bytes),
		.link = SF_LINK_RAW,
		.time_ns = piece->time_ns };
	struct sf_facts facts = { 0 };

	sf_store_be16(bytes + header, piece->offset ? 0xeeee : piece->port);
	sf_store_be16(bytes + header + 2, 53);
	ck_assert_int_eq(sf_parse(&packet, &facts), SF_PARSED);
	if (piece->note)
		ck_assert(sf_fragment_note(&facts));
	else
		sf_fragment_mark(&facts);
	sf_fragments_take(&fragments, &facts, NULL);
}

static void check_given(unsigned i, const struct piece *piece, uint16_t port)
{
	const struct sf_facts *facts = &given[i];
	uint16_t client = facts->flags & SF_FACT_SWAPPED ? (uint16_t)facts->ports
							 : (uint16_t)(facts->ports >> 16);

	ck_assert_uint_lt(i, given_count);
	ck_assert_uint_eq(client, port);
	ck_assert_uint_eq(facts->octets, (piece->version == 4 ? 20u : 48u) + piece->bytes);
	ck_assert_uint_eq(facts->tcp_flags, 0);
	ck_assert_int_eq(facts->time_ns, piece->time_ns);
	ck_assert_uint_eq(facts->protocol, 17);
	if (piece->version == 6)
		ck_assert_uint_eq(facts->address, 0);
}

/* A datagram of three fragments in each order, of both versions, in both directions. */
START_TEST(any_order)
{
	static const uint8_t orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 },
		{ 2, 0, 1 }, { 2, 1, 0 } };

	for (unsigned i = 0; i < 24; i++) {
		const uint8_t *order = orders[i % 6];

		start();
		for (unsigned k = 0; k < 3; k++) {
			struct piece piece = { i < 12 ? 4 : 6, 700, (uint16_t)(order[k] * 1000),
				order[k] < 2, 1000, 4000, k * MS, i % 12 >= 6 };

			take(&piece);
		}
		ck_assert_uint_eq(given_count, 3);
		for (unsigned k = 0; k < 3; k++)
			for (unsigned j = 0; j < 3; j++)
				if (given[j].time_ns == k * MS)
					check_given(j,
						&(struct piece){ i < 12 ? 4 : 6, .bytes = 1000,
							.time_ns = k * MS },
						4000);
		ck_assert_uint_eq(fragments.counters.joined, 2);
		ck_assert_uint_eq(fragments.counters.orphaned + fragments.counters.overlapping, 0);
		ck_assert_uint_eq(fragments.packets, 0);
		sf_fragments_fini(&fragments);
	}
}
END_TEST

/* Datagrams differ by identification, direction and addresses; what is equal is one datagram. */
START_TEST(datagrams_are_told_apart)
{
	struct piece first = { 4, 7, 0, true, 800, 1000, 0, false };
	struct piece later = { 4, 7, 800, false, 800, 0, MS, false };

	start();
	take(&first);
	later.id = 8;
	take(&later);
	later.id = 7;
	later.back = true;
	take(&later);
	later.back = false;
	later.version = 6;
	take(&later);
	ck_assert_uint_eq(given_count, 1);
	later.version = 4;
	take(&later);
	ck_assert_uint_eq(given_count, 2);
	check_given(1, &later, 1000);
	sf_fragments_fini(&fragments);
}
END_TEST

START_TEST(orphans_are_given_up)
{
	struct piece later = { 4, 7, 800, false, 800, 0, 0, false };
	struct piece first = { 4, 7, 0, true, 800, 1000, SF_FRAGMENT_WAIT_NS, false };

	start();
	take(&later);
	sf_fragments_expire(&fragments, SF_FRAGMENT_WAIT_NS - 1);
	ck_assert_uint_eq(given_count, 0);
	ck_assert_uint_eq(fragments.packets, 1);
	/* decided by the packets' times, also where nobody asked in between */
	take(&first);
	ck_assert_uint_eq(given_count, 2);
	check_given(0, &later, 0);
	check_given(1, &first, 1000);
	later.id = 9;
	later.time_ns = 2 * SF_FRAGMENT_WAIT_NS;
	take(&later);
	/* the clock of a worker that has heard of no packet yet */
	sf_fragments_expire(&fragments, INT64_MIN);
	ck_assert_uint_eq(given_count, 2);
	sf_fragments_expire(&fragments, 3 * SF_FRAGMENT_WAIT_NS);
	ck_assert_uint_eq(given_count, 3);
	ck_assert_uint_eq(fragments.counters.orphaned, 2);
	/* too late for what the first one said */
	first.time_ns = 100 * SECOND;
	take(&first);
	later.id = 7;
	later.time_ns = 100 * SECOND + SF_FRAGMENT_LIFE_NS;
	take(&later);
	sf_fragments_expire(&fragments, INT64_MAX);
	check_given(4, &later, 0);
	sf_fragments_fini(&fragments);
}
END_TEST

/* The identification is used again at once; a copy from the mirror is none of that. */
START_TEST(identifications_are_used_again)
{
	struct piece first = { 4, 7, 0, true, 800, 1000, 0, false };
	struct piece later = { 4, 7, 800, false, 800, 0, MS, false };

	start();
	take(&first);
	take(&later);
	later.time_ns = 2 * MS;
	take(&later);
	check_given(2, &later, 1000);
	ck_assert_uint_eq(fragments.counters.overlapping, 1);
	later.time_ns = 100 * MS;
	take(&later);
	ck_assert_uint_eq(given_count, 3);
	first.port = 2000;
	first.time_ns = 101 * MS;
	take(&first);
	ck_assert_uint_eq(given_count, 5);
	check_given(3, &later, 2000);
	sf_fragments_fini(&fragments);
}
END_TEST

START_TEST(hostile_fragments_are_counted)
{
	struct piece first = { 4, 7, 0, true, 40, 1000, 0, false };
	struct piece inside = { 4, 7, 24, false, 8, 0, MS, false };
	struct piece beyond = { 4, 8, 65528, false, 800, 0, MS, false };

	start();
	take(&first);
	take(&inside);
	ck_assert_uint_eq(fragments.counters.overlapping, 1);
	take(&beyond);
	ck_assert_uint_eq(fragments.counters.too_long, 1);
	/* endless: the same one again and again */
	for (unsigned i = 0; i < 5000; i++)
		take(&inside);
	ck_assert_uint_eq(given_count, 5002);
	ck_assert_uint_eq(fragments.counters.overlapping, 5001);
	sf_fragments_fini(&fragments);
}
END_TEST

/*
 * The first fragment is metered as the packet inside it: the later ones are left out, whenever they
 * come.
 */
START_TEST(fragments_of_opened_tunnels_are_left_out)
{
	static const uint8_t orders[][3] = { { 0, 1, 2 }, { 2, 0, 1 }, { 2, 1, 0 } };

	start();
	for (unsigned version = 4; version <= 6; version += 2)
		for (unsigned i = 0; i < 3; i++)
			for (unsigned k = 0; k < 3; k++)
				take(&(struct piece){ .version = (uint8_t)version,
					.id = 100 + i,
					.offset = (uint16_t)(orders[i][k] * 80),
					.more = orders[i][k] != 2,
					.bytes = 80,
					.port = 7,
					.note = orders[i][k] == 0,
					.time_ns = i * MS + k });
	ck_assert_uint_eq(given_count, 0);
	ck_assert_uint_eq(fragments.packets, 0);
	ck_assert_uint_eq(fragments.counters.inside, 12);
	ck_assert_uint_eq(fragments.counters.joined, 0);
	/* the next datagram with that identification is in no tunnel */
	for (unsigned k = 0; k < 3; k++)
		take(&(struct piece){
			4, 100, (uint16_t)(k * 80), k != 2, 80, 9, 1000 * MS + k, false, false });
	ck_assert_uint_eq(given_count, 3);
	ck_assert_uint_eq(fragments.counters.inside, 12);
	sf_fragments_fini(&fragments);
}
END_TEST

/* More datagrams than there is room for: all packets are given on, none twice. */
START_TEST(floods_stay_within_the_bound)
{
	uint64_t sum = 0;

	start();
	for (unsigned i = 0; i < 7000; i++) {
		struct piece piece = { i % 2 ? 6 : 4, i, (uint16_t)(i % 3 ? 800 : 0), true, 800, 99,
			i, i % 5 == 0 };

		take(&piece);
		ck_assert_uint_le(fragments.packets, SF_FRAGMENTS_KEPT);
		ck_assert_uint_eq(given_count + fragments.packets, i + 1);
	}
	ck_assert_uint_gt(fragments.counters.crowded, 0);
	sf_fragments_expire(&fragments, INT64_MAX);
	ck_assert_uint_eq(given_count, 7000);
	ck_assert_uint_eq(fragments.packets, 0);
	for (unsigned i = 0; i < given_count; i++)
		sum += (uint64_t)given[i].time_ns;
	ck_assert_uint_eq(sum, 7000u * 6999u / 2);
	sf_fragments_fini(&fragments);
}
END_TEST

CHECK_MAIN("fragment", any_order, datagrams_are_told_apart, orphans_are_given_up,
	identifications_are_used_again, hostile_fragments_are_counted,
	fragments_of_opened_tunnels_are_left_out, floods_stay_within_the_bound)
