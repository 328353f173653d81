/* SPDX-License-Identifier: BSD-2-Clause */
/* Duplicates of a mirror port, and own export traffic. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "check_main.h"
#include "meter/dedup.h"
#include "meter/own.h"

#define MS INT64_C(1000000)

/* IPv4, total length 32, id 0x1234, UDP 10.0.0.1:1000 → 10.0.0.2:53, 4 octets of payload */
static const uint8_t packet4[32] = { 0x45, 0, 0, 32, 0x12, 0x34, 0x40, 0, 64, 17, 0xab, 0xcd, 10, 0,
	0, 1, 10, 0, 0, 2, 0x03, 0xe8, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4 };

static struct sf_dedup dedup;

static void open_dedup(bool drop)
{
	ck_assert_int_eq(sf_dedup_init(&dedup, drop, 10 * MS, 0x1234), 0);
}

START_TEST(a_copy_within_the_window_is_a_duplicate)
{
	uint8_t copy[sizeof(packet4)];

	open_dedup(true);
	ck_assert(!sf_dedup_seen(&dedup, packet4, sizeof(packet4), 1000 * MS));
	ck_assert(sf_dedup_seen(&dedup, packet4, sizeof(packet4), 1000 * MS));
	/* routed on the way: TTL, checksum and TOS differ */
	memcpy(copy, packet4, sizeof(copy));
	copy[1] = 0xb8;
	copy[8] = 63;
	copy[10] = 0;
	ck_assert(sf_dedup_seen(&dedup, copy, sizeof(copy), 1009 * MS));
	ck_assert_uint_eq(dedup.examined, 3);
	ck_assert_uint_eq(dedup.duplicates, 2);
	sf_dedup_fini(&dedup);
}
END_TEST

START_TEST(later_than_the_window_is_a_retransmission)
{
	open_dedup(true);
	ck_assert(!sf_dedup_seen(&dedup, packet4, sizeof(packet4), 0));
	ck_assert(!sf_dedup_seen(&dedup, packet4, sizeof(packet4), 11 * MS));
	sf_dedup_fini(&dedup);
}
END_TEST

START_TEST(any_bit_that_a_switch_keeps_tells_packets_apart)
{
	open_dedup(true);
	for (size_t i = 2; i < sizeof(packet4); i++) {
		uint8_t other[sizeof(packet4)];

		if (i == 8 || i == 10 || i == 11) /* TTL, header checksum */
			continue;
		for (unsigned bit = 0; bit < 8; bit++) {
			int64_t time = (int64_t)(8 * i + bit) * 1000 * MS;

			memcpy(other, packet4, sizeof(other));
			other[i] ^= 1 << bit;
			ck_assert(!sf_dedup_seen(&dedup, packet4, sizeof(packet4), time));
			ck_assert_msg(!sf_dedup_seen(&dedup, other, sizeof(other), time),
				"octet %zu, bit %u", i, bit);
		}
	}
	sf_dedup_fini(&dedup);
}
END_TEST

START_TEST(ipv6_ignores_hop_limit_and_labels_only)
{
	uint8_t packet[56] = { 0x60, 0, 0, 0, 0, 16, 17, 64, 0x20, 1 }, other[56];

	open_dedup(true);
	for (size_t i = 0; i < sizeof(packet); i++) {
		bool free = i < 4 || i == 7;

		for (unsigned bit = 0; bit < (i ? 8 : 4); bit++) {
			int64_t time = (int64_t)(8 * i + bit) * 1000 * MS;

			memcpy(other, packet, sizeof(other));
			other[i] ^= 1 << bit;
			sf_dedup_seen(&dedup, packet, sizeof(packet), time);
			ck_assert_msg(sf_dedup_seen(&dedup, other, sizeof(other), time) == free,
				"octet %zu, bit %u", i, bit);
		}
	}
	sf_dedup_fini(&dedup);
}
END_TEST

/* Sampling by content: of many packets sent twice, the estimate is one half. */
START_TEST(the_sample_estimates_the_share)
{
	uint8_t packet[sizeof(packet4)];
	double share;

	open_dedup(false);
	memcpy(packet, packet4, sizeof(packet));
	for (unsigned i = 0; i < 64000; i++) {
		packet[4] = (uint8_t)(i >> 8);
		packet[5] = (uint8_t)i;
		packet[31] = (uint8_t)(i >> 16);
		sf_dedup_seen(&dedup, packet, sizeof(packet), i * MS / 10);
		sf_dedup_seen(&dedup, packet, sizeof(packet), i * MS / 10 + 1000);
	}
	ck_assert_uint_gt(dedup.examined, 1000);
	ck_assert_uint_lt(dedup.examined, 4000);
	share = (double)dedup.duplicates / (double)dedup.examined;
	ck_assert_double_ge(share, 0.49);
	ck_assert_double_le(share, 0.51);
	sf_dedup_fini(&dedup);
}
END_TEST

/* Every cut of a packet may be asked about: no octet behind the captured ones is read. */
START_TEST(short_captures_are_compared_as_far_as_they_go)
{
	open_dedup(true);
	for (size_t length = 20; length <= sizeof(packet4); length++) {
		uint8_t *exact = malloc(length);

		memcpy(exact, packet4, length);
		ck_assert(!sf_dedup_seen(&dedup, exact, length, (int64_t)length * 1000 * MS));
		ck_assert(sf_dedup_seen(&dedup, exact, length, (int64_t)length * 1000 * MS));
		free(exact);
	}
	sf_dedup_fini(&dedup);
}
END_TEST

START_TEST(own_sessions_match_in_both_directions)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(40000) };
	struct sockaddr_in b = { .sin_family = AF_INET, .sin_port = htons(4739) };
	struct sf_own own = { 0 };
	struct sf_facts facts = { .version = 4, .protocol = 17 };

	a.sin_addr.s_addr = htonl(0x0a000002);
	b.sin_addr.s_addr = htonl(0x0a000001);
	ck_assert(!sf_own_match(&own, &facts));
	ck_assert_int_eq(
		sf_own_add(&own, (struct sockaddr *)&a, (struct sockaddr *)&b, IPPROTO_UDP), 0);
	facts.address = UINT64_C(0x0a0000010a000002);
	facts.ports = 4739u << 16 | 40000;
	ck_assert(sf_own_match(&own, &facts));
	facts.protocol = 6;
	ck_assert(!sf_own_match(&own, &facts));
	facts.protocol = 17;
	facts.ports++;
	ck_assert(!sf_own_match(&own, &facts));
}
END_TEST

START_TEST(own_sessions_over_ipv6_and_mapped_addresses)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(1000) };
	struct sockaddr_in6 b = { .sin6_family = AF_INET6, .sin6_port = htons(2055) };
	struct sf_own own = { 0 };
	struct sf_facts facts = { .version = 6, .protocol = 17, .ports = 1000u << 16 | 2055 };

	inet_pton(AF_INET6, "2001:db8::1", &a.sin6_addr);
	inet_pton(AF_INET6, "2001:db8::2", &b.sin6_addr);
	ck_assert_int_eq(
		sf_own_add(&own, (struct sockaddr *)&b, (struct sockaddr *)&a, IPPROTO_UDP), 0);
	memcpy(facts.address6[0], &a.sin6_addr, 16);
	memcpy(facts.address6[1], &b.sin6_addr, 16);
	ck_assert(sf_own_match(&own, &facts));
	facts.address6[1][15] ^= 1;
	ck_assert(!sf_own_match(&own, &facts));

	inet_pton(AF_INET6, "::ffff:10.0.0.1", &a.sin6_addr);
	inet_pton(AF_INET6, "::ffff:10.0.0.2", &b.sin6_addr);
	ck_assert_int_eq(
		sf_own_add(&own, (struct sockaddr *)&a, (struct sockaddr *)&b, IPPROTO_UDP), 0);
	facts = (struct sf_facts){ .version = 4,
		.protocol = 17,
		.ports = 1000u << 16 | 2055,
		.address = UINT64_C(0x0a0000010a000002) };
	ck_assert(sf_own_match(&own, &facts));
}
END_TEST

CHECK_MAIN("dedup", a_copy_within_the_window_is_a_duplicate,
	later_than_the_window_is_a_retransmission, any_bit_that_a_switch_keeps_tells_packets_apart,
	ipv6_ignores_hop_limit_and_labels_only, the_sample_estimates_the_share,
	short_captures_are_compared_as_far_as_they_go, own_sessions_match_in_both_directions,
	own_sessions_over_ipv6_and_mapped_addresses)
