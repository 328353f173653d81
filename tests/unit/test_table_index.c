/* SPDX-License-Identifier: BSD-2-Clause */
/* The structures of the flow table: index, hash, wheel, flow ids. */
#include "table_support.h"

/* Keys whose chains all begin in the same eight buckets, made by somebody who knows the seed. */
static void attack(unsigned batch, bool settled)
{
	const uint32_t flows = 2048, cap = 10000;
	struct sf_index index = { .count = sf_index_buckets(cap) };
	struct sf_facts facts[SF_BATCH_MAX];
	struct sf_ledger ledger;
	uint32_t found = 0;
	unsigned n = 0;

	setup(15, 60, cap);
	sf_hash_key_derive(&index.key, seed, 1);
	for (uint32_t i = 0; found < flows; i++) {
		uint64_t hash;

		facts[n] = facts_of(i, 0);
		hash = sf_hash_fast(&index.key, facts[n].address, sf_word64(&facts[n].ports),
			sf_word32(&facts[n].scope));
		if (sf_index_home(&index, hash) >= 8)
			continue;
		found++;
		if (++n < batch)
			continue;
		offer_facts(table, facts, n, settled);
		for (; n > 0; n--)
			facts[n - 1].flags = SF_FACT_SWAPPED;
		offer_facts(table, facts, batch, settled);
	}
	sf_table_ledger(table, &ledger);
	ck_assert_uint_eq(ledger.hash_upgrades, 1);
	ck_assert_uint_ge(ledger.longest_chain, SF_INDEX_CHAIN_MAX);
	ck_assert_uint_le(ledger.longest_chain, SF_INDEX_CHAIN_MAX + SF_BATCH_MAX / SF_BUCKET_IDS);
	ck_assert_uint_eq(ledger.flows_active, flows);
	finish(1000);
	ck_assert_uint_eq(list.count, flows);
	for (size_t i = 0; i < list.count; i++)
		ck_assert_uint_eq(list.flows[i].half[1].packets, 1);
	teardown();
}

START_TEST(chosen_collisions_bring_the_strong_hash)
{
	attack(1, false);
	attack(64, false);
	attack(1, true);
	attack(64, true);
}
END_TEST

/* While the index moves over, flows are found in either and leave from either. */
START_TEST(flows_come_and_go_while_the_hash_changes)
{
	const uint32_t cap = 70000;
	struct sf_index index = { .count = sf_index_buckets(cap) };
	struct sf_ledger ledger;

	setup(15, 60, cap);
	sf_hash_key_derive(&index.key, seed, 1);
	for (uint32_t i = 0; i < 5000; i++) {
		struct sf_facts facts = facts_of(i, i % 2 ? 0 : 10000);

		put(&facts);
	}
	for (uint32_t i = 1 << 20; !table->old.buckets; i++) {
		struct sf_facts facts = facts_of(i, 10000);
		uint64_t hash = sf_hash_fast(&index.key, facts.address, sf_word64(&facts.ports),
			sf_word32(&facts.scope));

		if (sf_index_home(&index, hash) == 9)
			put(&facts);
	}
	age(16000);
	ck_assert_ptr_nonnull(table->old.buckets);
	ck_assert_uint_eq(list.count, 2500);
	for (uint32_t i = 0; i < 5000; i += 2) {
		struct sf_facts facts = facts_of(i, 16000);

		facts.flags = SF_FACT_SWAPPED;
		put(&facts);
	}
	/* by as many packets as there are flows it has moved */
	for (uint32_t i = 2500; i < cap; i++) {
		struct sf_facts facts = facts_of(1 << 21, 16000);

		put(&facts);
	}
	sf_table_ledger(table, &ledger);
	ck_assert_ptr_null(table->old.buckets);
	ck_assert_uint_eq(ledger.hash_upgrades, 1);
	finish(16000);
	for (size_t i = 2500; i < list.count; i++)
		if (list.flows[i].addr[1][1] == 0x33 && list.flows[i].addr[1][2] < 0x78)
			ck_assert_uint_eq(list.flows[i].half[1].packets, 1);
	teardown();
}
END_TEST

/*
 * The index grows while flows come, are met again and end: none is split, none is lost. 200,000
 * flows of two packets, the second one 20,000 flows later, when the index has often grown.
 */
static void grow(bool settled)
{
	const uint32_t flows = 200000, later = 20000;
	struct sf_facts facts[SF_BATCH_MAX];
	struct sf_ledger ledger;
	unsigned n = 0, growing = 0;

	setup(15, 60, 300000);
	ck_assert_uint_lt(table->made_for, 20000);
	for (uint32_t i = 0; i < flows + later; i++) {
		/* the first tenth end while the index grows */
		if (i < flows)
			facts[n++] = facts_of(i, i < later / 2 ? 0 : 10000);
		if (i >= later) {
			facts[n] = facts_of(i - later, 14000);
			facts[n++].flags = i % 2 ? SF_FACT_SWAPPED : 0;
		}
		if (n >= SF_BATCH_MAX - 1) {
			offer_facts(table, facts, n, settled);
			n = 0;
			growing += table->old.buckets != NULL;
		}
	}
	offer_facts(table, facts, n, settled);
	ck_assert_uint_gt(growing, 100);
	ck_assert_uint_eq(table->made_for, 300000);
	sf_table_ledger(table, &ledger);
	ck_assert_uint_eq(ledger.flows_created, flows);
	ck_assert_uint_eq(ledger.hash_upgrades, 0);
	ck_assert_uint_eq(ledger.flows_evicted, 0);
	finish(14000);
	ck_assert_uint_eq(list.count, flows);
	for (size_t i = 0; i < list.count; i++)
		ck_assert_uint_eq(sf_flow_packets(&list.flows[i]), 2);
	teardown();
}

START_TEST(flows_are_found_while_the_index_grows)
{
	grow(false);
	grow(true);
}
END_TEST

START_TEST(index_finds_again_what_it_was_given)
{
	struct sf_index index = { 0 };
	uint64_t *hashes = calloc(700, sizeof(*hashes));

	ck_assert_int_eq(sf_index_init(&index, 700, false), 0);
	for (uint32_t i = 0; i < 700; i++) {
		/* a third of them in three neighbouring homes, signatures that repeat */
		hashes[i] =
			(i % 3 ? (uint64_t)i * 0x9e3779b9 << 32 : (uint64_t)(i % 9) << 24) | i % 50;
		sf_index_insert(&index, hashes[i], i);
	}
	for (uint32_t i = 0; i < 700; i += 2)
		ck_assert(sf_index_remove(&index, hashes[i], i));
	for (uint32_t i = 0; i < 700; i += 2)
		ck_assert(!sf_index_remove(&index, hashes[i], i));
	for (uint32_t i = 1; i < 700; i += 2)
		ck_assert(sf_index_remove(&index, hashes[i], i));
	for (uint32_t i = 0; i < index.count; i++) {
		ck_assert_uint_eq(index.buckets[i].used, 0);
		ck_assert_uint_eq(index.buckets[i].overflow, 0);
	}
	sf_index_fini(&index);
	free(hashes);
}
END_TEST

/* Vector and portable comparison of a bucket's signatures are the same function. */
START_TEST(bucket_match_variants_agree)
{
	struct sf_bucket bucket;
	uint32_t x = 1;

	for (unsigned round = 0; round < 100000; round++) {
		uint8_t *octets = (uint8_t *)&bucket;

		for (unsigned i = 0; i < sizeof(bucket); i++)
			octets[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 30 | 0x80);
		bucket.used = x >> 12 & SF_BUCKET_FULL;
		for (uint64_t sig = 0x80; sig < 0x84; sig++)
			ck_assert_uint_eq(sf_bucket_match(&bucket, 0x1234567890abcd00 | sig),
				sf_bucket_match_portable(&bucket, sig));
	}
}
END_TEST

/* The end of the span moves with the clock, also for a time that was filed just before. */
START_TEST(wheel_files_by_the_time_that_it_is)
{
	const int64_t tick = INT64_C(1) << SF_WHEEL_SHIFT;
	struct sf_wheel wheel = { 0 };
	uint32_t ref;

	ck_assert_int_eq(sf_wheel_init(&wheel, 1000, 600 * tick, false), 0);
	for (uint32_t i = 0; i < 3; i++) {
		sf_wheel_set(&wheel, 5000, 5000 + i);
		sf_wheel_push(&wheel, 9000 * tick, i);
	}
	for (uint32_t i = 0; i < 3; i++) {
		wheel.tick = sf_wheel_next(&wheel, 9999);
		ck_assert_int_eq(wheel.tick, 5602 + i);
		ck_assert_uint_eq(sf_wheel_take(&wheel, wheel.tick, &ref, 1), 1);
		ck_assert_uint_eq(ref, i);
	}
	sf_wheel_fini(&wheel);
}
END_TEST

START_TEST(wheel_gives_everything_back_in_its_tick)
{
	const int64_t tick = INT64_C(1) << SF_WHEEL_SHIFT;
	struct sf_wheel wheel = { 0 };
	uint32_t refs[64], n = 0;

	ck_assert_int_eq(sf_wheel_init(&wheel, 1000, 600 * tick, false), 0);
	sf_wheel_set(&wheel, 5000, 5000);
	for (uint32_t i = 0; i < 1000; i++)
		sf_wheel_push(&wheel, (4990 + (int64_t)i) * tick + 7, i);
	while ((wheel.tick = sf_wheel_next(&wheel, 9999)) < 9999) {
		unsigned got = sf_wheel_take(&wheel, wheel.tick, refs, 64);

		for (unsigned i = 0; i < got; i++, n++) {
			int64_t due = 4990 + (int64_t)refs[i];

			ck_assert_uint_eq(refs[i], n);
			/* the past is now, and further than the span is the span */
			ck_assert_int_eq(wheel.tick, due < 5000 ? 5000 : due > 5602 ? 5602 : due);
		}
	}
	ck_assert_uint_eq(n, 1000);
	sf_wheel_fini(&wheel);
}
END_TEST

/* Computed with OpenSSL 3 (EVP_MAC SIPHASH, c-rounds 1, d-rounds 3, size 8). */
START_TEST(strong_hash_is_siphash_1_3)
{
	const struct sf_hash_key key = { { UINT64_C(0x0706050403020100),
		UINT64_C(0x0f0e0d0c0b0a0908) } };
	const uint64_t words[3] = { UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908),
		UINT64_C(0x1716151413121110) };

	ck_assert_uint_eq(sf_hash_strong(&key, words, 0), UINT64_C(0xabac0158050fc4dc));
	ck_assert_uint_eq(sf_hash_strong(&key, words, 3), UINT64_C(0xf464aeb267349c8c));
}
END_TEST

/* flowId is published: another version of the program must give the same. */
START_TEST(flow_id_stays_what_it_is)
{
	static const uint8_t addresses[32] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1, [16] = 0x20, 0x01,
		0x0d, 0xb8, [31] = 2 };

	ck_assert_uint_eq(sf_hash_flow(1, 2, 3, START), UINT64_C(0x1a0726350dd203));
	ck_assert_uint_eq(sf_hash_flow(sf_hash_flow_addresses(addresses), 2, 3, START),
		UINT64_C(0xd14b843f77ad2));
}
END_TEST

/* A cut flow and a record for each packet, of a table that nobody asks for flowIds. */
START_TEST(flow_ids_are_made_on_request)
{
	struct sf_meter_options options = { .idle_timeout_ns = 15 * S,
		.active_timeout_ns = 60 * S,
		.max_flows = 100,
		.sink = { record_list_put, &list } };
	struct sf_facts facts = facts_of(7, 66000);

	ck_assert_int_eq(sf_table_new(&table, &options, NULL), 0);
	for (int ms = 0; ms <= 50000; ms += 10000)
		udp(ms, 1);
	age(61000);
	udp(64999, 0);
	write_room(table, &facts, 1);
	sf_table_emit_each(table, 1);
	finish(67000);
	ck_assert_uint_eq(list.count, 3);
	for (size_t i = 0; i < list.count; i++)
		ck_assert_uint_eq(list.flows[i].id, 0);
	teardown();
}
END_TEST

CHECK_MAIN("table_index", chosen_collisions_bring_the_strong_hash,
	flows_come_and_go_while_the_hash_changes, flows_are_found_while_the_index_grows,
	index_finds_again_what_it_was_given, bucket_match_variants_agree,
	wheel_files_by_the_time_that_it_is, wheel_gives_everything_back_in_its_tick,
	strong_hash_is_siphash_1_3, flow_id_stays_what_it_is, flow_ids_are_made_on_request)
