/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages to a service manager, by the protocol of sd_notify(3) and without libsystemd: datagrams
 * of lines NAME=VALUE to the socket that $NOTIFY_SOCKET names. Without that variable every function
 * here does nothing.
 */
#ifndef SPANFLOW_SERVICE_NOTIFY_H
#define SPANFLOW_SERVICE_NOTIFY_H

#include <stdint.h>

#include <spanflow/error.h>

struct sf_notify {
	int fd;                /* connected datagram socket; -1: there is no service manager */
	int64_t keep_alive_ns; /* between two messages WATCHDOG=1; 0: there is no watchdog */
	int64_t next_alive, next_status; /* monotonic ns */
};

/*
 * Connects to the service manager; must be called before the sandbox forbids that. 0 if there is no
 * service manager. An error if it cannot be reached; `notify` is usable all the same, and sends
 * nothing.
 */
int sf_notify_open(struct sf_notify *notify, struct sf_error *error);
void sf_notify_close(struct sf_notify *notify);

/*
 * Sends lines such as "READY=1" or "STOPPING=1". A message that cannot be sent at once is dropped.
 */
void sf_notify_send(struct sf_notify *notify, const char *lines);

/*
 * Sends WATCHDOG=1 twice per interval of the watchdog. Called by the main loop, which it watches.
 */
void sf_notify_alive(struct sf_notify *notify, int64_t mono);

/* True every ten seconds if there is a service manager: a line STATUS=… is due. */
bool sf_notify_status_due(struct sf_notify *notify, int64_t mono);

#endif
