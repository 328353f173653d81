/* SPDX-License-Identifier: BSD-2-Clause */
/* The values in the metrics of a metering run. Thread: the main one, which uses the exporter. */
#include <stdlib.h>

#include "cli/command.h"
#include "cli/run.h"
#include "metrics/metrics.h"

static void write_page(void *context, bool openmetrics, FILE *stream)
{
	const struct sf_run *run = context;
	const struct sf_report report = sf_run_report(run);
	unsigned count = run->made.plan.source_count;
	struct sf_metric_source *sources = calloc(count, sizeof(*sources));
	const struct sf_metric_set set = {
		.whole.objects[SF_SCOPE_RUN] = &report.counters,
		.sources = sources,
		.source_count = sources ? count : 0,
		.exporter = report.exporter,
		.balanced = sf_engine_balanced(run->engine),
	};

	for (unsigned i = 0; i < set.source_count; i++) {
		struct sf_engine_source source;

		sf_engine_source(run->engine, i, &source);
		sources[i].name = source.name;
		sources[i].counters.up = source.condition == NULL;
		sources[i].counters.stats = source.stats;
	}
	sf_metrics_write(&set, openmetrics, stream);
	free(sources);
}

/* One source that delivers is enough. */
static bool hindered(void *context, char *text, size_t size)
{
	const struct sf_run *run = context;
	const char *ended = sf_engine_ended(run->engine);
	struct sf_engine_source source = { .condition = "there is no source" };

	if (ended) {
		snprintf(text, size, "the run is about to end: %s", ended);
		return true;
	}
	for (unsigned i = 0; sf_engine_source(run->engine, i, &source); i++)
		if (!source.condition)
			return false;
	snprintf(text, size, "%s", source.condition);
	return true;
}

int sf_run_open_metrics(struct sf_run *run, struct sf_error *error)
{
	const struct sf_metrics_owner owner = { write_page, hindered, run };
	int err = sf_metrics_open(&run->metrics, run->options->metrics, &owner, error);

	if (!err)
		sf_tell_metrics(&run->metrics, run->options);
	return err;
}
