/* SPDX-License-Identifier: BSD-2-Clause */
#include "file/merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/branch.h"

static const struct sf_merge_key nothing = { SF_READER_TIME_MAX + 1, UINT64_MAX };

/* Without a jump. */
static sf_always_inline struct sf_merge_key earlier(struct sf_merge_key a, struct sf_merge_key b)
{
	uint32_t second = b.time_ns < a.time_ns + (b.tie < a.tie);

	return (struct sf_merge_key){
		.time_ns = (int64_t)sf_choose(second, (uint64_t)b.time_ns, (uint64_t)a.time_ns),
		.tie = sf_choose(second, b.tie, a.tie),
	};
}

/* A leaf has changed; returns the new root. */
static sf_always_inline struct sf_merge_key play(
	struct sf_merge_key *keys, unsigned node, struct sf_merge_key key)
{
	keys[node] = key;
	for (; node > 1; node /= 2) {
		key = earlier(key, keys[node ^ 1]);
		keys[node / 2] = key;
	}
	return key;
}

int sf_merge_init(struct sf_merge *merge, unsigned inputs)
{
	unsigned room = 2;

	while (room < inputs)
		room *= 2;
	*merge = (struct sf_merge){
		.size = 2,
		.room = room,
		.keys = calloc(2 * (size_t)room, sizeof(*merge->keys)),
		.runs = calloc(room, sizeof(*merge->runs)),
		.sources = calloc(room, sizeof(struct sf_source *)),
	};
	if (!merge->keys || !merge->runs || !merge->sources)
		return -ENOMEM;
	for (unsigned i = 0; i < 2 * room; i++)
		merge->keys[i] = nothing;
	return 0;
}

void sf_merge_fini(struct sf_merge *merge)
{
	free(merge->keys);
	free(merge->runs);
	free(merge->sources);
}

/* Twice as many leaves. */
static void merge_grow(struct sf_merge *merge)
{
	struct sf_merge_key *keys = merge->keys;
	unsigned size = merge->size;

	memcpy(keys + 2 * size, keys + size, size * sizeof(*keys));
	for (unsigned i = 3 * size; i < 4 * size; i++)
		keys[i] = nothing;
	merge->size = 2 * size;
	for (unsigned i = 2 * size - 1; i > 0; i--)
		keys[i] = earlier(keys[2 * i], keys[2 * i + 1]);
}

/* The place of a new input. */
static unsigned merge_leaf(struct sf_merge *merge, struct sf_source *source)
{
	unsigned leaf = 0;

	while (leaf < merge->size && merge->sources[leaf])
		leaf++;
	if (leaf == merge->size)
		merge_grow(merge);
	merge->sources[leaf] = source;
	return leaf;
}

void sf_merge_add(struct sf_merge *merge, struct sf_source *source)
{
	const struct sf_reader *reader = source->reader;

	if (source->leaf == SF_NO_LEAF)
		source->leaf = merge_leaf(merge, source);
	merge->runs[source->leaf] = (struct sf_merge_run){ reader->ahead, reader->ahead_end };
	merge->count++;
	play(merge->keys, merge->size + source->leaf,
		(struct sf_merge_key){
			.time_ns = reader->ahead->time_ns,
			.tie = (uint64_t)source->order << 32 | source->leaf,
		});
}

void sf_merge_forget(struct sf_merge *merge, struct sf_source *source)
{
	if (source->leaf != SF_NO_LEAF)
		merge->sources[source->leaf] = NULL;
	source->leaf = SF_NO_LEAF;
}

unsigned sf_merge_take(struct sf_merge *merge, struct sf_packet *packets, unsigned max,
	int64_t until, struct sf_source **spent)
{
	struct sf_merge_key *const keys = merge->keys, key = keys[1];
	struct sf_merge_run *const runs = merge->runs;
	const unsigned size = merge->size;
	unsigned taken = 0;

	*spent = NULL;
	until = until < SF_READER_TIME_MAX ? until : SF_READER_TIME_MAX;
	while (taken < max && key.time_ns <= until) {
		uint32_t leaf = (uint32_t)key.tie;
		struct sf_merge_run *run = &runs[leaf];
		const struct sf_packet *next = run->next;

		packets[taken++] = *next++;
		run->next = next;
		if (sf_unlikely(next == run->last)) {
			*spent = merge->sources[leaf];
			merge->count--;
			play(keys, size + leaf, nothing);
			break;
		}
		key.time_ns = next->time_ns;
		key = play(keys, size + leaf, key);
	}
	return taken;
}
