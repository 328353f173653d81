/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lies behind the bottom of an MPLS label stack is not named in the packet. By its first
 * nibble (RFC 4928 §3) it is
 *
 *	4, 6       IP, or an Ethernet pseudowire without control word whose destination address
 *	           begins so
 *	0          an Ethernet pseudowire with control word (RFC 4448 §4.6), or one without whose
 *	           destination address begins so
 *	otherwise  an Ethernet pseudowire without control word
 *
 * Where two readings are possible, each gets marks for what fits in the frame (checksum of an IPv4
 * header, lengths, Ethernet type), and the reading with more marks is taken. If the frame is cut
 * and the missing bytes could change the choice, the frame is `truncated`.
 */
#include "parse/walk.h"

enum {
	IMPOSSIBLE = -1,
	NOTHING = 0, /* nothing speaks for the reading or against it */
	LITTLE,      /* a length that is not too large, or a known type */
	SOME,        /* 16 bits agree with the frame: a length or a type */
	MUCH,        /* checksum of an IPv4 header with options */
	MOST,        /* an Ethernet type, and a header of this type */
	TAGGED,      /* a tag, an Ethernet type, and a header of this type */
	ENOUGH,      /* for IP: checksum or length of a header of the usual length */
};

/* The marks of a reading. */
struct marks {
	int least; /* by the captured bytes */
	int most;  /* if the missing bytes fit as well as possible */
};

enum {
	ETHERNET_HEADER = 14,
	ETHERNET_LEAST = ETHERNET_HEADER + 3, /* shortest frame: with an LLC header */
	IPV4_HEADER = 20,
	IPV6_HEADER = 40,
	CONTROL_WORD = 4,
	CHECK_SEQUENCE = 4,        /* of the frame; some captures have it */
	ETHERNET_PAYLOAD_MIN = 46, /* a shorter packet has padding behind it */
	TAGS_MAX = 4,
	ETHERTYPE_ARP = 0x0806,
};

/* The rest of a frame, from `p` on: its bytes captured and on the wire. */
struct piece {
	const uint8_t *p;
	size_t captured, wire;
};

/* The rest behind the next `length` bytes, which must be captured. */
static struct piece behind(struct piece piece, size_t length)
{
	piece.p += length;
	piece.captured -= length;
	piece.wire -= length;
	return piece;
}

/* True if a packet of so many bytes fills the piece, except for padding or a check sequence. */
static bool fills(const struct piece *piece, size_t octets)
{
	return octets <= piece->wire &&
	       (piece->wire - octets <= CHECK_SEQUENCE || piece->wire <= ETHERNET_PAYLOAD_MIN);
}

static struct marks certain(int marks)
{
	return (struct marks){ marks, marks };
}

/* Marks where captured bytes do not suffice: if the piece is cut, the others may give `most`. */
static struct marks at_least(const struct piece *piece, int marks, int most)
{
	return (struct marks){ marks, piece->captured < piece->wire ? most : marks };
}

static bool ipv4_checksum_is_right(const uint8_t *p, size_t header)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < header; i += 2)
		sum += sf_load_be16(p + i);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

static struct marks marks_ipv4(struct piece piece)
{
	size_t header, octets;
	int marks, best;

	if (piece.captured < 1)
		return at_least(&piece, IMPOSSIBLE, ENOUGH);
	header = (piece.p[0] & 15) * 4u;
	if (piece.p[0] >> 4 != 4 || header < IPV4_HEADER)
		return certain(IMPOSSIBLE);
	if (piece.captured < 4)
		return at_least(&piece, NOTHING, ENOUGH);
	octets = sf_load_be16(piece.p + 2);
	if (octets == 0) /* the network card was to fill it in (segmentation offload) */
		return certain(LITTLE);
	if (octets < header)
		return certain(NOTHING);
	marks = fills(&piece, octets) ? SOME : octets <= piece.wire ? LITTLE : NOTHING;
	/* with options it may be an address that begins with 46 to 4f: less than ENOUGH */
	best = header == IPV4_HEADER ? ENOUGH : MUCH;
	if (piece.captured < header)
		return at_least(&piece, marks, best);
	return certain(ipv4_checksum_is_right(piece.p, header) ? best : marks);
}

static struct marks marks_ipv6(struct piece piece)
{
	size_t octets;
	bool known;

	if (piece.captured < 1)
		return at_least(&piece, IMPOSSIBLE, ENOUGH);
	if (piece.p[0] >> 4 != 6)
		return certain(IMPOSSIBLE);
	if (piece.captured < 7)
		return at_least(&piece, NOTHING, ENOUGH);
	octets = IPV6_HEADER + sf_load_be16(piece.p + 4);
	known = piece.p[6] == PROTOCOL_TCP || piece.p[6] == PROTOCOL_UDP ||
		piece.p[6] == PROTOCOL_ICMPV6 || piece.p[6] == PROTOCOL_HOP_BY_HOP ||
		piece.p[6] == PROTOCOL_FRAGMENT;
	if (octets > IPV6_HEADER && fills(&piece, octets))
		return certain(known ? ENOUGH : SOME);
	return certain(octets <= piece.wire ? LITTLE : NOTHING);
}

/* Marks of an IP header behind the Ethernet type that names it. */
static int named(int ip)
{
	return ip == IMPOSSIBLE ? NOTHING : ip >= SOME ? MOST : ip == LITTLE ? SOME : LITTLE;
}

static struct marks marks_named(struct marks ip)
{
	return (struct marks){ named(ip.least), named(ip.most) };
}

static struct marks marks_ethertype(struct ethertype type, struct piece piece)
{
	if (type.value < 3) /* an LLC header's length */
		return certain(NOTHING);
	if (type.value <= ETHERTYPE_SNAP_LENGTH)
		return certain(fills(&piece, type.value) ? SOME : NOTHING);
	switch (type.value) {
	case ETHERTYPE_IPV4:
		return marks_named(marks_ipv4(piece));
	case ETHERTYPE_IPV6:
		return marks_named(marks_ipv6(piece));
	case ETHERTYPE_ARP: /* for Ethernet and IPv4 */
		if (piece.captured < 4)
			return at_least(&piece, NOTHING, SOME);
		return certain(sf_load_be32(piece.p) == 0x00010800 ? SOME : NOTHING);
	case ETHERTYPE_MPLS:
	case ETHERTYPE_MPLS_MULTICAST:
	case ETHERTYPE_PPPOE:
		return certain(LITTLE);
	}
	return certain(NOTHING);
}

static struct marks marks_ethernet(struct piece piece)
{
	struct ethertype type;
	struct marks marks;
	unsigned tags;

	if (piece.wire < ETHERNET_LEAST)
		return certain(IMPOSSIBLE);
	if (piece.captured < ETHERNET_HEADER)
		return at_least(&piece, NOTHING, TAGGED);
	type.value = sf_load_be16(piece.p + 12);
	piece = behind(piece, ETHERNET_HEADER);
	for (tags = 0; tags < TAGS_MAX && ethertype_is_tag(type); tags++) {
		if (piece.captured < 4)
			return at_least(&piece, NOTHING, TAGGED);
		type.value = sf_load_be16(piece.p + 2);
		piece = behind(piece, 4);
	}
	marks = marks_ethertype(type, piece);
	marks.least = marks.least == MOST && tags ? TAGGED : marks.least;
	marks.most = marks.most == MOST && tags ? TAGGED : marks.most;
	return marks;
}

/* With or without control word. The reading with fewer marks is the fallback if IP is not found. */
static enum next choose_control_word(struct walk *w, struct piece piece)
{
	struct marks without = marks_ethernet(piece);
	struct marks with = marks_ethernet(behind(piece, CONTROL_WORD));
	bool has = with.least >= without.most;

	if (!has && without.least <= with.most)
		return walk_truncated(w);
	if (with.most != IMPOSSIBLE && without.most != IMPOSSIBLE) {
		w->fallback = has ? w->p : w->p + CONTROL_WORD;
		w->fallback_tags = w->tags;
		memcpy(w->fallback_tci, w->tci, sizeof(w->tci));
		w->fallback_flags = w->flags;
	}
	if (has)
		w->p += CONTROL_WORD;
	return NEXT_ETHERNET;
}

/* IP or Ethernet, where `ip` are the marks of IP. */
static enum next choose_ip(struct walk *w, struct piece piece, struct marks ip)
{
	struct marks ethernet;

	if (ip.least == ENOUGH)
		return NEXT_IP;
	ethernet = marks_ethernet(piece);
	if (ethernet.most <= ip.least)
		return NEXT_IP;
	if (ethernet.least <= ip.most)
		return walk_truncated(w);
	return NEXT_ETHERNET;
}

enum next sf_parse_behind_labels(struct walk *w)
{
	struct piece piece = { w->p, walk_left(w), walk_wire_left(w) };
	struct marks ip = certain(IMPOSSIBLE);

	w->steps += SF_WALK_OF_LABELS;
	if (piece.captured < 1)
		return walk_truncated(w);
	if (piece.p[0] >> 4 == 4)
		ip = marks_ipv4(piece);
	else if (piece.p[0] >> 4 == 6)
		ip = marks_ipv6(piece);
	if (ip.least != IMPOSSIBLE)
		return choose_ip(w, piece, ip);
	/* a pseudowire of another kind than Ethernet, or an associated channel */
	if (piece.wire < ETHERNET_LEAST)
		return walk_ignore(w, SF_IGNORED_nonIp);
	if (piece.p[0] >> 4 == 0 && piece.captured >= CONTROL_WORD)
		return choose_control_word(w, piece);
	return NEXT_ETHERNET;
}
