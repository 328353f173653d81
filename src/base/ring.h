/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lock-free ring of fixed-size elements, for one producer thread and one consumer thread. Example:
 *
 *	sf_ring_init(&ring, 1024, sizeof(struct sf_flow));
 *	put = sf_ring_put(&ring, flows, count);		producer; put < count: the ring is full
 *	count = sf_ring_get(&ring, flows, 64);		consumer; 0: the ring is empty
 *
 * head	index of the next element to be written. Only the producer writes it (release); the consumer
 *	reads it (acquire) and then finds all elements before it complete.
 * tail    index of the next element to be read. Only the consumer writes
 * it (release); the producer reads
 *	it (acquire) and may then overwrite all elements before it.
 *
 * Both indexes count on beyond the capacity; an element's place is index & mask. Each side keeps a
 * copy of the other side's index, and reads the shared word only when the copy says that the ring
 * is full or empty. So in most calls a side touches no cache line that the other side writes.
 */
#ifndef SPANFLOW_BASE_RING_H
#define SPANFLOW_BASE_RING_H

#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SF_CACHE_LINE     64
#define SF_RING_HUGE_PAGE ((size_t)2 << 20)

struct sf_ring {
	/* constant after sf_ring_init() */
	alignas(SF_CACHE_LINE) uint8_t *elements;
	uint32_t mask;
	uint32_t element_size;
	/* written by the producer */
	alignas(SF_CACHE_LINE) _Atomic uint32_t head;
	uint32_t cached_tail;
	/* written by the consumer */
	alignas(SF_CACHE_LINE) _Atomic uint32_t tail;
	uint32_t cached_head;
};

/* Makes a ring of `capacity` elements, a power of two. 0 or -ENOMEM. */
static inline int sf_ring_init(struct sf_ring *ring, uint32_t capacity, uint32_t element_size)
{
	size_t bytes = (size_t)capacity * element_size;
	size_t unit = bytes < SF_RING_HUGE_PAGE ? SF_CACHE_LINE : SF_RING_HUGE_PAGE;

	memset(ring, 0, sizeof(*ring));
	bytes = (bytes + unit - 1) & ~(unit - 1);
	ring->elements = aligned_alloc(unit, bytes);
	/* large pages, because a ring is written from end to end; a mere hint to the kernel */
	if (ring->elements && unit == SF_RING_HUGE_PAGE)
		madvise(ring->elements, bytes, MADV_HUGEPAGE);
	ring->mask = capacity - 1;
	ring->element_size = element_size;
	return ring->elements ? 0 : -ENOMEM;
}

static inline void sf_ring_fini(struct sf_ring *ring)
{
	free(ring->elements);
	ring->elements = NULL;
}

/* Producer: how many of `count` elements fit now. */
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

/* Either side: number of elements in the ring; the other side may change it at the same time. */
static inline uint32_t sf_ring_fill(struct sf_ring *ring)
{
	return atomic_load_explicit(&ring->head, memory_order_relaxed) -
	       atomic_load_explicit(&ring->tail, memory_order_relaxed);
}

/*
 * Producer: place of the element that is `ahead` elements behind
 * the published ones. It must fit.
 */
static inline void *sf_ring_slot(struct sf_ring *ring, uint32_t ahead)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	return ring->elements + (size_t)((head + ahead) & ring->mask) * ring->element_size;
}

/* Producer: hands over the next `count` elements, which have been written. */
static inline void sf_ring_publish(struct sf_ring *ring, uint32_t count)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	/* pairs with the acquire in sf_ring_get() and sf_ring_peek() */
	atomic_store_explicit(&ring->head, head + count, memory_order_release);
}

/*
 * Consumer: the next elements as they lie in the ring, at most
 * *count. *count becomes their number.
 */
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

/* Consumer: gives back the places of the first `count` elements of the last sf_ring_peek(). */
static inline void sf_ring_drop(struct sf_ring *ring, uint32_t count)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	/* pairs with the acquire in sf_ring_room() */
	atomic_store_explicit(&ring->tail, tail + count, memory_order_release);
}

/* Producer: copies up to `count` elements into the ring. Returns how many fitted. */
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

/* Consumer: copies up to `count` elements out of the ring. Returns how many there were. */
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
