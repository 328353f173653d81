/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timer wheel of a flow table: which entries to visit when. The wheel holds references (numbers);
 * the visitor looks up the deadline in the entry, so a reference may be early but not late.
 *
 *	slot[0 … 1023] -> chunk -> chunk -> …        one slot per tick of 2^28 ns (268 ms)
 *	chunk  | next | from | to | ref[29] |        first in, first out
 *
 * Slot t & 1023 holds what falls due in tick t, for the ticks tick … tick + 1023. Memory comes in
 * chunks from one pool; a slot has at most two that are not full.
 */
#ifndef SPANFLOW_TABLE_WHEEL_H
#define SPANFLOW_TABLE_WHEEL_H

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include "table/arena.h"

#define SF_WHEEL_SHIFT 28 /* log2 of a tick in ns */
#define SF_WHEEL_SLOTS 1024
#define SF_WHEEL_REFS  29

struct sf_wheel_chunk {
	alignas(64) uint32_t next; /* chunk number; 0: none */
	uint32_t from, to;         /* ref[from … to-1] are waiting */
	uint32_t ref[SF_WHEEL_REFS];
};

static_assert(sizeof(struct sf_wheel_chunk) == 128, "a chunk is two cache lines");

struct sf_wheel {
	/*
	 * Cache of the chunk where the last reference went: the next one mostly goes there too.
	 * Without a cached chunk, `recent` is chunk 0, which counts as full.
	 */
	int64_t recent_tick; /* as asked for, before limiting; INT64_MIN: none */
	struct sf_wheel_chunk *recent;
	uint32_t recent_to; /* the chunk's `to`, written back by sf_wheel_settle() */
	int64_t tick;       /* every slot before this tick has been visited */
	int64_t end;        /* the last tick that gets references */
	int64_t span;       /* ticks from the clock to `end`, if that many slots are left */
	struct sf_wheel_chunk *chunks;      /* number 0 is not used */
	uint32_t fresh;                     /* number of the first chunk that was never used */
	uint32_t free;                      /* list of returned chunks, linked by `next` */
	uint64_t busy[SF_WHEEL_SLOTS / 64]; /* slots with references */
	uint32_t head[SF_WHEEL_SLOTS], tail[SF_WHEEL_SLOTS];
	struct sf_arena arena;
};

/*
 * Makes a wheel for at most `refs` references. `span_ns`: how far ahead references are filed at
 * most; an entry due later is visited once per span. 0 or -ENOMEM.
 */
int sf_wheel_init(struct sf_wheel *wheel, uint64_t refs, int64_t span_ns, bool populate);
void sf_wheel_fini(struct sf_wheel *wheel);

/* Forgets all references. */
void sf_wheel_reset(struct sf_wheel *wheel);

static inline int64_t sf_wheel_tick(int64_t ns)
{
	return ns >> SF_WHEEL_SHIFT;
}

/*
 * Writes the cached chunk's count back and forgets the chunk. Needed before chunks are read, and
 * before `tick` or `end` change: they decide which slot a tick means.
 */
static inline void sf_wheel_settle(struct sf_wheel *wheel)
{
	wheel->recent->to = wheel->recent_to;
	wheel->recent = wheel->chunks;
	wheel->recent_to = SF_WHEEL_REFS;
	wheel->recent_tick = INT64_MIN;
}

/* Makes `recent` a chunk of the tick's slot with room for one reference at least. */
void sf_wheel_open(struct sf_wheel *wheel, int64_t tick);

/* Adds a reference that is due at `due_ns`, or at the end of the span if that is earlier. */
static inline void sf_wheel_push(struct sf_wheel *wheel, int64_t due_ns, uint32_t ref)
{
	int64_t tick = sf_wheel_tick(due_ns);

	if (__builtin_expect(tick != wheel->recent_tick || wheel->recent_to == SF_WHEEL_REFS, 0))
		sf_wheel_open(wheel, tick);
	wheel->recent->ref[wheel->recent_to++] = ref;
}

/* Slots before `tick` have been visited, and the caller's clock is at tick `now`. */
static inline void sf_wheel_set(struct sf_wheel *wheel, int64_t tick, int64_t now)
{
	int64_t end = (now > tick ? now : tick) + wheel->span;

	sf_wheel_settle(wheel);
	wheel->tick = tick;
	wheel->end = end < tick + SF_WHEEL_SLOTS - 2 ? end : tick + SF_WHEEL_SLOTS - 2;
}

/* Takes up to `max` references of the slot of tick `tick`; 0: it is empty. */
unsigned sf_wheel_take(struct sf_wheel *wheel, int64_t tick, uint32_t *refs, unsigned max);

/* The first tick >= wheel->tick with references, or `limit` if there is none before it. */
int64_t sf_wheel_next(const struct sf_wheel *wheel, int64_t limit);

#endif
