/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spanflow meter: makes a plan of the options, gives it to an engine (spanflow/engine.h) and steps
 * the engine. Signals become orders to the engine. Events of the engine become lines on standard
 * error, statistics, metrics and messages to the service manager.
 *
 *	status = sf_run(&options);
 */
#ifndef SPANFLOW_CLI_RUN_H
#define SPANFLOW_CLI_RUN_H

#include <spanflow/engine.h>

#include "ask/where.h"
#include "base/loop.h"
#include "cli/plan.h"
#include "cli/report.h"
#include "enrich/enrich.h"
#include "guard/privileges.h"
#include "metrics/loss.h"
#include "metrics/metrics.h"
#include "options/options.h"
#include "report/paging.h"
#include "service/notify.h"
#include "service/progress.h"

struct sf_run {
	const struct sf_options *options;
	struct sf_made_plan made;
	struct sf_privileges privileges;
	struct sf_engine *engine;
	uint64_t absent;           /* facts on request that no packet of the plan's sources has */
	struct sf_chooser chooser; /* of --where; choose is NULL: all records */
	struct sf_paging paging;   /* the page of -o html */
	struct sf_enrich *enrich;  /* NULL: nothing is told of flows beyond their packets */
	struct sf_loop *loop;      /* of the main thread */
	struct sf_watch watch;     /* the engine has something to do */
	struct sf_notify notify;   /* the service manager */
	struct sf_progress progress;
	struct sf_loss_watch losses;
	struct sf_metrics metrics;
	bool live;                /* interfaces, not files */
	int64_t delivering_since; /* monotonic ns; 0: metering still goes on */
	bool waiting_told;        /* that records wait for destinations at the end */
};

/* run.c: meters as the options say. Returns the exit status; errors have been printed. */
int sf_run(const struct sf_options *options);

/* tell.c: what a person is told while the run goes on, and the statistics. */

/* Callbacks of the engine. */
void sf_run_on_notice(void *run, enum sf_notice notice, const char *text);
void sf_run_on_counted(void *run, const struct sf_engine_counters *counters, bool asked);
/* A line about something that is no fault; unless --quiet. */
void sf_run_say(const struct sf_run *run, const char *text);
/* The service manager, if there is one: metering has begun. */
void sf_run_tell_ready(struct sf_run *run);
/* What there is to say about files of --enrich that are read again. */
void sf_run_tell_enrich(struct sf_run *run);
/* At the end, once: records still wait for destinations. */
void sf_run_tell_waiting(struct sf_run *run, int64_t mono);
struct sf_report sf_run_report(const struct sf_run *run);
void sf_run_print_stats(const struct sf_run *run);
/* What drivers remark about the packets of a run that has ended; unless --quiet. */
void sf_run_tell_remarks(const struct sf_run *run);
/* The losses of the whole run, for those who do not print the statistics. */
void sf_run_tell_loss(const struct sf_run *run, const struct sf_loss *loss);
/* Where a run was stopped that had not come to its end. */
void sf_run_tell_where(const struct sf_run *run);

#endif
