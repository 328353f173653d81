/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Large zeroed arrays straight from the kernel. Address space is reserved at the start, pages are
 * taken on first use; pages of 2 MiB where the array is large enough and the kernel has them.
 */
#ifndef SPANFLOW_TABLE_ARENA_H
#define SPANFLOW_TABLE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct sf_arena {
	void *base; /* aligned to 4 KiB at least; zeroed */
	size_t bytes;
};

/* Maps count * size bytes. `populate`: takes all pages at once. 0 or -ENOMEM. */
int sf_arena_init(struct sf_arena *arena, size_t count, size_t size, bool populate);

/*
 * Faults in the pages that no 2 MiB page can cover. For an array that is read before it is written:
 * otherwise such a page is the kernel's shared page of zeros at first, and replacing that one later
 * interrupts all CPUs on which the process runs.
 */
void sf_arena_touch_small(struct sf_arena *arena);

/* Gives the memory back and keeps the address space: all bytes are 0 again. */
void sf_arena_clear(struct sf_arena *arena);

/* Unmaps; a zeroed struct sf_arena is fine. */
void sf_arena_fini(struct sf_arena *arena);

#endif
