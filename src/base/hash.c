/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys of the hashes, and the hashes that are not on the packet path. flowId uses public constants
 * (digits of pi), because it must be the same in every process; no table is indexed by it.
 */
#include <errno.h>
#include <sys/random.h>

#include "base/hash.h"

static const struct sf_hash_key public_key = { {
	UINT64_C(0x243f6a8885a308d3),
	UINT64_C(0x13198a2e03707344),
	UINT64_C(0xa4093822299f31d0),
	UINT64_C(0x082efa98ec4e6c89),
} };

int sf_hash_key_random(struct sf_hash_key *key)
{
	uint8_t *p = (uint8_t *)key->word;
	size_t left = sizeof(key->word);

	while (left > 0) {
		ssize_t n = getrandom(p, left, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		left -= (size_t)n;
	}
	return 0;
}

/* splitmix64 */
static uint64_t next_word(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

void sf_hash_key_derive(struct sf_hash_key *key, const uint64_t seed[2], uint64_t purpose)
{
	uint64_t even = seed[0] ^ purpose, odd = seed[1] + purpose;

	for (unsigned i = 0; i < 4; i++)
		key->word[i] = next_word(&even) ^ next_word(&odd) << (i + 1);
}

static inline uint64_t rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

uint64_t sf_hash_strong(const struct sf_hash_key *key, const uint64_t *words, unsigned count)
{
	uint64_t v[4] = {
		key->word[0] ^ UINT64_C(0x736f6d6570736575),
		key->word[1] ^ UINT64_C(0x646f72616e646f6d),
		key->word[0] ^ UINT64_C(0x6c7967656e657261),
		key->word[1] ^ UINT64_C(0x7465646279746573),
	};
	uint64_t last = (uint64_t)count * 8 << 56;

	for (unsigned i = 0; i <= count; i++) {
		uint64_t word = i < count ? words[i] : last;

		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	v[2] ^= 0xff;
	for (unsigned i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t sf_hash_flow(uint64_t address, uint64_t ports, uint64_t rest, int64_t first_ns)
{
	uint64_t key = sf_hash_fast(&public_key, address, ports, rest);

	return sf_hash_multiply(
		       key ^ public_key.word[1], (uint64_t)first_ns ^ public_key.word[2]) >>
	       11;
}

uint64_t sf_hash_flow_addresses(const uint8_t *addresses)
{
	return sf_hash_addresses(&public_key, addresses);
}
