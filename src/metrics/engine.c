/* SPDX-License-Identifier: BSD-2-Clause */
/* The metrics of a metering run. */
#include <stdlib.h>

#include "metrics/metrics.h"

static unsigned count_sources(const struct sf_engine *engine)
{
	struct sf_engine_source source;
	unsigned count = 0;

	while (sf_engine_source(engine, count, &source))
		count++;
	return count;
}

static void write_engine(void *context, bool openmetrics, FILE *stream)
{
	const struct sf_engine *engine = context;
	unsigned count = count_sources(engine);
	struct sf_metric_source *sources = calloc(count, sizeof(*sources));
	struct sf_engine_counters counters;
	const struct sf_metric_set set = {
		.whole.objects[SF_SCOPE_RUN] = &counters,
		.sources = sources,
		.source_count = sources ? count : 0,
		.exporter = sf_engine_exporter(engine),
		.balanced = sf_engine_balanced(engine),
	};

	sf_engine_counters(engine, &counters);
	for (unsigned i = 0; i < set.source_count; i++) {
		struct sf_engine_source source;

		sf_engine_source(engine, i, &source);
		sources[i].name = source.name;
		sources[i].counters.up = source.condition == NULL;
		sources[i].counters.stats = source.stats;
	}
	sf_metrics_write(&set, openmetrics, stream);
	free(sources);
}

/* One source that delivers is enough. */
static bool is_hindered(void *context, char *text, size_t size)
{
	const struct sf_engine *engine = context;
	const char *ended = sf_engine_ended(engine);
	struct sf_engine_source source = { .condition = "there is no source" };

	if (ended) {
		snprintf(text, size, "the run is about to end: %s", ended);
		return true;
	}
	for (unsigned i = 0; sf_engine_source(engine, i, &source); i++)
		if (!source.condition)
			return false;
	snprintf(text, size, "%s", source.condition);
	return true;
}

struct sf_metrics_owner sf_metrics_of_engine(struct sf_engine *engine)
{
	return (struct sf_metrics_owner){ write_engine, is_hindered, engine };
}
