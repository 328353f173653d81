/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One input as a flow of plain bytes through one reused buffer: bytes are read (and decompressed)
 * at `end` and consumed at `p`. The consumer moves p itself.
 *
 *	while (stream.end - stream.p < need)
 *		if (sf_file_stream_fill(&stream, need, wait_ms) != SF_STREAM_MORE) …
 *
 * Where several queues take turns in reading (file.c), the bytes of one are still in use while
 * another reads on: then there is a buffer for each, and what is lent is not overwritten. One queue
 * fills the same buffer again and again, mostly, so that its core need not fetch the lines from
 * another one.
 */
#ifndef SPANFLOW_FILE_STREAM_H
#define SPANFLOW_FILE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/error.h>

#include "file/codec.h"

/* What is read at once: few calls, and still in the second-level cache when it is parsed. */
#define SF_STREAM_CHUNK ((size_t)256 << 10)

#define SF_STREAM_QUEUES 64 /* at most */

/* Memory of `headroom` octets for what a refill carries over, and a chunk. */
struct sf_file_stream_buffer {
	uint8_t *memory; /* NULL: not needed yet */
	size_t headroom, chunk;
	uint64_t lent; /* bit q: bytes in it are lent to queue q; not kept with one queue only */
};

struct sf_file_stream {
	/* per batch */
	const uint8_t *p; /* first byte not yet consumed */
	uint8_t *end;     /* after the last byte there is */
	/* per refill */
	uint8_t *limit;                        /* where the buffer ends */
	struct sf_file_stream_buffer *buffers; /* by queue */
	unsigned queues;
	unsigned current;    /* the buffer with p and end */
	unsigned queue;      /* whose turn it is */
	size_t most;         /* bytes that a read asks for, if there is room */
	size_t chunk;        /* room for reading in a buffer that is made now */
	uint64_t end_offset; /* position of `end` in the plain data */
	uint64_t raw_offset; /* bytes read from the descriptor */
	uint64_t raw_end;    /* where reading it ends, even if there is more */
	int fd;
	bool pipe;       /* no regular file: may have nothing to read for now */
	bool identified; /* `compression` is known */
	enum sf_compression compression;
	struct sf_codec *codec;
	uint8_t *in;                  /* compressed bytes, SF_STREAM_INPUT of room */
	const uint8_t *in_p, *in_end; /* those not yet decompressed */
	struct sf_error error;        /* why fill failed, without the file's name */
};

/*
 * Takes over `fd` (also on failure), of which `size` bytes are read at most, up to `chunk` at once,
 * for up to SF_STREAM_QUEUES queues. 0 or -ENOMEM.
 */
int sf_file_stream_init(
	struct sf_file_stream *stream, int fd, uint64_t size, size_t chunk, unsigned queues);
void sf_file_stream_fini(struct sf_file_stream *stream);

enum sf_file_stream_result { SF_STREAM_MORE, SF_STREAM_QUIET, SF_STREAM_END, SF_STREAM_FAILED };

/*
 * Reads once, so that bytes come nearer to the `need` wanted from p on; makes room for them. Moves
 * the bytes from p to end: pointers into them are void afterwards. On a pipe waits up to wait_ms
 * for data (QUIET: none came, or a signal did). FAILED: see stream->error.
 */
enum sf_file_stream_result sf_file_stream_fill(
	struct sf_file_stream *stream, size_t need, int wait_ms);

/*
 * The turn is that of `queue`, which has given back what was lent to it; it reads `most` bytes at
 * once.
 */
void sf_file_stream_turn(struct sf_file_stream *stream, unsigned queue, size_t most);

/* Bytes of the current buffer are lent to the queue whose turn it is. */
void sf_file_stream_lend(struct sf_file_stream *stream);

/* Nothing more is read; what was, stays. */
void sf_file_stream_end(struct sf_file_stream *stream);

/* Are bytes lent to any queue? */
bool sf_file_stream_is_lent(const struct sf_file_stream *stream);

/* Position of p in the plain data. */
static inline uint64_t sf_file_stream_offset(const struct sf_file_stream *stream)
{
	return stream->end_offset - (uint64_t)(stream->end - stream->p);
}

#endif
