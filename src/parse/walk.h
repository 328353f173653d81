/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the parser. A packet is walked layer by layer: each parse_*() function reads one header at
 * `p`, moves `p` behind it and returns what follows. sf_parse_walk() is the loop over them. There
 * is no recursion: a layer that holds another frame (pseudowire, bridged LLC) returns
 * NEXT_ETHERNET.
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
#include "parse/tunnel.h"

/*
 * Most work for one packet, in headers: tags and labels are one each, IPv6 extension headers a part
 * of one, because real captures have chains of more than a hundred. A choice between two readings
 * behind labels, or a tunnel, costs as much as several. tests/bench/worst.py counts what the worst
 * packets cost.
 */
#define SF_WALK_STEPS               62
#define SF_WALK_PARTS               40 /* of one step */
#define SF_WALK_OF_EXTENSION        12 /* parts */
#define SF_WALK_OF_EXTENSION_INSIDE 20 /* in tunnels */
#define SF_WALK_OF_LABELS           11
#define SF_WALK_OF_TUNNEL           4  /* over UDP one more */
#define SF_WALK_OF_L2TP             3  /* version 3: where the frame begins is tried out */
#define SF_WALK_OF_PAIR             10 /* the packet around is metered too */

/* Types of their own, so that the compiler finds a mix-up of the two kinds of number. */
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
	ETHERTYPE_NSH = 0x894f,
	ETHERTYPE_ARISTA = 0xd28b,
};

enum {
	PROTOCOL_HOP_BY_HOP = 0,
	PROTOCOL_ICMP = 1,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_DCCP = 33,
	PROTOCOL_ROUTING = 43,
	PROTOCOL_FRAGMENT = 44,
	PROTOCOL_ESP = 50,
	PROTOCOL_AH = 51,
	PROTOCOL_ICMPV6 = 58,
	PROTOCOL_NONE = 59,
	PROTOCOL_DESTINATION = 60,
	PROTOCOL_SCTP = 132,
	PROTOCOL_UDPLITE = 136,
};

/* The header at walk.p. */
enum next {
	NEXT_DONE,      /* none is needed: the packet is metered */
	NEXT_IGNORED,   /* none: the packet is not metered, for walk.reason */
	NEXT_ETHERNET,  /* destination address of an Ethernet header */
	NEXT_ETHERTYPE, /* the one that walk.ethertype names */
	NEXT_LLC,       /* 802.2 */
	NEXT_MPLS,      /* a label stack entry */
	NEXT_PPPOE,     /* RFC 2516 session header */
	NEXT_PPP,       /* PPP protocol field */
	NEXT_IP,        /* IPv4 or IPv6, by its version nibble */
	NEXT_IPV4,
	NEXT_IPV6,
	NEXT_EXTENSION, /* IPv6: the one that walk.protocol names, maybe an extension header */
	NEXT_TRANSPORT, /* the one that walk.protocol names */
	NEXT_IEEE802_11,
	NEXT_IEEE802_11_SWAPPED, /* the two bytes of frame control are exchanged */
};

struct walk {
	const uint8_t *p; /* the next header */
	const uint8_t
		*end; /* end of the captured bytes of this layer; a layer only moves it back */
	const struct sf_packet *packet;
	struct sf_facts *facts;
	/* second reading of a pseudowire: its header, and tags and flags before it; NULL: none */
	const uint8_t *fallback;
	uint32_t fallback_tags;
	uint16_t fallback_tci[2];
	uint16_t fallback_flags;
	uint32_t wire; /* bytes of the frame on the wire, from its first one; >= those captured */
	/* stored in the facts at the end */
	const uint8_t *addresses; /* source and destination in the IP header */
	uint32_t tags;
	uint16_t tci[2];     /* of the tags with these ids */
	uint16_t frame_type; /* Ethernet type behind them; 0: there was none yet */
	uint32_t ports;      /* sender << 16 | receiver */
	uint16_t flags;
	struct ethertype ethertype;
	struct ip_protocol protocol;
	uint8_t version, tos, ttl;
	enum sf_ignored reason;
	unsigned steps; /* done, of SF_WALK_STEPS */
	/* tunnels, see tunnel.h */
	const struct sf_tunnels *tunnels; /* those that are opened; NULL: none */
	struct walk_level *levels;        /* two: one is `outer`, the other one is free */
	struct walk_level *outer;         /* the packet around this one, if depth > 0 */
	struct sf_facts *around; /* where the packet around is kept; NULL: it is not wanted */
	enum sf_around found;    /* what `around` has */
	uint32_t claimed; /* offset where the packet ends that is around this one, by its header */
	/* the tunnel, and the addresses of the packet around this one */
	const uint8_t *outer_addresses;
	uint32_t tunnel_id;
	uint8_t tunnel_kind, outer_version;
	struct sf_mirror_facts mirror; /* of the innermost mirror */
	uint16_t vlan;  /* ERSPAN: the id of a tag that the frame had, and has no more */
	uint8_t depth;  /* tunnels around this packet */
	bool mirrored;  /* the innermost of them carries frames of a mirror */
	bool in_mirror; /* one of them does */
	bool strict;    /* the packet must fit into the one around it */
	bool inside;    /* no Ethernet header was read in this tunnel */
	bool routed;    /* IPv6: a segment routing header was read */
};

/* Bytes of the facts that a walk sets before it is finished. */
#define WALK_FACTS offsetof(struct sf_facts, tunnel)

/* An IP packet that a tunnel begins in: what is metered unless the packet inside is found. */
struct walk_level {
	struct walk walk;
	struct sf_facts facts; /* WALK_FACTS bytes of them */
};

static inline size_t walk_left(const struct walk *w)
{
	return (size_t)(w->end - w->p);
}

static inline uint32_t walk_offset(const struct walk *w)
{
	return (uint32_t)(w->p - w->packet->data);
}

/* Bytes on the wire from `p` on. */
static inline uint32_t walk_wire_left(const struct walk *w)
{
	return w->wire - walk_offset(w);
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

/* Stores the MAC addresses at `p`, destination first, unless an outer header has set them. */
static inline void walk_set_macs(struct walk *w, const uint8_t *p)
{
	if (w->flags & SF_FACT_MAC)
		return;
	w->flags |= SF_FACT_MAC;
	memcpy(w->facts->dst_mac, p, 6);
	memcpy(w->facts->src_mac, p + 6, 6);
}

/*
 * Adds the VLAN id of a tag: the first one is the outer id, the second one the inner id. A tag with
 * id 0 has a priority and no VLAN (IEEE 802.1Q §9.6, table 9-2).
 */
static inline void tags_add(uint32_t *tags, uint16_t *flags, uint16_t tci)
{
	uint32_t id = tci & 0x0fff;

	if (!id)
		return;
	if (!(*flags & SF_FACT_VLAN)) {
		*flags |= SF_FACT_VLAN;
		*tags |= id << 20;
	} else if (!(*tags & 0x0fff00)) {
		*tags |= id << 8;
	}
}

/*
 * Keeps the tag control information of the tags with these two ids. Example: a tag with a priority
 * alone (id 0) stands before one with an id: the second one is kept, because it has the outer id.
 */
static inline void tci_add(uint16_t tci[2], uint16_t value)
{
	const bool has_id = value & 0x0fff;

	if (!(tci[0] & 0x0fff) && (has_id || !tci[0]))
		tci[0] = value;
	else if (has_id && !(tci[1] & 0x0fff))
		tci[1] = value;
}

static inline void walk_add_tag(struct walk *w, uint16_t tci)
{
	tags_add(&w->tags, &w->flags, tci);
	tci_add(w->tci, tci);
}

static inline bool ethertype_is_tag(struct ethertype type)
{
	return type.value == ETHERTYPE_VLAN || type.value == ETHERTYPE_VLAN_AD ||
	       type.value == ETHERTYPE_VLAN_9100 || type.value == ETHERTYPE_VLAN_9200 ||
	       type.value == ETHERTYPE_VLAN_9300;
}

/*
 * Stores the addresses in canonical order; `addresses` is source << 32 | destination. Returns all
 * bits if the source is endpoint 1, else 0.
 */
static inline uint64_t facts_put_ipv4(struct sf_facts *facts, uint64_t addresses, uint32_t ports)
{
	uint64_t turned = addresses << 32 | addresses >> 32;
	uint64_t swapped = -(uint64_t)(turned < addresses);

	/* without a branch: `swapped` is a mask */
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

/* link.c: begins the walk of a frame, by its link type. */
enum next sf_parse_link(struct walk *w);
enum next sf_parse_ethernet(struct walk *w);
enum next sf_parse_ethertype(struct walk *w);
enum next sf_parse_llc(struct walk *w);
enum next sf_parse_mpls(struct walk *w);
enum next sf_parse_pppoe(struct walk *w);
enum next sf_parse_ppp(struct walk *w);

/* shim.c */
enum next sf_parse_shim(struct walk *w);
bool sf_has_isl_address(const uint8_t *p);            /* `p`: a destination address */
enum next sf_parse_isl(struct walk *w, bool *is_isl); /* *is_isl false: not ISL in spite of it */
enum next sf_parse_dsa(struct walk *w, enum sf_link link);

/* pseudowire.c */
enum next sf_parse_behind_labels(struct walk *w);

/* wireless.c */
enum next sf_parse_ieee802_11(struct walk *w, bool swapped);
enum next sf_parse_radiotap(struct walk *w);

/* ip.c */
enum next sf_parse_ip(struct walk *w);
enum next sf_parse_ipv4(struct walk *w);
enum next sf_parse_ipv6(struct walk *w);
enum next sf_parse_extension(struct walk *w);
enum next sf_parse_transport(struct walk *w);

/* tunnel.c */
enum next sf_parse_tunnel(
	struct walk *w);              /* behind the IP header, at a transport or tunnel header */
void sf_tunnel_frame(struct walk *w); /* a frame begins inside a tunnel */
bool sf_tunnel_leave(struct walk *w); /* back to the packet around; false: there is none */
void sf_tunnel_finish(const struct walk *w); /* stores in the facts which tunnel it was */

/* walk.c: stores in the facts what the walk has found of its packet. */
void sf_walk_finish(const struct walk *w);

/*
 * sf_parse_tunnels() without its fast path: takes every packet and gives the same result. Tests
 * compare the two. `tunnels` may be NULL: none is opened; so may `around`, with `found`.
 */
int sf_parse_walk(const struct sf_packet *packet, const struct sf_tunnels *tunnels,
	struct sf_facts *facts, struct sf_facts *around, enum sf_around *found);

#endif
