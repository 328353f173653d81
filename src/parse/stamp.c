/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time stamps that switches and taps write into the frames of a mirror: Arista's header behind the
 * Ethernet addresses, and the trailer of MetaWatch (trailer.c).
 */
#include "base/wire.h"
#include "parse/parse.h"
#include "parse/walk.h"

/* What stands behind Arista's Ethernet type. */
enum {
	SUBTYPE_TIME = 1,
	TIMESCALE_UTC = 1, /* high byte of the version; 0: TAI */
	FORMAT = 0xf0,     /* of its low byte; the other four bits tell the hardware */
	FORMAT_64 = 0x10,
	FORMAT_48 = 0x20,
	TAGS_MOST = 4, /* in front of it */
};

#define TAI_AHEAD_NS (37 * SF_NS_PER_S) /* of UTC, since 2017 */
#define WRAP_NS      (INT64_C(65536) * SF_NS_PER_S)

static uint64_t distance(int64_t a, int64_t b)
{
	return a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
}

static int64_t nearer(int64_t a, int64_t b, int64_t to)
{
	return distance(a, to) <= distance(b, to) ? a : b;
}

/* The time nearest to `near` whose seconds end with the 16 bits of `time_ns`. */
static int64_t unwrap(int64_t time_ns, int64_t near)
{
	int64_t base = near > 0 && near < INT64_MAX - 2 * WRAP_NS ? near - near % WRAP_NS : 0;

	time_ns = nearer(base + time_ns, base + time_ns - WRAP_NS, near);
	return nearer(time_ns, time_ns + WRAP_NS, near);
}

/* The time in the header at `p`, of `left` bytes. `near`: the packet's. */
static bool read_header(const uint8_t *p, size_t left, int64_t near, int64_t *time_ns)
{
	bool whole;
	uint32_t ns;
	int64_t time;

	if (left < 4 || sf_load_be16(p) != SUBTYPE_TIME || p[2] > TIMESCALE_UTC)
		return false;
	whole = (p[3] & FORMAT) == FORMAT_64;
	if ((!whole && (p[3] & FORMAT) != FORMAT_48) || left < (whole ? 12 : 10))
		return false;
	time = whole ? sf_load_be32(p + 4) : sf_load_be16(p + 4);
	ns = sf_load_be32(p + (whole ? 8 : 6));
	if (ns >= SF_NS_PER_S)
		return false;
	time = time * SF_NS_PER_S + ns;
	if (!whole)
		time = unwrap(time, near);
	/* switches without PTP mark UTC as TAI, so both are tried */
	*time_ns = p[2] == TIMESCALE_UTC ? time : nearer(time, time - TAI_AHEAD_NS, near);
	return true;
}

static bool find_header(const struct sf_packet *packet, int64_t *time_ns)
{
	const uint8_t *p = packet->data + 12, *end = packet->data + packet->captured;

	for (unsigned tags = 0; tags <= TAGS_MOST && end - p >= 2; tags++, p += 4) {
		const struct ethertype type = { sf_load_be16(p) };

		if (type.value == ETHERTYPE_ARISTA)
			return read_header(p + 2, (size_t)(end - p - 2), packet->time_ns, time_ns);
		if (!ethertype_is_tag(type) || end - p < 4)
			return false;
	}
	return false;
}

bool sf_parse_stamp(const struct sf_packet *packet, int64_t *time_ns)
{
	struct sf_facts facts;

	if (packet->link != SF_LINK_ETHERNET || packet->captured < 14)
		return false;
	if (find_header(packet, time_ns))
		return true;
	return packet->captured >= packet->wire && sf_parse(packet, &facts) == SF_PARSED &&
	       sf_parse_trailer_time(packet, &facts, time_ns);
}
