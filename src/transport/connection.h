/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection to a collector. TCP (tcp.c), with LZ4 (lz4.c) or TLS (tls.c) over it, carries a
 * stream of bytes; SCTP (sctp.c) carries whole messages, and DTLS (dtls.c) whole messages as
 * datagrams. Only wait() waits. The transport (stream.c) keeps the messages and connects again.
 * Tests have a connection of their own.
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
	 * Writes as much as is possible now, and raises link->written. Returns the number of bytes;
	 * or -EAGAIN, and the next call has to begin with the same bytes; or another negative
	 * error: the connection is lost.
	 */
	ssize_t (*write)(struct sf_connection *link, const uint8_t *bytes, size_t length);
	/* Bytes of link->written that the peer has acknowledged. */
	uint64_t (*acknowledged)(struct sf_connection *link);
	/*
	 * The next message that was given up because it would have been too late: *end is the
	 * offset of its end in `written`, modulo 2^32. False: there is no other one. To be called
	 * after check(), until it returns false. Optional.
	 */
	bool (*abandoned)(struct sf_connection *link, uint32_t *end);
	/* True if the peer's program does not seem to read, so that its receive buffer fills. */
	bool (*stands)(struct sf_connection *link);
	/*
	 * Whether the connection still exists. To be called after an error of write() too: it may
	 * know the reason.
	 *
	 *	0		the connection exists
	 *	SF_EOF		the peer has read all that it acknowledged, and has closed it
	 *	-EPROTO		the peer refuses this exporter, for the reason in `trouble`
	 *	-ESTALE		the peer does not know this connection: another one is made at once
	 *	-ETIME		the connection has lasted as long as it may, and the peer has read
	 *			what it acknowledged: another one is made at once
	 *	other errors	the peer may not have read what it acknowledged
	 */
	int (*check)(struct sf_connection *link);
	/* No more will be written: tells the peer. */
	void (*finish)(struct sf_connection *link);
	void (*close)(struct sf_connection *link);
	/* Monotonic time; waiting until the peer has said something, and not longer than `ns`. */
	int64_t (*now)(struct sf_connection *link);
	void (*wait)(struct sf_connection *link, int64_t ns);
	/* Reads certificates and keys again, for the next connection. 0 or an error. Optional. */
	int (*reload)(struct sf_connection *link, struct sf_error *error);
	void (*free)(struct sf_connection *link);
};

struct sf_connection {
	const struct sf_connection_ops *ops;
	int fd; /* -1: not open */
	bool wants_read;
	bool lasting;  /* set before write(): this message must not be given up */
	bool gives_up; /* messages that are not `lasting` may be given up: see abandoned() */
	/* SCTP: each template is to have a stream of its own; else all messages go by stream 0 */
	bool own_streams;
	uint16_t streams; /* with own_streams, set by progress(): number of streams, from 0 on */
	uint16_t stream;  /* set before write(): the stream of this message */
	uint8_t protocol; /* of the packets: IPPROTO_… */
	uint16_t port;    /* of the peer, if the URL has another one; 0: that of the URL */
	/*
	 * Bytes of the longest message, which write() takes whole or not at all: datagrams. 0: a
	 * stream of bytes. connect() may lower it.
	 */
	uint32_t max_message;
	bool answers;         /* the peer has sent bytes, as no collector does */
	uint64_t written;     /* bytes that it has carried, as acknowledged() counts */
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

struct sf_tls_files;

/*
 * TLS over TCP. Copies the names; the files are read now. Without files->name the peer's
 * certificate needs the name of the URL. 0, or an error that names the file, or SF_EUNSUPPORTED:
 * this build has no TLS.
 */
int sf_tls_connection_new(
	struct sf_connection **link, const struct sf_tls_files *files, struct sf_error *error);

/*
 * DTLS over UDP. `mtu`: length of the largest datagram, IP and UDP headers included; 0: what the
 * route allows, as with UDP. `renew_ns`: a session lasts as long as that; 0: without limit.
 * Otherwise as sf_tls_connection_new().
 */
int sf_dtls_connection_new(struct sf_connection **link, const struct sf_tls_files *files,
	unsigned mtu, int64_t renew_ns, struct sf_error *error);

#endif
