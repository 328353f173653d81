/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of a stream transport from the moment in which the session hands them over until the peer
 * has read them. A connection that is cut leaves messages that the peer may not have: they are taken
 * back and sent again on the next connection. The peer's kernel acknowledges what its program has not
 * read yet, so acknowledged messages are kept for a while too.
 *
 *	sf_window_add(&window, bytes, &message)		a copy, behind all others
 *	p = sf_window_unwritten(&window, &length)		bytes of the message that is to be written
 *	sf_window_wrote(&window, n, wire)			n bytes of it were written
 *	sf_window_acknowledge(&window, wire, mono)		messages up to that offset count as sent
 *	sf_window_release(&window, mono - age, octets)		the peer has read old ones by now
 *	sf_window_cut(&window, false)				the connection is lost
 *	while (sf_window_take_back(&window, &message)) …	oldest first
 */
#ifndef SPANFLOW_TRANSPORT_WINDOW_H
#define SPANFLOW_TRANSPORT_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/outcome.h"
#include "transport/spool.h"

struct sf_window_message {
	size_t start; /* in `bytes` */
	uint32_t length;
	uint16_t data_records;
	uint16_t sctp_stream; /* by which it goes, on the present connection */
	bool begun;           /* bytes of it were written to a connection: the peer may have it */
	bool abandoned;       /* the connection has given it up */
	uint64_t
		wire_end; /* offset of its end in what the connection has carried; 0: not written */
	int64_t acknowledged_ns; /* monotonic time */
	struct sf_spool_span place;
	struct sf_destination_count flows;
};

/* All zero: empty. */
struct sf_window {
	/* messages lie one behind the other; one that does not fit at the end begins at 0 again */
	uint8_t *bytes;
	size_t size;   /* of the allocation */
	size_t end;    /* behind the last message */
	size_t octets; /* of all messages */
	size_t acknowledged_octets;
	size_t in_place; /* bytes of the message `next` that are written */
	/* messages[first … first+count-1], modulo `room` */
	struct sf_window_message *messages;
	unsigned room; /* a power of two */
	unsigned first, count;
	unsigned acknowledged; /* messages, the oldest */
	unsigned next;         /* messages of these that are written as a whole */
	unsigned kept;         /* messages, the oldest, that are to be taken back */
	/*
	 * Messages that were acknowledged, less those that counted as such and are to be sent again:
	 * so these are numbers modulo 2^64. The owner adds them up and sets this to zero.
	 */
	struct sf_outcome sent;
	struct sf_destination_count
		abandoned;              /* of messages that were given up; set to zero likewise */
	struct sf_spool_place released; /* end of the last message from the spool that was freed */
};

/* Messages from the spool that a cut took out. */
struct sf_window_rewind {
	bool any;
	struct sf_spool_place start; /* of the first of them */
	struct sf_destination_count flows;
	bool begun;
	unsigned before; /* messages of memory that were kept and lie before them */
};

void sf_window_fini(struct sf_window *window);

/*
 * Adds the message, which has message->length bytes at `bytes`; its start, wire_end and times are the window's.
 * False: no memory; nothing was done.
 */
bool sf_window_add(
	struct sf_window *window, const uint8_t *bytes, const struct sf_window_message *message);

/* Adds a message that was taken back, as the last one. False: no memory; it is lost. */
bool sf_window_return(struct sf_window *window, const struct sf_window_message *message);

/* The rest of the oldest message that is not written as a whole; NULL: all are. */
const uint8_t *sf_window_unwritten(const struct sf_window *window, size_t *length);

/* That message, of which sf_window_unwritten() has given the rest. */
const struct sf_window_message *sf_window_next(const struct sf_window *window);

/* `n` bytes of it were written; what the connection carried ends at offset `wire` now. */
void sf_window_wrote(struct sf_window *window, size_t n, uint64_t wire);

/* The peer has acknowledged all bytes before offset `wire`: whole messages before it count as sent, at `mono`. */
void sf_window_acknowledge(struct sf_window *window, uint64_t wire, int64_t mono);

/* The connection has given up the message whose end is at offset `end`, modulo 2^32: it is lost. */
void sf_window_abandon(struct sf_window *window, uint32_t end);

/* When the oldest message was acknowledged, if it is; INT64_MAX: it is not. */
static inline int64_t sf_window_oldest(const struct sf_window *window)
{
	return window->acknowledged
		       ? window->messages[window->first & (window->room - 1)].acknowledged_ns
		       : INT64_MAX;
}

/* Frees messages that were acknowledged at `mono` or before, and the oldest beyond `octets` bytes. */
void sf_window_release(struct sf_window *window, int64_t mono, size_t octets);

/*
 * The connection is lost: messages with flows stay, to be taken back; others are dropped. `read`: the
 * peer has read what it acknowledged.
 */
void sf_window_cut(struct sf_window *window, bool read);

/* The same; messages from the spool, which still has them, are taken out and summed up. */
void sf_window_cut_into(struct sf_window *window, bool read, struct sf_window_rewind *rewind);

/* Messages that the peer has not acknowledged. */
static inline unsigned sf_window_waiting(const struct sf_window *window)
{
	return window->count - window->acknowledged;
}

/*
 * Takes the oldest message out that sf_window_cut() has kept. `bytes` is valid until the next call;
 * false: there is none.
 */
bool sf_window_take_back(
	struct sf_window *window, struct sf_window_message *message, const uint8_t **bytes);

/* True if bytes of one of the kept messages from number `from` on were written to a connection. */
bool sf_window_kept_begun(const struct sf_window *window, unsigned from);

/* Takes all messages out; returns the sum of those that were not acknowledged. */
struct sf_outcome sf_window_drop(struct sf_window *window);

#endif
