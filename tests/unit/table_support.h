/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flow table for tests, and packets for it. Time is in milliseconds after an arbitrary beginning;
 * timeouts are 15 s idle and 60 s active unless said.
 */
#ifndef TESTS_TABLE_SUPPORT_H
#define TESTS_TABLE_SUPPORT_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "check_main.h"
#include "oracle.h"
#include "table/layout.h"

#define MS    INT64_C(1000000)
#define S     SF_NS_PER_S
#define START (INT64_C(1700000000) * S)

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

static struct sf_table *table;
static struct record_list list;
static const uint64_t seed[2] = { 11, 22 };

static inline void setup(int64_t idle_s, int64_t active_s, uint32_t cap)
{
	struct sf_meter_options options = { .idle_timeout_ns = idle_s * S,
		.active_timeout_ns = active_s == INT64_MAX ? INT64_MAX : active_s * S,
		.max_flows = cap,
		.flow_ids = true,
		.hash_seed = seed,
		.sink = { record_list_put, &list } };

	ck_assert_int_eq(sf_table_new(&table, &options, NULL), 0);
}

static inline void teardown(void)
{
	sf_table_free(table);
	record_list_free(&list);
}

static inline struct sf_facts facts_of(uint32_t flow, int64_t ms)
{
	return (struct sf_facts){ .address = UINT64_C(0xc0000200c6336400) + flow,
		.ports = 1024u << 16 | 53,
		.protocol = 17,
		.version = 4,
		.ttl = 64,
		.octets = 100,
		.time_ns = START + ms * MS,
		.clock_ns = START + ms * MS };
}

static inline void put(const struct sf_facts *facts)
{
	offer_facts(table, facts, 1, true);
}

/* A packet of flow 1, sent by side 0 or 1. */
static inline void udp(int64_t ms, unsigned side)
{
	struct sf_facts facts = facts_of(1, ms);

	facts.flags = side ? SF_FACT_SWAPPED : 0;
	put(&facts);
}

static inline void tcp(int64_t ms, unsigned side, uint16_t flags)
{
	struct sf_facts facts = facts_of(1, ms);

	facts.protocol = 6;
	facts.flags = SF_FACT_TCP | (side ? SF_FACT_SWAPPED : 0);
	facts.tcp_flags = flags;
	put(&facts);
}

/* Ages as far as it goes; returns how many calls had to be made. */
static inline unsigned age(int64_t ms)
{
	unsigned calls = 1;

	while (sf_table_age(table, START + ms * MS))
		calls++;
	return calls;
}

static inline void finish(int64_t ms)
{
	struct sf_ledger ledger;

	sf_table_finish(table, START + ms * MS);
	sf_table_ledger(table, &ledger);
	ck_assert_uint_eq(ledger.packets, ledger.record_packets + ledger.lost_packets);
	ck_assert_uint_eq(ledger.octets, ledger.record_octets + ledger.lost_octets);
	ck_assert_uint_eq(ledger.flows_created, ledger.flows_ended);
}

/* Record i: end reason, packets each way, first and last time of the initiator. */
static inline void expect(size_t i, unsigned reason, uint64_t forward, uint64_t reverse,
	int64_t start_ms, int64_t end_ms)
{
	const struct sf_flow *flow = &list.flows[i];

	ck_assert_uint_gt(list.count, i);
	ck_assert_uint_eq(flow->end_reason, reason);
	ck_assert_uint_eq(flow->half[0].packets, forward);
	ck_assert_uint_eq(flow->half[1].packets, reverse);
	ck_assert_int_eq(flow->half[0].start_ns - START, start_ms * MS);
	ck_assert_int_eq(flow->half[0].end_ns - START, end_ms * MS);
}

#endif
