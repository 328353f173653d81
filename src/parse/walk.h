/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the parser. A packet is walked layer by layer: each parse_*() function reads one header
 * at `p`, moves `p` behind it and says what lies there. sf_parse_walk() is the loop around them;
 * there is no recursion, so a layer that may hold another packet (pseudowire, bridged LLC, later
 * the tunnels inside IP) only returns the next state.
 */
#ifndef SPANFLOW_PARSE_WALK_H
#define SPANFLOW_PARSE_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/meter.h>
#include <spanflow/packet.h>

#include "base/branch.h"
#include "base/facts.h"
#include "base/wire.h"
#include "parse/parse.h"

/* Most headers of one packet, tags, labels and IPv6 extension headers included. */
#define SF_WALK_STEPS 256

/* Two kinds of number that must not be mixed up. */
struct ethertype {
	uint16_t value;
};
struct ip_protocol {
	uint8_t value;
};

enum {
	ETHERTYPE_SNAP_LENGTH = 1500, /* up to here the type field is an 802.3 length */
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_TEB = 0x6558, /* transparent Ethernet bridging */
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_MPLS = 0x8847,
	ETHERTYPE_MPLS_MULTICAST = 0x8848,
	ETHERTYPE_PPPOE = 0x8864,
	ETHERTYPE_JUMBO_LLC = 0x8870,
	ETHERTYPE_VLAN_AD = 0x88a8,
	ETHERTYPE_VLAN_9100 = 0x9100,
	ETHERTYPE_VLAN_9200 = 0x9200,
	ETHERTYPE_VLAN_9300 = 0x9300,
};

enum {
	PROTOCOL_HOP_BY_HOP = 0,
	PROTOCOL_ICMP = 1,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_DCCP = 33,
	PROTOCOL_ROUTING = 43,
	PROTOCOL_FRAGMENT = 44,
	PROTOCOL_AH = 51,
	PROTOCOL_ICMPV6 = 58,
	PROTOCOL_NONE = 59,
	PROTOCOL_DESTINATION = 60,
	PROTOCOL_SCTP = 132,
	PROTOCOL_UDPLITE = 136,
};

/* What lies at walk.p. */
enum next {
	NEXT_DONE,      /* nothing more: the packet is metered */
	NEXT_IGNORED,   /* it is not, for walk.reason */
	NEXT_ETHERNET,  /* destination address of an Ethernet header */
	NEXT_ETHERTYPE, /* what walk.ethertype says */
	NEXT_LLC,       /* 802.2 */
	NEXT_MPLS,      /* a label stack entry */
	NEXT_PPPOE,     /* RFC 2516 session header */
	NEXT_PPP,       /* PPP protocol field */
	NEXT_IP,        /* IPv4 or IPv6, by its version nibble */
	NEXT_IPV4,
	NEXT_IPV6,
	NEXT_EXTENSION, /* IPv6: what walk.protocol says, maybe an extension header */
	NEXT_TRANSPORT, /* what walk.protocol says */
};

/*
 * `end` is the end of the captured bytes of the layer at `p`: every layer may pull it in, none
 * pushes it out. The rest is what a record needs and is written to the facts at the end.
 */
struct walk {
	const uint8_t *p, *end;
	const struct sf_packet *packet;
	struct sf_facts *facts;
	const uint8_t *fallback;  /* second reading of a pseudowire, with tags and flags then */
	const uint8_t *addresses; /* source and destination in the IP header */
	uint32_t wire; /* octets of the frame on the wire, from its first one; >= those captured */
	uint32_t tags, fallback_tags;
	uint32_t ports; /* sender << 16 | receiver */
	uint16_t flags, fallback_flags;
	struct ethertype ethertype;
	struct ip_protocol protocol;
	uint8_t version, tos, ttl;
	enum sf_ignored reason;
};

static inline size_t walk_left(const struct walk *w)
{
	return (size_t)(w->end - w->p);
}

/* Octets on the wire from `p` on. */
static inline uint32_t walk_wire_left(const struct walk *w)
{
	return w->wire - (uint32_t)(w->p - w->packet->data);
}

static inline enum next walk_ignore(struct walk *w, enum sf_ignored reason)
{
	w->reason = reason;
	return NEXT_IGNORED;
}

static inline enum next walk_truncated(struct walk *w)
{
	return walk_ignore(w, SF_IGNORED_truncated);
}

static inline enum next walk_ethertype(struct walk *w, uint16_t value)
{
	w->ethertype.value = value;
	return NEXT_ETHERTYPE;
}

/* Destination and source at `p`, unless an outer header has told them. */
static inline void walk_note_addresses(struct walk *w, const uint8_t *p)
{
	if (w->flags & SF_FACT_MAC)
		return;
	w->flags |= SF_FACT_MAC;
	memcpy(w->facts->dst_mac, p, 6);
	memcpy(w->facts->src_mac, p + 6, 6);
}

/*
 * A tag's VLAN id: the first is the outer one, the second the inner one. VLAN id 0 marks a
 * priority tag, which names no VLAN (IEEE 802.1Q §9.6, table 9-2).
 */
static inline void tags_add(uint32_t *tags, uint16_t *flags, uint16_t tci)
{
	uint32_t id = tci & 0x0fff;

	if (!id)
		return;
	if (!(*flags & SF_FACT_VLAN)) {
		*flags |= SF_FACT_VLAN;
		*tags |= id << 20;
	} else if (!(*flags & SF_FACT_CVLAN)) {
		*flags |= SF_FACT_CVLAN;
		*tags |= id << 8;
	}
}

static inline bool ethertype_is_tag(struct ethertype type)
{
	return type.value == ETHERTYPE_VLAN || type.value == ETHERTYPE_VLAN_AD ||
	       type.value == ETHERTYPE_VLAN_9100 || type.value == ETHERTYPE_VLAN_9200 ||
	       type.value == ETHERTYPE_VLAN_9300;
}

/*
 * Stores the address word of source << 32 | destination in canonical order. All bits if the
 * endpoints have to be swapped, none if not.
 */
static inline uint64_t facts_put_ipv4(struct sf_facts *facts, uint64_t addresses, uint32_t ports)
{
	uint64_t turned = addresses << 32 | addresses >> 32;
	uint64_t swapped = -(uint64_t)(turned < addresses);

	/* with a mask, as it is there */
	facts->address = addresses ^ ((addresses ^ turned) & swapped);
	if (sf_unlikely(turned == addresses))
		return -(uint64_t)(ports >> 16 > (ports & UINT16_MAX));
	return swapped;
}

static inline uint64_t facts_put_ipv6(struct sf_facts *facts, const uint8_t *p, uint32_t ports)
{
	uint64_t from = sf_load_be64(p), to = sf_load_be64(p + 16);
	unsigned swapped;

	if (from == to) {
		from = sf_load_be64(p + 8);
		to = sf_load_be64(p + 24);
		if (from == to) {
			from = ports >> 16;
			to = ports & UINT16_MAX;
		}
	}
	swapped = from > to;
	facts->address = 0;
	memcpy(facts->address6[swapped], p, 16);
	memcpy(facts->address6[!swapped], p + 16, 16);
	return -(uint64_t)swapped;
}

/* link.c: what the first byte of a frame of that link type is; may end the walk. */
enum next parse_link(struct walk *w);
enum next parse_ethernet(struct walk *w);
enum next parse_ethertype(struct walk *w);
enum next parse_llc(struct walk *w);
enum next parse_mpls(struct walk *w);
enum next parse_pppoe(struct walk *w);
enum next parse_ppp(struct walk *w);

/* shim.c */
enum next parse_shim(struct walk *w);
bool has_isl_address(const uint8_t *p);            /* a destination address */
enum next parse_isl(struct walk *w, bool *is_isl); /* behind such an address; or is it not ISL? */
enum next parse_dsa(struct walk *w, enum sf_link link);

/* pseudowire.c */
enum next parse_behind_labels(struct walk *w);

/* wireless.c */
enum next parse_ieee802_11(struct walk *w);
enum next parse_radiotap(struct walk *w);

/* ip.c */
enum next parse_ip(struct walk *w);
enum next parse_ipv4(struct walk *w);
enum next parse_ipv6(struct walk *w);
enum next parse_extension(struct walk *w);
enum next parse_transport(struct walk *w);

/*
 * sf_parse() without its fast path: takes every packet, gives the same result. For the tests,
 * which compare the two.
 */
int sf_parse_walk(const struct sf_packet *packet, struct sf_facts *facts);

#endif
