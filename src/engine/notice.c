/* SPDX-License-Identifier: BSD-2-Clause */
/* What an engine has to tell a person: each change once, when it is first seen. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "engine/engine.h"

/* A collector may come and go: NEWS_BURST lines about it, then one in NEWS_NS, the last one. */
#define NEWS_NS    (10 * SF_NS_PER_S)
#define NEWS_BURST 8

void sf_engine_notice(struct sf_engine *engine, enum sf_notice notice, const char *format, ...)
{
	const struct sf_engine_events *events = &engine->options.events;
	char text[1024];
	va_list arguments;

	if (!events->notice)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	events->notice(events->context, notice, text);
}

static void notice_metering(struct sf_engine *engine, struct sf_input *input)
{
	const struct sf_capture_ops *ops = input->capture->ops;
	char text[320] = "";

	if (ops->describe)
		ops->describe(input->capture, text, sizeof(text));
	sf_engine_notice(engine, input->condition ? SF_NOTICE_RESUMED : SF_NOTICE_METERING,
		"metering %s%s%s", input->source->text, *text ? ": " : "", text);
	input->told = true;
}

void sf_notice_sources(struct sf_engine *engine)
{
	for (unsigned i = 0; engine->live && i < engine->input_count; i++) {
		struct sf_input *input = &engine->inputs[i];
		const struct sf_capture_ops *ops = input->capture->ops;
		const char *now = ops->condition ? ops->condition(input->capture) : NULL;

		if (now && now != input->condition)
			sf_engine_notice(engine, SF_NOTICE_BLOCKED, "%s", now);
		else if (!now && !input->told)
			notice_metering(engine, input);
		else if (!now && input->condition)
			sf_engine_notice(engine, SF_NOTICE_RESUMED, "%s: packets can come again",
				input->source->text);
		input->condition = now;
	}
}

void sf_notice_failures(struct sf_engine *engine)
{
	for (unsigned i = 0; i < engine->worker_count; i++) {
		struct sf_worker *worker = &engine->workers[i];
		struct sf_input *input = worker->options.input;

		if (input->failed ||
			(engine->threads &&
				!atomic_load_explicit(&worker->done, memory_order_acquire)) ||
			worker->state != SF_WORKER_FAILED)
			continue;
		sf_engine_notice(engine, SF_NOTICE_FAILED, "%s", worker->capture->error.text);
		input->failed = true;
	}
}

void sf_notice_steps(struct sf_engine *engine)
{
	for (unsigned i = 0; i < engine->input_count; i++) {
		struct sf_input *input = &engine->inputs[i];
		const struct sf_period *first;

		if (input->told_step || !sf_timeline_steps(&input->timeline))
			continue;
		input->told_step = true;
		first = sf_timeline_first(&input->timeline);
		sf_engine_notice(engine, SF_NOTICE_WARNING,
			"%s: the time of the packets goes back by %.0f s, and stays there: the "
			"flows of before end, and metering goes on (counted as clockSetBack)",
			input->source->text,
			(double)(first->last_ns - (first->begin_ns - first->offset)) / 1e9);
	}
}

static bool may_tell_news(struct sf_engine *engine, struct sf_told *told, int64_t mono)
{
	if (told->news_ns < mono - NEWS_BURST * NEWS_NS)
		told->news_ns = mono - NEWS_BURST * NEWS_NS;
	if (told->news_ns > mono && !engine->ended)
		return false;
	told->news_ns += NEWS_NS;
	return true;
}

/* The first loss, and news about who can be reached. */
static void notice_destination(
	struct sf_engine *engine, struct sf_told *told, const struct sf_destination_stats *stats)
{
	if (stats->news_count != told->news) {
		if (!may_tell_news(engine, told, sf_clock_read(CLOCK_MONOTONIC)))
			return;
		told->news = stats->news_count;
		sf_engine_notice(engine, SF_NOTICE_DESTINATION, "%s", stats->news);
		/* the news may be the failure, with what follows from it */
		told->failure |= stats->failure[0] && strstr(stats->news, stats->failure);
	}
	if (!stats->failure[0] || told->failure)
		return;
	told->failure = true;
	/* that the reader of standard output has gone, such as head(1), needs no message */
	if (strcmp(stats->kind, "text") != 0 || stats->error != -EPIPE)
		sf_engine_notice(engine, SF_NOTICE_DESTINATION, "%s", stats->failure);
}

void sf_notice_destinations(struct sf_engine *engine, const struct sf_ledger *ledger)
{
	struct sf_destination_stats stats;

	if (ledger->unsupported_link != UINT32_MAX &&
		ledger->unsupported_link != engine->told_link) {
		engine->told_link = ledger->unsupported_link;
		sf_engine_notice(engine, SF_NOTICE_LINK_TYPE,
			"link type %" PRIu32 " is not supported: its frames are left out and "
			"counted as unsupportedLinkType",
			ledger->unsupported_link);
	}
	for (unsigned i = 0;
		i < SF_DESTINATIONS_TOLD && sf_exporter_stats(engine->exporter, i, &stats); i++)
		notice_destination(engine, &engine->told[i], &stats);
}

void sf_engine_order_exporter(struct sf_engine *engine)
{
	struct sf_error error;

	if (engine->announce) {
		engine->announce = false;
		sf_exporter_announce(engine->exporter);
	}
	if (!engine->reload)
		return;
	engine->reload = false;
	if (sf_exporter_reload(engine->exporter, &error) < 0)
		sf_engine_notice(engine, SF_NOTICE_WARNING,
			"certificates and keys stay as they are: %s", error.text);
	else
		sf_engine_notice(engine, SF_NOTICE_WARNING, "%s",
			sf_exporter_reads(engine->exporter, 0)
				? "certificates and keys were read again"
				: "output files are begun anew");
}
