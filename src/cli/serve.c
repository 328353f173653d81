/* SPDX-License-Identifier: BSD-2-Clause */
/* What the metrics of a metering run show. Thread: the main thread's, which may ask the exporter. */
#include "cli/metrics.h"
#include "engine/run.h"

/* What keeps packets of this source from coming, or NULL. */
static const char *condition(const struct sf_run *run, unsigned input)
{
	struct sf_capture *capture = run->inputs[input].capture;

	if (run->said_failed >> input & 1)
		return capture->error.text;
	return capture->ops->condition ? capture->ops->condition(capture) : NULL;
}

static void write_page(void *context, bool openmetrics, FILE *stream)
{
	const struct sf_run *run = context;
	const struct sf_report report = sf_run_report(run, &run->books);
	struct sf_metric_source sources[SF_INPUTS_MAX] = { 0 };
	const struct sf_metric_set set = {
		.whole.objects[SF_SCOPE_RUN] = &run->books,
		.sources = sources,
		.source_count = run->input_count,
		.exporter = run->exporter,
		.balanced = sf_report_balanced(&report),
	};

	for (unsigned i = 0; i < run->input_count; i++) {
		struct sf_capture *capture = run->inputs[i].capture;

		sources[i].name = run->inputs[i].name;
		sources[i].counters.up = condition(run, i) == NULL;
		capture->ops->stats(capture, &sources[i].counters.stats);
	}
	sf_metrics_write(&set, openmetrics, stream);
}

/* One source that delivers is enough. */
static bool hindered(void *context, char *text, size_t size)
{
	const struct sf_run *run = context;
	const char *why = NULL;

	if (run->ended) {
		snprintf(text, size, "the run is about to end: %s", run->ended);
		return true;
	}
	for (unsigned i = 0; i < run->input_count; i++) {
		why = condition(run, i);
		if (!why)
			return false;
	}
	snprintf(text, size, "%s", why ? why : "there is no source");
	return true;
}

int sf_run_open_metrics(struct sf_run *run, struct sf_error *error)
{
	const struct sf_metrics_owner owner = { write_page, hindered, run };

	run->books.clock = INT64_MIN;
	return sf_metrics_open(
		&run->metrics, run->options->metrics, &owner, run->options->quiet, error);
}
