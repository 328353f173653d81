/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules of the flow table one by one (docs/design.md §4): when records end, and who began. */
#include "table_support.h"

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

/* Packets of one connection, one every millisecond. */
struct tcp_packet {
	unsigned side;
	uint16_t flags;
};

/*
 * All orders in which `count` packets can arrive: each gives the one record that time order gives.
 */
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

/* A time that 48 bits cannot tell together with the record's others begins a record of its own. */
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
	connection_that_ends_far_behind_the_clock)
