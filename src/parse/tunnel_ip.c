/* SPDX-License-Identifier: BSD-2-Clause */
/* Tunnels that an IP protocol number names. */
#include "parse/tunnel_header.h"

/*
 * RFC 2003, RFC 4213: the packet follows at once. SRv6 if a segment routing header stands before
 * it.
 */
static enum next header_of_packet(struct walk *w, struct tunnel *tunnel, unsigned version)
{
	tunnel->kind = w->routed ? SF_TUNNEL_SRV6 : SF_TUNNEL_IP_IN_IP;
	if (walk_left(w) < 1 || w->p[0] >> 4 != version)
		return NEXT_DONE;
	return version == 4 ? NEXT_IPV4 : NEXT_IPV6;
}

enum next sf_header_ipip(struct walk *w, struct tunnel *tunnel)
{
	return header_of_packet(w, tunnel, 4);
}

enum next sf_header_ipv6(struct walk *w, struct tunnel *tunnel)
{
	return header_of_packet(w, tunnel, 6);
}

/* RFC 8986 §4.9: protocol 143, an Ethernet frame in SRv6. */
enum next sf_header_ethernet(struct walk *w, struct tunnel *tunnel)
{
	tunnel->kind = SF_TUNNEL_SRV6;
	return walk_left(w) ? NEXT_ETHERNET : NEXT_DONE;
}

/* RFC 4302 §2: in IPv6 it is an extension header, which parse/ip.c skips. */
enum next sf_header_ah(struct walk *w, struct tunnel *tunnel)
{
	size_t length;

	tunnel->kind = SF_TUNNEL_AH;
	if (walk_left(w) < 12)
		return NEXT_DONE;
	length = (w->p[1] + 2u) * 4;
	if (length < 12 || walk_left(w) < length)
		return NEXT_DONE;
	w->protocol.value = w->p[0];
	w->p += length;
	return NEXT_TRANSPORT;
}

/* RFC 3378 §3: version 3, reserved bits 0. */
enum next sf_header_etherip(struct walk *w, struct tunnel *tunnel)
{
	tunnel->kind = SF_TUNNEL_ETHER_IP;
	if (walk_left(w) < 2 || w->p[0] != 0x30 || w->p[1] != 0)
		return NEXT_DONE;
	w->p += 2;
	return NEXT_ETHERNET;
}

/* RFC 4023, RFC 7510: a label stack. */
enum next sf_header_mpls(struct walk *w, struct tunnel *tunnel)
{
	tunnel->kind = SF_TUNNEL_MPLS;
	return walk_left(w) < 4 ? NEXT_DONE : NEXT_MPLS;
}

bool sf_looks_like_frame(const uint8_t *p, size_t left)
{
	size_t at = 14;
	struct ethertype type;

	if (left < at + 1)
		return false;
	type.value = sf_load_be16(p + 12);
	if (ethertype_is_tag(type) && left >= at + 5) {
		type.value = sf_load_be16(p + 16);
		at += 4;
	}
	/* RFC 2516 §6: version and type 1, session stage, then the PPP protocol */
	if (type.value == ETHERTYPE_PPPOE && left >= at + 9 && sf_load_be16(p + at) == 0x1100) {
		const uint16_t protocol = sf_load_be16(p + at + 6);

		type.value = protocol == 0x0021   ? ETHERTYPE_IPV4
			     : protocol == 0x0057 ? ETHERTYPE_IPV6
						  : 0;
		at += 8;
	}
	if (type.value == ETHERTYPE_IPV4)
		return left >= at + 20 && p[at] >> 4 == 4 && (p[at] & 15) >= 5 &&
		       sf_load_be16(p + at + 2) >= (p[at] & 15) * 4;
	return type.value == ETHERTYPE_IPV6 && left >= at + 40 && p[at] >> 4 == 6;
}

/*
 * RFC 3931 §4.1: behind the session id a cookie (none, 4 or 8 bytes) and a sublayer (none or 4)
 * that only the two ends know of. The first place where a frame or a packet in PPP or HDLC begins
 * is taken.
 */
static enum next l2tp3_payload(struct walk *w)
{
	enum { LONGEST = 14 + 4 + 8 + 40 }; /* what the decision may take */
	const bool cut = w->claimed > (size_t)(w->end - w->packet->data);

	w->steps += SF_WALK_OF_L2TP;
	for (size_t at = 0; at <= 12 && at + 4 < walk_left(w); at += 4) {
		const uint8_t *p = w->p + at;

		if (cut && at + LONGEST > walk_left(w))
			return NEXT_DONE;
		if (sf_looks_like_frame(p, walk_left(w) - at)) {
			w->p += at;
			return NEXT_ETHERNET;
		}
		if (sf_load_be32(p) == 0xff030021 || sf_load_be32(p) == 0xff030057) {
			w->p += at + 2;
			return NEXT_PPP;
		}
	}
	return NEXT_DONE;
}

/* RFC 3931 §4.1.1: session id; 0 begins a control message. */
enum next sf_header_l2tp_ip(struct walk *w, struct tunnel *tunnel)
{
	tunnel->kind = SF_TUNNEL_L2TP;
	if (walk_left(w) < 4 || sf_load_be32(w->p) == 0)
		return NEXT_DONE;
	tunnel->id = sf_load_be32(w->p);
	w->p += 4;
	return l2tp3_payload(w);
}

/* RFC 2661 §3.1 (version 2) and RFC 3931 §4.1.2 (version 3): data messages only. */
enum next sf_header_l2tp_udp(struct walk *w, struct tunnel *tunnel)
{
	enum { CONTROL = 0x80, LENGTH = 0x40, SEQUENCE = 0x08, OFFSET = 0x02, RESERVED = 0x34 };
	const uint8_t *p = w->p;
	size_t at = 2, padding = 0;

	if (walk_left(w) < 8 || p[0] & (CONTROL | RESERVED))
		return NEXT_DONE;
	if (p[0] == 0 && p[1] == 3) {
		w->p += 4;
		return sf_header_l2tp_ip(w, tunnel);
	}
	if (p[1] != 2)
		return NEXT_DONE;
	at += p[0] & LENGTH ? 2 : 0;
	tunnel->id = sf_load_be32(p + at); /* tunnel and session */
	at += 4 + (p[0] & SEQUENCE ? 4 : 0);
	if (p[0] & OFFSET) {
		if (walk_left(w) < at + 2)
			return NEXT_DONE;
		padding = sf_load_be16(p + at);
		at += 2;
	}
	if (walk_left(w) < at + padding)
		return NEXT_DONE;
	w->p += at + padding;
	return next_ppp(w);
}

/* The protocol types of GRE that are not Ethernet types of packets. */
enum {
	GRE_WCCP = 0x883e,
	GRE_PPP = 0x880b,
	GRE_ERSPAN = 0x88be,
	GRE_ERSPAN_3 = 0x22eb,
	GRE_ARUBA = 0x8200, /* … to 0x82ff: 802.11 */
	GRE_ARUBA_LAST = 0x82ff,
	GRE_CISCO_CDP = 0x2000,
	GRE_CISCO_METADATA = 0x8909,
};

/*
 * Type I: the frame follows at once, there is no sequence number in the GRE header. Type II:
 * version 1, eight bytes. draft-foschiano-erspan §4.
 */
static enum next header_erspan(struct walk *w, struct tunnel *tunnel, bool sequence)
{
	enum { ISL = 1, TAGGED = 2 };
	unsigned removed;

	tunnel->kind = SF_TUNNEL_ERSPAN;
	if (!sequence)
		return NEXT_ETHERNET;
	if (walk_left(w) < 8)
		return NEXT_ETHERNET; /* which will be `truncated` */
	if (w->p[0] >> 4 != 1)
		return NEXT_DONE;
	/* the tag that the frame had, and has no more */
	removed = w->p[2] >> 3 & 3;
	w->vlan = removed == ISL || removed == TAGGED ? sf_load_be16(w->p) & 0x0fff : 0;
	tunnel->id = sf_load_be16(w->p + 2) & 0x03ff;
	tunnel->mirror.port = sf_load_be32(w->p + 4) & 0xfffff;
	tunnel->mirror.known = SF_MIRROR_SESSION | SF_MIRROR_PORT;
	w->p += 8;
	return NEXT_ETHERNET;
}

/*
 * The mirrored port, which some platforms tell in the subheader of type III at `p`; the first six
 * bits of the subheader name the platform.
 */
static void read_platform(struct sf_mirror_facts *mirror, const uint8_t *p)
{
	uint32_t word = sf_load_be32(p);

	mirror->known |= SF_MIRROR_PORT;
	switch (word >> 26) {
	case 1:
		mirror->port = sf_load_be32(p + 4);
		break;
	case 3:
		mirror->port = word & 0x3fff;
		break;
	case 5:
	case 6:
		mirror->port = word & 0xffff;
		break;
	case 7:
		mirror->port = word & 0xfffff;
		break;
	default:
		mirror->known &= (uint8_t)~SF_MIRROR_PORT;
	}
}

/* Type III: version 2, twelve bytes, eight more if the last bit says so. Same draft, §4.3. */
static enum next header_erspan3(struct walk *w, struct tunnel *tunnel)
{
	enum { EGRESS = 0x08 };
	size_t length = 12;
	unsigned type;

	tunnel->kind = SF_TUNNEL_ERSPAN;
	if (walk_left(w) < length) {
		w->p = w->end;
		return NEXT_ETHERNET; /* truncated */
	}
	if (w->p[0] >> 4 != 2)
		return NEXT_DONE;
	tunnel->id = sf_load_be16(w->p + 2) & 0x03ff;
	type = w->p[10] >> 2 & 31;
	tunnel->mirror.known = SF_MIRROR_SESSION;
	tunnel->mirror.known |= w->p[11] & EGRESS ? SF_MIRROR_EGRESS : SF_MIRROR_INGRESS;
	length += w->p[11] & 1 ? 8 : 0;
	if (length > 12 && walk_left(w) >= length)
		read_platform(&tunnel->mirror, w->p + 12);
	w->p = walk_left(w) < length ? w->end : w->p + length;
	return type == 2 ? NEXT_IP : type == 0 ? NEXT_ETHERNET : NEXT_DONE;
}

/*
 * Cisco's security group tag in GRE: the Ethernet type of what follows comes first, then version 1,
 * the length of the options in units of four bytes, and the options.
 */
static enum next gre_metadata(struct walk *w)
{
	size_t length;

	if (walk_left(w) < 4 || w->p[2] != 1)
		return NEXT_DONE;
	length = 4 + w->p[3] * 4u;
	if (walk_left(w) < length || sf_load_be16(w->p) <= ETHERTYPE_SNAP_LENGTH)
		return NEXT_DONE;
	w->p += length;
	return walk_ethertype(w, sf_load_be16(w->p - length));
}

/* What the protocol type names, behind the GRE header. */
static enum next gre_payload(struct walk *w, struct tunnel *tunnel, uint16_t type, bool sequence)
{
	switch (type) {
	case GRE_ERSPAN:
		return header_erspan(w, tunnel, sequence);
	case GRE_ERSPAN_3:
		return header_erspan3(w, tunnel);
	case GRE_PPP:
		return next_ppp(w);
	case GRE_WCCP: /* four bytes of its own, or none (version 1) */
		if (walk_left(w) >= 4 && next_ip(w) == NEXT_DONE)
			w->p += 4;
		return next_ip(w);
	case GRE_CISCO_METADATA:
		return gre_metadata(w);
	}
	if (type >= GRE_ARUBA && type <= GRE_ARUBA_LAST)
		return NEXT_IEEE802_11;
	if (type <= ETHERTYPE_SNAP_LENGTH || type == GRE_CISCO_CDP)
		return NEXT_DONE;
	return walk_ethertype(w, type);
}

/* RFC 2784, RFC 2890; version 1 of RFC 2637 (PPTP) has PPP inside and a call id in the key. */
enum next sf_header_gre(struct walk *w, struct tunnel *tunnel)
{
	enum { CHECKSUM = 0x8000, ROUTING = 0x4000, KEY = 0x2000, SEQUENCE = 0x1000, ACK = 0x80 };
	const uint8_t *p = w->p;
	uint16_t flags, type;
	size_t length = 4;

	tunnel->kind = SF_TUNNEL_GRE;
	if (walk_left(w) < 4)
		return NEXT_DONE;
	flags = sf_load_be16(p);
	type = sf_load_be16(p + 2);
	if (flags & ROUTING || (flags & 7) > 1 ||
		((flags & 7) == 1 && (type != GRE_PPP || !(flags & KEY))))
		return NEXT_DONE;
	length += flags & CHECKSUM ? 4 : 0;
	if (flags & KEY && walk_left(w) >= length + 4)
		tunnel->id = sf_load_be32(p + length);
	length += (flags & KEY ? 4u : 0) + (flags & SEQUENCE ? 4u : 0);
	if ((flags & 7) == 1) {
		tunnel->id &= 0xffff;
		length += flags & ACK ? 4 : 0;
	}
	if (walk_left(w) < length)
		return NEXT_DONE;
	w->p += length;
	/* RFC 7637 §3.2 */
	if (type == ETHERTYPE_TEB && (flags & (CHECKSUM | KEY | SEQUENCE)) == KEY) {
		tunnel->kind = SF_TUNNEL_NVGRE;
		tunnel->mirror.known = SF_MIRROR_VNI;
	}
	return gre_payload(w, tunnel, type, flags & SEQUENCE);
}
