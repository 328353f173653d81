/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parsed packets of several sources in the order of their times, before they reach a table. A source
 * is what delivers its packets about in order: a capture queue, or another worker's ring.
 *
 *	for each source:
 *		sf_order_put(order, source, facts, count);
 *		sf_order_reach(order, source, clock);	all it has before this time has been put
 *	while ((n = sf_order_take(order, facts, max)) > 0)
 *		… account facts …
 *	… age the table to sf_order_horizon(order) …
 *
 * A packet is taken when no source can bring an older one any more, that is when all have reached a
 * later time. Packets of equal time are taken in the order of their sources' numbers, and those of
 * one source as they came. Within a source small disorder is put right too, as long as the source
 * says that it has reached a time only when it is over.
 *
 * The memory for packets that wait is bounded. When sf_order_is_full(), the oldest are to be taken
 * with sf_order_force() before more are put. One thread.
 */
#ifndef SPANFLOW_METER_ORDER_H
#define SPANFLOW_METER_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/facts.h"

struct sf_order;

/* Facts that may be put at once. */
#define SF_ORDER_PART 32

/* Least memory. */
#define SF_ORDER_BYTES_MIN ((size_t)1 << 20)

/*
 * For 1 … SF_WORKERS_MAX sources. `bytes` for packets that wait are reserved, and touched as they are
 * needed. `bare`: the table wants no rarely asked facts. Returns 0 or -ENOMEM.
 */
int sf_order_new(struct sf_order **order, unsigned sources, size_t bytes, bool bare);
void sf_order_free(struct sf_order *order);

/* There may be no room for SF_ORDER_PART more. */
bool sf_order_is_full(const struct sf_order *order);

/* Copies facts of a source, SF_ORDER_PART at most, as they came. Not while it is full. */
void sf_order_put(
	struct sf_order *order, unsigned source, const struct sf_facts *facts, unsigned count);

/* The source has put all it has from before this time, ns since 1970; INT64_MAX: it has ended. */
void sf_order_reach(struct sf_order *order, unsigned source, int64_t clock_ns);

/*
 * Copies the next facts in order, at most `max`; returns their number, 0: none is certain yet. Their
 * clock_ns is the largest time taken so far. What the table does not want is left as it was.
 */
unsigned sf_order_take(struct sf_order *order, struct sf_facts *facts, unsigned max);

/* The same whatever the sources have reached. */
unsigned sf_order_force(struct sf_order *order, struct sf_facts *facts, unsigned max);

/* All from before this time has been taken: so far a table may be aged. INT64_MIN: not known. */
int64_t sf_order_horizon(const struct sf_order *order);

struct sf_order_counts {
	uint64_t waiting;
	uint64_t forced; /* taken before it was certain that nothing older comes */
	uint64_t late;   /* came after a later one had been taken */
};

struct sf_order_counts sf_order_counts(const struct sf_order *order);

#endif
