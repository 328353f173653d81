/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flowId (IANA 148): a hash of the flow's key and of the time of its first packet, below 2^53.
 *
 *	id = sf_flow_id(&key, first_ns);     of a flow
 *	id = sf_flow_id(&key, 0);            by its key alone, as with --tunnel both
 *
 * With a time, flows of the same key that follow each other have different ids. By the key alone,
 * the id can be computed from one packet: so a packet inside a tunnel can name the flow of the
 * packet around, which another worker's table has.
 */
#ifndef SPANFLOW_BASE_FLOW_ID_H
#define SPANFLOW_BASE_FLOW_ID_H

#include "base/facts.h"
#include "base/hash.h"

struct sf_flow_key {
	uint64_t address;          /* IPv4, as in struct sf_facts */
	const uint8_t *addresses6; /* IPv6: 32 bytes, endpoint 0 and 1 */
	uint32_t ports, tags;      /* this and all below as in struct sf_facts */
	uint16_t scope;
	uint8_t version, protocol;
};

static inline uint64_t sf_flow_id(const struct sf_flow_key *key, int64_t first_ns)
{
	uint64_t address =
		key->version == 6 ? sf_hash_flow_addresses(key->addresses6) : key->address;

	return sf_hash_flow(address, (uint64_t)key->ports << 32 | key->tags,
		(uint64_t)key->scope << 16 | (uint32_t)key->protocol << 8 | key->version, first_ns);
}

#endif
