/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Large zeroed arrays straight from the kernel: reserved as address space, pages touched as used,
 * 2 MiB pages where the array is large enough and the kernel gives them.
 */
#ifndef SPANFLOW_TABLE_ARENA_H
#define SPANFLOW_TABLE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct sf_arena {
	void *base; /* aligned to 4 KiB at least; zeroed */
	size_t bytes;
};

/* Maps count * size octets. `populate`: fault all of it in now. 0 or -ENOMEM. */
int sf_arena_init(struct sf_arena *arena, size_t count, size_t size, bool populate);

/*
 * Faults in the small pages: all that no 2 MiB page can cover. For an array that is read before it
 * is written: otherwise each small page is first the kernel's page of zeros, and when it is
 * replaced all CPUs on which the process runs are interrupted.
 */
void sf_arena_touch_small(struct sf_arena *arena);

/* Gives the memory back but keeps the address space: all zero again. */
void sf_arena_clear(struct sf_arena *arena);

/* Unmaps; a zeroed struct sf_arena is fine. */
void sf_arena_fini(struct sf_arena *arena);

#endif
