/* SPDX-License-Identifier: BSD-2-Clause */
/* The receive buffer of a UDP collector on this host. */
#ifndef SPANFLOW_TRANSPORT_BACKLOG_H
#define SPANFLOW_TRANSPORT_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct sf_backlog;

/*
 * For datagrams from `local` to `peer`, which must be on this host. NULL if no socket receives them
 * now, or if the kernel has no udp_diag.
 */
struct sf_backlog *sf_backlog_open(const struct sockaddr *local, const struct sockaddr *peer);
void sf_backlog_close(struct sf_backlog *backlog);

/* True if half of the buffer or more is used: *used bytes. */
bool sf_backlog_is_long(struct sf_backlog *backlog, uint32_t *used);

#endif
