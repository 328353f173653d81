/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flow table's rules one by one (docs/design.md §4), then its structures. Time is in milliseconds
 * after an arbitrary beginning; timeouts are 15 s idle and 60 s active unless said.
 */
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

static bool no_memory; /* for another array */

int __real_sf_arena_init(struct sf_arena *, size_t, size_t, bool);
int __wrap_sf_arena_init(struct sf_arena *, size_t, size_t, bool);

int __wrap_sf_arena_init(struct sf_arena *arena, size_t count, size_t size, bool prealloc)
{
	return no_memory ? -ENOMEM : __real_sf_arena_init(arena, count, size, prealloc);
}

static struct sf_table *table;
static struct record_list list;
static const uint64_t seed[2] = { 11, 22 };

static void setup(int64_t idle_s, int64_t active_s, uint32_t cap)
{
	struct sf_meter_options options = { .idle_timeout_ns = idle_s * S,
		.active_timeout_ns = active_s == INT64_MAX ? INT64_MAX : active_s * S,
		.max_flows = cap,
		.flow_ids = true,
		.hash_seed = seed,
		.sink = { record_list_put, &list } };

	ck_assert_int_eq(sf_table_new(&table, &options, NULL), 0);
}

static void teardown(void)
{
	sf_table_free(table);
	record_list_free(&list);
}

static struct sf_facts facts_of(uint32_t flow, int64_t ms)
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

static void put(const struct sf_facts *facts)
{
	offer_facts(table, facts, 1, true);
}

/* A packet of flow 1, sent by side 0 or 1. */
static void udp(int64_t ms, unsigned side)
{
	struct sf_facts facts = facts_of(1, ms);

	facts.flags = side ? SF_FACT_SWAPPED : 0;
	put(&facts);
}

static void tcp(int64_t ms, unsigned side, uint16_t flags)
{
	struct sf_facts facts = facts_of(1, ms);

	facts.protocol = 6;
	facts.flags = SF_FACT_TCP | (side ? SF_FACT_SWAPPED : 0);
	facts.tcp_flags = flags;
	put(&facts);
}

/* Ages as far as it goes; returns how many calls had to be made. */
static unsigned age(int64_t ms)
{
	unsigned calls = 1;

	while (sf_table_age(table, START + ms * MS))
		calls++;
	return calls;
}

static void finish(int64_t ms)
{
	struct sf_ledger ledger;

	sf_table_finish(table, START + ms * MS);
	sf_table_ledger(table, &ledger);
	ck_assert_uint_eq(ledger.packets, ledger.record_packets + ledger.lost_packets);
	ck_assert_uint_eq(ledger.octets, ledger.record_octets + ledger.lost_octets);
	ck_assert_uint_eq(ledger.flows_created, ledger.flows_ended);
}

/* Record i: end reason, packets each way, first and last time of the initiator. */
static void expect(size_t i, unsigned reason, uint64_t forward, uint64_t reverse, int64_t start_ms,
	int64_t end_ms)
{
	const struct sf_flow *flow = &list.flows[i];

	ck_assert_uint_gt(list.count, i);
	ck_assert_uint_eq(flow->end_reason, reason);
	ck_assert_uint_eq(flow->half[0].packets, forward);
	ck_assert_uint_eq(flow->half[1].packets, reverse);
	ck_assert_int_eq(flow->half[0].start_ns - START, start_ms * MS);
	ck_assert_int_eq(flow->half[0].end_ns - START, end_ms * MS);
}

START_TEST(idle_timeout_is_decided_when_the_packet_comes)
{
	setup(15, 60, 100);
	udp(0, 0);
	udp(14999, 1);
	udp(29999, 0); /* 15 s after the last packet of either direction */
	ck_assert_uint_eq(list.count, 1);
	expect(0, SF_END_IDLE, 1, 1, 0, 0);
	finish(30000);
	expect(1, SF_END_FORCED, 1, 0, 29999, 29999);
	ck_assert_uint_ne(list.flows[0].id, list.flows[1].id);
	teardown();
}
END_TEST

START_TEST(active_timeout_cuts_and_keeps_initiator_and_id)
{
	setup(15, 60, 100);
	for (int ms = 0; ms <= 59000; ms += 1000)
		udp(ms, ms == 0 ? 1 : 0);
	udp(60000, 0); /* not the initiator's */
	udp(60001, 1);
	finish(60500);
	ck_assert_uint_eq(list.count, 2);
	expect(0, SF_END_ACTIVE, 1, 59, 0, 0);
	expect(1, SF_END_FORCED, 1, 1, 60001, 60001);
	ck_assert_int_eq(list.flows[1].half[1].start_ns, START + 60000 * MS);
	ck_assert_uint_eq(list.flows[0].id, list.flows[1].id);
	ck_assert_uint_eq(list.flows[0].port[0], list.flows[1].port[0]);
	ck_assert_uint_eq(list.flows[0].port[0], 53);
	teardown();
}
END_TEST

/* RFC 5103 §5.3 asks to keep the direction; after an idle timeout it is another flow. */
START_TEST(active_timeout_and_idle_timeout_both_passed)
{
	setup(15, 60, 100);
	for (int ms = 0; ms <= 50000; ms += 10000)
		udp(ms, 0);
	udp(65000, 1); /* active at 60 s came first, but idle at 65 s is over as well */
	finish(65000);
	expect(0, SF_END_ACTIVE, 6, 0, 0, 50000);
	expect(1, SF_END_FORCED, 1, 0, 65000, 65000);
	ck_assert_uint_ne(list.flows[0].id, list.flows[1].id);
	ck_assert_uint_eq(list.flows[1].port[0], 53);
	teardown();
}
END_TEST

START_TEST(flow_cut_by_the_wheel_is_remembered_until_idle)
{
	setup(15, 60, 100);
	for (int ms = 0; ms <= 50000; ms += 10000)
		udp(ms, 1);
	age(61000);
	ck_assert_uint_eq(list.count, 1);
	udp(64999, 0);
	age(64999);
	finish(65000);
	ck_assert_uint_eq(list.count, 2);
	expect(0, SF_END_ACTIVE, 6, 0, 0, 50000);
	expect(1, SF_END_FORCED, 1, 0, 64999, 64999);
	ck_assert_uint_eq(list.flows[0].id, list.flows[1].id);
	teardown();
}
END_TEST

START_TEST(flow_cut_by_the_wheel_ends_without_a_record)
{
	struct sf_ledger ledger;

	setup(15, 60, 100);
	for (int ms = 0; ms <= 50000; ms += 10000)
		udp(ms, 0);
	age(61000);
	sf_table_ledger(table, &ledger);
	ck_assert_uint_eq(ledger.flows_active, 1);
	ck_assert_uint_eq(ledger.table_packets, 0);
	age(66000);
	sf_table_ledger(table, &ledger);
	ck_assert_uint_eq(ledger.flows_active, 0);
	ck_assert_uint_eq(list.count, 1);
	teardown();
}
END_TEST

START_TEST(reset_closes_after_a_linger_for_stragglers)
{
	setup(15, 60, 100);
	tcp(0, 0, SYN);
	tcp(10, 1, RST | ACK);
	tcp(2009, 0, ACK);
	tcp(2010, 0, ACK); /* 2 s after the RST: not a straggler any more */
	finish(2010);
	expect(0, SF_END_DETECTED, 2, 1, 0, 2009);
	expect(1, SF_END_FORCED, 1, 0, 2010, 2010);
	teardown();
}
END_TEST

START_TEST(syn_to_a_closed_flow_starts_a_new_one)
{
	setup(15, 60, 100);
	tcp(0, 0, SYN);
	tcp(10, 1, RST | ACK);
	tcp(20, 0, SYN);
	ck_assert_uint_eq(list.count, 1);
	expect(0, SF_END_DETECTED, 1, 1, 0, 0);
	tcp(30, 1, SYN | ACK);
	finish(40);
	expect(1, SF_END_FORCED, 1, 1, 20, 20);
	ck_assert_uint_ne(list.flows[0].id, list.flows[1].id);
	teardown();
}
END_TEST

/* FIN both ways and acknowledged; the last ACK and repeated FINs are the same flow. */
START_TEST(orderly_close_ends_with_the_last_acknowledgement)
{
	setup(15, 60, 100);
	tcp(0, 0, SYN);
	tcp(1, 1, SYN | ACK);
	tcp(2, 0, ACK);
	tcp(3, 0, FIN | ACK);
	tcp(4, 1, ACK);
	tcp(5, 1, FIN | ACK);
	age(4000);
	ck_assert_uint_eq(list.count, 0); /* not acknowledged yet */
	tcp(4100, 0, ACK);
	tcp(4200, 1, FIN | ACK);
	tcp(4300, 0, ACK);
	age(6000);
	ck_assert_uint_eq(list.count, 0);
	age(6400);
	ck_assert_uint_eq(list.count, 1);
	expect(0, SF_END_DETECTED, 5, 4, 0, 4300);
	ck_assert_uint_eq(list.flows[0].half[0].tcp_flags, SYN | ACK | FIN);
	teardown();
}
END_TEST

START_TEST(close_seen_in_one_direction_is_no_end)
{
	setup(15, 60, 100);
	tcp(0, 0, SYN);
	tcp(1, 0, FIN | ACK);
	tcp(2, 0, ACK);
	tcp(3, 0, ACK);
	finish(10000);
	expect(0, SF_END_FORCED, 4, 0, 0, 3);
	teardown();
}
END_TEST

START_TEST(first_syn_ack_names_its_destination_initiator)
{
	setup(15, 60, 100);
	tcp(0, 0, SYN | ACK);
	tcp(5, 1, ACK);
	finish(10);
	expect(0, SF_END_FORCED, 1, 1, 5, 5);
	ck_assert_uint_eq(list.flows[0].port[0], 53);
	teardown();
}
END_TEST

/* The same of an ICMP reply: at once, and when it turns out to be the earliest packet. */
START_TEST(first_icmp_reply_names_its_destination_initiator)
{
	struct sf_facts reply = facts_of(1, 0), request = facts_of(1, 5);

	reply.protocol = request.protocol = 1;
	reply.ports = request.ports = 0x08000000;
	reply.flags = SF_FACT_SWAPPED | SF_FACT_ANSWER;
	for (unsigned late = 0; late < 2; late++) {
		setup(15, 60, 100);
		put(late ? &request : &reply);
		put(late ? &reply : &request);
		finish(10);
		expect(0, SF_END_FORCED, 1, 1, 5, 5);
		ck_assert_uint_eq(list.flows[0].port[0], 0x0800);
		teardown();
	}
}
END_TEST

/* flow.h: half[1].packets == 0 when one direction was seen, whoever began. */
START_TEST(flow_seen_one_way_begins_with_who_was_seen)
{
	setup(15, 60, 100);
	tcp(0, 0, SYN | ACK);
	finish(10);
	expect(0, SF_END_FORCED, 1, 0, 0, 0);
	ck_assert_uint_eq(list.flows[0].port[0], 1024);
	teardown();
}
END_TEST

START_TEST(packets_out_of_order_widen_the_record)
{
	setup(15, 60, 100);
	udp(1000, 0);
	udp(3000, 1);
	udp(2000, 0);
	udp(500, 0);
	udp(2500, 1);
	finish(3000);
	expect(0, SF_END_FORCED, 3, 2, 500, 2000);
	ck_assert_int_eq(list.flows[0].half[1].start_ns, START + 2500 * MS);
	ck_assert_int_eq(list.flows[0].half[1].end_ns, START + 3000 * MS);
	teardown();
}
END_TEST

START_TEST(answer_that_is_older_than_the_question)
{
	setup(15, 60, 100);
	udp(1000, 0);
	udp(900, 1);
	udp(800, 1);
	udp(1100, 0);
	finish(3000);
	expect(0, SF_END_FORCED, 2, 2, 800, 900);
	ck_assert_int_eq(list.flows[0].half[1].start_ns, START + 1000 * MS);
	ck_assert_int_eq(list.flows[0].half[1].end_ns, START + 1100 * MS);
	ck_assert_uint_eq(list.flows[0].half[1].octets, 200);
	teardown();
}
END_TEST

/* Two workers may deliver the answer before the question: the times decide who began. */
START_TEST(initiator_is_the_sender_of_the_earliest_packet)
{
	setup(15, 60, 100);
	udp(1000, 1);
	udp(999, 0);
	finish(3000);
	ck_assert_uint_eq(list.flows[0].port[0], 1024);
	expect(0, SF_END_FORCED, 1, 1, 999, 999);
	ck_assert_int_eq(list.flows[0].half[1].start_ns, START + 1000 * MS);
	teardown();
}
END_TEST

/* But a flow that had begun before keeps the initiator of its first record. */
START_TEST(initiator_stays_over_an_active_timeout)
{
	setup(15, 20, 100);
	udp(0, 0);
	udp(10000, 0);
	udp(20000, 0);
	udp(19999, 1);
	finish(20001);
	expect(0, SF_END_ACTIVE, 2, 0, 0, 10000);
	expect(1, SF_END_FORCED, 1, 1, 20000, 20000);
	ck_assert_int_eq(list.flows[1].half[1].start_ns, START + 19999 * MS);
	teardown();
}
END_TEST

/* Even without timeouts a record spans 72 hours at most. */
START_TEST(record_is_cut_after_72_hours)
{
	const int64_t hours = 72 * 3600;

	setup(400 * 3600, INT64_MAX, 100);
	udp(0, 0);
	udp(hours * 1000 - 1, 1);
	udp(hours * 1000, 0);
	finish(hours * 1000);
	expect(0, SF_END_ACTIVE, 1, 1, 0, 0);
	ck_assert_int_eq(list.flows[0].half[1].end_ns, START + (hours * 1000 - 1) * MS);
	ck_assert_uint_eq(list.flows[0].id, list.flows[1].id);
	teardown();
}
END_TEST

#define DAYS_MS (INT64_C(24) * 3600 * 1000)

/* A packet of flow 1 of that time, while the clock of the source is at another one. */
static void tcp_at(int64_t ms, int64_t clock_ms, unsigned side, uint16_t flags)
{
	struct sf_facts facts = facts_of(1, ms);

	facts.protocol = 6;
	facts.interface = 1;
	facts.flags = SF_FACT_TCP | (side ? SF_FACT_SWAPPED : 0);
	facts.flags |= clock_ms > ms ? SF_FACT_LATE : 0;
	facts.tcp_flags = flags;
	facts.clock_ns = START + clock_ms * MS;
	put(&facts);
}

/* A time that 48 bits cannot tell together with the record's others begins a record of its own. */
/* Packets of one connection, one every millisecond. */
struct tcp_packet {
	unsigned side;
	uint16_t flags;
};

/* All orders in which `count` packets can arrive: each gives the one record that time order gives. */
static void arrive_in_any_order(const struct tcp_packet *packets, unsigned count, unsigned answers)
{
	unsigned orders = 1;

	for (unsigned i = 2; i <= count; i++)
		orders *= i;
	for (unsigned order = 0; order < orders; order++) {
		unsigned left[8], rest = order;
		int64_t clock = 0;

		setup(15, 60, 100);
		for (unsigned i = 0; i < count; i++)
			left[i] = i;
		for (unsigned n = count; n > 0; rest /= n, n--) {
			unsigned at = left[rest % n];

			left[rest % n] = left[n - 1];
			clock = at > clock ? at : clock;
			tcp_at(at, clock, packets[at].side, packets[at].flags);
		}
		finish(count);
		ck_assert_uint_eq(list.count, 1);
		expect(0, SF_END_DETECTED, count - answers, answers, 0,
			list.flows[0].half[0].end_ns / MS - START / MS);
		ck_assert_uint_eq(list.flows[0].port[0], 1024);
		teardown();
	}
}

START_TEST(connection_ends_by_the_times_of_its_packets)
{
	static const struct tcp_packet closed[] = { { 0, SYN }, { 1, SYN | ACK }, { 0, ACK },
		{ 0, FIN | ACK }, { 1, ACK }, { 1, FIN | ACK }, { 0, ACK } };
	static const struct tcp_packet together[] = { { 0, SYN }, { 1, SYN | ACK },
		{ 0, FIN | ACK }, { 1, FIN | ACK }, { 0, ACK }, { 1, ACK } };
	static const struct tcp_packet refused[] = { { 0, SYN }, { 1, RST | ACK } };
	static const struct tcp_packet reset[] = { { 0, SYN }, { 1, SYN | ACK }, { 0, ACK },
		{ 1, ACK }, { 0, RST } };

	arrive_in_any_order(closed, 7, 3);
	arrive_in_any_order(together, 6, 3);
	arrive_in_any_order(refused, 2, 1);
	arrive_in_any_order(reset, 5, 2);
}
END_TEST

/* An ACK from before the last FIN does not answer it; a SYN from after the end begins anew. */
START_TEST(late_packets_of_a_closing_connection)
{
	setup(15, 60, 100);
	tcp(0, 0, SYN);
	tcp(10, 0, FIN | ACK);
	tcp(20, 1, FIN | ACK);
	tcp_at(15, 20, 0, ACK);
	finish(21);
	expect(0, SF_END_FORCED, 3, 1, 0, 15);
	tcp(100, 0, SYN);
	tcp(200, 1, RST | ACK);
	tcp_at(150, 200, 0, SYN);
	tcp(200, 0, SYN);
	finish(300);
	expect(1, SF_END_DETECTED, 2, 1, 100, 150);
	expect(2, SF_END_FORCED, 1, 0, 200, 200);
	teardown();
}
END_TEST

START_TEST(wild_time_in_the_past_does_no_harm)
{
	setup(15, 60, 100);
	tcp_at(0, 0, 0, ACK);
	tcp_at(-400 * DAYS_MS, 0, 0, ACK);
	tcp_at(1, 1, 1, ACK);
	finish(2);
	ck_assert_uint_eq(list.count, 3);
	expect(0, SF_END_ACTIVE, 1, 0, 0, 0);
	expect(1, SF_END_IDLE, 1, 0, -400 * DAYS_MS, -400 * DAYS_MS);
	expect(2, SF_END_FORCED, 1, 0, 1, 1);
	ck_assert_uint_eq(list.flows[0].id, list.flows[1].id);
	teardown();
}
END_TEST

/* One packet a year ahead: timeouts and end of the flow still follow from its other packets. */
START_TEST(wild_time_in_the_future_does_no_harm)
{
	setup(15, 60, 100);
	tcp_at(0, 0, 0, ACK);
	tcp_at(365 * DAYS_MS, 365 * DAYS_MS, 0, ACK);
	tcp_at(1, 1, 0, ACK);
	tcp_at(2, 2, 1, RST);
	expect(0, SF_END_IDLE, 1, 0, 0, 0);
	expect(1, SF_END_ACTIVE, 1, 0, 365 * DAYS_MS, 365 * DAYS_MS);
	age(2002);
	ck_assert_uint_eq(list.count, 2);
	age(4000);
	expect(2, SF_END_DETECTED, 1, 1, 1, 1);
	finish(4000);
	teardown();
}
END_TEST

/* The end of the linger has 48 bits, beside the number of the interface. */
START_TEST(connection_that_ends_far_behind_the_clock)
{
	static const uint32_t ifindex[2] = { 7, 11 }, domain[2] = { 1, 2 };
	struct sf_meter_options options = { .idle_timeout_ns = 15 * S,
		.active_timeout_ns = 60 * S,
		.max_flows = 100,
		.ifindex = ifindex,
		.domain = domain,
		.sink = { record_list_put, &list } };

	ck_assert_int_eq(sf_table_new(&table, &options, NULL), 0);
	tcp_at(-100 * DAYS_MS, 0, 0, RST);
	finish(1);
	expect(0, SF_END_DETECTED, 1, 0, -100 * DAYS_MS, -100 * DAYS_MS);
	ck_assert_uint_eq(list.flows[0].half[0].ingress, 11);
	ck_assert_uint_eq(list.flows[0].domain, 2);
	teardown();
}
END_TEST

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

/* In one batch: a new flow pushes one out, and that one's next packet is not the new one's. */
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

/* docs/design.md §4: with index <= 152 octets per IPv4 conversation, <= 216 per IPv6, at the cap. */
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

CHECK_MAIN("table", idle_timeout_is_decided_when_the_packet_comes,
	active_timeout_cuts_and_keeps_initiator_and_id, active_timeout_and_idle_timeout_both_passed,
	flow_cut_by_the_wheel_is_remembered_until_idle, flow_cut_by_the_wheel_ends_without_a_record,
	reset_closes_after_a_linger_for_stragglers, syn_to_a_closed_flow_starts_a_new_one,
	orderly_close_ends_with_the_last_acknowledgement, close_seen_in_one_direction_is_no_end,
	first_syn_ack_names_its_destination_initiator,
	first_icmp_reply_names_its_destination_initiator,
	flow_seen_one_way_begins_with_who_was_seen, packets_out_of_order_widen_the_record,
	answer_that_is_older_than_the_question, initiator_is_the_sender_of_the_earliest_packet,
	initiator_stays_over_an_active_timeout, record_is_cut_after_72_hours,
	connection_ends_by_the_times_of_its_packets, late_packets_of_a_closing_connection,
	wild_time_in_the_past_does_no_harm, wild_time_in_the_future_does_no_harm,
	connection_that_ends_far_behind_the_clock, records_leave_within_a_second_of_their_timeout,
	linger_of_a_reopened_connection_ends_in_time, ageing_does_bounded_work,
	gap_of_a_year_is_one_revolution, full_table_gives_up_the_flow_nearest_to_its_timeout,
	full_table_spares_flows_that_live, chosen_victims_may_yet_live_or_be_preceded,
	no_memory_for_a_larger_index, packet_of_a_flow_evicted_in_its_own_batch,
	families_share_the_cap, what_the_sink_refuses_is_counted_lost, each_packet_can_be_a_record,
	each_packet_can_be_a_record_with_all_facts, table_can_be_used_again,
	memory_per_conversation_stays_within_its_limit, chosen_collisions_bring_the_strong_hash,
	flows_come_and_go_while_the_hash_changes, flows_are_found_while_the_index_grows,
	index_finds_again_what_it_was_given, bucket_match_variants_agree,
	wheel_files_by_the_time_that_it_is, wheel_gives_everything_back_in_its_tick,
	strong_hash_is_siphash_1_3, flow_id_stays_what_it_is, flow_ids_are_made_on_request,
	nonsense_options_are_refused)
