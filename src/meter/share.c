/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The addresses of most packets are read where they lie; of any other the parser tells them, at the
 * price that it is parsed twice.
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

/* One and the same for both directions: the hash is one of sums. */
static inline uint64_t sum4(uint32_t a, uint32_t b)
{
	return (uint64_t)a + b;
}

static inline uint64_t hash4(const struct sf_share *share, uint64_t sum)
{
	return sum * share->factor[0] >> 32;
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
	return hash4(share, sum4((uint32_t)(facts.address >> 32), (uint32_t)facts.address));
}

static inline uint64_t hash_of(const struct sf_share *share, const struct sf_packet *packet)
{
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
		return hash4(share, sum4(sf_load_be32(ip + ADDRESSES_IPV4),
					    sf_load_be32(ip + ADDRESSES_IPV4 + 4)));
	if (type.value == ETHERTYPE_IPV6 && ip[0] >> 4 == 6 &&
		packet->data + packet->captured - ip >= PLAIN_IPV6)
		return hash6(share, ip + ADDRESSES_IPV6, ip + ADDRESSES_IPV6 + 16);
	return hash_other(share, packet);
}

void sf_share_mark(const void *context, struct sf_packet *packets, unsigned count)
{
	const struct sf_share share = *(const struct sf_share *)context;

	for (unsigned i = 0; i < count; i++) {
		uint64_t hash = hash_of(&share, &packets[i]);

		packets[i].flags |= (uint16_t)(hash * share.workers >> 32 << SF_PACKET_MARK);
	}
}

unsigned sf_share_keep(unsigned me, struct sf_packet *packets, int64_t *clock, unsigned count)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < count; i++) {
		unsigned owner = packets[i].flags >> SF_PACKET_MARK;

		packets[kept] = packets[i];
		if (clock)
			clock[kept] = clock[i];
		kept += owner == me;
	}
	/* read by whichever worker was at it: mostly in another core's cache */
	for (unsigned i = 0; i < kept; i++)
		__builtin_prefetch(packets[i].data + 12);
	return kept;
}
