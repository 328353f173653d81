/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of a run on standard error, and to the service manager. */
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/run.h"
#include "metrics/sums.h"

#define WAITING_NS SF_NS_PER_S /* a wait at the end that is worth words */

void sf_run_say(const struct sf_run *run, const char *text)
{
	if (!run->options->quiet)
		sf_complain("%s", text);
}

void sf_run_on_notice(void *context, enum sf_notice notice, const char *text)
{
	struct sf_run *run = context;
	bool fault = notice != SF_NOTICE_WARNING && notice != SF_NOTICE_WAITING &&
		     notice != SF_NOTICE_METERING;

	if (notice == SF_NOTICE_ENDING) {
		sf_notify_send(&run->notify, "STOPPING=1\nSTATUS=sending the last records");
	} else if (fault || !run->options->quiet) {
		sf_progress_clear(&run->progress);
		sf_complain("%s", text);
	}
}

/* The sources by name, or how many files; `text` has `size` bytes. */
static void name_sources(const struct sf_run *run, char *text, size_t size)
{
	const struct sf_plan *plan = &run->made.plan;
	size_t used = 0;

	if (!run->live)
		snprintf(text, size, "files");
	for (unsigned i = 0; run->live && i < plan->source_count && used < size; i++)
		used += (size_t)snprintf(
			text + used, size - used, "%s%s", i ? ", " : "", plan->sources[i].text);
}

void sf_run_tell_ready(struct sf_run *run)
{
	char names[256] = "", lines[sizeof(names) + 64];

	name_sources(run, names, sizeof(names));
	snprintf(lines, sizeof(lines), "READY=1\nSTATUS=metering %s", names);
	sf_notify_send(&run->notify, lines);
}

static void tell_status(struct sf_run *run, const struct sf_ledger *ledger,
	const struct sf_capture_stats *capture, int64_t mono)
{
	char names[256] = "", lines[2 * sizeof(names)];
	struct sf_engine_source source;

	if (!sf_notify_status_due(&run->notify, mono))
		return;
	name_sources(run, names, sizeof(names));
	snprintf(lines, sizeof(lines),
		"STATUS=metering %s: %" PRIu64 " packets seen, %" PRIu64
		" dropped before that, %" PRIu64 " flows in the table",
		names, ledger->frames, capture->dropped_kernel + capture->dropped_nic,
		ledger->flows_active);
	for (unsigned i = 0; sf_engine_source(run->engine, i, &source); i++)
		if (source.condition)
			snprintf(lines, sizeof(lines), "STATUS=%s", source.condition);
	sf_notify_send(&run->notify, lines);
}

/* Said once. */
static void tell_monitor(struct sf_run *run)
{
	if (!sf_privileges_lost_monitor(&run->privileges))
		return;
	sf_progress_clear(&run->progress);
	sf_complain("the monitor (process %d) has ended: metering goes on, but an interface that "
		    "goes away cannot be opened again, and what was changed at interfaces "
		    "(ethtool -k, ip link) stays changed",
		(int)run->privileges.monitor.pid);
}

/* What a live run has lost since the last time, at most once a minute; also with --quiet. */
static void tell_losses(struct sf_run *run, int64_t mono)
{
	char text[1024];

	if (!run->live || !sf_loss_news(&run->losses, run->engine, mono, text, sizeof(text)))
		return;
	sf_progress_clear(&run->progress);
	sf_complain("%s", text);
}

void sf_run_on_counted(void *context, const struct sf_engine_counters *counters, bool asked)
{
	struct sf_run *run = context;
	int64_t mono = sf_clock_read(CLOCK_MONOTONIC);
	struct sf_report report = sf_run_report(run);
	struct sf_capture_stats capture;

	sf_sources_sum(run->engine, &capture);
	tell_monitor(run);
	tell_status(run, &counters->ledger, &capture, mono);
	if (!report.ended)
		tell_losses(run, mono);
	if (!report.ended && sf_progress_due(&run->progress, mono))
		sf_progress_show(&run->progress, mono, &counters->ledger, &capture);
	if (asked) {
		sf_progress_clear(&run->progress);
		sf_run_print_stats(run);
	}
}

void sf_run_tell_enrich(struct sf_run *run)
{
	char text[600];

	while (run->enrich && sf_enrich_look(run->enrich, text, sizeof(text))) {
		sf_progress_clear(&run->progress);
		sf_complain("%s", text);
	}
}

static uint64_t waiting_records(const struct sf_run *run)
{
	const struct sf_exporter *exporter = sf_engine_exporter(run->engine);
	struct sf_destination_stats stats;
	struct sf_destination_count waiting;
	uint64_t sum = 0;

	for (unsigned i = 0; sf_exporter_stats(exporter, i, &stats); i++)
		if (!stats.gone && sf_destination_waiting(&stats, &waiting))
			sum += waiting.records;
	return sum;
}

void sf_run_tell_waiting(struct sf_run *run, int64_t mono)
{
	if (!run->delivering_since)
		run->delivering_since = mono;
	if (run->options->quiet || run->waiting_told || mono - run->delivering_since < WAITING_NS)
		return;
	sf_complain("%" PRIu64 " records still wait for destinations, for %" PRIu64
		    " s at most (--stop-timeout); another signal ends this",
		waiting_records(run), (uint64_t)run->options->stop_timeout_ns / SF_NS_PER_S);
	run->waiting_told = true;
}

struct sf_report sf_run_report(const struct sf_run *run)
{
	struct sf_report report = {
		.engine = run->engine,
		.exporter = sf_engine_exporter(run->engine),
		.sandbox = run->privileges.sandbox.wanted ? &run->privileges.sandbox : NULL,
		.spawner = run->privileges.spawner.shared ? &run->privileges.spawner : NULL,
		.ended = sf_engine_ended(run->engine),
	};

	sf_engine_counters(run->engine, &report.counters);
	return report;
}

void sf_run_print_stats(const struct sf_run *run)
{
	struct sf_report report = sf_run_report(run);

	if (run->options->stats == SF_STATS_JSON)
		sf_report_json(&report, stderr);
	else
		sf_report_text(&report, stderr);
}

/* True if standard output is a pipe whose reader has gone. */
static bool output_closed(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO };

	return poll(&out, 1, 0) == 1 && out.revents & POLLERR;
}

void sf_run_tell_remarks(const struct sf_run *run)
{
	char text[600];

	for (unsigned i = 0; i < run->made.plan.source_count; i++)
		for (unsigned k = 0; sf_engine_remark(run->engine, i, k, text, sizeof(text)); k++)
			sf_run_say(run, text);
}

void sf_run_tell_loss(const struct sf_run *run, const struct sf_loss *loss)
{
	struct sf_loss told = *loss;
	char text[1024];

	/* that the reader of standard output has gone, such as head(1), needs no message */
	if (output_closed())
		told.delivery = 0;
	if (!run->live)
		return;
	sf_loss_text(&told, text, sizeof(text));
	if (*text)
		sf_complain("%s", text);
}

void sf_run_tell_where(const struct sf_run *run)
{
	struct sf_report report = sf_run_report(run);
	const struct sf_engine_counters *counters = &report.counters;
	struct sf_capture_stats capture;
	char when[64] = "", share[64] = "";
	time_t seconds = (time_t)(counters->clock / SF_NS_PER_S);
	struct tm tm;

	sf_sources_sum(run->engine, &capture);
	if (counters->clock != INT64_MIN && gmtime_r(&seconds, &tm))
		strftime(when, sizeof(when), ", at packet time %Y-%m-%dT%H:%M:%SZ", &tm);
	if (!run->live && capture.bytes_total)
		snprintf(share, sizeof(share), ", %.1f %% of the input",
			100.0 * (double)capture.bytes_read / (double)capture.bytes_total);
	sf_complain("stopped by %s after %" PRIu64 " frame%s%s%s", report.ended, counters->frames,
		counters->frames == 1 ? "" : "s", when, share);
}
