/* SPDX-License-Identifier: BSD-2-Clause */
/* Which addresses belong to the own network when nobody says so: private and unique-local ones. */
#ifndef SPANFLOW_BASE_LOCAL_H
#define SPANFLOW_BASE_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/branch.h"

/*
 * Tables by the first two octets of an IPv4 address, a bit each: private addresses; addresses that are
 * private, or that packets do not leave a network for: multicast, broadcast, link-local, loopback.
 */
extern const uint32_t sf_local_private[65536 / 32], sf_local_inside[65536 / 32];

static sf_always_inline unsigned sf_local_bit(const uint32_t *table, const uint8_t *address)
{
	unsigned octets = (unsigned)address[0] << 8 | address[1];

	return table[octets / 32] >> octets % 32 & 1;
}

static sf_always_inline bool sf_local_is_private(const uint8_t *address, bool ipv6)
{
	return ipv6 ? (address[0] & 0xfe) == 0xfc : sf_local_bit(sf_local_private, address);
}

/* Packets to that address stay within a network, or it is private. ::/16 has :: and ::1. */
static sf_always_inline bool sf_local_is_inside(const uint8_t *address, bool ipv6)
{
	if (!ipv6)
		return sf_local_bit(sf_local_inside, address);
	return (address[0] & 0xfe) == 0xfc || address[0] == 0xff ||
	       (address[0] == 0xfe && address[1] >> 6 == 2) || (address[0] | address[1]) == 0;
}

/* Packets to that address stay within any network. */
static inline bool sf_local_stays(const uint8_t *address, bool ipv6)
{
	return sf_local_is_inside(address, ipv6) && !sf_local_is_private(address, ipv6);
}

/* flowDirection by default: 1 if packets leave private or unique-local networks, else 0. */
static sf_always_inline uint8_t sf_local_direction(
	const uint8_t *from, const uint8_t *to, bool ipv6)
{
	return (uint8_t)((unsigned)sf_local_is_private(from, ipv6) &
			 (unsigned)!sf_local_is_inside(to, ipv6));
}

#endif
