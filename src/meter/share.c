/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The addresses of most packets are read where they lie, so that only one worker parses them; of any
 * other the parser tells the addresses, at the price that it is parsed by all workers, and twice by
 * its own.
 *
 * Whether a packet is ours is a coin's toss, so nothing branches on it: what is not ours is written
 * over by the next.
 */
#include "meter/share.h"

#include "base/branch.h"
#include "parse/parse.h"
#include "parse/plain.h"

#define ADDRESSES_IPV4 12 /* octets before them in the header */
#define ADDRESSES_IPV6 8
#define TAGS_MAX       2

/* The hash of the outer IP header's address pair, as sf_steer_hash() has it; 0 without one. */
static __attribute__((noinline)) uint32_t hash_other(
	const struct sf_share *share, const struct sf_packet *packet)
{
	struct sf_facts facts;

	return sf_parse(packet, &facts) == SF_PARSED ? sf_steer_hash(&facts, share->key) : 0;
}

static inline uint32_t hash_of(const struct sf_share *share, const struct sf_packet *packet)
{
	const uint32_t *key = share->key, last = key[SF_STEER_WORDS - 1] | 1;
	const uint8_t *ip = packet->data + PLAIN_ETHERNET;
	struct ethertype type;

	if (sf_unlikely(packet->link != SF_LINK_ETHERNET ||
			packet->captured < PLAIN_ETHERNET + PLAIN_IPV4))
		return hash_other(share, packet);
	type.value = sf_load_be16(packet->data + 12);
	for (unsigned n = 0;
		n < TAGS_MAX && sf_unlikely(type.value != ETHERTYPE_IPV4) && ethertype_is_tag(type);
		n++, ip += 4)
		type.value = sf_load_be16(ip + 2);
	if (sf_likely(type.value == ETHERTYPE_IPV4 && ip[0] >> 4 == 4))
		return sf_steer_join(sf_load_be32(ip + ADDRESSES_IPV4) * last,
			sf_load_be32(ip + ADDRESSES_IPV4 + 4) * last);
	if (type.value == ETHERTYPE_IPV6 && ip[0] >> 4 == 6 &&
		packet->data + packet->captured - ip >= PLAIN_IPV6)
		return sf_steer_join(sf_steer_fold6(ip + ADDRESSES_IPV6, key),
			sf_steer_fold6(ip + ADDRESSES_IPV6 + 16, key));
	return hash_other(share, packet);
}

unsigned sf_share_keep(const struct sf_share *share, unsigned me, struct sf_packet *packets,
	int64_t *clock, unsigned count)
{
	const struct sf_share constant = *share;
	unsigned kept = 0;

	for (unsigned i = 0; i < count; i++) {
		uint64_t hash = hash_of(&constant, &packets[i]);

		packets[kept] = packets[i];
		if (clock)
			clock[kept] = clock[i];
		kept += hash * constant.workers >> 32 == me;
	}
	return kept;
}
