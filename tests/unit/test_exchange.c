/* SPDX-License-Identifier: BSD-2-Clause */
/* Hand-over of facts between workers: nothing lost, order kept, horizon never too far. */
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include <spanflow/packet.h>

#include "base/annex.h"
#include "base/steer.h"
#include "check_main.h"
#include "engine/exchange.h"

/* What the annexes have, and a value for each packet. */
#define WANTED (SF_FACT_SET(mpls) | SF_FACT_SET(src_mac))

#define WORKERS    3
#define PER_WORKER 60000

static struct sf_exchange *exchange;
static struct sf_annex_layout layout;

/* Room for facts and annexes. */
struct parcel {
	struct sf_facts facts[50];
	uint8_t annexes[50 * SF_ANNEX_PACKET_MAX];
};

static struct sf_facts_array array_of(struct parcel *parcel)
{
	return (struct sf_facts_array){ parcel->facts, parcel->annexes };
}
static const uint32_t key[4] = { 0x12345679, 0x9abcdef1, 0x0fedcba9, 0x87654321 };

/* Packet number i of a worker; its flow is one of 1000 address pairs, IPv4 and IPv6. */
static struct sf_facts make_facts(unsigned worker, unsigned i)
{
	struct sf_facts facts = { .version = i % 5 ? 4 : 6, .interface = (uint16_t)worker };
	uint32_t flow = i * 7919 % 1000;

	if (facts.version == 4)
		facts.address = (uint64_t)flow << 32 | 0x0a000001;
	else
		memcpy(facts.address6[1], &flow, sizeof(flow));
	facts.octets = i;
	facts.clock_ns = facts.time_ns = i;
	/* some have a label: their annexes are longer */
	facts.flags = i % 3 ? 0 : SF_FACT_MPLS;
	facts.mpls = i;
	memset(facts.src_mac, (int)i, sizeof(facts.src_mac));
	return facts;
}

struct tally {
	uint64_t own, taken, out_of_order, too_old, wrong_owner, lost, changed;
	int64_t end;
};

/* The annex that comes out is the one that was made for the packet. */
static bool has_its_annex(struct sf_facts_array array, unsigned i)
{
	const struct sf_facts made = make_facts(0, array.facts[i].octets);
	uint8_t annex[SF_ANNEX_PACKET_MAX] = { 0 };

	sf_annex_pack(&layout, &made, annex);
	return memcmp(annex, sf_annex_at(&layout, array, i), sf_annex_bytes(&layout, &made)) == 0;
}

static void count_facts(unsigned me, struct parcel *parcel, unsigned n, int64_t aged,
	uint32_t next[WORKERS], struct tally *tally)
{
	const struct sf_facts *facts = parcel->facts;

	for (unsigned i = 0; i < n; i++) {
		tally->changed += layout.facts && !has_its_annex(array_of(parcel), i);
		tally->wrong_owner += sf_exchange_owner(exchange, &facts[i]) != me;
		tally->out_of_order += facts[i].octets < next[facts[i].interface];
		tally->too_old += facts[i].clock_ns < aged;
		next[facts[i].interface] = facts[i].octets + 1;
	}
}

static int64_t take_all(unsigned me, int64_t aged, uint32_t next[WORKERS], struct tally *tally)
{
	int64_t horizon = sf_exchange_horizon(exchange, me);
	struct parcel parcel;
	unsigned n;

	while ((n = sf_exchange_take(exchange, me, array_of(&parcel), 32)) > 0) {
		count_facts(me, &parcel, n, aged, next, tally);
		tally->taken += n;
	}
	return horizon;
}

static void *work(void *argument)
{
	unsigned me = (unsigned)(uintptr_t)argument;
	struct tally *tally = calloc(1, sizeof(*tally));
	uint32_t next[WORKERS] = { 0 };
	int64_t aged = INT64_MIN;

	for (unsigned i = 0; i < PER_WORKER; i += 50) {
		struct parcel parcel = { 0 }, own = { 0 };
		unsigned mine;

		aged = take_all(me, aged, next, tally);
		for (unsigned j = 0; j < 50; j++) {
			parcel.facts[j] = make_facts(me, i + j);
			sf_annex_pack(&layout, &parcel.facts[j],
				sf_annex_at(&layout, array_of(&parcel), j));
		}
		mine = sf_exchange_give(
			exchange, me, array_of(&parcel), 50, array_of(&own), &tally->lost);
		count_facts(me, &own, mine, INT64_MIN, next, tally);
		tally->own += mine;
		sf_exchange_reached(exchange, me, i + 49);
	}
	sf_exchange_close(exchange, me, PER_WORKER + me);
	while (!sf_exchange_drained(exchange, me)) {
		aged = take_all(me, aged, next, tally);
		sched_yield();
	}
	tally->end = sf_exchange_horizon(exchange, me);
	return tally;
}

/* With room for everything nothing may be lost; with small rings the loss is counted. */
static void run_workers(uint32_t ring, bool may_lose, uint64_t wanted)
{
	pthread_t threads[WORKERS];
	struct tally sum = { 0 };

	ck_assert_int_eq(sf_exchange_new(&exchange, WORKERS, key, ring, wanted), 0);
	sf_annex_layout_init(&layout, wanted);
	for (uintptr_t i = 0; i < WORKERS; i++)
		pthread_create(&threads[i], NULL, work, (void *)i);
	for (unsigned i = 0; i < WORKERS; i++) {
		struct tally *tally;

		pthread_join(threads[i], (void **)&tally);
		sum.own += tally->own;
		sum.taken += tally->taken;
		sum.lost += tally->lost;
		sum.out_of_order += tally->out_of_order;
		sum.too_old += tally->too_old;
		sum.wrong_owner += tally->wrong_owner;
		sum.changed += tally->changed;
		ck_assert_int_eq(tally->end, PER_WORKER + WORKERS - 1);
		free(tally);
	}
	ck_assert_uint_eq(sum.own + sum.taken + sum.lost, (uint64_t)WORKERS * PER_WORKER);
	ck_assert_uint_eq(sum.wrong_owner, 0);
	ck_assert_uint_eq(sum.changed, 0);
	ck_assert_uint_eq(sum.out_of_order, 0);
	ck_assert_uint_eq(sum.too_old, 0);
	if (!may_lose)
		ck_assert_uint_eq(sum.lost, 0);
	sf_exchange_free(exchange);
}

START_TEST(all_facts_reach_their_owner_in_order)
{
	run_workers(65536, false, 0);
	run_workers(65536, false, WANTED);
}
END_TEST

START_TEST(a_full_ring_is_counted)
{
	run_workers(64, true, 0);
	run_workers(64, true, WANTED);
}
END_TEST

START_TEST(both_directions_and_all_ports_belong_to_one_worker)
{
	struct sf_facts facts = { .version = 4, .address = UINT64_C(0x0a0000010a000002) };
	unsigned owner, seen[8] = { 0 };

	ck_assert_int_eq(sf_exchange_new(&exchange, 8, key, 64, 0), 0);
	owner = sf_exchange_owner(exchange, &facts);
	for (uint32_t i = 0; i < 1000; i++) {
		facts.ports = i * 65537;
		facts.protocol = (uint8_t)i;
		facts.flags = i & 1 ? SF_FACT_SWAPPED : SF_FACT_FRAGMENT;
		facts.tags = i << 20;
		ck_assert_uint_eq(sf_exchange_owner(exchange, &facts), owner);
	}
	for (uint32_t i = 0; i < 80000; i++) {
		facts.address = (uint64_t)i << 32 | 0x0a000001;
		owner = sf_exchange_owner(exchange, &facts);
		ck_assert_uint_lt(owner, 8);
		seen[owner]++;
	}
	for (unsigned i = 0; i < 8; i++) {
		ck_assert_uint_gt(seen[i], 9000);
		ck_assert_uint_lt(seen[i], 11000);
	}
	sf_exchange_free(exchange);
}
END_TEST

/* The kernel steers by hash % workers; so the owner must be that. */
START_TEST(the_owner_is_what_the_kernel_computes)
{
	struct sf_facts facts = { .version = 4 };

	for (unsigned workers = 2; workers <= SF_WORKERS_MAX; workers++) {
		ck_assert_int_eq(sf_exchange_new(&exchange, workers, key, 64, 0), 0);
		for (uint64_t i = 0; i < 5000; i++) {
			facts.address = i * 0x9e3779b97f4a7c15;
			ck_assert_uint_eq(sf_exchange_owner(exchange, &facts),
				sf_steer_hash(&facts, key) % workers);
		}
		sf_exchange_free(exchange);
	}
}
END_TEST

/* One that sleeps for long is woken by the first facts, one that sleeps briefly by many. */
START_TEST(facts_wake_who_sleeps)
{
	struct sf_facts facts = { .version = 4 }, own[1];
	struct sf_wakeup wakeups[2];
	uint64_t lost = 0;

	ck_assert_int_eq(sf_exchange_new(&exchange, 2, key, 64, 0), 0);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(sf_wakeup_init(&wakeups[i]), 0);
		sf_exchange_set_wakeup(exchange, i, &wakeups[i]);
	}
	while (sf_exchange_owner(exchange, &facts) != 1)
		facts.address++;
	ck_assert(!sf_exchange_calls(exchange, 1, SF_WAKEUP_WORK));
	sf_wakeup_arm(&wakeups[1], SF_WAKEUP_WORK);
	sf_exchange_give(exchange, 0, (struct sf_facts_array){ &facts }, 1,
		(struct sf_facts_array){ own }, &lost);
	ck_assert(!sf_wakeup_is_wanted(&wakeups[1], SF_WAKEUP_URGENT));
	ck_assert(sf_exchange_calls(exchange, 1, SF_WAKEUP_WORK));
	ck_assert(!sf_exchange_calls(exchange, 1, SF_WAKEUP_URGENT));
	sf_wakeup_arm(&wakeups[1], SF_WAKEUP_URGENT);
	for (unsigned i = 1; i < 8; i++) {
		ck_assert(sf_wakeup_is_wanted(&wakeups[1], SF_WAKEUP_URGENT));
		sf_exchange_give(exchange, 0, (struct sf_facts_array){ &facts }, 1,
			(struct sf_facts_array){ own }, &lost);
	}
	ck_assert(!sf_wakeup_is_wanted(&wakeups[1], SF_WAKEUP_URGENT));
	ck_assert(sf_exchange_calls(exchange, 1, SF_WAKEUP_URGENT));
	/* packets begin in one queue: the others are to have a clock; not so when they go on */
	ck_assert(sf_exchange_idle(exchange));
	sf_wakeup_arm(&wakeups[1], SF_WAKEUP_WORK);
	sf_exchange_set_busy(exchange, 0, true);
	ck_assert(!sf_wakeup_is_wanted(&wakeups[1], SF_WAKEUP_URGENT));
	ck_assert(!sf_exchange_idle(exchange));
	sf_wakeup_arm(&wakeups[1], SF_WAKEUP_WORK);
	sf_exchange_set_busy(exchange, 0, true);
	ck_assert(sf_wakeup_is_wanted(&wakeups[1], SF_WAKEUP_URGENT));
	sf_exchange_set_busy(exchange, 0, false);
	ck_assert(sf_exchange_idle(exchange));
	ck_assert_uint_eq(lost, 0);
	sf_exchange_free(exchange);
	for (unsigned i = 0; i < 2; i++)
		sf_wakeup_fini(&wakeups[i]);
}
END_TEST

CHECK_MAIN("exchange", facts_wake_who_sleeps, all_facts_reach_their_owner_in_order,
	a_full_ring_is_counted, both_directions_and_all_ports_belong_to_one_worker,
	the_owner_is_what_the_kernel_computes)
