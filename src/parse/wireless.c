/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IEEE 802.11 data frames (IEEE 802.11-2020 §9.3.2), with and without a radiotap header in front.
 * Everything but an unencrypted data frame with one MSDU in it is `nonIp`: management and control
 * frames, null frames, protected ones, and aggregates (A-MSDU), which hold several packets.
 */
#include "parse/walk.h"

enum {
	TO_DS = 0x01,
	FROM_DS = 0x02,
	PROTECTED = 0x40,
	ORDER = 0x80, /* in a QoS frame: an HT control field is there */
	SUBTYPE_NULL = 0x40,
	SUBTYPE_QOS = 0x80,
	QOS_AMSDU = 0x80,
};

/* Table 9-60: which address fields hold the destination and the source. */
static void wireless_addresses(struct walk *w, const uint8_t *p, uint8_t flags)
{
	const uint8_t *destination = p + (flags & TO_DS ? 16 : 4), *source = p + 10;

	if (flags & FROM_DS)
		source = p + (flags & TO_DS ? 24 : 16);
	if (w->inside)
		sf_tunnel_frame(w);
	w->flags |= SF_FACT_MAC;
	memcpy(w->facts->dst_mac, destination, 6);
	memcpy(w->facts->src_mac, source, 6);
}

/* `swapped`: the two bytes of frame control stand in the other order. */
static enum next parse_data_frame(struct walk *w, unsigned alignment, bool swapped)
{
	const uint8_t *p = w->p;
	uint8_t type, flags;
	size_t header = 24;

	if (walk_left(w) < 2)
		return walk_truncated(w);
	type = p[swapped];
	flags = p[!swapped];
	/*
	 * version 0, type data, with data, in the clear; control and management frames may be
	 * shorter than the header of a data frame
	 */
	if ((type & 0x0f) != 0x08 || type & SUBTYPE_NULL || flags & PROTECTED)
		return walk_ignore(w, SF_IGNORED_nonIp);
	if (walk_left(w) < header)
		return walk_truncated(w);
	if ((flags & (TO_DS | FROM_DS)) == (TO_DS | FROM_DS))
		header += 6;
	if (type & SUBTYPE_QOS) {
		if (walk_left(w) < header + 2)
			return walk_truncated(w);
		if (p[header] & QOS_AMSDU)
			return walk_ignore(w, SF_IGNORED_nonIp);
		header += flags & ORDER ? 6 : 2;
	}
	header = (header + alignment - 1) / alignment * alignment;
	if (walk_left(w) < header)
		return walk_truncated(w);
	wireless_addresses(w, p, flags);
	w->p += header;
	return NEXT_LLC;
}

enum next sf_parse_ieee802_11(struct walk *w, bool swapped)
{
	return parse_data_frame(w, 1, swapped);
}

/*
 * The flags field (bit 1) says whether the 802.11 header is padded to four bytes. It follows the
 * chain of presence words (bit 31: another one) and the timestamp (bit 0), which is eight bytes
 * on a multiple of eight. False when it lies beyond the `length` of the radiotap header.
 */
static bool radiotap_pads(const uint8_t *p, size_t length)
{
	enum { TIMESTAMP = 0x01, FLAGS = 0x02, DATA_PAD = 0x20 };
	uint32_t present = __builtin_bswap32(sf_load_be32(p + 4));
	size_t at = 4;

	if (!(present & FLAGS))
		return false;
	do {
		at += 4;
		if (length < at)
			return false;
	} while (sf_load_be32(p + at - 4) & 0x80);
	if (present & TIMESTAMP)
		at = (at + 7) / 8 * 8 + 8;
	return at < length && p[at] & DATA_PAD;
}

enum next sf_parse_radiotap(struct walk *w)
{
	const uint8_t *p = w->p;
	size_t length;

	if (walk_left(w) < 8)
		return walk_truncated(w);
	length = p[2] | (size_t)p[3] << 8;
	if (p[0] != 0 || length < 8)
		return walk_ignore(w, SF_IGNORED_nonIp);
	if (walk_left(w) < length)
		return walk_truncated(w);
	w->p += length;
	return parse_data_frame(w, radiotap_pads(p, length) ? 4 : 1, false);
}
