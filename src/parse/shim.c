/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Headers between Ethernet and IP that are neither VLAN tags nor MPLS labels: switches, taps and
 * fabrics add them to frames that leave through a mirror port. Such a header begins behind its
 * Ethernet type and ends with the Ethernet type of the next header, or before an Ethernet header.
 */
#include "parse/walk.h"

enum {
	ETHERTYPE_CISCO_METADATA = 0x8909, /* security group tag (TrustSec) */
	ETHERTYPE_TRILL = 0x22f3,
	ETHERTYPE_REALTEK = 0x8899,
	ETHERTYPE_EDSA = 0xdada,
	ETHERTYPE_MACSEC = 0x88e5,
};

/* Headers of constant length. */
static const struct shim {
	uint16_t type;
	uint8_t length; /* bytes, without the next Ethernet type */
	bool frame;     /* an Ethernet header follows, not an Ethernet type */
} shims[] = {
	{ 0x88e7, 4, true },  /* IEEE 802.1Q §9.7 (802.1ah): backbone service instance tag */
	{ 0x8903, 2, true },  /* Cisco FabricPath */
	{ 0x8926, 4, false }, /* VN-Tag of Cisco fabric extenders and virtual interfaces */
	{ 0x892f, 4, false }, /* IEC 62439-3: HSR tag */
	{ 0x893f, 6, false }, /* IEEE 802.1BR §7.5: E-tag */
	{ 0x8988, 6, false }, /* Cisco TTag: time stamp */
	{ 0xf1c1, 4, false }, /* IEEE 802.1CB §7.8: redundancy tag */
};

/* Skips `length` bytes and reads the Ethernet type behind them. */
static enum next skip_to_type(struct walk *w, size_t length)
{
	if (walk_left(w) < length + 2)
		return walk_truncated(w);
	w->p += length + 2;
	return walk_ethertype(w, sf_load_be16(w->p - 2));
}

static enum next skip_to_frame(struct walk *w, size_t length)
{
	if (walk_left(w) < length)
		return walk_truncated(w);
	w->p += length;
	return NEXT_ETHERNET;
}

/* Version 1 and the length of the options in units of four bytes; the tag is the only option. */
static enum next parse_cisco_metadata(struct walk *w)
{
	if (walk_left(w) < 2)
		return walk_truncated(w);
	if (w->p[0] != 1)
		return walk_ignore(w, SF_IGNORED_nonIp);
	return skip_to_type(w, 2 + 4 * (size_t)w->p[1]);
}

/* Subtype 1, a time stamp; its version says how long it is. */
static enum next parse_arista(struct walk *w)
{
	enum { SIZE = 0xf0, SIZE_64 = 0x10, SIZE_48 = 0x20 };
	uint8_t size;

	if (walk_left(w) < 4)
		return walk_truncated(w);
	size = w->p[3] & SIZE;
	if (sf_load_be16(w->p) != 1 || (size != SIZE_64 && size != SIZE_48))
		return walk_ignore(w, SF_IGNORED_nonIp);
	return skip_to_type(w, size == SIZE_64 ? 4 + 8 : 4 + 6);
}

/* Two kinds of tag, by the first nibble or byte; other values are protocols of Realtek's own. */
static enum next parse_realtek(struct walk *w)
{
	if (walk_left(w) < 1)
		return walk_truncated(w);
	if (w->p[0] >> 4 == 0xa)
		return skip_to_type(w, 2);
	if (w->p[0] == 0x04)
		return skip_to_type(w, 6);
	return walk_ignore(w, SF_IGNORED_nonIp);
}

/* RFC 6325 §3: six bytes, then options in units of four. */
static enum next parse_trill(struct walk *w)
{
	if (walk_left(w) < 2)
		return walk_truncated(w);
	return skip_to_frame(w, 6 + (sf_load_be16(w->p) >> 6 & 31) * 4u);
}

/* RFC 8300 §2.2: length in units of four bytes, next protocol. */
static enum next parse_nsh(struct walk *w)
{
	size_t length;
	uint8_t protocol;

	if (walk_left(w) < 4)
		return walk_truncated(w);
	length = (w->p[1] & 63) * 4u;
	protocol = w->p[3];
	if (length < 8)
		return walk_ignore(w, SF_IGNORED_nonIp);
	if (walk_left(w) < length)
		return walk_truncated(w);
	w->p += length;
	switch (protocol) {
	case 1:
		return NEXT_IPV4;
	case 2:
		return NEXT_IPV6;
	case 3:
		return NEXT_ETHERNET;
	case 5:
		return NEXT_MPLS;
	}
	return walk_ignore(w, SF_IGNORED_nonIp);
}

/*
 * IEEE 802.1AE §9.3: flags, length, packet number, and with flag SC the channel identifier. Without
 * encryption the frame goes on as it was; its check value is behind the packet.
 */
static enum next parse_macsec(struct walk *w)
{
	enum { VERSION = 0x80, CHANNEL = 0x20, ENCRYPTED = 0x08, CHANGED = 0x04 };

	if (walk_left(w) < 1)
		return walk_truncated(w);
	if (w->p[0] & (VERSION | ENCRYPTED | CHANGED))
		return walk_ignore(w, SF_IGNORED_nonIp);
	return skip_to_type(w, w->p[0] & CHANNEL ? 6 + 8 : 6);
}

/* Marvell: the VLAN tag that a frame came with is a part of the switch's tag. */
static void dsa_vlan(struct walk *w, const uint8_t *tag)
{
	enum { TAGGED = 0x20 };

	if (tag[0] & TAGGED)
		walk_add_tag(w, sf_load_be16(tag + 2));
}

/* Two reserved bytes, then the tag. */
static enum next parse_edsa(struct walk *w)
{
	if (walk_left(w) < 6)
		return walk_truncated(w);
	dsa_vlan(w, w->p + 2);
	return skip_to_type(w, 6);
}

enum next sf_parse_shim(struct walk *w)
{
	switch (w->ethertype.value) {
	case ETHERTYPE_CISCO_METADATA:
		return parse_cisco_metadata(w);
	case ETHERTYPE_ARISTA:
		return parse_arista(w);
	case ETHERTYPE_REALTEK:
		return parse_realtek(w);
	case ETHERTYPE_TRILL:
		return parse_trill(w);
	case ETHERTYPE_NSH:
		return parse_nsh(w);
	case ETHERTYPE_EDSA:
		return parse_edsa(w);
	case ETHERTYPE_MACSEC:
		return parse_macsec(w);
	}
	for (size_t i = 0; i < sizeof(shims) / sizeof(shims[0]); i++)
		if (shims[i].type == w->ethertype.value)
			return shims[i].frame ? skip_to_frame(w, shims[i].length)
					      : skip_to_type(w, shims[i].length);
	return walk_ignore(w, SF_IGNORED_nonIp);
}

/*
 * Cisco's inter-switch link: a header of 26 bytes before a whole Ethernet frame. It is recognised
 * by its destination address, 01-00-0c-00-00 or 03-00-0c-00-00, and the LLC header behind its
 * length.
 */
bool sf_has_isl_address(const uint8_t *p)
{
	return (p[0] | 2) == 0x03 && sf_load_be32(p + 1) == 0x000c0000;
}

enum next sf_parse_isl(struct walk *w, bool *is_isl)
{
	const uint8_t *p = w->p;

	*is_isl = true;
	if (walk_left(w) < 17)
		return walk_truncated(w);
	*is_isl = p[14] == 0xaa && p[15] == 0xaa && p[16] == 0x03;
	if (!*is_isl)
		return NEXT_DONE;
	if (p[5] >> 4 != 0) /* Token Ring, FDDI, ATM */
		return walk_ignore(w, SF_IGNORED_nonIp);
	if (walk_left(w) < 26)
		return walk_truncated(w);
	/* the lowest bit marks control frames of bridges */
	walk_add_tag(w, sf_load_be16(p + 20) >> 1);
	return skip_to_frame(w, 26);
}

/*
 * Link types of frames between a switch and its processor. The switch's tag stands before the frame
 * (BRCM_PREPEND) or behind the Ethernet addresses: Broadcom's, Marvell's, and Marvell's with an
 * Ethernet type of its own (EDSA).
 */
enum next sf_parse_dsa(struct walk *w, enum sf_link link)
{
	enum { ADDRESSES = 12, TAG = 4 };

	if (link == SF_LINK_DSA_TAG_BRCM_PREPEND)
		return skip_to_frame(w, TAG);
	if (link == SF_LINK_DSA_TAG_EDSA)
		return NEXT_ETHERNET;
	if (walk_left(w) < ADDRESSES + TAG)
		return walk_truncated(w);
	walk_set_macs(w, w->p);
	if (link == SF_LINK_DSA_TAG_DSA)
		dsa_vlan(w, w->p + ADDRESSES);
	return skip_to_type(w, ADDRESSES + TAG);
}
