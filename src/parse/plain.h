/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fast path of the parser, for nearly all frames: Ethernet, up to two tags, IPv4 without
 * options or IPv6 without extension headers, TCP or UDP. Inline, so that it becomes a part of the
 * caller's loop. It rejects no frame: sf_parse() parses every frame that this path does not know.
 *
 * The price: the common layers are parsed in three places, here, in run.c and in the walk.
 * tests/support/parse_contract.h checks that all give the same facts for every packet of every
 * capture.
 */
#ifndef SPANFLOW_PARSE_PLAIN_H
#define SPANFLOW_PARSE_PLAIN_H

#include "base/branch.h"
#include "parse/parse.h"
#include "parse/walk.h"

enum {
	PLAIN_ETHERNET = 14,
	PLAIN_TRANSPORT = 14, /* bytes of the TCP header up to its flags */
	PLAIN_IPV4 = 20 + PLAIN_TRANSPORT,
	PLAIN_IPV6 = 40 + PLAIN_TRANSPORT,
};

/* What is known of a packet before its IP header, and of where it was captured. */
struct plain_frame {
	unsigned offset; /* of the IP header */
	uint32_t tags;
	uint64_t scope;     /* word of the facts that begins with `scope`: scope and flags */
	uint64_t interface; /* word of the facts that begins with `octets`: the interface */
	uint64_t tci;       /* word of the facts that begins with `tci`: that of the tags */
	bool optional;      /* store the optional facts too: MACs, flow label, l3_offset */
};

static sf_always_inline struct plain_frame plain_frame(uint64_t scope, uint64_t interface)
{
	return (struct plain_frame){
		.offset = PLAIN_ETHERNET,
		.scope = SF_FACTS_WORD(scope, scope, scope) |
			 SF_FACTS_WORD((uint64_t)SF_FACT_MAC, scope, flags),
		.interface = SF_FACTS_WORD(interface & UINT16_MAX, octets, interface),
	};
}

/*
 * TCP or UDP. Which of the two comes next is unpredictable in real traffic, so the fast path does
 * not branch on it: the TCP flags are read from both, and a mask removes them for UDP.
 */
static sf_always_inline bool plain_protocol(uint32_t protocol)
{
	const uint32_t plain = UINT32_C(1) << PROTOCOL_TCP | UINT32_C(1) << PROTOCOL_UDP;

	return protocol < 32 && plain >> protocol & 1;
}

/* The members of an IP header except the addresses, and the transport header. */
struct plain_packet {
	uint8_t version;
	uint64_t protocol;
	uint32_t octets, ports, flow_label;
	uint64_t service; /* word of the facts that begins with `octets`: TOS and TTL */
	uint64_t swapped; /* all bits: the sender is endpoint 1; 0: endpoint 0 */
	const uint8_t *transport;
};

/* Stores all facts except the addresses, as words. */
static sf_always_inline void plain_finish(struct sf_facts *facts, const struct sf_packet *packet,
	const struct plain_frame *frame, struct plain_packet ip)
{
	const uint64_t of_tcp = SF_FACTS_WORD(UINT64_C(0x0fff), scope, tcp_flags) |
				SF_FACTS_WORD((uint64_t)SF_FACT_TCP, scope, flags);
	const uint8_t *data = packet->data;
	uint8_t *base = (uint8_t *)facts;
	/* all bits for TCP (6), none for UDP (17): the lowest bit of the number decides */
	uint64_t tcp = (ip.protocol & 1) - 1, word;
	/* a rotation, written so that compilers recognise it */
	unsigned turn = ip.swapped & 16;
	uint32_t ports = ip.ports << turn | ip.ports >> (-turn & 31);

	word = SF_FACTS_WORD(ports, ports, ports) | SF_FACTS_WORD(frame->tags, ports, tags);
	memcpy(base + offsetof(struct sf_facts, ports), &word, sizeof(word));
	word = SF_FACTS_WORD(sf_load_be16(ip.transport + 12), scope, tcp_flags) |
	       SF_FACTS_WORD((uint64_t)SF_FACT_TCP, scope, flags);
	word = (word & of_tcp & tcp) |
	       (SF_FACTS_WORD((uint64_t)SF_FACT_SWAPPED, scope, flags) & ip.swapped) |
	       SF_FACTS_WORD(ip.protocol, scope, protocol) |
	       (frame->scope | SF_FACTS_WORD(ip.version, scope, version));
	memcpy(base + offsetof(struct sf_facts, scope), &word, sizeof(word));
	word = SF_FACTS_WORD(ip.octets, octets, octets) | ip.service | frame->interface;
	memcpy(base + offsetof(struct sf_facts, octets), &word, sizeof(word));
	facts->time_ns = facts->clock_ns = packet->time_ns;
	if (sf_likely(!frame->optional))
		return;
	word = SF_FACTS_WORD((uint64_t)ip.flow_label, mpls, flow_label);
	memcpy(base + offsetof(struct sf_facts, mpls), &word, sizeof(word));
	/* eight bytes for an address of six: the next store overwrites the last two */
	memcpy(base + offsetof(struct sf_facts, src_mac), data + 6, 8);
	memcpy(base + offsetof(struct sf_facts, dst_mac), data, 8);
	word = frame->tci |
	       SF_FACTS_WORD((uint64_t)(ip.version == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6), tci,
		       frame_type);
	memcpy(base + offsetof(struct sf_facts, tci), &word, sizeof(word));
	facts->l3_offset = (uint16_t)frame->offset;
	facts->mirror = (struct sf_mirror_facts){ 0 };
}

/* `head`: the eight bytes that begin with the Ethernet type. */
static sf_always_inline bool plain_ipv4(const struct sf_packet *packet, struct sf_facts *facts,
	const struct plain_frame *frame, uint64_t head)
{
	const uint8_t *ip = packet->data + frame->offset;
	uint64_t middle = sf_load_be64(ip + 6); /* fragment, TTL, protocol, checksum, … */
	struct plain_packet plain = {
		.version = 4,
		.octets = head >> 16 & UINT16_MAX,
		.service = SF_FACTS_WORD(head >> 32 & UINT8_MAX, octets, tos) |
			   SF_FACTS_WORD(middle >> 40 & UINT8_MAX, octets, ttl),
		/* the protocol, and above it the bits for fragments, which must be 0 */
		.protocol = middle >> 32 & 0x3fff00ff,
		.ports = sf_load_be32(ip + 20),
		.transport = ip + 20,
	};

	if (sf_unlikely(plain.octets < PLAIN_IPV4 || !plain_protocol((uint32_t)plain.protocol)))
		return false;
	plain.swapped = facts_put_ipv4(facts, sf_load_be64(ip + 12), plain.ports);
	plain_finish(facts, packet, frame, plain);
	return true;
}

static sf_always_inline bool plain_ipv6(
	const struct sf_packet *packet, struct sf_facts *facts, const struct plain_frame *frame)
{
	const uint8_t *ip = packet->data + frame->offset;
	uint32_t first = sf_load_be32(ip), payload = sf_load_be16(ip + 4);
	struct plain_packet plain = {
		.version = 6,
		.octets = 40 + payload,
		.service = SF_FACTS_WORD((uint64_t)(first >> 20 & UINT8_MAX), octets, tos) |
			   SF_FACTS_WORD((uint64_t)ip[7], octets, ttl),
		.protocol = ip[6],
		.ports = sf_load_be32(ip + 40),
		.flow_label = first & 0xfffff,
		.transport = ip + 40,
	};

	if (sf_unlikely(first >> 28 != 6 || payload < PLAIN_TRANSPORT ||
			!plain_protocol((uint32_t)plain.protocol)))
		return false;
	plain.swapped = facts_put_ipv6(facts, ip + 8, plain.ports);
	plain_finish(facts, packet, frame, plain);
	return true;
}

/* The Ethernet type lies in front of frame->offset. */
static sf_always_inline bool plain_ip(
	const struct sf_packet *packet, struct sf_facts *facts, const struct plain_frame *frame)
{
	uint64_t head;

	if (sf_unlikely(packet->captured < frame->offset + PLAIN_IPV4))
		return false;
	head = sf_load_be64(packet->data + frame->offset - 2);
	if (sf_likely(head >> 40 == (ETHERTYPE_IPV4 << 8 | 0x45)))
		return sf_likely(plain_ipv4(packet, facts, frame, head));
	return head >> 48 == ETHERTYPE_IPV6 && packet->captured >= frame->offset + PLAIN_IPV6 &&
	       plain_ipv6(packet, facts, frame);
}

/*
 * As sf_parse(), but sets scope and interface base, and stores the optional facts (from `mpls` on)
 * only with `optional`. False: the packet is not plain or has tags; the facts are undefined.
 */
static sf_always_inline bool sf_parse_plain(const struct sf_packet *packet, struct sf_facts *facts,
	uint16_t scope, uint16_t interface_base, bool optional)
{
	struct plain_frame frame = plain_frame(scope, packet->interface + interface_base);

	frame.optional = optional;
	if (sf_unlikely(packet->link != SF_LINK_ETHERNET || packet->flags & SF_PACKET_VLAN))
		return false;
	return plain_ip(packet, facts, &frame);
}

#endif
