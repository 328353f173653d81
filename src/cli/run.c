/* SPDX-License-Identifier: BSD-2-Clause */
#include <sys/resource.h>
#include <time.h>

#include "base/annex.h"
#include "base/clock.h"
#include "base/count.h"
#include "cli/asked.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/run.h"
#include "metrics/sums.h"
#include "service/signals.h"

/* Captures that overlap are open at the same time. */
static void allow_many_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* sf_engine_options.interrupted: signals are caught only when something is waited for. */
static const char *interrupted(void *context)
{
	(void)context;
	sf_signals_catch();
	return sf_signal_stop ? sf_signal_name(sf_signal_stop) : NULL;
}

/* sf_engine_events.look: with capture files, nobody else uses the exporter now. */
static void on_look(void *context, int64_t mono)
{
	struct sf_run *run = context;

	(void)mono;
	sf_run_tell_enrich(run);
	sf_tell_commands(&run->privileges.spawner);
	if (!run->live)
		sf_metrics_serve(&run->metrics);
}

static int open_enrich(struct sf_run *run, struct sf_error *error)
{
	const struct sf_plan *plan = &run->made.plan;
	const struct sf_enrich_options enrich = {
		.sources = plan->enrich,
		.source_count = plan->enrich_count,
		.map = plan->interface_map,
		.local = plan->local_net,
		.egress = (enum sf_enrich_egress)plan->egress,
		.patient = run->live,
	};

	if (!plan->enrich_count && !enrich.map && !enrich.local && !enrich.egress)
		return 0;
	return sf_enrich_new(&run->enrich, &enrich, error);
}

/* Keeps directories readable of files that SIGHUP reads: a new file may take the name. */
static void keep_readable(struct sf_run *run)
{
	const struct sf_exporter *exporter = sf_engine_exporter(run->engine);
	const char *path;

	for (unsigned i = 0; (path = sf_exporter_reads(exporter, i)); i++)
		sf_sandbox_keep_readable(&run->privileges.sandbox, path);
	for (unsigned i = 0; run->enrich && (path = sf_enrich_path(run->enrich, i)); i++)
		if (*path)
			sf_sandbox_keep_readable(&run->privileges.sandbox, path);
}

/* What conditions of this run may look at. `whole`: both directions together. */
static unsigned where_mode(const struct sf_run *run, bool whole)
{
	const struct sf_enricher *enricher = run->enrich ? sf_enrich_enricher(run->enrich) : NULL;
	bool tunnels = !(run->absent & SF_FACT_SET(tunnel));

	return SF_ASK_METERED | (tunnels ? SF_ASK_TUNNELS : 0) |
	       (whole ? SF_ASK_CONVERSATION : SF_ASK_UNIFLOW) |
	       SF_ASK_GIVES(enricher ? enricher->gives : 0);
}

/* --where: with --biflow a conversation is chosen as a whole. */
static int open_where(struct sf_run *run, struct sf_error *error)
{
	int err = sf_plan_absent_facts(&run->absent, &run->made.plan, error);

	return err ? err
		   : sf_asked_chooser(&run->chooser, run->options, "--where", run->options->where,
			     where_mode(run, run->options->biflow), error);
}

/* where= of a destination: as sf_exporter_options.conditions. */
static int conditions(void *context, const char *text, bool biflow, struct sf_chooser *chooser,
	struct sf_error *error)
{
	struct sf_run *run = context;

	return sf_asked_chooser(chooser, run->options, NULL, text, where_mode(run, biflow), error);
}

static int open_engine(struct sf_run *run, struct sf_error *error)
{
	const struct sf_engine_options options = {
		.events = { sf_run_on_notice, sf_run_on_counted, on_look, run },
		.hurry = { sf_signal_hurry, NULL },
		.interrupted = interrupted,
		.wake_signal = SF_SIGNAL_WAKE,
		.enricher = run->enrich ? sf_enrich_enricher(run->enrich) : NULL,
		.chooser = run->chooser.choose ? &run->chooser : NULL,
		.conditions = conditions,
		.conditions_context = run,
		.on_file = sf_privileges_on_file(&run->privileges),
		.lookup = sf_privileges_lookup(&run->privileges),
		.helper = sf_privileges_helper(&run->privileges),
	};

	return sf_engine_new(&run->engine, &run->made.plan, &options, error);
}

/* ---------------------------------------------------------------- signals and the loop */

/* Signals become orders to the engine. */
static void obey_signals(void *context)
{
	struct sf_run *run = context;

	if (sf_signal_stop)
		sf_engine_stop(run->engine, sf_signal_name(sf_signal_stop));
	if (sf_signal_hangup && sf_exporter_reloads(sf_engine_exporter(run->engine))) {
		sf_signal_hangup = run->enrich != NULL;
		sf_engine_reload(run->engine);
	}
	if (sf_signal_hangup && run->enrich) {
		sf_signal_hangup = 0;
		sf_progress_clear(&run->progress);
		sf_complain(
			"SIGHUP: reading the files of --enrich and --interface-map again; a new "
			"configuration or other output files take a restart");
		sf_enrich_reload(run->enrich);
	} else if (sf_signal_hangup) {
		sf_progress_clear(&run->progress);
		sf_answer_hangup();
	}
}

static void on_request(void *context, int number)
{
	struct sf_run *run = context;

	if (number == SIGUSR1)
		sf_engine_ask(run->engine);
	else
		sf_engine_announce(run->engine);
}

/* Before any thread is started, so that none receives SIGUSR1 and SIGUSR2. */
static int open_loop(struct sf_run *run, struct sf_error *error)
{
	int err = sf_loop_new(&run->loop);

	if (!err)
		err = sf_loop_add_signal(run->loop, SIGUSR1, on_request, run);
	if (!err)
		err = sf_loop_add_signal(run->loop, SIGUSR2, on_request, run);
	return err ? sf_error_set(error, err, "the event loop: %s", sf_strerror(err)) : 0;
}

/* The next step of the engine does what there is to do. */
static void on_engine(struct sf_watch *watch, unsigned ready)
{
	(void)watch;
	(void)ready;
}

/*
 * The engine and the metrics. Metrics of capture files are served by on_look(), because workers use
 * the exporter at other times.
 */
static int watch(struct sf_run *run, struct sf_error *error)
{
	const struct sf_inbox inbox = { .take = obey_signals, .context = run };
	int err = sf_loop_add_watch(
		run->loop, &run->watch, sf_engine_fd(run->engine), SF_LOOP_READ, on_engine, run);

	sf_loop_set_inbox(run->loop, &inbox);
	if (!err && run->live)
		err = sf_metrics_join(&run->metrics, run->loop);
	return err ? sf_error_set(error, err, "the event loop: %s", sf_strerror(err)) : 0;
}

/* What --metrics asks for, if it was given. */
static int open_metrics(struct sf_run *run, struct sf_error *error)
{
	const struct sf_metrics_owner owner = sf_metrics_of_engine(run->engine);
	int err = sf_metrics_open(&run->metrics, run->options->metrics, &owner, error);

	if (!err)
		sf_tell_metrics(&run->metrics, run->options);
	return err;
}

/* Opens everything, then gives up privileges. */
static int open_run(struct sf_run *run, struct sf_error *error)
{
	char text[sizeof(run->privileges.sandbox.missing) + 64];
	int err = open_loop(run, error);

	if (!err)
		err = sf_privileges_start(
			&run->privileges, &run->made.plan, run->options->metrics != NULL, error);
	if (err)
		return err;
	if (sf_notify_open(&run->notify, error) < 0)
		sf_run_say(run, error->text);
	if (!run->live)
		allow_many_files();
	err = open_enrich(run, error);
	if (!err)
		err = open_where(run, error);
	if (!err)
		err = open_engine(run, error);
	if (!err)
		err = open_metrics(run, error);
	if (!err)
		err = watch(run, error);
	if (!err) {
		keep_readable(run);
		err = sf_privileges_drop(&run->privileges, sf_engine_exporter(run->engine), error);
	}
	if (!err && run->privileges.sandbox.missing[0]) {
		snprintf(text, sizeof(text), "the sandbox is incomplete: %s",
			run->privileges.sandbox.missing);
		sf_run_say(run, text);
	}
	return err;
}

static void close_run(struct sf_run *run)
{
	int monitor = run->privileges.monitor.pid;

	sf_engine_free(run->engine);
	sf_paging_close(&run->paging);
	sf_enrich_free(run->enrich);
	if (run->chooser.free)
		run->chooser.free(run->chooser.context);
	sf_signals_wake(NULL);
	sf_metrics_close(&run->metrics);
	sf_loop_free(run->loop);
	sf_notify_close(&run->notify);
	sf_made_plan_fini(&run->made);
	if (!sf_privileges_stop(&run->privileges))
		sf_complain("the monitor (process %d) does not end: offloads and flags of the "
			    "interfaces are put back when it goes on (kill -CONT %d)",
			monitor, monitor);
}

/* Steps the engine; sleeps until it has work, a signal comes, or a client asks for metrics. */
static void meter(struct sf_run *run)
{
	obey_signals(run); /* one may have come before the loop was watched */
	while (sf_engine_step(run->engine)) {
		int64_t mono = sf_clock_read(CLOCK_MONOTONIC);

		sf_notify_alive(&run->notify, mono);
		if (sf_engine_state(run->engine) == SF_ENGINE_DELIVERING)
			sf_run_tell_waiting(run, mono);
		sf_loop_turn(run->loop, sf_engine_wake_ns(run->engine));
	}
}

static bool any_source_failed(const struct sf_run *run)
{
	struct sf_engine_source source;

	for (unsigned i = 0; sf_engine_source(run->engine, i, &source); i++)
		if (source.failed)
			return true;
	return false;
}

/* The last words. Returns the exit status. */
static int sum_up(struct sf_run *run)
{
	const struct sf_options *options = run->options;
	const struct sf_exporter *exporter = sf_engine_exporter(run->engine);
	int status = any_source_failed(run) ? SF_EXIT_FAILED : SF_EXIT_OK;
	struct sf_loss loss;

	sf_loss_get(run->engine, &loss);
	if (status == SF_EXIT_OK && options->fail_on_loss && sf_loss_any(&loss))
		status = SF_EXIT_LOSS;
	else if (sf_destinations_gone(exporter) || (!run->live && (loss.ring || loss.delivery)) ||
		 sf_destinations_incomplete(exporter))
		status = SF_EXIT_FAILED;
	if (options->stats == SF_STATS_NONE ||
		(options->stats == SF_STATS_DEFAULT && options->quiet))
		sf_run_tell_loss(run, &loss);
	else
		sf_run_print_stats(run);
	return status;
}

/* -o html: the records come to the page while the run goes on. */
static int start_engine(struct sf_run *run, struct sf_error *error)
{
	int err = run->paging.tap ? sf_tap_start(run->paging.tap, error) : 0;

	return err ? err : sf_engine_start(run->engine, error);
}

/* The page, after the last record. An exit status. */
static int write_page(struct sf_run *run)
{
	struct sf_engine_counters counters;
	struct sf_error error = { 0 };

	sf_engine_counters(run->engine, &counters);
	return sf_paging_write(&run->paging, &counters.ledger, stdout, &error)
		       ? sf_exit_error(&error)
		       : SF_EXIT_OK;
}

/* What the run is to do, and its page. */
static int plan_run(struct sf_run *run, struct sf_error *error)
{
	const struct sf_options *options = run->options;
	bool page = options->output == SF_OUTPUT_HTML;
	int err =
		page ? sf_paging_open(&run->paging, options->where, options->local_net, error) : 0;

	return err ? err
		   : sf_made_plan_init(&run->made, options,
			     page ? sf_tap_file(run->paging.tap) : NULL, error);
}

int sf_run(const struct sf_options *options)
{
	struct sf_run run = { .options = options, .notify.fd = -1 };
	int64_t mono = sf_clock_read(CLOCK_MONOTONIC);
	struct sf_error error;
	int status, err = plan_run(&run, &error);

	run.live = options->interfaces.count > 0;
	if (!err)
		err = open_run(&run, &error);
	sf_progress_init(&run.progress, !run.live && !options->quiet,
		sf_output_form(options) != SF_OUTPUT_NONE, mono);
	if (!err) {
		sf_signals_wake(sf_loop_wakeup(run.loop));
		sf_signals_catch();
		err = start_engine(&run, &error);
	}
	if (err) {
		status = sf_exit_error(&error);
	} else {
		sf_run_tell_ready(&run);
		meter(&run);
		sf_progress_clear(&run.progress);
		if (sf_signal_stop && !options->quiet)
			sf_run_tell_where(&run);
		sf_run_tell_remarks(&run);
		sf_finish_commands(
			&run.privileges.spawner, run.live ? (int64_t)options->stop_timeout_ns : 0);
		status = sum_up(&run);
		if (run.paging.page && write_page(&run) && status == SF_EXIT_OK)
			status = SF_EXIT_FAILED;
	}
	close_run(&run);
	return status;
}
