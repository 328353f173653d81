/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Large zeroed memory straight from the kernel. Address space is
 * taken at once, memory on first use.
 *
 *	uint64_t *index = sf_pages_new(size * sizeof(*index), true);
 *	…
 *	sf_pages_free(index, size * sizeof(*index));
 */
#ifndef SPANFLOW_BASE_PAGES_H
#define SPANFLOW_BASE_PAGES_H

#include <stdbool.h>
#include <stddef.h>

#define SF_HUGE_PAGE ((size_t)2 << 20)

/*
 * With `huge`, memory of 2 MiB and more is in pages of that size where the kernel has them: reading
 * at random needs fewer entries of the TLB, and the first use fewer page faults. NULL: no address
 * space.
 */
void *sf_pages_new(size_t bytes, bool huge);

/* NULL is allowed. */
void sf_pages_free(void *pages, size_t bytes);

#endif
