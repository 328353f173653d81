/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/community_id.h"

#include <stdbool.h>
#include <string.h>

#include "base/wire.h"

/* ---------------------------------------------------------------- SHA-1 (FIPS 180-4 §6.1) */

#define BLOCK  64
#define DIGEST 20

static uint32_t rotate(uint32_t word, unsigned bits)
{
	return word << bits | word >> (32 - bits);
}

/* Adds a block to the hash. */
static void sha1_block(uint32_t hash[5], const uint8_t *block)
{
	uint32_t w[80], a = hash[0], b = hash[1], c = hash[2], d = hash[3], e = hash[4];

	for (unsigned t = 0; t < 16; t++)
		w[t] = sf_load_be32(block + 4 * t);
	for (unsigned t = 16; t < 80; t++)
		w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
	for (unsigned t = 0; t < 80; t++) {
		uint32_t f = t < 20              ? (b & c) | (~b & d)
			     : t < 40 || t >= 60 ? b ^ c ^ d
						 : (b & c) | (b & d) | (c & d);
		uint32_t k = t < 20   ? 0x5a827999
			     : t < 40 ? 0x6ed9eba1
			     : t < 60 ? 0x8f1bbcdc
				      : 0xca62c1d6;
		uint32_t next = rotate(a, 5) + f + e + k + w[t];

		e = d;
		d = c;
		c = rotate(b, 30);
		b = a;
		a = next;
	}
	hash[0] += a;
	hash[1] += b;
	hash[2] += c;
	hash[3] += d;
	hash[4] += e;
}

/* Of less than a block without its padding. */
static void sha1_short(uint8_t digest[DIGEST], const uint8_t *bytes, size_t length)
{
	uint32_t hash[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
	uint8_t block[BLOCK] = { 0 };

	memcpy(block, bytes, length);
	block[length] = 0x80;
	sf_store_be32(block + BLOCK - 4, (uint32_t)length * 8);
	sha1_block(hash, block);
	for (unsigned i = 0; i < 5; i++)
		sf_store_be32(digest + 4 * i, hash[i]);
}

/* ---------------------------------------------------------------- the conversation */

/* RFC 4648 §4, of 20 bytes: 28 characters, the last one '='. */
static void base64(uint8_t *to, const uint8_t bytes[DIGEST])
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (unsigned i = 0; i < DIGEST; i += 3, to += 4) {
		bool last = i + 3 > DIGEST;
		uint32_t three = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 |
				 (last ? 0 : bytes[i + 2]);

		for (unsigned k = 0; k < 4; k++)
			to[k] = (uint8_t)digits[three >> (18 - 6 * k) & 63];
		if (last)
			to[3] = '=';
	}
}

/* The type that answers an ICMP type, or is answered by it; -1: there is none. */
static int icmp_counterpart(uint8_t version, uint8_t type)
{
	static const uint8_t pairs[][3] = {
		{ 4, 8, 0 },     /* echo */
		{ 4, 13, 14 },   /* timestamp */
		{ 4, 15, 16 },   /* information */
		{ 4, 10, 9 },    /* router solicitation, advertisement */
		{ 4, 17, 18 },   /* address mask */
		{ 6, 128, 129 }, /* echo */
		{ 6, 133, 134 }, /* router solicitation, advertisement */
		{ 6, 135, 136 }, /* neighbor solicitation, advertisement */
		{ 6, 130, 131 }, /* multicast listener query, report */
		{ 6, 139, 140 }, /* node information query, response */
		{ 6, 144, 145 }, /* home agent address discovery */
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		for (unsigned side = 1; side < 3; side++)
			if (pairs[i][0] == version && pairs[i][side] == type)
				return pairs[i][3 - side];
	return -1;
}

/*
 * What stands for the ports. False: the protocol has none. *one_way: an ICMP message that has no
 * answer; then the sender comes first, and otherwise the lower endpoint.
 */
static bool ports_of(const struct sf_flow *flow, uint16_t ports[2], bool *one_way)
{
	int answer;

	*one_way = false;
	ports[0] = flow->port[0];
	ports[1] = flow->port[1];
	if (!sf_flow_is_icmp(flow))
		return flow->protocol == 6 || flow->protocol == 17 || flow->protocol == 132;
	answer = icmp_counterpart(flow->ip_version, (uint8_t)(flow->port[0] >> 8));
	*one_way = answer < 0;
	ports[0] = flow->port[0] >> 8;
	ports[1] = (uint16_t)(answer < 0 ? flow->port[0] & 0xff : answer);
	return true;
}

void sf_community_id(const struct sf_flow *flow, uint8_t *value)
{
	const size_t length = flow->ip_version == 6 ? 16 : 4;
	const int order = memcmp(flow->addr[0], flow->addr[1], length);
	uint8_t bytes[BLOCK], digest[DIGEST], *p = sf_store_be16(bytes, 0); /* the seed */
	uint16_t ports[2];
	bool one_way, has_ports = ports_of(flow, ports, &one_way);
	unsigned first = !one_way && (order > 0 || (order == 0 && ports[0] > ports[1]));

	p = sf_store_bytes(p, flow->addr[first], length);
	p = sf_store_bytes(p, flow->addr[!first], length);
	p = sf_store_u8(p, flow->protocol);
	p = sf_store_u8(p, 0);
	if (has_ports) {
		p = sf_store_be16(p, ports[first]);
		p = sf_store_be16(p, ports[!first]);
	}
	sha1_short(digest, bytes, (size_t)(p - bytes));
	*value++ = SF_COMMUNITY_ID_LENGTH;
	*value++ = '1';
	*value++ = ':';
	base64(value, digest);
}
