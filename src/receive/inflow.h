/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accepts connections of exporters: TCP, TLS (RFC 7011 §10.4) and SCTP (§10.2). Cuts their bytes
 * into IPFIX messages and hands the messages on. Memory is bounded: SF_INFLOW_MAX connections with
 * a buffer each. A connection is closed if its bytes are not IPFIX messages.
 *
 *	sf_inflows_init(&inflows, loop, &owner)
 *	sf_inflows_accept(&inflows, watch, &gate)	when a listening socket can be read
 *	sf_inflows_take(&inflows, &gate, &path, datagram, length, true)
 *							SCTP over UDP: for each datagram,
 *	sf_inflows_serve(&inflows)			and after the last one
 *	sf_inflows_fini(&inflows)			closes all
 */
#ifndef SPANFLOW_RECEIVE_INFLOW_H
#define SPANFLOW_RECEIVE_INFLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/hostport.h"
#include "base/loop.h"
#include "receive/path.h"
#include "sctp/sctp.h"
#include "tls/tls.h"

#define SF_INFLOW_MAX     256 /* connections at a time */
#define SF_INFLOW_SOCKETS 16  /* listening sockets */

/* Of an IPFIX message: RFC 7011 §3.1. Its bytes 0 and 1 are the version, 2 and 3 its length. */
#define SF_INFLOW_VERSION 10
#define SF_INFLOW_HEADER  16 /* bytes */

/* The functions that connections call. */
struct sf_inflow_owner {
	/* Called when bytes have arrived, before the messages in them. */
	void (*input)(void *context);
	/* Takes a whole message. `stream`: of SCTP; else 0. False: no further message is wanted. */
	bool (*message)(void *context, const char *sender, uint16_t stream, const uint8_t *data,
		size_t length);
	/*
	 * Called at the end of a connection. `trouble`: the fault; NULL:
	 * it ended between two messages.
	 */
	void (*end)(void *context, const char *sender, const char *trouble);
	void *context;
};

/* What the connections of a listening socket carry; all zero: TCP. */
struct sf_inflow_gate {
	/* TLS */
	const struct sf_tls_ops *tls;
	struct sf_tls_context *context;
	/* SCTP; over UDP it has a listener */
	const struct sf_sctp_ops *sctp;
	struct sf_sctp_listener *sctp_listener;
};

struct sf_inflow;

struct sf_inflows {
	struct sf_loop *loop;
	struct sf_inflow_owner owner;
	struct sf_inflow *first;
	unsigned count;
	/* listening sockets that are not watched until a connection ends and frees a descriptor */
	struct sf_watch *waiting[SF_INFLOW_SOCKETS];
	unsigned waiting_count;
	/* SCTP over UDP */
	struct sf_timer tick;   /* while there are associations */
	unsigned over_udp;      /* of `count` */
	struct sf_hash_key key; /* of their handles; made with the first one */
	bool has_key;
	uint64_t connections; /* accepted */
	uint64_t refused;     /* closed at once, because there were too many */
	uint64_t broken;      /* ended by an error, or in the middle of a message */
};

void sf_inflows_init(
	struct sf_inflows *inflows, struct sf_loop *loop, const struct sf_inflow_owner *owner);
void sf_inflows_fini(struct sf_inflows *inflows);

/* Accepts one connection of the listening socket that `watch` belongs to. 0 or -errno. */
int sf_inflows_accept(
	struct sf_inflows *inflows, struct sf_watch *watch, const struct sf_inflow_gate *gate);

/*
 * SCTP over UDP: a datagram has come on `path`. `accepts`: it may begin an association. 0 or
 * -errno: there is no memory, or there are no random numbers.
 */
int sf_inflows_take(struct sf_inflows *inflows, const struct sf_inflow_gate *gate,
	struct sf_path *path, const uint8_t *datagram, size_t length, bool accepts);

/* Hands on what the datagrams have brought. */
void sf_inflows_serve(struct sf_inflows *inflows);

#endif
