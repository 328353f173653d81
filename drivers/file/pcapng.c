/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcapng (draft-ietf-opsawg-pcapng; "clause" below is its section): blocks of {type, length, body,
 * length again}. A section header block sets the byte order and forgets the interfaces; interface
 * descriptions are numbered in order; packets refer to them.
 *
 * Blocks that carry packets or describe something are taken only when they lie in the buffer
 * whole; all others are passed over as they stream by, whatever their length.
 *
 * Price: everything in a packet block is checked, also its options, so that a file whose writer
 * got them wrong is refused at that block, not guessed at.
 */
#include "file/reader.h"

#include <stdlib.h>
#include <string.h>

#include "file/order.h"

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

/* options are small; a file has no say in how much memory they take */
#define BLOCK_MAX (SF_READER_RECORD_MAX + (1u << 20))

#define OPTION_END         0
#define OPTION_IF_NAME     2
#define OPTION_IF_TSRESOL  9
#define OPTION_IF_TSOFFSET 14
#define OPTION_FLAGS       2 /* epb_flags, pack_flags: bits 0 and 1 are the direction */

struct option {
	unsigned code, length;
	const uint8_t *value;
};

/*
 * Clause 3.5: takes the next option from *p … end. Returns 1, 0 at the end (of the options or of
 * the room: the end option may be left out), -1 when an option does not fit.
 */
static int option_next(const uint8_t **p, const uint8_t *end, bool swapped, struct option *option)
{
	size_t padded;

	if (end - *p < 4)
		return *p == end ? 0 : -1;
	option->code = sf_load16(*p, swapped);
	option->length = sf_load16(*p + 2, swapped);
	option->value = *p + 4;
	if (option->code == OPTION_END)
		return option->length == 0 ? 0 : -1;
	padded = (option->length + 3u) & ~3u;
	if ((size_t)(end - option->value) < padded)
		return -1;
	*p = option->value + padded;
	return 1;
}

/* Clause 4.2: units per second are 10^n, or 2^n with the top bit set. */
static bool interface_resolution(struct sf_pcapng_interface *interface, uint8_t resolution)
{
	unsigned exponent = resolution & 0x7f;

	interface->multiply = 0;
	interface->divide = 0;
	interface->units_max = UINT64_MAX;
	if (resolution & 0x80) {
		interface->shift = exponent;
		return true;
	}
	if (exponent > 9 + 19)
		return false;
	if (exponent > 9) {
		for (interface->divide = 1; exponent > 9; exponent--)
			interface->divide *= 10;
		return true;
	}
	for (interface->multiply = 1; exponent < 9; exponent++)
		interface->multiply *= 10;
	interface->units_max = (uint64_t)SF_READER_TIME_MAX / interface->multiply;
	return true;
}

/* Time stamp to ns since 1970; false: out of range. */
static inline bool interface_time(
	const struct sf_pcapng_interface *interface, uint64_t units, int64_t *time_ns)
{
	uint64_t ns;

	if (interface->multiply) {
		if (units > interface->units_max)
			return false;
		ns = units * interface->multiply;
	} else if (interface->divide) {
		ns = units / interface->divide;
	} else {
		unsigned __int128 wide = (unsigned __int128)units * SF_NS_PER_S;

		wide >>= interface->shift;
		if (wide > (uint64_t)SF_READER_TIME_MAX)
			return false;
		ns = (uint64_t)wide;
	}
	if (ns > (uint64_t)SF_READER_TIME_MAX)
		return false;
	*time_ns = (int64_t)ns + interface->offset_ns; /* both below 2^62 */
	return *time_ns >= 0 && *time_ns <= SF_READER_TIME_MAX;
}

static unsigned interface_options_bad(struct sf_reader *reader, unsigned count, const char *what)
{
	return sf_reader_fail(
		reader, count, SF_ECORRUPT, "an interface description block's %s", what);
}

/* Options of an interface description; false: failed. */
static bool interface_options(struct sf_reader *reader, const uint8_t *p, const uint8_t *end,
	struct sf_pcapng_interface *interface, struct sf_interface *described, unsigned count)
{
	bool swapped = reader->pcapng.swapped;
	struct option option;
	int rc;

	while ((rc = option_next(&p, end, swapped, &option)) > 0) {
		if (option.code == OPTION_IF_NAME) {
			size_t length = strnlen((const char *)option.value, option.length);

			if (length >= sizeof(described->name))
				length = sizeof(described->name) - 1;
			memcpy(described->name, option.value, length);
			described->name[length] = '\0';
		} else if (option.code == OPTION_IF_TSRESOL) {
			if (option.length != 1 || !interface_resolution(interface, *option.value)) {
				interface_options_bad(
					reader, count, "time resolution is not valid");
				return false;
			}
		} else if (option.code == OPTION_IF_TSOFFSET) {
			int64_t seconds;

			seconds =
				option.length == 8 ? (int64_t)sf_load64(option.value, swapped) : 0;
			if (option.length != 8 || seconds > SF_READER_TIME_MAX / SF_NS_PER_S ||
				seconds < -SF_READER_TIME_MAX / SF_NS_PER_S) {
				interface_options_bad(reader, count, "time offset is not valid");
				return false;
			}
			interface->offset_ns = seconds * SF_NS_PER_S;
		}
	}
	if (rc < 0)
		interface_options_bad(reader, count, "options overrun the block");
	return rc == 0;
}

/* Clause 4.2. The whole block is at p. */
static bool interface_block(
	struct sf_reader *reader, const uint8_t *p, uint32_t total, unsigned count)
{
	struct sf_pcapng_format *format = &reader->pcapng;
	struct sf_pcapng_interface *interface;
	struct sf_interface described = { .name = "" };

	if (format->interface_count == SF_SLOTS_MAX) {
		sf_reader_fail(reader, count, SF_EUNSUPPORTED,
			"more than %u interfaces in a section", SF_SLOTS_MAX);
		return false;
	}
	if (format->interface_count == format->interface_room) {
		unsigned room = format->interface_room ? 2 * format->interface_room : 4;
		void *grown = reallocarray(format->interfaces, room, sizeof(*interface));

		if (!grown) {
			sf_reader_fail(reader, count, -ENOMEM, "no memory for an interface");
			return false;
		}
		format->interfaces = grown;
		format->interface_room = room;
	}
	interface = &format->interfaces[format->interface_count];
	*interface = (struct sf_pcapng_interface){
		.link = sf_load16(p + 8, format->swapped),
		.snaplen = sf_load32(p + 12, format->swapped),
	};
	interface_resolution(interface, 6);
	described.link = interface->link;
	described.snaplen = interface->snaplen;
	if (!interface_options(reader, p + 16, p + total - 4, interface, &described, count))
		return false;
	if (reader->slots &&
		sf_slots_describe(reader->slots, format->interface_count, &described) < 0) {
		sf_reader_fail(reader, count, -ENOMEM, "no memory for an interface");
		return false;
	}
	format->interface_count++;
	return true;
}

/* Clause 4.1: a new section; only options remain to be looked at, and none is of use. */
static bool section_block(
	struct sf_reader *reader, const uint8_t *p, uint32_t total, unsigned count)
{
	const uint8_t *options = p + 24;
	bool swapped = reader->pcapng.swapped;
	unsigned major = sf_load16(p + 12, swapped), minor = sf_load16(p + 14, swapped);
	struct option option;
	int rc;

	/* 1.2 was written by some programs and is the same as 1.0 */
	if (major != 1 || (minor != 0 && minor != 2)) {
		sf_reader_fail(reader, count, SF_EUNSUPPORTED,
			"pcapng version %u.%u is not supported (1.0 is)", major, minor);
		return false;
	}
	do
		rc = option_next(&options, p + total - 4, swapped, &option);
	while (rc > 0);
	if (rc < 0) {
		sf_reader_fail(reader, count, SF_ECORRUPT,
			"a section header block's options overrun the block");
		return false;
	}
	reader->pcapng.interface_count = 0;
	reader->boundary = true;
	return true;
}

/* Direction from the options of a packet block; false: they overrun the block. */
static bool packet_options(
	const uint8_t *p, const uint8_t *end, bool swapped, struct sf_packet *packet)
{
	struct option option;
	int rc;

	while ((rc = option_next(&p, end, swapped, &option)) > 0)
		if (option.code == OPTION_FLAGS && option.length == 4 &&
			(sf_load32(option.value, swapped) & 3) == 2)
			packet->flags = SF_PACKET_OUTGOING;
	return rc == 0;
}

/* Clause 4.3 and appendix A: fills `packet` from the block at p; NULL, or what is wrong with it. */
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
	if (!interface_time(interface, units, &packet->time_ns))
		return "a time stamp outside 1970 … 2116";
	packet->data = p + 28;
	packet->captured = captured;
	packet->wire = sf_load32(p + 24, swapped);
	packet->link = interface->link;
	packet->interface = (uint16_t)number;
	packet->vlan_tci = 0;
	packet->flags = 0;
	captured = (captured + 3) & ~3u;
	if (captured != total - PACKET_FIXED &&
		!packet_options(packet->data + captured, p + total - 4, swapped, packet))
		return "options that overrun it";
	return NULL;
}

/* Clause 4.4: the interface is number 0, the time unknown (that of the packet before). */
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
		.time_ns = format->last_ns,
		.captured = captured,
		.wire = wire,
		.link = format->interfaces[0].link,
	};
	return NULL;
}

/* Passes over what is left of an unused block; false: hungry or failed. */
static bool block_skip(struct sf_reader *reader, unsigned count)
{
	struct sf_pcapng_format *format = &reader->pcapng;
	struct sf_stream *stream = &reader->stream;
	size_t have = (size_t)(stream->end - stream->p);
	uint32_t trailer;

	if (have > format->skip)
		have = (size_t)format->skip;
	stream->p += have;
	format->skip -= have;
	if (stream->end - stream->p < 4 || format->skip) {
		sf_reader_hungry(reader, 4, "a block", count);
		return false;
	}
	trailer = sf_load32(stream->p, format->swapped);
	if (trailer != format->skip_total) {
		sf_reader_fail(reader, count, SF_ECORRUPT,
			"the block at byte %llu ends with length %u, but begins with %u",
			(unsigned long long)format->block_offset, trailer, format->skip_total);
		return false;
	}
	stream->p += 4;
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
 * Looks at the block at p (at least 12 bytes are there): *type and *total, and all of it in the
 * buffer if it is of use, else it is set up for skipping (*total = 0). False: hungry or failed.
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
	if (*total % 4 || *total < BLOCK_OVERHEAD || *total < fixed) {
		sf_reader_fail(reader, count, SF_ECORRUPT,
			"a block of type 0x%x has the impossible length %u", *type, *total);
		return false;
	}
	if (fixed == 0) {
		format->block_offset = sf_stream_offset(&reader->stream);
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
	if ((size_t)(reader->stream.end - p) < *total) {
		sf_reader_hungry(reader, *total, "a block", count);
		return false;
	}
	if (sf_load32(p + *total - 4, format->swapped) != *total) {
		sf_reader_fail(reader, count, SF_ECORRUPT,
			"a block begins with length %u, but ends with %u", *total,
			sf_load32(p + *total - 4, format->swapped));
		return false;
	}
	return true;
}

/*
 * One block that is no enhanced packet block in the buffer. Returns 1 when it gave a packet, 0 when
 * not, -1 when decoding stops here.
 */
static int other_block(struct sf_reader *reader, struct sf_packet *packet, unsigned count)
{
	struct sf_pcapng_format *format = &reader->pcapng;
	const uint8_t *p;
	const char *wrong;
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
		if (!interface_block(reader, p, total, count))
			return -1;
		break;
	default:
		wrong = type == BLOCK_SIMPLE
				? simple_block(format, p, total, packet)
				: packet_block(format, p, type, total, format->swapped, packet);
		if (!wrong)
			return 1;
		sf_reader_fail(reader, count, SF_ECORRUPT, "a packet block has %s", wrong);
		return -1;
	}
	reader->stream.p = p + total;
	return 0;
}

/*
 * Runs of enhanced packet blocks that lie whole in the buffer; everything else goes the long way.
 */
static inline __attribute__((always_inline)) unsigned pcapng_run(struct sf_reader *reader,
	struct sf_packet *packets, unsigned max, int64_t until, bool swapped)
{
	struct sf_pcapng_format *format = &reader->pcapng;
	const uint8_t *p = reader->stream.p, *const end = reader->stream.end;
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
		p += total;
	}
	if (count)
		format->last_ns = packets[count - 1].time_ns;
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
		format->last_ns = packet->time_ns;
		reader->stream.p += sf_load32(reader->stream.p + 4, format->swapped);
		count++;
	}
	return count;
}

void sf_pcapng_start(struct sf_reader *reader)
{
	reader->format = SF_FORMAT_PCAPNG;
	reader->decode = pcapng_decode;
}

void sf_pcapng_fini(struct sf_reader *reader)
{
	free(reader->pcapng.interfaces);
}
