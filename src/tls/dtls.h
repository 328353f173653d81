/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DTLS 1.2: RFC 7011 §11, RFC 6347. A session has no socket: its owner hands in each datagram that
 * arrives, and sends the datagrams that the session makes. The module of TLS has the code (tls.h).
 * A client:
 *
 *	dtls = sf_dtls_load(&error);
 *	err = dtls->context_new(&context, &files, false, &error);  reads the files
 *	session = dtls->open(context, "collector.example", &wire);
 *	while ((err = dtls->handshake(session)) == -EAGAIN) {	   wire.send() sends datagrams
 *		… recv() within dtls->wait_ns(session), or dtls->repeat(session) …
 *		dtls->input(session, datagram, length);
 *	}
 *	n = dtls->write(session, message, length);		   one datagram
 *
 * A server keeps no state for a peer until a cookie has come back from the peer's address, which
 * shows that datagrams reach the peer there (RFC 6347 §4.2.1):
 *
 *	session = dtls->open(context, NULL, &wire);
 *	if (dtls->hello(session, peer, peer_length, datagram, length, now) == 1)
 *		… now the session belongs to the peer: handshake(), then input() and read() …
 */
#ifndef SPANFLOW_TLS_DTLS_H
#define SPANFLOW_TLS_DTLS_H

#include "tls/tls.h"

/*
 * Most bytes by which a record is longer than its payload: a header of 13; with block ciphers an
 * initial vector and padding of 16 each, and a MAC of 48. Ciphers in use today add 37 or fewer.
 */
#define SF_DTLS_OVERHEAD 96
#define SF_DTLS_MOST     16384 /* bytes that a record carries: RFC 6347 §4.1 */

/* Sends one datagram. Bytes, or a negative error. */
struct sf_dtls_wire {
	ssize_t (*send)(void *context, const uint8_t *bytes, size_t length);
	void *context;
};

struct sf_dtls {
	bool shaken; /* the handshake is done */
	/*
	 * After the handshake an alert in the clear has come, as a peer sends it that does not know
	 * the session. Anybody could have sent the alert: it is a reason to look, and no proof.
	 */
	bool disowned;
	char trouble[160]; /* why the last call failed; or "" */
};

struct sf_dtls_ops {
	/* As in struct sf_tls_ops. */
	int (*context_new)(struct sf_tls_context **context, const struct sf_tls_files *files,
		bool server, struct sf_error *error);
	void (*context_free)(struct sf_tls_context *context);
	/* `name`: what a client connects to. NULL: no memory. */
	struct sf_dtls *(*open)(
		struct sf_tls_context *context, const char *name, const struct sf_dtls_wire *wire);
	/*
	 * Server: takes a datagram from a peer without a session. `peer`: at most 32 bytes that
	 * tell peers apart. Returns 1 for a hello with the cookie that this peer was sent.
	 * Otherwise returns 0: the peer may have been sent a cookie, and the session waits for the
	 * hello of any peer. A cookie is valid for one to two hours by the clock of `now_ns`.
	 */
	int (*hello)(struct sf_dtls *dtls, const uint8_t *peer, size_t peer_length,
		const uint8_t *datagram, size_t length, int64_t now_ns);
	/* A datagram for the calls that follow; lent until the next input(). */
	void (*input)(struct sf_dtls *dtls, const uint8_t *datagram, size_t length);
	/*
	 * 0: done. -EAGAIN: call again with the next datagram. -EPROTO: failed; or the error of
	 * send().
	 */
	int (*handshake)(struct sf_dtls *dtls);
	/*
	 * Bytes of one record; 0: the peer has ended the session; -EAGAIN: the datagram has no more
	 * records; -EPROTO or another error.
	 */
	ssize_t (*read)(struct sf_dtls *dtls, uint8_t *bytes, size_t length);
	/* `length`, -EPROTO, or the error of send(): nothing was sent. */
	ssize_t (*write)(struct sf_dtls *dtls, const uint8_t *bytes, size_t length);
	/*
	 * Time until repeat() is to be called, which sends a part of the handshake again;
	 * INT64_MAX: no part is to be sent again.
	 */
	int64_t (*wait_ns)(struct sf_dtls *dtls);
	void (*repeat)(struct sf_dtls *dtls);
	/* Tells the peer that nothing follows. */
	void (*finish)(struct sf_dtls *dtls);
	void (*close)(struct sf_dtls *dtls);
};

/* NULL: this build has no TLS, or the module does not load; the error says which. */
const struct sf_dtls_ops *sf_dtls_load(struct sf_error *error);

#endif
