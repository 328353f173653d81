/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Turns of workers at one source: each packet is accounted by its owner and nobody else, in the
 * order of the source, as it was parsed, and with the clock that all packets made.
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include <spanflow/packet.h>

#include "check_main.h"
#include "engine/relay.h"

#define WORKERS 3
#define PACKETS 400000u

static const uint64_t secret[2] = { 0x9abcdef112345679, 0x8765432100fedcba };
static struct sf_relay *relay;
static struct sf_annex_layout layout;

/* Room for facts and annexes. */
struct parcel {
	struct sf_facts facts[SF_BATCH_MAX];
	uint8_t annexes[SF_BATCH_MAX * SF_ANNEX_PACKET_MAX];
};

static struct sf_facts_array array_of(struct parcel *parcel)
{
	return (struct sf_facts_array){ parcel->facts, parcel->annexes };
}

/* by whose turn it is: packets received, and numbers among them that belong to none */
static unsigned source, skipped;

/* Packet i; its flow is one of 1000 address pairs, IPv4 and IPv6, in both directions. */
static struct sf_facts make_facts(unsigned i)
{
	struct sf_facts facts = { .version = i % 5 ? 4 : 6, .protocol = 17 };
	uint32_t flow = i * 7919 % 1000, turned = i % 7 == 0;

	if (facts.version == 4) {
		facts.address = (uint64_t)flow << (turned ? 0 : 32) | (uint64_t)0x0a000001
									      << (turned ? 32 : 0);
	} else {
		memcpy(facts.address6[turned], &flow, sizeof(flow));
		facts.address6[!turned][15] = 1;
	}
	facts.octets = i;
	facts.clock_ns = facts.time_ns = i;
	/* some have a label: their annexes are longer */
	facts.flags = i % 3 ? 0 : SF_FACT_MPLS;
	facts.mpls = i;
	facts.flow_label = i & 0xfffff;
	memset(facts.src_mac, (int)i, sizeof(facts.src_mac));
	return facts;
}

struct tally {
	uint64_t accounted, turns, notes, pieces;
	uint64_t out_of_order, wrong_owner, changed, late;
	uint32_t next;
	int64_t clock;
	uint8_t *seen;
};

static void account(
	struct tally *tally, unsigned me, const struct sf_facts *facts, const uint8_t *annex)
{
	struct sf_facts was = make_facts(facts->octets);
	uint8_t made[SF_ANNEX_PACKET_MAX] = { 0 };

	tally->wrong_owner += sf_relay_owner(relay, facts) != me;
	tally->out_of_order += facts->octets < tally->next;
	tally->late += facts->clock_ns < tally->clock;
	sf_annex_pack(&layout, &was, made);
	tally->changed += memcmp(facts, &was, sf_facts_head(&was)) != 0;
	tally->changed += layout.facts && memcmp(annex, made, sf_annex_bytes(&layout, &was)) != 0;
	tally->next = facts->octets + 1;
	tally->seen[facts->octets]++;
	tally->accounted++;
}

static void account_turn(
	struct tally *tally, unsigned me, const struct sf_relay_turn *turn, unsigned max)
{
	struct parcel parcel;

	ck_assert_uint_eq(turn->number, tally->turns++);
	ck_assert_uint_ge(turn->pieces, 1);
	ck_assert_uint_le(turn->pieces, SF_RELAY_PIECES);
	tally->notes += turn->note;
	tally->pieces += turn->pieces;
	for (unsigned piece = 0; piece < turn->pieces; piece++) {
		struct sf_relay_list list = sf_relay_list(turn, me, piece);
		unsigned n;

		while ((n = sf_relay_get(relay, &list, array_of(&parcel), max)) > 0)
			for (unsigned i = 0; i < n; i++)
				account(tally, me, &parcel.facts[i],
					sf_annex_at(&layout, array_of(&parcel), i));
		ck_assert_ptr_eq(list.next, list.end);
		ck_assert_int_ge(turn->clocks[piece], tally->clock);
		tally->clock = turn->clocks[piece];
	}
	sf_relay_done(relay, me);
}

/* Turns of all sizes, none and the largest one too. */
static void take_turn(unsigned me)
{
	unsigned number = source, room = PACKETS - number;
	unsigned count = number * 2654435761u % 11 == 0 ? 0 : number * 40503u % (SF_RELAY_TURN + 1);
	const struct sf_relay_turn *turn;

	if (number % 9 == 4) {
		source++;
		skipped++;
		sf_relay_pass(relay);
		return;
	}
	count = count < room ? count : room;
	/* an empty turn would come again and again */
	source = number + count + !count;
	skipped += !count;
	if (source >= PACKETS)
		sf_relay_close(relay);
	turn = sf_relay_leave(relay, me, count % 5 == 0);
	ck_assert_uint_eq(turn->writer, me);
	for (unsigned i = 0, n; i < count; i += n) {
		struct parcel parcel = { 0 };

		n = count - i < 1 + i % SF_BATCH_MAX ? count - i : 1 + i % SF_BATCH_MAX;
		for (unsigned k = 0; k < n; k++) {
			parcel.facts[k] = make_facts(number + i + k);
			sf_annex_pack(&layout, &parcel.facts[k],
				sf_annex_at(&layout, array_of(&parcel), k));
		}
		sf_relay_put(relay, me, array_of(&parcel), n, number + i + n - 1);
	}
	sf_relay_publish(relay, me, number + count);
}

static void *work(void *argument)
{
	unsigned me = (unsigned)(uintptr_t)argument;
	struct tally *tally = calloc(1, sizeof(*tally));

	tally->seen = calloc(PACKETS, 1);
	while (!sf_relay_drained(relay, me)) {
		const struct sf_relay_turn *turn = sf_relay_next(relay, me);

		if (turn)
			account_turn(tally, me, turn, 1 + (unsigned)turn->number % SF_BATCH_MAX);
		else if (sf_relay_enter(relay, me))
			take_turn(me);
		else
			sched_yield();
	}
	return tally;
}

static void run_workers(unsigned workers)
{
	static uint8_t seen[PACKETS];
	struct tally sum = { 0 };
	pthread_t threads[SF_WORKERS_MAX];
	unsigned missing = 0, twice = 0;

	source = skipped = 0;
	memset(seen, 0, sizeof(seen));
	ck_assert_int_eq(sf_relay_new(&relay, workers, secret, layout.facts), 0);
	for (uintptr_t i = 0; i < workers; i++)
		pthread_create(&threads[i], NULL, work, (void *)i);
	for (unsigned i = 0; i < workers; i++) {
		struct tally *tally;

		pthread_join(threads[i], (void **)&tally);
		sum.accounted += tally->accounted;
		sum.wrong_owner += tally->wrong_owner;
		sum.out_of_order += tally->out_of_order;
		sum.changed += tally->changed;
		sum.late += tally->late;
		if (i)
			ck_assert(sum.turns == tally->turns && sum.notes == tally->notes);
		sum.turns = tally->turns;
		sum.notes = tally->notes;
		sum.pieces = tally->pieces;
		ck_assert_int_ge(tally->clock, PACKETS - 1);
		for (unsigned k = 0; k < PACKETS; k++)
			seen[k] += tally->seen[k];
		free(tally->seen);
		free(tally);
	}
	for (unsigned i = 0; i < PACKETS; i++) {
		missing += seen[i] == 0;
		twice += seen[i] > 1;
	}
	ck_assert_uint_eq(missing, skipped);
	ck_assert_uint_eq(sum.accounted, PACKETS - skipped);
	ck_assert_uint_eq(twice, 0);
	ck_assert_uint_eq(sum.wrong_owner, 0);
	ck_assert_uint_eq(sum.out_of_order, 0);
	ck_assert_uint_eq(sum.changed, 0);
	ck_assert_uint_eq(sum.late, 0);
	ck_assert_uint_gt(sum.notes, 0);
	ck_assert_uint_gt(sum.pieces, 2 * sum.turns);
	sf_relay_free(relay);
}

START_TEST(all_facts_reach_their_owner_in_order)
{
	sf_annex_layout_init(&layout, SF_FACT_SET(mpls) | SF_FACT_SET(src_mac));
	run_workers(WORKERS);
	sf_annex_layout_init(&layout, 0);
	run_workers(WORKERS);
	run_workers(2);
	run_workers(20);
}
END_TEST

START_TEST(a_pair_of_addresses_has_one_owner)
{
	unsigned counts[WORKERS] = { 0 };

	ck_assert_int_eq(sf_relay_new(&relay, WORKERS, secret, 0), 0);
	for (uint32_t i = 0; i < 3000; i++) {
		struct sf_facts facts = { .version = 4, .address = (uint64_t)i << 32 | 77 };
		unsigned owner = sf_relay_owner(relay, &facts);

		ck_assert_uint_lt(owner, WORKERS);
		counts[owner]++;
		facts.address = UINT64_C(77) << 32 | i;
		facts.ports = i;
		facts.tags = i << 20;
		ck_assert_uint_eq(sf_relay_owner(relay, &facts), owner);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		ck_assert_uint_gt(counts[i], 800);
	memset(counts, 0, sizeof(counts));
	for (uint32_t i = 0; i < 3000; i++) {
		struct sf_facts facts = { .version = 6 };
		unsigned owner;

		/* the halves of an address count alike */
		memcpy(facts.address6[0] + (i & 1 ? 12 : 4), &i, sizeof(i));
		owner = sf_relay_owner(relay, &facts);
		counts[owner]++;
		memcpy(facts.address6[1], facts.address6[0], 16);
		memset(facts.address6[0], 0, 16);
		ck_assert_uint_eq(sf_relay_owner(relay, &facts), owner);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		ck_assert_uint_gt(counts[i], 800);
	sf_relay_free(relay);
}
END_TEST

/* A worker that does not account its packets holds the others back, and nothing is lost. */
START_TEST(turns_wait_for_the_last_one)
{
	unsigned taken = 0, accounted = 0;
	const struct sf_relay_turn *turn;
	struct sf_relay_list list;
	struct sf_facts facts;
	const struct sf_facts_array array = { &facts, NULL };

	ck_assert_int_eq(sf_relay_new(&relay, 2, secret, 0), 0);
	while (sf_relay_enter(relay, 0)) {
		facts = make_facts(taken * 5 + 1);
		sf_relay_leave(relay, 0, 0);
		sf_relay_put(relay, 0, array, 1, taken);
		sf_relay_publish(relay, 0, taken++);
		ck_assert_ptr_nonnull(sf_relay_next(relay, 0));
		sf_relay_done(relay, 0);
	}
	ck_assert_uint_eq(taken, SF_RELAY_SLOTS);
	ck_assert_uint_eq(sf_relay_behind(relay, 0), 0);
	ck_assert_uint_eq(sf_relay_behind(relay, 1), taken);
	/* another one has room of its own */
	ck_assert(sf_relay_enter(relay, 1));
	ck_assert(!sf_relay_enter(relay, 0));
	sf_relay_pass(relay);
	sf_relay_close(relay);
	ck_assert(sf_relay_drained(relay, 0));
	ck_assert(!sf_relay_drained(relay, 1));
	while ((turn = sf_relay_next(relay, 1)) != NULL) {
		ck_assert_uint_eq(turn->number, accounted++);
		list = sf_relay_list(turn, 1, 0);
		while (sf_relay_get(relay, &list, array, 1))
			ck_assert_uint_eq(facts.octets, turn->number * 5 + 1);
		sf_relay_done(relay, 1);
	}
	ck_assert_uint_eq(accounted, taken);
	ck_assert(sf_relay_drained(relay, 1));
	ck_assert(!sf_relay_enter(relay, 0));
	sf_relay_free(relay);
}
END_TEST

CHECK_MAIN("relay", all_facts_reach_their_owner_in_order, a_pair_of_addresses_has_one_owner,
	turns_wait_for_the_last_one)
