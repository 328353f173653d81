/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rings of flow records from a worker to the exporter's thread. A record that has facts gathered on
 * request lies in the ring with its annex behind it.
 *
 *	sf_records_init(&ring, 65536, facts);
 *	sf_records_put(&ring, flows, count);                 the worker
 *	n = sf_records_get(&ring, flows, SF_BATCH_MAX);      the exporter's thread
 *	… use them …
 *	sf_records_done(&ring, n);
 */
#ifndef SPANFLOW_ENGINE_RECORDS_H
#define SPANFLOW_ENGINE_RECORDS_H

#include "base/annex.h"
#include "base/ring.h"

/* For `capacity` (a power of two) records with these facts. Returns 0 or -ENOMEM. */
static inline int sf_records_init(struct sf_ring *ring, uint32_t capacity, uint64_t facts)
{
	struct sf_annex_layout layout;

	sf_annex_layout_init(&layout, facts);
	return sf_ring_init(ring, capacity, (uint32_t)sizeof(struct sf_flow) + layout.record_bytes);
}

static inline bool sf_records_are_plain(const struct sf_ring *ring)
{
	return ring->element_size == sizeof(struct sf_flow);
}

/* Copies up to `count` records in; returns how many fitted. */
static inline unsigned sf_records_put(
	struct sf_ring *ring, const struct sf_flow *flows, unsigned count)
{
	unsigned room;

	if (sf_likely(sf_records_are_plain(ring)))
		return sf_ring_put(ring, flows, count);
	room = sf_ring_room(ring, count);
	for (unsigned i = 0; i < room; i++) {
		struct sf_flow *to = sf_ring_slot(ring, i);

		*to = flows[i];
		sf_annex_copy((struct sf_annex *)(void *)(to + 1), flows[i].annex);
	}
	sf_ring_publish(ring, room);
	return room;
}

/* Copies up to `count` records out; returns how many there were. Annexes stay in the ring. */
static inline unsigned sf_records_get(struct sf_ring *ring, struct sf_flow *flows, unsigned count)
{
	const uint8_t *element;
	uint32_t n = count;

	if (sf_likely(sf_records_are_plain(ring)))
		return sf_ring_get(ring, flows, count);
	element = sf_ring_peek(ring, &n);
	for (unsigned i = 0; i < n; i++, element += ring->element_size) {
		memcpy(&flows[i], element, sizeof(*flows));
		flows[i].annex = (const struct sf_annex *)(const void *)(element + sizeof(*flows));
	}
	return n;
}

/* The records of the last sf_records_get(), `count` of them, are not needed any more. */
static inline void sf_records_done(struct sf_ring *ring, unsigned count)
{
	if (!sf_records_are_plain(ring))
		sf_ring_drop(ring, count);
}

#endif
