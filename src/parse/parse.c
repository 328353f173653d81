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

#define likely(x)     __builtin_expect(!!(x), 1)
#define unlikely(x)   __builtin_expect(!!(x), 0)
#define always_inline inline __attribute__((always_inline))

enum {
	ETHERNET_HEADER = 14,
	TRANSPORT = 14, /* octets of the TCP header up to its flags */
	FAST_IPV4 = 20 + TRANSPORT,
	FAST_IPV6 = 40 + TRANSPORT,
	FAST_TAGS = 2,
};

/*
 * TCP and UDP alternate in real traffic in a way no branch predictor learns, so nothing here
 * branches on which of them it is: both need room for TCP's flags, which a mask then removes.
 */
static always_inline bool protocol_is_fast(struct ip_protocol protocol)
{
	const uint32_t fast = UINT32_C(1) << PROTOCOL_TCP | UINT32_C(1) << PROTOCOL_UDP;

	return protocol.value < 32 && fast >> protocol.value & 1;
}

/* What is the same for both versions; `transport` is the transport header. */
static always_inline void fast_finish(struct sf_facts *facts, const struct sf_packet *packet,
	uint32_t octets, const uint8_t *transport, unsigned tcp, uint64_t flow_label)
{
	const uint8_t *data = packet->data;
	uint8_t *base = (uint8_t *)facts;
	uint64_t word;

	word = WORD_PART((uint64_t)octets, octets, octets) |
	       WORD_PART((uint64_t)(sf_load_be16(transport + 12) & 0x0fff & -tcp), octets,
		       tcp_flags) |
	       WORD_PART((uint64_t)packet->interface, octets, interface);
	memcpy(base + offsetof(struct sf_facts, octets), &word, sizeof(word));
	word = WORD_PART(flow_label, mpls, flow_label);
	memcpy(base + offsetof(struct sf_facts, mpls), &word, sizeof(word));
	facts->time_ns = packet->time_ns;
	/* eight octets where six are meant: what is too much is overwritten by the next */
	memcpy(base + offsetof(struct sf_facts, src_mac), data + 6, 8);
	memcpy(base + offsetof(struct sf_facts, dst_mac), data, 8);
}

static always_inline bool fast_ipv4(const struct sf_packet *packet, struct sf_facts *facts,
	const uint8_t *ip, uint32_t tags, unsigned flags)
{
	uint64_t first = sf_load_be64(ip); /* version … fragment offset */
	uint32_t ports = sf_load_be32(ip + 20), octets = first >> 32 & UINT16_MAX;
	struct ip_protocol protocol = { ip[9] };
	unsigned tcp = protocol.value == PROTOCOL_TCP, swapped;

	if (unlikely(first >> 56 != 0x45 || first & 0x3fff || octets < FAST_IPV4 ||
		     !protocol_is_fast(protocol)))
		return false;
	swapped = facts_put_ipv4(facts, ip + 12, ports);
	facts_put_words(facts, ports, tags, swapped, protocol, 4, flags | SF_FACT_TCP * tcp,
		(uint8_t)(first >> 48), ip[8]);
	fast_finish(facts, packet, octets, ip + 20, tcp, 0);
	return true;
}

static always_inline bool fast_ipv6(const struct sf_packet *packet, struct sf_facts *facts,
	const uint8_t *ip, uint32_t tags, unsigned flags)
{
	uint64_t first = sf_load_be64(ip); /* version … hop limit */
	uint32_t ports = sf_load_be32(ip + 40), payload = first >> 16 & UINT16_MAX;
	struct ip_protocol protocol = { (uint8_t)(first >> 8) };
	unsigned tcp = protocol.value == PROTOCOL_TCP, swapped;

	if (unlikely(first >> 60 != 6 || payload < TRANSPORT || !protocol_is_fast(protocol)))
		return false;
	swapped = facts_put_ipv6(facts, ip + 8, ports);
	facts_put_words(facts, ports, tags, swapped, protocol, 6, flags | SF_FACT_TCP * tcp,
		(uint8_t)(first >> 52), (uint8_t)first);
	fast_finish(facts, packet, 40 + payload, ip + 40, tcp, first >> 32 & 0xfffff);
	return true;
}

static always_inline bool fast_ip(const struct sf_packet *packet, struct sf_facts *facts,
	unsigned offset, struct ethertype type, uint32_t tags, unsigned flags)
{
	const uint8_t *ip = packet->data + offset;

	if (likely(type.value == ETHERTYPE_IPV4)) {
		if (packet->captured < offset + FAST_IPV4 ||
			!fast_ipv4(packet, facts, ip, tags, flags))
			return false;
	} else if (type.value == ETHERTYPE_IPV6) {
		if (packet->captured < offset + FAST_IPV6 ||
			!fast_ipv6(packet, facts, ip, tags, flags))
			return false;
	} else {
		return false;
	}
	facts->l3_offset = (uint16_t)offset;
	return true;
}

/* Most frames need no more than this to see that they have no (further) tag. */
static always_inline bool is_tag(struct ethertype type)
{
	return type.value != ETHERTYPE_IPV4 && ethertype_is_tag(type);
}

/* Up to two tags: they lie within the octets that were checked for IPv4 behind Ethernet. */
static __attribute__((noinline)) int parse_tagged(
	const struct sf_packet *packet, struct sf_facts *facts, struct ethertype type)
{
	const uint8_t *p = packet->data + ETHERNET_HEADER;
	uint16_t flags = SF_FACT_MAC;
	uint32_t tags = 0;

	if (packet->flags & SF_PACKET_VLAN)
		tags_add(&tags, &flags, packet->vlan_tci);
	for (unsigned n = 0; n < FAST_TAGS && is_tag(type); n++) {
		tags_add(&tags, &flags, sf_load_be16(p));
		type.value = sf_load_be16(p + 2);
		p += 4;
	}
	if (fast_ip(packet, facts, (unsigned)(p - packet->data), type, tags, flags))
		return SF_PARSED;
	return sf_parse_walk(packet, facts);
}

int sf_parse(const struct sf_packet *packet, struct sf_facts *facts)
{
	struct ethertype type;

	if (unlikely(packet->link != SF_LINK_ETHERNET ||
		     packet->captured < ETHERNET_HEADER + FAST_IPV4))
		return sf_parse_walk(packet, facts);
	type.value = sf_load_be16(packet->data + 12);
	if (unlikely(packet->flags & SF_PACKET_VLAN || is_tag(type)))
		return parse_tagged(packet, facts, type);
	if (likely(fast_ip(packet, facts, ETHERNET_HEADER, type, 0, SF_FACT_MAC)))
		return SF_PARSED;
	return sf_parse_walk(packet, facts);
}
