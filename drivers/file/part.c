/* SPDX-License-Identifier: BSD-2-Clause */
#include "file/part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LEAST   64u /* packets that a new part has room for */
#define ROOM    ((size_t)64 << 10)
#define FEW     4u
#define NEAR_NS (300 * SF_NS_PER_S)

void sf_part_free(struct sf_part *part)
{
	free(part->bytes);
	free(part->packets);
	free(part->entries);
	free(part);
}

/* Makes room for one more packet of `bytes` bytes, and for its entry. 0 or -ENOMEM. */
static int grow(struct sf_part *part, size_t bytes)
{
	if (part->count == part->packet_room) {
		unsigned room = part->packet_room ? 2 * part->packet_room : LEAST;
		void *packets = reallocarray(part->packets, room, sizeof(*part->packets));
		void *entries = reallocarray(part->entries, room, sizeof(*part->entries));

		part->packets = packets ? packets : part->packets;
		part->entries = entries ? entries : part->entries;
		if (!packets || !entries)
			return -ENOMEM;
		part->packet_room = room;
	}
	if (!part->bytes || part->room - part->used < bytes) {
		size_t room = part->room ? 2 * part->room : ROOM;
		uint8_t *grown;

		while (room - part->used < bytes)
			room *= 2;
		grown = realloc(part->bytes, room);
		if (!grown)
			return -ENOMEM;
		part->bytes = grown;
		part->room = room;
	}
	return 0;
}

int sf_part_put(struct sf_part *part, const struct sf_packet *packets, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct sf_packet *packet = &packets[i];

		if (grow(part, packet->captured) < 0)
			return -ENOMEM;
		part->entries[part->count] = (struct sf_part_entry){
			.key = packet->time_ns,
			.index = part->count,
			.offset = (uint32_t)part->used,
		};
		part->packets[part->count++] = *packet;
		if (packet->captured)
			memcpy(part->bytes + part->used, packet->data, packet->captured);
		part->used += packet->captured;
	}
	return 0;
}

static bool is_near(int64_t a, int64_t b)
{
	return a - b <= NEAR_NS && b - a <= NEAR_NS;
}

/*
 * Marks up to four entries that lie more than NEAR_NS from all others. Entries are sorted by time.
 */
static void mark_alone(struct sf_part *part)
{
	struct sf_part_entry *entries = part->entries;

	for (unsigned begin = 0, end; begin < part->count; begin = end) {
		for (end = begin + 1; end < part->count; end++)
			if (!is_near(entries[end - 1].key, entries[end].key))
				break;
		for (unsigned i = begin; i < end && end - begin <= FEW; i++)
			entries[i].index |= SF_ENTRY_ALONE;
	}
}

/*
 * True if entry `at`, which is marked ALONE, has a wild time: the packets before and behind it
 * agree on another time. A packet with none before it is wild if it is later than the next one; a
 * packet with none behind it, if it is earlier than the last one. Packets that are ALONE do not
 * count. Entries are in the order of the file. `before`: key of the last such entry; INT64_MIN:
 * none.
 */
static bool is_wild(const struct sf_part *part, unsigned at, int64_t before)
{
	const struct sf_part_entry *entries = part->entries;
	int64_t time_ns = entries[at].key;

	for (unsigned i = at + 1; i < part->count && i <= at + 2 * FEW; i++)
		if (!(entries[i].index & SF_ENTRY_ALONE))
			return before == INT64_MIN ? time_ns > entries[i].key
						   : is_near(before, entries[i].key);
	return time_ns < before;
}

/* Merges the sorted runs [a, b) and [b, end) to `to`; entries of equal key keep their order. */
static struct sf_part_entry *merge_runs(struct sf_part_entry *to, const struct sf_part_entry *a,
	const struct sf_part_entry *b, const struct sf_part_entry *end)
{
	const struct sf_part_entry *const middle = b;

	while (a < middle && b < end)
		*to++ = b->key < a->key ? *b++ : *a++;
	to = mempcpy(to, a, (size_t)(middle - a) * sizeof(*a));
	return mempcpy(to, b, (size_t)(end - b) * sizeof(*b));
}

static const struct sf_part_entry *run_end(
	const struct sf_part_entry *at, const struct sf_part_entry *end)
{
	do
		at++;
	while (at < end && at[-1].key <= at->key);
	return at;
}

/*
 * Exchanges the entries of a part and of `scratch`, which has room for at least as many. What more
 * it has room for is not known any longer.
 */
static void exchange_entries(struct sf_part *part, struct sf_part_scratch *scratch)
{
	struct sf_part_entry *entries = part->entries;

	part->entries = scratch->entries;
	scratch->entries = entries;
	scratch->room = part->packet_room;
}

/* A merge sort that uses existing runs: a file of a few interfaces has few of them. */
int sf_part_sort(struct sf_part *part, struct sf_part_scratch *scratch)
{
	if (scratch->room < part->packet_room) {
		free(scratch->entries);
		scratch->entries = calloc(part->packet_room, sizeof(*scratch->entries));
		scratch->room = scratch->entries ? part->packet_room : 0;
		if (!scratch->entries)
			return -ENOMEM;
	}
	for (unsigned runs = 2; runs > 1;) {
		const struct sf_part_entry *at = part->entries, *const end = at + part->count;
		struct sf_part_entry *to = scratch->entries;

		for (runs = 0; at < end; runs++) {
			const struct sf_part_entry *middle = run_end(at, end);
			const struct sf_part_entry *last =
				middle < end ? run_end(middle, end) : end;

			to = merge_runs(to, at, middle, last);
			at = last;
		}
		exchange_entries(part, scratch);
	}
	return 0;
}

/* Puts entries back into the order of the file. sf_part_sort() has made room in `scratch`. */
static void restore(struct sf_part *part, struct sf_part_scratch *scratch)
{
	for (unsigned i = 0; i < part->count; i++)
		scratch->entries[part->entries[i].index & ~SF_ENTRY_MARKS] = part->entries[i];
	exchange_entries(part, scratch);
}

/* The key of entry `at`, whose time is wild. `before`: key of the last entry before the part. */
static int64_t key_of_neighbour(const struct sf_part *part, unsigned at, int64_t before)
{
	if (at)
		return part->entries[at - 1].key;
	if (before != INT64_MIN)
		return before;
	while (at + 1 < part->count && part->entries[at].index & SF_ENTRY_ALONE)
		at++;
	return part->entries[at].key + 1;
}

static void set_wild_keys(struct sf_part *part, int64_t before)
{
	const int64_t last = before;

	for (unsigned i = 0; i < part->count; i++) {
		struct sf_part_entry *entry = &part->entries[i];

		if (!(entry->index & SF_ENTRY_ALONE)) {
			before = entry->key;
		} else if (is_wild(part, i, before)) {
			entry->key = key_of_neighbour(part, i, last);
			entry->index |= SF_ENTRY_WILD;
		}
	}
}

int sf_part_set_keys(
	struct sf_part *part, struct sf_part_scratch *scratch, int64_t before, bool *sorted)
{
	int64_t last = before;
	bool far = false;

	*sorted = true;
	for (unsigned i = 0; i < part->count; i++) {
		int64_t key = part->entries[i].key;

		*sorted &= i == 0 || part->entries[i - 1].key <= key;
		far |= last != INT64_MIN && !is_near(last, key);
		last = key;
	}
	if (!far || *sorted)
		return 0;
	if (sf_part_sort(part, scratch) < 0)
		return -ENOMEM;
	mark_alone(part);
	restore(part, scratch);
	set_wild_keys(part, before);
	return 0;
}
