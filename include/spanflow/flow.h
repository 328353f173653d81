/* SPDX-License-Identifier: BSD-2-Clause */
/* The flow record: what the metering process hands to the exporting process. */
#ifndef SPANFLOW_FLOW_H
#define SPANFLOW_FLOW_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

/* flowEndReason, IANA element 136 */
enum sf_end_reason {
	SF_END_IDLE = 1,
	SF_END_ACTIVE = 2,
	SF_END_DETECTED = 3,
	SF_END_FORCED = 4,
	SF_END_RESOURCES = 5,
};

/* `has` of a flow: which optional facts were gathered (the meter gathers them on request) */
#define SF_HAS_MAC        0x01
#define SF_HAS_MPLS       0x02
#define SF_HAS_VLAN       0x04 /* vlan is the outer tag's VLAN id */
#define SF_HAS_CVLAN      0x08 /* cvlan is the inner tag's */
#define SF_HAS_FLOW_LABEL 0x10
#define SF_HAS_FRAGMENTS  0x20 /* some packet was an IP fragment */

/*
 * One direction of a flow: the packets sent by addr[d] (see struct sf_flow). Values that may
 * change from packet to packet are those of the first packet of the direction (RFC 7012 §5)
 * except where the name says otherwise; tcp_flags is the OR of all. A flow that was collected from
 * elsewhere may come without counts: half[0] then has all the rest.
 */
struct sf_flow_half {
	uint64_t packets; /* 0: nothing was seen in this direction, nothing else is meaningful */
	uint64_t octets;  /* IP octets: header and payload, never link layer or padding */
	int64_t start_ns; /* first and last packet, ns since 1970 UTC; start_ns <= end_ns */
	int64_t end_ns;
	uint32_t ingress;    /* ingressInterface */
	uint32_t mpls;       /* top label stack entry >> 8: label, TC, S (SF_HAS_MPLS) */
	uint32_t flow_label; /* IPv6 */
	uint16_t tcp_flags;  /* 12 bits: RFC 9565 */
	uint8_t tos;         /* IPv4 TOS or IPv6 traffic class */
	uint8_t ttl_min;
	uint8_t ttl_max;
	uint8_t src_mac[6];
	uint8_t dst_mac[6];
	uint8_t reserved[3];
};

/*
 * A biflow (RFC 5103) with its initiator first: half[0] was sent by addr[0]:port[0], half[1] is
 * the answer. A flow seen in one direction only has half[1].packets == 0. In uniflow terms,
 * direction d goes from addr[d]:port[d] to addr[!d]:port[!d] and has the counters of half[d].
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
	uint8_t end_reason;  /* enum sf_end_reason */
	uint8_t has;         /* SF_HAS_… */
	uint8_t reserved[8];
};

static_assert(sizeof(struct sf_flow_half) == 64, "half a record is one cache line");
static_assert(sizeof(struct sf_flow) == 192, "a record is three cache lines");

static inline uint64_t sf_flow_packets(const struct sf_flow *flow)
{
	return flow->half[0].packets + flow->half[1].packets;
}

static inline uint64_t sf_flow_octets(const struct sf_flow *flow)
{
	return flow->half[0].octets + flow->half[1].octets;
}

static inline bool sf_flow_is_icmp(const struct sf_flow *flow)
{
	return flow->protocol == (flow->ip_version == 4 ? 1 : 58);
}

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

#endif
