/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workers × workers rings; ring [from][to] is written by worker `from` and read by worker `to`.
 * Facts are written where they will be read; what is given at once is published with one store per
 * destination, so the shared indices do not move with each packet.
 *
 * Shared words, beside those of base/ring.h:
 *	lane.reached  written by its worker (release, after the ring puts it covers), read by all
 *	              others (acquire): whoever sees a clock also sees the facts up to it.
 *	lane.closed   the same, once; reached then stays where its input ended.
 *	lane.busy     written by its worker when it changes, read by others; only a reason to sleep
 *	              longer or to wake, so no order is needed.
 */
#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <spanflow/packet.h>

#include "base/ring.h"
#include "base/steer.h"
#include "engine/exchange.h"

struct lane {
	/* published by the worker */
	alignas(SF_CACHE_LINE) _Atomic int64_t reached;
	_Atomic bool closed;
	_Atomic bool busy;
	/* private to the worker */
	alignas(SF_CACHE_LINE) uint64_t handed;
	unsigned next; /* producer to ask first, so that none starves */
};

struct sf_exchange {
	unsigned workers;
	uint32_t key[SF_STEER_WORDS];
	struct sf_annex_layout layout;
	uint64_t reciprocal; /* of workers */
	struct lane *lanes;
	struct sf_wakeup *wakeups[SF_WORKERS_MAX];
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

/* What lies in a ring for each packet: the facts, with the annex in place of their tail. */
static uint32_t element_size(const struct sf_exchange *exchange)
{
	const uint32_t least = sizeof(struct sf_facts);
	uint32_t size =
		(sf_facts_most(&exchange->layout) + SF_CACHE_LINE - 1) & ~(SF_CACHE_LINE - 1u);

	return size < least ? least : size;
}

static inline uint8_t *annex_in(const struct sf_facts *element)
{
	return (uint8_t *)(uintptr_t)element + SF_FACTS_IPV6;
}

int sf_exchange_new(struct sf_exchange **out, unsigned workers, const uint32_t *key, uint32_t ring,
	uint64_t wanted)
{
	struct sf_exchange *exchange = calloc(1, sizeof(*exchange));

	if (!exchange)
		return -ENOMEM;
	sf_annex_layout_init(&exchange->layout, wanted);
	exchange->workers = workers;
	memcpy(exchange->key, key, sizeof(exchange->key));
	exchange->reciprocal = UINT64_MAX / workers + 1;
	exchange->lanes = zeroed_lines(workers, sizeof(*exchange->lanes));
	exchange->rings = zeroed_lines((size_t)workers * workers, sizeof(*exchange->rings));
	if (!exchange->lanes || !exchange->rings)
		goto fail;
	for (unsigned i = 0; i < workers; i++) {
		atomic_init(&exchange->lanes[i].reached, INT64_MIN);
	}
	for (unsigned i = 0; i < workers * workers; i++)
		if (i / workers != i % workers &&
			sf_ring_init(&exchange->rings[i], ring, element_size(exchange)) < 0)
			goto fail;
	*out = exchange;
	return 0;
fail:
	sf_exchange_free(exchange);
	return -ENOMEM;
}

/* hash % workers by two multiplications (Lemire, Kaser and Kurz, 2019). */
static inline unsigned owner_of(const struct sf_exchange *exchange, const struct sf_facts *facts)
{
	uint64_t fraction = exchange->reciprocal * sf_steer_hash(facts, exchange->key);

	return (unsigned)((unsigned __int128)fraction * exchange->workers >> 64);
}

unsigned sf_exchange_owner(const struct sf_exchange *exchange, const struct sf_facts *facts)
{
	return owner_of(exchange, facts);
}

void sf_exchange_set_wakeup(struct sf_exchange *exchange, unsigned me, struct sf_wakeup *wakeup)
{
	exchange->wakeups[me] = wakeup;
}

void sf_exchange_set_busy(struct sf_exchange *exchange, unsigned me, bool busy)
{
	struct lane *lane = &exchange->lanes[me];

	if (atomic_load_explicit(&lane->busy, memory_order_relaxed) == busy)
		return;
	/* as strong as the store in sf_wakeup_arm(): either side sees the other */
	atomic_store(&lane->busy, busy);
	for (unsigned i = 0; busy && i < exchange->workers; i++)
		if (i != me && exchange->wakeups[i])
			sf_wakeup_send(exchange->wakeups[i], SF_WAKEUP_WORK);
}

bool sf_exchange_idle(const struct sf_exchange *exchange)
{
	for (unsigned i = 0; i < exchange->workers; i++)
		if (atomic_load_explicit(&exchange->lanes[i].busy, memory_order_relaxed))
			return false;
	return true;
}

/* How urgent it is to take what is in a ring: before it is full, whatever the delay of waking. */
static enum sf_wakeup_level urgency(struct sf_ring *ring)
{
	return sf_ring_fill(ring) > ring->mask / 8 ? SF_WAKEUP_URGENT : SF_WAKEUP_WORK;
}

bool sf_exchange_calls(const struct sf_exchange *exchange, unsigned me, enum sf_wakeup_level level)
{
	for (unsigned from = 0; from < exchange->workers; from++) {
		struct sf_ring *ring = ring_of(exchange, from, me);

		if (from != me && sf_ring_fill(ring) > 0 && urgency(ring) >= level)
			return true;
	}
	return false;
}

/* There are facts in the ring of a worker, who may sleep. */
static inline void call(struct sf_wakeup *wakeup, struct sf_ring *ring)
{
	if (wakeup && sf_wakeup_is_wanted(wakeup, SF_WAKEUP_URGENT))
		sf_wakeup_send(wakeup, urgency(ring));
}

/* Hands the listed facts to one worker; returns how many packets found no room. */
static unsigned send(struct sf_exchange *exchange, struct sf_ring *ring,
	struct sf_facts_array array, const uint8_t *list, unsigned count)
{
	const struct sf_annex_layout *layout = &exchange->layout;
	unsigned room = sf_ring_room(ring, count), lost = 0;

	for (unsigned k = 0; k < room; k++) {
		const struct sf_facts *facts = &array.facts[list[k]];
		struct sf_facts *to = sf_ring_slot(ring, k);

		sf_facts_copy(to, facts);
		sf_annex_move(layout, annex_in(to), sf_annex_at(layout, array, list[k]), facts);
	}
	sf_ring_publish(ring, room);
	/* the other side's core has read the next slots' lines: have them back by the next time */
	for (unsigned k = 0; k < count; k++)
		__builtin_prefetch(sf_ring_slot(ring, k), 1);
	for (unsigned k = room; k < count; k++)
		lost += !sf_facts_is_note(&array.facts[list[k]]);
	return lost;
}

unsigned sf_exchange_give(struct sf_exchange *exchange, unsigned me, struct sf_facts_array array,
	unsigned count, struct sf_facts_array own, uint64_t *lost)
{
	const struct sf_annex_layout *layout = &exchange->layout;
	uint8_t list[SF_WORKERS_MAX][SF_BATCH_MAX]; /* facts of each worker, by number */
	uint8_t counts[SF_WORKERS_MAX] = { 0 };

	for (unsigned i = 0; i < count; i++) {
		unsigned to = owner_of(exchange, &array.facts[i]);

		list[to][counts[to]++] = (uint8_t)i;
	}
	for (unsigned to = 0; to < exchange->workers; to++) {
		unsigned failed;

		if (to == me || !counts[to])
			continue;
		failed = send(exchange, ring_of(exchange, me, to), array, list[to], counts[to]);
		exchange->lanes[me].handed += counts[to] - failed;
		*lost += failed;
		call(exchange->wakeups[to], ring_of(exchange, me, to));
	}
	for (unsigned k = 0; k < counts[me]; k++) {
		const struct sf_facts *facts = &array.facts[list[me][k]];

		sf_facts_copy(&own.facts[k], facts);
		sf_annex_move(layout, sf_annex_at(layout, own, k),
			sf_annex_at(layout, array, list[me][k]), facts);
	}
	return counts[me];
}

/* The lines of facts that will be taken soon: they come from another core. */
static void fetch(const struct sf_exchange *exchange, const struct sf_ring *ring,
	const uint8_t *elements, unsigned count)
{
	for (unsigned i = 0; i < count; i++, elements += ring->element_size) {
		__builtin_prefetch(elements);
		if (exchange->layout.packet_bytes)
			__builtin_prefetch(elements + SF_CACHE_LINE);
	}
}

unsigned sf_exchange_take(
	struct sf_exchange *exchange, unsigned me, struct sf_facts_array array, unsigned max)
{
	const struct sf_annex_layout *layout = &exchange->layout;
	struct lane *lane = &exchange->lanes[me];

	for (unsigned i = 0; i < exchange->workers; i++) {
		unsigned from = (lane->next + i) % exchange->workers;
		struct sf_ring *ring = ring_of(exchange, from, me);
		uint32_t count = 2 * max, n;
		const uint8_t *there;

		if (from == me)
			continue;
		there = sf_ring_peek(ring, &count);
		if (!count)
			continue;
		n = count < max ? count : max;
		fetch(exchange, ring, there + (size_t)n * ring->element_size, count - n);
		for (unsigned k = 0; k < n; k++, there += ring->element_size) {
			const struct sf_facts *facts = (const struct sf_facts *)(const void *)there;

			sf_facts_copy(&array.facts[k], facts);
			sf_annex_move(
				layout, sf_annex_at(layout, array, k), annex_in(facts), facts);
		}
		sf_ring_drop(ring, n);
		lane->next = from + 1;
		return n;
	}
	return 0;
}

struct sf_facts_array sf_exchange_peek(
	struct sf_exchange *exchange, unsigned me, unsigned from, unsigned *count)
{
	const bool annexes = exchange->layout.packet_bytes != 0;
	struct sf_ring *ring = ring_of(exchange, from, me);
	uint32_t wanted = annexes && *count ? 1 : *count, there = 2 * wanted;
	struct sf_facts *facts = sf_ring_peek(ring, &there);

	*count = there < wanted ? there : wanted;
	fetch(exchange, ring, (const uint8_t *)facts + (size_t)*count * ring->element_size,
		there - *count);
	return (struct sf_facts_array){ facts, annexes ? annex_in(facts) : NULL };
}

void sf_exchange_drop(struct sf_exchange *exchange, unsigned me, unsigned from, unsigned count)
{
	sf_ring_drop(ring_of(exchange, from, me), count);
}

int64_t sf_exchange_reached_by(const struct sf_exchange *exchange, unsigned from)
{
	const struct lane *lane = &exchange->lanes[from];

	/* both pair with the releases in sf_exchange_reached() and sf_exchange_close() */
	if (atomic_load_explicit(&lane->closed, memory_order_acquire))
		return INT64_MAX;
	return atomic_load_explicit(&lane->reached, memory_order_acquire);
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
	/* others may wait for nothing but this */
	for (unsigned i = 0; i < exchange->workers; i++)
		if (i != me && exchange->wakeups[i])
			sf_wakeup_send_now(exchange->wakeups[i]);
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
