/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The collecting process of RFC 7011 without the decoding: receives messages from any number of
 * sockets and decides when the run ends. It prints nothing. Example:
 *
 *	static void decode(void *context, const char *sender, const uint8_t *data, size_t length)
 *	{
 *		sf_collector_message(context, sender, data, length, &error);
 *	}
 *
 *	const struct sf_receiver_options options = { .message = decode, .context = collector };
 *
 *	err = sf_receiver_init(&receiver, loop, &options);
 *	err = sf_receiver_listen(&receiver, "udp://:4739", &error);
 *	ended = sf_receiver_run(&receiver);
 *	sf_receiver_fini(&receiver);
 *
 * All sockets are watched by one loop, and a turn receives one batch of each: a flood on one socket
 * does not starve the others. Output is written when the input pauses, and every 100 ms when it
 * does not.
 *
 * A run ends in two steps. sf_receiver_end(), the duration and a long silence begin to *drain*:
 * what already lies in the sockets is still received. Sockets of datagrams take no further ones,
 * and have 5 s for those that they hold; connections and DTLS have 150 ms, or as long as such
 * datagrams are received. Datagrams that had come but were not handed to `message` by then, those
 * in the sockets too, are counted as undecoded. sf_receiver_cut() and sf_receiver_stop() end the
 * run at once. All three may be called by `message`, between two datagrams of a batch.
 */
#ifndef SPANFLOW_RECEIVE_RECEIVER_H
#define SPANFLOW_RECEIVE_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/error.h>

#include "base/loop.h"
#include "receive/inflow.h"
#include "receive/listener.h"
#include "receive/sessions.h"

struct sf_receiver_options {
	/* Takes one message. `sender` is "192.0.2.1:4739", `data` is valid during the call. */
	void (*message)(void *context, const char *sender, const uint8_t *data, size_t length);
	/*
	 * Takes one message of a connection, whose exporter has templates of its own there, and
	 * learns of the end of the connection. `trouble`: why, if it did not end between two
	 * messages; or NULL. `stream`: of SCTP; else 0. May be NULL if no URL is of TCP or SCTP.
	 * Messages of DTLS go to `message`, because they may get lost like those of UDP; stream_end
	 * learns of the end of their session.
	 */
	void (*stream_message)(void *context, const char *sender, uint16_t stream,
		const uint8_t *data, size_t length);
	void (*stream_end)(void *context, const char *sender, const char *trouble);
	/* Writes out what waits: the input pauses, or has not paused for 100 ms. May be NULL. */
	void (*write_out)(void *context);
	void *context;
	int64_t duration_ns; /* of the run; 0: no limit */
	int64_t silence_ns;  /* without a message, after which the run ends; 0: never */
};

struct sf_receiver {
	struct sf_receiver_options options;
	struct sf_loop *loop;
	struct sf_listener listeners[SF_LISTEN_MAX];
	unsigned count; /* of listeners */
	struct sf_listen_batch *batch;
	struct sf_inflows inflows;
	struct sf_sessions sessions;
	struct sf_timer duration, silence, output;
	uint64_t datagrams;    /* received, those that were not decoded included */
	uint64_t undecoded;    /* had come, but were not handed to `message` when the run ended */
	uint64_t batches;      /* received, each of at least one datagram */
	int64_t last_batch_ns; /* monotonic time of the last one */
	int64_t deadline_ns;   /* monotonic end of the run, or of draining; INT64_MAX: none */
	int64_t cut_ns;        /* with `ending`: deadline_ns is never later */
	bool took_datagrams; /* in this turn of the loop, from a socket that drains or will drain */
	const char *ending;  /* why the run drains; NULL: it does not */
	const char *ended;   /* why the run has ended; NULL: it goes on */
	struct sf_error error; /* of a socket or of the loop, after the run; code 0: none */
};

/* Makes a receiver without sockets. `receiver` must stay where it is until fini. 0 or -ENOMEM. */
int sf_receiver_init(struct sf_receiver *receiver, struct sf_loop *loop,
	const struct sf_receiver_options *options);

/* Closes all sockets. Allowed after a failed init and for a zeroed struct. */
void sf_receiver_fini(struct sf_receiver *receiver);

/* Opens the sockets of a URL (sf_listen_open()). 0, or an error with its text. */
int sf_receiver_listen(struct sf_receiver *receiver, const char *url, struct sf_error *error);

/*
 * Turns the loop until the run has ended. Returns why: "duration", "idle", "failure" (see `error`),
 * or the reason that a function below was given.
 */
const char *sf_receiver_run(struct sf_receiver *receiver);

/* Begins to drain. Only the first reason counts. `why` is kept and not copied. */
void sf_receiver_end(struct sf_receiver *receiver, const char *why);

/* Ends a run that drains at once; what is left in the sockets is counted as undecoded. */
void sf_receiver_cut(struct sf_receiver *receiver);

/* Ends the run at once, because no further message is wanted. `why` is kept and not copied. */
void sf_receiver_stop(struct sf_receiver *receiver, const char *why);

/*
 * Reads certificates and keys again, for connections to come. 0, or an error that names the file:
 * those of that address and of further ones stay as they are.
 */
int sf_receiver_reload(struct sf_receiver *receiver, struct sf_error *error);

/* Datagrams that the kernel has dropped at all sockets. */
uint64_t sf_receiver_dropped(struct sf_receiver *receiver);

#endif
