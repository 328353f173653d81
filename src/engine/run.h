/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A metering run: inputs, workers and exporter brought together, from the first packet to the last
 * record. Two forms of the same thing:
 *
 *	inline    files and one worker: one thread does all, records go from the table straight
 *	          into the exporter. Nothing is lost between them and nothing is shared.
 *	threads   network interfaces, or several workers: a thread for each; the main thread looks
 *	          after signals and time, asks for the books, and drains the rings of those of
 *	          interfaces into the exporter.
 */
#ifndef SPANFLOW_ENGINE_RUN_H
#define SPANFLOW_ENGINE_RUN_H

#include <spanflow/export.h>

#include "base/steer.h"
#include "cli/loss.h"
#include "cli/metrics.h"
#include "cli/notify.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "enrich/enrich.h"
#include "guard/monitor.h"
#include "guard/resolver.h"
#include "guard/sandbox.h"
#include "meter/own.h"

#define SF_INPUTS_MAX        64
#define SF_DESTINATIONS_TOLD 64 /* of more than so many no losses and news are told */

struct sf_run {
	const struct sf_options *options;
	struct sf_exporter *exporter;
	struct sf_enrich *enrich; /* NULL: nothing is told of flows beyond their packets */
	struct sf_interfaces *interfaces;
	struct sf_input inputs[SF_INPUTS_MAX];
	struct sf_exchange *exchanges[SF_INPUTS_MAX]; /* between the workers of an input, or NULL */
	unsigned input_count;
	struct sf_turns turns;              /* of the workers of files */
	pthread_mutex_t gate;               /* no worker begins before all have started */
	struct sf_door door;                /* to the exporter, for workers of files */
	struct sf_wakeup wakeup;            /* wakes the main thread, if it is not the only one */
	uint32_t steer_key[SF_STEER_WORDS]; /* of exchanges and of the kernel's steering */
	struct sf_own own;                  /* sessions of our own collectors */
	struct sf_sandbox sandbox;
	struct sf_monitor monitor;   /* when started as root */
	struct sf_resolver resolver; /* when a collector has a name */
	struct sf_worker *workers;
	unsigned worker_count;
	bool live;               /* packets come from interfaces, not files */
	bool threads;            /* each worker has one */
	const char *ended;       /* why; NULL: it goes on */
	struct sf_notify notify; /* the service manager */
	struct sf_progress progress;
	struct sf_loss_watch losses;
	struct sf_budget budget; /* of all workers */
	struct sf_metrics metrics;
	struct sf_books books; /* the last that were asked for, for the metrics */
	/* main thread's time keeping, monotonic ns */
	int64_t deadline, next_look, next_books;
	bool stats_asked;    /* SIGUSR1 came, the books are being asked for */
	unsigned done_count; /* workers that were seen to have ended */
	bool books_read;     /* the answer to the current question was read */
	uint32_t question;   /* number of the current question for the books */
	uint32_t said_link;  /* unsupported link type that was named */
	struct {
		unsigned news;   /* of sf_destination_stats that were told */
		bool failure;    /* a loss was told */
		int64_t news_ns; /* monotonic: when the next one may be, if it is not earlier */
	} told[SF_DESTINATIONS_TOLD];
	uint64_t said_failed; /* bit per input whose failure was reported */
	alignas(SF_CACHE_LINE) _Atomic uint32_t control;
};

/* run.c: meters as the options say. Returns the exit status; errors have been printed. */
int sf_run(const struct sf_options *options);

/* setup.c: exporter, inputs and workers. Half made after a failure: sf_run_fini() all the same. */
int sf_run_init(struct sf_run *run, const struct sf_options *options, struct sf_error *error);
void sf_run_fini(struct sf_run *run);
/* The part of it that makes a worker for each queue of the inputs, which are open. */
int sf_run_make_workers(struct sf_run *run, struct sf_error *error);

/* The sessions of collectors, as far as they have an address by now. */
void sf_run_learn_own(struct sf_run *run);

/* Gives up what the run needs no more (sandbox.h), when it is a live one and all is open. */
int sf_run_confine(struct sf_run *run, struct sf_error *error);

/* threads.c: starts the workers and returns when all are done and their rings are empty. */
int sf_run_threads(struct sf_run *run, struct sf_error *error);

/*
 * deliver.c: live runs. Sends what destinations are ready to take; returns the monotonic time at
 * which to do so again, at the latest.
 */
int64_t sf_run_deliver(struct sf_run *run, int64_t mono);
/* Waits for pause_ns, or until a destination is ready or `level` is sent to run->wakeup. */
void sf_run_wait(struct sf_run *run, int64_t pause_ns, enum sf_wakeup_level level);
/* At the end: what is queued leaves, for as long as --stop-timeout and signals allow. */
void sf_run_deliver_rest(struct sf_run *run, const struct sf_books *books);

/* serve.c: opens what --metrics asks for, if it does; before rights are given up. */
int sf_run_open_metrics(struct sf_run *run, struct sf_error *error);

/* tell.c: what a person is told while it goes on, and the statistics. */
void sf_run_say(const struct sf_run *run, const char *text); /* unless --quiet */
/*
 * Of each network source, as soon as it is so and unless it was told: that it is metered, and how
 * (scripts wait for this line); what keeps packets away; that they can come again.
 */
void sf_run_tell_sources(struct sf_run *run);
/* The service manager, if there is one: that metering has begun; every ten seconds, how it goes. */
void sf_run_tell_ready(struct sf_run *run);
void sf_run_tell_status(struct sf_run *run, const struct sf_ledger *ledger,
	const struct sf_capture_stats *capture, int64_t mono);
struct sf_report sf_run_report(const struct sf_run *run, const struct sf_books *books);
void sf_run_print_stats(const struct sf_run *run, const struct sf_books *books);
/* Answers a SIGHUP, looks after what is read again. */
void sf_run_answer(struct sf_run *run);
/* Losses at destinations and unknown link types: each said once, when first seen. */
void sf_run_notice(struct sf_run *run, const struct sf_books *books);
/* What drivers remark about the packets of a run that has ended; unless --quiet. */
void sf_run_tell_remarks(const struct sf_run *run);
/* What a live run has lost since the last time, at most once a minute; also with --quiet. */
void sf_run_tell_losses(struct sf_run *run, const struct sf_report *report, int64_t mono);
/* The same of the whole run, for those who do not print the statistics. */
void sf_run_tell_loss(const struct sf_run *run, const struct sf_loss *loss);
/* Where a run was stopped that had not come to its end. */
void sf_run_tell_where(const struct sf_run *run, const struct sf_books *books);

/* Books of all workers; while threads run, as they answered the last question (run.c). */
void sf_run_books(const struct sf_run *run, struct sf_books *sum);

/*
 * Tells the exporter the time. `clock`: how far the packets are; INT64_MIN: not known, then only
 * runs that go by the wall clock (live, --realtime) have a time to tell.
 */
void sf_run_tick(struct sf_run *run, int64_t clock);

/*
 * What is looked after now and then, given the books: statistics for options data, news, progress.
 */
void sf_run_watch(struct sf_run *run, const struct sf_books *books, int64_t mono);

/* True when a signal or the time of day ends the run; run->ended says why. */
bool sf_run_must_end(struct sf_run *run, int64_t mono);

#endif
