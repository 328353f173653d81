/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The privileged process beside a live run that was started as root (docs/design.md §10). It is
 * forked before anything is opened, and lives until the metering process has ended in any way. It
 * knows the command line, so a request is a number and an index into the interfaces named there; no
 * text of the metering process reaches it. The requests:
 *
 *	prepare, restore   change offloads and RSS key of an interface, and restore them; settings
 *	                   that are still changed at the end are restored then
 *	xdp                attach the XDP program to an interface that came back
 *	socket             make a packet or AF_XDP socket for a library's socket() (syscalls.c)
 */
#ifndef SPANFLOW_GUARD_MONITOR_H
#define SPANFLOW_GUARD_MONITOR_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/helper.h"

#define SF_PERMITS_MAX 256

/*
 * The requests that the monitor allows: a row for each interface of the run, made from the command
 * line before the fork. Everything else is refused with -EPERM.
 */
struct sf_permit {
	char name[IF_NAMESIZE];
	unsigned settings; /* SF_ETHTOOL_… ored: settings that the run may change */
	bool packets;      /* the run may have packet sockets */
	bool xdp;          /* the run may have the XDP program and AF_XDP sockets */
	bool detach;       /* DPDK's driver attaches an XDP program: detach it at the end */
};
struct sf_permits {
	struct sf_permit rows[SF_PERMITS_MAX];
	unsigned count;
};

/* The metering process's end. */
struct sf_monitor {
	struct sf_helper helper; /* first member: for drivers */
	pid_t pid;               /* 0: there is none */
	int channel;
	pthread_mutex_t lock; /* held during a request: several threads ask */
	uint32_t sequence;    /* of the last request */
	bool silent;          /* the last request had no answer in time: the limit is SHORT_MS */
	struct sf_permits permits;
};

/*
 * Forks the monitor of a run. Call it before threads are started, and before anything is open that
 * the monitor must not have. `monitor` has no process (pid 0) on failure.
 */
int sf_monitor_start(
	struct sf_monitor *monitor, const struct sf_permits *permits, struct sf_error *error);

/* Sends the listener of sf_syscalls_restrict() to the monitor and closes it here. */
int sf_monitor_give_listener(struct sf_monitor *monitor, int listener);

/* True if the monitor has ended although the channel is open. One system call; any thread. */
bool sf_monitor_ended(const struct sf_monitor *monitor);

/*
 * Closes the channel and waits some seconds until the monitor has restored all settings and ended.
 * False: it has not ended by then (it is stopped or hangs). May be called on a zeroed struct.
 */
bool sf_monitor_stop(struct sf_monitor *monitor);

/* Messages between monitor.c and serve.c. */
enum sf_request_kind {
	SF_REQUEST_PREPARE,
	SF_REQUEST_RESTORE,
	SF_REQUEST_XDP,
	SF_REQUEST_LISTENER, /* carries the descriptor of the listener */
};

struct sf_request {
	uint32_t sequence, kind, interface, what;
	struct sf_xdp_request xdp;
};

struct sf_answer {
	uint32_t sequence;
	int32_t result;
	struct sf_ethtool_outcome outcome;
	struct sf_xdp_reply xdp;
};

/*
 * Send and receive one message with up to SF_XDP_FDS descriptors. Bytes, 0 at the end, or -errno.
 */
int sf_message_send(int channel, const void *data, size_t size, const int *fds, unsigned count);
/* *count: number of descriptors received; those beyond `max` are closed. */
int sf_message_receive(
	int channel, void *data, size_t size, int *fds, unsigned max, unsigned *count);

/* serve.c: the monitor itself, from the fork to its end. */
void sf_monitor_serve(const struct sf_monitor *monitor, int channel) __attribute__((noreturn));

#endif
