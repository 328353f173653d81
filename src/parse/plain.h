/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The straight way through the parser, for what nearly all frames are: Ethernet, up to two tags,
 * IPv4 without options or IPv6 without extension headers, TCP or UDP. Inline, to become a part of
 * the caller's loop. It never decides that a frame is bad: whatever it does not know it leaves to
 * sf_parse(), which starts over.
 *
 * The price: the common layers are known in two places. tests/unit/test_parse_walk.c holds that
 * both give the same facts for every packet of every capture.
 */
#ifndef SPANFLOW_PARSE_PLAIN_H
#define SPANFLOW_PARSE_PLAIN_H

#include "base/branch.h"
#include "parse/parse.h"
#include "parse/walk.h"

enum {
	PLAIN_ETHERNET = 14,
	PLAIN_TRANSPORT = 14, /* octets of the TCP header up to its flags */
	PLAIN_IPV4 = 20 + PLAIN_TRANSPORT,
	PLAIN_IPV6 = 40 + PLAIN_TRANSPORT,
};

/* What is known of a packet before its IP header, and of where it was captured. */
struct plain_frame {
	unsigned offset; /* of the IP header */
	unsigned flags;  /* SF_FACT_… */
	uint32_t tags;
	uint16_t scope, interface;
	bool rare; /* somebody asks for what is rarely asked for */
};

/*
 * TCP and UDP alternate in real traffic in a way no branch predictor learns, so nothing here
 * branches on which of them it is: both need room for TCP's flags, which a mask then removes.
 */
static sf_always_inline bool plain_protocol(struct ip_protocol protocol)
{
	const uint32_t plain = UINT32_C(1) << PROTOCOL_TCP | UINT32_C(1) << PROTOCOL_UDP;

	return protocol.value < 32 && plain >> protocol.value & 1;
}

/* What is the same for both versions; `transport` is the transport header. */
static sf_always_inline void plain_finish(struct sf_facts *facts, const struct sf_packet *packet,
	const struct plain_frame *frame, uint32_t octets, const uint8_t *transport, unsigned tcp,
	uint64_t flow_label)
{
	const uint8_t *data = packet->data;
	uint8_t *base = (uint8_t *)facts;
	uint64_t tcp_flags = sf_load_be16(transport + 12) & 0x0fff & -tcp, word;

	word = SF_FACTS_WORD(octets, octets, octets) | SF_FACTS_WORD(tcp_flags, octets, tcp_flags) |
	       SF_FACTS_WORD(frame->interface, octets, interface);
	memcpy(base + offsetof(struct sf_facts, octets), &word, sizeof(word));
	facts->time_ns = packet->time_ns;
	if (sf_likely(!frame->rare))
		return;
	word = SF_FACTS_WORD(flow_label, mpls, flow_label);
	memcpy(base + offsetof(struct sf_facts, mpls), &word, sizeof(word));
	/* eight octets where six are meant: what is too much is overwritten by the next */
	memcpy(base + offsetof(struct sf_facts, src_mac), data + 6, 8);
	memcpy(base + offsetof(struct sf_facts, dst_mac), data, 8);
	facts->l3_offset = (uint16_t)frame->offset;
}

static sf_always_inline bool plain_ipv4(
	const struct sf_packet *packet, struct sf_facts *facts, const struct plain_frame *frame)
{
	const uint8_t *ip = packet->data + frame->offset;
	uint32_t octets = sf_load_be16(ip + 2), ports = sf_load_be32(ip + 20);
	uint16_t fragment = sf_load_be16(ip + 6) & 0x3fff;
	struct ip_protocol protocol = { ip[9] };
	unsigned tcp = protocol.value == PROTOCOL_TCP, swapped;

	if (sf_unlikely(
		    ip[0] != 0x45 || fragment || octets < PLAIN_IPV4 || !plain_protocol(protocol)))
		return false;
	swapped = facts_put_ipv4(facts, ip + 12, ports);
	facts_put_words(facts, ports, frame->tags, swapped, frame->scope, protocol, 4,
		frame->flags | SF_FACT_TCP * tcp, ip[1], ip[8]);
	plain_finish(facts, packet, frame, octets, ip + 20, tcp, 0);
	return true;
}

static sf_always_inline bool plain_ipv6(
	const struct sf_packet *packet, struct sf_facts *facts, const struct plain_frame *frame)
{
	const uint8_t *ip = packet->data + frame->offset;
	uint32_t first = sf_load_be32(ip), payload = sf_load_be16(ip + 4);
	uint32_t ports = sf_load_be32(ip + 40);
	struct ip_protocol protocol = { ip[6] };
	unsigned tcp = protocol.value == PROTOCOL_TCP, swapped;

	if (sf_unlikely(first >> 28 != 6 || payload < PLAIN_TRANSPORT || !plain_protocol(protocol)))
		return false;
	swapped = facts_put_ipv6(facts, ip + 8, ports);
	facts_put_words(facts, ports, frame->tags, swapped, frame->scope, protocol, 6,
		frame->flags | SF_FACT_TCP * tcp, (uint8_t)(first >> 20), ip[7]);
	plain_finish(facts, packet, frame, 40 + payload, ip + 40, tcp, first & 0xfffff);
	return true;
}

static sf_always_inline bool plain_ip(const struct sf_packet *packet, struct sf_facts *facts,
	const struct plain_frame *frame, struct ethertype type)
{
	if (sf_likely(type.value == ETHERTYPE_IPV4))
		return sf_likely(packet->captured >= frame->offset + PLAIN_IPV4) &&
		       sf_likely(plain_ipv4(packet, facts, frame));
	return type.value == ETHERTYPE_IPV6 && packet->captured >= frame->offset + PLAIN_IPV6 &&
	       plain_ipv6(packet, facts, frame);
}

/*
 * As sf_parse(), with scope and interface base put in, and the facts from `mpls` on only with `rare`.
 * False: not a plain packet, or one with tags; the facts are undefined.
 */
static sf_always_inline bool sf_parse_plain(const struct sf_packet *packet, struct sf_facts *facts,
	uint16_t scope, uint16_t interface_base, bool rare)
{
	struct plain_frame frame = { .offset = PLAIN_ETHERNET,
		.flags = SF_FACT_MAC,
		.scope = scope,
		.interface = (uint16_t)(packet->interface + interface_base),
		.rare = rare };
	struct ethertype type;

	if (sf_unlikely(packet->link != SF_LINK_ETHERNET || packet->flags & SF_PACKET_VLAN ||
			packet->captured < PLAIN_ETHERNET))
		return false;
	type.value = sf_load_be16(packet->data + 12);
	return plain_ip(packet, facts, &frame, type);
}

#endif
