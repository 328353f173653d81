/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flow records that wait for destinations: one log of blocks that all destinations read, each at
 * its own place, so that a record lies in memory once. A block is given back when the last
 * destination has read it.
 *
 *	sf_queue_join(&queue);					for each reader, before the first put
 *	sf_queue_put(&queue, flows, count);
 *	flows = sf_queue_peek(&queue, &reader, 64, &count);	up to 64 records that lie in a row
 *	sf_queue_take(&reader, count);
 *	sf_queue_free(&queue);
 */
#ifndef SPANFLOW_EXPORT_QUEUE_H
#define SPANFLOW_EXPORT_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include <spanflow/flow.h>

struct sf_queue_block;

/* All zero: empty. */
struct sf_queue {
	struct sf_queue_block *first, *last;
	struct sf_queue_block *spare; /* so that a queue that is short does not ask the kernel */
	unsigned readers;
};

/* All zero before it joins. */
struct sf_queue_reader {
	struct sf_queue_block *block; /* NULL: nothing was read yet */
	unsigned at;                  /* next record in it */
	uint64_t count;               /* records that wait for this reader */
};

void sf_queue_free(struct sf_queue *queue);

void sf_queue_join(struct sf_queue *queue);

/* Copies the records for all readers, whose counts the caller raises. False: no memory. */
bool sf_queue_put(struct sf_queue *queue, const struct sf_flow *flows, unsigned count);

/* The next records for this reader, at most `max`; NULL: there are none. */
const struct sf_flow *sf_queue_peek(
	struct sf_queue *queue, struct sf_queue_reader *reader, unsigned max, unsigned *count);

/* The first `count` of what the last peek showed have been read. */
void sf_queue_take(struct sf_queue_reader *reader, unsigned count);

#endif
