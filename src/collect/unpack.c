/* SPDX-License-Identifier: BSD-2-Clause */
#include "collect/unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK ((size_t)128 << 10)

/* A signal ends the wait for a pipe: -EINTR. */
static ssize_t read_some(const struct sf_unpack *source, uint8_t *to, size_t size)
{
	ssize_t n = read(source->fd, to, size);

	return n < 0 ? -errno : n;
}

/* Reads the bytes that tell the compression; a pipe may give them one by one. */
static int read_magic(struct sf_unpack *source)
{
	size_t length = 0;

	while (length < SF_COMPRESSION_MAGIC && !source->ended) {
		ssize_t n = read_some(source, source->raw + length, CHUNK - length);

		if (n < 0)
			return (int)n;
		source->ended = n == 0;
		length += (size_t)n;
	}
	source->raw_p = source->raw;
	source->raw_end = source->raw + length;
	source->compression = sf_compression_of(source->raw, length);
	return 0;
}

int sf_unpack_open(struct sf_unpack *source, int fd, struct sf_error *error)
{
	int code;

	*source = (struct sf_unpack){ .fd = fd };
	source->raw = malloc(CHUNK);
	if (!source->raw)
		code = sf_error_set(error, -ENOMEM, "no memory to read it");
	else if ((code = read_magic(source)) < 0)
		sf_error_set(error, code, "%s", sf_strerror(code));
	else if (source->compression != SF_PLAIN)
		code = sf_codec_new(&source->codec, source->compression, error);
	if (code)
		sf_unpack_close(source);
	return code;
}

/* What was read to tell the compression; then the file itself. */
static ssize_t read_plain(
	struct sf_unpack *source, uint8_t *to, size_t size, struct sf_error *error)
{
	size_t left = (size_t)(source->raw_end - source->raw_p);
	ssize_t n;

	if (left) {
		n = (ssize_t)(left < size ? left : size);
		memcpy(to, source->raw_p, (size_t)n);
		source->raw_p += n;
		return n;
	}
	n = read_some(source, to, size);
	return n < 0 ? sf_error_set(error, (int)n, "%s", sf_strerror((int)n)) : n;
}

/* The next bytes of the file for the codec. 1; 0: there are none; or an error. */
static int refill(struct sf_unpack *source, struct sf_error *error)
{
	const char *name = sf_compression_name(source->compression);
	ssize_t n = 0;

	if (source->raw_p < source->raw_end)
		return sf_error_set(
			error, SF_ECORRUPT, "%s: something follows the compressed data", name);
	if (!source->ended)
		n = read_some(source, source->raw, CHUNK);
	if (n < 0)
		return sf_error_set(error, (int)n, "%s", sf_strerror((int)n));
	source->ended = n == 0;
	source->raw_p = source->raw;
	source->raw_end = source->raw + n;
	if (n == 0 && !sf_codec_complete(source->codec))
		return sf_error_set(
			error, SF_ECORRUPT, "%s: the compressed data are cut off", name);
	return n > 0;
}

ssize_t sf_unpack_read(struct sf_unpack *source, uint8_t *to, size_t size, struct sf_error *error)
{
	int code;

	if (!source->codec)
		return read_plain(source, to, size, error);
	for (;;) {
		const uint8_t *before = source->raw_p;
		struct sf_error reason = { 0 };
		uint8_t *end = to;

		code = sf_codec_run(
			source->codec, &source->raw_p, source->raw_end, &end, to + size, &reason);
		if (end > to)
			return end - to;
		if (code < 0)
			return sf_error_set(error, code, "%s", reason.text);
		if (source->raw_p == before && (code = refill(source, error)) <= 0)
			return code;
	}
}

void sf_unpack_fill(struct sf_unpack *source, struct sf_span *span, size_t want, size_t room)
{
	while (span->length < want && !span->last) {
		ssize_t n = sf_unpack_read(
			source, span->bytes + span->length, room - span->length, &span->error);

		if (n > 0)
			span->length += (size_t)n;
		else
			span->last = true;
	}
}

void sf_unpack_close(struct sf_unpack *source)
{
	sf_codec_free(source->codec);
	free(source->raw);
	if (source->fd >= 0)
		close(source->fd);
	*source = (struct sf_unpack){ .fd = -1 };
}
