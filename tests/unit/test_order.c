/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets of several sources come out in the order of their times, however they were put. */
#include <stdlib.h>
#include <string.h>

#include "check_main.h"
#include "engine/order.h"

#define SOURCES 4
#define EACH    2000
#define US      INT64_C(1000)
#define START   (INT64_C(1700000000) * 1000000000)

static uint64_t random_state;

static unsigned dice(unsigned sides)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(random_state >> 33) % sides;
}

/* Packet `number` of a source; every third one is IPv6. */
static struct sf_facts make(unsigned source, unsigned number, int64_t time_ns)
{
	struct sf_facts facts = { .version = number % 3 ? 4 : 6,
		.interface = (uint16_t)source,
		.octets = number,
		.time_ns = time_ns,
		.clock_ns = time_ns };

	memset(facts.address6, (int)number, sizeof(facts.address6));
	/* half of them have a label: the annexes of the others are empty */
	facts.flags = number % 2 ? SF_FACT_MPLS : 0;
	facts.mpls = number;
	return facts;
}

struct stream {
	struct sf_facts facts[EACH];
	unsigned put;
};

static struct stream streams[SOURCES];
static struct sf_facts taken[SOURCES * EACH];
static uint8_t taken_annexes[SOURCES * EACH * SF_ANNEX_PACKET_MAX];
/* the annexes of odd rounds have this */
#define WANTED SF_FACT_SET(mpls)
static struct sf_annex_layout layout;

/* Facts without annexes. */
#define ALONE(facts) ((struct sf_facts_array){ facts, NULL })
static unsigned taken_count;

/* Times that grow by 0 … 3 µs, so that many are equal over the sources. */
static void make_streams(uint64_t seed)
{
	random_state = seed;
	taken_count = 0;
	for (unsigned source = 0; source < SOURCES; source++) {
		int64_t time = START;

		for (unsigned i = 0; i < EACH; i++)
			streams[source].facts[i] = make(source, i, time += dice(4) * US);
		streams[source].put = 0;
	}
}

static void take(struct sf_order *order, bool force)
{
	unsigned max = 1 + dice(SF_ORDER_PART), n;
	struct sf_facts_array to = { &taken[taken_count], taken_annexes };

	to.annexes = sf_annex_at(&layout, to, taken_count);
	if (max > SOURCES * EACH - taken_count)
		max = SOURCES * EACH - taken_count;
	n = force ? sf_order_force(order, to, max) : sf_order_take(order, to, max);
	ck_assert_uint_le(n, max);
	taken_count += n;
}

static void put_some(
	struct sf_order *order, unsigned source, struct sf_facts *facts, unsigned count)
{
	uint8_t annexes[SF_ORDER_PART * SF_ANNEX_PACKET_MAX];
	const struct sf_facts_array array = { facts, annexes };

	for (unsigned i = 0; i < count; i++)
		sf_annex_pack(&layout, &facts[i], sf_annex_at(&layout, array, i));
	sf_order_put(order, source, array, count);
}

/* Puts and takes random numbers of packets of random sources, until all have come out. */
static void interleave(struct sf_order *order)
{
	unsigned left = SOURCES;

	while (left) {
		unsigned source = dice(SOURCES), n = 1 + dice(SF_ORDER_PART);
		struct stream *stream = &streams[source];

		if (stream->put == EACH)
			continue;
		n = n < EACH - stream->put ? n : EACH - stream->put;
		if (dice(20) == 0)
			n = 0;
		while (sf_order_is_full(order))
			take(order, true);
		put_some(order, source, stream->facts + stream->put, n);
		stream->put += n;
		if (stream->put == EACH) {
			sf_order_reach(order, source, INT64_MAX);
			left--;
		} else if (stream->put) {
			sf_order_reach(order, source, stream->facts[stream->put - 1].time_ns);
		}
		if (dice(3) == 0)
			take(order, false);
	}
	while (taken_count < SOURCES * EACH) {
		unsigned before = taken_count;

		take(order, false);
		ck_assert_uint_gt(taken_count, before);
	}
	ck_assert_uint_eq(sf_order_counts(order).waiting, 0);
}

/* By time, source and number, as a total order. */
static int by_time(const void *a, const void *b)
{
	const struct sf_facts *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	if (x->interface != y->interface)
		return x->interface < y->interface ? -1 : 1;
	return x->octets < y->octets ? -1 : x->octets > y->octets;
}

/* What the table wants of a packet is what was put, and its clock is its own time. */
static void check_facts(unsigned number)
{
	const struct sf_facts *facts = &taken[number];
	const uint8_t *annex =
		sf_annex_at(&layout, (struct sf_facts_array){ taken, taken_annexes }, number);
	const struct sf_facts *put = &streams[facts->interface].facts[facts->octets];

	ck_assert_int_eq(facts->clock_ns, facts->time_ns);
	ck_assert_uint_eq(facts->flags & SF_FACT_LATE, 0);
	ck_assert_uint_eq(facts->version, put->version);
	if (put->version == 6)
		ck_assert_mem_eq(facts->address6, put->address6, sizeof(put->address6));
	if (layout.facts && put->flags & SF_FACT_MPLS)
		ck_assert_mem_eq(annex, &put->mpls, sizeof(put->mpls));
}

START_TEST(any_interleaving_gives_the_same_order)
{
	for (unsigned round = 0; round < 60; round++) {
		struct sf_order *order;

		ck_assert_int_eq(
			sf_order_new(&order, SOURCES, SF_ORDER_BYTES_MIN, round % 2 ? WANTED : 0),
			0);
		sf_annex_layout_init(&layout, round % 2 ? WANTED : 0);
		make_streams(7);
		random_state = round;
		interleave(order);
		for (unsigned i = 0; i < SOURCES * EACH; i++) {
			ck_assert(i == 0 || by_time(&taken[i - 1], &taken[i]) < 0);
			check_facts(i);
		}
		ck_assert_uint_eq(sf_order_counts(order).late, 0);
		ck_assert_uint_eq(sf_order_counts(order).forced, 0);
		sf_order_free(order);
	}
}
END_TEST

/* Nothing is taken that another source might still come before. */
START_TEST(who_is_behind_holds_the_others_back)
{
	struct sf_facts facts[4], out[8];
	struct sf_order *order;

	ck_assert_int_eq(sf_order_new(&order, 2, 0, 0), 0);
	for (unsigned i = 0; i < 4; i++)
		facts[i] = make(0, i, START + i * US);
	sf_order_put(order, 0, ALONE(facts), 4);
	sf_order_reach(order, 0, START + 100 * US);
	ck_assert_uint_eq(sf_order_take(order, ALONE(out), 8), 0);
	ck_assert_int_eq(sf_order_horizon(order), INT64_MIN);
	/* an equal time may still come */
	sf_order_reach(order, 1, START + 2 * US);
	ck_assert_uint_eq(sf_order_take(order, ALONE(out), 8), 2);
	ck_assert_int_eq(sf_order_horizon(order), START + 2 * US);
	facts[0] = make(1, 0, START + 2 * US);
	sf_order_put(order, 1, ALONE(facts), 1);
	sf_order_reach(order, 1, START + 50 * US);
	ck_assert_uint_eq(sf_order_take(order, ALONE(out), 8), 3);
	ck_assert_uint_eq(out[0].interface, 0);
	ck_assert_uint_eq(out[1].interface, 1);
	ck_assert_int_eq(sf_order_horizon(order), START + 50 * US);
	/* a clock never goes back */
	sf_order_reach(order, 1, START);
	ck_assert_int_eq(sf_order_horizon(order), START + 50 * US);
	sf_order_free(order);
}
END_TEST

/*
 * A source that delivers several rings by turns: a block of one, a block of another, of any size.
 */
START_TEST(rings_of_one_source_are_sorted)
{
	for (unsigned lanes = 2; lanes <= 12; lanes++) {
		unsigned put[12] = { 0 }, total = 0;
		struct sf_order *order;
		int64_t before = 0;

		ck_assert_int_eq(sf_order_new(&order, 1, 0, 0), 0);
		random_state = lanes;
		while (total < 4000) {
			unsigned lane = dice(lanes), n = 1 + dice(SF_ORDER_PART);
			struct sf_facts facts[SF_ORDER_PART];

			for (unsigned i = 0; i < n; i++, put[lane]++)
				facts[i] = make(lane, put[lane],
					START + ((int64_t)put[lane] * lanes + lane) * US);
			sf_order_put(order, 0, ALONE(facts), n);
			total += n;
		}
		sf_order_reach(order, 0, INT64_MAX);
		for (unsigned i = 0; i < total; i++) {
			struct sf_facts facts;

			ck_assert_uint_eq(sf_order_take(order, ALONE(&facts), 1), 1);
			ck_assert_int_gt(facts.time_ns, before);
			before = facts.time_ns;
		}
		ck_assert_uint_eq(sf_order_take(order, ALONE(taken), 1), 0);
		sf_order_free(order);
	}
}
END_TEST

/* Neighbours in a ring have changed places, as several CPUs wrote to it. */
START_TEST(small_disorder_is_put_right)
{
	struct sf_order *order;
	int64_t before = 0;

	ck_assert_int_eq(sf_order_new(&order, 1, 0, 0), 0);
	for (unsigned i = 0; i < 3000; i++) {
		int64_t time = START + ((int64_t)i * 10 - dice(60)) * US;
		struct sf_facts facts = make(0, i, time), out;

		sf_order_put(order, 0, ALONE(&facts), 1);
		sf_order_reach(order, 0, START + ((int64_t)i * 10 - 70) * US);
		while (sf_order_take(order, ALONE(&out), 1)) {
			ck_assert_int_ge(out.time_ns, before);
			before = out.time_ns;
		}
	}
	ck_assert_uint_eq(sf_order_counts(order).late, 0);
	ck_assert_uint_le(sf_order_counts(order).waiting, 20);
	sf_order_free(order);
}
END_TEST

/* More disorder than there are runs: nothing is lost, and what is late says so. */
START_TEST(too_much_disorder_is_counted)
{
	struct sf_order *order;
	unsigned late = 0, count = 0;
	int64_t now = 0;

	ck_assert_int_eq(sf_order_new(&order, 1, 0, 0), 0);
	for (unsigned i = 0; i < 100; i++) {
		struct sf_facts facts = make(0, i, START - i * US);

		sf_order_put(order, 0, ALONE(&facts), 1);
	}
	sf_order_reach(order, 0, INT64_MAX);
	for (struct sf_facts facts; sf_order_take(order, ALONE(&facts), 1); count++) {
		now = facts.time_ns > now ? facts.time_ns : now;
		late += !!(facts.flags & SF_FACT_LATE);
		ck_assert_int_eq(facts.clock_ns, now);
		ck_assert(!(facts.flags & SF_FACT_LATE) == (facts.time_ns == now));
	}
	ck_assert_uint_eq(count, 100);
	ck_assert_uint_gt(late, 0);
	ck_assert_uint_eq(sf_order_counts(order).late, late);
	sf_order_free(order);
}
END_TEST

/* One source says nothing: the memory is bounded, the oldest go on, and that is counted. */
START_TEST(full_memory_lets_the_oldest_go)
{
	struct sf_order *order;
	unsigned forced = 0, most = 0;

	ck_assert_int_eq(sf_order_new(&order, 2, SF_ORDER_BYTES_MIN, 0), 0);
	for (unsigned i = 0; i < 100000; i++) {
		struct sf_facts facts = make(0, i, START + i * US), out;

		while (sf_order_is_full(order)) {
			ck_assert_uint_eq(sf_order_force(order, ALONE(&out), 1), 1);
			ck_assert_uint_eq(out.octets, forced++);
		}
		sf_order_put(order, 0, ALONE(&facts), 1);
		if (i - forced > most)
			most = i - forced;
	}
	ck_assert_uint_eq(sf_order_counts(order).forced, forced);
	ck_assert_uint_eq(sf_order_counts(order).waiting, 100000 - forced);
	ck_assert_uint_gt(most, SF_ORDER_BYTES_MIN / SF_FACTS_IPV6 / 2);
	ck_assert_uint_le(most, SF_ORDER_BYTES_MIN / SF_FACTS_IPV4);
	sf_order_free(order);
}
END_TEST

/* A wild time says nothing about its packet's place, and moves no clock. */
START_TEST(wild_time_keeps_its_place)
{
	struct sf_facts facts[5], out[8];
	struct sf_order *order;

	ck_assert_int_eq(sf_order_new(&order, 2, 0, 0), 0);
	for (unsigned i = 0; i < 5; i++)
		facts[i] = make(0, i, START + i * US);
	facts[2].time_ns = facts[2].clock_ns = START * 2;
	facts[2].flags = SF_FACT_AHEAD;
	sf_order_put(order, 0, ALONE(facts), 5);
	sf_order_reach(order, 0, START + 10 * US);
	sf_order_reach(order, 1, START + 10 * US);
	ck_assert_uint_eq(sf_order_take(order, ALONE(out), 8), 5);
	for (unsigned i = 0; i < 5; i++) {
		ck_assert_uint_eq(out[i].octets, i);
		ck_assert_int_eq(out[i].clock_ns, facts[i].time_ns);
		ck_assert_uint_eq(out[i].flags & SF_FACT_LATE, 0);
	}
	sf_order_free(order);
}
END_TEST

CHECK_MAIN("order", any_interleaving_gives_the_same_order, who_is_behind_holds_the_others_back,
	rings_of_one_source_are_sorted, small_disorder_is_put_right, too_much_disorder_is_counted,
	full_memory_lets_the_oldest_go, wild_time_keeps_its_place)
