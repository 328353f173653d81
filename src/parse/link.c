/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the first byte of a frame to the IP header: one function per link layer and per layer
 * between it and IP. LINKTYPE_ numbers and headers: the pcap link-layer header registry.
 *
 * A header that is not captured whole ends the walk as `truncated`. A whole header that names
 * something other than IP ends it as `nonIp`. Only IP headers can be `malformed`.
 */
#include "base/ethertype.h"
#include "parse/walk.h"

enum next sf_parse_ethernet(struct walk *w)
{
	const uint8_t *p = w->p;

	if (walk_left(w) < 14)
		return walk_truncated(w);
	if (w->inside)
		sf_tunnel_frame(w);
	if (sf_has_isl_address(p)) {
		bool is_isl;
		enum next next = sf_parse_isl(w, &is_isl);

		if (is_isl)
			return next;
	}
	walk_set_macs(w, p);
	w->p += 14;
	return walk_ethertype(w, sf_load_be16(p + 12));
}

static enum next parse_tag(struct walk *w)
{
	const uint8_t *p = w->p;

	if (walk_left(w) < 4)
		return walk_truncated(w);
	walk_add_tag(w, sf_load_be16(p));
	w->p += 4;
	return walk_ethertype(w, sf_load_be16(p + 2));
}

enum next sf_parse_ethertype(struct walk *w)
{
	if (ethertype_is_tag(w->ethertype))
		return parse_tag(w);
	if (w->ethertype.value <= ETHERTYPE_SNAP_LENGTH)
		return NEXT_LLC;
	if (!w->frame_type)
		w->frame_type = w->ethertype.value;
	switch (w->ethertype.value) {
	case ETHERTYPE_IPV4:
		return NEXT_IPV4;
	case ETHERTYPE_IPV6:
		return NEXT_IPV6;
	case ETHERTYPE_MPLS:
	case ETHERTYPE_MPLS_MULTICAST:
		return NEXT_MPLS;
	case ETHERTYPE_PPPOE:
		return NEXT_PPPOE;
	case ETHERTYPE_TEB:
		return NEXT_ETHERNET;
	case ETHERTYPE_JUMBO_LLC:
		return NEXT_LLC;
	}
	return sf_parse_shim(w);
}

/*
 * SNAP: organisation and protocol at `p`. `padding` bytes stand between it and a bridged
 * Ethernet frame: two in 802.2 framing (RFC 2684 §5.2), none in Frame Relay (RFC 2427 §4.2).
 */
static enum next parse_snap(struct walk *w, unsigned padding)
{
	const uint8_t *p = w->p;
	uint32_t organisation;
	uint16_t protocol;

	if (walk_left(w) < 5)
		return walk_truncated(w);
	organisation = sf_load_be32(p) >> 8;
	protocol = sf_load_be16(p + 3);
	w->p += 5;
	/* 00-00-f8: bridge tunnel encapsulation, IEEE 802.1H */
	if (organisation == 0x000000 || organisation == 0x0000f8)
		return walk_ethertype(w, protocol);
	/* RFC 2427 §4.2: bridged 802.3, with (1) or without (7) its frame check sequence */
	if (organisation != 0x0080c2 || (protocol != 1 && protocol != 7))
		return walk_ignore(w, SF_IGNORED_nonIp);
	if (walk_left(w) < padding)
		return walk_truncated(w);
	w->p += padding;
	return NEXT_ETHERNET;
}

enum next sf_parse_llc(struct walk *w)
{
	const uint8_t *p = w->p;

	if (walk_left(w) < 3)
		return walk_truncated(w);
	w->p += 3;
	w->ethertype.value = SF_ETHERTYPE_LLC;
	if (p[0] == 0xaa && p[1] == 0xaa && p[2] == 0x03) /* RFC 1042 */
		return parse_snap(w, 2);
	if (p[0] == 0x06 && p[1] == 0x06 && p[2] == 0x03) /* LLC SAP of IP */
		return NEXT_IP;
	return walk_ignore(w, SF_IGNORED_nonIp);
}

/* RFC 3032 §2.1. What follows the bottom of the stack: pseudowire.c. */
enum next sf_parse_mpls(struct walk *w)
{
	uint32_t entry;

	if (walk_left(w) < 4)
		return walk_truncated(w);
	entry = sf_load_be32(w->p);
	if (!(w->flags & SF_FACT_MPLS)) {
		w->flags |= SF_FACT_MPLS;
		w->facts->mpls = entry >> 8;
		w->facts->label_offset = (uint16_t)walk_offset(w);
	}
	w->p += 4;
	if (!(entry & 0x100))
		return NEXT_MPLS;
	return sf_parse_behind_labels(w);
}

/* RFC 2516 §4: version 1, type 1, code 0 in the session stage. */
enum next sf_parse_pppoe(struct walk *w)
{
	const uint8_t *p = w->p;

	if (walk_left(w) < 6)
		return walk_truncated(w);
	if (p[0] != 0x11 || p[1] != 0)
		return walk_ignore(w, SF_IGNORED_nonIp);
	w->p += 6;
	return NEXT_PPP;
}

/* The protocol field is one byte when that one is odd (RFC 1661 §6.5), else two. */
enum next sf_parse_ppp(struct walk *w)
{
	const uint8_t *p = w->p;
	uint16_t protocol;

	if (walk_left(w) < 1 || (!(p[0] & 1) && walk_left(w) < 2))
		return walk_truncated(w);
	protocol = p[0] & 1 ? p[0] : sf_load_be16(p);
	w->p += p[0] & 1 ? 1 : 2;
	switch (protocol) {
	case 0x0021:
		return NEXT_IPV4;
	case 0x0057:
		return NEXT_IPV6;
	case 0x0281:
	case 0x0283:
		return NEXT_MPLS;
	}
	return walk_ignore(w, SF_IGNORED_nonIp);
}

/* RFC 1547 §4.3.1 and its successors: address 0x0f or 0x8f, control 0, ethertype. */
static enum next parse_cisco_hdlc(struct walk *w)
{
	const uint8_t *p = w->p;

	if (walk_left(w) < 4)
		return walk_truncated(w);
	w->p += 4;
	return walk_ethertype(w, sf_load_be16(p + 2));
}

/* RFC 1662 §3.1: address 0xff and control 0x03, unless they were left out by agreement. */
static enum next parse_ppp_hdlc(struct walk *w)
{
	const uint8_t *p = w->p;

	if (walk_left(w) < 2)
		return walk_truncated(w);
	if (p[0] == 0xff && p[1] == 0x03)
		w->p += 2;
	else if ((p[0] == 0x0f || p[0] == 0x8f) && p[1] == 0)
		return parse_cisco_hdlc(w);
	return sf_parse_ppp(w);
}

/* Linux pppd: the address byte has been replaced by the direction, control follows. */
static enum next parse_ppp_pppd(struct walk *w)
{
	if (walk_left(w) < 2)
		return walk_truncated(w);
	w->p += 2;
	return sf_parse_ppp(w);
}

static enum next parse_ppp_with_direction(struct walk *w)
{
	if (walk_left(w) < 1)
		return walk_truncated(w);
	w->p += 1;
	return parse_ppp_hdlc(w);
}

/* AF_INET6: 10 Linux, 23 Windows, 24 NetBSD and OpenBSD, 28 FreeBSD, 30 Darwin. */
static bool is_inet6(uint32_t family)
{
	return family == 10 || family == 23 || family == 24 || family == 28 || family == 30;
}

/*
 * The address family in the byte order of the capturing machine (NULL) or of the network (LOOP).
 * AF_INET is 2 everywhere, AF_INET6 differs. All are below 256, so a larger value means the other
 * byte order.
 */
static enum next parse_null(struct walk *w)
{
	uint32_t family;

	if (walk_left(w) < 4)
		return walk_truncated(w);
	family = sf_load_be32(w->p);
	if (family > 0xffff)
		family = __builtin_bswap32(family);
	w->p += 4;
	if (family == 2)
		return NEXT_IPV4;
	return is_inet6(family) ? NEXT_IPV6 : walk_ignore(w, SF_IGNORED_nonIp);
}

/* Linux cooked: below the ethertypes only 802.2 is known (value 4). */
static enum next cooked_protocol(struct walk *w, uint16_t protocol)
{
	if (protocol == 4)
		return NEXT_LLC;
	if (protocol <= ETHERTYPE_SNAP_LENGTH)
		return walk_ignore(w, SF_IGNORED_nonIp);
	return walk_ethertype(w, protocol);
}

static enum next parse_linux_sll(struct walk *w)
{
	const uint8_t *p = w->p;

	if (walk_left(w) < 16)
		return walk_truncated(w);
	w->p += 16;
	return cooked_protocol(w, sf_load_be16(p + 14));
}

static enum next parse_linux_sll2(struct walk *w)
{
	const uint8_t *p = w->p;

	if (walk_left(w) < 20)
		return walk_truncated(w);
	w->p += 20;
	return cooked_protocol(w, sf_load_be16(p));
}

/*
 * RFC 2427 §3: address of two bytes or more (the last one is odd, Q.922), control 0x03, padding
 * zero bytes, network layer protocol id. Cisco's own framing has an ethertype after the address.
 */
static enum next parse_frame_relay(struct walk *w)
{
	unsigned address = 0;

	do {
		if (walk_left(w) < 1)
			return walk_truncated(w);
		address++;
	} while (!(*w->p++ & 1) && address < 4);
	if (walk_left(w) < 2)
		return walk_truncated(w);
	if (w->p[0] != 0x03) {
		w->p += 2;
		return walk_ethertype(w, sf_load_be16(w->p - 2));
	}
	w->p += w->p[1] == 0 ? 2 : 1;
	if (walk_left(w) < 1)
		return walk_truncated(w);
	switch (*w->p++) {
	case 0xcc:
		return NEXT_IPV4;
	case 0x8e:
		return NEXT_IPV6;
	case 0x80:
		return parse_snap(w, 0);
	}
	return walk_ignore(w, SF_IGNORED_nonIp);
}

/*
 * FRF.16 §3 (FRF.15 likewise): begin and end of a frame, control, sequence number; the frame
 * follows. Fragments behind the first one have no header of their own.
 */
static enum next parse_multilink_frame_relay(struct walk *w)
{
	enum { BEGIN = 0x80, CONTROL = 0x20 };

	if (walk_left(w) < 2)
		return walk_truncated(w);
	if ((w->p[0] & (BEGIN | CONTROL)) != BEGIN)
		return walk_ignore(w, SF_IGNORED_nonIp);
	w->p += 2;
	return parse_frame_relay(w);
}

/* Frame control, destination, source; LLC frames have class and format x101xxxx. */
static enum next parse_fddi(struct walk *w)
{
	const uint8_t *p = w->p;

	if (walk_left(w) < 13)
		return walk_truncated(w);
	if ((p[0] & 0x70) != 0x50)
		return walk_ignore(w, SF_IGNORED_nonIp);
	w->flags |= SF_FACT_MAC;
	memcpy(w->facts->dst_mac, p + 1, 6);
	memcpy(w->facts->src_mac, p + 7, 6);
	w->p += 13;
	return NEXT_LLC;
}

/*
 * Address family, version 0, resource id, then type-length-value items in the byte order of the
 * capturing machine, padded to four bytes. Types are below 256, so a larger one means the other
 * byte order.
 */
static enum next parse_nflog(struct walk *w)
{
	enum { PAYLOAD = 9, ITEMS_MAX = 64 };
	uint8_t family;

	if (walk_left(w) < 4)
		return walk_truncated(w);
	family = w->p[0];
	if (w->p[1] != 0 || (family != 2 && family != 10))
		return walk_ignore(w, SF_IGNORED_nonIp);
	w->p += 4;
	for (unsigned n = 0; n < ITEMS_MAX; n++) {
		uint32_t length, type, padded;

		if (walk_left(w) < 4)
			return walk_truncated(w);
		length = sf_load_be16(w->p);
		type = sf_load_be16(w->p + 2);
		if (type > 0xff) {
			length = __builtin_bswap16((uint16_t)length);
			type = __builtin_bswap16((uint16_t)type);
		}
		if (length < 4)
			return walk_ignore(w, SF_IGNORED_nonIp);
		if (type == PAYLOAD) {
			w->p += 4;
			length -= 4;
			if (length < walk_left(w))
				w->end = w->p + length;
			if (length < walk_wire_left(w))
				w->wire = (uint32_t)(w->p - w->packet->data) + length;
			return family == 2 ? NEXT_IPV4 : NEXT_IPV6;
		}
		padded = (length + 3) & ~UINT32_C(3);
		if (walk_left(w) < padded)
			return walk_truncated(w);
		w->p += padded;
	}
	return walk_ignore(w, SF_IGNORED_nonIp);
}

/*
 * The log of pf: length of the header without its padding to four bytes, address family of the
 * system that captured, as in parse_null().
 */
static enum next parse_pflog(struct walk *w)
{
	enum { LEAST = 48, INET = 2 };
	const uint8_t *p = w->p;
	size_t length;

	if (walk_left(w) < 2)
		return walk_truncated(w);
	length = (p[0] + 3u) & ~3u;
	if (length < LEAST)
		return walk_ignore(w, SF_IGNORED_nonIp);
	if (walk_left(w) < length)
		return walk_truncated(w);
	w->p += length;
	if (p[1] == INET)
		return NEXT_IPV4;
	return is_inet6(p[1]) ? NEXT_IPV6 : walk_ignore(w, SF_IGNORED_nonIp);
}

static enum next parse_ppi(struct walk *w);

static enum next parse_link_type(struct walk *w, enum sf_link link)
{
	switch (link) {
	case SF_LINK_ETHERNET:
		return NEXT_ETHERNET;
	case SF_LINK_NULL:
	case SF_LINK_LOOP:
		return parse_null(w);
	case SF_LINK_RAW_BSD:
	case SF_LINK_RAW_OPENBSD:
	case SF_LINK_RAW:
		return NEXT_IP;
	case SF_LINK_IPV4:
		return NEXT_IPV4;
	case SF_LINK_IPV6:
		return NEXT_IPV6;
	case SF_LINK_PPP:
	case SF_LINK_PPP_HDLC:
		return parse_ppp_hdlc(w);
	case SF_LINK_PPP_WITH_DIR:
		return parse_ppp_with_direction(w);
	case SF_LINK_PPP_PPPD:
		return parse_ppp_pppd(w);
	case SF_LINK_PPP_ETHER:
		return NEXT_PPPOE;
	case SF_LINK_C_HDLC:
		return parse_cisco_hdlc(w);
	case SF_LINK_FRELAY:
		return parse_frame_relay(w);
	case SF_LINK_MFR:
		return parse_multilink_frame_relay(w);
	case SF_LINK_FDDI:
		return parse_fddi(w);
	case SF_LINK_LINUX_SLL:
		return parse_linux_sll(w);
	case SF_LINK_LINUX_SLL2:
		return parse_linux_sll2(w);
	case SF_LINK_MPLS:
		return NEXT_MPLS;
	case SF_LINK_PFLOG:
		return parse_pflog(w);
	case SF_LINK_NFLOG:
		return parse_nflog(w);
	case SF_LINK_IEEE802_11:
		return NEXT_IEEE802_11;
	case SF_LINK_IEEE802_11_RADIOTAP:
		return sf_parse_radiotap(w);
	case SF_LINK_PPI:
		return parse_ppi(w);
	case SF_LINK_DSA_TAG_BRCM:
	case SF_LINK_DSA_TAG_BRCM_PREPEND:
	case SF_LINK_DSA_TAG_DSA:
	case SF_LINK_DSA_TAG_EDSA:
		return sf_parse_dsa(w, link);
	}
	return walk_ignore(w, SF_IGNORED_unsupportedLinkType);
}

/* Version 0, flags, length of the header and link type of what follows, both little-endian. */
static enum next parse_ppi(struct walk *w)
{
	enum next next;
	size_t length;
	uint32_t link;

	if (walk_left(w) < 8)
		return walk_truncated(w);
	length = w->p[2] | (size_t)w->p[3] << 8;
	link = __builtin_bswap32(sf_load_be32(w->p + 4));
	if (w->p[0] != 0 || length < 8 || link == SF_LINK_PPI)
		return walk_ignore(w, SF_IGNORED_nonIp);
	if (walk_left(w) < length)
		return walk_truncated(w);
	w->p += length;
	next = parse_link_type(w, (enum sf_link)link);
	/* the capture's own link type (PPI) is supported */
	if (next == NEXT_IGNORED && w->reason == SF_IGNORED_unsupportedLinkType)
		return walk_ignore(w, SF_IGNORED_nonIp);
	return next;
}

enum next sf_parse_link(struct walk *w)
{
	return parse_link_type(w, (enum sf_link)w->packet->link);
}
