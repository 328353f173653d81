/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the groups are: entries in blocks that never move, and an index of open addressing. The
 * first place of a hash in the index is given by its upper bits, so an index that is copied into a
 * larger one is read and written from its begin to its end.
 */
#include <stdlib.h>
#include <string.h>

#include "ask/group.h"
#include "base/pages.h"

#define BLOCK_BYTES ((size_t)32 << 20) /* at most */
#define INDEX_FIRST 64
#define GRANT       ((uint64_t)4 << 10) /* bytes that an object takes of the budget at once */

/* ---------------------------------------------------------------- memory */

/* Takes as much of the budget of all threads. */
static bool grant(struct sf_groups *groups, uint64_t octets)
{
	struct sf_groups_budget *budget = groups->budget;
	uint64_t before = atomic_fetch_add_explicit(&budget->used, octets, memory_order_relaxed);

	if (budget->most && before + octets > budget->most) {
		atomic_fetch_sub_explicit(&budget->used, octets, memory_order_relaxed);
		return false;
	}
	groups->granted += octets;
	return true;
}

bool sf_groups_take(struct sf_groups *groups, uint64_t octets)
{
	if (groups->granted < octets && !grant(groups, octets + GRANT) && !grant(groups, octets))
		return false;
	groups->granted -= octets;
	return true;
}

void sf_groups_give(struct sf_groups *groups, uint64_t octets)
{
	groups->granted += octets;
	if (groups->granted <= 2 * GRANT)
		return;
	atomic_fetch_sub_explicit(
		&groups->budget->used, groups->granted - GRANT, memory_order_relaxed);
	groups->granted = GRANT;
}

int sf_groups_full(const struct sf_groups *groups, struct sf_error *error)
{
	return sf_error_set(error, -ENOMEM,
		"%zu groups or more do not fit into the %llu MB of --memory: ask for fewer groups "
		"(--by src/24 instead of src, a narrower --where), or allow more (--memory %lluM)",
		sf_groups_count(groups),
		(unsigned long long)((groups->options.memory + 500000) / 1000000),
		(unsigned long long)(groups->options.memory / 250000));
}

static size_t block_bytes(const struct sf_groups *groups)
{
	return (groups->entry_words * sizeof(uint64_t)) << groups->block_bits;
}

void sf_store_init(struct sf_groups *groups)
{
	while (2 * block_bytes(groups) <= BLOCK_BYTES)
		groups->block_bits++;
}

static size_t block_count(const struct sf_groups *groups)
{
	return (groups->count + ((size_t)1 << groups->block_bits) - 1) >> groups->block_bits;
}

/* The first block is not in huge pages: most questions have few groups. */
static bool add_block(struct sf_groups *groups)
{
	size_t used = block_count(groups);
	uint64_t **blocks = realloc(groups->blocks, (used + 1) * sizeof(*blocks));

	if (!blocks)
		return false;
	groups->blocks = blocks;
	blocks[used] = sf_pages_new(block_bytes(groups), used > 0);
	return blocks[used] != NULL;
}

static bool is_full(const struct sf_groups *groups)
{
	return (groups->count & (((size_t)1 << groups->block_bits) - 1)) == 0;
}

/* ---------------------------------------------------------------- index */

static size_t index_bytes(const struct sf_groups *groups)
{
	return groups->index_size * sizeof(*groups->index);
}

static void index_put(struct sf_groups *groups, uint64_t slot)
{
	size_t at = slot >> groups->index_shift;

	while (groups->index[at])
		at = (at + 1) & (groups->index_size - 1);
	groups->index[at] = slot;
}

static bool index_grow(struct sf_groups *groups)
{
	uint64_t *old = groups->index, *index;
	size_t before = groups->index_size, size = before ? 2 * before : INDEX_FIRST;

	/* a slot has the upper half of the hash only */
	if (size > UINT32_MAX || !sf_groups_take(groups, (size - before) * sizeof(*index)))
		return false;
	index = sf_pages_new(size * sizeof(*index), true);
	if (!index)
		return false;
	groups->index = index;
	groups->index_size = size;
	groups->index_shift = 64 - (unsigned)__builtin_ctzll(size);
	for (size_t i = 0; i < before; i++)
		if (old[i])
			index_put(groups, old[i]);
	sf_pages_free(old, before * sizeof(*old));
	return true;
}

/* ---------------------------------------------------------------- freeing */

void sf_store_drop_block(struct sf_groups *groups)
{
	size_t last = block_count(groups) - 1, first = last << groups->block_bits;

	for (size_t i = first; i < groups->count; i++)
		for (unsigned k = 0; k < groups->sum_count; k++)
			sf_sum_free(groups, &groups->sums[k],
				sf_group_entry(groups, i) + groups->sums[k].at);
	sf_groups_give(groups, (groups->count - first) * groups->entry_words * sizeof(uint64_t));
	sf_pages_free(groups->blocks[last], block_bytes(groups));
	groups->count = first;
}

void sf_store_free(struct sf_groups *groups)
{
	while (groups->count)
		sf_store_drop_block(groups);
	free(groups->blocks);
	groups->blocks = NULL;
	sf_pages_free(groups->index, index_bytes(groups));
	sf_groups_give(groups, index_bytes(groups));
	groups->index = NULL;
	groups->index_size = 0;
}

/* ---------------------------------------------------------------- groups */

uint64_t sf_group_key_hash(const struct sf_groups *groups, const uint64_t *key)
{
	return sf_words_hash(groups->options.seed, key, groups->first_sum);
}

static uint64_t *make_group(struct sf_groups *groups, const uint64_t *key, uint64_t hash)
{
	uint64_t *entry;

	if (groups->count == UINT32_MAX - 1 ||
		!sf_groups_take(groups, groups->entry_words * sizeof(*entry)) ||
		(is_full(groups) && !add_block(groups)))
		return NULL;
	entry = sf_group_entry(groups, groups->count++);
	memcpy(entry, key, groups->first_sum * sizeof(*key));
	memcpy(entry + groups->first_sum, groups->blank,
		(groups->entry_words - groups->first_sum) * sizeof(*entry));
	index_put(groups, (hash & ~(uint64_t)UINT32_MAX) | groups->count);
	return entry;
}

uint64_t *sf_group_find(struct sf_groups *groups, const uint64_t *key, uint64_t hash)
{
	if (4 * (groups->count + 1) > 3 * groups->index_size && !index_grow(groups))
		return NULL;
	for (size_t at = hash >> groups->index_shift; groups->index[at];
		at = (at + 1) & (groups->index_size - 1)) {
		uint64_t slot = groups->index[at], *entry;

		if ((slot ^ hash) >> 32)
			continue;
		entry = sf_group_entry(groups, (uint32_t)slot - 1);
		if (memcmp(entry, key, groups->first_sum * sizeof(*key)) == 0)
			return entry;
	}
	return make_group(groups, key, hash);
}

/* Asks for the entry that most likely is the group of the hash. */
static void fetch_entry(const struct sf_groups *groups, uint64_t hash)
{
	for (size_t at = hash >> groups->index_shift; groups->index[at];
		at = (at + 1) & (groups->index_size - 1)) {
		uint64_t slot = groups->index[at];

		if ((slot ^ hash) >> 32 == 0) {
			const uint64_t *entry = sf_group_entry(groups, (uint32_t)slot - 1);

			__builtin_prefetch(entry);
			__builtin_prefetch(entry + groups->entry_words - 1);
			return;
		}
	}
}

void sf_groups_fetch(struct sf_groups *groups, const uint64_t *hashes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct sf_groups *home = sf_groups_home(groups, hashes[i]);

		if (home->index)
			__builtin_prefetch(&home->index[hashes[i] >> home->index_shift]);
	}
	for (size_t i = 0; i < count; i++) {
		const struct sf_groups *home = sf_groups_home(groups, hashes[i]);

		if (home->index)
			fetch_entry(home, hashes[i]);
	}
}
