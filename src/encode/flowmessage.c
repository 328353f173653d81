/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/flowmessage.h"

#include <string.h>

#include "base/annex.h"
#include "encode/template.h"

/* Numbers of the fields in GoFlow2's flow.proto. */
enum field {
	TYPE = 1,
	SAMPLING_RATE = 3,
	SEQUENCE_NUM = 4,
	SRC_ADDR = 6,
	DST_ADDR = 7,
	BYTES = 9,
	PACKETS = 10,
	SAMPLER_ADDRESS = 11,
	NEXT_HOP = 12,
	SRC_AS = 14,
	DST_AS = 15,
	SRC_NET = 16,
	DST_NET = 17,
	IN_IF = 18,
	OUT_IF = 19,
	PROTO = 20,
	SRC_PORT = 21,
	DST_PORT = 22,
	IP_TOS = 23,
	IP_TTL = 25,
	TCP_FLAGS = 26,
	SRC_MAC = 27,
	DST_MAC = 28,
	VLAN_ID = 29,
	ETYPE = 30,
	ICMP_TYPE = 31,
	ICMP_CODE = 32,
	IPV6_FLOW_LABEL = 37,
	OBSERVATION_DOMAIN_ID = 70,
	MPLS_LABEL = 81,
	BGP_NEXT_HOP = 100,
	TIME_RECEIVED_NS = 110,
	TIME_FLOW_START_NS = 111,
	TIME_FLOW_END_NS = 112,
};

#define FLOWTYPE_IPFIX 4

/* Wire types of protocol buffers. */
#define VARINT 0
#define LENGTH 2

static sf_always_inline uint8_t *put_varint(uint8_t *p, uint64_t value)
{
	while (value > 0x7f) {
		*p++ = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	*p++ = (uint8_t)value;
	return p;
}

/* The number of the field is a constant, so this is one store or two. */
static sf_always_inline uint8_t *put_tag(uint8_t *p, enum field field, unsigned type)
{
	unsigned tag = (unsigned)field << 3 | type;

	if (tag < 0x80) {
		*p++ = (uint8_t)tag;
		return p;
	}
	*p++ = (uint8_t)(tag | 0x80);
	*p++ = (uint8_t)(tag >> 7);
	return p;
}

static sf_always_inline uint8_t *put_number(uint8_t *p, enum field field, uint64_t value)
{
	return value ? put_varint(put_tag(p, field, VARINT), value) : p;
}

/* A time of today: a varint of exactly nine bytes, without a loop. */
static sf_always_inline uint8_t *put_time(uint8_t *p, enum field field, uint64_t ns)
{
	if (ns >> 56 == 0 || ns >> 63)
		return put_number(p, field, ns);
	p = put_tag(p, field, VARINT);
	for (unsigned i = 0; i < 8; i++)
		p[i] = (uint8_t)(ns >> (7 * i) | 0x80);
	p[8] = (uint8_t)(ns >> 56);
	return p + 9;
}

static sf_always_inline uint8_t *put_bytes(
	uint8_t *p, enum field field, const uint8_t *bytes, unsigned length)
{
	p = put_tag(p, field, LENGTH);
	*p++ = (uint8_t)length;
	memcpy(p, bytes, length);
	return p + length;
}

static uint8_t *put_mac(
	const struct sf_flowmessage *message, uint8_t *p, enum field field, const uint8_t *address)
{
	uint64_t number = 0;
	uint8_t mac[6];

	memcpy(mac, address, sizeof(mac));
	if (message->anonymizer)
		sf_anonymize_mac(message->anonymizer, mac);
	for (unsigned i = 0; i < 6; i++)
		number = number << 8 | mac[i];
	return put_number(p, field, number);
}

static sf_always_inline uint8_t *put_address(const struct sf_flowmessage *message, uint8_t *p,
	enum field field, const uint8_t *address, unsigned length)
{
	p = put_bytes(p, field, address, length);
	if (sf_unlikely(message->anonymizer != NULL))
		sf_anonymize_address(message->anonymizer, p - length, length);
	return p;
}

static uint8_t *put_addresses(
	const struct sf_flowmessage *message, uint8_t *p, const struct sf_flow *flow, unsigned d)
{
	if (flow->ip_version == 4) {
		p = put_address(message, p, SRC_ADDR, flow->addr[d], 4);
		p = put_address(message, p, DST_ADDR, flow->addr[!d], 4);
		return put_number(p, ETYPE, 0x0800);
	}
	p = put_address(message, p, SRC_ADDR, flow->addr[d], 16);
	p = put_address(message, p, DST_ADDR, flow->addr[!d], 16);
	return put_number(p, ETYPE, 0x86dd);
}

static uint8_t *put_transport(uint8_t *p, const struct sf_flow *flow, unsigned d)
{
	if (sf_flow_is_icmp(flow)) {
		p = put_number(p, ICMP_TYPE, flow->port[d] >> 8);
		return put_number(p, ICMP_CODE, flow->port[d] & 0xff);
	}
	p = put_number(p, SRC_PORT, flow->port[d]);
	p = put_number(p, DST_PORT, flow->port[!d]);
	return put_number(p, TCP_FLAGS, flow->half[d].tcp_flags);
}

/* What the meter gathers on request. */
static uint8_t *put_facts(
	const struct sf_flowmessage *message, uint8_t *p, const struct sf_flow *flow, unsigned d)
{
	if (flow->has & SF_HAS_MAC) {
		p = put_mac(message, p, SRC_MAC, sf_fact_get_src_mac(flow, d));
		p = put_mac(message, p, DST_MAC, sf_fact_get_dst_mac(flow, d));
	}
	if (flow->has & SF_HAS_FLOW_LABEL)
		p = put_number(p, IPV6_FLOW_LABEL, sf_fact_get_flow_label(flow, d));
	if (flow->has & SF_HAS_MPLS) {
		/*
		 * a repeated number, packed; the label alone, without
		 * traffic class and bottom of stack
		 */
		uint8_t label[8], *end = put_varint(label, sf_fact_get_mpls(flow, d) >> 4);

		p = put_bytes(p, MPLS_LABEL, label, (unsigned)(end - label));
	}
	return p;
}

static bool is_known(const uint8_t *address)
{
	static const uint8_t zeros[16];

	return address && memcmp(address, zeros, 16) != 0;
}

/* What the enricher gave. */
static uint8_t *put_extra(const struct sf_flowmessage *message, uint8_t *p,
	const struct sf_flow *flow, unsigned d, const struct sf_extra *extra)
{
	const struct sf_extra_side *from = &extra->side[d], *to = &extra->side[!d];
	unsigned length = flow->ip_version == 4 ? 4 : 16;

	p = put_number(p, SRC_AS, from->as);
	p = put_number(p, DST_AS, to->as);
	p = put_number(p, SRC_NET, from->prefix_length);
	p = put_number(p, DST_NET, to->prefix_length);
	if (is_known(to->next_hop))
		p = put_address(message, p, NEXT_HOP, to->next_hop, length);
	if (is_known(to->bgp_next_hop))
		p = put_address(message, p, BGP_NEXT_HOP, to->bgp_next_hop, length);
	return p;
}

static uint8_t *put_half(uint8_t *p, const struct sf_flow *flow, unsigned d)
{
	const struct sf_flow_half *half = &flow->half[d];

	p = put_number(p, BYTES, half->octets);
	p = put_number(p, PACKETS, half->packets);
	p = put_number(p, PROTO, flow->protocol);
	p = put_number(p, IP_TOS, half->tos);
	p = put_number(p, IP_TTL, half->ttl_min);
	p = put_number(p, VLAN_ID, flow->vlan);
	p = put_number(p, OBSERVATION_DOMAIN_ID, flow->domain);
	p = put_time(p, TIME_FLOW_START_NS, (uint64_t)half->start_ns);
	return put_time(p, TIME_FLOW_END_NS, (uint64_t)half->end_ns);
}

uint8_t *sf_flowmessage_write(const struct sf_flowmessage *message, uint8_t *p,
	const struct sf_flow *flow, unsigned d, const struct sf_extra *extra)
{
	uint8_t *body = p + 1, *end; /* most messages have less than 128 bytes */
	size_t length;

	end = put_number(body, TYPE, FLOWTYPE_IPFIX);
	end = put_number(end, SAMPLING_RATE, message->sampling_rate);
	end = put_number(end, SEQUENCE_NUM, message->sequence);
	end = put_addresses(message, end, flow, d);
	if (message->sampler_length)
		end = put_bytes(end, SAMPLER_ADDRESS, message->sampler, message->sampler_length);
	end = put_half(end, flow, d);
	end = put_transport(end, flow, d);
	end = put_number(
		end, IN_IF, message->has_way ? extra->way[d].ingress : flow->half[d].ingress);
	end = put_number(
		end, OUT_IF, message->has_way ? extra->way[d].egress : flow->half[d].ingress);
	if (flow->has)
		end = put_facts(message, end, flow, d);
	if (flow->folded) {
		end = put_number(end, SRC_NET, flow->prefix_length[d]);
		end = put_number(end, DST_NET, flow->prefix_length[!d]);
	} else if (extra != &sf_extra_none) {
		end = put_extra(message, end, flow, d, extra);
	}
	end = put_time(end, TIME_RECEIVED_NS, message->received_ns);
	length = (size_t)(end - body);
	if (length < 0x80) {
		*p = (uint8_t)length;
		return end;
	}
	memmove(body + 1, body, length);
	p[0] = (uint8_t)(length | 0x80);
	p[1] = (uint8_t)(length >> 7);
	return end + 1;
}

uint64_t sf_flowmessage_facts(void)
{
	return SF_FACT_SET(src_mac) | SF_FACT_SET(dst_mac) | SF_FACT_SET(flow_label) |
	       SF_FACT_SET(mpls);
}
