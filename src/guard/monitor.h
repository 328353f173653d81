/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The privileged process beside a live run that was started as root (DESIGN §10). It is forked
 * before anything is opened and lives until the metering process has gone, however that happens.
 * It knows the command line, so a request is a number and an index into the interfaces named
 * there; no text of the metering process reaches it. The requests:
 *
 *	prepare, restore   offloads and RSS key of an interface; what is still changed at the end
 *	                   is put back
 *	xdp                attach the XDP program to an interface that came back
 *	socket             a packet or AF_XDP socket, when a library wants one (syscalls.c)
 */
#ifndef SPANFLOW_GUARD_MONITOR_H
#define SPANFLOW_GUARD_MONITOR_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/helper.h"

#define SF_PERMITS_MAX 256

/* The interfaces that the metering process may ask the monitor about. */
struct sf_permits {
	char names[SF_PERMITS_MAX][IF_NAMESIZE];
	unsigned count;
};

/* The metering process's end. */
struct sf_monitor {
	struct sf_helper helper; /* first member: for drivers */
	pid_t pid;               /* 0: there is none */
	int channel;
	uint32_t sequence;
	pthread_mutex_t lock; /* channel and sequence: workers and main thread ask */
	struct sf_permits permits;
};

/*
 * Forks the monitor of a run. Before threads, and before anything is open that the monitor is not
 * to have. Zeroed `monitor` on failure.
 */
int sf_monitor_start(
	struct sf_monitor *monitor, const struct sf_permits *permits, struct sf_error *error);

/* Gives it the listener of sf_syscalls_restrict() and closes it here. */
int sf_monitor_give_listener(struct sf_monitor *monitor, int listener);

/* Closes the channel; returns when the monitor has put everything back. Legal on a zeroed one. */
void sf_monitor_stop(struct sf_monitor *monitor);

/* The messages, between monitor.c and serve.c. */
enum sf_request_kind {
	SF_REQUEST_PREPARE,
	SF_REQUEST_RESTORE,
	SF_REQUEST_XDP,
	SF_REQUEST_LISTENER, /* with the descriptor */
};

struct sf_request {
	uint32_t sequence, kind, interface, what;
	struct sf_xdp_wish wish;
};

struct sf_answer {
	uint32_t sequence;
	int32_t result;
	struct sf_ethtool_outcome outcome;
	struct sf_xdp_grant grant;
};

/* One message with up to SF_XDP_FDS descriptors. Bytes, 0 at the end, or -errno. */
int sf_message_send(int channel, const void *data, size_t size, const int *fds, unsigned count);
/* Descriptors beyond `max` are closed; *count tells how many came. */
int sf_message_receive(
	int channel, void *data, size_t size, int *fds, unsigned max, unsigned *count);

/* serve.c: the monitor itself, from the fork to its end. */
void sf_monitor_serve(const struct sf_monitor *monitor, int channel) __attribute__((noreturn));

#endif
