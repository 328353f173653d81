/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of the UDP transport: sending (udp.c) and the way to the collector (way.c). */
#ifndef SPANFLOW_EXPORT_UDP_H
#define SPANFLOW_EXPORT_UDP_H

#include "export/transport.h"

struct sf_udp {
	struct sf_transport transport;
	int fd;
	bool segmentation;
	bool patient, waits; /* struct sf_udp_options */
	/* the way to the collector */
	char *host, *port; /* as they were given */
	unsigned mtu;
	bool large, paced, late, named;
	const struct sf_lookup *lookup;
	unsigned collector;
	struct sf_addresses found;
	bool asked;
	int64_t asked_ns, again_ns; /* monotonic */
	int64_t pause_ns;           /* between two attempts to find a way */
};

/* ---- udp.c: of struct sf_transport_ops */

void sf_udp_send(struct sf_transport *transport, struct sf_batch *batch);
bool sf_udp_refused(struct sf_transport *transport);

/* Of the way that the socket knows to its peer; 0: it knows none. */
unsigned sf_udp_path_mtu(const struct sf_udp *udp);

/* In front of a message in its datagram. */
unsigned sf_udp_headers(const struct sf_udp *udp);

/* ---- way.c */

/* There is no way, but there may be one later. */
bool sf_udp_may_pass(int code);

/* There is none any more: ready() looks for another. */
void sf_udp_lose_way(struct sf_udp *udp, int code);

#endif
