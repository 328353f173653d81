/* SPDX-License-Identifier: BSD-2-Clause */
/* The flow record: what the metering process hands to the exporting process. */
#ifndef SPANFLOW_FLOW_H
#define SPANFLOW_FLOW_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/declare.h>

SF_BEGIN_PUBLIC

/* flowEndReason, IANA element 136 */
enum sf_end_reason {
	SF_END_IDLE = 1,
	SF_END_ACTIVE = 2,
	SF_END_DETECTED = 3,
	SF_END_FORCED = 4,
	SF_END_RESOURCES = 5,
};

/* `has` of a flow: which of the properties it has that not all flows have */
#define SF_HAS_MAC        0x01 /* this, MPLS and FLOW_LABEL: gathered on request */
#define SF_HAS_MPLS       0x02
#define SF_HAS_VLAN       0x04 /* vlan is the outer tag's VLAN id */
#define SF_HAS_CVLAN      0x08 /* cvlan is the inner tag's */
#define SF_HAS_FLOW_LABEL 0x10
#define SF_HAS_FRAGMENTS  0x20 /* some packet was an IP fragment */
#define SF_HAS_TUNNEL     0x40 /* its packets were in a tunnel; gathered on request */
/* of the tunnel: the IP version of the outer packet, and what its id is called */
#define SF_HAS_TUNNEL_IPV4 0x0080
#define SF_HAS_TUNNEL_IPV6 0x0100
#define SF_HAS_GRE_KEY     0x0200
#define SF_HAS_SEGMENT     0x0400 /* VXLAN, NVGRE */
#define SF_HAS_TEID        0x0800 /* GTP-U */
#define SF_HAS_APP         0x1000 /* its payload was read: docs/applications.md; on request */
#define SF_HAS_TCP         0x2000 /* its TCP headers were read; gathered on request */
/* of packets metered twice: the flow of the outer packet, and that of the inner packet */
#define SF_HAS_OUTER_FLOW 0x4000
#define SF_HAS_INNER_FLOW 0x8000

/* `directions` of a flow: bit d is set when the flow has a record of half[d] */
#define SF_FORWARD 0x01 /* half[0]: sent by the initiator */
#define SF_REVERSE 0x02 /* half[1]: the answer */

/*
 * One direction of a flow: the packets sent by addr[d] (see struct sf_flow). Nothing of it is
 * meaningful unless bit d of the flow's `directions` is set. Values that may change from packet to
 * packet are those of the first packet of the direction (RFC 7012 §5) except where the name says
 * otherwise; tcp_flags is the OR of all. A flow that was collected from elsewhere may have a
 * direction whose packets or octets are 0, because its exporter does not count them.
 */
struct sf_flow_half {
	uint64_t packets;
	uint64_t octets;  /* IP octets: header and payload, never link layer or padding */
	int64_t start_ns; /* first and last packet, ns since 1970 UTC; start_ns <= end_ns */
	int64_t end_ns;
	uint32_t ingress;   /* ingressInterface */
	uint16_t tcp_flags; /* 12 bits: RFC 9565 */
	uint8_t tos;        /* IPv4 TOS or IPv6 traffic class */
	uint8_t ttl_min;
	uint8_t ttl_max;
	uint8_t reserved[15];
};

struct sf_annex;

/*
 * A biflow (RFC 5103) with its initiator first: half[0] was sent by addr[0]:port[0], half[1] is
 * the answer. `directions` says which of them the flow has. In uniflow terms, direction d goes from
 * addr[d]:port[d] to addr[!d]:port[!d] and has the counters of half[d].
 *
 * For ICMP and ICMPv6 port[d] is what side d sends: type << 8 | code.
 */
struct sf_flow {
	struct sf_flow_half half[2];
	uint8_t addr[2][16]; /* network order; IPv4 in the first 4 octets, the rest 0 */
	uint16_t port[2];    /* host order */
	uint16_t vlan;       /* dot1qVlanId, 0: none */
	uint16_t cvlan;      /* dot1qCustomerVlanId, 0: none */
	uint64_t id;         /* flowId < 2^53, the same over active timeouts; 0: not asked for */
	uint32_t domain;     /* observationDomainId */
	uint8_t ip_version;  /* 4 or 6 */
	uint8_t protocol;    /* protocolIdentifier */
	uint16_t has;        /* SF_HAS_… */
	/*
	 * The facts that are gathered on request: sf_flow_fact() reads them. It belongs to whoever
	 * lends the record, and is there as long as the record is. NULL: none were gathered.
	 */
	const struct sf_annex *annex;
	uint8_t end_reason; /* enum sf_end_reason */
	uint8_t directions; /* SF_FORWARD, SF_REVERSE or both */
	/*
	 * A folded record has the sums of so many flows that have in common: domain, interfaces, IP
	 * version, protocol, and the first prefix_length[i] bits of addr[i]. Further bits and the
	 * ports are 0. 0: it is the record of one flow, and prefix_length is 0 (of collected
	 * records: see SF_KNOWN_PREFIX).
	 */
	uint8_t prefix_length[2];
	uint32_t folded;
	uint8_t reserved[8];
};

static_assert(sizeof(struct sf_flow) == 192, "a record is three cache lines");

/* Packets of both directions. Any thread, as all functions here. */
static inline uint64_t sf_flow_packets(const struct sf_flow *flow)
{
	return flow->half[0].packets + flow->half[1].packets;
}

/* IP octets of both directions. */
static inline uint64_t sf_flow_octets(const struct sf_flow *flow)
{
	return flow->half[0].octets + flow->half[1].octets;
}

/* True if the flow has a record of each direction. */
static inline bool sf_flow_two_way(const struct sf_flow *flow)
{
	return flow->directions == (SF_FORWARD | SF_REVERSE);
}

/* True for ICMP over IPv4 and for ICMPv6 over IPv6. */
static inline bool sf_flow_is_icmp(const struct sf_flow *flow)
{
	return flow->protocol == (flow->ip_version == 4 ? 1 : 58);
}

/*
 * ICMP has type << 8 | code in the place of ports, the one of the answer on the other side. Both
 * are 0 where no type is known: of later fragments, and of packets cut before it.
 */
static inline bool sf_flow_has_icmp_type(const struct sf_flow *flow)
{
	/* one value without branches, which compilers recognise when it is asked for again */
	return sf_flow_is_icmp(flow) & ((flow->port[0] | flow->port[1]) != 0);
}

/*
 * Facts that are gathered on request, such as "src_mac", "flow_label" or "mpls": `spanflow list
 * fields` tells which field needs which. A set of facts is a bit for each; sf_meter_options.facts
 * is what a meter gathers. sf_fact_find() returns the set of one, 0 if there is none of this name.
 *
 *	options.facts = sf_fact_find("src_mac");
 *	…
 *	const uint8_t *mac = sf_flow_fact(flow, options.facts, 0, &length);
 *
 * sf_flow_fact() returns the value of direction d, lent for as long as the record, and its bytes in
 * *length: a number in host order of 1, 2, 4 or 8 bytes, or octets in wire order; NULL if the
 * record does not have the fact. Any thread.
 */
uint64_t sf_fact_find(const char *name);
const void *sf_flow_fact(const struct sf_flow *flow, uint64_t fact, unsigned d, size_t *length);

/*
 * Where records go: the exporter itself, or a ring towards it. Takes `count` records (copies them;
 * a meter gives at most SF_BATCH_MAX) and returns how many it took: fewer than `count` only when it
 * is full and must not wait; the meter then counts the rest as lost by name. Called by the meter's
 * thread.
 */
struct sf_flow_sink {
	unsigned (*put)(void *context, const struct sf_flow *flows, unsigned count);
	void *context;
};

SF_END_PUBLIC

#endif
