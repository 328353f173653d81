/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parts of the AF_XDP driver: the XDP program of an interface (program.c), the socket of a receive
 * queue (socket.c), an interface with both (port.c), packets out of the sockets of a queue
 * (batch.c), and the operations of the driver (af_xdp.c).
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

/* How frames get from the card into the sockets, best first. */
enum sf_xdp_mode {
	SF_XDP_NATIVE_ZEROCOPY,
	SF_XDP_NATIVE_COPY,
	SF_XDP_GENERIC,
};

#define SF_XDP_SOCKETS_MAX 4096 /* receive queues of an interface that are used, at most */

struct sf_xdp;
struct sf_xdp_counters;

/* The XDP program that is attached to an interface. */
struct sf_xdp_program {
	struct sf_xdp *skeleton;          /* of libbpf; NULL: a helper loaded the program */
	int sockets;                      /* descriptor of the map of sockets */
	struct sf_xdp_counters *counters; /* shared with the program */
	int link;       /* descriptor of the attachment; the kernel detaches when it is closed */
	bool arrival;   /* the program stamps frames with the time of their arrival */
	bool metadata;  /* the variant that reads metadata of the device is loaded */
	bool timestamp; /* the program reads the device's time stamp */
	bool vlan_tag;  /* the program reads the VLAN tag that the device took out of the frame */
};

/*
 * Loads the program, with room for `queues` sockets, and attaches it. `fragments`: frames may come
 * in several buffers. -EBUSY: another program is attached, which the error's text names.
 */
int sf_xdp_program_open(struct sf_xdp_program *program, const struct sf_netdev *netdev,
	enum sf_xdp_mode mode, bool fragments, unsigned queues, struct sf_error *error);

/* The same, done by a helper. */
int sf_xdp_program_ask(struct sf_xdp_program *program, const struct sf_helper *helper,
	const struct sf_netdev *netdev, enum sf_xdp_mode mode, bool fragments, unsigned queues,
	struct sf_error *error);

/* The same, in the helper's process (sf_privileged). */
int sf_xdp_program_serve(const struct sf_netdev *netdev, const struct sf_xdp_request *request,
	struct sf_xdp_reply *reply, int fds[SF_XDP_FDS]);

/* Detaches and frees. Does nothing if link < 0, as after an earlier call. */
void sf_xdp_program_close(struct sf_xdp_program *program);

/* Enters the descriptor of a socket for a receive queue in the map of sockets. 0 or -errno. */
int sf_xdp_program_add(struct sf_xdp_program *program, unsigned queue, int socket);

/*
 * Adds the frames that the program left to the host: `passed`, because they are addressed to it;
 * `unserved`, because their receive queue has no socket.
 */
void sf_xdp_program_counters(
	const struct sf_xdp_program *program, uint64_t *passed, uint64_t *unserved);

/* Names the program attached to the interface and how to remove it. Always -EBUSY. */
int sf_xdp_program_occupied(const struct sf_netdev *netdev, struct sf_error *error);

/*
 * A socket with its packet memory. Every chunk is in one place: in the fill ring, where the kernel
 * takes it, in the receive ring, or lent to the reader. The fill ring has room for all chunks.
 */
struct sf_xdp_socket {
	struct xsk_socket *xsk;
	struct xsk_umem *umem;
	uint8_t *area;
	size_t area_size;
	struct xsk_ring_cons rx;
	struct xsk_ring_prod fill;
	struct xsk_ring_cons completion; /* never used: nothing is sent */
	unsigned queue;                  /* receive queue of the interface */
	uint32_t chunk;
};

/*
 * Opens a socket and binds it. -EBUSY: another socket has the receive queue; -EOPNOTSUPP or
 * -EINVAL: this mode or fragments are not possible here. After a failure nothing is open. `socket`
 * must be closed, and must not move afterwards, because libxdp keeps pointers to its rings. The
 * caller stores *xsk as socket->xsk, holding the capture's lock, because statistics read it.
 */
int sf_xdp_socket_open(struct sf_xdp_socket *socket, const struct sf_netdev *netdev, unsigned queue,
	enum sf_xdp_mode mode, bool fragments, uint32_t bytes, uint32_t chunk,
	struct xsk_socket **xsk);

/* May be called for a zeroed struct, and twice. */
void sf_xdp_socket_close(struct sf_xdp_socket *socket);

/* Longest frame that fits one chunk. */
uint32_t sf_xdp_socket_frame_max(uint32_t chunk);

struct sf_xdp_queue {
	/* sockets of the port; those of this queue are at [0], [step], …; NULL: never opened */
	struct sf_xdp_socket *sockets;
	unsigned socket_count; /* open sockets of this queue; may be 0 */
	unsigned step;
	unsigned next;                /* socket that is read next */
	struct sf_xdp_socket *lender; /* socket of the batch that was not released yet, or NULL */
	unsigned lent;                /* chunks of that batch */
	uint64_t lent_chunks[SF_BATCH_MAX];
	uint16_t slot;
	uint32_t frame_max, snaplen;
	sf_counter frames, super_packets, clock_refused;
	int64_t to_system;       /* system time minus monotonic time, ns */
	int64_t to_system_error; /* largest error of that, ns */
	struct pollfd *polls;
	struct sf_xdp_port *port;
	bool first;  /* the first queue of its port */
	bool parked; /* its sockets are closed until the interface is back */
	bool paused; /* there is no socket that could be polled */
	bool waited; /* sf_capture_ops.wait was called since the last recv */
	bool busy;   /* the last recv brought packets, so more come soon */
};

struct sf_xdp_port {
	struct sf_port base;
	struct sf_interface interface;
	struct sf_xdp_program program;
	enum sf_xdp_mode mode;
	bool fragments;
	uint32_t chunk;
	uint32_t memory_bytes; /* of each socket */
	unsigned socket_count; /* receive queues of the interface when it was opened first */
	unsigned open_count;   /* receive queues that it has now, at most socket_count */
	struct sf_xdp_socket *sockets;
	struct sf_xdp_queue *queues;
	/* counters of programs and sockets that are closed; protected by the capture's lock */
	uint64_t passed, unserved;
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
	/* protects base.error, and programs and sockets while statistics are read */
	pthread_mutex_t lock;
};

/*
 * Called when the interface is there for the first time: makes room for a socket of each receive
 * queue. 0, -ENOMEM, or an error if it is not an Ethernet interface.
 */
int sf_xdp_port_learn(
	struct sf_xdp_capture *capture, struct sf_xdp_port *port, struct sf_error *error);

/*
 * Opens program and sockets of a port whose interface is open, in the best mode that is possible.
 * If `helper` is not NULL, it loads the program. The text of an error says what to do; nothing is
 * open then.
 */
int sf_xdp_port_open(struct sf_xdp_capture *capture, struct sf_xdp_port *port,
	const struct sf_helper *helper, struct sf_error *error);

/* Closes one socket, or the program, and keeps its counters. May be called twice. */
void sf_xdp_port_close_socket(
	struct sf_xdp_capture *capture, struct sf_xdp_port *port, unsigned number);
void sf_xdp_port_close_program(struct sf_xdp_capture *capture, struct sf_xdp_port *port);

/* Closes program and sockets. */
void sf_xdp_port_close(struct sf_xdp_capture *capture, struct sf_xdp_port *port);

/* Adds what the kernel counted on an open socket. */
void sf_xdp_port_statistics(struct xdp_statistics *sum, const struct sf_xdp_socket *socket);

/*
 * Takes a batch of at most `max` packets, and at most SF_BATCH_MAX buffers, from the next socket of
 * the queue that has any; the memory is lent by the socket until sf_xdp_give_back(). Returns the
 * number of packets. The queue's thread.
 */
unsigned sf_xdp_take(struct sf_xdp_capture *capture, struct sf_xdp_queue *queue,
	struct sf_packet *packets, unsigned max);

/*
 * Gives the memory of the last batch back to the kernel; nothing happens if there is none. The
 * queue's thread.
 */
void sf_xdp_give_back(struct sf_xdp_queue *queue);

/* See sf_capture_ops.probe. */
int sf_xdp_probe(struct sf_error *error);

/* 0, or SF_EUSAGE: the driver does not have an option that is set. */
int sf_xdp_check_options(const struct sf_capture_options *options, struct sf_error *error);

#endif
