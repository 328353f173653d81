/* SPDX-License-Identifier: BSD-2-Clause */
/* Entropy of the first payload of a direction: the number, and of which packet it is. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apps/apps.h"
#include "apps/entropy.h"
#include "base/annex.h"
#include "check_main.h"

enum { TCP = 6, HEADERS = 40 };

static uint64_t state = 1;

static uint32_t draw(uint32_t below)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(state >> 33) % below;
}

/* The definition: the sum of -p log2 p over the shares p of all values. */
static double naive(const uint8_t *bytes, size_t length)
{
	double sum = 0;

	for (unsigned value = 0; value < 256; value++) {
		double count = 0;

		for (size_t i = 0; i < length; i++)
			count += bytes[i] == value;
		if (count > 0)
			sum -= count / (double)length * log2(count / (double)length);
	}
	return sum;
}

START_TEST(number)
{
	uint8_t bytes[SF_ENTROPY_OCTETS + 64];
	struct sf_entropy entropy;

	sf_entropy_init(&entropy);
	for (unsigned round = 0; round < 20000; round++) {
		const uint32_t length = 1 + draw(sizeof(bytes)), values = 1 + draw(256);
		const uint32_t counted = length < SF_ENTROPY_OCTETS ? length : SF_ENTROPY_OCTETS;
		double expected;

		for (unsigned i = 0; i < length; i++)
			bytes[i] = (uint8_t)draw(values);
		expected = 1000 * naive(bytes, counted);
		/* a half may be rounded either way */
		if (fabs(expected - floor(expected) - 0.5) < 1e-6)
			continue;
		ck_assert_uint_eq(
			sf_entropy_of(&entropy, bytes, length), (unsigned)lround(expected));
	}
	memset(bytes, 7, sizeof(bytes));
	ck_assert_uint_eq(sf_entropy_of(&entropy, bytes, sizeof(bytes)), 0);
	for (unsigned i = 0; i < SF_ENTROPY_OCTETS; i++)
		bytes[i] = (uint8_t)(i * 77);
	ck_assert_uint_eq(sf_entropy_of(&entropy, bytes, SF_ENTROPY_OCTETS), 8000);
	bytes[0] = bytes[1];
	ck_assert_uint_eq(sf_entropy_of(&entropy, bytes, SF_ENTROPY_OCTETS), 7992);
}
END_TEST

static struct sf_apps *apps;

static void begin(uint64_t facts)
{
	ck_assert_int_eq(sf_apps_new(&apps, SF_FACT_SET(entropy) | facts), 0);
	ck_assert_int_eq(sf_apps_limit(apps, 1000, 15 * INT64_C(1000000000)), 0);
}

/* A segment of a direction. Returns the entropy that is told; -1: nothing is told. */
static int send_text(bool swapped, const char *text)
{
	static int64_t now = INT64_C(1700000000000000000);
	const uint32_t length = (uint32_t)strlen(text);
	uint8_t bytes[512] = { 0x45, [32] = 0x50 };
	struct sf_packet packet = { .data = bytes, .captured = HEADERS + length };
	struct sf_facts facts = { .version = 4,
		.protocol = TCP,
		.address = 1,
		.ports = 40000u << 16 | 22,
		.octets = HEADERS + length,
		.time_ns = now += 1000000,
		.entropy = 1234, /* of the packet before */
		.flags = SF_FACT_TCP | (swapped ? SF_FACT_SWAPPED : 0) };

	memcpy(bytes + HEADERS, text, length);
	sf_apps_look(apps, &packet, &facts);
	return facts.tcp_flags & SF_TCP_FLAGS_APP ? facts.entropy : -1;
}

/*
 * Each direction has its own first packet with payload, however many there are before it and behind
 * it.
 */
START_TEST(first_payload)
{
	begin(0);
	for (unsigned d = 0; d < 2; d++) {
		for (unsigned i = 0; i < 300 * d; i++)
			ck_assert_int_eq(send_text(d, ""), -1);
		ck_assert_int_eq(send_text(d, d ? "aabb" : "abcdefgh"), d ? 1000 : 3000);
		ck_assert_int_eq(send_text(d, ""), -1);
		ck_assert_int_eq(send_text(d, "another text"), -1);
	}
	sf_apps_free(apps);
}
END_TEST

/* Readers go on behind the first payload; what they tell then has no entropy. */
START_TEST(beside_readers)
{
	begin(SF_FACT_SET(app) | SF_FACT_SET(ssh));
	for (unsigned i = 0; i < 300; i++)
		ck_assert_int_eq(send_text(false, ""), -1);
	ck_assert_int_eq(send_text(false, "abcdefgh"), 3000);
	ck_assert_int_eq(send_text(false, "abcd"), -1);
	ck_assert_int_eq(send_text(false, "SSH-2.0-a\r\n"), 0);
	ck_assert_int_eq(send_text(false, "SSH-2.0-b\r\n"), -1);
	/* the first payload has the message */
	ck_assert_int_eq(send_text(true, "SSH-2.0-\n\n\n\n\n\n\n\n"), 2250);
	sf_apps_free(apps);
}
END_TEST

CHECK_MAIN("entropy", number, first_payload, beside_readers)
