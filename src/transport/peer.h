/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The collector's end of a session over a network: its name, its addresses, and sockets that can be
 * connected to one of them. Used by UDP (way.c) and TCP (tcp.c).
 *
 *	sf_peer_init(&peer, &options)			copies host and port
 *	sf_peer_find(&peer, true)			at the start: may wait 2 s for a name
 *	fd = sf_peer_socket(&peer, 0, SOCK_DGRAM, 0)	for peer.found.addresses[0]
 *	… sf_peer_ask(&peer, mono); … if (sf_peer_answer(&peer)) …	later: the name again
 *	sf_peer_fini(&peer)
 */
#ifndef SPANFLOW_TRANSPORT_PEER_H
#define SPANFLOW_TRANSPORT_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <spanflow/error.h>
#include <spanflow/export.h>

#define SF_PEER_LOOK_NS INT64_C(100000000) /* between two looks for the answer to a request */

/*
 * On this host the path's MTU is known, and RFC 7011 §10 has collectors take messages of 65535
 * bytes; the buffers of those in use begin at 9000. A datagram of this size is the largest that
 * the kernel keeps in 8 KiB, so that a receive buffer holds 1.4 times the records that it holds in
 * datagrams of 1500.
 */
#define SF_PEER_LARGE_MTU 7680

struct sf_peer_options {
	const char *host, *port;
	const char *source;             /* "ADDRESS" or "ADDRESS:PORT" of this host; NULL: any */
	int dscp;                       /* of all packets; 0: the usual one */
	const struct sf_lookup *lookup; /* NULL: getaddrinfo(), which may take long */
	unsigned collector;             /* number of the collector in `lookup` */
};

struct sf_peer {
	char *host, *port; /* owned */
	bool named;        /* `host` is a name, not an address */
	const struct sf_lookup *lookup;
	unsigned collector;
	struct sf_addresses found;
	bool asked;       /* a request to look up the name is not answered yet */
	int64_t asked_ns; /* monotonic time of the last request */
	struct sockaddr_storage source;
	socklen_t source_size; /* 0: any */
	int dscp;
};

/* Returns 0, -ENOMEM, or SF_EUSAGE: the source is no address. */
int sf_peer_init(
	struct sf_peer *peer, const struct sf_peer_options *options, struct sf_error *error);
void sf_peer_fini(struct sf_peer *peer);

/*
 * Finds the addresses at the start, and sets peer->found; if there are none, its `trouble` says
 * why. `late`: waits no more than 2 s for a name server.
 */
void sf_peer_find(struct sf_peer *peer, bool late);

/* Asks for the addresses of the name. */
void sf_peer_ask(struct sf_peer *peer, int64_t mono);

/* True: the request is answered, and peer->found is what the name stands for now. */
bool sf_peer_answer(struct sf_peer *peer);

/*
 * Makes a socket of this type (SOCK_DGRAM, SOCK_STREAM | SOCK_NONBLOCK …) and protocol (0: the
 * usual one), to be connected to peer->found.addresses[index]. It has the source address and the
 * DSCP of the options. Returns the descriptor, or a negative error.
 */
int sf_peer_socket(const struct sf_peer *peer, unsigned index, int type, int protocol);

/* The port of an address of IPv4 or IPv6, in network byte order. */
uint16_t *sf_peer_port(struct sockaddr_storage *address);

/* True if two addresses are of the same host: packets between them do not leave it. */
bool sf_peer_is_here(const struct sockaddr_storage *local, const struct sockaddr_storage *peer);

/* MTU of the route of a connected socket of this family; 0: there is no route. */
unsigned sf_peer_path_mtu(int fd, int family);

/*
 * Bytes of the largest datagram, with its headers, when no option gives it: what the route allows,
 * at most 1500. `large`: SF_PEER_LARGE_MTU if the peer is on this host.
 */
unsigned sf_peer_mtu(int fd, int family, bool large);

/* Bytes of the headers of IP and UDP. */
unsigned sf_peer_udp_headers(int family);

/* An error of sf_peer_socket() or connect() in words: some are mistakes in source=. */
const char *sf_peer_reason(const struct sf_peer *peer, int code);

/* "collector name NAME does not resolve yet (why)" */
void sf_peer_say_unresolved(const struct sf_peer *peer, char *text, size_t size);

#endif
