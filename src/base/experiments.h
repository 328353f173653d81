/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Experiments that share TCP options 253 and 254 (RFC 6994): IANA's registry of TCP/UDP ExIDs. Only
 * the registry tells how long an identifier is, and that there is one (RFC 9740 §5.2), so others
 * are not reported. A set of them is one word, so a flow cannot have more than the registry has:
 *
 *	set = sf_experiments_of(option + 2, length - 2)      of one option
 *	sf_experiments_16[i] if set >> i & 1                 identifiers of two bytes
 *	sf_experiments_32[i] if set >> (16 + i) & 1          of four bytes
 */
#ifndef SPANFLOW_BASE_EXPERIMENTS_H
#define SPANFLOW_BASE_EXPERIMENTS_H

#include <assert.h>
#include <stdint.h>

#include "base/wire.h"

/* In ascending order: lists of them are written so. */
static const uint16_t sf_experiments_16[] = {
	0x00ac,                 /* ACK rate request */
	0x0348,                 /* host identification: RFC 7974 */
	0x0a0d,                 /* compensation of autonomous systems */
	0x0ca0,                 /* capabilities */
	0x0ed0,                 /* extended data offset */
	0x454e,                 /* encryption negotiation: RFC 8547 */
	0x5323,                 /* service number */
	0x75ec,                 /* interval of time stamps */
	0xacc0,                 /* accurate ECN, in three forms */
	0xacc1, 0xacce, 0xf989, /* fast open: RFC 7413 */
	0xf990,                 /* low latency */
};

static const uint32_t sf_experiments_32[] = {
	0xe2d4c3d9, /* SMC-R: RFC 7609 */
};

enum {
	SF_EXPERIMENTS_16 = sizeof(sf_experiments_16) / sizeof(sf_experiments_16[0]),
	SF_EXPERIMENTS_32 = sizeof(sf_experiments_32) / sizeof(sf_experiments_32[0]),
};
static_assert(SF_EXPERIMENTS_16 <= 16 && SF_EXPERIMENTS_32 <= 16, "a set is one word");

/* What follows kind and length of an option, in `length` bytes, as a set. RFC 6994 §3. */
static inline uint32_t sf_experiments_of(const uint8_t *id, unsigned length)
{
	uint32_t set = 0;

	for (unsigned i = 0; length >= 2 && i < SF_EXPERIMENTS_16; i++)
		set |= (uint32_t)(sf_load_be16(id) == sf_experiments_16[i]) << i;
	for (unsigned i = 0; length >= 4 && i < SF_EXPERIMENTS_32; i++)
		set |= (uint32_t)(sf_load_be32(id) == sf_experiments_32[i]) << (16 + i);
	return set;
}

#endif
