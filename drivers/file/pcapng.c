/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcapng (draft-ietf-opsawg-pcapng; "clause" below is its section): blocks of {type, length, body,
 * length again}. A section header block sets the byte order and begins a new list of interfaces;
 * interface descriptions are numbered in order; packets refer to these numbers.
 *
 * Blocks with packets or descriptions are decoded when they are in the buffer as a whole. All other
 * blocks are skipped, whatever their length, without being in the buffer as a whole.
 *
 * Deviations that other readers tolerate are tolerated here too, and counted (struct sf_oddities):
 * a time stamp that is out of range, options that overrun their block or end with a length, a block
 * length that is no multiple of 4. Where a block ends must be certain, though: a file whose block
 * lengths contradict each other ends there, not guessed at.
 */
#include "file/reader.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "file/order.h"
#include "file/pcapng.h"

#define BLOCK_SECTION   0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET    2u /* obsolete */
#define BLOCK_SIMPLE    3u
#define BLOCK_ENHANCED  6u

#define BYTE_ORDER_MAGIC 0x1a2b3c4du

/* block header and trailer; fixed part of the blocks including both */
#define BLOCK_OVERHEAD  12u
#define SECTION_FIXED   28u
#define INTERFACE_FIXED 20u
#define PACKET_FIXED    32u /* enhanced and obsolete alike */
#define SIMPLE_FIXED    16u

/* bytes that are searched for a packet with a time, if the first packet has none */
#define LOOK_FOR_TIME ((size_t)64 << 10)

/* largest block that is read for its options: limits the memory that a file can demand */
#define BLOCK_MAX (SF_READER_RECORD_MAX + (1u << 20))

#define OPTION_FLAGS 2 /* epb_flags, pack_flags: bits 0 and 1 are the direction */

/* Clause 4.1: begins a new section. Its options are checked and not used. */
static bool section_block(
	struct sf_reader *reader, const uint8_t *p, uint32_t total, unsigned count)
{
	const uint8_t *options = p + 24;
	bool swapped = reader->pcapng.swapped;
	unsigned major = sf_load16(p + 12, swapped), minor = sf_load16(p + 14, swapped);
	struct sf_pcapng_option option;
	int rc;

	/* 1.2 was written by some programs and is the same as 1.0 */
	if (major != 1 || (minor != 0 && minor != 2)) {
		sf_reader_fail(reader, count, SF_EUNSUPPORTED,
			"pcapng version %u.%u is not supported (1.0 is)", major, minor);
		return false;
	}
	do
		rc = sf_pcapng_option(&options, p + total - 4, swapped, &option);
	while (rc > 0);
	if (rc < 0)
		reader->pcapng.odd_length = true;
	sf_pcapng_forget(&reader->pcapng);
	reader->boundary = true;
	return true;
}

/* Reads the direction from the options of a packet block. False: the options are malformed. */
static bool packet_options(
	const uint8_t *p, const uint8_t *end, bool swapped, struct sf_packet *packet)
{
	struct sf_pcapng_option option;
	int rc;

	while ((rc = sf_pcapng_option(&p, end, swapped, &option)) > 0)
		if (option.code == OPTION_FLAGS && option.length == 4 &&
			(sf_load32(option.value, swapped) & 3) == 2)
			packet->flags = SF_PACKET_OUTGOING;
	return rc == 0;
}

/* Results of packet_block() for a block whose time or options are wrong, and nothing else. */
static const char odd_time[] = "a time stamp outside 1970 … 2116";
static const char odd_options[] = "options that overrun it";

/*
 * Clause 4.3 and appendix A: fills `packet` from the block at p. Returns NULL, or a text that says
 * what is wrong. With odd_options the packet is complete; with odd_time it has no time and no
 * direction.
 */
static inline __attribute__((always_inline)) const char *packet_block(
	const struct sf_pcapng_format *format, const uint8_t *p, uint32_t type, uint32_t total,
	bool swapped, struct sf_packet *packet)
{
	const struct sf_pcapng_interface *interface;
	uint32_t captured = sf_load32(p + 20, swapped), number;
	uint64_t units;

	if (total < PACKET_FIXED || captured > total - PACKET_FIXED)
		return "more captured bytes than it has room for";
	if (captured > SF_READER_RECORD_MAX)
		return "more than 16 MiB of captured bytes";
	number = type == BLOCK_ENHANCED ? sf_load32(p + 8, swapped) : sf_load16(p + 8, swapped);
	if (number >= format->interface_count)
		return "the number of an interface that was not described";
	interface = &format->interfaces[number];
	units = (uint64_t)sf_load32(p + 12, swapped) << 32 | sf_load32(p + 16, swapped);
	packet->data = p + 28;
	packet->captured = captured;
	packet->wire = sf_load32(p + 24, swapped);
	packet->link = interface->link;
	packet->interface = interface->slot;
	packet->vlan_tci = 0;
	packet->flags = 0;
	if (!interface_time(interface, units, &packet->time_ns))
		return odd_time;
	captured = (captured + 3) & ~3u;
	if (captured < total - PACKET_FIXED &&
		!packet_options(packet->data + captured, p + total - 4, swapped, packet))
		return odd_options;
	return NULL;
}

/* Clause 4.4: the interface is number 0, the time unknown. */
static const char *simple_block(const struct sf_pcapng_format *format, const uint8_t *p,
	uint32_t total, struct sf_packet *packet)
{
	uint32_t wire = sf_load32(p + 8, format->swapped), captured = wire;

	if (format->interface_count == 0)
		return "no interface described before it";
	if (format->interfaces[0].snaplen && captured > format->interfaces[0].snaplen)
		captured = format->interfaces[0].snaplen;
	if (captured > total - SIMPLE_FIXED)
		return "more captured bytes than it has room for";
	*packet = (struct sf_packet){
		.data = p + 12,
		.captured = captured,
		.wire = wire,
		.link = format->interfaces[0].link,
		.interface = format->interfaces[0].slot,
	};
	return NULL;
}

/* Skips the rest of an unused block. False: hungry or failed. */
static bool block_skip(struct sf_reader *reader, unsigned count)
{
	struct sf_pcapng_format *format = &reader->pcapng;
	struct sf_file_stream *stream = &reader->stream;
	size_t have = (size_t)(stream->end - stream->p);
	uint32_t trailer, padding = -format->skip_total & 3;

	if (have > format->skip)
		have = (size_t)format->skip;
	stream->p += have;
	format->skip -= have;
	if (stream->end - stream->p < 4 || format->skip) {
		sf_reader_hungry(reader, 4, "a block", count);
		return false;
	}
	trailer = sf_load32(stream->p, format->swapped);
	if (trailer != format->skip_total && padding) {
		if ((size_t)(stream->end - stream->p) < 4 + padding) {
			sf_reader_hungry(reader, 4 + padding, "a block", count);
			return false;
		}
		stream->p += padding;
		trailer = sf_load32(stream->p, format->swapped);
		if (trailer == format->skip_total + padding)
			trailer = format->skip_total;
	}
	if (trailer != format->skip_total) {
		sf_reader_fail(reader, count, SF_ECORRUPT,
			"the block at byte %llu ends with length %u, but begins with %u",
			(unsigned long long)format->block_offset, trailer, format->skip_total);
		return false;
	}
	stream->p += 4;
	if (padding)
		sf_reader_odd(reader, offsetof(struct sf_oddities, lengths), format->block_offset);
	format->skip_total = 0;
	reader->boundary = true;
	return true;
}

static uint32_t block_fixed(uint32_t type)
{
	switch (type) {
	case BLOCK_SECTION:
		return SECTION_FIXED;
	case BLOCK_INTERFACE:
		return INTERFACE_FIXED;
	case BLOCK_PACKET:
	case BLOCK_ENHANCED:
		return PACKET_FIXED;
	case BLOCK_SIMPLE:
		return SIMPLE_FIXED;
	default:
		return 0;
	}
}

/* Clause 4.1: the byte order of a section, from the magic at p; false: failed. */
static bool section_order(struct sf_reader *reader, const uint8_t *p, unsigned count)
{
	uint32_t magic = sf_load32(p + 8, false);

	if (magic == BYTE_ORDER_MAGIC || magic == __builtin_bswap32(BYTE_ORDER_MAGIC)) {
		reader->pcapng.swapped = magic != BYTE_ORDER_MAGIC;
		return true;
	}
	sf_reader_fail(
		reader, count, SF_ECORRUPT, "a section header block has no byte order magic");
	return false;
}

/*
 * The number of bytes of the block at p: its length, rounded up to four if the length at the
 * block's end is found there only. 0: hungry or failed.
 */
static uint32_t block_extent(
	struct sf_reader *reader, const uint8_t *p, uint32_t total, unsigned count)
{
	bool swapped = reader->pcapng.swapped;
	uint32_t padded = (total + 3) & ~3u, trailer;
	size_t have = (size_t)(reader->stream.end - p);

	if (have < total) {
		sf_reader_hungry(reader, total, "a block", count);
		return 0;
	}
	trailer = sf_load32(p + total - 4, swapped);
	if (trailer == total)
		return total;
	if (have < padded) {
		sf_reader_hungry(reader, padded, "a block", count);
		return 0;
	}
	if (padded != total) {
		trailer = sf_load32(p + padded - 4, swapped);
		if (trailer == total || trailer == padded)
			return padded;
	}
	sf_reader_fail(reader, count, SF_ECORRUPT,
		"a block begins with length %u, but ends with %u", total, trailer);
	return 0;
}

/*
 * Reads *type and *total of the block at p (at least 12 bytes are there). A block that is used is
 * in the buffer as a whole then; for any other one skipping begins (*total = 0). False: hungry or
 * failed.
 */
static bool block_begin(
	struct sf_reader *reader, const uint8_t *p, uint32_t *type, uint32_t *total, unsigned count)
{
	struct sf_pcapng_format *format = &reader->pcapng;
	uint32_t fixed;

	*type = sf_load32(p, format->swapped);
	if (*type == BLOCK_SECTION && !section_order(reader, p, count))
		return false;
	*total = sf_load32(p + 4, format->swapped);
	fixed = block_fixed(*type);
	if (*total < BLOCK_OVERHEAD || *total < fixed) {
		sf_reader_fail(reader, count, SF_ECORRUPT,
			"a block of type 0x%x has the impossible length %u", *type, *total);
		return false;
	}
	if (fixed == 0) {
		format->block_offset = sf_file_stream_offset(&reader->stream);
		format->skip = *total - BLOCK_OVERHEAD;
		format->skip_total = *total;
		reader->stream.p += 8;
		reader->boundary = false;
		*total = 0;
		return true;
	}
	if (*total > BLOCK_MAX) {
		sf_reader_fail(reader, count, SF_ECORRUPT,
			"a block of type 0x%x claims %u bytes (at most %u can be right)", *type,
			*total, BLOCK_MAX);
		return false;
	}
	format->odd_length = *total % 4;
	format->odd_time = false;
	*total = block_extent(reader, p, *total, count);
	return *total;
}

/*
 * The time of the first packet after p that has one, in a file that begins with packets without.
 * -1: hungry.
 */
static int64_t time_after(struct sf_reader *reader, const uint8_t *p, unsigned count)
{
	struct sf_pcapng_format *format = &reader->pcapng;
	const uint8_t *const begin = reader->stream.p, *const end = reader->stream.end;
	struct sf_packet packet;

	for (;;) {
		size_t need = (size_t)(p - begin) + BLOCK_OVERHEAD;
		uint32_t type = 0, total = 0;

		if (end - p >= (ptrdiff_t)BLOCK_OVERHEAD) {
			type = sf_load32(p, format->swapped);
			total = (sf_load32(p + 4, format->swapped) + 3) & ~3u;
			if (type == BLOCK_SECTION || total < BLOCK_OVERHEAD)
				return 0;
			need += total - BLOCK_OVERHEAD;
		}
		if (need > LOOK_FOR_TIME)
			return 0;
		if (need > (size_t)(end - begin)) {
			if (reader->past_end)
				return 0;
			sf_reader_hungry(reader, need, "a block", count);
			reader->optional = true;
			return -1;
		}
		packet.time_ns = -1;
		if (type == BLOCK_ENHANCED || type == BLOCK_PACKET)
			packet_block(format, p, type, total, format->swapped, &packet);
		if (packet.time_ns >= 0 && packet.time_ns <= SF_READER_TIME_MAX)
			return packet.time_ns;
		p += total;
	}
}

/*
 * Decodes the packet of a block that is not quite right, if the deviation is tolerated. Returns 1,
 * or -1: hungry or failed.
 */
static int other_packet(struct sf_reader *reader, const uint8_t *p, uint32_t type, uint32_t total,
	struct sf_packet *packet, unsigned count)
{
	struct sf_pcapng_format *format = &reader->pcapng;
	const char *wrong = type == BLOCK_SIMPLE
				    ? simple_block(format, p, total, packet)
				    : packet_block(format, p, type, total, format->swapped, packet);

	if (wrong && wrong != odd_time && wrong != odd_options) {
		sf_reader_fail(reader, count, SF_ECORRUPT, "a packet block has %s", wrong);
		return -1;
	}
	format->odd_length |= wrong == odd_options;
	format->odd_time = wrong == odd_time;
	if (type == BLOCK_SIMPLE || format->odd_time)
		packet->time_ns = format->last_ns != INT64_MIN
					  ? format->last_ns
					  : time_after(reader, p + total, count);
	format->extent = total;
	return packet->time_ns < 0 ? -1 : 1;
}

/* The packet of the block was delivered: counts its deviations. */
static void count_oddities(struct sf_reader *reader)
{
	struct sf_pcapng_format *format = &reader->pcapng;

	if (format->odd_length)
		sf_reader_odd(reader, offsetof(struct sf_oddities, lengths),
			sf_file_stream_offset(&reader->stream));
	if (format->odd_time)
		sf_reader_odd(reader, offsetof(struct sf_oddities, times),
			sf_file_stream_offset(&reader->stream));
	format->odd_length = format->odd_time = false;
}

/*
 * Decodes a block of any kind. Returns 1: a packet; 0: no packet; -1: decoding stops here.
 */
static int other_block(struct sf_reader *reader, struct sf_packet *packet, unsigned count)
{
	struct sf_pcapng_format *format = &reader->pcapng;
	const uint8_t *p;
	uint32_t type, total;

	if (format->skip_total && !block_skip(reader, count))
		return -1;
	p = reader->stream.p;
	if (reader->stream.end - p < (ptrdiff_t)BLOCK_OVERHEAD) {
		sf_reader_hungry(reader, BLOCK_OVERHEAD, "a block", count);
		return -1;
	}
	if (!block_begin(reader, p, &type, &total, count))
		return -1;
	if (total == 0)
		return 0;
	switch (type) {
	case BLOCK_SECTION:
		if (!section_block(reader, p, total, count))
			return -1;
		break;
	case BLOCK_INTERFACE:
		if (!sf_pcapng_interface(reader, p, total, count))
			return -1;
		break;
	default:
		return other_packet(reader, p, type, total, packet, count);
	}
	count_oddities(reader);
	reader->stream.p = p + total;
	return 0;
}

/*
 * Decodes runs of enhanced packet blocks that are in the buffer as a whole; other_block() decodes
 * all others.
 */
static inline __attribute__((always_inline)) unsigned pcapng_run(struct sf_reader *reader,
	struct sf_packet *packets, unsigned max, int64_t until, bool swapped)
{
	struct sf_pcapng_format *format = &reader->pcapng;
	const uint8_t *p = reader->stream.p, *const end = reader->stream.end;
	int64_t floor_ns = reader->floor_ns;
	unsigned count;

	for (count = 0; count < max; count++) {
		struct sf_packet *packet = &packets[count];
		uint32_t total;

		if (end - p < (ptrdiff_t)PACKET_FIXED || sf_load32(p, swapped) != BLOCK_ENHANCED)
			break;
		total = sf_load32(p + 4, swapped);
		if ((size_t)(end - p) < total || total < PACKET_FIXED || total % 4 ||
			sf_load32(p + total - 4, swapped) != total ||
			packet_block(format, p, BLOCK_ENHANCED, total, swapped, packet))
			break;
		if (packet->time_ns > until) {
			reader->state = SF_READER_HEAD;
			reader->head_ns = packet->time_ns;
			break;
		}
		if (packet->time_ns < floor_ns) {
			reader->state = SF_READER_BACK;
			break;
		}
		floor_ns = packet->time_ns;
		p += total;
	}
	if (count)
		format->last_ns = floor_ns;
	reader->floor_ns = floor_ns;
	reader->stream.p = p;
	return count;
}

static unsigned pcapng_decode(
	struct sf_reader *reader, struct sf_packet *packets, unsigned max, int64_t until)
{
	struct sf_pcapng_format *format = &reader->pcapng;
	unsigned count = 0;

	reader->state = SF_READER_READY;
	while (count < max) {
		struct sf_packet *packet;
		int rc;

		if (!format->skip_total) {
			if (format->swapped)
				count += pcapng_run(
					reader, packets + count, max - count, until, true);
			else
				count += pcapng_run(
					reader, packets + count, max - count, until, false);
			if (count == max || reader->state != SF_READER_READY)
				break;
		}
		packet = &packets[count];
		rc = other_block(reader, packet, count);
		if (rc < 0)
			break;
		if (rc == 0)
			continue;
		if (packet->time_ns > until) {
			reader->state = SF_READER_HEAD;
			reader->head_ns = packet->time_ns;
			break;
		}
		if (packet->time_ns < reader->floor_ns) {
			reader->state = SF_READER_BACK;
			break;
		}
		format->last_ns = reader->floor_ns = packet->time_ns;
		count_oddities(reader);
		reader->stream.p += format->extent;
		count++;
	}
	return count;
}

void sf_pcapng_start(struct sf_reader *reader)
{
	reader->format = SF_FORMAT_PCAPNG;
	reader->decode = pcapng_decode;
	reader->pcapng.last_ns = INT64_MIN;
}

void sf_pcapng_fini(struct sf_reader *reader)
{
	free(reader->pcapng.interfaces);
	free(reader->pcapng.taken);
}
