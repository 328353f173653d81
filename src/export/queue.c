/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/queue.h"

#include <string.h>
#include <sys/mman.h>

/* Blocks are mapped, not allocated, so that the memory of a burst goes back to the kernel. */
#define BLOCK_SIZE ((size_t)256 * 1024)
#define CAPACITY   ((BLOCK_SIZE - 64) / sizeof(struct sf_flow))

struct sf_queue_block {
	struct sf_queue_block *next;
	unsigned used; /* records in the block */
	unsigned left; /* readers that have not read the whole block */
	_Alignas(64) struct sf_flow flows[CAPACITY];
};

static_assert(sizeof(struct sf_queue_block) <= BLOCK_SIZE, "a block fits into its mapping");

static void give_back(struct sf_queue *queue, struct sf_queue_block *block)
{
	if (!queue->spare)
		queue->spare = block;
	else
		munmap(block, BLOCK_SIZE);
}

void sf_queue_free(struct sf_queue *queue)
{
	for (struct sf_queue_block *block = queue->first, *next; block; block = next) {
		next = block->next;
		munmap(block, BLOCK_SIZE);
	}
	if (queue->spare)
		munmap(queue->spare, BLOCK_SIZE);
	memset(queue, 0, sizeof(*queue));
}

void sf_queue_join(struct sf_queue *queue)
{
	queue->readers++;
}

static struct sf_queue_block *new_block(struct sf_queue *queue)
{
	struct sf_queue_block *block = queue->spare;

	queue->spare = NULL;
	if (!block)
		block = mmap(NULL, BLOCK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	if (block == MAP_FAILED)
		return NULL;
	block->next = NULL;
	block->used = 0;
	block->left = queue->readers;
	return block;
}

bool sf_queue_put(struct sf_queue *queue, const struct sf_flow *flows, unsigned count)
{
	struct sf_queue_block *last = queue->last, *next = NULL;
	unsigned room = last ? (unsigned)CAPACITY - last->used : 0;
	unsigned here = count < room ? count : room;

	/* all records or none; `count` is far below CAPACITY */
	if (here < count) {
		next = new_block(queue);
		if (!next)
			return false;
	}
	if (here) {
		memcpy(&last->flows[last->used], flows, here * sizeof(*flows));
		last->used += here;
	}
	if (!next)
		return true;
	memcpy(next->flows, flows + here, (count - here) * sizeof(*flows));
	next->used = count - here;
	if (last)
		last->next = next;
	else
		queue->first = next;
	queue->last = next;
	return true;
}

/* Moves a reader to the next block; the last reader that leaves a block frees it. */
static void go_on(struct sf_queue *queue, struct sf_queue_reader *reader)
{
	struct sf_queue_block *block = reader->block;

	reader->block = block->next;
	reader->at = 0;
	if (--block->left)
		return;
	/* readers go from block to block in the same order, so this is the first one */
	queue->first = block->next;
	give_back(queue, block);
}

const struct sf_flow *sf_queue_peek(
	struct sf_queue *queue, struct sf_queue_reader *reader, unsigned max, unsigned *count)
{
	unsigned left;

	if (!reader->block)
		reader->block = queue->first;
	if (!reader->block)
		return NULL;
	if (reader->at == CAPACITY && reader->block->next)
		go_on(queue, reader);
	left = reader->block->used - reader->at;
	*count = left < max ? left : max;
	return left ? &reader->block->flows[reader->at] : NULL;
}

void sf_queue_take(struct sf_queue_reader *reader, unsigned count)
{
	reader->at += count;
	reader->count -= count;
}
