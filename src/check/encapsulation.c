/* SPDX-License-Identifier: BSD-2-Clause */
#include "check/encapsulation.h"

#include "base/wire.h"

#define PROTOCOL_IPIP    4
#define PROTOCOL_UDP     17
#define PROTOCOL_IPV6    41
#define PROTOCOL_GRE     47
#define PROTOCOL_ETHERIP 97
#define PROTOCOL_L2TP    115

#define UDP_HEADER      8
#define ETHERNET_HEADER 14
#define PCAP_HEADER     16 /* of a packet in a capture file */

const char *sf_encapsulation_name(enum sf_encapsulation kind)
{
	static const char *const names[] = {
#define X(name, text, mirror) text,
		SF_ENCAPSULATIONS(X)
#undef X
	};

	return names[kind];
}

bool sf_encapsulation_mirrors(enum sf_encapsulation kind)
{
	static const bool mirrors[] = {
#define X(name, text, mirror) mirror,
		SF_ENCAPSULATIONS(X)
#undef X
	};

	return mirrors[kind];
}

/* A whole IPv4 or IPv6 header; the total length of IPv4 is no less than the header's. */
static bool is_ip(const uint8_t *p, size_t left)
{
	if (left >= 20 && p[0] >> 4 == 4)
		return (p[0] & 15) >= 5 && sf_load_be16(p + 2) >= (p[0] & 15) * 4;
	return left >= 40 && p[0] >> 4 == 6;
}

/* An Ethernet frame with IP or ARP, with or without a VLAN tag. */
static bool is_frame(const uint8_t *p, size_t left)
{
	size_t at = ETHERNET_HEADER;
	uint16_t type;

	if (left < at + 4)
		return false;
	type = sf_load_be16(p + 12);
	if (type == 0x8100 || type == 0x88a8) {
		type = sf_load_be16(p + 16);
		at += 4;
	}
	if (type == 0x0806)
		return left >= at + 8 && sf_load_be16(p + at) == 1;
	return (type == 0x0800 || type == 0x86dd) && is_ip(p + at, left - at);
}

static enum sf_encapsulation of_gre(const uint8_t *p, size_t left)
{
	uint16_t type;

	if (left < 4 || (p[1] & 7) > 1)
		return SF_ENCAPSULATION_COUNT;
	type = sf_load_be16(p + 2);
	if (type == 0x88be || type == 0x22eb)
		return SF_ENCAPSULATION_ERSPAN;
	return type == 0x6558 ? SF_ENCAPSULATION_NVGRE : SF_ENCAPSULATION_GRE;
}

/* RFC 7348 §5: flag I, reserved bits zero. */
static bool is_vxlan(const uint8_t *p, size_t left)
{
	return left >= 8 + ETHERNET_HEADER && p[0] & 0x08 && p[7] == 0;
}

/* RFC 8926 §3.4: version 0, length of options, a protocol that occurs. */
static bool is_geneve(const uint8_t *p, size_t left)
{
	size_t header = left >= 8 ? 8 + (size_t)(p[0] & 0x3f) * 4 : 0;
	uint16_t type = header ? sf_load_be16(p + 2) : 0;

	return header && p[0] >> 6 == 0 && p[7] == 0 && left >= header &&
	       (type == 0x6558 || type == 0x0800 || type == 0x86dd);
}

/* 3GPP TS 29.281 §5: version 1, protocol type GTP, message type G-PDU, room for an IP header. */
static bool is_gtp_u(const uint8_t *p, size_t left)
{
	size_t header = left >= 8 ? 8 + (p[0] & 7 ? 4 : 0) : 0;

	return header && (p[0] & 0xf0) == 0x30 && p[1] == 0xff && sf_load_be16(p + 2) >= 20;
}

/* RFC 7510: a label stack of at most eight entries with IP behind it. */
static bool is_mpls(const uint8_t *p, size_t left)
{
	for (size_t at = 0; at < 32 && at + 4 <= left; at += 4)
		if (p[at + 2] & 1)
			return is_ip(p + at + 4, left - at - 4);
	return false;
}

/* Version 1, type 0 (packet received) or 1 (packet to be sent), encapsulated protocol below 256. */
static bool is_tzsp(const uint8_t *p, size_t left)
{
	return left >= 5 && p[0] == 1 && p[1] <= 1 && p[2] == 0;
}

/* RFC 2661 §3.1, RFC 3931 §4.1.2.1: a data message, not a control message. */
static bool is_l2tp_data(const uint8_t *p, size_t left)
{
	uint8_t version = left >= 8 ? p[1] & 15 : 0;

	return (version == 2 || version == 3) && !(p[0] & 0x80);
}

/* A packet header of a capture file: an Aruba controller sends frames of its radios behind one. */
static bool is_aruba(const uint8_t *p, size_t left)
{
	uint32_t captured = left >= PCAP_HEADER ? sf_load_be32(p + 8) : 0;

	return captured && captured <= sf_load_be32(p + 12) && captured <= 65535 &&
	       left <= PCAP_HEADER + captured && sf_load_be32(p + 4) < 1000000;
}

static enum sf_encapsulation of_udp(uint16_t port, const uint8_t *p, size_t left)
{
	static const struct {
		uint16_t port;
		enum sf_encapsulation kind;
		bool (*is)(const uint8_t *p, size_t left);
	} rows[] = {
		{ 4789, SF_ENCAPSULATION_VXLAN, is_vxlan },
		{ 8472, SF_ENCAPSULATION_VXLAN, is_vxlan }, /* Linux before the port was assigned */
		{ 4790, SF_ENCAPSULATION_VXLAN, is_vxlan }, /* VXLAN-GPE */
		{ 6081, SF_ENCAPSULATION_GENEVE, is_geneve },
		{ 2152, SF_ENCAPSULATION_GTP_U, is_gtp_u },
		{ 6635, SF_ENCAPSULATION_MPLS_UDP, is_mpls },
		{ 37008, SF_ENCAPSULATION_TZSP, is_tzsp },
		{ 1701, SF_ENCAPSULATION_L2TP, is_l2tp_data },
		{ 5555, SF_ENCAPSULATION_ARUBA_ERM, is_aruba },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].port == port && rows[i].is(p, left))
			return rows[i].kind;
	/* ProCurve switches: 12 bytes, then the frame; the user chooses the port */
	if (left > 12 && is_frame(p + 12, left - 12))
		return SF_ENCAPSULATION_HP_ERM;
	return SF_ENCAPSULATION_COUNT;
}

enum sf_encapsulation sf_encapsulation_of(
	const struct sf_facts *facts, const uint8_t *payload, size_t left)
{
	uint16_t to =
		(uint16_t)(facts->flags & SF_FACT_SWAPPED ? facts->ports >> 16 : facts->ports);

	switch (facts->protocol) {
	case PROTOCOL_GRE:
		return of_gre(payload, left);
	case PROTOCOL_IPIP:
	case PROTOCOL_IPV6:
		return is_ip(payload, left) ? SF_ENCAPSULATION_IP_IN_IP : SF_ENCAPSULATION_COUNT;
	case PROTOCOL_ETHERIP:
		return left >= 2 && payload[0] == 0x30 ? SF_ENCAPSULATION_ETHER_IP
						       : SF_ENCAPSULATION_COUNT;
	case PROTOCOL_L2TP:
		return left >= 4 && sf_load_be32(payload) ? SF_ENCAPSULATION_L2TP
							  : SF_ENCAPSULATION_COUNT;
	case PROTOCOL_UDP:
		return left > UDP_HEADER ? of_udp(to, payload + UDP_HEADER, left - UDP_HEADER)
					 : SF_ENCAPSULATION_COUNT;
	default:
		return SF_ENCAPSULATION_COUNT;
	}
}
