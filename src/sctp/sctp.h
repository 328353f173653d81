/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SCTP (RFC 9260) behind one table of functions: the kernel's sockets (kernel.c), or libusrsctp,
 * whose SCTP packets travel in UDP datagrams (RFC 6951; usrsctp.c, a module). No function waits. An
 * association over UDP has no socket: its owner hands in each datagram that arrives, and sends the
 * datagrams that the library makes. A client of the kernel:
 *
 *	ops = sf_sctp_kernel();
 *	err = ops->connect(&sctp,
 *		&(struct sf_sctp_start){ .fd = fd, .peer = address, .peer_size = size });
 *	while ((err = ops->progress(sctp)) == -EAGAIN) …	until sctp->fd can be written
 *	n = ops->send(sctp, message, length, &(struct sf_sctp_sending){ .stream = 0 });
 *	ops->close(sctp, false);
 *
 * A client over UDP does the same, with ops = sf_sctp_load(&error), with .wire and .port instead of
 * .fd and .peer, and with ops->input(NULL, sctp->handle, NULL, datagram, length) for each datagram.
 * A server over UDP:
 *
 *	err = ops->listen(&listener, 4739);
 *	ops->input(listener, handle, &wire, datagram, length);	`handle`: a number for each peer
 *	while ((sctp = ops->accept(listener, handle)))	…
 *		ops->attach(sctp, &wire);
 *
 * The library has no clock of its own: call tick() every SF_SCTP_TICK_NS while there are
 * associations.
 */
#ifndef SPANFLOW_SCTP_SCTP_H
#define SPANFLOW_SCTP_SCTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <spanflow/error.h>

#define SF_SCTP_TICK_NS INT64_C(20000000)
#define SF_SCTP_STREAMS 64 /* that an exporter asks for */

/*
 * Sends one datagram. Returns its bytes, or a negative error. tick() may call this function in
 * another thread than the owner's.
 */
struct sf_sctp_wire {
	ssize_t (*send)(void *context, const uint8_t *bytes, size_t length);
	void *context;
};

/* An association. */
struct sf_sctp {
	int fd;                   /* kernel's: the socket, which close() closes; over UDP: -1 */
	uint64_t handle;          /* over UDP: a number that no other association has */
	struct sf_sctp_wire wire; /* over UDP; other threads read it: attach() changes it */
	char trouble[160]; /* why the last call failed, if the error alone does not say it; or "" */
};

struct sf_sctp_start {
	/* kernel's: a socket of SCTP, taken over if connect() succeeds; and the peer's address */
	int fd;
	const struct sockaddr *peer;
	socklen_t peer_size;
	/* over UDP */
	struct sf_sctp_wire wire;
	uint16_t port; /* of SCTP, of the peer */
	unsigned mtu;  /* bytes of the largest SCTP packet */
};

struct sf_sctp_sending {
	uint16_t stream;
	uint32_t lifetime_ms; /* PR-SCTP (RFC 3758): given up after this time; 0: never */
	uint32_t label;       /* that SF_SCTP_ABANDONED tells */
};

/* What receive() has found. */
enum sf_sctp_news {
	SF_SCTP_CLOSED,    /* the peer has ended the association in order */
	SF_SCTP_DATA,      /* a message, or a part of one */
	SF_SCTP_ABANDONED, /* a message, or a part of one, was not delivered */
	SF_SCTP_BROKEN,    /* the peer has given up the message of which parts have come */
	SF_SCTP_OTHER,     /* something else: call again */
};

struct sf_sctp_arrival {
	size_t length;
	uint16_t stream;
	bool ends;      /* with the last byte of a message */
	uint32_t label; /* SF_SCTP_ABANDONED: of the message */
};

struct sf_sctp_listener;

struct sf_sctp_ops {
	/* Begins an association. 0 or a negative error. */
	int (*connect)(struct sf_sctp **sctp, const struct sf_sctp_start *start);
	/* 0: it is there. -EAGAIN: not yet; or an error. */
	int (*progress)(struct sf_sctp *sctp);
	/*
	 * Takes the whole message, of at most 65535 bytes, and returns `length`; or takes nothing
	 * and returns -EAGAIN, or an error after which the association is of no use.
	 */
	ssize_t (*send)(struct sf_sctp *sctp, const uint8_t *bytes, size_t length,
		const struct sf_sctp_sending *sending);
	/* enum sf_sctp_news, -EAGAIN: nothing; or an error: the association is lost. */
	int (*receive)(
		struct sf_sctp *sctp, uint8_t *bytes, size_t size, struct sf_sctp_arrival *arrival);
	/*
	 * An upper bound of the bytes that send() took and the peer has not acknowledged. After the
	 * association was lost, the last bound before.
	 */
	uint64_t (*waiting)(struct sf_sctp *sctp);
	/* Bytes that the peer's receive buffer has room for; UINT32_MAX: unknown. */
	uint32_t (*window)(struct sf_sctp *sctp);
	/*
	 * How many streams send() may name, once the association is there: no more than the peer
	 * accepts.
	 */
	uint16_t (*streams)(struct sf_sctp *sctp);
	/* Nothing will be sent any more: the association ends when the peer has everything. */
	void (*finish)(struct sf_sctp *sctp);
	/*
	 * Frees the association. `cut`: one that has not ended is aborted; otherwise it ends in
	 * order.
	 */
	void (*close)(struct sf_sctp *sctp, bool cut);

	/* ---- the kernel's */

	/*
	 * Takes over a socket that accept(2) has returned. 0, or a negative error: the socket stays
	 * the caller's.
	 */
	int (*adopt)(struct sf_sctp **sctp, int fd);

	/* ---- over UDP */

	/* One thread. A second call for a port gives the same listener. 0 or a negative error. */
	int (*listen)(struct sf_sctp_listener **listener, uint16_t port);
	/* After all its associations. */
	void (*unlisten)(struct sf_sctp_listener *listener);
	/*
	 * Hands in a datagram from the peer with this handle. `wire`: sends the answer of an
	 * association that does not exist yet; or NULL.
	 */
	void (*input)(struct sf_sctp_listener *listener, uint64_t handle,
		const struct sf_sctp_wire *wire, const uint8_t *datagram, size_t length);
	/*
	 * An association that the peer with this handle has begun; NULL: none. It sends nothing
	 * before attach().
	 */
	struct sf_sctp *(*accept)(struct sf_sctp_listener *listener, uint64_t handle);
	/* Gives the accepted association its wire, whose context has to live until close(). */
	void (*attach)(struct sf_sctp *sctp, const struct sf_sctp_wire *wire);
	/* `mono`: monotonic time. Any thread. */
	void (*tick)(int64_t mono);
};

const struct sf_sctp_ops *sf_sctp_kernel(void);

/*
 * The functions for SCTP over UDP. NULL: this build has no libusrsctp, or the module does not load;
 * `error` says which.
 */
const struct sf_sctp_ops *sf_sctp_load(struct sf_error *error);

#endif
