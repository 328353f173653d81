/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Longest-prefix match for IPv4 and IPv6 addresses: a multibit trie of compressed nodes. Each
 * family has a table that the first 18 (IPv4) or 20 (IPv6) bits index, or the first 8 if there are
 * few prefixes, and below it nodes that look at 6 bits each. A node has no pointers: two words of
 * 64 bits say which of its slots have a child and where another value begins, and counting bits
 * gives the place in two arrays (the structure of Asai and Ohara, "Poptrie", 2015). A look-up reads
 * one word of the table and one node for each 6 bits.
 *
 *	struct sf_lpm_prefix prefixes[] = {
 *		sf_lpm_prefix4(0x0a000000, 8, 1),	10.0.0.0/8      has the value 1
 *		sf_lpm_prefix4(0x0a010000, 16, 2),	10.1.0.0/16     has the value 2
 *	};
 *	sf_lpm_new(&lpm, prefixes, 2, NULL, 0);
 *	sf_lpm_find(lpm, false, addresses, values, 64);	10.1.2.3 gives 2, 10.9.9.9 gives 1, others
 *							give 0
 *	sf_lpm_free(lpm);
 *
 * Memory (docs/enrich.md): a table of 1 MiB (IPv4) and 4 MiB (IPv6), or of 1 KiB with few prefixes;
 * 24 bytes per node, 4 bytes per run of slots with the same value. A finished object does not
 * change, and any number of threads may read it.
 */
#ifndef SPANFLOW_ENRICH_LPM_H
#define SPANFLOW_ENRICH_LPM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SF_LPM_PREFIXES_MAX ((1u << 24) - 1) /* of one family */
#define SF_LPM_VALUE_MAX    INT32_MAX

/* An address in host order; IPv4 in the upper half of `high`. */
struct sf_lpm_address {
	uint64_t high, low;
};

struct sf_lpm_prefix {
	struct sf_lpm_address address; /* bits behind the length are ignored */
	uint32_t value;                /* 1 … SF_LPM_VALUE_MAX */
	uint8_t length;
	uint32_t order; /* filled by sf_lpm_new(): its place among the prefixes */
};

static inline struct sf_lpm_prefix sf_lpm_prefix4(uint32_t address, uint8_t length, uint32_t value)
{
	return (struct sf_lpm_prefix){ { (uint64_t)address << 32, 0 }, value, length, 0 };
}

struct sf_lpm;

/*
 * Makes a matcher of IPv4 and IPv6 prefixes; the arrays are sorted and changed. Of two prefixes
 * that are equal the later one counts. Returns 0, -ENOMEM, or -E2BIG: more than
 * SF_LPM_PREFIXES_MAX.
 */
int sf_lpm_new(struct sf_lpm **lpm, struct sf_lpm_prefix *ipv4, size_t ipv4_count,
	struct sf_lpm_prefix *ipv6, size_t ipv6_count);
void sf_lpm_free(struct sf_lpm *lpm);

/*
 * The values of the longest prefixes that match; 0: none does. Fastest with 32 or more addresses.
 */
void sf_lpm_find(const struct sf_lpm *lpm, bool ipv6, const struct sf_lpm_address *addresses,
	uint32_t *values, unsigned count);

/* Bytes that it takes. */
size_t sf_lpm_memory(const struct sf_lpm *lpm);

#endif
