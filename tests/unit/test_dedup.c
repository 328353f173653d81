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

START_TEST(ipv6_ignores_traffic_class_and_hop_limit_only)
{
	uint8_t packet[56] = { 0x60, 0, 0, 0, 0, 16, 17, 64, 0x20, 1 }, other[56];

	open_dedup(true);
	for (size_t i = 0; i < sizeof(packet); i++) {
		for (unsigned bit = 0; bit < (i ? 8 : 4); bit++) {
			bool free = i == 0 || (i == 1 && bit >= 4) || i == 7;
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

static uint64_t random_state;

static uint32_t any(uint32_t below)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((random_state >> 33) % below);
}

/* A packet of `length` random bytes whose header says so. */
static void make_random(uint8_t *ip, uint8_t version, size_t length)
{
	for (size_t i = 0; i < length; i++)
		ip[i] = (uint8_t)any(256);
	if (version == 4) {
		ip[0] = 0x45;
		ip[2] = (uint8_t)(length >> 8);
		ip[3] = (uint8_t)length;
	} else {
		ip[0] = 0x60 | (ip[0] & 15);
		ip[4] = (uint8_t)((length - 40) >> 8);
		ip[5] = (uint8_t)(length - 40);
	}
}

/* The bits of a byte of the header that routers change. */
static uint8_t changeable(uint8_t version, size_t at)
{
	if (version == 4)
		return at == 1 || at == 8 || at == 10 || at == 11 ? 0xff : 0;
	return at == 0 ? 0x0f : at == 1 ? 0xf0 : at == 7 ? 0xff : 0;
}

#define LENGTH_MAX 1500

/* A captured length: all of it or less, the fixed header at least. */
static size_t random_cut(size_t header, size_t length)
{
	return any(2) ? length : header + any((uint32_t)(length - header) + 1);
}

/* Less by `most` at most, the fixed header at least. */
static size_t random_less(size_t header, size_t length, uint32_t most)
{
	size_t less = any(2) ? 0 : any(most + 1);

	return length - header < less ? header : length - less;
}

static size_t random_packet(uint8_t *ip, uint8_t *version)
{
	size_t header = any(2) ? 20 : 40, length = header + any(any(2) ? 100 : LENGTH_MAX - 39);

	*version = header == 20 ? 4 : 6;
	make_random(ip, *version, length);
	return length;
}

/* Any single bit behind what routers change, anywhere in what both packets have. */
START_TEST(packets_that_differ_anywhere_are_no_copies)
{
	static uint8_t one[LENGTH_MAX + 40], other[LENGTH_MAX + 40];

	open_dedup(true);
	random_state = 1;
	for (unsigned round = 0; round < 100000; round++) {
		int64_t time = round * 100 * MS;
		uint8_t version;
		size_t length = random_packet(one, &version), header = version == 4 ? 20 : 40;
		size_t cut = random_cut(header, length);
		size_t shorter = random_less(header, cut, any(2) ? SF_DEDUP_STEM : LENGTH_MAX);
		size_t at = any(2) ? any((uint32_t)shorter) : shorter - 1 - any(4);
		uint8_t bit = (uint8_t)(1u << any(8));

		if (changeable(version, at) & bit || (at == 0 && bit >= 16))
			continue;
		memcpy(other, one, length);
		other[at] ^= bit;
		if (any(2)) {
			ck_assert(!sf_dedup_seen(&dedup, one, cut, time));
			ck_assert(!sf_dedup_seen(&dedup, other, shorter, time + MS));
		} else {
			ck_assert(!sf_dedup_seen(&dedup, other, shorter, time));
			ck_assert(!sf_dedup_seen(&dedup, one, cut, time - MS));
		}
	}
	sf_dedup_fini(&dedup);
}
END_TEST

/* What routers change, a tag more or less in front of a cut packet, either order of time. */
START_TEST(copies_are_found_however_they_were_changed_and_cut)
{
	static uint8_t one[LENGTH_MAX + 40], other[LENGTH_MAX + 40];

	open_dedup(true);
	random_state = 2;
	for (unsigned round = 0; round < 100000; round++) {
		int64_t time = round * 100 * MS, later = (int64_t)any(20 * MS + 1) - 10 * MS;
		uint8_t version;
		size_t length = random_packet(one, &version), header = version == 4 ? 20 : 40;
		size_t cut = random_cut(header, length);
		size_t shorter = random_less(header, cut, SF_DEDUP_STEM);

		memcpy(other, one, length);
		for (size_t i = 0; i < header; i++)
			other[i] ^= (uint8_t)any(256) & changeable(version, i);
		ck_assert(!sf_dedup_seen(&dedup, one, any(2) ? cut : shorter, time));
		ck_assert_msg(sf_dedup_seen(&dedup, other, any(2) ? cut : shorter, time + later),
			"version %u, %zu bytes, %zu and %zu captured", version, length, cut,
			shorter);
	}
	ck_assert_uint_eq(dedup.examined, 2 * dedup.duplicates);
	sf_dedup_fini(&dedup);
}
END_TEST

/* Tunnels and large payloads: packets that are the same but for their ends. */
START_TEST(streams_of_different_packets_have_no_copies)
{
	static uint8_t packet[1400];

	for (unsigned sampling = 0; sampling < 2; sampling++) {
		open_dedup(!sampling);
		random_state = 3;
		make_random(packet, 6, sizeof(packet));
		for (unsigned i = 0; i < 20000; i++) {
			packet[1396] = (uint8_t)(i >> 8);
			packet[1397] = (uint8_t)i;
			sf_dedup_seen(&dedup, packet, sizeof(packet), i);
		}
		if (!sampling)
			ck_assert_uint_eq(dedup.examined, 20000);
		ck_assert_uint_eq(dedup.duplicates, 0);
		sf_dedup_fini(&dedup);
	}
}
END_TEST

/* The copies of many packets that are all the same in front: each is found behind 1000 others. */
START_TEST(copies_are_found_among_packets_that_begin_alike)
{
	static uint8_t packet[400];
	unsigned found = 0;

	open_dedup(true);
	random_state = 4;
	make_random(packet, 4, sizeof(packet));
	for (unsigned i = 0; i < 20000; i++) {
		unsigned number = i / 1000 % 2 ? i - 1000 : i;

		packet[396] = (uint8_t)(number >> 8);
		packet[397] = (uint8_t)number;
		found += sf_dedup_seen(&dedup, packet, sizeof(packet), i);
	}
	ck_assert_uint_ge(found, 9800);
	ck_assert_uint_le(found, 10000);
	sf_dedup_fini(&dedup);
}
END_TEST

/* A capture that is cut after many that were not: copies of different length are found again. */
START_TEST(copies_are_found_when_cut_packets_come_late)
{
	uint8_t packet[200];

	open_dedup(true);
	random_state = 5;
	for (unsigned i = 0; i < 70000; i++) {
		make_random(packet, 4, sizeof(packet));
		ck_assert(!sf_dedup_seen(&dedup, packet, sizeof(packet), i));
	}
	for (unsigned i = 0; i < 100; i++) {
		make_random(packet, 4, sizeof(packet));
		ck_assert(!sf_dedup_seen(&dedup, packet, i % 2 ? 60 : 64, MS));
		ck_assert(sf_dedup_seen(&dedup, packet, i % 2 ? 64 : 60, MS));
	}
	sf_dedup_fini(&dedup);
}
END_TEST

START_TEST(times_may_be_any_number)
{
	open_dedup(true);
	ck_assert(!sf_dedup_seen(&dedup, packet4, sizeof(packet4), INT64_MIN));
	ck_assert(!sf_dedup_seen(&dedup, packet4, sizeof(packet4), INT64_MAX));
	ck_assert(!sf_dedup_seen(&dedup, packet4, sizeof(packet4), -1));
	ck_assert(sf_dedup_seen(&dedup, packet4, sizeof(packet4), 10 * MS - 1));
	ck_assert(!sf_dedup_seen(&dedup, packet4, sizeof(packet4), -2));
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
	ipv6_ignores_traffic_class_and_hop_limit_only, the_sample_estimates_the_share,
	short_captures_are_compared_as_far_as_they_go, packets_that_differ_anywhere_are_no_copies,
	copies_are_found_however_they_were_changed_and_cut,
	streams_of_different_packets_have_no_copies,
	copies_are_found_among_packets_that_begin_alike,
	copies_are_found_when_cut_packets_come_late, times_may_be_any_number,
	own_sessions_match_in_both_directions, own_sessions_over_ipv6_and_mapped_addresses)
