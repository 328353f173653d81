/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The name of a source of mirrored frames that come to a socket of this host (drivers/socket), and
 * what belongs to it: "udp://0.0.0.0:4789", "udp://[::]:9000,kind=vxlan", "gre://192.0.2.1",
 * "gre://". The name is what stands behind the driver and its colon; of several names that form one
 * source, joined by "+", later ones may leave out driver and slashes:
 * "udp://0.0.0.0:4789+0.0.0.0:6081".
 */
#ifndef SPANFLOW_BASE_SOCKET_NAME_H
#define SPANFLOW_BASE_SOCKET_NAME_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <spanflow/error.h>

#define SF_SOCKET_UDP "udp"
#define SF_SOCKET_GRE "gre"

struct sf_socket_name {
	char text[80]; /* as a person wrote it, with driver and slashes, without options */
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} address;     /* what to bind to; the port of GRE is 0 */
	bool every;    /* no address was given: all of this host, of IPv4 and (UDP) IPv6 */
	uint16_t port; /* 0: GRE */
	char kind[16]; /* of tunnel, as --tunnel names it; "": the port says it */
};

/* True if sources of this driver are sockets. */
bool sf_socket_driver(const char *driver);

/* 0, or SF_EUSAGE with what is allowed in `error`. */
int sf_socket_name_parse(
	struct sf_socket_name *name, const char *driver, const char *text, struct sf_error *error);

/* True if a datagram could come to both. */
bool sf_socket_names_overlap(const struct sf_socket_name *a, const struct sf_socket_name *b);

#endif
