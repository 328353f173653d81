/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows that somebody would send who knows the seed of the table's hash (or has found out): all
 * have one hash. The fast hash multiplies address ^ key by ports ^ key, so with the address pair
 * that equals the key the product is 0 whatever the ports are, and only the protocol is left.
 *
 *	collide FILE COUNT
 *
 * writes COUNT tuples for `generate FILE list=…` and prints the value of --hash-seed under which
 * they collide: the first seed whose key is an address pair in canonical order.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"

#define PURPOSE_INDEX 1 /* the key of the table's index: src/table/entry.c */

/* The fast hash of the index for UDP over IPv4 without tags, at observation point 0. */
static uint64_t hash_of(const struct sf_hash_key *key, uint64_t address, uint32_t ports)
{
	struct {
		uint16_t scope;
		uint8_t protocol, version;
	} rest = { 0, 17, 4 };
	struct {
		uint32_t ports, tags;
	} words = { ports, 0 };
	uint64_t second;
	uint32_t third;

	memcpy(&second, &words, sizeof(second));
	memcpy(&third, &rest, sizeof(third));
	return sf_hash_fast(key, address, second, third);
}

int main(int argc, char **argv)
{
	uint32_t count = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
	struct sf_hash_key key;
	uint64_t seed[2] = { 0 };
	FILE *f;

	if (count == 0) {
		fprintf(stderr, "usage: collide FILE COUNT\n");
		return 2;
	}
	do {
		seed[0]++;
		sf_hash_key_derive(&key, seed, PURPOSE_INDEX);
	} while (key.word[0] >> 32 >= (uint32_t)key.word[0]);
	f = fopen(argv[1], "wb");
	if (!f) {
		perror(argv[1]);
		return 1;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint64_t tuple[2] = { key.word[0], 0x10001 + i };

		if (hash_of(&key, tuple[0], (uint32_t)tuple[1]) != hash_of(&key, tuple[0], 1)) {
			fprintf(stderr, "collide: the hash is not the one that was attacked\n");
			return 1;
		}
		fwrite(tuple, sizeof(tuple), 1, f);
	}
	if (fclose(f)) {
		perror(argv[1]);
		return 1;
	}
	printf("%" PRIx64 "\n", seed[0]);
	return 0;
}
