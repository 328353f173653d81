/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of the UDP transport: sending (udp.c) and the way to the collector (way.c). */
#ifndef SPANFLOW_TRANSPORT_UDP_H
#define SPANFLOW_TRANSPORT_UDP_H

#include "transport/peer.h"
#include "transport/transport.h"

struct sf_udp {
	struct sf_transport transport;
	int fd;
	bool segmentation;
	bool patient, waits; /* struct sf_udp_options */
	/* the way to the collector */
	struct sf_peer peer;
	unsigned mtu;
	bool large, paced, late; /* struct sf_udp_options */
	int64_t again_ns;        /* monotonic time of the next attempt to find a way */
	int64_t pause_ns;        /* between two attempts to find a way */
};

/* ---- udp.c: of struct sf_transport_ops */

void sf_udp_send(struct sf_transport *transport, struct sf_batch *batch);
bool sf_udp_refused(struct sf_transport *transport);

/* MTU of the route to the collector; 0: there is no route. */
unsigned sf_udp_path_mtu(const struct sf_udp *udp);

/* Bytes of the headers before a message in its datagram. */
unsigned sf_udp_headers(const struct sf_udp *udp);

/* ---- way.c */

/* True if an error means that there is no route now but may be one later. */
bool sf_udp_may_pass(int code);

/* The route was lost: ready() looks for another one. */
void sf_udp_lose_way(struct sf_udp *udp, int code);

#endif
