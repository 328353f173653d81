/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The index of a flow table: hash -> entry id, in buckets of one cache line.
 *
 *	bucket   | sig[12] | overflow | used | id[12] |
 *
 * An id lives in its home bucket or, when that is full, in the first bucket after it with room.
 * `overflow` counts the ids that were put into a later bucket because this one was full. A search
 * ends at a bucket whose overflow is 0, and removing needs no tombstones: it lowers the counts from
 * the home bucket on. The caller, who has the keys, tells ids of the same signature apart: with
 * signatures of 8 bits one search in a hundred meets another id before its own.
 *
 * The number of buckets need not be a power of two: home = (upper half of hash * count) >> 32. At
 * the table's cap the index is six tenths full; then 0.9 % of the ids sit outside their home bucket
 * and a chain of SF_INDEX_CHAIN_MAX buckets does not occur unless somebody chooses the keys.
 */
#ifndef SPANFLOW_TABLE_INDEX_H
#define SPANFLOW_TABLE_INDEX_H

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "table/arena.h"

#define SF_BUCKET_IDS      12
#define SF_BUCKET_FULL     0xfff /* `used` of a full bucket */
#define SF_INDEX_CHAIN_MAX 16    /* buckets; a longer chain makes the table take the strong hash */

struct sf_bucket {
	alignas(64) uint8_t sig[SF_BUCKET_IDS];
	uint16_t overflow; /* UINT16_MAX: so many that they were not counted any more */
	uint16_t used;     /* bit mask */
	uint32_t id[SF_BUCKET_IDS];
};

static_assert(sizeof(struct sf_bucket) == 64, "a bucket is one cache line");

struct sf_index {
	struct sf_bucket *buckets; /* NULL: there is no such index */
	uint32_t count;
	bool strong; /* SipHash instead of the fast hash */
	struct sf_hash_key key;
	struct sf_arena arena;
};

/* Buckets of an index that is made for `ids` ids. */
uint32_t sf_index_buckets(uint32_t ids);

/* For at most `ids` ids. The caller has set `strong` and `key`. 0 or -ENOMEM. */
int sf_index_init(struct sf_index *index, uint32_t ids, bool populate);
void sf_index_fini(struct sf_index *index);

/* Number of the bucket where the chain of `hash` begins. */
static inline uint32_t sf_index_home(const struct sf_index *index, uint64_t hash)
{
	return (uint32_t)((hash >> 32) * index->count >> 32);
}

static inline uint32_t sf_index_next(const struct sf_index *index, uint32_t bucket)
{
	return bucket + 1 == index->count ? 0 : bucket + 1;
}

/* Bit mask of the places in use whose signature is that of `hash`; all variants give the same. */
unsigned sf_bucket_match_portable(const struct sf_bucket *bucket, uint64_t hash);

/* Compares 16 bytes at once: 12 signatures and 4 bytes behind them, which `used` masks out. */
#if defined(__SSE2__)
#include <emmintrin.h>

static inline unsigned sf_bucket_match(const struct sf_bucket *bucket, uint64_t hash)
{
	__m128i equal =
		_mm_cmpeq_epi8(_mm_load_si128((const __m128i *)bucket), _mm_set1_epi8((char)hash));

	return (unsigned)_mm_movemask_epi8(equal) & bucket->used;
}
#elif defined(__aarch64__)
#include <arm_neon.h>

static inline unsigned sf_bucket_match(const struct sf_bucket *bucket, uint64_t hash)
{
	static const uint8_t bits[16] = { 1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8 };
	uint8x16_t equal = vceqq_u8(vld1q_u8(bucket->sig), vdupq_n_u8((uint8_t)hash));
	uint8x16_t found = vandq_u8(equal, vld1q_u8(bits));

	return (vaddv_u8(vget_low_u8(found)) | (unsigned)vaddv_u8(vget_high_u8(found)) << 8) &
	       bucket->used;
}
#else
static inline unsigned sf_bucket_match(const struct sf_bucket *bucket, uint64_t hash)
{
	return sf_bucket_match_portable(bucket, hash);
}
#endif

/* Slow part of sf_index_insert_at(): the home bucket is full. Returns the length of the chain. */
uint32_t sf_index_insert_beyond(
	struct sf_index *index, struct sf_bucket *home, uint64_t hash, uint32_t id);

static inline void sf_bucket_put(struct sf_bucket *bucket, uint64_t hash, uint32_t id)
{
	unsigned place = (unsigned)__builtin_ctz(~(unsigned)bucket->used);

	bucket->sig[place] = (uint8_t)hash;
	bucket->id[place] = id;
	bucket->used |= (uint16_t)(1 << place);
}

/*
 * Adds an id that is not in the index. Returns the length of its chain in
 * buckets; 1: the home bucket had room.
 */
static inline uint32_t sf_index_insert_at(
	struct sf_index *index, struct sf_bucket *home, uint64_t hash, uint32_t id)
{
	if (__builtin_expect(home->used == SF_BUCKET_FULL, 0))
		return sf_index_insert_beyond(index, home, hash, id);
	sf_bucket_put(home, hash, id);
	return 1;
}

static inline uint32_t sf_index_insert(struct sf_index *index, uint64_t hash, uint32_t id)
{
	return sf_index_insert_at(index, &index->buckets[sf_index_home(index, hash)], hash, id);
}

/* Removes it; false: it was not there. */
bool sf_index_remove(struct sf_index *index, uint64_t hash, uint32_t id);

#endif
