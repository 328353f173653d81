/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The queue of flow records for destinations: a list of blocks that all destinations read, each at
 * its own position, so that a record is in memory once. A block is freed when all destinations have
 * read it. The records' annexes are copied with them.
 *
 *	sf_queue_join(&queue);					for each reader, before the first
 *								put
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

struct sf_annex_layout;
struct sf_queue_block;
struct sf_queue_layout;

/* All zero: empty. */
struct sf_queue {
	struct sf_queue_block *first, *last;
	/* a free block, so that a short queue needs no system calls */
	struct sf_queue_block *spare;
	unsigned readers;
	struct sf_queue_layout *layouts; /* of the annexes of records that were put */
};

/* All zero before it joins. */
struct sf_queue_reader {
	struct sf_queue_block *block; /* NULL: nothing was read yet */
	unsigned at;                  /* index of the next record in `block` */
	uint64_t count;               /* records that this reader has not read */
};

/* Frees all blocks and empties the queue. */
void sf_queue_free(struct sf_queue *queue);

/* Adds a reader. All readers join before the first put. */
void sf_queue_join(struct sf_queue *queue);

/*
 * Appends copies of records, all with the same facts. The caller raises reader.count of all
 * readers. False: no memory, and nothing was appended.
 */
bool sf_queue_put(struct sf_queue *queue, const struct sf_flow *flows, unsigned count);

/* The next records for this reader, at most `max`; NULL: there are none. */
const struct sf_flow *sf_queue_peek(
	struct sf_queue *queue, struct sf_queue_reader *reader, unsigned max, unsigned *count);

/* The reader has read the first `count` records of its last peek. */
void sf_queue_take(struct sf_queue_reader *reader, unsigned count);

#endif
