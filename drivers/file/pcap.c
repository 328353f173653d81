/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Classic pcap (draft-ietf-opsawg-pcap): a 24-byte header, then records of 16 bytes of header and
 * the captured bytes.
 *
 * The decoder is one inline function that is compiled twice: for records in our byte order with
 * plain headers, as in nearly every file; and for all others (opposite byte order, 24-byte headers
 * of the "modified" format, exchanged lengths of versions before 2.4). The format is a constant in
 * the first variant, so its loop has no branch that depends on the format.
 */
#include "file/reader.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "base/branch.h"
#include "file/order.h"

#define FILE_HEADER     24
#define RECORD          16
#define RECORD_MODIFIED 24 /* + interface index, protocol, packet type, padding */

#define AHEAD 1024 /* prefetch distance, bytes */

#define OUTGOING 4 /* packet type of the modified format: PACKET_OUTGOING of <linux/if_packet.h> */

/*
 * Versions before 2.4 wrote the two lengths exchanged; version 2.3 did so with some writers only.
 */
static inline void exchange_lengths(unsigned version_minor, uint32_t *captured, uint32_t *wire)
{
	if (version_minor < 3 || (version_minor == 3 && *captured > *wire)) {
		uint32_t other = *captured;

		*captured = *wire;
		*wire = other;
	}
}

/* Members of struct sf_packet that are the same for all packets of a file. */
struct packet_tail {
	uint16_t link, interface, vlan_tci, flags;
};

static_assert(offsetof(struct sf_packet, wire) == offsetof(struct sf_packet, captured) + 4 &&
		      offsetof(struct sf_packet, link) + sizeof(struct packet_tail) ==
			      sizeof(struct sf_packet),
	"lengths and what follows are written as words");

enum pcap_end { FULL, IN_HEADER, IN_RECORD, LATER, EARLIER, TOO_LONG };

static unsigned pcap_ended(struct sf_reader *reader, enum pcap_end end, unsigned count,
	size_t header, uint32_t captured, int64_t time_ns)
{
	switch (end) {
	case FULL:
		reader->state = SF_READER_READY;
		break;
	case IN_HEADER:
		return sf_reader_hungry(reader, header, "a packet record's header", count);
	case IN_RECORD:
		return sf_reader_hungry(reader, header + captured, "a packet record", count);
	case LATER:
		reader->state = SF_READER_HEAD;
		reader->head_ns = time_ns;
		break;
	case EARLIER:
		reader->state = SF_READER_BACK;
		break;
	case TOO_LONG:
		return sf_reader_fail(reader, count, SF_ECORRUPT,
			"a packet record claims %u captured bytes (at most %u can be right)",
			captured, reader->pcap.captured_max);
	}
	return count;
}

static sf_always_inline unsigned pcap_decode(struct sf_reader *reader, struct sf_packet *packets,
	unsigned max, int64_t until, bool swapped, size_t header, bool old)
{
	const struct sf_pcap_format format = reader->pcap;
	const struct packet_tail tail = { .link = format.link, .interface = format.slot };
	const uint8_t *p = reader->stream.p, *const stream_end = reader->stream.end;
	enum pcap_end end = FULL;
	uint32_t captured = 0, wire;
	struct sf_packet *packet = packets, *const last = packets + max;
	int64_t time_ns = 0, floor_ns = reader->floor_ns;

	while (packet < last) {
		uint8_t *base = (uint8_t *)packet;

		end = IN_HEADER;
		if ((size_t)(stream_end - p) < header)
			break;
		/* prefetch: the next record is found only when this one's header has been loaded */
		__builtin_prefetch(p + AHEAD);
		captured = sf_load32(p + 8, swapped);
		wire = sf_load32(p + 12, swapped);
		if (old)
			exchange_lengths(format.version_minor, &captured, &wire);
		end = captured > format.captured_max ? TOO_LONG : IN_RECORD;
		if ((size_t)(stream_end - p) - header < captured || end == TOO_LONG)
			break;
		time_ns = sf_load32(p, swapped) * SF_NS_PER_S +
			  (int64_t)sf_load32(p + 4, swapped) * format.fraction_ns;
		end = LATER;
		if (time_ns > until)
			break;
		end = FULL;
		if (sf_unlikely(time_ns < floor_ns)) {
			end = EARLIER;
			break;
		}
		floor_ns = time_ns;
		packet->data = p + header;
		packet->time_ns = time_ns;
		if (swapped || old) {
			packet->captured = captured;
			packet->wire = wire;
		} else {
			memcpy(base + offsetof(struct sf_packet, captured), p + 8, 8);
		}
		memcpy(base + offsetof(struct sf_packet, link), &tail, sizeof(tail));
		if (header == RECORD_MODIFIED && p[22] == OUTGOING)
			packet->flags = SF_PACKET_OUTGOING;
		p += header + captured;
		packet++;
	}
	reader->stream.p = p;
	reader->floor_ns = floor_ns;
	return pcap_ended(reader, end, (unsigned)(packet - packets), header, captured, time_ns);
}

static unsigned pcap_decode_native(
	struct sf_reader *reader, struct sf_packet *packets, unsigned max, int64_t until)
{
	/* only one file is open, so no time limit applies */
	if (until == INT64_MAX)
		return pcap_decode(reader, packets, max, INT64_MAX, false, RECORD, false);
	return pcap_decode(reader, packets, max, until, false, RECORD, false);
}

static unsigned pcap_decode_other(
	struct sf_reader *reader, struct sf_packet *packets, unsigned max, int64_t until)
{
	const struct sf_pcap_format *format = &reader->pcap;
	bool old = format->version_minor < 4;

	if (format->modified)
		return pcap_decode(
			reader, packets, max, until, format->swapped, RECORD_MODIFIED, old);
	return pcap_decode(reader, packets, max, until, format->swapped, RECORD, old);
}

/* The largest captured length that is accepted, from the header's snap length. */
static uint32_t captured_max(uint32_t snaplen)
{
	if (snaplen == 0 || snaplen > SF_READER_RECORD_MAX - SF_READER_SNAPLEN_SLACK)
		return SF_READER_RECORD_MAX;
	return snaplen + SF_READER_SNAPLEN_SLACK;
}

static unsigned pcap_header(
	struct sf_reader *reader, struct sf_packet *packets, unsigned max, int64_t until)
{
	struct sf_pcap_format *format = &reader->pcap;
	const uint8_t *p = reader->stream.p;
	struct sf_slot_identity identity = { .number = 1 };
	struct sf_interface interface = { .name = "" };
	unsigned major, minor;
	int slot = 0;

	if (reader->stream.end - p < FILE_HEADER)
		return sf_reader_hungry(reader, FILE_HEADER, "the file header", 0);
	major = sf_load16(p + 4, format->swapped);
	minor = sf_load16(p + 6, format->swapped);
	/* 543.0: HP-UX nettl's, lengths exchanged */
	if (!(major == 2 && minor <= 4) && !(major == 543 && minor == 0))
		return sf_reader_fail(reader, 0, SF_EUNSUPPORTED,
			"pcap version %u.%u is not supported (2.0 … 2.4 are)", major, minor);
	format->version_minor = (uint8_t)minor;
	interface.snaplen = sf_load32(p + 16, format->swapped);
	format->captured_max = captured_max(interface.snaplen);
	/* the upper half holds the length of a frame check sequence, if frames end with one */
	format->link = (uint16_t)sf_load32(p + 20, format->swapped);
	interface.link = format->link;
	identity.link = format->link;
	if (reader->slots)
		slot = sf_slots_find(reader->slots, &identity, &interface);
	if (slot < 0)
		return sf_reader_fail(reader, 0, slot,
			slot == -ENOMEM ? "out of memory for an interface"
					: "no room for an interface");
	format->slot = (uint16_t)slot;
	reader->stream.p += FILE_HEADER;
	reader->boundary = true;
	reader->decode = pcap_decode_other;
	if (!format->swapped && !format->modified && minor == 4)
		reader->decode = pcap_decode_native;
	return reader->decode(reader, packets, max, until);
}

void sf_pcap_start(struct sf_reader *reader, bool swapped, bool nanoseconds, bool modified)
{
	reader->format = SF_FORMAT_PCAP;
	reader->pcap.swapped = swapped;
	reader->pcap.modified = modified;
	reader->pcap.fraction_ns = nanoseconds ? 1 : 1000;
	reader->decode = pcap_header;
}
