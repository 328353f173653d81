/* SPDX-License-Identifier: BSD-2-Clause */
/* Few buffers of few sizes: lists are searched from end to end, the last one back is the first out. */
#include "file/pool.h"

#include <stdlib.h>
#include <string.h>

#define GONE_OCTETS ((size_t)512 * 1024) /* given up at once, and a buffer more */
#define GONE_SLACK  4                    /* most buffers given up between two looks at the pool */

void *sf_pool_take(struct sf_pool *pool, size_t size)
{
	void *memory;

	for (unsigned i = pool->spare_count; i-- > 0;)
		if (pool->spare[i].size == size) {
			memory = pool->spare[i].memory;
			pool->spare[i] = pool->spare[--pool->spare_count];
			return memory;
		}
	return posix_memalign(&memory, 4096, size) == 0 ? memory : NULL;
}

void sf_pool_give(struct sf_pool *pool, void *memory, size_t size)
{
	struct sf_buffers *gone = &pool->gone;

	if (pool->over) {
		free(memory);
		return;
	}
	gone->list[gone->count++] = (struct sf_buffer){ memory, size };
	gone->octets += size;
}

bool sf_pool_full(const struct sf_pool *pool)
{
	return pool->gone.octets >= GONE_OCTETS || pool->gone.count > SF_POOL_GONE - GONE_SLACK;
}

void sf_pool_return(struct sf_pool *pool, struct sf_buffers *buffers)
{
	for (unsigned i = 0; i < buffers->count; i++) {
		if (pool->spare_count == SF_POOL_SPARE) {
			/* of a size that nobody wants any more, perhaps */
			free(pool->spare[0].memory);
			pool->spare[0] = pool->spare[--pool->spare_count];
		}
		pool->spare[pool->spare_count++] = buffers->list[i];
	}
	buffers->count = 0;
	buffers->octets = 0;
}

void sf_pool_fini(struct sf_pool *pool)
{
	sf_pool_return(pool, &pool->gone);
	while (pool->spare_count)
		free(pool->spare[--pool->spare_count].memory);
}
