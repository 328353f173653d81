/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The plain bytes of one file, in a buffer that is used again and again: bytes are read (and
 * decompressed) at `end` and consumed at `p`. The consumer moves p itself.
 *
 *	while (stream.end - stream.p < need)
 *		if (sf_file_stream_fill(&stream, need, wait_ms) != SF_STREAM_MORE) …
 *
 * If several queues read in turns (file.c), the bytes of one queue are still in use while another
 * reads. Then each queue has a buffer, and a buffer with lent bytes is not overwritten. A queue
 * uses its own buffer if it can, so that its core need not fetch the lines from another core.
 */
#ifndef SPANFLOW_FILE_STREAM_H
#define SPANFLOW_FILE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/error.h>

#include "base/codec.h"

/* Bytes of one read: few calls, and the bytes are still in the second-level cache when parsed. */
#define SF_STREAM_CHUNK ((size_t)256 << 10)

#define SF_STREAM_QUEUES 64 /* at most */

/* Memory of `headroom` bytes, for the rest that a refill keeps, and a chunk behind it. */
struct sf_file_stream_buffer {
	uint8_t *memory; /* NULL: not needed yet */
	size_t headroom, chunk;
	uint64_t lent; /* bit q: bytes are lent to queue q; not used with one queue only */
};

struct sf_file_stream {
	/* per batch */
	const uint8_t *p; /* first byte not yet consumed */
	uint8_t *end;     /* behind the last byte that was read */
	/* per refill */
	uint8_t *limit;                        /* end of the buffer */
	struct sf_file_stream_buffer *buffers; /* by queue */
	unsigned queues;
	unsigned current;    /* index of the buffer with p and end */
	unsigned queue;      /* the queue that reads */
	size_t most;         /* bytes of one read, if there is room */
	size_t chunk;        /* size of the chunk in a new buffer */
	uint64_t end_offset; /* position of `end` in the plain data */
	uint64_t raw_offset; /* bytes read from the descriptor */
	uint64_t raw_end;    /* value of raw_offset at which reading ends */
	int fd;
	bool pipe;       /* not a regular file: there may be nothing to read for now */
	bool identified; /* `compression` is known */
	enum sf_compression compression;
	struct sf_codec *codec;
	uint8_t *in;                  /* compressed bytes, SF_STREAM_INPUT of room */
	const uint8_t *in_p, *in_end; /* the bytes of `in` that are not decompressed yet */
	struct sf_error error;        /* why a fill failed, without the file's name */
};

/*
 * Takes over `fd` (also on failure). Reads `size` bytes at most, up to `chunk` at once, for up to
 * SF_STREAM_QUEUES queues. 0 or -ENOMEM.
 */
int sf_file_stream_init(
	struct sf_file_stream *stream, int fd, uint64_t size, size_t chunk, unsigned queues);
void sf_file_stream_fini(struct sf_file_stream *stream);

enum sf_file_stream_result { SF_STREAM_MORE, SF_STREAM_QUIET, SF_STREAM_END, SF_STREAM_FAILED };

/*
 * Reads once; makes room for `need` bytes from p on first. May move the bytes from p to end, so
 * pointers to them are invalid afterwards. Waits up to wait_ms for data on a pipe (QUIET: no data,
 * or a signal came). FAILED: see stream->error.
 */
enum sf_file_stream_result sf_file_stream_fill(
	struct sf_file_stream *stream, size_t need, int wait_ms);

/*
 * Begins the turn of `queue`, which reads up to `most` bytes at once. No bytes are lent to the
 * queue any more.
 */
void sf_file_stream_turn(struct sf_file_stream *stream, unsigned queue, size_t most);

/* Bytes of the current buffer are lent to the queue that reads. */
void sf_file_stream_lend(struct sf_file_stream *stream);

/* Closes the file; bytes in the buffers stay. */
void sf_file_stream_end(struct sf_file_stream *stream);

/* True if bytes are lent to any queue. */
bool sf_file_stream_is_lent(const struct sf_file_stream *stream);

/* Position of p in the plain data. */
static inline uint64_t sf_file_stream_offset(const struct sf_file_stream *stream)
{
	return stream->end_offset - (uint64_t)(stream->end - stream->p);
}

#endif
