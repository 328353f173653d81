/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts parsed packets of several sources in the order of their times, before they reach a table. A
 * source delivers its packets nearly in order: a capture queue, or the ring of another worker.
 *
 *	for each source:
 *		sf_order_put(order, source, facts, count);
 *		sf_order_reach(order, source, clock);	all its packets before `clock` were put
 *	while ((n = sf_order_take(order, facts, max)) > 0)
 *		… account facts …
 *	… age the table to sf_order_horizon(order) …
 *
 * A packet is taken when no source can deliver an earlier one: when all sources have reached a
 * later time. Packets of equal time are taken in the order of their sources' numbers; those of one
 * source in the order they were put. Disorder within a source is corrected too, if the source
 * reports a time as reached only when no earlier packet follows.
 *
 * The memory for waiting packets is bounded. When sf_order_is_full() is true, the caller must take
 * the earliest with sf_order_force() before it puts more. For one thread.
 */
#ifndef SPANFLOW_ENGINE_ORDER_H
#define SPANFLOW_ENGINE_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/engine.h>

#include "base/annex.h"

struct sf_order;

/* Most facts in one call of sf_order_put(). */
#define SF_ORDER_PART 32

/* Least value of `bytes`. */
#define SF_ORDER_BYTES_MIN ((size_t)1 << 20)

/*
 * For 1 … SF_WORKERS_MAX sources. Reserves `bytes` for waiting packets, and touches the memory as
 * it is needed. `wanted`: the set of facts that the packets' annexes have. Returns 0 or -ENOMEM.
 */
int sf_order_new(struct sf_order **order, unsigned sources, size_t bytes, uint64_t wanted);
void sf_order_free(struct sf_order *order);

/* True if there may be no room for SF_ORDER_PART more packets. */
bool sf_order_is_full(const struct sf_order *order);

/* Copies up to SF_ORDER_PART facts of a source, in its order. Not while sf_order_is_full(). */
void sf_order_put(
	struct sf_order *order, unsigned source, struct sf_facts_array facts, unsigned count);

/* All packets of the source before `clock_ns` (since 1970) were put; INT64_MAX: it has ended. */
void sf_order_reach(struct sf_order *order, unsigned source, int64_t clock_ns);

/*
 * Copies the next facts in order, at most `max`, and returns their number; 0: an earlier packet may
 * still come. Sets their clock_ns to the latest time taken so far. The tail is left as it was.
 */
unsigned sf_order_take(struct sf_order *order, struct sf_facts_array facts, unsigned max);

/* sf_order_take() without waiting for sources that may still deliver earlier packets. */
unsigned sf_order_force(struct sf_order *order, struct sf_facts_array facts, unsigned max);

/* All packets before this time were taken: a table may be aged to it. INT64_MIN: not known. */
int64_t sf_order_horizon(const struct sf_order *order);

/* Packets that wait, and those that were accounted before their order was certain, or late. */
struct sf_order_counts sf_order_counts(const struct sf_order *order);

#endif
