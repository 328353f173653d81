/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's routes (table main) by rtnetlink. Two sockets, opened once: one to ask, one on which
 * the kernel tells that routes changed. They go on working in a process that gave up its
 * privileges.
 *
 *	sf_fib_open(&fib, &error);
 *	sf_fib_load(&fib, &routes, &error);
 *	…
 *	if (sf_fib_changed(&fib))	load them again
 */
#ifndef SPANFLOW_ENRICH_FIB_H
#define SPANFLOW_ENRICH_FIB_H

#include <spanflow/error.h>

#include "enrich/routes.h"

struct sf_fib {
	int fd;     /* for requests; -1: closed */
	int events; /* notifications */
	uint32_t sequence;
};

/* Opens both sockets. 0, or an error with its text. */
int sf_fib_open(struct sf_fib *fib, struct sf_error *error);
void sf_fib_close(struct sf_fib *fib);

/* All unicast routes: next hop, interface, prefix length. One thread at a time. */
int sf_fib_load(struct sf_fib *fib, struct sf_routes **routes, struct sf_error *error);

/* True: routes have changed since the last call. Does not wait. */
bool sf_fib_changed(struct sf_fib *fib);

#endif
