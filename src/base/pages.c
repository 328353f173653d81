/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MAP_NORESERVE: a table for millions of flows uses no memory before the flows come. Price: if the
 * machine runs out of memory later, the kernel ends the process instead of refusing the mapping at
 * the start.
 */
#include "base/pages.h"

#include <stdint.h>
#include <sys/mman.h>

#define PAGE ((size_t)4096)

static size_t whole_pages(size_t bytes)
{
	return (bytes + PAGE - 1) & ~(PAGE - 1);
}

void *sf_pages_new(size_t bytes, bool huge)
{
	size_t slack = huge && bytes >= SF_HUGE_PAGE ? SF_HUGE_PAGE - PAGE : 0;
	uint8_t *base, *aligned;

	bytes = whole_pages(bytes);
	base = mmap(NULL, bytes + slack, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return NULL;
	if (!slack)
		return base;
	aligned = base + (-(uintptr_t)base & (SF_HUGE_PAGE - 1));
	if (aligned != base)
		munmap(base, (size_t)(aligned - base));
	if (aligned != base + slack)
		munmap(aligned + bytes, (size_t)(base + slack - aligned));
	/* kernels without transparent huge pages refuse this: small pages will do */
	madvise(aligned, bytes, MADV_HUGEPAGE);
	return aligned;
}

void sf_pages_free(void *pages, size_t bytes)
{
	if (pages)
		munmap(pages, whole_pages(bytes));
}
