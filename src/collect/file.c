/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPFIX files (RFC 5655): messages one after the other, perhaps compressed, perhaps damaged.
 *
 *	span:  [ consumed | start … length ]        base: offset of its first byte in the file
 *
 * From `start` on, a span has room for two of the longest messages: a message, and another one that
 * may follow after damage. A single reader has a buffer of its own, in which the bytes that are
 * left move to the beginning; several readers of one file get their spans from reading.c. The
 * records do not depend on where a span ends.
 *
 * After damage the next message is searched for byte by byte: version 10, a length, and at that
 * distance another version 10 or the end of the file (RFC 5655 §10.3). By that rule a whole
 * message right before a second damage is skipped too.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/wire.h"
#include "collect/gather.h"
#include "collect/internal.h"
#include "collect/reading.h"
#include "collect/unpack.h"

#define BUFFER_SIZE (256 * 1024)

struct reader {
	struct sf_collector *collector;
	const char *path;
	const struct sf_span *span; /* `own`, or one of the reading's */
	size_t start;               /* in the span: the next message */
	bool eof;                   /* nothing follows the span */
	/* one reader */
	struct sf_unpack source;
	struct sf_span own;
	/* or several */
	struct sf_reading *reading;
	unsigned number;
	uint64_t skipped; /* bytes that belong to no message */
	uint64_t message_count;
	struct sf_error first; /* the first damage */
	uint64_t first_at;     /* where the reader was then */
};

static size_t left(const struct reader *r)
{
	return r->span->length - r->start;
}

static uint64_t offset(const struct reader *r)
{
	return r->span->base + r->start;
}

static void note_damage(struct reader *r, const char *text)
{
	if (r->first.code)
		return;
	sf_error_set(&r->first, SF_ECORRUPT, "%s: %s", r->path, text);
	r->first_at = offset(r);
}

static void note_lost_bytes(struct reader *r)
{
	char text[256];

	snprintf(text, sizeof(text), "byte %llu of the uncompressed data: %.190s",
		(unsigned long long)(r->span->base + r->span->length), r->span->error.text);
	note_damage(r, text);
}

/* What is left, and bytes that follow it, in the reader's own buffer. */
static const struct sf_span *read_on(struct reader *r)
{
	size_t kept = left(r);

	memmove(r->own.bytes, r->own.bytes + r->start, kept);
	r->own.base += r->start;
	r->own.length = kept;
	sf_unpack_fill(&r->source, &r->own, SF_FILE_WINDOW, BUFFER_SIZE);
	return &r->own;
}

/* Takes further spans until SF_FILE_WINDOW bytes are left, or the file ends. 0 or -errno. */
static int fill(struct reader *r)
{
	while (left(r) < SF_FILE_WINDOW && !r->eof) {
		uint64_t at = offset(r);

		if (r->span->last) {
			if (r->span->error.code && r->span->error.code != SF_ECORRUPT)
				return r->span->error.code;
			if (r->span->error.code)
				note_lost_bytes(r);
			r->eof = true;
		} else {
			r->span = r->reading ? sf_reading_next(r->reading, r->number) : read_on(r);
			r->start = (size_t)(at - r->span->base);
		}
	}
	return 0;
}

/* Names the kind of a file that is no IPFIX file and is often taken for one, or NULL. */
static const char *foreign(const uint8_t *p, size_t length)
{
	static const struct {
		uint8_t magic[4];
		const char *what;
	} kinds[] = {
		{ { 0xd4, 0xc3, 0xb2, 0xa1 }, "a pcap capture" },
		{ { 0xa1, 0xb2, 0xc3, 0xd4 }, "a pcap capture" },
		{ { 0x4d, 0x3c, 0xb2, 0xa1 }, "a pcap capture" },
		{ { 0xa1, 0xb2, 0x3c, 0x4d }, "a pcap capture" },
		{ { 0x0a, 0x0d, 0x0d, 0x0a }, "a pcapng capture" },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (length >= 4 && memcmp(p, kinds[i].magic, 4) == 0)
			return kinds[i].what;
	return NULL;
}

static bool is_header(const uint8_t *p)
{
	return sf_load_be16(p) == SF_IPFIX && sf_load_be16(p + 2) >= SF_IPFIX_HEADER;
}

/* True if a message or the end of the file follows `ahead` bytes after start. */
static bool followed(const struct reader *r, size_t ahead)
{
	size_t there = left(r);

	if (there < ahead)
		return false;
	if (there == ahead)
		return r->eof;
	return there - ahead >= 2 && sf_load_be16(r->span->bytes + r->start + ahead) == SF_IPFIX;
}

/*
 * Distance from start to the next place, at least `from` bytes ahead, that
 * looks like a message; else `most`.
 */
static size_t next_message(const struct reader *r, size_t from, size_t most)
{
	const uint8_t *p = r->span->bytes + r->start;

	for (size_t ahead = from; ahead < most && left(r) - ahead >= SF_IPFIX_HEADER; ahead++)
		if (p[ahead] == 0 && is_header(p + ahead) &&
			followed(r, ahead + sf_load_be16(p + ahead + 2)))
			return ahead;
	return most;
}

/*
 * Moves on to the next place that looks like a message (RFC 5655 §10.3), or to the end. At least
 * SF_FILE_WINDOW bytes are there, unless the file ends. 0 or -errno.
 */
static int resync(struct reader *r)
{
	/* not where the reader is now */
	size_t from = 1;

	for (;;) {
		/* behind each place there is a message and the version of the next one */
		size_t most = r->eof ? left(r) : left(r) - SF_IPFIX_MESSAGE_MAX - 1;
		size_t ahead = next_message(r, from, most);
		int result;

		r->skipped += ahead;
		r->start += ahead;
		if (ahead < most || r->eof)
			return 0;
		result = fill(r);
		if (result)
			return result;
		from = 0;
	}
}

/* Decodes the message at start, or notes the damage there, and moves on. 0 or -errno. */
static int step(struct reader *r)
{
	const uint8_t *p = r->span->bytes + r->start;
	struct sf_error error = { 0 };
	char text[128];
	size_t length, there;

	if (left(r) < SF_IPFIX_HEADER || !is_header(p)) {
		snprintf(text, sizeof(text), "byte %llu: %s", (unsigned long long)offset(r),
			left(r) < SF_IPFIX_HEADER ? "a message header is cut off"
						  : "no IPFIX message begins here");
		note_damage(r, text);
		return resync(r);
	}
	length = sf_load_be16(p + 2);
	there = left(r) < length ? left(r) : length;
	/*
	 * no message follows at its length: it ends where the next
	 * message begins, if that is earlier
	 */
	if (!followed(r, length))
		there = next_message(r, SF_IPFIX_HEADER, there);
	r->message_count++;
	if (sf_collect_file_message(r->collector, r->path, offset(r), p, there, &error))
		note_damage(r, error.text);
	r->start += there;
	return 0;
}

static int read_all(struct reader *r, struct sf_error *error)
{
	const char *what;
	int result = fill(r);

	what = result ? NULL : foreign(r->span->bytes, r->span->length);
	if (what)
		return sf_error_set(
			error, SF_ECORRUPT, "%s: not an IPFIX file: it is %s", r->path, what);
	while (result == 0 && left(r) > 0 && !r->collector->stopped) {
		result = step(r);
		/* not after a stop: the next read of a pipe could last long */
		if (result == 0 && !r->collector->stopped)
			result = fill(r);
	}
	if (result)
		return sf_error_set(error, result, "%s: byte %llu: %s", r->path,
			(unsigned long long)offset(r), sf_strerror(result));
	if (r->message_count == 0 && r->skipped > 0)
		return sf_error_set(error, SF_ECORRUPT,
			"%s: not an IPFIX file: no message in %llu bytes", r->path,
			(unsigned long long)r->skipped);
	if (r->first.code == 0)
		return 0;
	if (r->skipped > 0)
		return sf_error_set(error, SF_ECORRUPT, "%s; %llu bytes passed over", r->first.text,
			(unsigned long long)r->skipped);
	return sf_error_set(error, SF_ECORRUPT, "%s", r->first.text);
}

static int open_reader(struct reader *r, int fd, struct sf_error *error)
{
	struct sf_error reason = { 0 };
	int result = sf_unpack_open(&r->source, fd, &reason);

	if (result)
		return sf_error_set(error, result, "%s: %s", r->path, reason.text);
	r->own.bytes = malloc(BUFFER_SIZE);
	return r->own.bytes ? 0 : sf_error_set(error, -ENOMEM, "%s: no memory to read it", r->path);
}

int sf_collect_stream(
	struct sf_collector *collector, int fd, const char *name, struct sf_error *error)
{
	struct reader r = { .collector = collector, .path = name, .span = &r.own };
	int result = open_reader(&r, fd, error);

	if (result == 0)
		result = read_all(&r, error);
	/* [RFC5655-7-1] [RFC5655-7.1-1] [RFC5655-7.1-2] [RFC5655-7.1-8] */
	/* one file is one transport session: RFC 5655 §7 */
	sf_collect_forget(collector, r.path);
	sf_unpack_close(&r.source);
	free(r.own.bytes);
	return result;
}

void sf_collect_shared(struct sf_collector *collector, struct sf_reading *reading, unsigned reader,
	const char *path)
{
	struct sf_error error = { 0 };
	struct reader r = {
		.collector = collector, .path = path, .reading = reading, .number = reader
	};
	int result = sf_reading_open(reading, reader, &r.span, &error);

	if (result == 0)
		result = read_all(&r, &error);
	if (result)
		sf_reading_note(reading, reader, r.first_at, error.text);
	sf_collect_forget(collector, path);
}

int sf_collector_file(struct sf_collector *collector, const char *path, struct sf_error *error)
{
	bool standard_input = strcmp(path, "-") == 0;
	int fd = standard_input ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);

	if (standard_input)
		path = "standard input";
	if (fd < 0)
		return sf_error_set(error, -errno, "%s: %s", path, strerror(errno));
	return sf_collect_stream(collector, fd, path, error);
}
