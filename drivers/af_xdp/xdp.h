/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside of the AF_XDP driver: the XDP program of an interface (program.c), the socket of one of
 * its receive queues (socket.c), both together (port.c) and what reads them (af_xdp.c).
 */
#ifndef SPANFLOW_DRIVERS_AF_XDP_XDP_H
#define SPANFLOW_DRIVERS_AF_XDP_XDP_H

#include <linux/if_xdp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>

#include <xdp/xsk.h>

#include <spanflow/capture.h>

#include "base/counter.h"
#include "base/port.h"

/* How frames come from the card to us, best first. */
enum sf_xdp_mode {
	SF_XDP_NATIVE_ZEROCOPY,
	SF_XDP_NATIVE_COPY,
	SF_XDP_GENERIC,
};

#define SF_XDP_SOCKETS_MAX 4096 /* receive queues of an interface */

struct sf_xdp;
struct sf_xdp_counters;

/* The XDP program on one interface. */
struct sf_xdp_program {
	struct sf_xdp *skeleton; /* NULL when a helper loaded it */
	int sockets;             /* map of sockets */
	struct sf_xdp_counters *counters;
	int link; /* the attachment: ends with this descriptor, so with the process at the latest */
	bool arrival;   /* stamps frames when they arrive */
	bool metadata;  /* the variant that asks the device is running */
	bool timestamp; /* … for its timestamp */
	bool vlan_tag;  /* … for tags it took out of frames */
};

/*
 * Loads and attaches, with a socket map of `queues` slots. `fragments`: frames may come in several
 * buffers. Fails with -EBUSY and a text naming the program that is there already.
 */
int sf_xdp_program_open(struct sf_xdp_program *program, const struct sf_netdev *netdev,
	enum sf_xdp_mode mode, bool fragments, unsigned queues, struct sf_error *error);

/* The same by a helper. */
int sf_xdp_program_ask(struct sf_xdp_program *program, const struct sf_helper *helper,
	const struct sf_netdev *netdev, enum sf_xdp_mode mode, bool fragments, unsigned queues,
	struct sf_error *error);

/* The helper's side of it (sf_privileged.grant). */
int sf_xdp_program_grant(const struct sf_netdev *netdev, const struct sf_xdp_wish *wish,
	struct sf_xdp_grant *grant, int fds[SF_XDP_FDS]);

/* Detaches and frees. Legal on a zeroed one (link < 0), and twice. */
void sf_xdp_program_close(struct sf_xdp_program *program);

int sf_xdp_program_add(struct sf_xdp_program *program, unsigned queue, int socket);

/* Frames left to the host: addressed to it, and of receive queues without a socket. Adds. */
void sf_xdp_program_counters(
	const struct sf_xdp_program *program, uint64_t *passed, uint64_t *homeless);

/* Names the program attached to the interface and how to remove it. Always -EBUSY. */
int sf_xdp_program_occupied(const struct sf_netdev *netdev, struct sf_error *error);

/*
 * A socket with its packet memory. Every chunk is in exactly one place: the fill ring (the
 * kernel's), the receive ring, or lent to the reader. The fill ring has room for all of them.
 */
struct sf_xdp_socket {
	struct xsk_socket *xsk;
	struct xsk_umem *umem;
	uint8_t *area;
	size_t area_size;
	struct xsk_ring_cons rx;
	struct xsk_ring_prod fill;
	struct xsk_ring_cons completion; /* never used: nothing is sent */
	unsigned queue;                  /* of the interface */
	uint32_t chunk;
};

/*
 * Opens and binds. -EBUSY: another socket holds the queue; -EOPNOTSUPP or -EINVAL: this mode or
 * fragments are not possible here. Nothing is left open on failure. `socket` is one that is closed;
 * it must not move, because libxdp keeps pointers to its rings. *xsk is what the caller stores as
 * socket->xsk when the statistics may look at it.
 */
int sf_xdp_socket_open(struct sf_xdp_socket *socket, const struct sf_netdev *netdev, unsigned queue,
	enum sf_xdp_mode mode, bool fragments, uint32_t bytes, uint32_t chunk,
	struct xsk_socket **xsk);

/* Legal on a zeroed one, and twice. */
void sf_xdp_socket_close(struct sf_xdp_socket *socket);

/* Longest frame that fits one chunk. */
uint32_t sf_xdp_socket_frame_max(uint32_t chunk);

struct sf_xdp_queue {
	/* per batch */
	/* of the port: this queue's are at [0], [step], …; NULL: the port was never open */
	struct sf_xdp_socket *sockets;
	unsigned socket_count, step, next; /* sockets: those that are open; may be none */
	struct sf_xdp_socket *lender;      /* of the batch that is out, or NULL */
	unsigned lent;
	uint64_t lent_chunks[SF_BATCH_MAX];
	uint16_t slot;
	uint32_t frame_max, snaplen;
	sf_counter frames, super_packets, clock_refused;
	int64_t to_system,
		to_system_error; /* system time minus monotonic time, ns; how exact that is */
	struct pollfd *polls;
	struct sf_xdp_port *port;
	bool first, parked;
	bool paused; /* there is nothing to poll */
	bool waited; /* before this recv */
	bool busy;   /* the last look brought packets: more come soon */
};

struct sf_xdp_port {
	struct sf_port base;
	struct sf_interface interface;
	struct sf_xdp_program program;
	enum sf_xdp_mode mode;
	bool fragments;
	uint32_t chunk;
	uint32_t memory_bytes; /* per socket */
	unsigned socket_count; /* receive queues when it was there first */
	unsigned open_count;   /* of these there now; when it came back it may have fewer */
	struct sf_xdp_socket *sockets;
	struct sf_xdp_queue *queues;
	/* of programs and sockets that are closed; under the capture's lock */
	uint64_t passed, homeless;
	struct xdp_statistics past;
};

struct sf_xdp_capture {
	struct sf_capture base;
	struct sf_xdp_port *ports;
	unsigned port_count;
	struct sf_xdp_queue *queues;
	unsigned wait_ms;
	uint32_t memory_bytes;
	bool promiscuous, hardware_time, immediate;
	pthread_mutex_t lock; /* error; programs and sockets against the statistics */
};

/*
 * The interface is there for the first time: makes room for a socket of each receive queue. 0, or it
 * is no Ethernet interface, or -ENOMEM.
 */
int sf_xdp_port_learn(
	struct sf_xdp_capture *capture, struct sf_xdp_port *port, struct sf_error *error);

/*
 * Opens program and sockets of a port whose interface is open, in the best mode there is; the
 * program by `helper`, unless NULL. Fails with a text that names the cure; nothing is open then.
 */
int sf_xdp_port_open(struct sf_xdp_capture *capture, struct sf_xdp_port *port,
	const struct sf_helper *helper, struct sf_error *error);

/* Closes one socket, or the program; what they counted is kept. Legal twice. */
void sf_xdp_port_close_socket(
	struct sf_xdp_capture *capture, struct sf_xdp_port *port, unsigned number);
void sf_xdp_port_close_program(struct sf_xdp_capture *capture, struct sf_xdp_port *port);

/* Closes program and sockets. */
void sf_xdp_port_close(struct sf_xdp_capture *capture, struct sf_xdp_port *port);

/* Adds what the kernel counted on an open socket. */
void sf_xdp_port_statistics(struct xdp_statistics *sum, const struct sf_xdp_socket *socket);

/* See sf_capture_ops.probe. */
int sf_xdp_probe(struct sf_error *error);

/* 0, or SF_EUSAGE: the driver cannot do this. */
int sf_xdp_check_options(const struct sf_capture_options *options, struct sf_error *error);

#endif
