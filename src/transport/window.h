/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of a stream transport, from the moment in which the session hands them over until the
 * peer has read them. A connection that is cut leaves messages that the peer may not have: these
 * are taken back and sent again on the next connection. The peer's kernel acknowledges what its
 * program has not read yet, so acknowledged messages are kept for a while too.
 *
 *	sf_window_add(&window, bytes, &message)		a copy, behind all others
 *	p = sf_window_unwritten(&window, &length)	the rest of the oldest unwritten message
 *	sf_window_wrote(&window, n, wire)		n bytes of that rest were written
 *	sf_window_acknowledge(&window, wire, mono)	messages up to that offset count as sent
 *	sf_window_release(&window, mono - age, octets)	the peer has read old messages by now
 *	sf_window_cut(&window, false)			the connection is lost
 *	while (sf_window_take_back(&window, &message, &bytes)) …	oldest first
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
	uint16_t sctp_stream; /* of the message, on the present connection */
	bool begun;           /* bytes of it were written to a connection: the peer may have it */
	bool abandoned;       /* the connection has given it up */
	uint64_t wire_end;    /* offset of its end in the connection's bytes; 0: not written */
	int64_t acknowledged_ns; /* monotonic time */
	struct sf_spool_span place;
	struct sf_destination_count flows;
};

/* All zero: empty. */
struct sf_window {
	/* messages, one behind the other; a message that does not fit at the end begins at 0 */
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
	unsigned acknowledged; /* number of the oldest messages that are acknowledged */
	unsigned next;         /* number of the oldest messages that are written as a whole */
	unsigned kept;         /* number of the oldest messages that are to be taken back */
	/*
	 * Messages that were acknowledged, less acknowledged messages that are to be sent again:
	 * numbers modulo 2^64, because the difference may be negative. The owner of the window adds
	 * them up and sets `sent` to zero.
	 */
	struct sf_outcome sent;
	struct sf_destination_count abandoned; /* of messages that were given up; as `sent` */
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
 * Adds the message, which has message->length bytes at `bytes`. The window sets start, wire_end and
 * the time of acknowledgement itself. False: no memory; nothing was done.
 */
bool sf_window_add(
	struct sf_window *window, const uint8_t *bytes, const struct sf_window_message *message);

/* Adds a message that was taken back, as the last one. False: no memory; it is lost. */
bool sf_window_return(struct sf_window *window, const struct sf_window_message *message);

/* The rest of the oldest message that is not written as a whole; NULL: all are. */
const uint8_t *sf_window_unwritten(const struct sf_window *window, size_t *length);

/* The message whose rest sf_window_unwritten() gives. */
const struct sf_window_message *sf_window_next(const struct sf_window *window);

/* `n` bytes of that rest were written; the connection has carried `wire` bytes now. */
void sf_window_wrote(struct sf_window *window, size_t n, uint64_t wire);

/*
 * The peer has acknowledged all bytes before offset `wire`: messages that end there or before count
 * as sent, at the time `mono`.
 */
void sf_window_acknowledge(struct sf_window *window, uint64_t wire, int64_t mono);

/* The connection has given up the message whose end is at offset `end`, modulo 2^32: it is lost. */
void sf_window_abandon(struct sf_window *window, uint32_t end);

/* When the oldest message was acknowledged; INT64_MAX: it was not, or there is none. */
static inline int64_t sf_window_oldest(const struct sf_window *window)
{
	return window->acknowledged
		       ? window->messages[window->first & (window->room - 1)].acknowledged_ns
		       : INT64_MAX;
}

/*
 * Frees messages that were acknowledged at `mono` or before, and the oldest acknowledged ones while
 * these have more than `octets` bytes.
 */
void sf_window_release(struct sf_window *window, int64_t mono, size_t octets);

/*
 * The connection is lost. Messages with flows stay, to be taken back; messages without are dropped.
 * `read`: the peer has read what it acknowledged.
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
