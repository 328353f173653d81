/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "metrics/counters.h"
#include "metrics/sums.h"

void sf_sources_sum(const struct sf_engine *engine, struct sf_capture_stats *sum)
{
	struct sf_engine_source source;

	memset(sum, 0, sizeof(*sum));
	for (unsigned i = 0; sf_engine_source(engine, i, &source); i++)
		sf_capture_stats_add(sum, &source.stats);
}

uint64_t sf_destinations_lost(const struct sf_exporter *exporter)
{
	uint64_t sum = 0;
	struct sf_destination_counters counters;
	struct sf_destination_stats stats;

	for (unsigned i = 0; sf_exporter_stats(exporter, i, &stats); i++) {
		sf_destination_counters_get(&counters, &stats);
		sum += counters.lost.records;
	}
	return sum;
}

bool sf_destinations_incomplete(const struct sf_exporter *exporter)
{
	struct sf_destination_stats stats;

	for (unsigned i = 0; sf_exporter_stats(exporter, i, &stats); i++)
		if (stats.incomplete)
			return true;
	return false;
}
