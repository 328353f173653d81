/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The addresses of most packets are read where they lie, so that only one worker parses them; of any
 * other the parser tells them, at the price that it is parsed by all workers, and twice by its own.
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

/* One and the same for both directions: the hash is one of sums. `addresses`: source, destination. */
static inline uint64_t hash4(const struct sf_share *share, uint64_t addresses)
{
	return ((addresses >> 32) + (uint32_t)addresses) * share->factor[0] >> 32;
}

static inline uint64_t hash6(const struct sf_share *share, const uint8_t *a, const uint8_t *b)
{
	uint64_t high = sf_load_be64(a) + sf_load_be64(b);
	uint64_t low = sf_load_be64(a + 8) + sf_load_be64(b + 8);

	return (high * share->factor[1] + low * share->factor[0]) >> 32;
}

/* Of the outer IP header's address pair, as 32 bits; 0 without one. */
static __attribute__((noinline)) uint64_t hash_other(
	const struct sf_share *share, const struct sf_packet *packet)
{
	struct sf_facts facts;

	if (sf_parse(packet, &facts) != SF_PARSED)
		return 0;
	if (facts.version == 6)
		return hash6(share, facts.address6[0], facts.address6[1]);
	return hash4(share, facts.address);
}

/* Of anything but an IPv4 header right behind the Ethernet header. */
static __attribute__((noinline)) uint64_t hash_tagged(
	const struct sf_share *share, const struct sf_packet *packet)
{
	const uint8_t *ip = packet->data + PLAIN_ETHERNET;
	struct ethertype type;

	if (packet->link != SF_LINK_ETHERNET || packet->captured < PLAIN_ETHERNET + PLAIN_IPV4)
		return hash_other(share, packet);
	type.value = sf_load_be16(packet->data + 12);
	for (unsigned n = 0; n < TAGS_MAX && ethertype_is_tag(type); n++, ip += 4)
		type.value = sf_load_be16(ip + 2);
	if (type.value == ETHERTYPE_IPV4 && ip[0] >> 4 == 4)
		return hash4(share, sf_load_be64(ip + ADDRESSES_IPV4));
	if (type.value == ETHERTYPE_IPV6 && ip[0] >> 4 == 6 &&
		packet->data + packet->captured - ip >= PLAIN_IPV6)
		return hash6(share, ip + ADDRESSES_IPV6, ip + ADDRESSES_IPV6 + 16);
	return hash_other(share, packet);
}

static sf_always_inline uint64_t hash_of(
	const struct sf_share *share, const struct sf_packet *packet)
{
	const uint8_t *data = packet->data;

	/* EtherType and version at once */
	if (sf_likely(packet->link == SF_LINK_ETHERNET &&
		      packet->captured >= PLAIN_ETHERNET + PLAIN_IPV4 &&
		      sf_load_be32(data + 12) >> 12 == (ETHERTYPE_IPV4 << 4 | 4)))
		return hash4(share, sf_load_be64(data + PLAIN_ETHERNET + ADDRESSES_IPV4));
	return hash_tagged(share, packet);
}

unsigned sf_share_keep(const struct sf_share *share, unsigned me, struct sf_packet *packets,
	int64_t *clock, unsigned count)
{
	const struct sf_share constant = *share;
	/* hashes from `first` on, `range` of them */
	const uint64_t workers = constant.workers;
	const uint64_t first = (((uint64_t)me << 32) + workers - 1) / workers;
	const uint64_t range = ((((uint64_t)me + 1) << 32) + workers - 1) / workers - first;
	unsigned kept = 0;

	for (unsigned i = 0; i < count; i++) {
		uint64_t hash = hash_of(&constant, &packets[i]);

		packets[kept] = packets[i];
		if (clock)
			clock[kept] = clock[i];
		kept += hash - first < range;
	}
	return kept;
}
