/* SPDX-License-Identifier: BSD-2-Clause */
#include "meter/key.h"

#include <string.h>

#include "base/flow_id.h"

/* Puts endpoints of equal address in canonical order again, after a part of the key was removed. */
static void order_endpoints(struct sf_facts *facts)
{
	uint16_t low = (uint16_t)(facts->ports >> 16), high = (uint16_t)facts->ports;
	bool same_address = facts->version == 6 ? memcmp(facts->address6[0], facts->address6[1],
							  sizeof(facts->address6[0])) == 0
						: facts->address >> 32 == (uint32_t)facts->address;

	if (!same_address)
		return;
	if (low > high) {
		facts->ports = (uint32_t)high << 16 | low;
		facts->flags ^= SF_FACT_SWAPPED;
	} else if (low == high) {
		facts->flags &= (uint16_t)~SF_FACT_SWAPPED;
	}
}

void sf_key_choose(struct sf_facts *facts, uint32_t key)
{
	if (!(key & SF_KEY_ADDRESS)) {
		facts->address = 0;
		memset(facts->address6, 0, sizeof(facts->address6));
	}
	if (!(key & SF_KEY_PORT))
		facts->ports = 0;
	if (!(key & SF_KEY_PROTOCOL))
		facts->protocol = 0;
	if ((key & SF_KEY_CONNECTION) != SF_KEY_CONNECTION) {
		facts->flags &= (uint16_t) ~(SF_FACT_TCP | SF_FACT_ANSWER);
		order_endpoints(facts);
	}
	if (!(key & SF_KEY_VLAN))
		facts->tags = 0;
	if (key & SF_KEY_TOS)
		facts->tags |= facts->tos;
	if (key & SF_KEY_INTERFACE)
		facts->scope = facts->interface;
}

void sf_key_put_tunnel(struct sf_facts *facts)
{
	struct sf_tunnel_facts *tunnel = &facts->tunnel;
	bool swapped = memcmp(tunnel->source, tunnel->destination, 16) > 0;
	uint8_t ends[32];

	memcpy(ends + 16 * swapped, tunnel->source, 16);
	memcpy(ends + 16 * !swapped, tunnel->destination, 16);
	tunnel->vlan = (uint16_t)(facts->tags >> 20);
	tunnel->cvlan = facts->tags >> 8 & 0x0fff;
	tunnel->in_key = 1;
	facts->tags = (uint32_t)sf_hash_flow(sf_hash_flow_addresses(ends),
		(uint64_t)tunnel->id << 32 | facts->tags, tunnel->kind, tunnel->version);
}

static uint64_t id_of(const struct sf_facts *facts)
{
	const struct sf_flow_key key = {
		.address = facts->address,
		.addresses6 = facts->address6[0],
		.ports = facts->ports,
		.tags = facts->tags,
		.scope = facts->scope,
		.version = facts->version,
		.protocol = facts->protocol,
	};

	return sf_flow_id(&key, 0);
}

static bool later_fragment(const struct sf_facts *facts)
{
	return facts->flags & SF_FACT_FRAGMENT && facts->tcp_flags & SF_FRAGMENT_LATER;
}

void sf_key_name_pair(struct sf_facts *inner, struct sf_facts *outer)
{
	inner->outer_flow = id_of(outer);
	/* a later fragment gets its ports only when it joins the flow of the first one */
	outer->inner_flow = later_fragment(inner) ? 0 : id_of(inner);
	inner->inner_flow = outer->outer_flow = 0;
}
