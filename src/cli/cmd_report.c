/* SPDX-License-Identifier: BSD-2-Clause */
/* spanflow report: flows become a page to look at. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sampled.h"
#include "cli/asked.h"
#include "cli/captures.h"
#include "cli/command.h"
#include "collect/gather.h"
#include "metrics/counters.h"
#include "report/page.h"
#include "report/paging.h"
#include "service/signals.h"

#define LOOK_EVERY 1024 /* records, for signals */

struct report {
	const struct sf_options *options;
	struct sf_where *where;
	struct sf_page *page;
	struct sf_collector *collector;
	struct sf_captures captures;
	struct sf_ledger ledger; /* of captures */
	struct sf_sampled sampled;
	uint64_t unmatched; /* flows that do not meet --where */
	unsigned since;     /* records since the last look at signals */
	int failure;
};

static bool is_stopped(void *context)
{
	(void)context;
	sf_answer_hangup();
	return sf_signal_stop;
}

static void take(void *context, const struct sf_collected *record)
{
	struct report *report = context;
	unsigned all = record->flow.directions, directions = all;

	sf_sampled_look(&report->sampled, record);
	if (record->options)
		return;
	if (report->where)
		directions = sf_where_flow(report->where, &record->flow, record);
	report->unmatched += (unsigned)__builtin_popcount(all & ~directions) *
			     sf_ask_flows(&(struct sf_ask_row){ .record = record });
	report->failure = sf_page_add(report->page, record, directions);
	if (report->failure || (++report->since % LOOK_EVERY == 0 && is_stopped(NULL)))
		sf_collector_stop(report->collector);
}

static void problem(void *context, const char *text)
{
	(void)context;
	sf_complain("%s", text);
}

/* ---------------------------------------------------------------- counters */

static int note_all(struct report *report)
{
	struct sf_collector_stats stats;
	char text[SF_SAMPLED_TEXT_MAX];
	int code = 0;

	if (report->where)
		code = sf_page_note(report->page, "unmatched", "flows that do not meet --where",
			report->unmatched);
	if (code == 0 && sf_signal_stop)
		code = sf_page_note(report->page, "stopped",
			"reading was ended by a signal: flows are missing", 1);
	if (code == 0 && sf_sampled_text(&report->sampled, text, sizeof(text)))
		code = sf_page_note(report->page, "sampled", text, 1);
	sf_collector_stats(report->collector, &stats);
	if (code == 0)
		code = sf_page_note_collector(report->page, &stats);
	if (code == 0 && report->ledger.frames)
		code = sf_page_note_ledger(report->page, &report->ledger);
	return code;
}

/* ---------------------------------------------------------------- the file */

/* The page goes to standard output. */
static bool is_printed(const struct sf_options *options)
{
	return !options->page || strcmp(options->page, "-") == 0;
}

static int write_page(struct report *report, struct sf_error *error)
{
	if (is_printed(report->options))
		return sf_page_write(report->page, stdout, error);
	return sf_page_write_file(report->page, report->options->page, error);
}

/* ---------------------------------------------------------------- the run */

/* What reads and what is filled, made from the options. */
static int open_report(struct report *report, struct sf_error *error)
{
	const struct sf_options *options = report->options;
	const struct sf_page_options page = {
		.title = options->title,
		.where = options->where,
		.local = options->local_net,
		.anonymize = options->anonymize,
		.refresh = (unsigned)(options->refresh_ns / SF_NS_PER_S),
		.made_ns = sf_clock_read(CLOCK_REALTIME),
	};
	const struct sf_collector_options collector = { .record = take, .context = report };
	int code = sf_asked_where(&report->where, options, SF_ASK_UNIFLOW, error);

	if (code == 0)
		code = sf_page_new(&report->page, &page, error);
	/* --local-net is the page's own */
	if (code == 0)
		code = sf_captures_open(&report->captures, options, false, error);
	if (code)
		return code;
	sf_page_elements(report->page, &report->captures.elements);
	if (report->where)
		sf_where_elements(report->where, &report->captures.elements);
	return sf_collector_new(&report->collector, &collector, error);
}

static void close_report(struct report *report)
{
	sf_collector_free(report->collector);
	sf_page_free(report->page);
	sf_captures_close(&report->captures);
	sf_where_free(report->where);
}

/* Reads everything and writes a page. An exit status. */
static int make_page(const struct sf_options *options)
{
	struct report report = { .options = options };
	struct sf_gather_options how = {
		.ledger = &report.ledger,
		.sums = true,
		.problem = problem,
		.between = is_stopped,
	};
	struct sf_error error = { 0 };
	int code = open_report(&report, &error);
	bool whole = true, unfinished;
	uint64_t flows;

	/* a page without flows would look like an answer, and replace the one before */
	if (code == 0)
		code = sf_gather_check(options->operands.items, options->operands.count, &error);
	how.metering = sf_captures_metering(&report.captures, options);
	if (code == 0)
		whole = sf_gather(
			report.collector, options->operands.items, options->operands.count, &how);
	if (code == 0 && whole && !sf_signal_stop)
		sf_captures_tell(&report.captures, report.collector, options);
	if (code == 0 && (report.failure || note_all(&report)))
		code = sf_error_set(&error, -ENOMEM, "no memory for the page");
	/* a page that is made anew stays whole */
	unfinished = sf_signal_stop && options->refresh_ns;
	if (code == 0 && !unfinished)
		code = write_page(&report, &error);
	flows = report.page ? sf_page_flows(report.page) : 0;
	if (code == 0 && !unfinished && !options->quiet)
		fprintf(stderr, "%" PRIu64 " flow%s%s%s\n", flows, flows == 1 ? "" : "s",
			is_printed(options) ? "" : " in ",
			is_printed(options) ? "" : options->page);
	close_report(&report);
	if (code)
		return sf_exit_error(&error);
	return whole ? SF_EXIT_OK : SF_EXIT_FAILED;
}

/* Why the options contradict each other, or NULL. */
static const char *contradiction(const struct sf_options *options)
{
	const bool printed = is_printed(options);

	if (sf_page_missing())
		return NULL;
	if (options->operands.count == 0)
		return "report needs files: IPFIX files, captures or directories; - is standard "
		       "input";
	if (printed && isatty(STDOUT_FILENO))
		return "the page is HTML and not for a terminal: name a file with -o report.html";
	if (options->refresh_ns && printed)
		return "--refresh needs a file that can be written again: -o report.html";
	for (unsigned i = 0; options->refresh_ns && i < options->operands.count; i++)
		if (strcmp(options->operands.items[i], "-") == 0)
			return "--refresh reads its files again and again: standard input can be "
			       "read once only";
	return NULL;
}

/* Waits; a signal ends it. */
static void wait_until(int64_t mono)
{
	struct timespec pause = { .tv_nsec = 200000000 };

	while (!sf_signal_stop && sf_clock_read(CLOCK_MONOTONIC) < mono) {
		nanosleep(&pause, NULL);
		sf_answer_hangup();
	}
}

int sf_cmd_report(struct sf_options *options)
{
	const char *wrong = contradiction(options);
	int status;

	if (wrong) {
		sf_complain("%s", wrong);
		return SF_EXIT_USAGE;
	}
	if (options->page && strcmp(options->page, "-") != 0 && !options->force &&
		!sf_page_may_replace(options->page)) {
		sf_complain("%s exists and is no page of spanflow report: --force replaces it",
			options->page);
		return SF_EXIT_FAILED;
	}
	sf_signals_catch();
	do {
		int64_t begun = sf_clock_read(CLOCK_MONOTONIC);

		status = make_page(options);
		if (options->refresh_ns && status != SF_EXIT_USAGE)
			wait_until(begun + options->refresh_ns);
	} while (options->refresh_ns && status != SF_EXIT_USAGE && !sf_signal_stop);
	return status;
}
