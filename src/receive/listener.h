/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP sockets that flow messages arrive on. */
#ifndef SPANFLOW_RECEIVE_LISTENER_H
#define SPANFLOW_RECEIVE_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/error.h>

#include "base/hostport.h"

#define SF_LISTEN_MAX      16
#define SF_LISTEN_NAME     SF_HOSTPORT_NAME /* of a sender */
#define SF_LISTEN_BATCH    64               /* datagrams of one system call */
#define SF_LISTEN_DATAGRAM 65536            /* the longest */

struct sf_listener {
	int fd;
	char url[96];     /* with the port that the socket really has */
	uint64_t dropped; /* by the kernel, for want of room in the socket */
	uint32_t drops_seen;
};

/*
 * Opens a socket for each address of the host in "udp://host:port"; "udp://:port" and [::] take IPv4
 * and IPv6, port 0 is any free port, the default is 4739. There is room for so many listeners. The
 * receive buffers are as large as the system allows. Returns how many were opened; SF_EUSAGE,
 * SF_ERESOLVE or a system error, with a text.
 */
int sf_listen_open(
	struct sf_listener *listeners, unsigned room, const char *url, struct sf_error *error);
void sf_listen_close(struct sf_listener *listener);

/* Brings `dropped` up to date. To be called before 2^32 more datagrams can have been dropped. */
void sf_listen_drops(struct sf_listener *listener);

/* Buffers for one batch, for any number of listeners. */
struct sf_listen_batch;
struct sf_listen_batch *sf_listen_batch_new(void);
void sf_listen_batch_free(struct sf_listen_batch *batch);

/* Datagrams that are there now, at most SF_LISTEN_BATCH; 0: none; a system error. */
int sf_listen_receive(struct sf_listener *listener, struct sf_listen_batch *batch);

/* Datagram `index` of the last batch; `name` holds SF_LISTEN_NAME octets. */
const uint8_t *sf_listen_datagram(
	struct sf_listen_batch *batch, unsigned index, size_t *length, char *name);

#endif
