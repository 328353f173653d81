/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of a run on standard error. */
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/signals.h"
#include "engine/run.h"

#define NEWS_NS    (10 * SF_NS_PER_S)
#define NEWS_BURST 8

void sf_run_say(const struct sf_run *run, const char *text)
{
	if (!run->options->quiet)
		sf_complain("%s", text);
}

static void tell_metering(const struct sf_run *run, struct sf_input *input)
{
	const struct sf_capture_ops *ops = input->capture->ops;
	char text[320] = "";

	if (ops->describe)
		ops->describe(input->capture, text, sizeof(text));
	/* --quiet too, after it was said that there is nothing to meter yet */
	if (!run->options->quiet || input->condition)
		sf_complain("metering %s%s%s", input->name, *text ? ": " : "", text);
	input->told = true;
}

void sf_run_tell_sources(struct sf_run *run)
{
	for (unsigned i = 0; run->live && i < run->input_count; i++) {
		struct sf_input *input = &run->inputs[i];
		const struct sf_capture_ops *ops = input->capture->ops;
		const char *now = ops->condition ? ops->condition(input->capture) : NULL;

		/* --quiet too: nothing is metered meanwhile */
		if (now && now != input->condition)
			sf_complain("%s", now);
		else if (!now && !input->told)
			tell_metering(run, input);
		else if (!now && input->condition)
			sf_complain("%s: packets can come again", input->name);
		input->condition = now;
	}
}

/* The sources by name, or how many files; `text` has `size` bytes. */
static void name_sources(const struct sf_run *run, char *text, size_t size)
{
	size_t used = 0;

	if (!run->live)
		snprintf(text, size, "files");
	for (unsigned i = 0; run->live && i < run->input_count && used < size; i++)
		used += (size_t)snprintf(
			text + used, size - used, "%s%s", i ? ", " : "", run->inputs[i].name);
}

void sf_run_tell_ready(struct sf_run *run)
{
	char names[256] = "", lines[sizeof(names) + 64];

	name_sources(run, names, sizeof(names));
	snprintf(lines, sizeof(lines), "READY=1\nSTATUS=metering %s", names);
	sf_notify_send(&run->notify, lines);
}

void sf_run_tell_status(struct sf_run *run, const struct sf_ledger *ledger,
	const struct sf_capture_stats *capture, int64_t mono)
{
	char names[256] = "", lines[2 * sizeof(names)];

	if (!sf_notify_status_due(&run->notify, mono))
		return;
	name_sources(run, names, sizeof(names));
	snprintf(lines, sizeof(lines),
		"STATUS=metering %s: %" PRIu64 " packets seen, %" PRIu64
		" dropped before that, %" PRIu64 " flows in the table",
		names, ledger->frames, capture->dropped_kernel + capture->dropped_nic,
		ledger->flows_active);
	for (unsigned i = 0; i < run->input_count; i++)
		if (run->inputs[i].condition)
			snprintf(lines, sizeof(lines), "STATUS=%s", run->inputs[i].condition);
	sf_notify_send(&run->notify, lines);
}

struct sf_report sf_run_report(const struct sf_run *run, const struct sf_books *books)
{
	return (struct sf_report){
		.books = *books,
		.inputs = run->inputs,
		.input_count = run->input_count,
		.exporter = run->exporter,
		.sandbox = run->sandbox.wanted ? &run->sandbox : NULL,
		.ended = run->ended,
	};
}

void sf_run_print_stats(const struct sf_run *run, const struct sf_books *books)
{
	struct sf_report report = sf_run_report(run, books);

	if (run->options->stats == SF_STATS_JSON)
		sf_report_json(&report, stderr);
	else
		sf_report_text(&report, stderr);
}

void sf_run_answer(struct sf_run *run)
{
	char text[600];

	if (sf_signal_hangup && run->enrich) {
		sf_signal_hangup = 0;
		sf_progress_clear(&run->progress);
		sf_complain("SIGHUP: reading the files of --enrich again; a new configuration or "
			    "new output files take a restart");
		sf_enrich_reload(run->enrich);
	} else if (sf_signal_hangup) {
		sf_progress_clear(&run->progress);
		sf_signals_answer();
	}
	while (run->enrich && sf_enrich_look(run->enrich, text, sizeof(text))) {
		sf_progress_clear(&run->progress);
		sf_complain("%s", text);
	}
}

/* True if standard output is a pipe whose reader has gone. */
static bool output_closed(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO };

	return poll(&out, 1, 0) == 1 && out.revents & POLLERR;
}

/* A collector may come and go: NEWS_BURST lines about it, then one in NEWS_NS, the last one. */
static bool may_tell_news(struct sf_run *run, unsigned index, int64_t mono)
{
	int64_t *free_ns = &run->told[index].news_ns;

	if (*free_ns < mono - NEWS_BURST * NEWS_NS)
		*free_ns = mono - NEWS_BURST * NEWS_NS;
	if (*free_ns > mono && !run->ended)
		return false;
	*free_ns += NEWS_NS;
	return true;
}

/* The first loss, and news about who can be reached. */
static void tell_destination(
	struct sf_run *run, unsigned index, const struct sf_destination_stats *stats)
{
	int64_t mono = sf_clock_read(CLOCK_MONOTONIC);
	const char *text = NULL;

	if (stats->news_count != run->told[index].news) {
		if (!may_tell_news(run, index, mono))
			return;
		text = stats->news;
		run->told[index].news = stats->news_count;
	} else if (stats->failure[0] && !run->told[index].failure) {
		/* that the reader of standard output has gone, such as head(1), needs no message */
		if (strcmp(stats->kind, "text") != 0 || stats->error != -EPIPE)
			text = stats->failure;
	}
	run->told[index].failure |= stats->failure[0] != 0;
	if (!text)
		return;
	sf_progress_clear(&run->progress);
	sf_complain("%s", text);
}

/* Losses at destinations, news about them, and unknown link types: said once, when first seen. */
void sf_run_notice(struct sf_run *run, const struct sf_books *books)
{
	const struct sf_ledger *ledger = &books->ledger;
	struct sf_destination_stats stats;

	if (ledger->unsupported_link != UINT32_MAX && ledger->unsupported_link != run->said_link) {
		run->said_link = ledger->unsupported_link;
		sf_progress_clear(&run->progress);
		sf_complain("link type %" PRIu32 " is not supported: its frames are left out and "
			    "counted as unsupportedLinkType",
			ledger->unsupported_link);
	}
	for (unsigned i = 0;
		i < SF_DESTINATIONS_TOLD && sf_exporter_stats(run->exporter, i, &stats); i++)
		tell_destination(run, i, &stats);
}

void sf_run_tell_remarks(const struct sf_run *run)
{
	for (unsigned i = 0; i < run->input_count; i++) {
		struct sf_capture *capture = run->inputs[i].capture;
		char text[600];

		for (unsigned k = 0; capture->ops->remark &&
				     capture->ops->remark(capture, k, text, sizeof(text));
			k++)
			sf_run_say(run, text);
	}
}

void sf_run_tell_losses(struct sf_run *run, const struct sf_report *report, int64_t mono)
{
	char text[1024];

	if (!run->live || !sf_loss_news(&run->losses, report, mono, text, sizeof(text)))
		return;
	sf_progress_clear(&run->progress);
	sf_complain("%s", text);
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

/* Says where a run was stopped that had not come to its end. */
void sf_run_tell_where(const struct sf_run *run, const struct sf_books *books)
{
	struct sf_report report = sf_run_report(run, books);
	struct sf_capture_stats capture;
	char when[64] = "", share[64] = "";
	time_t seconds = (time_t)(books->clock / SF_NS_PER_S);
	struct tm tm;

	sf_report_capture(&report, &capture);
	if (books->clock != INT64_MIN && gmtime_r(&seconds, &tm))
		strftime(when, sizeof(when), ", at packet time %Y-%m-%dT%H:%M:%SZ", &tm);
	if (!run->live && capture.bytes_total)
		snprintf(share, sizeof(share), ", %.1f %% of the input",
			100.0 * (double)capture.bytes_read / (double)capture.bytes_total);
	sf_complain("stopped by %s after %" PRIu64 " frame%s%s%s", run->ended, books->frames,
		books->frames == 1 ? "" : "s", when, share);
}
