/* SPDX-License-Identifier: BSD-2-Clause */
/* Words to the compiler about the packet path. */
#ifndef SPANFLOW_BASE_BRANCH_H
#define SPANFLOW_BASE_BRANCH_H

#include <stdint.h>

#define sf_likely(condition)   __builtin_expect(!!(condition), 1)
#define sf_unlikely(condition) __builtin_expect(!!(condition), 0)

/*
 * Also for functions that do nothing but prefetch: gcc takes one that it has not inlined for one
 * without effect, and drops the call.
 */
#define sf_always_inline inline __attribute__((always_inline))

/* A conditional expression that no compiler makes a branch of. `which` is 0 or 1. */
static sf_always_inline uint64_t sf_choose(uint32_t which, uint64_t one, uint64_t zero)
{
	return zero ^ ((zero ^ one) & -(uint64_t)which);
}

#endif
