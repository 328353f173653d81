/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The buffer:
 *
 *	memory          p            end                limit
 *	|   headroom    |  unconsumed |      room        |
 *	                     ^ memory + headroom
 *
 * A read goes to `end` while a good part of the chunk is free there (pipes deliver little at a
 * time); otherwise the unconsumed tail is moved so that it ends at memory + headroom and the next
 * read fills the page-aligned chunk behind it. A file is thus read in whole, aligned chunks into
 * the same memory, which stays in the L2 cache. The headroom grows with the largest record.
 *
 * Price: the tail of each chunk (less than one record) is copied; a read failure in the middle of
 * a chunk is seen only after the packets before it were delivered, which is what we want.
 */
#include "file/stream.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADROOM (64 * 1024)
#define INPUT    (128 * 1024)

/* least chunk of decompressed data */
#define PLAIN_MIN (256 * 1024)

static int stream_allocate(struct sf_stream *stream, size_t headroom)
{
	size_t tail = (size_t)(stream->end - stream->p);
	void *memory;

	if (posix_memalign(&memory, 4096, headroom + stream->chunk) != 0)
		return sf_error_set(
			&stream->error, -ENOMEM, "no memory for a record of %zu bytes", headroom);
	if (tail)
		memcpy((uint8_t *)memory + headroom - tail, stream->p, tail);
	free(stream->memory);
	stream->memory = memory;
	stream->headroom = headroom;
	stream->limit = stream->memory + headroom + stream->chunk;
	stream->end = stream->memory + headroom;
	stream->p = stream->end - tail;
	return 0;
}

int sf_stream_init(struct sf_stream *stream, int fd, uint64_t size, size_t chunk)
{
	struct stat status;

	*stream = (struct sf_stream){ .fd = fd, .chunk = chunk, .raw_end = size };
	stream->pipe = fstat(fd, &status) < 0 || !S_ISREG(status.st_mode);
	if (stream->pipe)
		fcntl(fd, F_SETPIPE_SZ, (int)SF_STREAM_CHUNK); /* fewer, larger reads if allowed */
	else
		posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return stream_allocate(stream, chunk < HEADROOM ? chunk : HEADROOM);
}

void sf_stream_fini(struct sf_stream *stream)
{
	close(stream->fd);
	sf_codec_free(stream->codec);
	free(stream->in);
	free(stream->memory);
	*stream = (struct sf_stream){ .fd = -1 };
}

/* Room at `end`, for `need` bytes in all from p on, over as many fills as that takes. */
static int stream_make_room(struct sf_stream *stream, size_t need)
{
	size_t tail = (size_t)(stream->end - stream->p);
	size_t room = (size_t)(stream->limit - stream->end);
	size_t headroom = stream->headroom;

	if (room && room >= stream->chunk / 16)
		return 0;
	while (headroom < tail || headroom < need)
		headroom *= 2;
	if (headroom > stream->headroom)
		return stream_allocate(stream, headroom);
	stream->end = stream->memory + headroom;
	memmove(stream->end - tail, stream->p, tail);
	stream->p = stream->end - tail;
	return 0;
}

/* read(2) that waits for a pipe's data at most wait_ms. */
static enum sf_stream_result stream_read(
	struct sf_stream *stream, uint8_t *to, size_t room, int wait_ms, size_t *got)
{
	ssize_t n;

	*got = 0;
	if (stream->pipe) {
		struct pollfd pollfd = { .fd = stream->fd, .events = POLLIN };

		if (poll(&pollfd, 1, wait_ms) <= 0)
			return SF_STREAM_QUIET;
	}
	if (room > stream->raw_end - stream->raw_offset)
		room = stream->raw_end - stream->raw_offset;
	n = read(stream->fd, to, room);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return SF_STREAM_QUIET;
	if (n < 0) {
		sf_error_set(&stream->error, -errno, "reading failed: %s", strerror(errno));
		return SF_STREAM_FAILED;
	}
	*got = (size_t)n;
	stream->raw_offset += (size_t)n;
	return n ? SF_STREAM_MORE : SF_STREAM_END;
}

/* The file's first bytes are in the buffer: compressed ones move to the decompressor's input. */
static enum sf_stream_result stream_identify(struct sf_stream *stream)
{
	size_t length = (size_t)(stream->end - stream->p);

	stream->identified = true;
	stream->compression = sf_compression_of(stream->p, length);
	if (stream->compression == SF_PLAIN)
		return SF_STREAM_MORE;
	if (sf_codec_new(&stream->codec, stream->compression, &stream->error) < 0)
		return SF_STREAM_FAILED;
	stream->in = malloc(length > INPUT ? length : INPUT);
	if (!stream->in) {
		sf_error_set(&stream->error, -ENOMEM, "no memory for compressed input");
		return SF_STREAM_FAILED;
	}
	memcpy(stream->in, stream->p, length);
	stream->in_p = stream->in;
	stream->in_end = stream->in + length;
	stream->p = stream->end = stream->memory + stream->headroom;
	stream->end_offset = 0;
	/* the file's size says little about how much comes out of it */
	if (stream->chunk < PLAIN_MIN) {
		stream->chunk = PLAIN_MIN;
		if (stream_allocate(stream, stream->headroom) < 0)
			return SF_STREAM_FAILED;
	}
	return SF_STREAM_MORE;
}

static enum sf_stream_result stream_plain(struct sf_stream *stream, int wait_ms)
{
	enum sf_stream_result result;
	size_t got;

	result = stream_read(
		stream, stream->end, (size_t)(stream->limit - stream->end), wait_ms, &got);
	stream->end += got;
	stream->end_offset += got;
	if (stream->identified || result == SF_STREAM_QUIET || result == SF_STREAM_FAILED)
		return result;
	if (stream->end - stream->p < SF_COMPRESSION_MAGIC && result != SF_STREAM_END)
		return result;
	if (stream_identify(stream) == SF_STREAM_FAILED)
		return SF_STREAM_FAILED;
	return stream->codec ? SF_STREAM_MORE : result;
}

static enum sf_stream_result stream_decompress(struct sf_stream *stream, int wait_ms)
{
	uint8_t *begin = stream->end;

	while (stream->end == begin) {
		const uint8_t *in_before = stream->in_p;

		if (sf_codec_run(stream->codec, &stream->in_p, stream->in_end, &stream->end,
			    stream->limit, &stream->error) < 0)
			break;
		if (stream->end == begin && stream->in_p == in_before) {
			enum sf_stream_result result;
			size_t got;

			if (stream->in_p < stream->in_end) {
				sf_error_set(&stream->error, SF_ECORRUPT,
					"the %s data are corrupt (no progress)",
					sf_compression_name(stream->compression));
				return SF_STREAM_FAILED;
			}
			result = stream_read(stream, stream->in, INPUT, wait_ms, &got);
			stream->in_p = stream->in;
			stream->in_end = stream->in + got;
			if (result == SF_STREAM_END && !sf_codec_complete(stream->codec)) {
				sf_error_set(&stream->error, SF_ECORRUPT,
					"the %s data are cut off after %llu compressed bytes",
					sf_compression_name(stream->compression),
					(unsigned long long)stream->raw_offset);
				return SF_STREAM_FAILED;
			}
			if (result != SF_STREAM_MORE)
				return result;
		}
	}
	stream->end_offset += (uint64_t)(stream->end - begin);
	return stream->end > begin ? SF_STREAM_MORE : SF_STREAM_FAILED;
}

enum sf_stream_result sf_stream_fill(struct sf_stream *stream, size_t need, int wait_ms)
{
	if (stream->error.code < 0 || stream_make_room(stream, need) < 0)
		return SF_STREAM_FAILED;
	if (stream->codec)
		return stream_decompress(stream, wait_ms);
	return stream_plain(stream, wait_ms);
}
