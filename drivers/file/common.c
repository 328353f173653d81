/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ring of blocks of packets. Blocks are numbered from 0; `made` of them are there, each member
 * works on block `at`, and a block's place in the ring is taken again when all are past it:
 *
 *	made - BLOCKS <= at of each member <= made
 *
 * One member at a time reads a block, without the lock; the others go on with those that are there.
 * It is one of those who are furthest, so that reading slows down the fastest and not one that the others
 * wait for in the end; and it reads LEAD blocks ahead of itself, so that nobody waits for reading as
 * long as there is something else to do. A member that waits does so for one that reads, or for the
 * slowest when the ring is full. It waits for a limited time, so that a member that goes no further
 * holds up nobody who is to end.
 *
 * All words are under the lock, taken once per block, but for one:
 *	news  written under the lock, read by those who wait without it (relaxed): a hint to take
 *	      the lock and look.
 * What a block holds is written before `made` counts it and read after; its bytes lie in buffers that
 * go back to the pool when its place is taken again.
 */
#include "file/common.h"

#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <spanflow/error.h>

#include "base/pause.h"

#define BLOCK  1024 /* packets: few enough that a handful of blocks stay in the caches */
#define BLOCKS 8
#define LEAD   4
#define SPINS  500 /* looks before a thread lets others run: about 10 µs */
#define YIELDS 500 /* looks before it sleeps: waking up takes as long as reading a block */

struct block {
	unsigned count;
	struct sf_buffers gone; /* given up while it was read */
	alignas(64) struct sf_packet packets[BLOCK];
};

struct sf_common {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	_Atomic unsigned news; /* changes that others may wait for */
	uint64_t made;
	bool reading;
	unsigned waiting;
	int end; /* what recv returns behind the last block; 0: not known yet */
	unsigned members, left;
	uint64_t at[SF_COMMON_MEMBERS]; /* UINT64_MAX: it has left */
	/* who reads only */
	sf_common_read read;
	void *reader;
	struct sf_pool pool;
	struct sf_error error; /* of `end` */
	struct block blocks[BLOCKS];
};

struct sf_common *sf_common_new(sf_common_read read, void *reader)
{
	size_t size = (sizeof(struct sf_common) + 63) / 64 * 64;
	struct sf_common *common = aligned_alloc(64, size);
	pthread_condattr_t attributes;

	if (!common)
		return NULL;
	memset(common, 0, sizeof(*common));
	common->read = read;
	common->reader = reader;
	pthread_mutex_init(&common->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&common->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	return common;
}

struct sf_pool *sf_common_pool(struct sf_common *common)
{
	return &common->pool;
}

void sf_common_free(struct sf_common *common)
{
	if (!common)
		return;
	for (unsigned i = 0; i < BLOCKS; i++)
		sf_pool_return(&common->pool, &common->blocks[i].gone);
	sf_pool_fini(&common->pool);
	pthread_cond_destroy(&common->changed);
	pthread_mutex_destroy(&common->lock);
	free(common);
}

bool sf_common_join(struct sf_common *common, struct sf_place *place)
{
	if (common->members == SF_COMMON_MEMBERS)
		return false;
	*place = (struct sf_place){ .member = common->members++ };
	return true;
}

/* Something that others may wait for has come. */
static void common_wake(struct sf_common *common)
{
	atomic_store_explicit(&common->news,
		atomic_load_explicit(&common->news, memory_order_relaxed) + 1,
		memory_order_relaxed);
	if (common->waiting)
		pthread_cond_broadcast(&common->changed);
}

bool sf_common_leave(struct sf_common *common, struct sf_place *place)
{
	bool last;

	pthread_mutex_lock(&common->lock);
	common->at[place->member] = UINT64_MAX;
	last = ++common->left == common->members;
	common->pool.over = last;
	common_wake(common);
	pthread_mutex_unlock(&common->lock);
	return last;
}

/* Is it for this member to read now, and is there room? */
static bool common_may_read(const struct sf_common *common, unsigned member)
{
	uint64_t at = common->at[member], last = at;

	if (common->reading || common->end || common->made - at >= LEAD)
		return false;
	for (unsigned i = 0; i < common->members; i++) {
		if (common->at[i] > at && common->at[i] != UINT64_MAX)
			return false;
		if (common->at[i] < last)
			last = common->at[i];
	}
	return common->made - last < BLOCKS;
}

/* Reads a block; the lock is held but for the reading itself. False: nothing came. */
static bool common_fill(struct sf_common *common)
{
	struct block *block = &common->blocks[common->made % BLOCKS];
	struct sf_pool *pool = &common->pool;
	bool filled;
	int n;

	common->reading = true;
	pthread_mutex_unlock(&common->lock);
	sf_pool_return(pool, &block->gone);
	n = common->read(common->reader, block->packets, BLOCK, &common->error);
	filled = n > 0 || (n == 0 && sf_pool_full(pool));
	if (filled) {
		block->count = (unsigned)n;
		block->gone = pool->gone;
		pool->gone.count = 0;
		pool->gone.octets = 0;
	}
	pthread_mutex_lock(&common->lock);
	common->reading = false;
	common->made += filled;
	common->end = n < 0 ? n : 0;
	common_wake(common);
	return filled || n < 0;
}

/* Looks for a change for a while, without the lock: what is waited for is mostly not far. */
static bool common_spin(struct sf_common *common)
{
	unsigned seen = atomic_load_explicit(&common->news, memory_order_relaxed);
	bool changed = false;

	pthread_mutex_unlock(&common->lock);
	for (unsigned i = 0; i < SPINS + YIELDS && !changed; i++) {
		if (i < SPINS)
			sf_pause();
		else
			sched_yield();
		changed = atomic_load_explicit(&common->news, memory_order_relaxed) != seen;
	}
	pthread_mutex_lock(&common->lock);
	return changed || atomic_load_explicit(&common->news, memory_order_relaxed) != seen;
}

/* Waits for others; false: for too long. */
static bool common_wait(struct sf_common *common, int wait_ms)
{
	struct timespec until;
	int err;

	if (common_spin(common))
		return true;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += wait_ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	common->waiting++;
	err = pthread_cond_timedwait(&common->changed, &common->lock, &until);
	common->waiting--;
	return err == 0;
}

/* Goes to the next block. Returns as recv does; > 0: it is there. */
static int common_advance(struct sf_common *common, struct sf_place *place, int wait_ms)
{
	uint64_t *at = &common->at[place->member];
	bool quiet = false;

	if (place->held) {
		place->held = false;
		place->used = place->count = 0;
		++*at;
		common_wake(common);
	}
	for (;;) {
		bool there = *at < common->made;

		if (common_may_read(common, place->member)) {
			if (common_fill(common))
				continue;
			quiet = true;
		}
		if (there) {
			const struct block *block = &common->blocks[*at % BLOCKS];

			place->held = true;
			place->packets = block->packets;
			place->count = block->count;
			place->used = 0;
			return 1;
		}
		if (common->end)
			return common->end;
		if (quiet || !common_wait(common, wait_ms))
			return 0;
	}
}

int sf_common_recv(struct sf_common *common, struct sf_place *place, struct sf_packet *packets,
	unsigned max, int wait_ms, struct sf_error *error)
{
	unsigned n;

	while (place->used == place->count) {
		int rc;

		pthread_mutex_lock(&common->lock);
		rc = common_advance(common, place, wait_ms);
		if (rc < 0 && rc != SF_EOF)
			*error = common->error;
		pthread_mutex_unlock(&common->lock);
		if (rc <= 0)
			return rc;
	}
	n = place->count - place->used < max ? place->count - place->used : max;
	memcpy(packets, place->packets + place->used, n * sizeof(*packets));
	place->used += n;
	return (int)n;
}
