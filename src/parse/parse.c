/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sf_parse(): the fast path of plain.h for packets with up to two tags, and the walk of walk.h for
 * all others.
 */
#include "parse/parse.h"

#include "parse/plain.h"

#define TAGS_MAX 2

/* For most frames the first comparison decides. */
static sf_always_inline bool is_tag(struct ethertype type)
{
	return type.value != ETHERTYPE_IPV4 && ethertype_is_tag(type);
}

/* Up to two tags: they lie within the bytes whose presence is checked first. */
static bool parse_tagged(const struct sf_packet *packet, struct sf_facts *facts)
{
	struct plain_frame frame = plain_frame(0, packet->interface);
	uint16_t flags = 0, tci[2] = { 0 };
	struct ethertype type;

	if (packet->link != SF_LINK_ETHERNET || packet->captured < PLAIN_ETHERNET + PLAIN_IPV4)
		return false;
	type.value = sf_load_be16(packet->data + 12);
	if (packet->flags & SF_PACKET_VLAN) {
		tags_add(&frame.tags, &flags, packet->vlan_tci);
		tci_add(tci, packet->vlan_tci);
	}
	for (unsigned n = 0; n < TAGS_MAX && is_tag(type); n++) {
		const uint8_t *tag = packet->data + frame.offset;

		tags_add(&frame.tags, &flags, sf_load_be16(tag));
		tci_add(tci, sf_load_be16(tag));
		type.value = sf_load_be16(tag + 2);
		frame.offset += 4;
	}
	frame.scope |= SF_FACTS_WORD((uint64_t)flags, scope, flags);
	frame.tci = SF_FACTS_WORD((uint64_t)tci[0], tci, tci) |
		    SF_FACTS_WORD((uint64_t)tci[1], tci, customer_tci);
	frame.optional = true;
	return plain_ip(packet, facts, &frame);
}

int sf_parse(const struct sf_packet *packet, struct sf_facts *facts)
{
	if (sf_likely(sf_parse_plain(packet, facts, 0, 0, true)) || parse_tagged(packet, facts))
		return SF_PARSED;
	return sf_parse_walk(packet, NULL, facts, NULL, NULL);
}

int sf_parse_tunnels(const struct sf_packet *packet, const struct sf_tunnels *tunnels,
	struct sf_facts *facts, struct sf_facts *around, enum sf_around *found)
{
	*found = SF_AROUND_NONE;
	if ((sf_likely(sf_parse_plain(packet, facts, 0, 0, true)) || parse_tagged(packet, facts)) &&
		(facts->protocol != PROTOCOL_UDP || !sf_tunnels_may_be(tunnels, facts->ports)))
		return SF_PARSED;
	return sf_parse_walk(packet, tunnels, facts, around, found);
}
