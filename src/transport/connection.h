/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection to a collector that carries a stream of bytes: TCP (tcp.c), TLS (tls.c); or whole messages: SCTP (sctp.c),
 * and as datagrams DTLS (dtls.c). Only wait() waits. stream.c keeps the messages and connects again; tests use a link of their own.
 *
 *	link->ops->connect(link, &peer, 0)	begins to connect to the first address
 *	link->ops->progress(link)		0: connected; -EAGAIN: call again; other: failed
 *	n = link->ops->write(link, bytes, length)
 *	link->ops->acknowledged(link)		of link->written bytes, those that the peer has
 *	link->ops->close(link)
 */
#ifndef SPANFLOW_TRANSPORT_CONNECTION_H
#define SPANFLOW_TRANSPORT_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "transport/peer.h"

struct sf_connection;

struct sf_connection_ops {
	/* Begins to connect to peer->found.addresses[index]. 0 or a negative error. */
	int (*connect)(struct sf_connection *link, const struct sf_peer *peer, unsigned index);
	/* 0: connected. -EAGAIN: when link->fd can be written (or, if link->wants_read, read). */
	int (*progress)(struct sf_connection *link);
	/*
	 * Writes as much as is possible now, and raises link->written. Bytes, -EAGAIN, or a negative
	 * error: the connection is lost. After -EAGAIN the next call begins with the same bytes.
	 */
	ssize_t (*write)(struct sf_connection *link, const uint8_t *bytes, size_t length);
	/* Bytes of link->written that the peer has acknowledged. */
	uint64_t (*acknowledged)(struct sf_connection *link);
	/*
	 * Messages that were given up, because they would have been too late: their offset in `written`, modulo
	 * 2^32. False: there are no more. To be asked after check(). Optional.
	 */
	bool (*abandoned)(struct sf_connection *link, uint32_t *end);
	/* True if the peer's program seems not to read, so that its receive buffer fills. */
	bool (*stands)(struct sf_connection *link);
	/*
	 * Whether the connection still is one: 0; SF_EOF: the peer has read all that it acknowledged,
	 * and closed it; or a negative error: the peer may not have read it. -EPROTO: the peer refuses
	 * this exporter, for the reason in `trouble`. After an error of write() this may know the reason.
	 * Two errors ask for another connection at once: -ESTALE, the peer does not know this one, and
	 * -ETIME, this one has lasted as long as it may, and the peer has read what it acknowledged.
	 */
	int (*check)(struct sf_connection *link);
	/* No more will be written: tells the peer. */
	void (*finish)(struct sf_connection *link);
	void (*close)(struct sf_connection *link);
	/* Monotonic time; waiting until the peer has said something, and not longer than `ns`. */
	int64_t (*now)(struct sf_connection *link);
	void (*wait)(struct sf_connection *link, int64_t ns);
	/* Reads certificates and keys again, for the next connection. Optional. 0 or a negative error. */
	int (*reload)(struct sf_connection *link, struct sf_error *error);
	void (*free)(struct sf_connection *link);
};

struct sf_connection {
	const struct sf_connection_ops *ops;
	int fd; /* -1: not open */
	bool wants_read;
	bool lasting;  /* set before write(): the message must not be given up */
	bool gives_up; /* other messages may be given up: abandoned() tells them */
	/* SCTP: each template is to have a stream of its own; else all messages go by stream 0 */
	bool own_streams;
	uint16_t streams; /* with own_streams, set by progress(): there are so many, from 0 on */
	uint16_t stream;  /* set before write(): by which the message goes */
	uint8_t protocol; /* IPPROTO_…, of its packets */
	uint16_t port;    /* of the peer, if it is another one than that of the URL; 0: it is not */
	/*
	 * Datagrams: bytes of the longest message, which write() takes whole or not at all; 0: a stream of
	 * bytes. connect() may lower it.
	 */
	uint32_t max_message;
	bool answers; /* the peer has sent bytes, as no collector does */
	uint64_t
		written; /* bytes that this connection has carried, as `acknowledged` counts them */
	uint32_t most_window; /* largest receive window of the peer so far, bytes */
	char trouble[160]; /* why the last call failed, if the error alone does not say it; or "" */
};

/* NULL: no memory. */
struct sf_connection *sf_tcp_new(void);

struct sf_sctp_link_options {
	uint16_t udp_port; /* of the peer: SCTP over UDP (RFC 6951); 0: the kernel's SCTP */
	unsigned mtu; /* over UDP: largest datagram, headers included; 0: as the route allows */
	uint32_t lifetime_ms; /* flow records are given up after this time; 0: never */
	bool own_streams;     /* each template gets a stream of its own */
};

/* 0, -ENOMEM, or SF_EUNSUPPORTED: this build has no SCTP over UDP. */
int sf_sctp_connection_new(struct sf_connection **link, const struct sf_sctp_link_options *options,
	struct sf_error *error);

/* TCP with LZ4 (lz4.c). 0, -ENOMEM, or SF_EUNSUPPORTED: this build has no LZ4. */
int sf_lz4_connection_new(struct sf_connection **link, struct sf_error *error);

/*
 * TLS over TCP. Copies the names; the files are read now. Without a name the peer's is expected. 0, or an
 * error that names the file, or SF_EUNSUPPORTED: this build has no TLS.
 */
struct sf_tls_files;
int sf_tls_connection_new(
	struct sf_connection **link, const struct sf_tls_files *files, struct sf_error *error);

/*
 * DTLS over UDP. `mtu`: of the largest datagram with IP and UDP headers; 0: what the route allows, as with
 * UDP. renew_ns: a session lasts so long; 0: any time. Otherwise as above.
 */
int sf_dtls_connection_new(struct sf_connection **link, const struct sf_tls_files *files,
	unsigned mtu, int64_t renew_ns, struct sf_error *error);

#endif
