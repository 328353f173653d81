/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The addresses of a packet with tags, or of IPv6, are read where they lie; of any other the parser
 * tells them, at the price that it is parsed by all workers, and twice by its own.
 */
#include "meter/share.h"

#include "parse/parse.h"
#include "parse/plain.h"

#define ADDRESSES_IPV4 12 /* octets before them in the header */
#define ADDRESSES_IPV6 8
#define TAGS_MAX       2

static uint64_t hash4(const struct sf_part *part, uint64_t addresses)
{
	return sf_part_hash4(part->factor[0], addresses);
}

/* One and the same for both directions: the hash is one of sums. */
static uint64_t hash6(const struct sf_part *part, const uint8_t *a, const uint8_t *b)
{
	uint64_t high = sf_load_be64(a) + sf_load_be64(b);
	uint64_t low = sf_load_be64(a + 8) + sf_load_be64(b + 8);

	return (high * part->factor[1] + low * part->factor[0]) >> 32;
}

/* Of the outer IP header's address pair, as 32 bits; 0 without one. */
static uint64_t hash_parsed(const struct sf_part *part, const struct sf_packet *packet)
{
	struct sf_facts facts;

	if (sf_parse(packet, &facts) != SF_PARSED)
		return 0;
	if (facts.version == 6)
		return hash6(part, facts.address6[0], facts.address6[1]);
	return hash4(part, facts.address);
}

static uint64_t hash_any(const struct sf_part *part, const struct sf_packet *packet)
{
	const uint8_t *ip = packet->data + PLAIN_ETHERNET;
	struct ethertype type;

	if (packet->link != SF_LINK_ETHERNET || packet->captured < PLAIN_ETHERNET + PLAIN_IPV4)
		return hash_parsed(part, packet);
	type.value = sf_load_be16(packet->data + 12);
	for (unsigned n = 0; n < TAGS_MAX && ethertype_is_tag(type); n++, ip += 4)
		type.value = sf_load_be16(ip + 2);
	if (type.value == ETHERTYPE_IPV4 && ip[0] >> 4 == 4)
		return hash4(part, sf_load_be64(ip + ADDRESSES_IPV4));
	if (type.value == ETHERTYPE_IPV6 && ip[0] >> 4 == 6 &&
		packet->data + packet->captured - ip >= PLAIN_IPV6)
		return hash6(part, ip + ADDRESSES_IPV6, ip + ADDRESSES_IPV6 + 16);
	return hash_parsed(part, packet);
}

void sf_share_part(struct sf_part *part, unsigned workers, unsigned number,
	const uint64_t secret[2], struct sf_clock *clock)
{
	const uint64_t first = (((uint64_t)number << 32) + workers - 1) / workers;
	const uint64_t last = ((((uint64_t)number + 1) << 32) + workers - 1) / workers;

	*part = (struct sf_part){
		.first = first,
		.range = last - first,
		.factor = { secret[0] | 1, secret[1] | 1 },
		.hash = hash_any,
		.clock = clock,
		.stop_at = UINT64_MAX,
	};
}
