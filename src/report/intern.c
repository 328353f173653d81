/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers for items: a hash table of numbers over an array of items. */
#include <stdlib.h>
#include <string.h>

#include "report/internal.h"

void sf_intern_init(struct sf_intern *table, size_t size, const struct sf_hash_key *key)
{
	*table = (struct sf_intern){ .size = size, .key = *key };
}

void sf_intern_free(struct sf_intern *table)
{
	free(table->items);
	free(table->slots);
	*table = (struct sf_intern){ 0 };
}

static uint32_t hash_item(const struct sf_intern *table, const void *item)
{
	uint64_t words[SF_PAGE_TEXT / 8];

	memcpy(words, item, table->size);
	return (uint32_t)sf_hash_strong(&table->key, words, (unsigned)(table->size / 8));
}

/* The slot of the item, or the free one where it belongs. */
static uint32_t *find_slot(struct sf_intern *table, const void *item)
{
	uint32_t at = hash_item(table, item) & table->mask;

	while (table->slots[at] &&
		memcmp(table->items + (table->slots[at] - 1) * table->size, item, table->size) != 0)
		at = (at + 1) & table->mask;
	return &table->slots[at];
}

/* Twice the room. The table is at most half full. */
static bool grow(struct sf_intern *table)
{
	uint32_t room = table->room ? 2 * table->room : 512;
	uint8_t *items = realloc(table->items, room * table->size);
	uint32_t *slots = calloc(2 * (size_t)room, sizeof(*slots));

	if (items)
		table->items = items;
	if (!items || !slots) {
		free(slots);
		return false;
	}
	free(table->slots);
	table->slots = slots;
	table->room = room;
	table->mask = 2 * room - 1;
	for (uint32_t i = 0; i < table->count; i++)
		*find_slot(table, table->items + i * table->size) = i + 1;
	return true;
}

int64_t sf_intern(struct sf_intern *table, const void *item)
{
	uint32_t *slot;

	if (table->count == table->room && !grow(table))
		return -1;
	slot = find_slot(table, item);
	if (!*slot) {
		memcpy(table->items + table->count * table->size, item, table->size);
		*slot = ++table->count;
	}
	return *slot - 1;
}
