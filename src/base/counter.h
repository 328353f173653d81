/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A counter that one thread writes and any thread reads. A single writer needs no atomic
 * read-modify-write. Relaxed order: no other data depends on the counter.
 */
#ifndef SPANFLOW_BASE_COUNTER_H
#define SPANFLOW_BASE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t sf_counter;

static inline uint64_t sf_counter_get(const sf_counter *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* The writer's thread only. */
static inline void sf_counter_add(sf_counter *counter, uint64_t n)
{
	atomic_store_explicit(counter, sf_counter_get(counter) + n, memory_order_relaxed);
}

#endif
