/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The wheel's slots and chunks; the drawing is in wheel.h.
 *
 * Invariants: head[s] == 0 exactly when bit s of `busy` is 0; after sf_wheel_settle() every chunk
 * in a slot has from < to; all chunks of a slot but its last are full. Price of the coarse tick: a
 * record leaves up to one tick after its timeout.
 */
#include "table/wheel.h"

int sf_wheel_init(struct sf_wheel *wheel, uint64_t refs, int64_t span_ns, bool populate)
{
	/* full chunks, and in each slot two that are not full; chunk 0 is not used */
	uint64_t chunks = 1 + refs / SF_WHEEL_REFS + 2 * SF_WHEEL_SLOTS;
	int64_t span = (span_ns >> SF_WHEEL_SHIFT) + 2;
	int status = sf_arena_init(&wheel->arena, chunks, sizeof(struct sf_wheel_chunk), populate);

	if (status < 0)
		return status;
	wheel->chunks = wheel->arena.base;
	wheel->span = span < SF_WHEEL_SLOTS ? span : SF_WHEEL_SLOTS;
	sf_wheel_reset(wheel);
	return 0;
}

void sf_wheel_fini(struct sf_wheel *wheel)
{
	sf_arena_fini(&wheel->arena);
}

void sf_wheel_reset(struct sf_wheel *wheel)
{
	for (unsigned i = 0; i < SF_WHEEL_SLOTS; i++)
		wheel->head[i] = wheel->tail[i] = 0;
	for (unsigned i = 0; i < SF_WHEEL_SLOTS / 64; i++)
		wheel->busy[i] = 0;
	wheel->free = 0;
	wheel->fresh = 1;
	/* chunk 0 is always full */
	wheel->recent = wheel->chunks;
	wheel->recent_to = SF_WHEEL_REFS;
	sf_wheel_settle(wheel);
}

/* A new last chunk for a slot; returns its number. */
static uint32_t extend(struct sf_wheel *wheel, unsigned slot)
{
	uint32_t number = wheel->free, last = wheel->tail[slot];
	struct sf_wheel_chunk *chunk;

	if (number)
		wheel->free = wheel->chunks[number].next;
	else
		number = wheel->fresh++;
	chunk = &wheel->chunks[number];
	chunk->next = chunk->from = chunk->to = 0;
	if (last)
		wheel->chunks[last].next = number;
	else
		wheel->head[slot] = number;
	wheel->tail[slot] = number;
	wheel->busy[slot / 64] |= UINT64_C(1) << slot % 64;
	return number;
}

void sf_wheel_open(struct sf_wheel *wheel, int64_t tick)
{
	int64_t due = tick < wheel->tick ? wheel->tick : tick;
	unsigned slot;
	uint32_t number;

	sf_wheel_settle(wheel);
	due = due > wheel->end ? wheel->end : due;
	slot = (unsigned)due & (SF_WHEEL_SLOTS - 1);
	number = wheel->tail[slot];
	if (wheel->chunks[number].to == SF_WHEEL_REFS)
		number = extend(wheel, slot);
	wheel->recent_tick = tick;
	wheel->recent = &wheel->chunks[number];
	wheel->recent_to = wheel->recent->to;
}

unsigned sf_wheel_take(struct sf_wheel *wheel, int64_t tick, uint32_t *refs, unsigned max)
{
	unsigned slot = (unsigned)tick & (SF_WHEEL_SLOTS - 1), n = 0;

	sf_wheel_settle(wheel);
	while (n < max && wheel->head[slot]) {
		uint32_t number = wheel->head[slot];
		struct sf_wheel_chunk *chunk = &wheel->chunks[number];

		while (n < max && chunk->from < chunk->to)
			refs[n++] = chunk->ref[chunk->from++];
		if (chunk->from < chunk->to)
			break;
		wheel->head[slot] = chunk->next;
		chunk->next = wheel->free;
		wheel->free = number;
	}
	if (!wheel->head[slot]) {
		wheel->tail[slot] = 0;
		wheel->busy[slot / 64] &= ~(UINT64_C(1) << slot % 64);
	}
	return n;
}

int64_t sf_wheel_next(const struct sf_wheel *wheel, int64_t limit)
{
	unsigned start = (unsigned)wheel->tick & (SF_WHEEL_SLOTS - 1);
	uint64_t word = wheel->busy[start / 64] >> start % 64;
	int64_t tick = wheel->tick;

	if (!word) {
		unsigned at = start / 64;

		tick += 64 - start % 64;
		/* ends with the first word again, for the bits below `start` */
		for (unsigned i = 0; i < SF_WHEEL_SLOTS / 64; i++, tick += 64) {
			at = (at + 1) % (SF_WHEEL_SLOTS / 64);
			word = wheel->busy[at];
			if (word)
				break;
		}
		if (!word)
			return limit;
	}
	tick += __builtin_ctzll(word);
	return tick < limit ? tick : limit;
}
