/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process of a live run gives up privileges before it reads the first packet (docs/design.md
 * §10): its user, capabilities, new privileges, all system calls except a list, the file system.
 * Open descriptors stay usable. Nothing of this can be undone.
 */
#ifndef SPANFLOW_GUARD_SANDBOX_H
#define SPANFLOW_GUARD_SANDBOX_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include <spanflow/error.h>
#include <spanflow/export.h>

#define SF_WRITABLE_MAX 16
#define SF_READABLE_MAX 20

struct sf_sandbox {
	bool wanted;      /* a live run, and not --no-sandbox */
	bool switch_user; /* started as root */
	bool helped;      /* a monitor exists; without one, capabilities for capturing stay */
	/* kinds of sources in this run */
	bool packets; /* packet sockets, which are made again when an interface comes back */
	bool xdp;     /* AF_XDP sockets; without a monitor, files of the kernel's types too */
	bool dpdk;    /* system calls of DPDK's drivers */
	bool streams; /* connections to collectors */
	bool metrics; /* accepting connections to sockets that listen */
	/* directories whose files are read again while the run goes on */
	char *readable[SF_READABLE_MAX];
	unsigned readable_count;
	/* directories in which files are made and removed */
	char *writable[SF_WRITABLE_MAX];
	enum sf_exporter_makes makes[SF_WRITABLE_MAX];
	unsigned writable_count;
	char user[64];
	uid_t uid;
	gid_t gid;
	/* results: the parts that are in force */
	bool capabilities; /* no capability is left, and the bounding set is empty */
	bool no_new_privs;
	bool seccomp;
	int landlock;      /* version of the kernel's interface; 0: not in force */
	char missing[512]; /* the parts that are not in force, and why; or "" */
};

/*
 * Sets the user that the process is to become: `name`. If that is NULL and the process runs as
 * root: "spanflow" if there is such a user, else "nobody". SF_EUSAGE: no such user, or not root.
 */
int sf_sandbox_user(struct sf_sandbox *sandbox, const char *name, struct sf_error *error);

/*
 * Confines the metering process; called when all sources and destinations are open. Covers the
 * calling thread and threads that it starts later. Threads that run already change user and get the
 * system call filter, but are not confined by Landlock. *listener: the descriptor on which the
 * kernel announces sockets that the monitor has to make (monitor.h), or -1. A part that the system
 * lacks is named in `missing` and is no failure; a failed change of user is.
 */
int sf_sandbox_enter(struct sf_sandbox *sandbox, int *listener, struct sf_error *error);

/*
 * Keeps the directory of a file readable, so that the file can be read again. Before
 * sf_sandbox_enter().
 */
void sf_sandbox_keep_readable(struct sf_sandbox *sandbox, const char *path);

/*
 * Lets the process make, write and remove files in a directory. Files and directories that the run
 * has made itself get the user of the sandbox: a spool with its files, a new directory of a series.
 * Before sf_sandbox_enter(), which fails if the user may not write to the directory of a series.
 */
void sf_sandbox_keep_writable(
	struct sf_sandbox *sandbox, const char *directory, enum sf_exporter_makes makes);

/* Forgets the directories of sf_sandbox_keep_…(), if the sandbox was not entered. */
void sf_sandbox_fini(struct sf_sandbox *sandbox);

/* Confines the monitor: it keeps the capabilities for its requests and reads below /sys only. */
void sf_sandbox_enter_monitor(void);

/* Writes the JSON object for the statistics. */
void sf_sandbox_json(const struct sf_sandbox *sandbox, FILE *stream);

/* The parts of the two functions above. 0 or -errno; -EOPNOTSUPP: not in this build. */
enum sf_calls {
	SF_CALLS_METERING = 0,
	SF_CALLS_MONITOR = 1,
	SF_CALLS_PACKETS = 2, /* packet sockets */
	SF_CALLS_XDP = 4,     /* AF_XDP sockets, and entering them in the program's map */
	SF_CALLS_ASKED = 8,   /* the monitor makes these sockets, and loads BPF programs */
	SF_CALLS_DPDK = 16,
	SF_CALLS_TYPES_READ = 32, /* opening files for reading; Landlock decides which */
	SF_CALLS_ACCEPT = 64,     /* connections to sockets that listen already */
	SF_CALLS_FILES = 256,     /* making and removing files; Landlock decides where */
	SF_CALLS_STREAMS = 128,   /* stream sockets, to connect to collectors again */
};
int sf_syscalls_restrict(unsigned calls, int *listener);

/*
 * Returns the version of Landlock, or -errno. `readable`: directories whose files stay readable;
 * `writable`: in which files can be made, too.
 */
int sf_landlock_restrict(const char *const *readable, unsigned count, const char *const *writable,
	unsigned writable_count);

#endif
