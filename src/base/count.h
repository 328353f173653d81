/* SPDX-License-Identifier: BSD-2-Clause */
/* Sums of flow records with their packets and octets, of counters, and over destinations. */
#ifndef SPANFLOW_BASE_COUNT_H
#define SPANFLOW_BASE_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/collect.h>
#include <spanflow/export.h>
#include <spanflow/flow.h>

static inline void sf_count_add(
	struct sf_destination_count *sum, const struct sf_destination_count *count)
{
	sum->records += count->records;
	sum->packets += count->packets;
	sum->octets += count->octets;
}

static inline void sf_count_subtract(
	struct sf_destination_count *sum, const struct sf_destination_count *count)
{
	sum->records -= count->records;
	sum->packets -= count->packets;
	sum->octets -= count->octets;
}

/* Adds a flow record, both directions of it. */
static inline void sf_count_add_flow(struct sf_destination_count *sum, const struct sf_flow *flow)
{
	sum->records++;
	sum->packets += sf_flow_packets(flow);
	sum->octets += sf_flow_octets(flow);
}

/* True if there are destinations and the readers of all of them have gone. */
static inline bool sf_destinations_gone(const struct sf_exporter *exporter)
{
	struct sf_destination_stats stats;
	unsigned i = 0;

	for (; sf_exporter_stats(exporter, i, &stats); i++)
		if (!stats.gone)
			return false;
	return i > 0;
}

/* Adds the counters of a collector: base/counters.def has a row for each. */
static inline void sf_collector_stats_add(
	struct sf_collector_stats *sum, const struct sf_collector_stats *stats)
{
#define COLLECTOR(member, merge, ...) sum->member += stats->member;
#include "base/counters.def"
}

#endif
