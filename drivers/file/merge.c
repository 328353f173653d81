/* SPDX-License-Identifier: BSD-2-Clause */
#include "file/merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/branch.h"

static const struct sf_merge_key nothing = { SF_READER_TIME_MAX + 1, UINT64_MAX };

/* The earlier of two keys, without a branch. */
static sf_always_inline struct sf_merge_key earlier(struct sf_merge_key a, struct sf_merge_key b)
{
	uint32_t second = b.time_ns < a.time_ns + (b.tie < a.tie);

	return (struct sf_merge_key){
		.time_ns = (int64_t)sf_choose(second, (uint64_t)b.time_ns, (uint64_t)a.time_ns),
		.tie = sf_choose(second, b.tie, a.tie),
	};
}

/* Sets a leaf, and updates the nodes above it; returns the new root. */
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

/* True: the packet of the input comes alone, at another place than its time. */
static bool is_wild(const struct sf_reader *reader)
{
	return reader->ahead_ns != reader->ahead->time_ns;
}

/* A free leaf for a new input. */
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
	merge->wild += is_wild(reader);
	play(merge->keys, merge->size + source->leaf,
		(struct sf_merge_key){
			.time_ns = reader->ahead_ns,
			.tie = (uint64_t)source->order << 32 | source->leaf,
		});
}

void sf_merge_forget(struct sf_merge *merge, struct sf_source *source)
{
	if (source->leaf != SF_NO_LEAF)
		merge->sources[source->leaf] = NULL;
	source->leaf = SF_NO_LEAF;
}

/* Updates a leaf whose packets were taken. Returns its input if it has no more packets, or NULL. */
static struct sf_source *merge_taken(struct sf_merge *merge, unsigned leaf)
{
	const struct sf_merge_run *run = &merge->runs[leaf];
	struct sf_merge_key key = merge->keys[merge->size + leaf];
	struct sf_source *spent = NULL;

	if (run->next < run->last) {
		key.time_ns = run->next->time_ns;
	} else {
		key = nothing;
		spent = merge->sources[leaf];
		merge->count--;
		merge->wild -= is_wild(spent->reader);
	}
	play(merge->keys, merge->size + leaf, key);
	return spent;
}

/* A batch while it is filled. */
struct filling {
	struct sf_packet *packets;
	unsigned count, max;
	int64_t until;
};

static sf_always_inline bool may_put(const struct filling *to, int64_t time_ns)
{
	return to->count < to->max && time_ns <= to->until;
}

/* Merges two inputs, such as the directions of a tap, in registers. */
static sf_always_inline struct sf_source *take_of_two(struct sf_merge *merge, struct filling *to)
{
	struct sf_merge_run *run = merge->runs;
	const struct sf_packet *a = run[0].next, *const last_a = run[0].last;
	const struct sf_packet *b = run[1].next, *const last_b = run[1].last;
	const int64_t b_if_equal = merge->keys[3].tie < merge->keys[2].tie;
	struct sf_source *spent, *other;

	while (a < last_a && b < last_b) {
		uint32_t second = b->time_ns < a->time_ns + b_if_equal;
		const struct sf_packet *next =
			(const struct sf_packet *)sf_choose(second, (uintptr_t)b, (uintptr_t)a);

		if (!may_put(to, next->time_ns))
			break;
		to->packets[to->count++] = *next;
		a += !second;
		b += second;
	}
	run[0].next = a;
	run[1].next = b;
	/* the loop ends when one input has no more packets: never both at once */
	spent = merge_taken(merge, 0);
	other = merge_taken(merge, 1);
	return spent ? spent : other;
}

static sf_always_inline struct sf_source *take_winners(struct sf_merge *merge, struct filling *to)
{
	struct sf_merge_key *const keys = merge->keys, key = keys[1];
	const unsigned size = merge->size;

	while (may_put(to, key.time_ns)) {
		uint32_t leaf = (uint32_t)key.tie;
		struct sf_merge_run *run = &merge->runs[leaf];
		const struct sf_packet *next = run->next;

		to->packets[to->count++] = *next;
		run->next = ++next;
		if (sf_unlikely(next == run->last))
			return merge_taken(merge, leaf);
		key.time_ns = next->time_ns;
		key = play(keys, size + leaf, key);
	}
	return NULL;
}

static sf_always_inline struct sf_source *take(struct sf_merge *merge, struct filling *to)
{
	if (merge->size == 2 && merge->count == 2 && !merge->wild)
		return take_of_two(merge, to);
	return take_winners(merge, to);
}

unsigned sf_merge_take(struct sf_merge *merge, struct sf_packet *packets, unsigned count,
	unsigned max, int64_t until, struct sf_source **spent)
{
	struct filling to = {
		.packets = packets,
		.count = count,
		.max = max,
		.until = until < SF_READER_TIME_MAX ? until : SF_READER_TIME_MAX,
	};

	*spent = take(merge, &to);
	return to.count;
}
