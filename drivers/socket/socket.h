/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parts of the socket driver: sockets (open.c) and the headers that a socket takes off (outer.c).
 */
#ifndef SPANFLOW_DRIVERS_SOCKET_SOCKET_H
#define SPANFLOW_DRIVERS_SOCKET_SOCKET_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#include <spanflow/capture.h>

#include "base/socket_name.h"
#include "base/steer_bpf.h"

/* Room before a payload for the headers of IPv6 and UDP. */
#define SF_SOCKET_HEADROOM 64

/* What the kernel reports about a datagram beside its bytes. */
struct sf_socket_message {
	int64_t time_ns;    /* 0: not known */
	uint32_t interface; /* ifIndex; 0: not known */
	uint8_t to[16];     /* the destination address; IPv4 in IPv6 sockets: ::ffff:192.0.2.1 */
	uint8_t ttl, tos;
};

/* Room for the control messages of a datagram. */
#define SF_SOCKET_CONTROL 256

/* Reads the control messages of a received datagram. Members that are missing there become 0. */
void sf_socket_message_read(struct sf_socket_message *message, struct msghdr *header);

/*
 * Writes the headers of a datagram before its payload of `length` bytes, as they were on the wire
 * as far as the kernel tells: addresses, ports, lengths, TTL, TOS. (Identification and checksums
 * are 0; nothing reads them.) `port`: of this host; 0: GRE, which has no header between IP and
 * payload. Returns the bytes written.
 */
unsigned sf_socket_outer(uint8_t *payload, uint32_t length, const struct sockaddr_storage *from,
	const struct sf_socket_message *message, uint16_t port);

/*
 * Opens `count` sockets, which share the datagrams among each other (count > 1: UDP only). Closed
 * on failure. Returns 0, a positive number if `warning` has something that a person should know, or
 * a negative error.
 */
int sf_socket_open(int *fds, unsigned count, const struct sf_socket_name *name,
	const struct sf_capture_options *options, struct sf_error *warning, struct sf_error *error);

/* The longest program: what finds the frame, and the rest of it. */
#define SF_SOCKET_PROGRAM_MAX (8 + SF_STEER_BPF_MAX)

/*
 * Writes the program that chooses the socket of a datagram by the addresses inside, of which both
 * directions of a conversation come to the same socket. Returns its length; 0: the name's kind of
 * tunnel has none, and the kernel chooses.
 */
unsigned sf_socket_program(struct sock_filter *program, const struct sf_socket_name *name,
	const uint32_t *key, unsigned sockets);

/* Attaches that program to the sockets of a port, of which `fd` is one. */
int sf_socket_steer(
	int fd, const struct sf_socket_name *name, const uint32_t *key, unsigned sockets);

/* Bytes that may wait in the socket, as the kernel counts them. */
unsigned sf_socket_buffer(int fd);

/* Datagrams that the kernel has dropped at this socket, modulo 2^32. */
uint32_t sf_socket_drops(int fd);

#endif
