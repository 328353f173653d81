/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One input as a flow of plain bytes through one reused buffer: bytes are read (and decompressed)
 * at `end` and consumed at `p`. The consumer moves p itself.
 *
 *	while (stream.end - stream.p < need)
 *		if (sf_stream_fill(&stream, need, wait_ms) != SF_STREAM_MORE) …
 */
#ifndef SPANFLOW_FILE_STREAM_H
#define SPANFLOW_FILE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/error.h>

#include "file/codec.h"

/* What is read at once: the size at which read(2) into a reused buffer is fastest. */
#define SF_STREAM_CHUNK ((size_t)1 << 20)

struct sf_stream {
	/* per batch */
	const uint8_t *p; /* first byte not yet consumed */
	uint8_t *end;     /* after the last byte there is */
	/* per refill */
	uint8_t *memory, *limit; /* the buffer: [memory, limit) */
	size_t headroom;         /* what a refill carries over lies before memory + headroom */
	size_t chunk;            /* what one read asks for */
	uint64_t end_offset;     /* position of `end` in the plain data */
	uint64_t raw_offset;     /* bytes read from the descriptor */
	uint64_t raw_end;        /* where reading it ends, even if there is more */
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
 * Takes over `fd` (also on failure), of which `size` bytes are read at most, `chunk` at once. 0 or
 * -ENOMEM.
 */
int sf_stream_init(struct sf_stream *stream, int fd, uint64_t size, size_t chunk);
void sf_stream_fini(struct sf_stream *stream);

enum sf_stream_result { SF_STREAM_MORE, SF_STREAM_QUIET, SF_STREAM_END, SF_STREAM_FAILED };

/*
 * Reads once, so that bytes come nearer to the `need` wanted from p on; makes room for them. Moves
 * the bytes from p to end: pointers into them are void afterwards. On a pipe waits up to wait_ms
 * for data (QUIET: none came, or a signal did). FAILED: see stream->error.
 */
enum sf_stream_result sf_stream_fill(struct sf_stream *stream, size_t need, int wait_ms);

/* Position of p in the plain data. */
static inline uint64_t sf_stream_offset(const struct sf_stream *stream)
{
	return stream->end_offset - (uint64_t)(stream->end - stream->p);
}

#endif
