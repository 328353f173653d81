/* SPDX-License-Identifier: BSD-2-Clause */
/* The bounds of the flow table: time and work of ageing, flows, memory, what the sink refuses. */
#include "table_support.h"

static bool no_memory; /* for another array */

int __real_sf_arena_init(struct sf_arena *, size_t, size_t, bool);
int __wrap_sf_arena_init(struct sf_arena *, size_t, size_t, bool);

int __wrap_sf_arena_init(struct sf_arena *arena, size_t count, size_t size, bool prealloc)
{
	return no_memory ? -ENOMEM : __real_sf_arena_init(arena, count, size, prealloc);
}

/* docs/design.md §4: a record leaves at most 1 s after its timeout, on an idle link too. */
START_TEST(records_leave_within_a_second_of_their_timeout)
{
	int64_t idle = INT64_MAX, linger = INT64_MAX;

	setup(15, 60, 100);
	udp(0, 0);
	tcp(1, 0, RST);
	for (int64_t ms = 0; list.count < 2; ms += 10) {
		size_t before = list.count;

		ck_assert_int_lt(ms, 20000);
		age(ms);
		for (size_t i = before; i < list.count; i++)
			*(list.flows[i].protocol == 6 ? &linger : &idle) = ms;
	}
	ck_assert_int_ge(idle, 15000);
	ck_assert_int_le(idle, 16000);
	ck_assert_int_ge(linger, 2001);
	ck_assert_int_le(linger, 3001);
	teardown();
}
END_TEST

/* The id of a lingering flow is taken over by a flow that lingers as well: its timer is right. */
START_TEST(linger_of_a_reopened_connection_ends_in_time)
{
	setup(15, 60, 100);
	tcp(0, 0, SYN);
	tcp(0, 1, RST);
	tcp(1500, 0, SYN);
	tcp(1600, 1, RST);
	age(3500);
	ck_assert_uint_eq(list.count, 1);
	age(4100);
	ck_assert_uint_eq(list.count, 2);
	expect(1, SF_END_DETECTED, 1, 1, 1500, 1500);
	teardown();
}
END_TEST

START_TEST(ageing_does_bounded_work)
{
	setup(15, 60, 5000);
	for (uint32_t i = 0; i < 5000; i++) {
		struct sf_facts facts = facts_of(i, 0);

		put(&facts);
	}
	ck_assert(sf_table_age(table, START + 16 * S));
	ck_assert_uint_le(list.count, SF_AGE_BUDGET);
	ck_assert_uint_eq(age(16000), 5000 / SF_AGE_BUDGET);
	ck_assert_uint_eq(list.count, 5000);
	teardown();
}
END_TEST

START_TEST(gap_of_a_year_is_one_revolution)
{
	setup(15, 60, 100);
	for (uint32_t i = 0; i < 100; i++) {
		struct sf_facts facts = facts_of(i, i * 100);

		put(&facts);
	}
	ck_assert_uint_le(age(INT64_C(365) * 86400 * 1000), 2);
	ck_assert_uint_eq(list.count, 100);
	teardown();
}
END_TEST

START_TEST(full_table_gives_up_the_flow_nearest_to_its_timeout)
{
	struct sf_ledger ledger;

	setup(15, 60, 8);
	for (uint32_t i = 0; i < 8; i++) {
		struct sf_facts facts = facts_of(i, i * 500);

		put(&facts);
	}
	for (uint32_t i = 0; i < 3; i++) { /* the oldest three get another packet */
		struct sf_facts facts = facts_of(i, 5000 + i);

		put(&facts);
	}
	ck_assert_uint_eq(list.count, 0);
	for (uint32_t i = 0; i < 5; i++) {
		struct sf_facts facts = facts_of(100 + i, 6000);

		put(&facts);
		ck_assert_uint_eq(list.count, i + 1);
		expect(i, SF_END_RESOURCES, 1, 0, (3 + i) * 500, (3 + i) * 500);
	}
	sf_table_ledger(table, &ledger);
	ck_assert_uint_eq(ledger.flows_evicted, 5);
	ck_assert_uint_eq(ledger.flows_active, 8);
	finish(7000);
	ck_assert_uint_eq(list.count, 13);
	teardown();
}
END_TEST

/* Those that packets have kept alive are no victims, even if the wheel has them in front. */
START_TEST(full_table_spares_flows_that_live)
{
	const uint32_t flows = 200, alive = 100;

	setup(15, 60, flows);
	for (uint32_t i = 0; i < flows; i++) {
		struct sf_facts facts = facts_of(i, i * 20);

		put(&facts);
	}
	for (uint32_t i = 0; i < alive; i++) {
		struct sf_facts facts = facts_of(i, 10000);

		put(&facts);
	}
	age(10000);
	/* what is looked at first is alive: with each new flow some of it moves to its place */
	for (uint32_t i = 0; i < 50; i++) {
		struct sf_facts facts = facts_of(1000 + i, 10000);

		put(&facts);
	}
	list.count = 0;
	for (uint32_t i = 0; i < 50; i++) {
		struct sf_facts facts = facts_of(2000 + i, 10000);

		put(&facts);
		ck_assert_uint_eq(list.count, i + 1);
		ck_assert_uint_eq(list.flows[i].end_reason, SF_END_RESOURCES);
		ck_assert_uint_eq(list.flows[i].half[0].packets, 1);
		ck_assert_int_lt(list.flows[i].half[0].start_ns, START + 4000 * MS);
	}
	teardown();
}
END_TEST

/* Victims are chosen in groups; what happens to them before their turn counts. */
START_TEST(chosen_victims_may_yet_live_or_be_preceded)
{
	struct sf_facts facts;

	setup(15, 60, 20);
	for (uint32_t i = 0; i < 20; i++) {
		facts = facts_of(i, i * 100);
		facts.protocol = 6;
		facts.flags = SF_FACT_TCP;
		put(&facts);
		age(i * 100);
	}
	facts = facts_of(100, 2000);
	put(&facts); /* flow 0 makes room; 1, 2, 3 … are next */
	expect(0, SF_END_RESOURCES, 1, 0, 0, 0);
	facts = facts_of(1, 2000);
	facts.protocol = 6;
	put(&facts); /* flow 1 lives */
	facts = facts_of(101, 2000);
	put(&facts);
	expect(1, SF_END_RESOURCES, 1, 0, 200, 200);
	facts = facts_of(15, 2000);
	facts.protocol = 6;
	facts.flags = SF_FACT_TCP;
	facts.tcp_flags = RST;
	put(&facts); /* flow 15 lingers: due in 2 s */
	facts = facts_of(102, 2000);
	put(&facts);
	expect(2, SF_END_RESOURCES, 2, 0, 1500, 2000);
	age(16900); /* flows 3 … 14, 16 … 18, and 19 as the tick falls */
	ck_assert_uint_ge(list.count, 3 + 15);
	for (size_t i = 3; i < list.count; i++)
		ck_assert_uint_eq(list.flows[i].end_reason, SF_END_IDLE);
	finish(16900);
	teardown();
}
END_TEST

/* The first index cannot grow: the table is full with what that one is made for, and goes on. */
START_TEST(no_memory_for_a_larger_index)
{
	struct sf_ledger ledger;

	setup(15, 60, 1000000);
	no_memory = true;
	for (uint32_t i = 0; i < 100000; i++) {
		struct sf_facts facts = facts_of(i, i / 100);

		put(&facts);
	}
	no_memory = false;
	sf_table_ledger(table, &ledger);
	ck_assert_uint_eq(ledger.flows_created, 100000);
	ck_assert_uint_gt(ledger.flows_active, 16000);
	ck_assert_uint_lt(ledger.flows_active, 17000);
	ck_assert_uint_eq(ledger.flows_evicted, 100000 - ledger.flows_active);
	/* the flow that is nearest to its timeout goes first */
	for (uint32_t i = 0; i < 80000; i++)
		ck_assert_int_lt(list.flows[i].half[0].start_ns, START + 840 * MS);
	finish(1000);
	ck_assert_uint_eq(list.count, 100000);
	teardown();
}
END_TEST

/* In one batch: a new flow pushes one out, and that one's next packet is not the new one's. */
START_TEST(packet_of_a_flow_evicted_in_its_own_batch)
{
	struct sf_facts facts[3] = { facts_of(1, 0), facts_of(2, 10), facts_of(1, 10) };

	setup(15, 60, 1);
	put(&facts[0]);
	offer_facts(table, &facts[1], 2, true);
	finish(20);
	ck_assert_uint_eq(list.count, 3);
	expect(0, SF_END_RESOURCES, 1, 0, 0, 0);
	expect(1, SF_END_RESOURCES, 1, 0, 10, 10);
	expect(2, SF_END_FORCED, 1, 0, 10, 10);
	ck_assert_uint_eq(list.flows[2].addr[1][3], list.flows[0].addr[1][3]);
	teardown();
}
END_TEST

/* One cap counts both families; each takes what the other has left. */
START_TEST(families_share_the_cap)
{
	setup(15, 60, 100);
	for (unsigned round = 0; round < 3; round++) {
		size_t before = list.count;

		for (uint32_t i = 0; i < 100; i++) {
			struct sf_facts facts = facts_of(i, round * 20000);

			if (round == 0 ? i < 50 : round == 2) {
				facts.version = 6;
				facts.address = 0;
				facts.address6[0][15] = (uint8_t)i;
			}
			put(&facts);
		}
		ck_assert_uint_eq(list.count, before);
		age(round * 20000 + 16000);
		ck_assert_uint_eq(list.count, before + 100);
	}
	for (size_t i = 0; i < list.count; i++)
		ck_assert_uint_eq(list.flows[i].end_reason, SF_END_IDLE);
	finish(60000);
	teardown();
}
END_TEST

START_TEST(what_the_sink_refuses_is_counted_lost)
{
	struct sf_ledger ledger;

	setup(15, 60, 100);
	for (uint32_t i = 0; i < 100; i++) {
		struct sf_facts facts = facts_of(i, 0);

		put(&facts);
	}
	list.refuse = 1;
	finish(0);
	sf_table_ledger(table, &ledger);
	ck_assert_uint_eq(ledger.lost_records, 64);
	ck_assert_uint_eq(ledger.lost_octets, 6400);
	ck_assert_uint_eq(ledger.records, 36);
	ck_assert_uint_eq(list.count, 36);
	teardown();
}
END_TEST

START_TEST(each_packet_can_be_a_record)
{
	struct sf_facts facts[2] = { facts_of(1, 5), facts_of(1, 6) };
	struct sf_ledger ledger;

	setup(15, 60, 100);
	facts[1].flags = SF_FACT_SWAPPED;
	write_room(table, facts, 2);
	sf_table_emit_each(table, 2);
	ck_assert_uint_eq(list.count, 2);
	expect(0, SF_END_IDLE, 1, 0, 5, 5);
	expect(1, SF_END_IDLE, 1, 0, 6, 6);
	ck_assert_uint_eq(list.flows[0].port[0], 1024);
	ck_assert_uint_eq(list.flows[1].port[0], 53);
	sf_table_ledger(table, &ledger);
	ck_assert_uint_eq(ledger.record_octets, 200);
	ck_assert_uint_eq(ledger.flows_active, 0);
	teardown();
}
END_TEST

/* Also of IPv6 and with rarely asked facts; the place they are made in is dead again. */
START_TEST(each_packet_can_be_a_record_with_all_facts)
{
	struct sf_meter_options options = { .idle_timeout_ns = 15 * S,
		.active_timeout_ns = 60 * S,
		.max_flows = 2,
		.facts = UINT64_MAX,
		.sink = { record_list_put, &list } };
	struct sf_facts facts[2] = { facts_of(1, 5), facts_of(1, 6) };

	ck_assert_int_eq(sf_table_new(&table, &options, NULL), 0);
	facts[0].version = 6;
	facts[0].address = 0;
	facts[0].flags = SF_FACT_MAC | SF_FACT_SWAPPED;
	facts[0].flow_label = 0xabcde;
	memset(facts[0].address6, 0x20, sizeof(facts[0].address6));
	facts[0].address6[1][15] = 9;
	memcpy(facts[0].src_mac, "\x02\0\0\0\0\x01", 6);
	facts[1].flags = SF_FACT_FRAGMENT;
	write_room(table, facts, 2);
	sf_table_emit_each(table, 2);
	ck_assert_uint_eq(list.count, 2);
	ck_assert_uint_eq(list.flows[0].ip_version, 6);
	ck_assert_uint_eq(list.flows[0].addr[0][15], 9);
	ck_assert_uint_eq(list.flows[0].addr[1][15], 0x20);
	ck_assert_uint_eq(list.flows[0].has, SF_HAS_MAC | SF_HAS_FLOW_LABEL);
	ck_assert_mem_eq(list.facts[0][0].src_mac, facts[0].src_mac, 6);
	ck_assert_mem_eq(list.facts[0][0].flow_label, &facts[0].flow_label, 4);
	ck_assert_uint_eq(list.flows[1].ip_version, 4);
	ck_assert_uint_eq(list.flows[1].has, SF_HAS_FRAGMENTS);
	ck_assert_mem_eq(list.facts[1][0].src_mac, "\0\0\0\0\0\0", 6);
	facts[1].flags = 0;
	put(&facts[1]);
	finish(7);
	ck_assert_uint_eq(list.count, 3);
	ck_assert_uint_eq(list.flows[2].half[0].packets, 1);
	teardown();
}
END_TEST

/* The table is empty and in working order after everything has left. */
START_TEST(table_can_be_used_again)
{
	setup(15, 60, 10);
	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 10; i++) {
			struct sf_facts facts = facts_of(i, round);

			put(&facts);
		}
		finish(round);
		ck_assert_uint_eq(list.count, 10 * (size_t)(round + 1));
	}
	teardown();
}
END_TEST

static size_t resident(void)
{
	unsigned long size, rss, shared;
	FILE *file = fopen("/proc/self/statm", "r");
	int n = file ? fscanf(file, "%lu %lu %lu", &size, &rss, &shared) : 0;

	ck_assert_int_eq(n, 3);
	fclose(file);
	return (rss - shared) * (size_t)sysconf(_SC_PAGESIZE);
}

static unsigned count_only(void *context, const struct sf_flow *flows, unsigned count)
{
	(void)flows;
	*(uint64_t *)context += count;
	return count;
}

/*
 * docs/design.md §4: with index <= 152 octets per IPv4 conversation, <= 216 per IPv6, at the cap.
 */
static void check_memory(uint8_t version, size_t limit)
{
	const uint32_t cap = 1 << 19;
	uint64_t records = 0;
	struct sf_meter_options options = { .idle_timeout_ns = 15 * S,
		.active_timeout_ns = 60 * S,
		.max_flows = cap,
		.sink = { count_only, &records } };
	size_t before = resident(), used;

	ck_assert_int_eq(sf_table_new(&table, &options, NULL), 0);
	for (uint32_t i = 0; i < cap; i++) {
		struct sf_facts facts = facts_of(i, 0);

		if (version == 6) {
			facts.version = 6;
			memcpy(facts.address6[1], &facts.address, sizeof(facts.address));
			facts.address = 0;
		}
		put(&facts);
		facts.flags = SF_FACT_SWAPPED;
		put(&facts);
	}
	used = resident() - before;
	ck_assert_uint_eq(records, 0);
	ck_assert_uint_le(used / cap, limit);
	ck_assert_uint_ge(used / cap, 90);
	sf_table_free(table);
}

START_TEST(memory_per_conversation_stays_within_its_limit)
{
	check_memory(4, 152);
	check_memory(6, 216);
}
END_TEST

START_TEST(nonsense_options_are_refused)
{
	struct sf_meter_options options = {
		.idle_timeout_ns = S, .active_timeout_ns = S, .sink = { record_list_put, &list }
	};
	struct sf_error error;

	ck_assert_int_eq(sf_table_new(&table, &options, &error), SF_EUSAGE);
	options.max_flows = 1;
	options.idle_timeout_ns = 0;
	ck_assert_int_eq(sf_table_new(&table, &options, &error), SF_EUSAGE);
	options.idle_timeout_ns = S;
	options.prealloc = true;
	ck_assert_int_eq(sf_table_new(&table, &options, &error), 0);
	sf_table_free(table);
	sf_table_free(NULL);
}
END_TEST

CHECK_MAIN("table_limits", records_leave_within_a_second_of_their_timeout,
	linger_of_a_reopened_connection_ends_in_time, ageing_does_bounded_work,
	gap_of_a_year_is_one_revolution, full_table_gives_up_the_flow_nearest_to_its_timeout,
	full_table_spares_flows_that_live, chosen_victims_may_yet_live_or_be_preceded,
	no_memory_for_a_larger_index, packet_of_a_flow_evicted_in_its_own_batch,
	families_share_the_cap, what_the_sink_refuses_is_counted_lost, each_packet_can_be_a_record,
	each_packet_can_be_a_record_with_all_facts, table_can_be_used_again,
	memory_per_conversation_stays_within_its_limit, nonsense_options_are_refused)
