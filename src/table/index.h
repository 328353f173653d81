/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The index of a flow table: hash -> entry id, in buckets of one cache line.
 *
 *	bucket   | sig[7] | id[7] | overflow | used |
 *
 * An id lives in its home bucket or, when that is full, in the first one after it with room.
 * `overflow` counts the ids that passed by this bucket on their way, so that a search ends where
 * it is 0 and removing needs no tombstones: the removed id's way is walked again and each count
 * lowered. Ids of one signature are told apart by the caller, who has the keys.
 *
 * The number of buckets need not be a power of two: home = (upper half of hash * count) >> 32. At
 * the table's cap the index is half full; then 2.7 % of the ids sit outside their home bucket and
 * a way of SF_INDEX_WAY_MAX buckets does not occur unless somebody chooses the keys.
 */
#ifndef SPANFLOW_TABLE_INDEX_H
#define SPANFLOW_TABLE_INDEX_H

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "table/arena.h"

#define SF_BUCKET_IDS    7
#define SF_BUCKET_FULL   0x7f /* `used` of a full bucket */
#define SF_INDEX_WAY_MAX 16   /* buckets; a longer way makes the table take the strong hash */

struct sf_bucket {
	alignas(64) uint32_t sig[SF_BUCKET_IDS];
	uint32_t id[SF_BUCKET_IDS];
	uint32_t overflow;
	uint8_t used; /* bit mask */
	uint8_t reserved[3];
};

static_assert(sizeof(struct sf_bucket) == 64, "a bucket is one cache line");

struct sf_index {
	struct sf_bucket *buckets; /* NULL: there is no such index */
	uint32_t count;
	bool strong; /* SipHash instead of the fast hash */
	struct sf_hash_key key;
	struct sf_arena arena;
};

/* For at most `ids` ids. The caller has set `strong` and `key`. 0 or -ENOMEM. */
int sf_index_init(struct sf_index *index, uint32_t ids, bool populate);
void sf_index_fini(struct sf_index *index);

/* Number of the bucket where the way of `hash` begins. */
static inline uint32_t sf_index_home(const struct sf_index *index, uint64_t hash)
{
	return (uint32_t)((hash >> 32) * index->count >> 32);
}

static inline uint32_t sf_index_next(const struct sf_index *index, uint32_t bucket)
{
	return bucket + 1 == index->count ? 0 : bucket + 1;
}

/* Bit mask of the places in use whose signature is `sig`; all variants give the same. */
unsigned sf_bucket_match_portable(const struct sf_bucket *bucket, uint32_t sig);

#if defined(__SSE2__)
#include <emmintrin.h>

static inline unsigned sf_bucket_match(const struct sf_bucket *bucket, uint32_t sig)
{
	__m128i wanted = _mm_set1_epi32((int)sig);
	/* the eighth word compared is id[0]; its bit is masked out with the unused ones */
	__m128i low = _mm_load_si128((const __m128i *)bucket);
	__m128i high = _mm_load_si128((const __m128i *)bucket + 1);
	__m128i equal =
		_mm_packs_epi32(_mm_cmpeq_epi32(low, wanted), _mm_cmpeq_epi32(high, wanted));

	return (unsigned)_mm_movemask_epi8(_mm_packs_epi16(equal, equal)) & bucket->used;
}
#elif defined(__aarch64__)
#include <arm_neon.h>

static inline unsigned sf_bucket_match(const struct sf_bucket *bucket, uint32_t sig)
{
	static const uint16_t bits[8] = { 1, 2, 4, 8, 16, 32, 64, 128 };
	uint32x4_t wanted = vdupq_n_u32(sig);
	const uint32_t *words = (const uint32_t *)bucket;
	/* the eighth word compared is id[0]; its bit is masked out with the unused ones */
	uint16x4_t low = vmovn_u32(vceqq_u32(vld1q_u32(words), wanted));
	uint16x4_t high = vmovn_u32(vceqq_u32(vld1q_u32(words + 4), wanted));

	return vaddvq_u16(vandq_u16(vcombine_u16(low, high), vld1q_u16(bits))) & bucket->used;
}
#else
static inline unsigned sf_bucket_match(const struct sf_bucket *bucket, uint32_t sig)
{
	return sf_bucket_match_portable(bucket, sig);
}
#endif

/* Goes on from a full bucket; returns the buckets on the way. */
uint32_t sf_index_insert_beyond(
	struct sf_index *index, struct sf_bucket *home, uint64_t hash, uint32_t id);

static inline void sf_bucket_put(struct sf_bucket *bucket, uint64_t hash, uint32_t id)
{
	unsigned place = (unsigned)__builtin_ctz(~(unsigned)bucket->used);

	bucket->sig[place] = (uint32_t)hash;
	bucket->id[place] = id;
	bucket->used |= (uint8_t)(1 << place);
}

/* Adds an id that is not in the index. Returns the buckets on its way, 1: at home. */
static inline uint32_t sf_index_insert(struct sf_index *index, uint64_t hash, uint32_t id)
{
	struct sf_bucket *home = &index->buckets[sf_index_home(index, hash)];

	if (__builtin_expect(home->used == SF_BUCKET_FULL, 0))
		return sf_index_insert_beyond(index, home, hash, id);
	sf_bucket_put(home, hash, id);
	return 1;
}

/* Removes it; false: it was not there. */
bool sf_index_remove(struct sf_index *index, uint64_t hash, uint32_t id);

#endif
