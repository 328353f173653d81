/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses that the Internet does not route: which ones, and whether packets to them stay within a
 * network. Without --local-net the own network is told by them.
 */
#ifndef SPANFLOW_BASE_LOCAL_H
#define SPANFLOW_BASE_LOCAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/branch.h"

/* A network, 192.0.2.0/24: { { 192, 0, 2 }, 4, 24 }. */
struct sf_network {
	uint8_t address[16]; /* the bits behind `bits` do not count */
	uint8_t length;      /* of an address: 4 or 16 bytes */
	uint8_t bits;
};

/*
 * Reads "192.0.2.0/24", "2001:db8::/32" or an address; `length`: of the
 * text. False: it is none of these.
 */
bool sf_network_parse(const char *text, size_t length, struct sf_network *network);

/* True if the network has the address of `length` bytes. */
bool sf_network_has(const struct sf_network *network, const uint8_t *address, size_t length);

/* Leaves the first `bits` of an address of `length` bytes: the others are 0. */
void sf_network_keep_bits(uint8_t *address, size_t length, unsigned bits);

/*
 * The networks that `private` stands for in conditions, and that `inside` and the page of `report`
 * take for the own ones: private (RFC 1918), shared (RFC 6598), unique-local (RFC 4193), link-local
 * and loopback. src/report/page/where-words.js has the same list (PRIVATE).
 */
#define SF_PRIVATE_NETWORKS 9
extern const struct sf_network sf_private_networks[SF_PRIVATE_NETWORKS];

/* True if one of sf_private_networks has the address of `length` bytes. */
bool sf_private_has(const uint8_t *address, size_t length);

/*
 * For flowDirection, which is told for each record: a bit for each value of an IPv4 address's first
 * two bytes. sf_local_private: RFC 1918. sf_local_inside: these, and those that packets do not
 * leave a network for: multicast, broadcast, link-local, loopback.
 */
extern const uint32_t sf_local_private[65536 / 32], sf_local_inside[65536 / 32];

static sf_always_inline unsigned sf_local_bit(const uint32_t *table, const uint8_t *address)
{
	unsigned head = (unsigned)address[0] << 8 | address[1];

	return table[head / 32] >> head % 32 & 1;
}

/* True if the address is private (RFC 1918) or unique-local (RFC 4193). */
static sf_always_inline bool sf_local_is_private(const uint8_t *address, bool ipv6)
{
	return ipv6 ? (address[0] & 0xfe) == 0xfc : sf_local_bit(sf_local_private, address);
}

/* True if the address is private, or packets to it stay within a network. ::/16 has :: and ::1. */
static sf_always_inline bool sf_local_is_inside(const uint8_t *address, bool ipv6)
{
	if (!ipv6)
		return sf_local_bit(sf_local_inside, address);
	return (address[0] & 0xfe) == 0xfc || address[0] == 0xff ||
	       (address[0] == 0xfe && address[1] >> 6 == 2) || (address[0] | address[1]) == 0;
}

/*
 * True if packets to the address stay within any network, also one
 * that has no private addresses.
 */
static inline bool sf_local_stays(const uint8_t *address, bool ipv6)
{
	return sf_local_is_inside(address, ipv6) && !sf_local_is_private(address, ipv6);
}

/*
 * flowDirection without --local-net: 1 if packets leave private or
 * unique-local networks, else 0.
 */
static sf_always_inline uint8_t sf_local_direction(
	const uint8_t *from, const uint8_t *to, bool ipv6)
{
	return (uint8_t)((unsigned)sf_local_is_private(from, ipv6) &
			 (unsigned)!sf_local_is_inside(to, ipv6));
}

#endif
