/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The run of files, and what begins and ends every run. What is done once per round, and not per
 * batch, is in look_around(); a round has ROUND batches, so clocks are read for none of them.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "engine/run.h"

#define ROUND   64 /* batches between two looks around */
#define LOOK_NS INT64_C(100000000)

/*
 * Books of all workers. As long as threads run: of each what it last answered, or at its end if it
 * was done before it was asked. An answer is used even if the worker is done by now: since then it
 * may have taken records out of the tables of others, whose answers are older.
 */
void sf_run_books(const struct sf_run *run, struct sf_books *sum)
{
	memset(sum, 0, sizeof(*sum));
	sum->clock = INT64_MIN;
	sum->ledger.unsupported_link = UINT32_MAX;
	for (unsigned i = 0; i < run->worker_count; i++) {
		const struct sf_worker *worker = &run->workers[i];
		struct sf_books books;

		/*
		 * pairs with the release in sf_worker_answer(); done was seen in books_answered()
		 */
		if (worker->has_thread && atomic_load_explicit(&worker->answered,
						  memory_order_acquire) == run->question)
			books = worker->books;
		else
			sf_worker_books(worker, &books);
		sf_books_add(sum, &books);
	}
}

/* True: the run is to end. */
bool sf_run_must_end(struct sf_run *run, int64_t mono)
{
	if (sf_signal_stop)
		run->ended = sf_signal_name(sf_signal_stop);
	else if (mono >= run->deadline)
		run->ended = "duration";
	return run->ended != NULL;
}

/* Nobody is left to take records: a reader who has gone does not come back. */
static bool in_vain(const struct sf_run *run)
{
	struct sf_destination_stats stats;
	unsigned i = 0;

	for (; sf_exporter_stats(run->exporter, i, &stats); i++)
		if (!stats.gone)
			return false;
	return i > 0;
}

void sf_run_tick(struct sf_run *run, int64_t clock)
{
	int64_t wall = sf_clock_read(CLOCK_REALTIME);
	bool by_wall = run->live || run->options->realtime;

	if (clock != INT64_MIN && !run->live)
		sf_exporter_tick(run->exporter, wall, clock);
	else if (by_wall)
		sf_exporter_tick(run->exporter, wall, wall);
}

/* Said once. */
static void notice_monitor(struct sf_run *run)
{
	if (!run->sandbox.helped || !sf_monitor_ended(&run->monitor))
		return;
	run->sandbox.helped = false;
	sf_progress_clear(&run->progress);
	sf_complain("the monitor (process %d) has ended: metering goes on, but an interface that "
		    "goes away cannot be opened again, and what was changed at interfaces "
		    "(ethtool -k, ip link) stays changed",
		(int)run->monitor.pid);
}

void sf_run_watch(struct sf_run *run, const struct sf_books *books, int64_t mono)
{
	struct sf_report report = sf_run_report(run, books);
	struct sf_capture_stats capture;

	run->books = *books;
	sf_report_capture(&report, &capture);
	sf_exporter_metering(
		run->exporter, &books->ledger, capture.dropped_kernel + capture.dropped_nic);
	sf_run_notice(run, books);
	sf_run_learn_own(run);
	notice_monitor(run);
	sf_run_tell_status(run, &books->ledger, &capture, mono);
	sf_run_tell_losses(run, &report, mono);
	if (sf_progress_due(&run->progress, mono))
		sf_progress_show(&run->progress, mono, &books->ledger, &capture);
	if (!run->ended && in_vain(run))
		run->ended = "closed";
}

static void look_around(struct sf_run *run)
{
	int64_t mono = sf_clock_read(CLOCK_MONOTONIC);
	struct sf_books books;

	sf_notify_alive(&run->notify, mono);
	if (sf_run_must_end(run, mono))
		return;
	if (mono < run->next_look && !sf_signal_stats)
		return;
	run->next_look = mono + LOOK_NS;
	if (sf_signal_announce) {
		sf_signal_announce = 0;
		sf_exporter_announce(run->exporter);
	}
	sf_run_answer(run);
	sf_run_books(run, &books);
	sf_run_tick(run, books.clock);
	sf_run_watch(run, &books, mono);
	sf_metrics_serve(&run->metrics);
	if (sf_signal_stats) {
		sf_signal_stats = 0;
		sf_progress_clear(&run->progress);
		sf_run_print_stats(run, &books);
	}
}

/* One input, one thread. */
static void run_files(struct sf_run *run)
{
	struct sf_worker *worker = &run->workers[0];

	while (!run->ended) {
		unsigned batches = 0;

		while (sf_worker_step(worker) == SF_WORKER_RUNNING && ++batches < ROUND)
			;
		if (sf_worker_ended(worker))
			break;
		sf_run_tick(run, worker->timing.clock.now);
		look_around(run);
	}
	sf_worker_finish(worker);
}

static const char *state_name(enum sf_worker_state state)
{
	return state == SF_WORKER_EOF      ? "eof"
	       : state == SF_WORKER_LIMIT  ? "limit"
	       : state == SF_WORKER_FAILED ? "error"
					   : "stopped";
}

/* The last words and the exit status; `status`: without what was lost. */
static int sum_up(struct sf_run *run, const struct sf_report *report, int status)
{
	const struct sf_options *options = run->options;
	struct sf_loss loss;

	sf_loss_get(report, &loss);
	if (status == SF_EXIT_OK && options->fail_on_loss && sf_loss_any(&loss))
		status = SF_EXIT_LOSS;
	else if (in_vain(run) || (!run->live && sf_report_lost(report)) ||
		 sf_report_incomplete(report))
		status = SF_EXIT_FAILED;
	if (options->stats == SF_STATS_NONE ||
		(options->stats == SF_STATS_DEFAULT && options->quiet))
		sf_run_tell_loss(run, &loss);
	else
		sf_run_print_stats(run, &report->books);
	return status;
}

static int finish(struct sf_run *run)
{
	struct sf_capture_stats capture;
	struct sf_books books;
	struct sf_report report;
	int status = SF_EXIT_OK;

	sf_notify_send(&run->notify, "STOPPING=1\nSTATUS=sending the last records");
	sf_run_books(run, &books);
	run->books = books;
	report = sf_run_report(run, &books);
	sf_report_capture(&report, &capture);
	sf_run_tick(run, books.clock);
	sf_exporter_metering(
		run->exporter, &books.ledger, capture.dropped_kernel + capture.dropped_nic);
	if (run->live)
		sf_run_deliver_rest(run, &books);
	sf_exporter_finish(run->exporter);
	sf_progress_clear(&run->progress);
	sf_run_notice(run, &books);
	for (unsigned i = 0; i < run->worker_count; i++) {
		const struct sf_worker *worker = &run->workers[i];
		const char *warning = worker->filter ? sf_filter_warning(worker->filter) : NULL;

		if (warning && i == 0)
			sf_run_say(run, warning);
		if (worker->state != SF_WORKER_FAILED)
			continue;
		status = SF_EXIT_FAILED;
		if (!run->threads)
			sf_complain("%s", worker->capture->error.text);
	}
	if (!run->ended)
		run->ended = state_name(run->workers[0].state);
	else if (sf_signal_stop && !run->options->quiet)
		sf_run_tell_where(run, &books);
	report.ended = run->ended;
	sf_run_tell_remarks(run);
	return sum_up(run, &report, status);
}

int sf_run(const struct sf_options *options)
{
	struct sf_run *run = aligned_alloc(SF_CACHE_LINE, sizeof(*run));
	int64_t mono = sf_clock_read(CLOCK_MONOTONIC);
	struct sf_error error = { -ENOMEM, "out of memory" };
	int err, status;

	if (!run)
		return sf_exit_error(&error);
	err = sf_run_init(run, options, &error);
	if (!err)
		err = sf_run_confine(run, &error);
	run->deadline = run->live && options->duration_ns ? mono + options->duration_ns : INT64_MAX;
	sf_progress_init(&run->progress, !run->live && !options->quiet,
		sf_output_form(options) != SF_OUTPUT_NONE, mono);
	if (!err) {
		sf_signals_wake(&run->wakeup);
		sf_signals_catch();
		sf_run_tell_sources(run);
		sf_run_tell_ready(run);
		if (run->threads)
			err = sf_run_threads(run, &error);
		else
			run_files(run);
	}
	status = err ? sf_exit_error(&error) : finish(run);
	sf_run_fini(run);
	free(run);
	return status;
}
