/* SPDX-License-Identifier: BSD-2-Clause */
#include "parse/details.h"

#include "base/experiments.h"
#include "parse/walk.h"

enum {
	IPV4_HEADER = 20,
	IPV6_HEADER = 40,
	TCP_HEADER = 20,
	EXTENSIONS_MAX = 64, /* headers of a chain that are looked at */
};

/* Bits of ipv6ExtensionHeadersFull: RFC 9740 §3.1 and its registry. */
enum {
	EXTENSION_DESTINATION = 1u << 0,
	EXTENSION_HOP_BY_HOP = 1u << 1,
	EXTENSION_NONE = 1u << 2,
	EXTENSION_FIRST_FRAGMENT = 1u << 4,
	EXTENSION_ROUTING = 1u << 5,
	EXTENSION_LATER_FRAGMENT = 1u << 6,
	EXTENSION_MOBILITY = 1u << 7,
	EXTENSION_ESP = 1u << 8,
	EXTENSION_AH = 1u << 9,
	EXTENSION_HIP = 1u << 10,
	EXTENSION_SHIM6 = 1u << 11,
	EXTENSION_EXPERIMENT_253 = 1u << 12,
	EXTENSION_EXPERIMENT_254 = 1u << 13,
};

/* An IP packet of which some bytes were captured. */
struct ip_packet {
	const uint8_t *ip, *end;  /* captured bytes */
	const uint8_t *transport; /* behind all IP headers that were captured */
	const uint8_t *ah;        /* an authentication header that was skipped; NULL: none */
	uint32_t octets, headers; /* bytes of the packet, and of its IP headers, as they say */
	uint32_t fragment,
		identifier; /* IPv6: offset and flags, identification of a fragment header */
	uint32_t extensions;
	uint8_t protocol;
	bool whole;    /* all IP headers were captured */
	bool is_later; /* a fragment behind the first one: no transport header */
	bool is_piece; /* IPv6: it has a fragment header */
};

static size_t left(const struct ip_packet *p)
{
	return (size_t)(p->end - p->transport);
}

/* Moves on by a header of `length` bytes. */
static bool skip(struct ip_packet *p, uint32_t length)
{
	p->headers += length;
	p->whole = length <= left(p);
	p->transport = p->whole ? p->transport + length : p->end;
	return p->whole;
}

static uint32_t extension_bit(uint8_t protocol)
{
	switch (protocol) {
	case PROTOCOL_DESTINATION:
		return EXTENSION_DESTINATION;
	case PROTOCOL_HOP_BY_HOP:
		return EXTENSION_HOP_BY_HOP;
	case PROTOCOL_NONE:
		return EXTENSION_NONE;
	case PROTOCOL_ROUTING:
		return EXTENSION_ROUTING;
	case PROTOCOL_AH:
		return EXTENSION_AH;
	case 135:
		return EXTENSION_MOBILITY;
	case PROTOCOL_ESP:
		return EXTENSION_ESP;
	case 139:
		return EXTENSION_HIP;
	case 140:
		return EXTENSION_SHIM6;
	case 253:
		return EXTENSION_EXPERIMENT_253;
	case 254:
		return EXTENSION_EXPERIMENT_254;
	}
	return 0;
}

/* RFC 8200 §4.5. False: what follows is no header. */
static bool read_fragment_header(struct ip_packet *p)
{
	const uint8_t *header = p->transport;

	p->is_piece = true;
	if (!skip(p, 8))
		return false;
	p->protocol = header[0];
	p->fragment = sf_load_be16(header + 2);
	p->identifier = sf_load_be32(header + 4);
	p->is_later = p->fragment & 0xfff8;
	p->extensions |= p->is_later ? EXTENSION_LATER_FRAGMENT : EXTENSION_FIRST_FRAGMENT;
	return !p->is_later;
}

/* Walks the extension headers; `protocol` becomes that of the transport header. */
static void read_extensions(struct ip_packet *p)
{
	for (unsigned n = 0; n < EXTENSIONS_MAX; n++) {
		const uint8_t *header = p->transport;
		bool is_ah = p->protocol == PROTOCOL_AH;

		if (p->protocol == PROTOCOL_FRAGMENT) {
			if (!read_fragment_header(p))
				return;
			continue;
		}
		p->extensions |= extension_bit(p->protocol);
		if (!is_ah && p->protocol != PROTOCOL_DESTINATION &&
			p->protocol != PROTOCOL_HOP_BY_HOP && p->protocol != PROTOCOL_ROUTING)
			return;
		if (left(p) < 2) {
			p->whole = false;
			return;
		}
		p->protocol = header[0];
		p->ah = is_ah ? header : p->ah;
		if (!skip(p, is_ah ? (header[1] + 2u) * 4 : (header[1] + 1u) * 8))
			return;
	}
	p->whole = false;
}

static struct ip_packet ip_packet(const struct sf_packet *packet, const struct sf_facts *facts)
{
	struct ip_packet p = { .ip = packet->data + facts->l3_offset, .octets = facts->octets };

	p.end = p.ip + sf_facts_captured(facts, packet->captured);
	p.transport = p.ip;
	if (facts->version == 6) {
		p.protocol = p.ip[6];
		if (skip(&p, IPV6_HEADER))
			read_extensions(&p);
		return p;
	}
	p.protocol = p.ip[9];
	p.is_later = sf_load_be16(p.ip + 6) & 0x1fff;
	/* a tunnel that is opened: the header between IP and transport is not the transport's */
	if (skip(&p, (p.ip[0] & 15) * 4u) && p.protocol == PROTOCOL_AH &&
		facts->protocol != PROTOCOL_AH)
		read_extensions(&p);
	return p;
}

/* ---------------------------------------------------------------- groups */

/*
 * Headers between the addresses of an Ethernet frame and its packet: MACsec with a channel
 * identifier (IEEE 802.1AE §9.3) and the tag of a backbone service instance (IEEE 802.1Q §9.7),
 * among VLAN tags.
 */
static void read_shims(const struct sf_packet *packet, struct sf_details *details)
{
	enum { MACSEC = 0x88e5, SERVICE = 0x88e7, CHANNEL = 0x20, SHIMS_MAX = 8 };
	const uint8_t *p = packet->data + 12, *end = packet->data + packet->captured;

	memset(details->sci, 0, sizeof(details->sci));
	details->service = 0;
	if (packet->link != SF_LINK_ETHERNET || packet->captured < 12)
		return;
	for (unsigned n = 0; n < SHIMS_MAX && end - p >= 2 + 14; n++) {
		const struct ethertype type = { sf_load_be16(p) };
		const bool channel = type.value == MACSEC && p[2] & CHANNEL;

		if (type.value == SERVICE)
			details->service = sf_load_be32(p + 2) & 0xffffff;
		if (channel)
			memcpy(details->sci, p + 8, sizeof(details->sci));
		if (ethertype_is_tag(type))
			p += 4;
		else if (type.value == SERVICE)
			p += 2 + 4 + 12;
		else if (type.value == MACSEC)
			p += 2 + (channel ? 14 : 6);
		else
			return;
	}
}

static void read_link(const struct sf_packet *packet, struct sf_facts *facts)
{
	const uint8_t *p = packet->data + facts->label_offset;
	const uint8_t *end = packet->data + packet->captured;
	struct sf_details *details = &facts->details;
	unsigned length = 0;

	details->priority = facts->tci >> 13;
	details->customer_priority = facts->customer_tci >> 13;
	read_shims(packet, details);
	memset(details->mpls_stack, 0, sizeof(details->mpls_stack));
	if (!(facts->flags & SF_FACT_MPLS))
		return;
	for (bool bottom = false; !bottom && length < 4 * SF_MPLS_ENTRIES && end - p >= 4; p += 4) {
		memcpy(details->mpls_stack + 1 + length, p, 4);
		length += 4;
		bottom = p[2] & 1;
	}
	details->mpls_stack[0] = (uint8_t)length;
}

/*
 * RFC 4303 §2.1, RFC 4302 §2.4, RFC 3948 §2.1: in UDP a zero stands before IKE in the place of the
 * SPI.
 */
static uint32_t security_parameters(const struct ip_packet *p, const struct sf_facts *facts)
{
	enum { NAT_TRAVERSAL = 4500, UDP_HEADER = 8 };
	const bool traversal =
		facts->ports >> 16 == NAT_TRAVERSAL || (uint16_t)facts->ports == NAT_TRAVERSAL;

	if (p->ah)
		return p->end - p->ah < 8 ? 0 : sf_load_be32(p->ah + 4);
	if (!p->whole || p->is_later)
		return 0;
	if (p->protocol == PROTOCOL_ESP && left(p) >= 4)
		return sf_load_be32(p->transport);
	if (p->protocol == PROTOCOL_AH && left(p) >= 8)
		return sf_load_be32(p->transport + 4);
	if (p->protocol == PROTOCOL_UDP && traversal && left(p) >= UDP_HEADER + 4)
		return sf_load_be32(p->transport + UDP_HEADER);
	return 0;
}

static void read_ip(const struct ip_packet *p, struct sf_facts *facts)
{
	struct sf_details *details = &facts->details;

	details->spi = security_parameters(p, facts);
	if (facts->version == 4) {
		details->ip_id = sf_load_be16(p->ip + 4);
		details->fragment_flags = p->ip[6] & 0x60;
		details->extensions = 0;
		return;
	}
	details->ip_id = p->identifier;
	details->fragment_flags = p->fragment & 1 ? 0x20 : 0;
	details->extensions = p->extensions;
}

static bool has_tcp_header(const struct ip_packet *p, const struct sf_facts *facts)
{
	return facts->flags & SF_FACT_TCP && p->whole && !p->is_later && left(p) >= TCP_HEADER;
}

/* Bytes of the TCP header as it says, the fixed part at least. */
static unsigned tcp_header(const uint8_t *tcp)
{
	unsigned length = (tcp[12] >> 4) * 4u;

	return length < TCP_HEADER ? TCP_HEADER : length;
}

/* The options of a TCP header that were captured. */
struct options {
	const uint8_t *next, *end;
};

static struct options tcp_options(const struct ip_packet *p)
{
	const unsigned length = tcp_header(p->transport);

	return (struct options){ p->transport + TCP_HEADER,
		length < left(p) ? p->transport + length : p->end };
}

/*
 * The next option, which has *length bytes; NULL: there is none that is whole. RFC 9293 §3.1: kind,
 * and for kinds other than 0 and 1 a length that includes both.
 */
static const uint8_t *next_option(struct options *options, unsigned *length)
{
	const uint8_t *option = options->next;
	const size_t room = (size_t)(options->end - option);

	if (!room)
		return NULL;
	*length = 1;
	if (option[0] > 1) {
		if (room < 2)
			return NULL;
		*length = option[1];
		if (*length < 2 || *length > room)
			return NULL;
	}
	/* nothing follows the end of the list */
	options->next = option[0] ? option + *length : options->end;
	return option;
}

static void read_options(const struct ip_packet *p, struct sf_facts *facts)
{
	uint8_t *bits = facts->details.tcp_options;
	const uint8_t *option;
	struct options options;
	unsigned length;

	memset(bits, 0, sizeof(facts->details.tcp_options));
	if (!has_tcp_header(p, facts))
		return;
	options = tcp_options(p);
	while ((option = next_option(&options, &length)))
		bits[31 - option[0] / 8] |= (uint8_t)(1u << option[0] % 8);
}

static void read_shared(const struct ip_packet *p, struct sf_facts *facts)
{
	enum { SHARED_253 = 253, SHARED_254 = 254 };
	struct sf_details *details = &facts->details;
	const uint8_t *option;
	struct options options;
	unsigned length;

	details->experiments = 0;
	if (!has_tcp_header(p, facts))
		return;
	options = tcp_options(p);
	while ((option = next_option(&options, &length)))
		if (option[0] == SHARED_253 || option[0] == SHARED_254)
			details->experiments |= sf_experiments_of(option + 2, length - 2);
}

/*
 * Bytes of the transport header; 0 if the protocol has none that is known, or it was not captured.
 */
static uint32_t transport_header(const struct ip_packet *p, const struct sf_facts *facts)
{
	switch (facts->protocol) {
	case PROTOCOL_TCP:
		return left(p) >= 13 ? tcp_header(p->transport) : TCP_HEADER;
	case PROTOCOL_UDP:
	case PROTOCOL_UDPLITE:
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		return 8;
	case PROTOCOL_SCTP:
		return 12;
	case PROTOCOL_DCCP:
		return left(p) >= 5 ? p->transport[4] * 4u : 12;
	}
	return 0;
}

static void read_payload(const struct ip_packet *p, struct sf_facts *facts)
{
	uint32_t header = p->headers;

	if (!p->is_later)
		header += transport_header(p, facts);
	facts->details.payload = facts->octets > header ? facts->octets - header : 0;
	facts->details.has_payload = facts->details.payload != 0;
}

static void read_sacks(struct sf_tcp_packet *tcp, const uint8_t *option, unsigned length)
{
	for (unsigned at = 2; at + 8 <= length && tcp->sack_count < 4; at += 8) {
		tcp->sacks[tcp->sack_count][0] = sf_load_be32(option + at);
		tcp->sacks[tcp->sack_count++][1] = sf_load_be32(option + at + 4);
	}
}

/* RFC 9293 §3.2 (MSS), RFC 7323 §2 (window scale), RFC 2018 §2 and §3 (SACK). */
static void read_tcp_option(struct sf_tcp_packet *tcp, const uint8_t *option, unsigned length)
{
	enum { MSS = 2, WINDOW_SCALE = 3, SACK_PERMITTED = 4, SACK = 5 };

	if (option[0] == MSS && length == 4)
		tcp->mss = sf_load_be16(option + 2);
	else if (option[0] == WINDOW_SCALE && length == 3)
		tcp->scale = option[2];
	else if (option[0] == SACK_PERMITTED && length == 2)
		tcp->sack_permitted = 1;
	else if (option[0] == SACK)
		read_sacks(tcp, option, length);
}

/* Headers that claim to be longer than the packet, or shorter than they can be, say nothing. */
static void read_tcp(const struct ip_packet *p, struct sf_facts *facts)
{
	struct sf_tcp_packet *tcp = &facts->details.tcp;
	const uint8_t *header = p->transport, *option;
	struct options options;
	unsigned length;

	memset(tcp, 0, sizeof(*tcp));
	if (!has_tcp_header(p, facts) || (header[12] >> 4) * 4u < TCP_HEADER ||
		p->headers + (header[12] >> 4) * 4u > p->octets)
		return;
	tcp->known = 1;
	tcp->sequence = sf_load_be32(header + 4);
	tcp->acknowledgement = sf_load_be32(header + 8);
	tcp->window = sf_load_be16(header + 14);
	tcp->payload = p->octets - p->headers - tcp_header(header);
	options = tcp_options(p);
	while ((option = next_option(&options, &length)))
		read_tcp_option(tcp, option, length);
}

void sf_details_read(const struct sf_packet *packet, struct sf_facts *facts, unsigned groups)
{
	struct ip_packet p;

	if (groups & SF_DETAILS_LINK)
		read_link(packet, facts);
	if (!(groups & ~SF_DETAILS_LINK))
		return;
	p = ip_packet(packet, facts);
	if (groups & SF_DETAILS_IP)
		read_ip(&p, facts);
	if (groups & SF_DETAILS_OPTIONS)
		read_options(&p, facts);
	if (groups & SF_DETAILS_SHARED)
		read_shared(&p, facts);
	if (groups & SF_DETAILS_PAYLOAD)
		read_payload(&p, facts);
	if (groups & SF_DETAILS_TCP)
		read_tcp(&p, facts);
}
