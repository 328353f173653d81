/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets that flow messages arrive on: UDP; DTLS, whose datagrams belong to sessions (sessions.h);
 * TCP, TLS and SCTP, which accept connections (inflow.h).
 */
#ifndef SPANFLOW_RECEIVE_LISTENER_H
#define SPANFLOW_RECEIVE_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/error.h>

#include "base/hostport.h"
#include "base/loop.h"
#include "receive/sessions.h"
#include "tls/tls.h"

#define SF_LISTEN_MAX      16
#define SF_LISTEN_NAME     SF_HOSTPORT_NAME /* size of the name of a sender */
#define SF_LISTEN_BATCH    64               /* datagrams received by one system call */
#define SF_LISTEN_DATAGRAM 65536            /* size of the longest datagram */

struct sf_listener {
	struct sf_watch watch; /* first member: a function of the loop finds the listener by it */
	int fd;                /* socket */
	bool stream;           /* it accepts connections: TCP, TLS, the kernel's SCTP */
	struct sf_inflow_gate gate;   /* what connections carry, those of SCTP over UDP too */
	struct sf_dtls_listener dtls; /* dtls.ops NULL: no DTLS */
	struct sf_tls_files files;    /* within `options` */
	char *options;                /* owned */
	char url[96];                 /* with the port that the socket really has */
	uint64_t dropped;    /* datagrams that the kernel dropped because the socket was full */
	uint32_t drops_seen; /* the kernel's counter of them, which wraps */
	bool shut;           /* sf_listen_shut() was called */
};

/*
 * Opens a socket for each address of the host in "udp://host:port", "tcp://host:port",
 * "tls://host:port,cert=FILE,ca=FILE" (options of sf_tls_option()) or "dtls://…", likewise.
 * "udp://:port" and [::] take IPv4 and IPv6, port 0 is any free port, the default is 4739.
 * "sctp://host:port" is SCTP by the kernel, "sctp://host:port,udp=9899" SCTP over that port of UDP.
 * The receive buffers are as large as the system allows. `room`: length of the array. Returns the
 * number of sockets, or SF_EUSAGE, SF_ERESOLVE or a system error with its text.
 */
int sf_listen_open(
	struct sf_listener *listeners, unsigned room, const char *url, struct sf_error *error);
void sf_listen_close(struct sf_listener *listener);

/* True if it has TLS or DTLS, whose files can be read again. */
bool sf_listen_is_secure(const struct sf_listener *listener);

/* Reads certificates and keys again, for connections to come. 0, or an error with its text. */
int sf_listen_reload(struct sf_listener *listener, struct sf_error *error);

/* Brings `dropped` up to date; to be called at least once in 2^32 dropped datagrams. */
void sf_listen_drops(struct sf_listener *listener);

/* Buffers for one batch, which any number of listeners use in turn. */
struct sf_listen_batch;
struct sf_listen_batch *sf_listen_batch_new(void);
void sf_listen_batch_free(struct sf_listen_batch *batch);

/* Receives at most SF_LISTEN_BATCH datagrams. Their number, 0 if none is there, or -errno. */
int sf_listen_receive(struct sf_listener *listener, struct sf_listen_batch *batch);

/*
 * The kernel refuses further datagrams, and does not count them as dropped; those that the socket
 * holds can still be received. Without effect on sockets of connections and of SCTP.
 */
void sf_listen_shut(struct sf_listener *listener);

/*
 * No further datagram is wanted: shuts the socket, takes the datagrams that it holds, and returns
 * their number. To be called once, as the last call before close.
 */
uint64_t sf_listen_leave(struct sf_listener *listener);

/* Datagram `index` of the last batch. Writes its sender to `name`, of SF_LISTEN_NAME bytes. */
const uint8_t *sf_listen_datagram(
	struct sf_listen_batch *batch, unsigned index, size_t *length, char *name);

/* The way on which datagram `index` has come. */
void sf_listen_path(const struct sf_listener *listener, const struct sf_listen_batch *batch,
	unsigned index, struct sf_path *path);

#endif
