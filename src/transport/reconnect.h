/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Internal header of the transport over connections: its connection as a state machine
 * (reconnect.c). stream.c has the operations of the transport. No function waits. All of them
 * belong to the thread of the transport, and take the time from stream->mono.
 */
#ifndef SPANFLOW_TRANSPORT_RECONNECT_H
#define SPANFLOW_TRANSPORT_RECONNECT_H

#include "transport/connection.h"
#include "transport/hold.h"
#include "transport/transport.h"

/* [RFC7011-10.4.4-2] */
#define SF_STREAM_RETRY_NS INT64_C(60000000000) /* by default, no more than once a minute */

enum sf_stream_state {
	SF_STREAM_AWAY,
	SF_STREAM_LOOKING,
	SF_STREAM_CONNECTING,
	SF_STREAM_OPEN,
};

struct sf_stream_transport {
	struct sf_transport transport;
	struct sf_connection *link;
	struct sf_peer peer;
	struct sf_hold hold;
	struct sf_outcome lost;
	enum sf_stream_state state;
	unsigned address;    /* that is connected to, or was last */
	int64_t mono;        /* of the last ready() */
	int64_t begun_ns;    /* the last attempt */
	int64_t again_ns;    /* the next attempt */
	int64_t deadline_ns; /* of connecting to one address */
	int64_t opened_ns;   /* when the connection was made */
	int64_t check_ns;    /* the next look whether the connection still is one */
	int64_t retry_ns;    /* shortest time between two attempts */
	int64_t pause_ns;    /* present time between two attempts */
	int64_t wrote_ns;    /* the last write */
	bool renewing; /* the connection that is being made takes the place of a working one */
};

/* Makes the first attempt to connect. `late`: an unknown address is looked up in the background. */
void sf_stream_start(struct sf_stream_transport *stream, bool late);

/* One step of the state machine for each state that can be passed now. */
void sf_stream_step(struct sf_stream_transport *stream);

/*
 * The part of the state machine for an open connection: which messages were acknowledged, and
 * whether the connection still exists.
 */
void sf_stream_look_after(struct sf_stream_transport *stream);

/* Writes what the connection takes now. */
void sf_stream_write(struct sf_stream_transport *stream);

/*
 * The connection has ended. SF_EOF: the peer has read everything and closed the connection. If that
 * was soon after the connection was made, the peer may have refused what it read: a TLS server that
 * finds no TLS, a proxy without a collector behind it. Then the messages are kept, to be sent
 * again.
 */
void sf_stream_lose(struct sf_stream_transport *stream, int code);

#endif
