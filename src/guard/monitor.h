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

/*
 * What the metering process may ask its monitor for: a row for each interface of the run, made from
 * the command line before the fork. The monitor refuses everything else with -EPERM.
 */
struct sf_permit {
	char name[IF_NAMESIZE];
	unsigned settings; /* SF_ETHTOOL_… ored: those that the run may change */
	bool packets;      /* packet sockets */
	bool xdp;          /* the XDP program on this interface, and AF_XDP sockets */
	bool detach;       /* DPDK's driver attaches an XDP program: it is taken off at the end */
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
	pthread_mutex_t lock; /* of the next two: workers and main thread ask */
	uint32_t sequence;
	bool silent; /* the last request was not answered in time: later ones wait less long */
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

/* Has the monitor ended although the channel is open? One system call, any thread. */
bool sf_monitor_ended(const struct sf_monitor *monitor);

/*
 * Closes the channel and waits until the monitor has put everything back, for some seconds. False:
 * the monitor has not ended by then (it is stopped or hangs). Legal on a zeroed one.
 */
bool sf_monitor_stop(struct sf_monitor *monitor);

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
