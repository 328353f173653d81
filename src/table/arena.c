/* SPDX-License-Identifier: BSD-2-Clause */
/* With `populate` the memory is taken at the start: then the machine cannot run out of it later. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/pages.h"
#include "table/arena.h"

#define PAGE ((size_t)4096)

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

	arena->base = sf_pages_new(bytes, true);
	if (!arena->base)
		return -ENOMEM;
	arena->bytes = bytes;
	if (populate)
		populate_from(arena, 0);
	return 0;
}

void sf_arena_touch_small(struct sf_arena *arena)
{
	populate_from(arena, arena->bytes & ~(SF_HUGE_PAGE - 1));
}

void sf_arena_clear(struct sf_arena *arena)
{
	if (arena->base && madvise(arena->base, arena->bytes, MADV_DONTNEED) < 0)
		memset(arena->base, 0, arena->bytes);
}

void sf_arena_fini(struct sf_arena *arena)
{
	sf_pages_free(arena->base, arena->bytes);
	*arena = (struct sf_arena){ 0 };
}
