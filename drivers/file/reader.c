/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Common to all formats: recognising the format by content, reading on, and messages about files
 * that are cut off. The first decoder only examines the magic number and installs the format's own.
 */
#include "file/reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/wire.h"

#define MAGIC_PCAP          0xa1b2c3d4u
#define MAGIC_PCAP_NS       0xa1b23c4du
#define MAGIC_PCAP_MODIFIED 0xa1b2cd34u
#define MAGIC_PCAPNG        0x0a0d0d0au

#define FOREIGN_BYTES 262 /* from the begin of a file: enough to recognise each of these */

/* Files that users name by mistake: the bytes at an offset that identify them, and advice. */
static const struct {
	size_t offset, length;
	const char *bytes, *name;
} known_foreign[] = {
	{ 0, 4, "snoop", "a snoop capture; editcap converts it" },
	{ 0, 4, "btsnoop", "a btsnoop capture; editcap converts it" },
	{ 0, 4, "GMBU", "a Network Monitor capture; editcap converts it" },
	{ 0, 4, "RTSS", "a Network Monitor capture; editcap converts it" },
	{ 0, 4, "\x04\x22\x4d\x18", "compressed with lz4; decompress it first" },
	{ 0, 4, "PK\x03\x04", "a zip archive; extract it first" },
	{ 0, 4, "7z\xbc\xaf", "a 7z archive; extract it first" },
	{ 257, 5, "ustar", "a tar archive; extract it first" },
	{ 0, 2, "\x0c\xa5", "a file of nfdump" },
	{ 0, 2, "\xa5\x0c", "a file of nfdump" },
	{ 0, 4, "\xde\xad\xbe\xef", "a file of SiLK" },
	{ 0, 4,
		"\x7f"
		"ELF",
		"a program" },
	{ 0, 2, "#!", "a script" },
};

unsigned sf_reader_hungry(struct sf_reader *reader, size_t need, const char *part, unsigned count)
{
	reader->state = SF_READER_HUNGRY;
	reader->need = need;
	reader->part = part;
	reader->optional = false;
	return count;
}

unsigned sf_reader_fail(struct sf_reader *reader, unsigned count, int code, const char *format, ...)
{
	char text[sizeof(reader->error.text) / 2];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	sf_error_set(&reader->error, code, "byte %llu%s: %s",
		(unsigned long long)sf_file_stream_offset(&reader->stream),
		reader->stream.codec ? " of the decompressed data" : "", text);
	reader->state = SF_READER_FAILED;
	return count;
}

void sf_reader_odd(struct sf_reader *reader, size_t member, uint64_t offset)
{
	struct sf_oddity *oddity;
	uint64_t count;

	if (!reader->oddities)
		return;
	oddity = (struct sf_oddity *)((char *)reader->oddities + member);
	count = atomic_load_explicit(&oddity->count, memory_order_relaxed);
	if (count == 0)
		snprintf(oddity->first, sizeof(oddity->first), "%s: byte %llu%s", reader->name,
			(unsigned long long)offset,
			reader->stream.codec ? " of the decompressed data" : "");
	atomic_store_explicit(&oddity->count, count + 1, memory_order_relaxed);
}

/* RFC 7011 §3.1: version 10, length, and a set of templates or data. */
static bool is_ipfix(const uint8_t *p, size_t length)
{
	unsigned total, set;

	if (length < 20 || sf_load_be16(p) != 10)
		return false;
	total = sf_load_be16(p + 2);
	set = sf_load_be16(p + 16);
	return total >= 20 && (set == 2 || set == 3 || set >= 256);
}

static const char *foreign_name(const uint8_t *p, size_t length)
{
	if (is_ipfix(p, length))
		return "IPFIX; 'spanflow show FILE' reads it";
	for (size_t i = 0; i < sizeof(known_foreign) / sizeof(known_foreign[0]); i++) {
		size_t end = known_foreign[i].offset + known_foreign[i].length;

		if (length >= end && memcmp(p + known_foreign[i].offset, known_foreign[i].bytes,
					     known_foreign[i].length) == 0)
			return known_foreign[i].name;
	}
	return NULL;
}

static unsigned reader_fail_foreign(struct sf_reader *reader)
{
	const struct sf_file_stream *stream = &reader->stream;
	const char *name = foreign_name(stream->p, (size_t)(stream->end - stream->p));
	char unpacked[48] = "";

	reader->foreign = true;
	reader->state = SF_READER_FAILED;
	if (stream->codec)
		snprintf(unpacked, sizeof(unpacked), "unpacked with %s, ",
			sf_compression_name(stream->compression));
	if (name)
		sf_error_set(&reader->error, SF_EUNSUPPORTED, "not a capture file: %sit is %s",
			unpacked, name);
	else if (stream->end - stream->p < 4)
		sf_error_set(&reader->error, SF_EUNSUPPORTED,
			"not a capture file: %sit is %zu byte%s long", unpacked,
			(size_t)(stream->end - stream->p), stream->end - stream->p == 1 ? "" : "s");
	else
		sf_error_set(&reader->error, SF_EUNSUPPORTED,
			"not a capture file: %sit begins with %02x %02x %02x %02x; pcap and "
			"pcapng are read, %s",
			unpacked, stream->p[0], stream->p[1], stream->p[2], stream->p[3],
			SF_COMPRESSIONS);
	return 0;
}

/* The first decoder of every file. */
static unsigned reader_identify(
	struct sf_reader *reader, struct sf_packet *packets, unsigned max, int64_t until)
{
	uint32_t magic;

	if (reader->stream.end - reader->stream.p < 4)
		return sf_reader_hungry(reader, 4, "the file header", 0);
	if (!reader->stream.identified && !reader->past_end) {
		sf_reader_hungry(reader, SF_COMPRESSION_MAGIC, "the file header", 0);
		reader->optional = true;
		return 0;
	}
	memcpy(&magic, reader->stream.p, sizeof(magic));
	for (int swapped = 0; swapped < 2; swapped++, magic = __builtin_bswap32(magic)) {
		switch (magic) {
		case MAGIC_PCAP:
			sf_pcap_start(reader, swapped, false, false);
			return reader->decode(reader, packets, max, until);
		case MAGIC_PCAP_NS:
			sf_pcap_start(reader, swapped, true, false);
			return reader->decode(reader, packets, max, until);
		case MAGIC_PCAP_MODIFIED:
			sf_pcap_start(reader, swapped, false, true);
			return reader->decode(reader, packets, max, until);
		case MAGIC_PCAPNG:
			sf_pcapng_start(reader);
			return reader->decode(reader, packets, max, until);
		}
	}
	if (reader->stream.end - reader->stream.p < FOREIGN_BYTES && !reader->past_end) {
		sf_reader_hungry(reader, FOREIGN_BYTES, "the file header", 0);
		reader->optional = true;
		return 0;
	}
	return reader_fail_foreign(reader);
}

int sf_reader_init(struct sf_reader *reader, int fd, uint64_t size, size_t chunk, unsigned queues,
	struct sf_slots *slots)
{
	memset(reader, 0, sizeof(*reader));
	reader->decode = reader_identify;
	reader->slots = slots;
	reader->floor_ns = INT64_MIN;
	return sf_file_stream_init(&reader->stream, fd, size, chunk, queues);
}

void sf_reader_fini(struct sf_reader *reader)
{
	sf_pcapng_fini(reader);
	sf_sort_free(reader->sort);
	sf_file_stream_fini(&reader->stream);
}

unsigned sf_reader_back(struct sf_reader *reader, struct sf_packet *packets, unsigned count,
	unsigned max, int64_t until)
{
	if (!reader->sorting) {
		while (reader->state == SF_READER_BACK) {
			reader->floor_ns = INT64_MIN;
			count += reader->decode(reader, packets + count, max - count, until);
		}
		return count;
	}
	if (sf_sort_begin(reader, packets, count, false) < 0)
		return sf_reader_fail(reader, count, -ENOMEM, "no memory to sort packets by time");
	return sf_sort_decode(reader, packets, max, until);
}

void sf_reader_lend(struct sf_reader *reader)
{
	sf_file_stream_lend(&reader->stream);
	if (reader->sort)
		sf_sort_lend(reader->sort);
}

bool sf_reader_is_lent(const struct sf_reader *reader)
{
	return sf_file_stream_is_lent(&reader->stream) ||
	       (reader->sort && sf_sort_is_lent(reader->sort));
}

bool sf_reader_look_ahead(struct sf_reader *reader)
{
	unsigned n = sf_reader_decode(reader, reader->ahead, SF_BATCH_MAX, INT64_MAX);

	reader->ahead_end = reader->ahead + n;
	if (n)
		reader->ahead_ns = sf_sort_place(reader, reader->ahead);
	return n > 0;
}

/* True if the file has fewer than four bytes that do not begin a capture file. */
static bool is_short_foreign(const struct sf_reader *reader)
{
	static const uint32_t magics[] = { MAGIC_PCAP, MAGIC_PCAP_NS, MAGIC_PCAP_MODIFIED,
		MAGIC_PCAPNG };
	size_t length = (size_t)(reader->stream.end - reader->stream.p);

	if (reader->decode != reader_identify || length == 0 || length >= 4)
		return false;
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		uint32_t orders[] = { magics[i], __builtin_bswap32(magics[i]) };

		if (memcmp(reader->stream.p, &orders[0], length) == 0 ||
			memcmp(reader->stream.p, &orders[1], length) == 0)
			return false;
	}
	return true;
}

/* The file has no more bytes, and the decoder is hungry. */
static void reader_at_end(struct sf_reader *reader)
{
	size_t left = (size_t)(reader->stream.end - reader->stream.p);
	const char *part = reader->part;

	if (reader->optional && left)
		reader->past_end = true;
	else if (left == 0 && reader->boundary)
		reader->state = SF_READER_END;
	else if (left == 0 && sf_file_stream_offset(&reader->stream) == 0)
		sf_reader_fail(reader, 0, SF_ECORRUPT, "the file is empty");
	else if (is_short_foreign(reader))
		reader_fail_foreign(reader);
	else
		sf_reader_fail(reader, 0, SF_ECORRUPT,
			"the file is cut off in %s: %zu of at least %zu bytes are there", part,
			left, reader->need);
}

bool sf_reader_fill(struct sf_reader *reader, int wait_ms)
{
	reader->state = SF_READER_READY;
	switch (sf_file_stream_fill(&reader->stream, reader->need, wait_ms)) {
	case SF_STREAM_MORE:
		break;
	case SF_STREAM_QUIET:
		reader->state = SF_READER_HUNGRY;
		sf_sort_flush(reader);
		return false;
	case SF_STREAM_END:
		reader_at_end(reader);
		break;
	case SF_STREAM_FAILED:
		sf_reader_fail(
			reader, 0, reader->stream.error.code, "%s", reader->stream.error.text);
		break;
	}
	if (reader->sorts && reader->state >= SF_READER_END)
		sf_sort_end(reader);
	return true;
}

void sf_reader_describe(const struct sf_reader *reader, char *text, size_t size)
{
	snprintf(text, size, "%s%s%s",
		reader->format == SF_FORMAT_PCAPNG ? "pcapng"
		: reader->format == SF_FORMAT_PCAP ? "pcap"
						   : "",
		reader->stream.codec ? "+" : "", sf_compression_name(reader->stream.compression));
}
