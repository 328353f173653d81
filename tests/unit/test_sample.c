/* SPDX-License-Identifier: BSD-2-Clause */
/* Sampling of packets: how many are taken, which ones, and what a hash depends on. */
#include <string.h>

#include "check_main.h"
#include "meter/sample.h"

#define S            INT64_C(1000000000)
#define PACKETS      100000u
#define FRAME_SIZE   64
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* An Ethernet frame with IPv4 and 30 bytes behind its header; a tag before it if there is room. */
static struct sf_packet packet_of(uint8_t *frame, unsigned number, bool tagged)
{
	static const uint8_t ip[20] = { 0x45, 0, 0, 50, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198,
		51, 100, 7 };
	uint8_t *p = frame + 12;

	memset(frame, 7, FRAME_SIZE + 4);
	if (tagged) {
		memcpy(p, "\x81\0\0\x05", 4);
		p += 4;
	}
	memcpy(p, "\x08\0", 2);
	memcpy(p + 2, ip, sizeof(ip));
	p[2 + 4] = (uint8_t)(number >> 8);
	p[2 + 5] = (uint8_t)number;
	p[2 + 12] = (uint8_t)(number >> 16);
	return (struct sf_packet){ .data = frame,
		.time_ns = number * S / 1000,
		.captured = FRAME_SIZE + (tagged ? 4 : 0),
		.wire = FRAME_SIZE + (tagged ? 4 : 0),
		.link = SF_LINK_ETHERNET };
}

static struct sf_sampling sampling_of(const char *text)
{
	struct sf_sampling sampling;

	ck_assert_int_eq(sf_sampling_parse(&sampling, text, NULL), 0);
	return sampling;
}

START_TEST(kinds_are_read)
{
	static const struct {
		const char *text;
		enum sf_sampling_kind kind;
		uint64_t take, of;
		uint32_t interval;
	} cases[] = { { "count:100", SF_SAMPLE_COUNT, 1, 100, 100 },
		{ "count:2/1k", SF_SAMPLE_COUNT, 2, 1000, 500 },
		{ "random:3/10", SF_SAMPLE_RANDOM, 3, 10, 0 },
		{ "uniform:1", SF_SAMPLE_UNIFORM, 1, 1, 1 },
		{ "hash:4294967295", SF_SAMPLE_HASH, 1, 4294967295, 4294967295 },
		{ "time:10ms/1s", SF_SAMPLE_TIME, 10000000, 1000000000, 0 },
		{ "time:0.001ms/4294.967295s", SF_SAMPLE_TIME, 1000, 4294967295000, 0 } };
	static const char *const wrong[] = { "", "100", "count", "count:", "count:0", "count:0/5",
		"count:6/5", "count:-1", "count:1/2/3", "count:4294967296", "time:5ms",
		"time:2s/1s", "time:0/1s", "time:1s/4294.967296s", "time:1s/2h", "time:0.0001ms/1s",
		"time:1ms/1000.0001ms", "time:0/0", "crc:5", "count: 5", "random:1.5" };

	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct sf_sampling sampling = sampling_of(cases[i].text);

		ck_assert_int_eq(sampling.kind, cases[i].kind);
		ck_assert_uint_eq(sampling.take, cases[i].take);
		ck_assert_uint_eq(sampling.of, cases[i].of);
		ck_assert_uint_eq(sf_sampling_interval(&sampling), cases[i].interval);
	}
	for (unsigned i = 0; i < COUNT(wrong); i++) {
		struct sf_sampling sampling = { 0 };

		ck_assert_msg(
			sf_sampling_parse(&sampling, wrong[i], NULL) == SF_EUSAGE, "%s", wrong[i]);
		ck_assert_int_eq(sampling.kind, SF_SAMPLE_ALL);
	}
}
END_TEST

static unsigned taken_of(const char *text, uint64_t seed)
{
	struct sf_sampling sampling = sampling_of(text);
	struct sf_sampler sampler = { .random = seed };
	uint8_t frame[FRAME_SIZE + 4];
	unsigned taken = 0;

	for (unsigned i = 0; i < PACKETS; i++) {
		struct sf_packet packet = packet_of(frame, i, false);

		taken += sf_sampler_takes(&sampler, &sampling, &packet);
	}
	return taken;
}

/* Exactly K of N in each group where that is promised; else within five standard deviations. */
START_TEST(rates_are_kept)
{
	for (uint64_t seed = 0; seed < 5; seed++) {
		ck_assert_uint_eq(taken_of("count:100", seed), 1000);
		ck_assert_uint_eq(taken_of("count:3/10", seed), 30000);
		ck_assert_uint_eq(taken_of("random:100", seed), 1000);
		ck_assert_uint_eq(taken_of("random:37/1000", seed), 3700);
		ck_assert_uint_eq(taken_of("time:10ms/100ms", seed), 10000);
		ck_assert_uint_eq(taken_of("uniform:1", seed), PACKETS);
		ck_assert_int_lt(abs((int)taken_of("uniform:10", seed) - 10000), 5 * 95);
	}
	ck_assert_int_lt(abs((int)taken_of("hash:10", 0) - 10000), 5 * 95);
	ck_assert_int_lt(abs((int)taken_of("hash:3/7", 0) - 42857), 5 * 157);
	ck_assert_uint_eq(taken_of("hash:1", 0), PACKETS);
}
END_TEST

/* Every place of a group is as likely as any other. */
START_TEST(random_places_are_even)
{
	struct sf_sampling sampling = sampling_of("random:2/8");
	struct sf_sampler sampler = { .random = 1 };
	unsigned places[8] = { 0 };
	uint8_t frame[FRAME_SIZE + 4];
	struct sf_packet packet = packet_of(frame, 0, false);

	for (unsigned i = 0; i < 8 * 10000; i++)
		places[i % 8] += sf_sampler_takes(&sampler, &sampling, &packet);
	for (unsigned i = 0; i < 8; i++)
		ck_assert_int_lt(abs((int)places[i] - 2500), 5 * 44);
}
END_TEST

/* lookup2 of Bob Jenkins, which RFC 5475 calls BOB. */
START_TEST(hash_is_bob)
{
	const uint8_t bytes[30] = "Four score and seven years ag";

	ck_assert_uint_eq(sf_sample_bob(bytes, 0, 0), 0xbd49d10d);
	for (unsigned length = 1; length < sizeof(bytes); length++)
		ck_assert_uint_ne(
			sf_sample_bob(bytes, length, 0), sf_sample_bob(bytes, length - 1, 0));
	ck_assert_uint_ne(sf_sample_bob(bytes, 12, 0), sf_sample_bob(bytes, 12, 1));
}
END_TEST

/*
 * Fields that routers and switches change do not influence the hash; fields that tell packets apart
 * do.
 */
START_TEST(hash_is_the_same_at_all_probes)
{
	uint8_t frame[FRAME_SIZE + 4], one[SF_SAMPLE_BYTES], other[SF_SAMPLE_BYTES];
	struct sf_packet packet = packet_of(frame, 77, false);
	size_t length = sf_sample_bytes(&packet, one, sizeof(one));

	ck_assert_uint_eq(length, 4 + 1 + 8 + 20);
	for (unsigned at = 0; at < 34; at++) {
		bool told = (at >= 16 && at < 20) || at == 23 || at >= 26;

		/* type and header length say where things are */
		if (at >= 12 && at < 15)
			continue;
		packet = packet_of(frame, 77, false);
		frame[at] ^= 1;
		ck_assert_uint_eq(sf_sample_bytes(&packet, other, sizeof(other)), length);
		ck_assert_msg((memcmp(one, other, length) != 0) == told, "byte %u", at);
	}
	packet = packet_of(frame, 77, true);
	ck_assert_uint_eq(sf_sample_bytes(&packet, other, sizeof(other)), length);
	ck_assert_mem_eq(one, other, length);
}
END_TEST

/* The IP packet of an Ethernet frame, behind other link layers. */
START_TEST(hash_is_the_same_behind_other_links)
{
	static const struct {
		uint16_t link;
		uint8_t length, header[40];
	} cases[] = { { SF_LINK_LINUX_SLL, 16, { [14] = 8 } }, { SF_LINK_LINUX_SLL2, 20, { 8 } },
		{ SF_LINK_LINUX_SLL2, 24, { 0x81, [20] = 0, 5, 8 } }, { SF_LINK_NULL, 4, { 2 } },
		{ SF_LINK_LOOP, 4, { [3] = 2 } }, { SF_LINK_MPLS, 8, { [6] = 1 } },
		{ SF_LINK_ETHERNET, 22, { [12] = 0x88, 0x64, 0x11, [21] = 0x21 } },
		{ SF_LINK_ETHERNET, 30,
			{ [12] = 0x92, [16] = 0x93, [20] = 0x88, 0x64, 0x11, [29] = 0x21 } } };
	uint8_t frame[FRAME_SIZE + 4], other[128], one[SF_SAMPLE_BYTES], two[SF_SAMPLE_BYTES];
	struct sf_packet packet = packet_of(frame, 77, false);
	size_t length = sf_sample_bytes(&packet, one, sizeof(one));

	for (unsigned i = 0; i < COUNT(cases); i++) {
		memcpy(other, cases[i].header, cases[i].length);
		memcpy(other + cases[i].length, frame + 14, FRAME_SIZE - 14);
		packet = (struct sf_packet){ .data = other,
			.captured = cases[i].length + FRAME_SIZE - 14u,
			.link = cases[i].link };
		ck_assert_msg(sf_sample_bytes(&packet, two, sizeof(two)) == length, "case %u", i);
		ck_assert_mem_eq(one, two, length);
	}
}
END_TEST

/* Packets cut anywhere, with any bytes behind any type: nothing beyond their end is read. */
START_TEST(cut_packets_are_harmless)
{
	static const uint16_t links[] = { SF_LINK_ETHERNET, SF_LINK_LINUX_SLL, SF_LINK_LINUX_SLL2,
		SF_LINK_RAW, SF_LINK_IPV6, SF_LINK_PPP, SF_LINK_NULL, SF_LINK_MPLS };
	static const uint8_t types[][2] = { { 8, 0 }, { 0x86, 0xdd }, { 0x81, 0 }, { 0x88, 0x47 },
		{ 0x88, 0x64 } };
	uint8_t bytes[SF_SAMPLE_BYTES];

	for (unsigned length = 0; length < 80; length++)
		for (unsigned link = 0; link < COUNT(links); link++)
			for (unsigned type = 0; type < COUNT(types); type++) {
				/* of exactly this size, for AddressSanitizer */
				uint8_t *frame = malloc(length ? length : 1);
				struct sf_packet packet = { .data = frame,
					.captured = length,
					.wire = length,
					.link = links[link] };

				for (unsigned i = 0; i < length; i++)
					frame[i] = types[type][i & 1];
				if (length > 14)
					frame[14] = type & 1 ? 0x6f : 0x4f;
				ck_assert_uint_le(sf_sample_bytes(&packet, bytes, sizeof(bytes)),
					sizeof(bytes));
				free(frame);
			}
}
END_TEST

CHECK_MAIN("sample", kinds_are_read, rates_are_kept, random_places_are_even, hash_is_bob,
	hash_is_the_same_at_all_probes, hash_is_the_same_behind_other_links,
	cut_packets_are_harmless)
