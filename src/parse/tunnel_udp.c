/* SPDX-License-Identifier: BSD-2-Clause */
/* Tunnels that a UDP port names. Behind the port each header is checked as far as it can be. */
#include "parse/tunnel_header.h"

/*
 * RFC 7348 §5: flag I, network identifier. draft-ietf-nvo3-vxlan-gpe §3, port 4790: flag P, the
 * last byte of the first word is the next protocol.
 */
enum next sf_header_vxlan(struct walk *w, struct tunnel *tunnel)
{
	enum { HAS_ID = 0x08, HAS_PROTOCOL = 0x04, VERSION = 0x30, MANAGEMENT = 0x01 };
	const uint8_t *p = w->p;
	bool generic = tunnel->port == 4790 && walk_left(w) && p[0] & HAS_PROTOCOL;

	if (walk_left(w) < 8 || !(p[0] & HAS_ID))
		return NEXT_DONE;
	tunnel->id = sf_load_be32(p + 4) >> 8;
	tunnel->mirror.known = SF_MIRROR_VNI;
	w->p += 8;
	if (!generic)
		return NEXT_ETHERNET;
	if (p[0] & (VERSION | MANAGEMENT))
		return NEXT_DONE;
	switch (p[3]) {
	case 1:
		return NEXT_IPV4;
	case 2:
		return NEXT_IPV6;
	case 3:
		return NEXT_ETHERNET;
	case 4:
		return walk_ethertype(w, ETHERTYPE_NSH);
	case 5:
		return NEXT_MPLS;
	}
	return NEXT_DONE;
}

/*
 * RFC 8926 §3.4: version 0, options in units of four bytes, an Ethernet type. Bit O: management.
 * Options that are critical (bit C) say nothing about where the frame begins.
 */
enum next sf_header_geneve(struct walk *w, struct tunnel *tunnel)
{
	enum { MANAGEMENT = 0x80 };
	const uint8_t *p = w->p;
	uint16_t type;
	size_t length;

	if (walk_left(w) < 8 || p[0] >> 6 != 0 || p[1] & MANAGEMENT)
		return NEXT_DONE;
	length = 8 + (p[0] & 0x3fu) * 4;
	type = sf_load_be16(p + 2);
	if (type <= ETHERTYPE_SNAP_LENGTH || walk_left(w) < length)
		return NEXT_DONE;
	tunnel->id = sf_load_be32(p + 4) >> 8;
	tunnel->mirror.known = SF_MIRROR_VNI;
	w->p += length;
	return walk_ethertype(w, type);
}

/*
 * 3GPP TS 29.281 §5.1: version 1, protocol type GTP, message type 255 (a packet of a user). §5.2:
 * each extension header begins with its length in units of four bytes and ends with the next one's
 * type.
 */
enum next sf_header_gtp_u(struct walk *w, struct tunnel *tunnel)
{
	enum {
		FIXED = 8,
		USER_PACKET = 255,
		HAS_MORE = 0x07,
		HAS_EXTENSION = 0x04,
		EXTENSIONS = 8
	};
	const uint8_t *p = w->p, *end = w->end;
	size_t at = FIXED;
	uint8_t type;

	if (walk_left(w) < FIXED || (p[0] & 0xf0) != 0x30 || p[1] != USER_PACKET)
		return NEXT_DONE;
	tunnel->id = sf_load_be32(p + 4);
	if (p[0] & HAS_MORE) {
		at += 4;
		if (walk_left(w) < at)
			return NEXT_DONE;
		type = p[0] & HAS_EXTENSION ? p[at - 1] : 0;
		for (unsigned n = 0; type; n++) {
			if (n == EXTENSIONS || p + at >= end || p[at] == 0)
				return NEXT_DONE;
			at += p[at] * 4u;
			if ((size_t)(end - p) < at)
				return NEXT_DONE;
			type = p[at - 1];
			w->steps++;
		}
	}
	w->p += at;
	return next_ip(w);
}

/*
 * 3GPP TS 09.60 §6, §8.1.2: version 0, protocol type GTP, message type 255 (a packet of a user). A
 * flow label and a tunnel identifier, which has the subscriber's number, name the tunnel.
 */
enum next sf_header_gtp_0(struct walk *w, struct tunnel *tunnel)
{
	enum { FIXED = 20, USER_PACKET = 255 };
	const uint8_t *p = w->p;

	if (walk_left(w) < FIXED || (p[0] & 0xfe) != 0x1e || p[1] != USER_PACKET)
		return NEXT_DONE;
	tunnel->id = sf_load_be16(p + 6);
	w->p += FIXED;
	return next_ip(w);
}

/*
 * draft-massar-v6ops-ayiya-02 §3: 2^n bytes of identity, a signature in units of four bytes, the
 * protocol of what follows. Operation 1 forwards a packet.
 */
enum next sf_header_ayiya(struct walk *w, struct tunnel *tunnel)
{
	enum { FORWARD = 1 };
	const uint8_t *p = w->p;
	enum next next;
	size_t length;

	(void)tunnel;
	if (walk_left(w) < 8 || (p[2] & 0x0f) != FORWARD)
		return NEXT_DONE;
	length = 8 + ((size_t)1 << (p[0] >> 4)) + (p[1] >> 4) * 4u;
	if (walk_left(w) < length)
		return NEXT_DONE;
	w->p += length;
	next = next_ip(w);
	return (next == NEXT_IPV6 && p[3] == PROTOCOL_IPV6) ||
			       (next == NEXT_IPV4 && p[3] == PROTOCOL_IPIP)
		       ? next
		       : NEXT_DONE;
}

/* RFC 4380 §5.1.1: perhaps authentication (00 01), perhaps the origin (00 00), then IPv6. */
enum next sf_header_teredo(struct walk *w, struct tunnel *tunnel)
{
	(void)tunnel;
	if (walk_left(w) >= 4 && sf_load_be16(w->p) == 1) {
		size_t length = 4 + (size_t)w->p[2] + w->p[3] + 8 + 1;

		if (walk_left(w) < length)
			return NEXT_DONE;
		w->p += length;
	}
	if (walk_left(w) >= 8 && sf_load_be16(w->p) == 0)
		w->p += 8;
	return next_ip(w) == NEXT_IPV6 ? NEXT_IPV6 : NEXT_DONE;
}

/* RFC 9300 §5.2: eight bytes, of which the I flag says whether the last four have an instance. */
enum next sf_header_lisp(struct walk *w, struct tunnel *tunnel)
{
	enum { HAS_INSTANCE = 0x08 };

	if (walk_left(w) < 8)
		return NEXT_DONE;
	tunnel->id = w->p[0] & HAS_INSTANCE ? sf_load_be32(w->p + 4) >> 8 : 0;
	w->p += 8;
	return next_ip(w);
}

/*
 * RFC 5415 §4.3: version 0, a header in units of four bytes; the radio's frames (T) are 802.11,
 * others 802.3. Not DTLS, keep-alives, or fragments behind the first one.
 */
enum next sf_header_capwap(struct walk *w, struct tunnel *tunnel)
{
	enum { NATIVE = 0x01, KEEP_ALIVE = 0x08 };
	const uint8_t *p = w->p;
	size_t length;

	(void)tunnel;
	if (walk_left(w) < 8 || p[0] != 0 || p[3] & KEEP_ALIVE || sf_load_be16(p + 6) >> 3)
		return NEXT_DONE;
	length = (p[1] >> 3) * 4u;
	if (length < 8 || walk_left(w) < length + 2)
		return NEXT_DONE;
	w->p += length;
	if (!(p[2] & NATIVE))
		return NEXT_ETHERNET;
	/* RFC 5416: wireless binding 1 is 802.11; some controllers exchange the first two bytes */
	if ((p[2] >> 1 & 31) != 1)
		return NEXT_DONE;
	return (w->p[0] & 0x0c) == 0x08 ? NEXT_IEEE802_11 : NEXT_IEEE802_11_SWAPPED;
}

/*
 * Version 1, type 0 (received) or 1 (to be sent), what is inside; then items of a type, a length
 * and bytes, of which 0 (padding) and 1 (the end) are the type alone.
 */
enum next sf_header_tzsp(struct walk *w, struct tunnel *tunnel)
{
	enum { ETHERNET = 1, IEEE802_11 = 18, PADDING = 0, END = 1, ITEMS = 32 };
	const uint8_t *p = w->p, *end = w->end;
	uint16_t inside;

	(void)tunnel;
	if (walk_left(w) < 5 || p[0] != 1 || p[1] > 1)
		return NEXT_DONE;
	inside = sf_load_be16(p + 2);
	p += 4;
	for (unsigned n = 0; n < ITEMS && p < end && *p != END; n++) {
		w->steps += n & 1;
		if (*p == PADDING)
			p++;
		else if (end - p < 2 || end - p < 2 + p[1])
			return NEXT_DONE;
		else
			p += 2 + p[1];
	}
	if (p == end || *p != END || (inside != ETHERNET && inside != IEEE802_11))
		return NEXT_DONE;
	w->p = p + 1;
	return inside == ETHERNET ? NEXT_ETHERNET : NEXT_IEEE802_11;
}

/*
 * The header of a packet in a capture file: time, captured length, length. A radio's frame follows.
 */
enum next sf_header_aruba_erm(struct walk *w, struct tunnel *tunnel)
{
	enum { HEADER = 16 };
	const uint8_t *p = w->p;
	uint32_t captured;

	(void)tunnel;
	if (walk_left(w) < HEADER + 2)
		return NEXT_DONE;
	captured = sf_load_be32(p + 8);
	if (captured == 0 || captured > UINT16_MAX || captured > sf_load_be32(p + 12) ||
		sf_load_be32(p + 4) >= 1000000 || w->claimed > walk_offset(w) + HEADER + captured)
		return NEXT_DONE;
	w->p += HEADER;
	return NEXT_IEEE802_11;
}

/* ProCurve switches: twelve bytes, then the frame. */
enum next sf_header_hpe_erm(struct walk *w, struct tunnel *tunnel)
{
	enum { HEADER = 12 };

	(void)tunnel;
	if (walk_left(w) < HEADER)
		return NEXT_DONE;
	w->p += HEADER;
	return NEXT_ETHERNET;
}
