/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes bytes to a descriptor: a file, a pipe, a terminal, a socket. Bytes are appended in pieces
 * (an IPFIX message, or rows of text), and the number of records of each piece is known.
 *
 *	waits          sf_outlet_write() returns when all bytes are written or an error occurred
 *	does not wait  sf_outlet_pump() writes as much as is possible now and keeps the rest; a
 *	               pipe gets a piece of at most PIPE_BUF bytes as a whole or not at all
 *
 * After a failure, such as a full disk, there is an attempt once a second, and writing goes on
 * where it stopped. A pipe or socket whose reader has gone takes no further bytes.
 */
#ifndef SPANFLOW_TRANSPORT_OUTLET_H
#define SPANFLOW_TRANSPORT_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "transport/outcome.h"

struct sf_outlet_piece {
	uint32_t length;
	struct sf_destination_count flows;
};

struct sf_outlet {
	int fd;
	FILE *stream; /* used instead of fd; or NULL */
	bool waits;
	const struct sf_hurry *hurry; /* checked while waiting; NULL: never in a hurry */
	bool is_file;                 /* a regular file, which takes all bytes at once */
	bool is_socket;
	bool is_own;      /* the descriptor was opened here */
	bool may_cut;     /* a piece that was written in part can be cut off again */
	bool has_reader;  /* false: a FIFO that no process has opened for reading yet */
	bool gone;        /* no further attempt is made */
	bool stopped;     /* the run ends and does not wait for the reader any more */
	int error;        /* of the last attempt, negative; 0: it succeeded */
	int64_t again_ns; /* monotonic time of the next attempt after an error */
	off_t length;     /* bytes of all pieces that were written as a whole */

	/* pieces that are not written yet */
	uint8_t *bytes; /* bytes[start … end-1] */
	size_t size;    /* of the allocation */
	size_t start, end;
	size_t written;                 /* bytes of the first piece that are written */
	struct sf_outlet_piece *pieces; /* pieces[first_piece … end_piece-1] */
	unsigned piece_size;            /* of the allocation */
	unsigned first_piece, end_piece;

	/* pieces that were written or lost; the owner adds them up and sets these to zero */
	struct sf_outcome sent, lost;
};

/* `may_cut`: the file belongs to this process. A terminal is opened again. */
void sf_outlet_init(struct sf_outlet *outlet, int fd, bool waits, bool may_cut);
/* An outlet that waits, for a stream of the C library. */
void sf_outlet_init_stream(struct sf_outlet *outlet, FILE *stream);
/* Does not close the descriptor of sf_outlet_init(). */
void sf_outlet_fini(struct sf_outlet *outlet);

/* Room for a piece of at most `size` bytes; NULL: no memory. */
uint8_t *sf_outlet_room(struct sf_outlet *outlet, size_t size);

/*
 * Adds a piece of `length` bytes, which the caller has written into the room. With `join` the bytes
 * become a part of the last piece, if both have at most PIPE_BUF bytes together.
 */
void sf_outlet_add(struct sf_outlet *outlet, size_t length,
	const struct sf_destination_count *flows, bool join);

/*
 * Adds a piece from other memory. If the outlet waits or is a file, the piece is written at once
 * without a copy. False: no memory; nothing was done.
 */
bool sf_outlet_send(struct sf_outlet *outlet, const uint8_t *bytes, size_t length,
	const struct sf_destination_count *flows);

/*
 * For an outlet that waits: writes all pieces. Pieces that cannot be written are lost, except the
 * rest of a piece that was written in part.
 */
void sf_outlet_write(struct sf_outlet *outlet);

/*
 * For an outlet that does not wait: writes as much as is possible now. Returns `mono` when nothing
 * is left; else the time of the next attempt; INT64_MAX: when *fd can be written.
 */
int64_t sf_outlet_pump(struct sf_outlet *outlet, int64_t mono, int *fd);

/* Bytes that are not written yet. */
static inline size_t sf_outlet_length(const struct sf_outlet *outlet)
{
	return outlet->end - outlet->start;
}

static inline bool sf_outlet_empty(const struct sf_outlet *outlet)
{
	return outlet->first_piece == outlet->end_piece;
}

/* Counts all pieces that are not written yet as lost. */
void sf_outlet_drop(struct sf_outlet *outlet);

#endif
