/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/wire.h"
#include "parse/parse.h"

/*
 * Arista MetaWatch (Metamako): the frame's check sequence, seconds and nanoseconds, flags, the
 * numbers of the tap and of its port; behind it perhaps the new check sequence.
 */
enum {
	TRAILER = 16,
	FCS = 4,
	AT_SECONDS = 4,
	AT_NANOSECONDS = 8,
	AT_FLAGS = 12,
	AT_DEVICE = 13,
	AT_PORT = 15,
	RESERVED_FLAGS = 0xfc,
	CLOCK_OFF_S = 86400, /* the tap's clock may be wrong by so much */
};

/* Nothing marks the trailer: the time in it has to be about that of the packet. */
static bool is_trailer(const uint8_t *p, int64_t time_ns)
{
	int64_t offset = (int64_t)sf_load_be32(p + AT_SECONDS) - time_ns / SF_NS_PER_S;

	return !(p[AT_FLAGS] & RESERVED_FLAGS) && sf_load_be32(p + AT_NANOSECONDS) < SF_NS_PER_S &&
	       offset >= -CLOCK_OFF_S && offset <= CLOCK_OFF_S;
}

/* The trailer behind the packet of these facts; NULL: there is none. */
static const uint8_t *find_trailer(const struct sf_packet *packet, const struct sf_facts *facts)
{
	uint64_t end = (uint64_t)facts->l3_offset + facts->octets;

	if (packet->captured < packet->wire)
		return NULL;
	for (unsigned length = TRAILER; length <= TRAILER + FCS; length += FCS) {
		const uint8_t *p;

		if (end + length > packet->captured)
			return NULL;
		p = packet->data + packet->captured - length;
		if (is_trailer(p, packet->time_ns))
			return p;
	}
	return NULL;
}

void sf_parse_trailer(const struct sf_packet *packet, struct sf_facts *facts)
{
	const uint8_t *p = find_trailer(packet, facts);

	if (!p)
		return;
	facts->mirror.device = sf_load_be16(p + AT_DEVICE);
	facts->mirror.device_port = p[AT_PORT];
	facts->mirror.known |= SF_MIRROR_DEVICE;
}

bool sf_parse_trailer_time(
	const struct sf_packet *packet, const struct sf_facts *facts, int64_t *time_ns)
{
	const uint8_t *p = find_trailer(packet, facts);

	if (p)
		*time_ns = sf_load_be32(p + AT_SECONDS) * SF_NS_PER_S +
			   sf_load_be32(p + AT_NANOSECONDS);
	return p;
}
