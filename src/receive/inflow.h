/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accepts connections of exporters (RFC 7011 §10.4), cuts their bytes into IPFIX messages and hands the
 * messages on. Memory is bounded: SF_INFLOW_MAX connections with a buffer each. A connection is closed if
 * its bytes are not IPFIX messages.
 *
 *	sf_inflows_init(&inflows, loop, &owner)
 *	sf_inflows_accept(&inflows, watch, NULL, NULL)	when a listening socket can be read
 *	sf_inflows_fini(&inflows)		closes all
 */
#ifndef SPANFLOW_RECEIVE_INFLOW_H
#define SPANFLOW_RECEIVE_INFLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hostport.h"
#include "base/loop.h"
#include "tls/tls.h"

#define SF_INFLOW_MAX     256 /* connections at a time */
#define SF_INFLOW_SOCKETS 16  /* listening sockets */

/* The functions that connections call. */
struct sf_inflow_owner {
	/* Called when bytes have arrived, before the messages in them. */
	void (*input)(void *context);
	/* Takes a whole message. False: no further message is wanted. */
	bool (*message)(void *context, const char *sender, const uint8_t *data, size_t length);
	/* Called at the end of a connection. `trouble`: the fault; NULL: it ended between two messages. */
	void (*end)(void *context, const char *sender, const char *trouble);
	void *context;
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
	uint64_t connections; /* accepted */
	uint64_t refused;     /* closed at once, because there were too many */
	uint64_t broken;      /* ended by an error, or in the middle of a message */
};

void sf_inflows_init(
	struct sf_inflows *inflows, struct sf_loop *loop, const struct sf_inflow_owner *owner);
void sf_inflows_fini(struct sf_inflows *inflows);

/*
 * Accepts one connection of the listening socket that `watch` belongs to. With a context it carries TLS.
 * 0 or -errno.
 */
int sf_inflows_accept(struct sf_inflows *inflows, struct sf_watch *watch,
	const struct sf_tls_ops *tls, struct sf_tls_context *context);

#endif
