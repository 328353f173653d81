/* SPDX-License-Identifier: BSD-2-Clause */
/* Compiler hints for the packet path. */
#ifndef SPANFLOW_BASE_BRANCH_H
#define SPANFLOW_BASE_BRANCH_H

#include <stdint.h>

#define sf_likely(condition)   __builtin_expect(!!(condition), 1)
#define sf_unlikely(condition) __builtin_expect(!!(condition), 0)

/*
 * Inlines a function always. A function that only prefetches needs this too: gcc drops calls of
 * such a function if it has not inlined them, as it sees no effect. meson.build defines it
 * otherwise with AddressSanitizer.
 */
#ifndef sf_always_inline
#define sf_always_inline inline __attribute__((always_inline))
#endif

/* `which ? one : zero` without a branch. `which` is 0 or 1. */
static sf_always_inline uint64_t sf_choose(uint32_t which, uint64_t one, uint64_t zero)
{
	return zero ^ ((zero ^ one) & -(uint64_t)which);
}

#endif
