/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that looks up the names of collectors. The metering process cannot do so: once confined
 * it may not open the files that this needs, and it must not wait for an answer. The resolver is
 * forked before anything is open, becomes the user of the run, may read files but write none, and
 * ends with the metering process. It knows the names from the command line: a request is an index,
 * an answer is a list of addresses.
 *
 *	sf_resolver_start(&resolver, names, count, &error);
 *	resolver.lookup.ask(&resolver, 1);	… later, again and again …
 *	if (resolver.lookup.answer(&resolver, 1, &addresses)) …
 */
#ifndef SPANFLOW_GUARD_RESOLVER_H
#define SPANFLOW_GUARD_RESOLVER_H

#include <sys/types.h>

#include <spanflow/error.h>
#include <spanflow/export.h>

#define SF_RESOLVER_NAMES 64

struct sf_resolver_name {
	char host[256], port[8];
};

struct sf_resolver {
	struct sf_lookup lookup; /* first member; its context is this struct */
	pid_t pid;               /* 0: there is none */
	int channel;
	bool answered[SF_RESOLVER_NAMES];
	struct sf_addresses answers[SF_RESOLVER_NAMES];
};

/*
 * Forks the process. With `switch_user` it becomes `uid` and `gid`. Names beyond SF_RESOLVER_NAMES
 * are not looked up. 0 or -errno.
 */
int sf_resolver_start(struct sf_resolver *resolver, const struct sf_resolver_name *names,
	unsigned count, bool switch_user, uid_t uid, gid_t gid, struct sf_error *error);

#endif
