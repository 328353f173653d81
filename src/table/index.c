/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chains of buckets in the index of a flow table; the drawing is in index.h. The chain of a hash is
 * its home bucket and the buckets after it; the chain of an id ends at the bucket that has the id.
 *
 * Invariant: an id that is not in its home bucket is counted in `overflow` of every bucket of its
 * chain before its own. A bucket with room may have overflow > 0 (an id was removed from it), so a
 * search ends at overflow 0, not at a bucket with room. A count that has reached UINT16_MAX stays:
 * searches then go further than necessary. There are more places than ids, so every search ends.
 */
#include "table/index.h"

#define BUCKETS_MIN 16
#define FULL_TENTHS 6 /* tenths of the places that are used when all ids are in the index */

uint32_t sf_index_buckets(uint32_t ids)
{
	uint64_t count = (uint64_t)ids * 10 / (FULL_TENTHS * SF_BUCKET_IDS) + 1;

	return count < BUCKETS_MIN ? BUCKETS_MIN : (uint32_t)count;
}

int sf_index_init(struct sf_index *index, uint32_t ids, bool populate)
{
	uint32_t count = sf_index_buckets(ids);
	int status = sf_arena_init(&index->arena, count, sizeof(struct sf_bucket), populate);
	if (status < 0)
		return status;
	sf_arena_touch_small(&index->arena);
	index->buckets = index->arena.base;
	index->count = count;
	return 0;
}

void sf_index_fini(struct sf_index *index)
{
	sf_arena_fini(&index->arena);
	index->buckets = NULL;
}

unsigned sf_bucket_match_portable(const struct sf_bucket *bucket, uint64_t hash)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < SF_BUCKET_IDS; i++)
		mask |= (unsigned)(bucket->sig[i] == (uint8_t)hash) << i;
	return mask & bucket->used;
}

uint32_t sf_index_insert_beyond(
	struct sf_index *index, struct sf_bucket *home, uint64_t hash, uint32_t id)
{
	uint32_t at = (uint32_t)(home - index->buckets), chain = 1;
	struct sf_bucket *bucket = home;

	for (; bucket->used == SF_BUCKET_FULL; chain++) {
		bucket->overflow += bucket->overflow != UINT16_MAX;
		at = sf_index_next(index, at);
		bucket = &index->buckets[at];
	}
	sf_bucket_put(bucket, hash, id);
	return chain;
}

/* The place of the id in a bucket, as a mask. */
static unsigned place_of(const struct sf_bucket *bucket, uint64_t hash, uint32_t id)
{
	unsigned mask = sf_bucket_match(bucket, hash);

	while (mask && bucket->id[__builtin_ctz(mask)] != id)
		mask &= mask - 1;
	return mask & -mask;
}

bool sf_index_remove(struct sf_index *index, uint64_t hash, uint32_t id)
{
	uint32_t home = sf_index_home(index, hash), at = home, chain = 1;
	unsigned place;

	while (!(place = place_of(&index->buckets[at], hash, id))) {
		if (!index->buckets[at].overflow || chain++ == index->count)
			return false;
		at = sf_index_next(index, at);
	}
	index->buckets[at].used &= (uint16_t)~place;
	for (; home != at; home = sf_index_next(index, home))
		index->buckets[home].overflow -= index->buckets[home].overflow != UINT16_MAX;
	return true;
}
