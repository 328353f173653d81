/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sums over the sources and the destinations of a run.
 *
 *	sf_sources_sum(engine, &sum);
 *	lost = sf_destinations_lost(sf_engine_exporter(engine));
 */
#ifndef SPANFLOW_METRICS_SUMS_H
#define SPANFLOW_METRICS_SUMS_H

#include <spanflow/engine.h>
#include <spanflow/export.h>

/* What all sources have counted. */
void sf_sources_sum(const struct sf_engine *engine, struct sf_capture_stats *sum);

/* Records lost at destinations, for any reason. */
uint64_t sf_destinations_lost(const struct sf_exporter *exporter);

/* True if an output file or the printed output is incomplete, even if no record is missing. */
bool sf_destinations_incomplete(const struct sf_exporter *exporter);

#endif
