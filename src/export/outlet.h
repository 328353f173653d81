/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes to a descriptor: a file, a pipe, a terminal, a socket. What is appended lies in pieces: an
 * IPFIX message, or rows of text. Of each piece it is known which records it holds.
 *
 *	waits        sf_outlet_write() returns when all is written, or nothing more can be.
 *	does not     sf_outlet_pump() writes as much as is taken now and keeps the rest. Of a piece of
 *	             at most PIPE_BUF bytes a pipe gets all or nothing.
 *
 * A full disk may have room again: after a failure there is an attempt once a second, and the bytes
 * go on where they stopped. A reader who has gone does not come back.
 */
#ifndef SPANFLOW_EXPORT_OUTLET_H
#define SPANFLOW_EXPORT_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <spanflow/export.h>

/* What became of pieces since somebody asked. */
struct sf_outcome {
	uint64_t pieces, octets;
	struct sf_destination_count flows;
};

struct sf_outlet_piece {
	uint32_t length;
	struct sf_destination_count flows;
};

struct sf_outlet {
	int fd;
	FILE *stream; /* instead of fd; or NULL */
	bool waits;
	const struct sf_hurry *hurry; /* who waits looks at it; NULL: there is time */
	bool is_file;                 /* a regular one, which takes all at once */
	bool is_socket;
	bool is_own;      /* the descriptor was opened here */
	bool may_cut;     /* a piece that was written in part can be cut off again */
	bool has_reader;  /* false: a FIFO that nobody has opened for reading yet */
	bool gone;        /* no attempt will be taken any more */
	bool stopped;     /* nobody waits for the reader any more, as the run ends */
	int error;        /* of the last attempt, negative; 0: it was taken */
	int64_t again_ns; /* monotonic: after an error, no attempt before that */
	off_t length;     /* written, in whole pieces */

	/* what waits */
	uint8_t *bytes;
	size_t size, start, end;
	size_t written; /* of the first piece */
	struct sf_outlet_piece *pieces;
	unsigned piece_size, first_piece, end_piece;

	/* what does not wait any more, since whoever keeps the books has set them to zero */
	struct sf_outcome sent, lost;
};

/* `may_cut`: the file is this process's own. A terminal gets a descriptor of its own. */
void sf_outlet_init(struct sf_outlet *outlet, int fd, bool waits, bool may_cut);
/* Waits. */
void sf_outlet_init_stream(struct sf_outlet *outlet, FILE *stream);
/* Closes no descriptor that was given to it. */
void sf_outlet_fini(struct sf_outlet *outlet);

/* Room for a piece of at most `size` bytes; NULL: no memory. */
uint8_t *sf_outlet_room(struct sf_outlet *outlet, size_t size);

/*
 * `length` bytes stand in that room: a piece, or with `join` more of the last one, if both together
 * have at most PIPE_BUF bytes.
 */
void sf_outlet_add(struct sf_outlet *outlet, size_t length,
	const struct sf_destination_count *flows, bool join);

/*
 * Adds a piece that stands elsewhere. Where all can be written at once (the outlet waits, or it is
 * a file) that is done without a copy. False: no memory, nothing was done.
 */
bool sf_outlet_send(struct sf_outlet *outlet, const uint8_t *bytes, size_t length,
	const struct sf_destination_count *flows);

/* For an outlet that waits. What cannot be written is lost, but for the rest of a torn piece. */
void sf_outlet_write(struct sf_outlet *outlet);

/*
 * For one that does not: writes what is taken now. Returns `mono` when nothing waits any more;
 * otherwise when the next attempt is due, INT64_MAX: when *fd can be written.
 */
int64_t sf_outlet_pump(struct sf_outlet *outlet, int64_t mono, int *fd);

/* Bytes that wait. */
static inline size_t sf_outlet_length(const struct sf_outlet *outlet)
{
	return outlet->end - outlet->start;
}

static inline bool sf_outlet_empty(const struct sf_outlet *outlet)
{
	return outlet->first_piece == outlet->end_piece;
}

/* What waits is lost. */
void sf_outlet_drop(struct sf_outlet *outlet);

#endif
