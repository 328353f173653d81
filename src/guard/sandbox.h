/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process of a live run gives up before it looks at the first packet (DESIGN §10): its
 * user, capabilities, new privileges, all system calls but a list, the file system. Descriptors
 * that are open stay usable. Nothing of it can be undone.
 */
#ifndef SPANFLOW_GUARD_SANDBOX_H
#define SPANFLOW_GUARD_SANDBOX_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include <spanflow/error.h>

struct sf_sandbox {
	bool wanted;      /* a live run, and not --no-sandbox */
	bool switch_user; /* started as root */
	bool helped; /* a monitor does what needs rights; without: what rights there are stay */
	/* kinds among the sources */
	bool packets; /* interfaces of the kernel: packet sockets are made when one comes back */
	bool xdp;     /* by AF_XDP; without a monitor it reads the kernel's types then */
	bool dpdk;    /* calls of its drivers are allowed */
	char user[64];
	uid_t uid;
	gid_t gid;
	/* what is in force */
	bool capabilities; /* none are left, and the bounding set is empty */
	bool no_new_privs;
	bool seccomp;
	int landlock;      /* version of the kernel's interface; 0: not in force */
	char missing[512]; /* what is not in force, and why; "" */
};

/*
 * Who the process is to become: `name`, or where that is NULL and it runs as root, "spanflow" if
 * there is such a user and "nobody" otherwise. SF_EUSAGE: no such user, or not root.
 */
int sf_sandbox_user(struct sf_sandbox *sandbox, const char *name, struct sf_error *error);

/*
 * The metering process, when all is open. Covers the calling thread and those it starts; threads
 * that run already change user and get the system call filter, but keep what of the file system
 * their user may see. *listener: where the kernel tells of sockets that the monitor is to make
 * (monitor.h), or -1. What the system lacks is told in `missing` and is no failure; failing to
 * become the user is.
 */
int sf_sandbox_enter(struct sf_sandbox *sandbox, int *listener, struct sf_error *error);

/* The monitor: keeps the capabilities for its requests, reads below /sys only, starts nothing. */
void sf_sandbox_enter_monitor(void);

/* Object for the statistics. */
void sf_sandbox_json(const struct sf_sandbox *sandbox, FILE *stream);

/* The parts, for the two above. 0 or -errno; -EOPNOTSUPP: not in this build. */
enum sf_calls {
	SF_CALLS_METERING = 0,
	SF_CALLS_MONITOR = 1,
	SF_CALLS_PACKETS = 2, /* packet sockets */
	SF_CALLS_XDP = 4,     /* AF_XDP sockets and the map that they are entered in */
	SF_CALLS_ASKED = 8,   /* the monitor makes these sockets, and loads BPF programs */
	SF_CALLS_DPDK = 16,
	SF_CALLS_TYPES_READ = 32, /* files may be opened for reading: Landlock says which */
};
int sf_syscalls_restrict(unsigned calls, int *listener);

/* Returns the version of the interface, or -errno. `readable`: a directory, or NULL: nothing. */
int sf_landlock_restrict(const char *readable);

#endif
