/* SPDX-License-Identifier: BSD-2-Clause */
#include "file/slots.h"

#include <stdlib.h>

int sf_slots_describe(struct sf_slots *slots, unsigned number, const struct sf_interface *found)
{
	unsigned count = atomic_load_explicit(&slots->count, memory_order_relaxed);

	/* interfaces are numbered in the order of their descriptions: at most one is new */
	for (; count <= number; count++) {
		struct sf_interface **block = &slots->blocks[count / SF_SLOTS_BLOCK];

		if (!*block)
			*block = calloc(SF_SLOTS_BLOCK, sizeof(**block));
		if (!*block)
			return -ENOMEM;
		(*block)[count % SF_SLOTS_BLOCK] = *found;
		(*block)[count % SF_SLOTS_BLOCK].index = count + 1;
		/* pairs with the acquire in sf_slots_get() */
		atomic_store_explicit(&slots->count, count + 1, memory_order_release);
	}
	return 0;
}

const struct sf_interface *sf_slots_get(const struct sf_slots *slots, unsigned number)
{
	if (number >= atomic_load_explicit(&slots->count, memory_order_acquire))
		return NULL;
	return &slots->blocks[number / SF_SLOTS_BLOCK][number % SF_SLOTS_BLOCK];
}

void sf_slots_fini(struct sf_slots *slots)
{
	for (size_t i = 0; i < SF_SLOTS_MAX / SF_SLOTS_BLOCK; i++)
		free(slots->blocks[i]);
}
