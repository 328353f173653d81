/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The result of parsing one packet: the flow key in canonical form, and the values that a record
 * needs. A structure of fixed size without pointers, whose head can be handed to another worker's
 * table. src/parse writes it, src/meter reduces the key and sets clock and scope, src/table reads
 * it.
 */
#ifndef SPANFLOW_BASE_FACTS_H
#define SPANFLOW_BASE_FACTS_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <spanflow/tunnel.h>

#include "base/application.h"
#include "base/branch.h"

#define SF_WORKERS_MAX 64 /* workers that share a source, at most */

/*
 * Bits of sf_facts.flags. The table depends on their values: see SF_STATE_RARE in table/layout.h.
 */
#define SF_FACT_SWAPPED  0x0003 /* endpoint 1 sent this packet; two bits, as a table's entry has */
#define SF_FACT_VLAN     0x0004 /* an outer tag with a VLAN id other than 0 */
#define SF_FACT_TUNNEL   0x0008 /* `tunnel` says which tunnel the packet was in */
#define SF_FACT_MPLS     0x0010
#define SF_FACT_MAC      0x0020
#define SF_FACT_TCP      0x0800 /* tcp_flags were read */
#define SF_FACT_AHEAD    0x1000 /* time_ns is ahead of the clock: see base/clock.h */
#define SF_FACT_FRAGMENT 0x2000 /* first or later IP fragment */
#define SF_FACT_LATE     0x4000 /* time_ns is behind clock_ns */
#define SF_FACT_ANSWER   0x8000 /* ICMP: the packet is a reply, so its receiver began the flow */

/*
 * A bit above those of tcp_flags: `app` points to what a reader of src/apps found in the payload.
 * No packet of a fragment has it: there the bits are marks of meter/fragment.h until it is joined.
 */
#define SF_TCP_FLAGS_APP 0x1000

#define SF_FRAGMENT_MORE 0x2000 /* in sf_facts.fragment: it is not the last one */

/*
 * Bits in the member tcp_flags of a marked fragment (meter/fragment.h). A later fragment has no TCP
 * flags of its own; a first one has them beside SF_FRAGMENT_FIRST.
 */
#define SF_FRAGMENT_LATER   0x8000u
#define SF_FRAGMENT_FIRST   0x4000u /* a first fragment; with LATER: more fragments follow */
#define SF_FRAGMENT_OPTIONS 0x2000u /* IPv4: the header has options, so the length is not known */
#define SF_FRAGMENT_NOTE    0x1000u /* with FIRST: see sf_facts_is_note() */
#define SF_FRAGMENT_OFFSET  0x1fffu

/* The innermost tunnel around a packet. */
struct sf_tunnel_facts {
	uint8_t source[16],
		destination[16]; /* of the outer packet, as sent; IPv4: 4 bytes, zeros */
	uint32_t id;             /* VNI, GRE key, TEID, session …; 0: none */
	uint16_t vlan, cvlan;    /* of the inner packet, if `in_key` */
	uint8_t kind;            /* enum sf_tunnel_kind */
	uint8_t version;         /* of the outer packet: 4 or 6 */
	uint8_t in_key;          /* 1: sf_facts.tags is a hash of all of this */
	uint8_t zero;
};

/* IANA 351, layer2SegmentId: the highest byte is the kind. */
static inline uint64_t sf_tunnel_segment(unsigned kind, uint32_t id)
{
	enum { VXLAN = 1, NVGRE = 2 };

	/* a virtual subnet is the upper 24 bits of the key (RFC 7637 §3.2) */
	return kind == SF_TUNNEL_NVGRE ? (uint64_t)NVGRE << 56 | id >> 8
				       : (uint64_t)VXLAN << 56 | id;
}

#define SF_MPLS_ENTRIES 10 /* of a label stack that are kept: as many as IANA has elements for */

/* What a TCP header says, for base/tcp_quality.h. */
struct sf_tcp_packet {
	uint32_t sequence, acknowledgement;
	uint32_t payload; /* bytes behind the header, as the headers say */
	uint16_t window;
	uint16_t mss;           /* 0: no such option */
	uint8_t scale;          /* of the window; 0: no such option */
	uint8_t sack_permitted; /* 1 or 0 */
	uint8_t sack_count;
	uint8_t known;        /* 1: the header was captured */
	uint32_t sacks[4][2]; /* left and right edges */
};

/*
 * Header fields that few runs want. The parser does not set them: sf_details_read()
 * (parse/details.h) reads the groups that a run wants from the packet's bytes.
 */
struct sf_details {
	/* group LINK */
	uint8_t priority, customer_priority; /* of the tags, 0 … 7 */
	uint8_t mpls_stack[1 +
			   4 * SF_MPLS_ENTRIES]; /* length in bytes, entries of the label stack */
	uint8_t sci[8];                          /* secure channel of MACsec; zeros: none */
	uint32_t service; /* of a backbone service instance tag (802.1ah); 0: none */
	/* group IP */
	uint8_t fragment_flags; /* as in fragmentFlags: DF 0x40, MF 0x20 */
	uint32_t ip_id;         /* of IPv4, or of a fragment header of IPv6 */
	uint32_t extensions;    /* of IPv6: bits as in ipv6ExtensionHeadersFull */
	uint32_t spi;           /* of IPsec: ESP, ESP in UDP, AH; 0: none */
	/* group OPTIONS */
	uint8_t tcp_options[32]; /* bits as in tcpOptionsFull, in network order */
	/* group SHARED */
	uint32_t experiments; /* of shared TCP options: a set of base/experiments.h */
	/* group PAYLOAD */
	uint32_t payload;     /* bytes behind the transport header, as the headers say */
	uint32_t has_payload; /* 1, or 0 */
	/* group TCP */
	struct sf_tcp_packet tcp;
};

/* Groups of details, as bits. */
#define SF_DETAILS_LINK    0x01u
#define SF_DETAILS_IP      0x02u
#define SF_DETAILS_OPTIONS 0x04u
#define SF_DETAILS_PAYLOAD 0x08u
#define SF_DETAILS_TCP     0x10u
#define SF_DETAILS_SHARED  0x20u

/* What a mirror says of the frame that it sends; zeros: nothing. */
struct sf_mirror_facts {
	uint32_t id;     /* session of ERSPAN, VNI; see `known` */
	uint32_t port;   /* ERSPAN: number of the mirrored port, or index of its table */
	uint16_t device; /* trailer of a tap: number of the tap, and of its port */
	uint8_t device_port;
	uint8_t known; /* SF_MIRROR_… */
	uint32_t zero; /* whole words are copied fast */
};

#define SF_MIRROR_INGRESS 0x01 /* the port received the frame */
#define SF_MIRROR_EGRESS  0x02 /* the port sent the frame */
#define SF_MIRROR_SESSION 0x04 /* `id` is a session */
#define SF_MIRROR_VNI     0x08 /* `id` is a VNI, also a virtual subnet of NVGRE */
#define SF_MIRROR_PORT    0x10
#define SF_MIRROR_DEVICE  0x20

/*
 * Canonical order: endpoint 0 is the one with the smaller (address, port), compared as numbers in
 * network order, so that both directions of a conversation have the same key words. For ICMP the
 * "ports" are type << 8 | code: the sender's port is that of the packet, the receiver's port that
 * of the matching message (echo request: echo reply; the pairs are in parse/ip.c), or the same if
 * there is none. Both are 0 if the packet has no type: a later fragment, or a packet cut before it.
 */
struct sf_facts {
	/* key: compared as words, unused bits are zero */
	uint64_t address; /* IPv4: endpoint 0 << 32 | endpoint 1; IPv6: set by the table */
	uint32_t ports;   /* endpoint 0 << 16 | endpoint 1 */
	uint32_t tags;    /* outer VLAN id << 20 | inner VLAN id << 8 | TOS if it is in the key */
	uint16_t scope;   /* observation point, or interface number if it is in the key */
	uint8_t version;  /* 4 or 6 */
	uint8_t protocol;
	/* per packet */
	uint16_t flags;     /* SF_FACT_… */
	uint16_t tcp_flags; /* 12 bits, SF_TCP_FLAGS_APP */
	uint32_t octets;    /* IP bytes */
	uint8_t tos;        /* as observed */
	uint8_t ttl;
	uint16_t interface; /* number: interface_base + slot */
	int64_t time_ns;
	int64_t clock_ns; /* max(clock of the source, time_ns): decides timeouts */
	/* IPv6 only: endpoint 0 and 1, network order */
	uint8_t address6[2][16];
	/*
	 * The tail: what the parser found beside key and counters. It stays with the worker that
	 * parsed the packet; the values that destinations want are packed into the packet's annex
	 * (base/annex.h).
	 */
	uint32_t mpls; /* top entry >> 8 */
	uint32_t flow_label;
	uint8_t src_mac[6]; /* as sent, not canonical */
	uint8_t dst_mac[6];
	/*
	 * Tag control information of the tags with the VLAN ids of `tags`; of the
	 * first one if no tag has an id.
	 */
	uint16_t tci, customer_tci;
	uint16_t frame_type;   /* Ethernet type behind the tags of the frame; 0: there is none */
	uint16_t label_offset; /* of the top MPLS label in the packet's bytes, with SF_FACT_MPLS */
	uint16_t l3_offset;    /* of the IP header in the packet's bytes */
	/*
	 * Set only for a frame that is nonIp: its innermost Ethernet type, SF_ETHERTYPE_LLC if it
	 * has an 802.2 header instead, 0 if it has neither.
	 */
	uint16_t ethertype;
	/* Set only with SF_FACT_FRAGMENT. */
	uint32_t fragment_id;
	uint32_t fragment_bytes; /* behind its headers, as they say; 0: not known */
	uint16_t fragment;       /* offset in units of eight bytes, SF_FRAGMENT_MORE */
	/* Set only with SF_FACT_TUNNEL. */
	struct sf_tunnel_facts tunnel;
	/* Set only with SF_TCP_FLAGS_APP; lent by the meter until the next packet is parsed. */
	const struct sf_app *app;
	/* flowIds of the flows of the outer and the inner packet if they are metered too, else 0 */
	uint64_t outer_flow, inner_flow;
	struct sf_details details;
	struct sf_mirror_facts mirror;
	/*
	 * Set only with SF_TCP_FLAGS_APP: what a classifier says, and
	 * the entropy of a first payload.
	 */
	struct sf_application application;
	uint16_t entropy; /* in 1/1000 bit per octet */
	uint8_t reserved[62];
};

/* An odd number of cache lines, so that the heads of an array lie in all sets of a cache. */
static_assert(sizeof(struct sf_facts) == 448, "facts fill seven cache lines");

/* Bytes of the head: what every table needs of every packet. */
#define SF_FACTS_IPV4 offsetof(struct sf_facts, address6)
#define SF_FACTS_IPV6 offsetof(struct sf_facts, mpls)

static_assert(SF_FACTS_IPV4 == 48 && SF_FACTS_IPV6 == 80, "one cache line, two cache lines");

/*
 * Captured bytes from the IP header to the end of the packet, without padding. `captured`: captured
 * bytes of the frame.
 */
static inline size_t sf_facts_captured(const struct sf_facts *facts, uint32_t captured)
{
	size_t left = captured - facts->l3_offset;

	return left < facts->octets ? left : facts->octets;
}

/*
 * True for a note: facts that are not metered. A note tells the owner of a fragmented datagram that
 * the inner packet is metered, so the later fragments of the datagram are left out.
 */
static inline bool sf_facts_is_note(const struct sf_facts *facts)
{
	const unsigned note = SF_FRAGMENT_FIRST | SF_FRAGMENT_NOTE;

	return facts->flags & SF_FACT_FRAGMENT &&
	       (facts->tcp_flags & (note | SF_FRAGMENT_LATER)) == note;
}

/* Bytes of the head of these facts. */
static sf_always_inline unsigned sf_facts_head(const struct sf_facts *facts)
{
	return sf_likely(facts->version == 4) ? SF_FACTS_IPV4 : SF_FACTS_IPV6;
}

/* Copies the head, in constant lengths: a few moves. Returns its bytes. */
static sf_always_inline unsigned sf_facts_copy(void *to, const struct sf_facts *facts)
{
	if (sf_likely(facts->version == 4)) {
		memcpy(to, facts, SF_FACTS_IPV4);
		return SF_FACTS_IPV4;
	}
	memcpy(to, facts, SF_FACTS_IPV6);
	return SF_FACTS_IPV6;
}

/*
 * `value` shifted to the place of `member` in the eight-byte word of the facts that begins with the
 * member `first`. Words are combined in registers and stored whole: the table loads eight bytes at
 * once, which would stall on narrower stores.
 */
#define SF_FACTS_WORD(value, first, member)                                                        \
	sf_facts_word(value, offsetof(struct sf_facts, member) - offsetof(struct sf_facts, first), \
		sizeof(((struct sf_facts *)0)->member))

static inline uint64_t sf_facts_word(uint64_t value, unsigned offset, unsigned size)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	(void)size;
	return value << 8 * offset;
#else
	return value << 8 * (8 - offset - size);
#endif
}

#endif
