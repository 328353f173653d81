/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Longest-prefix match with a table of the size of the Internet's: 1 M IPv4 and 200 k IPv6 prefixes
 * with the usual mix of lengths, and addresses within them. Prints time to build, memory, ns a
 * look-up.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "enrich/lpm.h"

#define IPV4     1000000u
#define IPV6     200000u
#define NETWORKS 40000u
#define BATCH    64u
#define LOOKUPS  (BATCH * 65536u)

static uint64_t state = 88172645463325252;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * UINT64_C(0x2545f4914f6cdd1d);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* Per cent of the prefixes with each length, roughly as in a full table of 2025. */
static uint8_t choose(const uint8_t (*mix)[2])
{
	unsigned at = (unsigned)(next() >> 32) % 100;

	for (; at >= (*mix)[1]; mix++)
		at -= (*mix)[1];
	return (*mix)[0];
}

static const uint8_t mix4[][2] = { { 24, 60 }, { 23, 10 }, { 22, 12 }, { 21, 5 }, { 20, 5 },
	{ 19, 3 }, { 18, 2 }, { 17, 1 }, { 16, 1 }, { 14, 1 } };
static const uint8_t mix6[][2] = { { 48, 48 }, { 44, 10 }, { 40, 12 }, { 36, 6 }, { 32, 14 },
	{ 29, 5 }, { 46, 5 } };

static void report(const char *family, double ns, uint64_t sum)
{
	printf("%s: %.1f ns a look-up (%u random addresses of the table, sum %llu)\n", family,
		ns / LOOKUPS, LOOKUPS, (unsigned long long)sum);
}

static void bench(const struct sf_lpm *lpm, bool ipv6, const struct sf_lpm_prefix *prefixes,
	uint32_t prefix_count)
{
	struct sf_lpm_address *addresses = malloc(LOOKUPS * sizeof(*addresses));
	uint32_t values[BATCH];
	uint64_t sum = 0;
	double start;

	for (unsigned i = 0; i < LOOKUPS; i++) {
		addresses[i] = prefixes[(uint32_t)(next() >> 32) % prefix_count].address;
		addresses[i].high |= ipv6 ? next() >> 48 : next() >> 56 << 32;
		addresses[i].low = ipv6 ? next() : 0;
	}
	start = now();
	for (unsigned i = 0; i < LOOKUPS; i += BATCH) {
		sf_lpm_find(lpm, ipv6, addresses + i, values, BATCH);
		for (unsigned k = 0; k < BATCH; k++)
			sum += values[k];
	}
	report(ipv6 ? "IPv6" : "IPv4", now() - start, sum);
	free(addresses);
}

int main(void)
{
	/* IPv6: a registry gives a network a /32 out of one of its blocks */
	static uint64_t networks[NETWORKS];
	struct sf_lpm_prefix *ipv4 = malloc(IPV4 * sizeof(*ipv4));
	struct sf_lpm_prefix *ipv6 = malloc(IPV6 * sizeof(*ipv6));
	struct sf_lpm *lpm;
	double start;

	for (unsigned i = 0; i < IPV4; i++) {
		/* 1.0.0.0 … 223.255.255.255 */
		uint64_t address = 0x01000000 + (next() >> 32) % 0xdf000000;

		ipv4[i] = sf_lpm_prefix4(
			(uint32_t)address, choose(mix4), 1 + (uint32_t)next() % 80000);
	}
	for (unsigned i = 0; i < NETWORKS; i++)
		networks[i] = UINT64_C(0x2) << 60 | (next() % 300) << 44 | (next() >> 52) << 32;
	for (unsigned i = 0; i < IPV6; i++)
		ipv6[i] = (struct sf_lpm_prefix){
			{ networks[next() % NETWORKS] | (next() >> 48) << 16, 0 },
			1 + (uint32_t)next() % 80000, choose(mix6), 0
		};
	start = now();
	if (sf_lpm_new(&lpm, ipv4, IPV4, ipv6, IPV6) < 0)
		return 1;
	printf("built in %.0f ms, %.1f MiB\n", (now() - start) / 1e6,
		(double)sf_lpm_memory(lpm) / (1 << 20));
	bench(lpm, false, ipv4, IPV4);
	bench(lpm, true, ipv6, IPV6);
	sf_lpm_free(lpm);
	free(ipv4);
	free(ipv6);
	return 0;
}
