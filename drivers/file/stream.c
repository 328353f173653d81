/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The buffer:
 *
 *	memory          p            end                limit
 *	|   headroom    |  unconsumed |      room        |
 *	                     ^ memory + headroom
 *
 * A read goes to `end` if a good part of the chunk is free there (pipes deliver little at a time).
 * Otherwise the unconsumed tail is moved so that it ends at memory + headroom, and the next read
 * fills the page-aligned chunk behind it. A file is thus read in whole, aligned chunks into the
 * same memory, which stays in the L2 cache. The headroom grows with the largest record. With
 * several queues the tail moves to a buffer that is not in use.
 *
 * Price: the tail of each chunk (less than one record) is copied.
 */
#include "file/stream.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIPE_BYTES (1024 * 1024) /* size of a pipe's buffer */
#define HEADROOM   (64 * 1024)
#define INPUT      (128 * 1024)

/* least chunk of decompressed data */
#define PLAIN_MIN (256 * 1024)

/* Moves the unconsumed tail to buffer `to`, and allocates memory for it if necessary. */
static int stream_move(struct sf_file_stream *stream, unsigned to, size_t headroom)
{
	struct sf_file_stream_buffer *buffer = &stream->buffers[to];
	size_t tail = (size_t)(stream->end - stream->p);
	void *memory = buffer->memory;

	if (headroom < buffer->headroom)
		headroom = buffer->headroom;
	if ((!memory || headroom > buffer->headroom || stream->chunk > buffer->chunk) &&
		posix_memalign(&memory, 4096, headroom + stream->chunk) != 0)
		return sf_error_set(
			&stream->error, -ENOMEM, "no memory for a record of %zu bytes", headroom);
	if (tail)
		memmove((uint8_t *)memory + headroom - tail, stream->p, tail);
	if (memory != buffer->memory) {
		free(buffer->memory);
		*buffer = (struct sf_file_stream_buffer){
			.memory = memory, .headroom = headroom, .chunk = stream->chunk
		};
	}
	stream->current = to;
	stream->end = buffer->memory + headroom;
	stream->limit = stream->end + buffer->chunk;
	stream->p = stream->end - tail;
	return 0;
}

int sf_file_stream_init(
	struct sf_file_stream *stream, int fd, uint64_t size, size_t chunk, unsigned queues)
{
	struct stat status;

	*stream = (struct sf_file_stream){
		.fd = fd, .chunk = chunk, .raw_end = size, .queues = queues, .most = SIZE_MAX
	};
	stream->pipe = fstat(fd, &status) < 0 || !S_ISREG(status.st_mode);
	if (stream->pipe)
		fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES); /* fewer, larger reads if allowed */
	else
		posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	stream->buffers = calloc(queues, sizeof(*stream->buffers));
	if (!stream->buffers)
		return -ENOMEM;
	return stream_move(stream, 0, chunk < HEADROOM ? chunk : HEADROOM);
}

void sf_file_stream_end(struct sf_file_stream *stream)
{
	if (stream->fd >= 0)
		close(stream->fd);
	stream->fd = -1;
}

void sf_file_stream_fini(struct sf_file_stream *stream)
{
	sf_file_stream_end(stream);
	sf_codec_free(stream->codec);
	free(stream->in);
	for (unsigned i = 0; stream->buffers && i < stream->queues; i++)
		free(stream->buffers[i].memory);
	free(stream->buffers);
	*stream = (struct sf_file_stream){ .fd = -1 };
}

void sf_file_stream_turn(struct sf_file_stream *stream, unsigned queue, size_t most)
{
	stream->queue = queue;
	stream->most = most;
	for (unsigned i = 0; i < stream->queues; i++)
		stream->buffers[i].lent &= ~(UINT64_C(1) << queue);
}

void sf_file_stream_lend(struct sf_file_stream *stream)
{
	stream->buffers[stream->current].lent |= UINT64_C(1) << stream->queue;
}

bool sf_file_stream_is_lent(const struct sf_file_stream *stream)
{
	for (unsigned i = 0; i < stream->queues; i++)
		if (stream->buffers[i].lent)
			return true;
	return false;
}

/*
 * A buffer that is not in use; if possible the one that the queue used before. There always is one:
 * at most one buffer is lent to each queue, and none to the queue that reads.
 */
static unsigned stream_free_buffer(const struct sf_file_stream *stream)
{
	unsigned found = stream->queue;

	for (unsigned i = 0; stream->buffers[found].lent && i < stream->queues; i++)
		found = i;
	return found;
}

/* Makes room at `end`, so that `need` bytes from p on fit into the buffer. */
static int stream_make_room(struct sf_file_stream *stream, size_t need)
{
	size_t tail = (size_t)(stream->end - stream->p);
	size_t room = (size_t)(stream->limit - stream->end);
	size_t headroom = stream->buffers[stream->current].headroom;

	if (room && room >= stream->chunk / 16)
		return 0;
	while (headroom < tail || headroom < need)
		headroom *= 2;
	return stream_move(stream, stream_free_buffer(stream), headroom);
}

/* read(2); waits for data on a pipe up to wait_ms. */
static enum sf_file_stream_result stream_read(
	struct sf_file_stream *stream, uint8_t *to, size_t room, int wait_ms, size_t *got)
{
	ssize_t n;

	*got = 0;
	if (stream->pipe) {
		struct pollfd pollfd = { .fd = stream->fd, .events = POLLIN };

		if (poll(&pollfd, 1, wait_ms) <= 0)
			return SF_STREAM_QUIET;
	}
	if (room > stream->most)
		room = stream->most;
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

/* Finds the compression by the first bytes in the buffer; compressed bytes move to `in`. */
static enum sf_file_stream_result stream_identify(struct sf_file_stream *stream)
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
	stream->p = stream->end;
	stream->end_offset = 0;
	/* the size of a compressed file says little about the size of its data */
	if (stream->chunk < PLAIN_MIN)
		stream->chunk = PLAIN_MIN;
	return stream_move(stream, stream->current, 0) < 0 ? SF_STREAM_FAILED : SF_STREAM_MORE;
}

static enum sf_file_stream_result stream_plain(struct sf_file_stream *stream, int wait_ms)
{
	enum sf_file_stream_result result;
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

static enum sf_file_stream_result stream_decompress(struct sf_file_stream *stream, int wait_ms)
{
	uint8_t *begin = stream->end;

	while (stream->end == begin) {
		const uint8_t *in_before = stream->in_p;

		if (sf_codec_run(stream->codec, &stream->in_p, stream->in_end, &stream->end,
			    stream->limit, &stream->error) < 0)
			break;
		if (stream->end == begin && stream->in_p == in_before) {
			enum sf_file_stream_result result;
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

enum sf_file_stream_result sf_file_stream_fill(
	struct sf_file_stream *stream, size_t need, int wait_ms)
{
	if (stream->error.code < 0 || stream_make_room(stream, need) < 0)
		return SF_STREAM_FAILED;
	if (stream->codec)
		return stream_decompress(stream, wait_ms);
	return stream_plain(stream, wait_ms);
}
