/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keyed hashes of flow keys.
 *
 *	sf_hash_fast()    two 128-bit multiplications (wyhash class): nearly free, and unpredictable
 *	                  without the key, but not safe against an attacker who can measure timing
 *	sf_hash_strong()  SipHash-1-3: about 6 ns more, made for hash tables under attack
 *	sf_hash_flow()    sf_hash_fast() with a fixed public key: flowId
 */
#ifndef SPANFLOW_BASE_HASH_H
#define SPANFLOW_BASE_HASH_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

struct sf_hash_key {
	uint64_t word[4];
};

/* A key from the kernel's random numbers; 0 or a negative errno value. */
int sf_hash_key_random(struct sf_hash_key *key);

/* Derives a key from a seed of two words; each `purpose` gives an independent key. */
void sf_hash_key_derive(struct sf_hash_key *key, const uint64_t seed[2], uint64_t purpose);

/* SipHash-1-3 of whole 64-bit words in host order, with key words 0 and 1. */
uint64_t sf_hash_strong(const struct sf_hash_key *key, const uint64_t *words, unsigned count);

/* The exclusive or of both halves of the 128-bit product. */
static inline uint64_t sf_hash_multiply(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Hash of a flow key in three words: addresses; ports and tags; the other parts. */
static inline uint64_t sf_hash_fast(
	const struct sf_hash_key *key, uint64_t address, uint64_t ports, uint64_t rest)
{
	uint64_t first = sf_hash_multiply(address ^ key->word[0], ports ^ key->word[1]);

	return sf_hash_multiply(first ^ key->word[2], rest ^ key->word[3]);
}

/* Hash of two IPv6 addresses (32 bytes); their order matters. */
static inline uint64_t sf_hash_addresses(const struct sf_hash_key *key, const uint8_t *addresses)
{
	uint64_t a, b, c, d;

	memcpy(&a, addresses, sizeof(a));
	memcpy(&b, addresses + 8, sizeof(b));
	memcpy(&c, addresses + 16, sizeof(c));
	memcpy(&d, addresses + 24, sizeof(d));
	return sf_hash_multiply(le64toh(a) ^ key->word[0], le64toh(b) ^ key->word[1]) ^
	       sf_hash_multiply(le64toh(c) ^ key->word[2], le64toh(d) ^ key->word[3]);
}

/*
 * flowId (RFC 5102 §5.1.7) of a flow: the same in every process, and below 2^53, so that programs
 * which read it as a double lose no digit. `address`: for IPv6 sf_hash_flow_addresses().
 */
uint64_t sf_hash_flow(uint64_t address, uint64_t ports, uint64_t rest, int64_t first_ns);
uint64_t sf_hash_flow_addresses(const uint8_t *addresses);

#endif
