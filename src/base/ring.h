/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lock-free ring of fixed-size elements for one producer thread and one consumer thread.
 *
 *	head: written by the producer only (release), read by the consumer (acquire): the elements
 *	      before it are complete.
 *	tail: written by the consumer only (release), read by the producer (acquire): the elements
 *	      before it have been copied out and may be overwritten.
 *
 * Both run freely and are masked on use. Each side keeps a private copy of the other's index and
 * looks at the shared word only when the copy says full or empty, so the common case touches no
 * line that the other side writes.
 */
#ifndef SPANFLOW_BASE_RING_H
#define SPANFLOW_BASE_RING_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SF_CACHE_LINE     64
#define SF_RING_HUGE_PAGE ((size_t)2 << 20)

struct sf_ring {
	/* constant after init */
	alignas(SF_CACHE_LINE) uint8_t *elements;
	uint32_t mask;
	uint32_t element_size;
	/* producer */
	alignas(SF_CACHE_LINE) _Atomic uint32_t head;
	uint32_t cached_tail;
	/* consumer */
	alignas(SF_CACHE_LINE) _Atomic uint32_t tail;
	uint32_t cached_head;
};

/* Room for `capacity` (a power of two) elements. 0 or -ENOMEM. */
static inline int sf_ring_init(struct sf_ring *ring, uint32_t capacity, uint32_t element_size)
{
	size_t bytes = (size_t)capacity * element_size;
	size_t unit = bytes < SF_RING_HUGE_PAGE ? SF_CACHE_LINE : SF_RING_HUGE_PAGE;

	memset(ring, 0, sizeof(*ring));
	bytes = (bytes + unit - 1) & ~(unit - 1);
	ring->elements = aligned_alloc(unit, bytes);
	/* a ring is written from end to end; where there are no large pages, small ones do */
	if (ring->elements && unit == SF_RING_HUGE_PAGE)
		madvise(ring->elements, bytes, MADV_HUGEPAGE);
	ring->mask = capacity - 1;
	ring->element_size = element_size;
	return ring->elements ? 0 : -12 /* -ENOMEM */;
}

static inline void sf_ring_fini(struct sf_ring *ring)
{
	free(ring->elements);
	ring->elements = NULL;
}

/* Producer: how many of `count` elements would fit now. */
static inline uint32_t sf_ring_room(struct sf_ring *ring, uint32_t count)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint32_t room = ring->mask + 1 - (head - ring->cached_tail);

	if (room < count) {
		/* pairs with the release in sf_ring_get() */
		ring->cached_tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
		room = ring->mask + 1 - (head - ring->cached_tail);
	}
	return room < count ? room : count;
}

/* Either side: how many elements are in the ring, about. */
static inline uint32_t sf_ring_fill(struct sf_ring *ring)
{
	return atomic_load_explicit(&ring->head, memory_order_relaxed) -
	       atomic_load_explicit(&ring->tail, memory_order_relaxed);
}

/* Producer: the place of the element `ahead` places behind the published ones; there is room. */
static inline void *sf_ring_slot(struct sf_ring *ring, uint32_t ahead)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	return ring->elements + (size_t)((head + ahead) & ring->mask) * ring->element_size;
}

/* Producer: the next `count` slots have been written. */
static inline void sf_ring_publish(struct sf_ring *ring, uint32_t count)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	/* pairs with the acquire in sf_ring_get() and sf_ring_peek() */
	atomic_store_explicit(&ring->head, head + count, memory_order_release);
}

/* Consumer: at most *count elements as they lie in the ring; *count becomes how many there are. */
static inline void *sf_ring_peek(struct sf_ring *ring, uint32_t *count)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	uint32_t at = tail & ring->mask, n = ring->cached_head - tail;

	if (n < *count) {
		/* pairs with the release in sf_ring_put() and sf_ring_publish() */
		ring->cached_head = atomic_load_explicit(&ring->head, memory_order_acquire);
		n = ring->cached_head - tail;
	}
	n = n < ring->mask + 1 - at ? n : ring->mask + 1 - at;
	*count = n < *count ? n : *count;
	return ring->elements + (size_t)at * ring->element_size;
}

/* Consumer: `count` elements of the last peek are not needed any more. */
static inline void sf_ring_drop(struct sf_ring *ring, uint32_t count)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	/* pairs with the acquire in sf_ring_room() */
	atomic_store_explicit(&ring->tail, tail + count, memory_order_release);
}

/* Producer: copies up to `count` elements in; returns how many fitted. */
static inline uint32_t sf_ring_put(struct sf_ring *ring, const void *elements, uint32_t count)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint32_t n = sf_ring_room(ring, count);
	uint32_t at = head & ring->mask;
	uint32_t first = ring->mask + 1 - at < n ? ring->mask + 1 - at : n;
	const uint8_t *from = elements;

	memcpy(ring->elements + (size_t)at * ring->element_size, from,
		(size_t)first * ring->element_size);
	memcpy(ring->elements, from + (size_t)first * ring->element_size,
		(size_t)(n - first) * ring->element_size);
	/* pairs with the acquire in sf_ring_get() */
	atomic_store_explicit(&ring->head, head + n, memory_order_release);
	return n;
}

/* Consumer: copies up to `count` elements out; returns how many there were. */
static inline uint32_t sf_ring_get(struct sf_ring *ring, void *elements, uint32_t count)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	uint32_t n = ring->cached_head - tail;
	uint32_t at = tail & ring->mask, first;
	uint8_t *to = elements;

	if (n < count) {
		/* pairs with the release in sf_ring_put() */
		ring->cached_head = atomic_load_explicit(&ring->head, memory_order_acquire);
		n = ring->cached_head - tail;
	}
	n = n < count ? n : count;
	first = ring->mask + 1 - at < n ? ring->mask + 1 - at : n;
	memcpy(to, ring->elements + (size_t)at * ring->element_size,
		(size_t)first * ring->element_size);
	memcpy(to + (size_t)first * ring->element_size, ring->elements,
		(size_t)(n - first) * ring->element_size);
	/* pairs with the acquire in sf_ring_room() */
	atomic_store_explicit(&ring->tail, tail + n, memory_order_release);
	return n;
}

#endif
