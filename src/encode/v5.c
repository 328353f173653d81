/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The NetFlow v5 record: the one fixed layout, as a structure whose offsets are pinned to Cisco's
 * table. All members are in network order.
 */
#include <assert.h>
#include <string.h>

#include "base/wire.h"
#include "encode/message.h"

struct v5_record {
	uint8_t srcaddr[4];
	uint8_t dstaddr[4];
	uint8_t nexthop[4];
	uint8_t input[2];
	uint8_t output[2];
	uint8_t packets[4];
	uint8_t octets[4];
	uint8_t first[4];
	uint8_t last[4];
	uint8_t srcport[2];
	uint8_t dstport[2];
	uint8_t pad1;
	uint8_t tcp_flags;
	uint8_t protocol;
	uint8_t tos;
	uint8_t src_as[2];
	uint8_t dst_as[2];
	uint8_t src_mask;
	uint8_t dst_mask;
	uint8_t pad2[2];
};

static_assert(sizeof(struct v5_record) == SF_V5_RECORD_LENGTH, "NetFlow v5 record");
static_assert(offsetof(struct v5_record, input) == 12, "NetFlow v5 record");
static_assert(offsetof(struct v5_record, packets) == 16, "NetFlow v5 record");
static_assert(offsetof(struct v5_record, first) == 24, "NetFlow v5 record");
static_assert(offsetof(struct v5_record, srcport) == 32, "NetFlow v5 record");
static_assert(offsetof(struct v5_record, tcp_flags) == 37, "NetFlow v5 record");
static_assert(offsetof(struct v5_record, src_as) == 40, "NetFlow v5 record");
static_assert(offsetof(struct v5_record, src_mask) == 44, "NetFlow v5 record");

/* An ifIndex beyond 16 bits cannot be told: 0, unknown. */
static uint16_t short_interface(uint32_t interface)
{
	return interface <= UINT16_MAX ? (uint16_t)interface : 0;
}

/* RFC 6793 §4.2.2: AS_TRANS stands for a number that does not fit into 16 bits. */
static uint16_t short_as(uint32_t as)
{
	return as <= UINT16_MAX ? (uint16_t)as : 23456;
}

/*
 * The member nexthop: routers export the IP or the BGP next hop in it. Here the IP next hop is
 * preferred.
 */
static const uint8_t *next_hop(const struct sf_extra_side *side)
{
	static const uint8_t none[4];

	return memcmp(side->next_hop, none, sizeof(none)) ? side->next_hop : side->bgp_next_hop;
}

uint8_t *sf_v5_encode(uint8_t *p, const struct sf_flow *flow, unsigned d, uint32_t packets,
	uint32_t octets, const struct sf_encode_context *context)
{
	const struct sf_flow_half *half = &flow->half[d];
	bool icmp = sf_flow_has_icmp_type(flow);
	bool mapped = context->extra && context->extra->gives & SF_EXTRA_INTERFACES;
	const struct sf_extra *extra = sf_extra_of(flow, context);
	const struct sf_extra_side *from = &extra->side[d], *to = &extra->side[!d];
	struct v5_record record = { .protocol = flow->protocol, .tos = half->tos };

	memcpy(record.srcaddr, flow->addr[d], sizeof(record.srcaddr));
	memcpy(record.dstaddr, flow->addr[!d], sizeof(record.dstaddr));
	memcpy(record.nexthop, next_hop(to), sizeof(record.nexthop));
	sf_store_be16(
		record.input, short_interface(mapped ? extra->way[d].ingress : half->ingress));
	sf_store_be16(
		record.output, short_interface(mapped ? extra->way[d].egress : half->ingress));
	sf_store_be32(record.packets, packets);
	sf_store_be32(record.octets, octets);
	sf_store_be32(record.first, (uint32_t)(half->start_ns / 1000000 - context->boot_ms));
	sf_store_be32(record.last, (uint32_t)(half->end_ns / 1000000 - context->boot_ms));
	/* ICMP: type << 8 | code in the destination port is what collectors read */
	sf_store_be16(record.srcport, icmp ? 0 : flow->port[d]);
	sf_store_be16(record.dstport, flow->port[icmp ? d : !d]);
	record.tcp_flags = (uint8_t)half->tcp_flags;
	sf_store_be16(record.src_as, short_as(from->as));
	sf_store_be16(record.dst_as, short_as(to->as));
	record.src_mask = flow->folded ? flow->prefix_length[d] : from->prefix_length;
	record.dst_mask = flow->folded ? flow->prefix_length[!d] : to->prefix_length;
	return sf_store_bytes(p, &record, sizeof(record));
}
