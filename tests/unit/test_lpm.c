/* SPDX-License-Identifier: BSD-2-Clause */
/* Longest-prefix match against a matcher that compares each prefix. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check_main.h"
#include "enrich/lpm.h"

#define PREFIXES 600
#define MANY     20000 /* of which more than 4096 differ: the large table */
#define LOOKUPS  400

static uint64_t state;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * UINT64_C(0x2545f4914f6cdd1d);
}

/* Addresses near each other, so that prefixes lie within each other: few values per byte. */
static struct sf_lpm_address random_address(bool ipv6)
{
	static const uint8_t bytes[] = { 0x00, 0x01, 0x7f, 0x80, 0xc0, 0xff };
	struct sf_lpm_address address = { 0, 0 };

	for (unsigned i = 0; i < 8; i++) {
		address.high = address.high << 8 | bytes[(next() >> 32) % sizeof(bytes)];
		address.low = address.low << 8 | bytes[(next() >> 32) % sizeof(bytes)];
	}
	if (!ipv6)
		address = (struct sf_lpm_address){ address.high >> 32 << 32, 0 };
	return address;
}

static bool matches(const struct sf_lpm_prefix *prefix, const struct sf_lpm_address *address)
{
	for (unsigned bit = 0; bit < prefix->length; bit++) {
		uint64_t a = bit < 64 ? prefix->address.high : prefix->address.low;
		uint64_t b = bit < 64 ? address->high : address->low;

		if ((a ^ b) >> (63 - bit % 64) & 1)
			return false;
	}
	return true;
}

/* Of equal prefixes the later one. */
static uint32_t naive(
	const struct sf_lpm_prefix *prefixes, unsigned count, const struct sf_lpm_address *address)
{
	int best = -1;

	for (unsigned i = 0; i < count; i++)
		if (matches(&prefixes[i], address) &&
			(best < 0 || prefixes[i].length >= prefixes[best].length))
			best = (int)i;
	return best < 0 ? 0 : prefixes[best].value;
}

static void check_round(bool ipv6, unsigned count)
{
	static struct sf_lpm_prefix prefixes[MANY], given[MANY];
	struct sf_lpm_address addresses[LOOKUPS];
	uint32_t values[LOOKUPS];
	struct sf_lpm *lpm;

	for (unsigned i = 0; i < count; i++)
		prefixes[i] = (struct sf_lpm_prefix){ random_address(ipv6), 1 + i % 50,
			(uint8_t)(next() >> 32) % (ipv6 ? 129 : 33), 0 };
	for (unsigned i = 0; i < LOOKUPS; i++)
		addresses[i] = random_address(ipv6);
	memcpy(given, prefixes, count * sizeof(*given));
	ck_assert_int_eq(sf_lpm_new(&lpm, ipv6 ? NULL : given, ipv6 ? 0 : count,
				 ipv6 ? given : NULL, ipv6 ? count : 0),
		0);
	ck_assert(count == MANY ? sf_lpm_memory(lpm) > 1 << 20 : sf_lpm_memory(lpm) < 1 << 20);
	sf_lpm_find(lpm, ipv6, addresses, values, LOOKUPS);
	for (unsigned i = 0; i < LOOKUPS; i++)
		ck_assert_uint_eq(values[i], naive(prefixes, count, &addresses[i]));
	/* the other family has no prefixes */
	sf_lpm_find(lpm, !ipv6, addresses, values, LOOKUPS);
	for (unsigned i = 0; i < LOOKUPS; i++)
		ck_assert_uint_eq(values[i], 0);
	sf_lpm_free(lpm);
}

START_TEST(random_prefixes_agree_with_a_naive_matcher)
{
	for (state = 1; state < 60; state++) {
		uint64_t seed = state;

		check_round(false, PREFIXES);
		check_round(true, PREFIXES);
		check_round(seed & 1, 1 + (unsigned)(next() >> 32) % 10);
		if (seed % 20 == 0)
			check_round(seed % 40 == 0, MANY);
		state = seed;
	}
}
END_TEST

static uint32_t find(const struct sf_lpm *lpm, bool ipv6, uint64_t high, uint64_t low)
{
	const struct sf_lpm_address address = { high, low };
	uint32_t value;

	sf_lpm_find(lpm, ipv6, &address, &value, 1);
	return value;
}

START_TEST(edges)
{
	struct sf_lpm_prefix ipv4[] = { sf_lpm_prefix4(0xffffffff, 32, 1),
		sf_lpm_prefix4(0x12345678, 0, 2), /* bits behind the length do not count */
		sf_lpm_prefix4(0x00000000, 32, 3), sf_lpm_prefix4(0x0a000000, 8, 4),
		sf_lpm_prefix4(0x0a000000, 8, 5), /* the later one */
		sf_lpm_prefix4(0x0a000000, 31, 6), sf_lpm_prefix4(0x0a000000, 18, 7) };
	struct sf_lpm_prefix ipv6[] = { { { UINT64_MAX, UINT64_MAX }, 8, 128, 0 },
		{ { UINT64_MAX, UINT64_MAX << 1 }, 9, 127, 0 }, { { UINT64_MAX, 0 }, 10, 64, 0 },
		{ { UINT64_MAX, 0 }, 11, 63, 0 } };
	struct sf_lpm *lpm;

	ck_assert_int_eq(sf_lpm_new(&lpm, ipv4, 7, ipv6, 4), 0);
	ck_assert_uint_eq(find(lpm, false, UINT64_C(0xffffffff) << 32, 0), 1);
	ck_assert_uint_eq(find(lpm, false, UINT64_C(0xfffffffe) << 32, 0), 2);
	ck_assert_uint_eq(find(lpm, false, 0, 0), 3);
	ck_assert_uint_eq(find(lpm, false, UINT64_C(0x0a800000) << 32, 0), 5);
	ck_assert_uint_eq(find(lpm, false, UINT64_C(0x0a000001) << 32, 0), 6);
	ck_assert_uint_eq(find(lpm, false, UINT64_C(0x0a000002) << 32, 0), 7);
	ck_assert_uint_eq(find(lpm, true, UINT64_MAX, UINT64_MAX), 8);
	ck_assert_uint_eq(find(lpm, true, UINT64_MAX, UINT64_MAX - 1), 9);
	ck_assert_uint_eq(find(lpm, true, UINT64_MAX, 5), 10);
	ck_assert_uint_eq(find(lpm, true, UINT64_MAX - 1, 5), 11);
	ck_assert_uint_eq(find(lpm, true, 5, 5), 0);
	sf_lpm_free(lpm);
	ck_assert_int_eq(sf_lpm_new(&lpm, ipv4, SF_LPM_PREFIXES_MAX + (size_t)1, NULL, 0), -E2BIG);
	ck_assert_int_eq(sf_lpm_new(&lpm, NULL, 0, NULL, 0), 0);
	ck_assert_uint_eq(find(lpm, true, 1, 1), 0);
	sf_lpm_free(lpm);
}
END_TEST

CHECK_MAIN("lpm", random_prefixes_agree_with_a_naive_matcher, edges)
