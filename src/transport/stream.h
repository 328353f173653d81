/* SPDX-License-Identifier: BSD-2-Clause */
/* The transport over connections (stream.c). */
#ifndef SPANFLOW_TRANSPORT_STREAM_H
#define SPANFLOW_TRANSPORT_STREAM_H

#include "transport/connection.h"
#include "transport/hold.h"
#include "transport/transport.h"

struct sf_stream_options {
	struct sf_peer_options peer;
	struct sf_connection *link; /* taken over, also on failure; NULL: no memory */
	int64_t retry_ns;           /* shortest time between two attempts to connect; 0: a minute */
	struct sf_disk *disk;       /* of its spool, taken over, also on failure; NULL: none */
	struct sf_spool_options spool;
	bool late; /* a collector that cannot be reached at the start is no failure */
	const struct sf_hurry *hurry;
};

/*
 * Makes a transport over this connection and connects to the collector. Waits for the connection,
 * unless options->late or there is a spool. Returns 0, or an error with its text and nothing left
 * open.
 */
int sf_stream_open(struct sf_transport **transport, const struct sf_stream_options *options,
	struct sf_error *error);

#endif
