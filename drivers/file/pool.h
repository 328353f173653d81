/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The buffers of streams whose packets are lent for longer than until the next read: a full buffer is
 * given up for another one, and comes back when nobody holds a packet in it any more. Who that is
 * the owner of the pool knows, who takes the list of those given up from time to time. One thread at
 * a time.
 */
#ifndef SPANFLOW_FILE_POOL_H
#define SPANFLOW_FILE_POOL_H

#include <stdbool.h>
#include <stddef.h>

#define SF_POOL_GONE  32
#define SF_POOL_SPARE 16

struct sf_buffer {
	void *memory; /* of malloc() and its like */
	size_t size;
};

struct sf_buffers {
	struct sf_buffer list[SF_POOL_GONE];
	unsigned count;
	size_t octets;
};

struct sf_pool {
	struct sf_buffers gone; /* given up, packets in them may be lent */
	struct sf_buffer spare[SF_POOL_SPARE];
	unsigned spare_count;
	bool over; /* nothing is lent any more */
};

/* A page-aligned buffer, or NULL. */
void *sf_pool_take(struct sf_pool *pool, size_t size);

/* Gives up a buffer; not when the pool is full. */
void sf_pool_give(struct sf_pool *pool, void *memory, size_t size);

/* True: the list of those given up must be taken before much more is read. */
bool sf_pool_full(const struct sf_pool *pool);

/* Nothing in these buffers is lent any more. */
void sf_pool_return(struct sf_pool *pool, struct sf_buffers *buffers);

/* Frees what is spare and what was given up. */
void sf_pool_fini(struct sf_pool *pool);

#endif
