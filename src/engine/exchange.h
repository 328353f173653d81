/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rings of parsed packets between the workers of one source (rings.c). The address pair of a packet
 * decides which worker's table holds its flow, so that both directions, later fragments and the
 * packets of a tunnel reach one table, wherever the kernel or the network card delivered them. From
 * every worker to every other one leads a ring with one producer and one consumer.
 *
 * Each worker, in its own thread:
 *
 *	horizon = sf_exchange_horizon(exchange, me);
 *	while ((n = sf_exchange_take(exchange, me, facts, max)) > 0)
 *		… account facts …
 *	… age the table to horizon …
 *	n = … receive and parse packets …
 *	n = sf_exchange_give(exchange, me, parsed, n, facts, &lost);
 *	… account facts …
 *	sf_exchange_reached(exchange, me, clock);
 *
 * and at its end sf_exchange_close(), then sf_exchange_take() until sf_exchange_drained(); the
 * horizon is then the clock at which all input ended.
 *
 * The horizon is the smallest clock that any worker has reached. No ring holds an older packet. A
 * table that is aged to the horizon closes no flow whose packet waits in a ring: so the records are
 * the same for any number of workers.
 */
#ifndef SPANFLOW_ENGINE_EXCHANGE_H
#define SPANFLOW_ENGINE_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/annex.h"
#include "base/wakeup.h"

struct sf_exchange;

/*
 * For 2 … SF_WORKERS_MAX workers. `key` (SF_STEER_WORDS words, copied) is that of sf_steer_hash():
 * where the kernel steers by the same key, worker = hash % workers agrees and nothing is handed
 * over. `ring`: facts per ring, a power of two. `wanted`: the set of facts that the packets'
 * annexes have. Returns 0 or -ENOMEM.
 */
int sf_exchange_new(struct sf_exchange **exchange, unsigned workers, const uint32_t *key,
	uint32_t ring, uint64_t wanted);
void sf_exchange_free(struct sf_exchange *exchange);

/*
 * The wake-up of worker `me`. Set before the threads start; without
 * it no other worker wakes `me`.
 */
void sf_exchange_set_wakeup(struct sf_exchange *exchange, unsigned me, struct sf_wakeup *wakeup);

/*
 * Worker `me` has packets in its queue now, or has had none for a while. When packets begin,
 * sleeping workers are woken: their clocks are needed, and packets are handed over to them soon.
 */
void sf_exchange_set_busy(struct sf_exchange *exchange, unsigned me, bool busy);

/* No worker has packets of its own. */
bool sf_exchange_idle(const struct sf_exchange *exchange);

/* True if enough waits for worker `me` to wake it from a sleep that `level` ends. */
bool sf_exchange_calls(const struct sf_exchange *exchange, unsigned me, enum sf_wakeup_level level);

/* The worker whose table holds the flow of these facts. Any thread. */
unsigned sf_exchange_owner(const struct sf_exchange *exchange, const struct sf_facts *facts);

/*
 * Worker `me` distributes `count` <= SF_BATCH_MAX facts. Those of flows of other workers go into
 * the rings to them. Its own ones are copied to `own`, in order; returns their number. `own` has
 * room for `count` and does not overlap `facts`. Facts for which a ring has no room are dropped and
 * added to *lost: a worker never blocks.
 */
unsigned sf_exchange_give(struct sf_exchange *exchange, unsigned me, struct sf_facts_array facts,
	unsigned count, struct sf_facts_array own, uint64_t *lost);

/*
 * Copies facts for worker `me` from any other, at most `max`. Returns their number; 0: none now.
 * The tail is left as it was.
 */
unsigned sf_exchange_take(
	struct sf_exchange *exchange, unsigned me, struct sf_facts_array facts, unsigned max);

/*
 * Shows the facts that worker `from` has handed to worker `me`, without copying: at most *count,
 * which is set to their number (with annexes at most 1). They stay valid until `me` drops them with
 * sf_exchange_drop(), all or the first ones.
 */
struct sf_facts_array sf_exchange_peek(
	struct sf_exchange *exchange, unsigned me, unsigned from, unsigned *count);
void sf_exchange_drop(struct sf_exchange *exchange, unsigned me, unsigned from, unsigned count);

/* Worker `me` has handed over everything up to this clock (ns since 1970, never decreasing). */
void sf_exchange_reached(struct sf_exchange *exchange, unsigned me, int64_t clock_ns);

/*
 * The smallest clock that the other workers have reached, without workers that have closed; if all
 * have closed, the latest clock of those. A worker reads it before it takes facts, and ages its
 * table to it only if nothing was left to take. Any thread.
 */
int64_t sf_exchange_horizon(const struct sf_exchange *exchange, unsigned me);

/*
 * The clock that worker `from` has reached; INT64_MAX when it has closed. It is read before the
 * facts of `from` are taken, and holds only if none of them were left. Any thread.
 */
int64_t sf_exchange_reached_by(const struct sf_exchange *exchange, unsigned from);

/*
 * Worker `me` will give no more; clock_ns is where its input ended, INT64_MIN for one that has no
 * input and closes at once.
 */
void sf_exchange_close(struct sf_exchange *exchange, unsigned me, int64_t clock_ns);

/* True when all others have closed and nothing is left for worker `me`. */
bool sf_exchange_drained(struct sf_exchange *exchange, unsigned me);

/* Facts that worker `me` has handed to others so far; from its own thread. */
uint64_t sf_exchange_handed(const struct sf_exchange *exchange, unsigned me);

#endif
