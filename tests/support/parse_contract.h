/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What holds for any bytes given to the parser. The includer defines same(condition), which ends
 * the test unless the condition holds.
 */
#ifndef TESTS_PARSE_CONTRACT_H
#define TESTS_PARSE_CONTRACT_H

#include <stdbool.h>
#include <string.h>

#include "parse/run.h"
#include "parse/walk.h"

/*
 * What sf_parse() says of a packet, by the other ways through the parser; facts were zero before.
 */
static inline void check_ways(
	const struct sf_packet *packet, int result, const struct sf_facts *facts)
{
	sf_parse_run *run = sf_parse_run_here();
	struct sf_facts other = { 0 };
	int64_t stamp;

	if (sf_parse_stamp(packet, &stamp))
		same(packet->link == SF_LINK_ETHERNET);
	same(sf_parse_walk(packet, NULL, &other, NULL, NULL) == result);
	if (result == SF_PARSED)
		same(memcmp(facts, &other, sizeof(other)) == 0);
	if (!run || run(packet, 1, &other, 0, 0) == 0)
		return;
	same(result == SF_PARSED);
	same(memcmp(facts, &other, sf_facts_head(facts)) == 0);
}

static inline bool is_extension(uint8_t protocol)
{
	return protocol == 0 || protocol == 43 || protocol == 44 || protocol == 51 ||
	       protocol == 60;
}

static inline void check_part_facts(const struct sf_facts *facts, const struct sf_facts *whole)
{
	const uint16_t below = SF_FACT_VLAN | SF_FACT_MPLS | SF_FACT_MAC;
	uint16_t flags = (uint16_t)(facts->flags & ~SF_FACT_SWAPPED);

	same(facts->version == whole->version);
	same(facts->address == whole->address);
	if (facts->version == 6)
		same(memcmp(facts->address6, whole->address6, sizeof(whole->address6)) == 0);
	/* of a chain of extension headers as much is known as was captured */
	if (facts->protocol != whole->protocol)
		same(facts->version == 6 && is_extension(facts->protocol));
	same(facts->ports == whole->ports || facts->ports == 0);
	same(facts->tcp_flags == whole->tcp_flags || !(flags & SF_FACT_TCP));
	same((flags & ~whole->flags) == 0);
	/* below the IP header nothing may be missing */
	same((flags & below) == (whole->flags & below));
	same(facts->tags == whole->tags);
	same(facts->mpls == whole->mpls);
	same(memcmp(facts->src_mac, whole->src_mac, 12) == 0);
	same(facts->l3_offset == whole->l3_offset);
	/* without a jumbo payload option the length on the wire stands in for it */
	same(facts->octets == whole->octets || (facts->version == 6 && whole->octets > 65575));
	same(facts->tos == whole->tos);
	same(facts->ttl == whole->ttl);
	same(facts->flow_label == whole->flow_label);
}

/* `part` and `facts` are of the first octets of the packet that `result` and `whole` are of. */
static inline void check_part(
	int part, const struct sf_facts *facts, int result, const struct sf_facts *whole)
{
	if (part == SF_IGNORED_truncated)
		return;
	/* a jumbo payload option that makes the packet malformed may be cut off */
	if (part == SF_PARSED && result == SF_IGNORED_malformed && facts->version == 6)
		return;
	same(part == result);
	if (part == SF_PARSED)
		check_part_facts(facts, whole);
}

/*
 * Opens all tunnels in this mode, as --tunnel does, but for those of mirrors, which are always
 * opened.
 */
static inline const struct sf_tunnels *tunnels_in(enum sf_tunnel_mode mode)
{
	static struct sf_tunnels tunnels[SF_TUNNEL_BOTH + 1];
	struct sf_tunnel_options options = { .port_count = 1 };

	options.ports[0].port = 7932;
	options.ports[0].kind = SF_TUNNEL_HPE_ERM;
	for (unsigned kind = 0; kind < SF_TUNNEL_COUNT; kind++)
		if (sf_tunnel_mirrors((enum sf_tunnel_kind)kind) != SF_TUNNEL_MIRRORS_ALWAYS)
			options.mode[kind] = (uint8_t)mode;
	if (!tunnels[mode].row_count)
		sf_tunnels_init(&tunnels[mode], &options);
	return &tunnels[mode];
}

/* Two results of the parser for one packet; those of IPv4 leave the IPv6 addresses as they were. */
static inline void check_same(
	int result, struct sf_facts *facts, int other_result, struct sf_facts *other)
{
	same(result == other_result);
	if (result != SF_PARSED)
		return;
	if (facts->version == 4)
		memcpy(other->address6, facts->address6, sizeof(other->address6));
	same(memcmp(facts, other, offsetof(struct sf_facts, ethertype)) == 0);
}

/*
 * --tunnel both gives the packets of --tunnel inner and those of --tunnel outer. Each tunnel costs
 * more steps of the parser there (SF_WALK_OF_PAIR): of a packet with very many headers the inner
 * packet may be one further out, or its protocol that of an earlier extension header.
 */
static inline void check_both(const struct sf_packet *packet, int result, struct sf_facts *facts)
{
	struct sf_facts inner = { 0 }, outer = { 0 }, around = { 0 };
	enum sf_around found;
	int both = sf_parse_tunnels(packet, tunnels_in(SF_TUNNEL_BOTH), &inner, &around, &found);

	if (both != SF_PARSED || result != SF_PARSED ||
		(inner.l3_offset >= facts->l3_offset && inner.protocol == facts->protocol))
		check_same(result, facts, both, &inner);
	result = sf_parse_tunnels(
		packet, tunnels_in(SF_TUNNEL_OUTER), &outer, NULL, &(enum sf_around){ 0 });
	if (found == SF_AROUND_PAIR)
		check_same(result, &outer, SF_PARSED, &around);
	else
		check_same(result, &outer, both, &inner);
}

/* The two ways through the parser with tunnels open; facts were zero before. */
static inline int parse_inside(const struct sf_packet *packet, struct sf_facts *facts)
{
	const struct sf_tunnels *tunnels = tunnels_in(SF_TUNNEL_INNER);
	struct sf_facts other = { 0 };
	enum sf_around found;
	int result = sf_parse_tunnels(packet, tunnels, facts, NULL, &found);

	check_same(result, facts, sf_parse_walk(packet, tunnels, &other, NULL, NULL), &other);
	check_both(packet, result, facts);
	return result;
}

/*
 * As check_part(), with tunnels open: where the inner packet is cut off, the outer one is metered.
 */
static inline void check_part_inside(
	int part, const struct sf_facts *facts, int result, const struct sf_facts *whole)
{
	if (part == SF_PARSED && (result != SF_PARSED || facts->l3_offset < whole->l3_offset))
		return;
	/* a jumbo payload option that makes the packet inside malformed may be cut off */
	if (part == SF_PARSED && facts->version == 6 && facts->l3_offset > whole->l3_offset)
		return;
	/* an authentication header that is cut is not skipped */
	if (part == SF_PARSED && facts->version == 4 && facts->protocol == PROTOCOL_AH)
		return;
	check_part(part, facts, result, whole);
}

#endif
