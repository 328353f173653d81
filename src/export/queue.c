/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/queue.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/annex.h"

/* Blocks are mapped, not allocated, so that the memory of a burst goes back to the kernel. */
#define BLOCK_SIZE ((size_t)256 * 1024)
#define BLOCK_ROOM (BLOCK_SIZE - offsetof(struct sf_queue_block, flows))

struct sf_queue_block {
	struct sf_queue_block *next;
	const struct sf_annex_layout *layout; /* of the annexes of its records; NULL: no annexes */
	unsigned capacity;                    /* records that it has room for */
	unsigned used;                        /* records in the block */
	unsigned left;                        /* readers that have not read the whole block */
	_Alignas(64) struct sf_flow flows[];  /* [capacity], and behind them their annexes */
};

/*
 * A copy of a layout of annexes: records in the queue may outlive the meter that owns the layout.
 */
struct sf_queue_layout {
	struct sf_queue_layout *next;
	struct sf_annex_layout layout;
};

/* Frees a block that all destinations have read, or keeps it for the next new_block(). */
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
	for (struct sf_queue_layout *layout = queue->layouts, *next; layout; layout = next) {
		next = layout->next;
		free(layout);
	}
	memset(queue, 0, sizeof(*queue));
}

void sf_queue_join(struct sf_queue *queue)
{
	queue->readers++;
}

/* The queue's own copy of a layout; NULL: there is no memory. */
static const struct sf_annex_layout *own_layout(
	struct sf_queue *queue, const struct sf_annex_layout *layout)
{
	struct sf_queue_layout *own = queue->layouts;

	while (own && own->layout.facts != layout->facts)
		own = own->next;
	if (own)
		return &own->layout;
	own = malloc(sizeof(*own));
	if (!own)
		return NULL;
	own->layout = *layout;
	own->next = queue->layouts;
	queue->layouts = own;
	return &own->layout;
}

static struct sf_queue_block *new_block(
	struct sf_queue *queue, const struct sf_annex_layout *layout)
{
	struct sf_queue_block *block = queue->spare;

	queue->spare = NULL;
	if (!block)
		block = mmap(NULL, BLOCK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	if (block == MAP_FAILED)
		return NULL;
	block->next = NULL;
	block->layout = layout;
	block->capacity = (unsigned)(BLOCK_ROOM / (sizeof(struct sf_flow) +
							  (layout ? layout->record_bytes : 0)));
	block->used = 0;
	block->left = queue->readers;
	return block;
}

/* Copies records, with their annexes, behind those that are in the block. */
static void append(struct sf_queue_block *block, const struct sf_flow *flows, unsigned count)
{
	const struct sf_annex_layout *layout = block->layout;
	struct sf_flow *to = block->flows + block->used;
	uint8_t *annexes = (uint8_t *)(block->flows + block->capacity);

	memcpy(to, flows, count * sizeof(*flows));
	for (unsigned i = 0; layout && i < count; i++) {
		struct sf_annex *annex =
			(struct sf_annex *)(void *)(annexes + (block->used + i) *
								      (size_t)layout->record_bytes);

		sf_annex_copy(annex, flows[i].annex);
		annex->layout = layout;
		to[i].annex = annex;
	}
	block->used += count;
}

bool sf_queue_put(struct sf_queue *queue, const struct sf_flow *flows, unsigned count)
{
	struct sf_queue_block *last = queue->last, *next = NULL;
	const struct sf_annex_layout *layout = NULL;
	unsigned room, here;

	if (flows->annex) {
		layout = own_layout(queue, flows->annex->layout);
		if (!layout)
			return false;
	}
	/*
	 * a block has records of one layout: with another one the rest
	 * of the last block stays unused
	 */
	if (last && last->layout != layout)
		last->capacity = last->used;
	room = last ? last->capacity - last->used : 0;
	here = count < room ? count : room;
	/* either all records are put or none is; `count` is far below the capacity of a block */
	if (here < count) {
		next = new_block(queue, layout);
		if (!next)
			return false;
	}
	if (here)
		append(last, flows, here);
	if (!next)
		return true;
	append(next, flows + here, count - here);
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
	/*
	 * all readers go through the blocks in the same order: the block is the first of the list
	 */
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
	if (reader->at == reader->block->used && reader->block->next)
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
