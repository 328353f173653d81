/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each arena is one anonymous mapping. MAP_NORESERVE: a table for millions of flows uses no memory
 * before the flows come. Price: if the machine runs out of memory later, the kernel ends the
 * process instead of refusing the mapping at the start. With `populate` the memory is taken at the
 * start.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "table/arena.h"

#define HUGE_PAGE ((size_t)2 << 20)
#define PAGE      ((size_t)4096)

/* Faults in all bytes from `first` on. */
static void populate_from(struct sf_arena *arena, size_t first)
{
	volatile uint8_t *page = arena->base;

#ifdef MADV_POPULATE_WRITE
	if (madvise((uint8_t *)arena->base + first, arena->bytes - first, MADV_POPULATE_WRITE) == 0)
		return;
#endif
	for (size_t i = first; i < arena->bytes; i += PAGE)
		page[i] = 0;
}

int sf_arena_init(struct sf_arena *arena, size_t count, size_t size, bool populate)
{
	size_t bytes = (count * size + PAGE - 1) & ~(PAGE - 1);
	size_t slack = bytes >= HUGE_PAGE ? HUGE_PAGE - PAGE : 0;
	uint8_t *base, *aligned;

	base = mmap(NULL, bytes + slack, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return -ENOMEM;
	aligned = base;
	if (slack) {
		aligned += -(uintptr_t)base & (HUGE_PAGE - 1);
		if (aligned != base)
			munmap(base, (size_t)(aligned - base));
		if (aligned != base + slack)
			munmap(aligned + bytes, (size_t)(base + slack - aligned));
		/* kernels without transparent huge pages refuse this: small pages will do */
		madvise(aligned, bytes, MADV_HUGEPAGE);
	}
	arena->base = aligned;
	arena->bytes = bytes;
	if (populate)
		populate_from(arena, 0);
	return 0;
}

void sf_arena_touch_small(struct sf_arena *arena)
{
	populate_from(arena, arena->bytes & ~(HUGE_PAGE - 1));
}

void sf_arena_clear(struct sf_arena *arena)
{
	if (arena->base && madvise(arena->base, arena->bytes, MADV_DONTNEED) < 0)
		memset(arena->base, 0, arena->bytes);
}

void sf_arena_fini(struct sf_arena *arena)
{
	if (arena->base)
		munmap(arena->base, arena->bytes);
	*arena = (struct sf_arena){ 0 };
}
