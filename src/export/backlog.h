/* SPDX-License-Identifier: BSD-2-Clause */
/* The receive buffer of a UDP collector on this host. */
#ifndef SPANFLOW_EXPORT_BACKLOG_H
#define SPANFLOW_EXPORT_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <spanflow/export.h>

struct sf_backlog;

/*
 * For datagrams from `local` to `peer`, which stay on this host. NULL when nobody receives them
 * now, or when the kernel does not tell.
 */
struct sf_backlog *sf_backlog_open(const struct sockaddr *local, const struct sockaddr *peer);
void sf_backlog_close(struct sf_backlog *backlog);

/*
 * True as soon as less than half of the buffer is used. False: it was not for a second, as the
 * collector has stopped reading, or the run is in a hurry.
 */
bool sf_backlog_wait(struct sf_backlog *backlog, const struct sf_hurry *hurry);

#endif
