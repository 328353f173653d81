/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sf_parse(): a straight path for what nearly all frames are (Ethernet, up to two tags, IPv4
 * without options or IPv6 without extension headers, TCP or UDP), and the walk of walk.h for
 * everything else. The fast path never decides that a frame is bad: whatever it does not know it
 * leaves to the walk, which starts over.
 *
 * The price: the common layers are known in two places. tests/unit/test_parse_walk.c holds that
 * both give the same facts for every packet of every capture.
 */
#include "parse/parse.h"

#include "parse/walk.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

enum {
	ETHERNET_HEADER = 14,
	FAST_IPV4 = 20 + 14, /* bytes that the fast path reads from the IP header on … */
	FAST_IPV6 = 40 + 14, /* … up to the TCP flags, whatever the protocol is */
	FAST_TAGS = 2,
};

static inline void facts_put_packet(
	struct sf_facts *facts, const struct sf_packet *packet, uint32_t octets, uint16_t tcp_flags)
{
	facts->time_ns = packet->time_ns;
	facts->octets = octets;
	facts->tcp_flags = tcp_flags;
	facts->interface = packet->interface;
	facts->mpls = 0;
}

static inline bool protocol_is_fast(uint8_t protocol)
{
	return protocol <= PROTOCOL_UDP &&
	       (UINT32_C(1) << PROTOCOL_TCP | UINT32_C(1) << PROTOCOL_UDP) >> protocol & 1;
}

/*
 * TCP and UDP alternate in real traffic in a way no branch predictor learns, so what differs
 * between them is computed: the header length needed, and the flags behind a mask.
 */
static inline bool fast_ipv4(const struct sf_packet *packet, struct sf_facts *facts,
	const uint8_t *ip, uint32_t tags, uint16_t flags)
{
	uint32_t first = sf_load_be32(ip), ports = sf_load_be32(ip + 20);
	uint32_t octets = first & UINT16_MAX;
	struct ip_protocol protocol = { ip[9] };
	uint32_t tcp = protocol.value == PROTOCOL_TCP;
	unsigned swapped;

	if (unlikely(first >> 24 != 0x45 || !protocol_is_fast(protocol.value) ||
		     octets < 20 + 4 + 10 * tcp || sf_load_be16(ip + 6) & 0x3fff))
		return false;
	swapped = facts_put_ipv4(facts, ip + 12, ports);
	flags |= SF_FACT_MAC | (uint16_t)(SF_FACT_TCP * tcp);
	facts_put_words(
		facts, ports, tags, swapped, protocol, 4, flags, (uint8_t)(first >> 16), ip[8]);
	facts_put_packet(facts, packet, octets, sf_load_be16(ip + 32) & (0x0fff * tcp));
	facts->flow_label = 0;
	return true;
}

static inline bool fast_ipv6(const struct sf_packet *packet, struct sf_facts *facts,
	const uint8_t *ip, uint32_t tags, uint16_t flags)
{
	uint32_t first = sf_load_be32(ip), ports = sf_load_be32(ip + 40);
	uint32_t payload = sf_load_be16(ip + 4);
	struct ip_protocol protocol = { ip[6] };
	uint32_t tcp = protocol.value == PROTOCOL_TCP;
	unsigned swapped;

	if (unlikely(first >> 28 != 6 || !protocol_is_fast(protocol.value) ||
		     payload < 4 + 10 * tcp))
		return false;
	swapped = facts_put_ipv6(facts, ip + 8, ports);
	flags |= SF_FACT_MAC | (uint16_t)(SF_FACT_TCP * tcp);
	facts_put_words(
		facts, ports, tags, swapped, protocol, 6, flags, (uint8_t)(first >> 20), ip[7]);
	facts_put_packet(facts, packet, 40 + payload, sf_load_be16(ip + 52) & (0x0fff * tcp));
	facts->flow_label = first & 0xfffff;
	return true;
}

static inline bool parse_fast(const struct sf_packet *packet, struct sf_facts *facts)
{
	const uint8_t *data = packet->data, *ip = data + ETHERNET_HEADER;
	uint32_t left = packet->captured - ETHERNET_HEADER, tags = 0;
	struct ethertype type;
	uint16_t flags = 0;

	if (unlikely(packet->link != SF_LINK_ETHERNET ||
		     packet->captured < ETHERNET_HEADER + FAST_IPV4))
		return false;
	if (packet->flags & SF_PACKET_VLAN)
		tags_add(&tags, &flags, packet->vlan_tci);
	type.value = sf_load_be16(data + 12);
	/* the tags lie within the bytes that were checked for IPv4 */
	for (unsigned n = 0;
		n < FAST_TAGS && type.value != ETHERTYPE_IPV4 && ethertype_is_tag(type); n++) {
		tags_add(&tags, &flags, sf_load_be16(ip));
		type.value = sf_load_be16(ip + 2);
		ip += 4;
		left -= 4;
	}
	if (likely(type.value == ETHERTYPE_IPV4)) {
		if (left < FAST_IPV4 || !fast_ipv4(packet, facts, ip, tags, flags))
			return false;
	} else if (type.value == ETHERTYPE_IPV6) {
		if (left < FAST_IPV6 || !fast_ipv6(packet, facts, ip, tags, flags))
			return false;
	} else {
		return false;
	}
	memcpy(facts->src_mac, data + 6, 6);
	memcpy(facts->dst_mac, data, 6);
	facts->l3_offset = (uint16_t)(ip - data);
	return true;
}

int sf_parse(const struct sf_packet *packet, struct sf_facts *facts)
{
	if (likely(parse_fast(packet, facts)))
		return SF_PARSED;
	return sf_parse_walk(packet, facts);
}
