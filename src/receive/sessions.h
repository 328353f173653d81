/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions of DTLS (RFC 7011 §11) of any number of exporters that send to a few sockets. Datagrams
 * are told apart by the address that they come from. Memory is bounded: SF_SESSIONS_MAX sessions,
 * and nothing is kept of a peer before a cookie has shown that datagrams reach it at its address.
 *
 *	sf_sessions_init(&sessions, loop, &owner)
 *	dtls = { ops, context }			for each socket
 *	sf_sessions_take(&sessions, &dtls, &path, datagram, length, true)
 *	sf_dtls_listener_close(&dtls)				also after its context was replaced
 *	sf_sessions_fini(&sessions)
 */
#ifndef SPANFLOW_RECEIVE_SESSIONS_H
#define SPANFLOW_RECEIVE_SESSIONS_H

#include "receive/inflow.h"
#include "receive/path.h"
#include "tls/dtls.h"

#define SF_SESSIONS_MAX  256 /* at a time */
#define SF_SESSIONS_HALF 64  /* of these: handshakes that are not done */
#define SF_SESSIONS_HOST 8   /* of these: from one IPv4 address, or one /64 of IPv6 */

#define SF_SESSIONS_TOLD                                                                           \
	64 /* places to remember which addresses were told that they have no session */

struct sf_dtls_session;

/* DTLS at a listening socket. `context` NULL: the socket has no DTLS. */
struct sf_dtls_listener {
	const struct sf_dtls_ops *ops;
	struct sf_tls_context *context;
	struct sf_dtls_session
		*waiting; /* takes the hello of the next new peer; NULL: not made yet */
};

struct sf_sessions {
	struct sf_loop *loop;
	struct sf_inflow_owner owner;
	struct sf_timer timer; /* of handshakes and of silence, while there are sessions */
	struct sf_dtls_session *first, *last; /* `last` was silent for the longest time */
	struct sf_dtls_session *buckets[SF_SESSIONS_MAX];
	unsigned count, half;
	uint64_t connections; /* accepted */
	uint64_t refused;     /* hellos with a cookie for which there was no place */
	uint64_t broken;      /* sessions that were ended by an error */
	uint64_t strays;      /* datagrams that belong to no session and are no hello */
	int64_t told_ns;      /* when the peer of a stray was told last */
	int64_t told_hosts_ns[SF_SESSIONS_TOLD]; /* the same, of the addresses of each place */
	uint8_t message[SF_DTLS_MOST];
};

/* 0 or -ENOMEM. */
int sf_sessions_init(
	struct sf_sessions *sessions, struct sf_loop *loop, const struct sf_inflow_owner *owner);
/* Allowed for a zeroed struct. */
void sf_sessions_fini(struct sf_sessions *sessions);

/* Takes a datagram. `open`: new sessions may begin. False: no further message is wanted. */
bool sf_sessions_take(struct sf_sessions *sessions, struct sf_dtls_listener *dtls,
	const struct sf_path *path, const uint8_t *datagram, size_t length, bool open);

/* Frees the waiting session, which was made with `context`; the context itself stays. */
void sf_dtls_listener_close(struct sf_dtls_listener *dtls);

#endif
