/* SPDX-License-Identifier: BSD-2-Clause */
/* What TCP packets say of their connection (base/tcp_quality.h): each rule by a few packets. */
#include <string.h>

#include "base/tcp_quality.h"
#include "check_main.h"

enum { FIN = 0x01, SYN = 0x02, RST = 0x04, ACK = 0x10 };
enum { CLIENT, SERVER };

static struct sf_tcp_side sides[2];
static struct sf_tcp_packet packet;

/* The packet has a window of 1000 and no options unless `packet` says otherwise. */
static void send_at(unsigned from, int64_t us, uint16_t flags, uint32_t sequence, uint32_t ack,
	uint32_t payload)
{
	const struct sf_facts facts = {
		.time_ns = us * 1000, .tcp_flags = flags, .flags = SF_FACT_TCP
	};

	packet.known = 1;
	packet.sequence = sequence;
	packet.acknowledgement = ack;
	packet.payload = payload;
	sf_tcp_watch((uint8_t *)&sides[from], (uint8_t *)&sides[!from], &facts, (uint8_t *)&packet);
	memset(&packet, 0, sizeof(packet));
	packet.window = 1000;
}

static void start(void)
{
	memset(sides, 0, sizeof(sides));
	memset(&packet, 0, sizeof(packet));
	packet.window = 1000;
}

/* The server answers after 3 ms, the client after 1 ms: sequence numbers go on at 101 and 501. */
static void open_connection(void)
{
	start();
	send_at(CLIENT, 0, SYN, 100, 0, 0);
	send_at(SERVER, 3000, SYN | ACK, 500, 101, 0);
	send_at(CLIENT, 4000, ACK, 101, 501, 0);
}

START_TEST(handshake)
{
	start();
	packet = (struct sf_tcp_packet){
		.window = 64240, .mss = 1460, .scale = 7, .sack_permitted = 1
	};
	send_at(CLIENT, 0, SYN, 100, 0, 0);
	packet = (struct sf_tcp_packet){ .window = 65535, .mss = 1400 };
	send_at(SERVER, 3000, SYN | ACK, 500, 101, 0);
	send_at(CLIENT, 4000, ACK, 101, 501, 0);
	ck_assert_uint_eq(sides[CLIENT].sequence, 100);
	ck_assert_uint_eq(sides[CLIENT].window, 64240);
	ck_assert_uint_eq(sides[CLIENT].mss, 1460);
	ck_assert_uint_eq(sides[CLIENT].scale, 7);
	ck_assert_uint_eq(sides[CLIENT].sack_permitted, 1);
	ck_assert_uint_eq(sides[SERVER].sequence, 500);
	ck_assert_uint_eq(sides[SERVER].mss, 1400);
	ck_assert_uint_eq(sides[SERVER].sack_permitted, 0);
	ck_assert_uint_eq(sides[SERVER].server_us, 3000);
	ck_assert_uint_eq(sides[CLIENT].client_us, 1000);
	ck_assert_uint_eq(sides[CLIENT].rtt_count, 1);
	ck_assert_uint_eq(sides[CLIENT].rtt_sum, 3000);
	/* one direction alone says no more than its own numbers */
	start();
	send_at(SERVER, 3000, SYN | ACK, 500, 101, 0);
	ck_assert_uint_eq(sides[SERVER].server_us, 0);
	ck_assert_uint_eq(sides[SERVER].sequence, 500);
}
END_TEST

START_TEST(round_trips)
{
	open_connection();
	send_at(CLIENT, 5000, ACK, 101, 501, 10);
	send_at(CLIENT, 5100, ACK, 111, 501, 10);
	send_at(SERVER, 6000, ACK, 501, 121, 0); /* of both; of the second one the time is known */
	send_at(CLIENT, 7000, ACK, 121, 501, 10);
	send_at(CLIENT, 9000, ACK, 121, 501, 10); /* repeated: the time counts from the first one */
	send_at(SERVER, 9500, ACK, 501, 131, 0);
	send_at(CLIENT, 9600, ACK, 131, 501, 10);
	send_at(SERVER, 9600, ACK, 501, 141, 0); /* one time stamp: no time */
	ck_assert_uint_eq(sides[CLIENT].rtt_count, 3);
	ck_assert_uint_eq(sides[CLIENT].rtt_min, 900);
	ck_assert_uint_eq(sides[CLIENT].rtt_max, 3000);
	ck_assert_uint_eq(sides[CLIENT].rtt_sum, 3000 + 900 + 2500);
}
END_TEST

/*
 * Of a window of more segments than are remembered some have no round trip; sequence numbers may
 * wrap.
 */
START_TEST(many_segments_under_way)
{
	const uint32_t begin = UINT32_MAX - 500;

	start();
	for (uint32_t i = 0; i < 100; i++)
		send_at(CLIENT, 1000 + i, ACK, begin + 10 * i, 501, 10);
	ck_assert_uint_eq(sides[CLIENT].segment_count, SF_TCP_SEGMENTS);
	for (uint32_t i = 1; i <= 100; i++)
		send_at(SERVER, 5000 + i, ACK, 501, begin + 10 * i, 0);
	ck_assert_uint_eq(sides[CLIENT].segment_count, 0);
	ck_assert_uint_eq(sides[CLIENT].rtt_count, SF_TCP_SEGMENTS);
	ck_assert_uint_eq(sides[CLIENT].rtt_min, 4001);
	ck_assert_uint_eq(sides[CLIENT].retransmitted + sides[CLIENT].out_of_order, 0);
	ck_assert_uint_eq(sides[SERVER].duplicate_acks, 0);
}
END_TEST

START_TEST(retransmitted_segments)
{
	open_connection();
	send_at(CLIENT, 5000, ACK, 101, 501, 100);
	send_at(CLIENT, 300000, ACK, 101, 501, 100); /* after a timeout */
	ck_assert_uint_eq(sides[CLIENT].retransmitted, 1);
	ck_assert_uint_eq(sides[CLIENT].retransmitted_octets, 100);
	send_at(SERVER, 303000, ACK, 501, 201, 0);
	send_at(CLIENT, 303100, ACK, 101, 501, 100); /* all of it was acknowledged */
	ck_assert_uint_eq(sides[CLIENT].retransmitted, 2);
	send_at(CLIENT, 400000, SYN, 100, 0, 0);
	ck_assert_uint_eq(sides[CLIENT].retransmitted, 3);
	ck_assert_uint_eq(sides[CLIENT].retransmitted_octets, 200);
	/* three duplicate acknowledgements, then what they ask for, within a round trip */
	open_connection();
	for (uint32_t i = 0; i < 5; i++)
		send_at(CLIENT, 5000 + i, ACK, 101 + 10 * i, 501, 10);
	send_at(SERVER, 6000, ACK, 501, 111, 0);
	for (unsigned i = 0; i < 3; i++)
		send_at(SERVER, 6001, ACK, 501, 111, 0);
	send_at(CLIENT, 6002, ACK, 111, 501, 10);
	ck_assert_uint_eq(sides[SERVER].duplicate_acks, 3);
	ck_assert_uint_eq(sides[CLIENT].retransmitted, 1);
	ck_assert_uint_eq(sides[CLIENT].out_of_order, 0);
}
END_TEST

/* Later than a segment that it should have come before, by less than a round trip. */
START_TEST(segments_out_of_order)
{
	open_connection();
	send_at(CLIENT, 5000, ACK, 101, 501, 10);
	send_at(CLIENT, 5100, ACK, 121, 501, 10);
	send_at(CLIENT, 5200, ACK, 111, 501, 10);
	ck_assert_uint_eq(sides[CLIENT].out_of_order, 1);
	ck_assert_uint_eq(sides[CLIENT].retransmitted, 0);
	send_at(CLIENT, 5300, ACK, 141, 501, 10);
	send_at(CLIENT, 9400, ACK, 131, 501, 10); /* the handshake took 4 ms */
	ck_assert_uint_eq(sides[CLIENT].out_of_order, 1);
	ck_assert_uint_eq(sides[CLIENT].retransmitted, 1);
}
END_TEST

START_TEST(duplicate_acknowledgements)
{
	open_connection();
	send_at(SERVER, 5000, ACK, 501, 101, 0); /* as the SYN+ACK did */
	send_at(SERVER, 5100, ACK, 501, 101, 0);
	ck_assert_uint_eq(sides[SERVER].duplicate_acks, 2);
	packet.window = 2000; /* a window update is none */
	send_at(SERVER, 5200, ACK, 501, 101, 0);
	ck_assert_uint_eq(sides[SERVER].duplicate_acks, 2);
	send_at(SERVER, 5300, ACK, 501, 101, 10); /* data */
	send_at(SERVER, 5400, FIN | ACK, 511, 101, 0);
	ck_assert_uint_eq(sides[SERVER].duplicate_acks, 2);
	/* nor is the answer to a keep-alive, and a keep-alive is no retransmission */
	open_connection();
	send_at(CLIENT, 5000, ACK, 101, 501, 10);
	send_at(SERVER, 6000, ACK, 501, 111, 0);
	send_at(CLIENT, 9000000, ACK, 110, 501, 1);
	send_at(SERVER, 9001000, ACK, 501, 111, 0);
	ck_assert_uint_eq(sides[SERVER].duplicate_acks, 0);
	ck_assert_uint_eq(sides[CLIENT].retransmitted, 0);
}
END_TEST

START_TEST(windows_of_zero)
{
	open_connection();
	packet.window = 0;
	send_at(SERVER, 5000, ACK, 501, 101, 0);
	ck_assert_uint_eq(sides[SERVER].zero_windows, 1);
	send_at(CLIENT, 6000, ACK, 101, 501, 1); /* a probe: what it sends does not count as sent */
	packet.window = 0;
	send_at(SERVER, 6100, ACK, 501, 101, 0);
	ck_assert_uint_eq(sides[SERVER].zero_windows, 2);
	ck_assert_uint_eq(sides[SERVER].duplicate_acks, 0);
	send_at(SERVER, 7000, ACK, 501, 101, 0);
	send_at(CLIENT, 7100, ACK, 101, 501, 10);
	ck_assert_uint_eq(sides[CLIENT].retransmitted + sides[CLIENT].out_of_order, 0);
	packet.window = 0;
	send_at(SERVER, 8000, RST, 501, 0, 0);
	ck_assert_uint_eq(sides[SERVER].zero_windows, 2);
}
END_TEST

/*
 * A record that the active timeout ends takes its counters along; the next one knows what was sent
 * before.
 */
START_TEST(what_stays_when_a_record_ends)
{
	open_connection();
	send_at(CLIENT, 5000, ACK, 101, 501, 100);
	send_at(CLIENT, 300000, ACK, 101, 501, 100);
	for (unsigned side = 0; side < 2; side++)
		sf_tcp_cut((uint8_t *)&sides[side]);
	ck_assert_uint_eq(sides[CLIENT].retransmitted, 0);
	ck_assert_uint_eq(sides[CLIENT].rtt_count, 0);
	ck_assert_uint_eq(sides[CLIENT].client_us, 0);
	ck_assert_uint_eq(sides[CLIENT].sequence, 100);
	send_at(SERVER, 305000, ACK, 501, 201, 0);
	send_at(CLIENT, 600000, ACK, 101, 501, 100);
	ck_assert_uint_eq(sides[CLIENT].retransmitted, 1);
	ck_assert_uint_eq(sides[CLIENT].rtt_count, 1);
	ck_assert_uint_eq(sides[CLIENT].rtt_min, 300000);
}
END_TEST

START_TEST(another_connection)
{
	struct sf_facts facts = { .tcp_flags = SYN };
	struct sf_tcp_packet syn = { .known = 1, .sequence = 100 };
	const uint8_t *own = (const uint8_t *)&sides[CLIENT];

	start();
	ck_assert_int_eq(sf_tcp_begins(own, &facts, (uint8_t *)&syn), SF_TCP_BEGINS_NOTHING);
	open_connection();
	ck_assert_int_eq(sf_tcp_begins(own, &facts, (uint8_t *)&syn), SF_TCP_BEGINS_AGAIN);
	syn.sequence = 7;
	ck_assert_int_eq(sf_tcp_begins(own, &facts, (uint8_t *)&syn), SF_TCP_BEGINS_OTHER);
	facts.tcp_flags = SYN | ACK;
	ck_assert_int_eq(sf_tcp_begins(own, &facts, (uint8_t *)&syn), SF_TCP_BEGINS_NOTHING);
	facts.tcp_flags = SYN;
	syn.known = 0; /* its header was cut off */
	ck_assert_int_eq(sf_tcp_begins(own, &facts, (uint8_t *)&syn), SF_TCP_BEGINS_NOTHING);
}
END_TEST

/* Any packets: sums stay sums, and what is remembered stays within its bounds. */
START_TEST(any_packets)
{
	uint64_t state = 1, total = 0;

	start();
	for (unsigned i = 0; i < 200000; i++) {
		const unsigned from = state >> 40 & 1;

		state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		packet.window = (uint16_t)(state >> 41 & 3);
		packet.sack_count = (uint8_t)(state >> 43 & 3);
		packet.sacks[0][0] = (uint32_t)(state >> 20);
		total += 1;
		send_at(from, (int64_t)(state >> 20) - (INT64_C(1) << 43),
			(uint16_t)(state >> 45 & 0x17), (uint32_t)(state >> 50 & 7) * 0x30000000,
			(uint32_t)(state >> 53 & 7) * 0x30000000 + (state >> 30 & 3),
			(uint32_t)(state >> 56 & 3));
		ck_assert_uint_le(sides[from].segment_count, SF_TCP_SEGMENTS);
		ck_assert_uint_le(sides[from].rtt_min, sides[from].rtt_max);
	}
	ck_assert_uint_le(sides[0].retransmitted + sides[0].out_of_order, total);
	ck_assert_uint_gt(sides[0].rtt_count, 0);
}
END_TEST

CHECK_MAIN("tcp_quality", handshake, round_trips, many_segments_under_way, retransmitted_segments,
	segments_out_of_order, duplicate_acknowledgements, windows_of_zero,
	what_stays_when_a_record_ends, another_connection, any_packets)
