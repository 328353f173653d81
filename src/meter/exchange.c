/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workers × workers rings; ring [from][to] is written by worker `from` and read by worker `to`.
 * A batch is first sorted into one staging array per destination and then put with one ring
 * operation each, so the shared indices move once per batch, not per packet.
 *
 * Shared words, beside those of base/ring.h:
 *	lane.reached  written by its worker (release, after the ring puts it covers), read by all
 *	              others (acquire): whoever sees a clock also sees the facts up to it.
 *	lane.closed   the same, once; reached then stays where its input ended.
 */
#include <errno.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <spanflow/packet.h>

#include "base/ring.h"
#include "base/steer.h"
#include "meter/exchange.h"

/* granularity of unequal shares */
#define PARTS 256

struct lane {
	/* published by the worker */
	alignas(SF_CACHE_LINE) _Atomic int64_t reached;
	_Atomic bool closed;
	/* private to the worker */
	alignas(SF_CACHE_LINE) uint64_t handed;
	unsigned next; /* producer to ask first, so that none starves */
	unsigned staged[SF_WORKERS_MAX];
	struct sf_facts (*staging)[SF_BATCH_MAX]; /* one array per destination */
};

struct sf_exchange {
	unsigned workers;
	uint32_t key[SF_STEER_WORDS];
	unsigned parts; /* owner of a packet: owner[hash % parts] */
	uint8_t owner[PARTS];
	struct lane *lanes;
	struct sf_ring *rings; /* [from * workers + to] */
};

static struct sf_ring *ring_of(const struct sf_exchange *exchange, unsigned from, unsigned to)
{
	return &exchange->rings[from * exchange->workers + to];
}

void sf_exchange_free(struct sf_exchange *exchange)
{
	if (!exchange)
		return;
	for (unsigned i = 0; exchange->rings && i < exchange->workers * exchange->workers; i++)
		sf_ring_fini(&exchange->rings[i]);
	for (unsigned i = 0; exchange->lanes && i < exchange->workers; i++)
		free(exchange->lanes[i].staging);
	free(exchange->rings);
	free(exchange->lanes);
	free(exchange);
}

static void *zeroed_lines(size_t count, size_t size)
{
	void *memory = aligned_alloc(SF_CACHE_LINE, count * size);

	return memory ? memset(memory, 0, count * size) : NULL;
}

int sf_exchange_new(struct sf_exchange **out, unsigned workers, const uint32_t *key, uint32_t ring)
{
	struct sf_exchange *exchange = calloc(1, sizeof(*exchange));

	if (!exchange)
		return -ENOMEM;
	exchange->workers = workers;
	memcpy(exchange->key, key, sizeof(exchange->key));
	exchange->parts = workers;
	for (unsigned i = 0; i < workers; i++)
		exchange->owner[i] = (uint8_t)i;
	exchange->lanes = zeroed_lines(workers, sizeof(*exchange->lanes));
	exchange->rings = zeroed_lines((size_t)workers * workers, sizeof(*exchange->rings));
	if (!exchange->lanes || !exchange->rings)
		goto fail;
	for (unsigned i = 0; i < workers; i++) {
		atomic_init(&exchange->lanes[i].reached, INT64_MIN);
		exchange->lanes[i].staging =
			zeroed_lines(workers, sizeof(*exchange->lanes[i].staging));
		if (!exchange->lanes[i].staging)
			goto fail;
	}
	for (unsigned i = 0; i < workers * workers; i++)
		if (i / workers != i % workers &&
			sf_ring_init(&exchange->rings[i], ring, sizeof(struct sf_facts)) < 0)
			goto fail;
	*out = exchange;
	return 0;
fail:
	sf_exchange_free(exchange);
	return -ENOMEM;
}

void sf_exchange_weigh(struct sf_exchange *exchange, unsigned share)
{
	exchange->parts = PARTS;
	for (unsigned i = 0; i < PARTS; i++)
		exchange->owner[i] = i < share ? 0 : (uint8_t)(1 + i % (exchange->workers - 1));
}

unsigned sf_exchange_owner(const struct sf_exchange *exchange, const struct sf_facts *facts)
{
	return exchange->owner[sf_steer_hash(facts, exchange->key) % exchange->parts];
}

/* Puts one destination's staged facts; returns how many were lost. */
static uint64_t flush_staged(struct sf_exchange *exchange, unsigned from, unsigned to, bool wait)
{
	struct lane *lane = &exchange->lanes[from];
	struct sf_ring *ring = ring_of(exchange, from, to);
	unsigned count = lane->staged[to], done;

	done = sf_ring_put(ring, lane->staging[to], count);
	while (wait && done < count) {
		sched_yield();
		done += sf_ring_put(ring, lane->staging[to] + done, count - done);
	}
	lane->staged[to] = 0;
	lane->handed += done;
	return count - done;
}

unsigned sf_exchange_give(struct sf_exchange *exchange, unsigned me, struct sf_facts *facts,
	unsigned count, bool wait, uint64_t *lost)
{
	struct lane *lane = &exchange->lanes[me];
	unsigned mine = 0;

	for (unsigned i = 0; i < count; i++) {
		unsigned to = sf_exchange_owner(exchange, &facts[i]);

		if (to != me)
			lane->staging[to][lane->staged[to]++] = facts[i];
		else if (mine++ != i)
			facts[mine - 1] = facts[i];
	}
	for (unsigned to = 0; to < exchange->workers; to++)
		if (lane->staged[to])
			*lost += flush_staged(exchange, me, to, wait);
	return mine;
}

unsigned sf_exchange_take(
	struct sf_exchange *exchange, unsigned me, struct sf_facts *facts, unsigned max)
{
	struct lane *lane = &exchange->lanes[me];

	for (unsigned i = 0; i < exchange->workers; i++) {
		unsigned from = (lane->next + i) % exchange->workers, count;

		if (from == me)
			continue;
		count = sf_ring_get(ring_of(exchange, from, me), facts, max);
		if (count) {
			lane->next = from + 1;
			return count;
		}
	}
	return 0;
}

void sf_exchange_reached(struct sf_exchange *exchange, unsigned me, int64_t clock_ns)
{
	atomic_store_explicit(&exchange->lanes[me].reached, clock_ns, memory_order_release);
}

int64_t sf_exchange_horizon(const struct sf_exchange *exchange, unsigned me)
{
	int64_t horizon = INT64_MAX, latest = INT64_MIN;

	for (unsigned i = 0; i < exchange->workers; i++) {
		struct lane *lane = &exchange->lanes[i];
		bool closed = atomic_load_explicit(&lane->closed, memory_order_acquire);
		int64_t reached = atomic_load_explicit(&lane->reached, memory_order_acquire);

		if (closed && reached > latest)
			latest = reached;
		if (!closed && i != me && reached < horizon)
			horizon = reached;
	}
	return horizon == INT64_MAX ? latest : horizon;
}

void sf_exchange_close(struct sf_exchange *exchange, unsigned me, int64_t clock_ns)
{
	sf_exchange_reached(exchange, me, clock_ns);
	atomic_store_explicit(&exchange->lanes[me].closed, true, memory_order_release);
}

bool sf_exchange_drained(struct sf_exchange *exchange, unsigned me)
{
	for (unsigned i = 0; i < exchange->workers; i++) {
		struct sf_ring *ring = ring_of(exchange, i, me);

		if (i == me)
			continue;
		/* closed is read before the head that it covers */
		if (!atomic_load_explicit(&exchange->lanes[i].closed, memory_order_acquire))
			return false;
		if (atomic_load_explicit(&ring->head, memory_order_acquire) !=
			atomic_load_explicit(&ring->tail, memory_order_relaxed))
			return false;
	}
	return true;
}

uint64_t sf_exchange_handed(const struct sf_exchange *exchange, unsigned me)
{
	return exchange->lanes[me].handed;
}
