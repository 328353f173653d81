/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The privileges of a run, from a plan (docs/design.md §10): the processes that are forked before
 * anything is open, and what this process gives up when all is open.
 *
 *	sf_privileges_start(&privileges, &plan, &error);
 *	… sf_engine_new() with .helper = sf_privileges_helper(&privileges),
 *	                       .lookup = sf_privileges_lookup(&privileges) …
 *	sf_privileges_drop(&privileges, &error);
 *	… sf_engine_start(), to the end of the run …
 *	sf_privileges_stop(&privileges);
 */
#ifndef SPANFLOW_GUARD_PRIVILEGES_H
#define SPANFLOW_GUARD_PRIVILEGES_H

#include <spanflow/plan.h>

#include "guard/monitor.h"
#include "guard/resolver.h"
#include "guard/sandbox.h"
#include "guard/spawner.h"

struct sf_privileges {
	struct sf_sandbox sandbox;
	struct sf_monitor monitor;   /* when started as root */
	struct sf_resolver resolver; /* when a collector has a name */
	struct sf_spawner spawner;   /* with --on-file */
};

/* What the metering process may ask its monitor for: the kernel's interfaces among the sources. */
int sf_permits_make(struct sf_permits *permits, const struct sf_plan *plan, struct sf_error *error);

/* SF_EUSAGE if an interface is named twice, be it by two names or by two drivers. */
int sf_permits_refuse_twice(const struct sf_plan *plan, struct sf_error *error);

/*
 * Before anything is open and any thread runs: forks the monitor and the resolver, if the run needs
 * them. `metrics`: connections to a listening socket are accepted. A run of files keeps its
 * privileges. After a failure sf_privileges_stop() all the same.
 */
int sf_privileges_start(struct sf_privileges *privileges, const struct sf_plan *plan, bool metrics,
	struct sf_error *error);

/* For sf_engine_options; NULL: the engine's process does it itself. */
const struct sf_helper *sf_privileges_helper(const struct sf_privileges *privileges);
const struct sf_lookup *sf_privileges_lookup(const struct sf_privileges *privileges);
const struct sf_file_hook *sf_privileges_on_file(const struct sf_privileges *privileges);

/*
 * When all is open: gives up what the run does not need any more; collectors among the destinations
 * of `exporter` may need connections. privileges->sandbox.missing tells what could not be given up.
 */
int sf_privileges_drop(struct sf_privileges *privileges, const struct sf_exporter *exporter,
	struct sf_error *error);

/* True once: the monitor, which is needed, has ended. */
bool sf_privileges_lost_monitor(struct sf_privileges *privileges);

/* Waits some seconds for the monitor. False: it has not ended, and has not put settings back. */
bool sf_privileges_stop(struct sf_privileges *privileges);

#endif
