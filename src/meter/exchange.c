/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workers × workers rings; ring [from][to] is written by worker `from` and read by worker `to`.
 * Facts are written where they will be read; a batch is published with one store per destination, so
 * the shared indices move once per batch, not per packet.
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

#define SLOTS_AHEAD 12

struct lane {
	/* published by the worker */
	alignas(SF_CACHE_LINE) _Atomic int64_t reached;
	_Atomic bool closed;
	/* private to the worker */
	alignas(SF_CACHE_LINE) uint64_t handed;
	unsigned next;                    /* producer to ask first, so that none starves */
	unsigned taken, taken_from;       /* lent by the last take */
	unsigned written[SF_WORKERS_MAX]; /* slots filled, not yet published, by destination */
};

struct sf_exchange {
	unsigned workers;
	uint32_t key[SF_STEER_WORDS];
	bool bare;
	unsigned parts; /* owner of a packet: owner[hash % parts] */
	uint8_t owner[SF_WORKERS_MAX];
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

void sf_exchange_bare(struct sf_exchange *exchange)
{
	exchange->bare = true;
}

void sf_exchange_spare(struct sf_exchange *exchange)
{
	exchange->parts = exchange->workers - 1;
	for (unsigned i = 0; i < exchange->parts; i++)
		exchange->owner[i] = (uint8_t)(1 + i);
}

static inline unsigned owner_of(const struct sf_exchange *exchange, const struct sf_facts *facts)
{
	return exchange->owner[sf_steer_hash(facts, exchange->key) % exchange->parts];
}

unsigned sf_exchange_owner(const struct sf_exchange *exchange, const struct sf_facts *facts)
{
	return owner_of(exchange, facts);
}

/* A place for one more fact on the way to `to`; NULL: the ring is full and must not be waited for. */
static struct sf_facts *slot(struct sf_exchange *exchange, unsigned me, unsigned to, bool wait)
{
	struct lane *lane = &exchange->lanes[me];
	struct sf_ring *ring = ring_of(exchange, me, to);

	while (sf_ring_room(ring, lane->written[to] + 1) <= lane->written[to]) {
		if (!wait)
			return NULL;
		sf_ring_publish(ring, lane->written[to]);
		lane->written[to] = 0;
		sched_yield();
	}
	/* the other side's core has read the slots' lines: fetch them back ahead of writing */
	__builtin_prefetch(sf_ring_slot(ring, lane->written[to] + SLOTS_AHEAD), 1);
	return sf_ring_slot(ring, lane->written[to]++);
}

unsigned sf_exchange_give(struct sf_exchange *exchange, unsigned me, struct sf_facts *facts,
	unsigned count, bool wait, uint64_t *lost)
{
	struct lane *lane = &exchange->lanes[me];
	unsigned mine = 0;

	for (unsigned i = 0; i < count; i++) {
		unsigned to = owner_of(exchange, &facts[i]);
		struct sf_facts *place;

		if (to == me) {
			if (mine++ != i)
				facts[mine - 1] = facts[i];
			continue;
		}
		place = slot(exchange, me, to, wait);
		if (!place) {
			++*lost;
			continue;
		}
		lane->handed++;
		/* constant lengths: a few moves each */
		if (exchange->bare && facts[i].version == 4)
			memcpy(place, &facts[i], offsetof(struct sf_facts, address6));
		else
			*place = facts[i];
	}
	for (unsigned to = 0; to < exchange->workers; to++) {
		if (lane->written[to])
			sf_ring_publish(ring_of(exchange, me, to), lane->written[to]);
		lane->written[to] = 0;
	}
	return mine;
}

unsigned sf_exchange_take(
	struct sf_exchange *exchange, unsigned me, struct sf_facts **facts, unsigned max)
{
	struct lane *lane = &exchange->lanes[me];

	for (unsigned i = 0; i < exchange->workers; i++) {
		unsigned from = (lane->next + i) % exchange->workers;
		uint32_t count = max;

		if (from == me)
			continue;
		*facts = sf_ring_peek(ring_of(exchange, from, me), &count);
		if (count) {
			lane->taken = count;
			lane->taken_from = from;
			lane->next = from + 1;
			return count;
		}
	}
	return 0;
}

void sf_exchange_taken(struct sf_exchange *exchange, unsigned me)
{
	struct lane *lane = &exchange->lanes[me];

	sf_ring_drop(ring_of(exchange, lane->taken_from, me), lane->taken);
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
