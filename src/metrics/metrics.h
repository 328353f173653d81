/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --metrics: the counters of a run for Prometheus, by HTTP. /metrics has all of them, as Prometheus
 * text or OpenMetrics; /healthz answers as long as the run looks around; /readyz says whether it
 * does its work.
 */
#ifndef SPANFLOW_METRICS_METRICS_H
#define SPANFLOW_METRICS_METRICS_H

#include <stdbool.h>
#include <stdio.h>

#include <spanflow/engine.h>
#include <spanflow/export.h>

#include "base/loop.h"
#include "metrics/counters.h"
#include "metrics/http.h"

/* A source and what it counted. */
struct sf_metric_source {
	const char *name;
	struct sf_source_counters counters;
};

/* All values at one moment. */
struct sf_metric_set {
	struct sf_counter_set whole; /* those of the whole run */
	const struct sf_metric_source *sources;
	unsigned source_count;
	const struct sf_exporter *exporter; /* has the destinations; NULL: there are none */
	bool balanced;
};

/* A run that has metrics. */
struct sf_metrics_owner {
	/* Writes the values with sf_metrics_write(). */
	void (*write)(void *context, bool openmetrics, FILE *stream);
	/* Says why the run does not do its work, or returns false. */
	bool (*hindered)(void *context, char *text, size_t size);
	void *context;
};

/*
 * engine.c: the owner of a metering run's metrics. Its functions are for the thread that uses the
 * engine's exporter. The engine is lent.
 */
struct sf_metrics_owner sf_metrics_of_engine(struct sf_engine *engine);

struct sf_metrics {
	struct sf_http *http; /* NULL: there are no metrics */
	struct sf_metrics_owner owner;
	struct sf_watch watch;
	struct sf_timer timer; /* for slow clients */
};

/*
 * Listens at `where` (sf_http_open()); NULL: no metrics are wanted. `metrics` stays where
 * it is until sf_metrics_close().
 */
int sf_metrics_open(struct sf_metrics *metrics, const char *where,
	const struct sf_metrics_owner *owner, struct sf_error *error);
/* "http://127.0.0.1:9100", or NULL: there are no metrics. */
const char *sf_metrics_url(const struct sf_metrics *metrics);
void sf_metrics_close(struct sf_metrics *metrics);

/* Serves clients from now on whenever the loop turns; 0 or -errno. Before sf_metrics_close(). */
int sf_metrics_join(struct sf_metrics *metrics, struct sf_loop *loop);

/* Serves clients once; for runs that serve them at certain times only, and do not join a loop. */
void sf_metrics_serve(struct sf_metrics *metrics);

/* Writes all metrics of the set in one of the two text formats. */
void sf_metrics_write(const struct sf_metric_set *set, bool openmetrics, FILE *stream);

#endif
