/* SPDX-License-Identifier: BSD-2-Clause */
/*
 *	filling → newer → older → (lent) → free
 *
 * Packets are copied to the part `filling`, in the order of the file. A full part is sorted and
 * becomes `newer`, or `older` if there is none. Packets are delivered from both, the earlier one
 * first. When `older` is empty, `newer` becomes `older` and the next part is filled.
 *
 * Price: each packet is copied once; memory for three parts, and for parts with lent packets.
 */
#include "file/sort.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/branch.h"
#include "file/reader.h"

#define RUN     64u /* packets decoded at once */
#define ROOM    ((size_t)64 << 10)
#define FEW     4u
#define NEAR_NS (300 * SF_NS_PER_S)
#define ALONE   (1u << 31)  /* mark in the index of an entry: see mark_alone() */
#define PIPE_NS SF_NS_PER_S /* packets of a pipe are delivered when later ones follow by this */
#define TOUCHED 4u

struct entry {
	int64_t key; /* packets are sorted by it: the time, unless that is wild */
	uint32_t index, offset;
};

struct part {
	struct part *next; /* list of all parts */
	uint8_t *bytes;
	size_t used, room;
	struct sf_packet *packets; /* in the order of the file */
	struct entry *entries;     /* in the order of time */
	unsigned count, given, packet_room, entry_room;
	uint64_t lent[SF_STREAM_QUEUES]; /* last turn of each queue that was lent packets of it */
};

struct sf_sort {
	struct sf_sorting *sorting;
	size_t most; /* bytes of a part */
	struct part *parts, *older, *newer, *filling;
	struct part *touched[TOUCHED]; /* parts with packets of the last decode */
	unsigned touched_count;
	struct entry *scratch;
	unsigned scratch_room;
	bool look, flush;
	enum sf_reader_state end; /* state at the end of the file; READY: not reached */
	int64_t before;           /* key of the last packet gathered; INT64_MIN: none */
	int64_t latest;           /* latest key of the packets gathered */
	int64_t given;            /* latest key of the packets delivered */
	bool stops; /* the decode ends: a packet with a wild time ahead is next, or was */
	bool wild;  /* what was delivered is one packet with a wild time ahead */
	bool told;  /* the file is counted as one that is not in order */
};

static bool part_is_lent(const struct sf_sort *sort, const struct part *part)
{
	const struct sf_lending *lending = &sort->sorting->lending;

	for (unsigned i = 0; i < SF_STREAM_QUEUES; i++)
		if (part->lent[i] && part->lent[i] == lending->turn[i])
			return true;
	return false;
}

bool sf_sort_is_lent(const struct sf_sort *sort)
{
	for (const struct part *part = sort->parts; part; part = part->next)
		if (part_is_lent(sort, part))
			return true;
	return false;
}

void sf_sort_lend(struct sf_sort *sort)
{
	const struct sf_lending *lending = &sort->sorting->lending;

	for (unsigned i = 0; i < sort->touched_count; i++)
		sort->touched[i]->lent[lending->queue] = lending->turn[lending->queue];
}

static void touch(struct sf_sort *sort, struct part *part)
{
	const struct sf_lending *lending = &sort->sorting->lending;

	part->lent[lending->queue] = lending->turn[lending->queue];
	for (unsigned i = 0; i < sort->touched_count; i++)
		if (sort->touched[i] == part)
			return;
	sort->touched[sort->touched_count++] = part;
}

void sf_sort_free(struct sf_sort *sort)
{
	struct part *part;

	if (!sort)
		return;
	while ((part = sort->parts)) {
		sort->parts = part->next;
		free(part->bytes);
		free(part->packets);
		free(part->entries);
		free(part);
	}
	free(sort->scratch);
	free(sort);
}

/* A part that is not in use, or a new one. */
static struct part *free_part(struct sf_sort *sort)
{
	struct part *part = sort->parts;

	while (part && (part == sort->older || part == sort->newer || part_is_lent(sort, part)))
		part = part->next;
	if (!part) {
		part = calloc(1, sizeof(*part));
		if (!part)
			return NULL;
		part->next = sort->parts;
		sort->parts = part;
	}
	part->used = part->count = part->given = 0;
	return part;
}

/* Makes room for one more packet of `bytes` bytes. */
static int part_grow(struct part *part, size_t bytes)
{
	if (part->count == part->packet_room) {
		unsigned room = part->packet_room ? 2 * part->packet_room : RUN;
		void *packets = reallocarray(part->packets, room, sizeof(*part->packets));

		if (!packets)
			return -ENOMEM;
		part->packets = packets;
		part->packet_room = room;
	}
	if (part->count == part->entry_room) {
		unsigned room = part->entry_room ? 2 * part->entry_room : RUN;
		void *entries = reallocarray(part->entries, room, sizeof(*part->entries));

		if (!entries)
			return -ENOMEM;
		part->entries = entries;
		part->entry_room = room;
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

static int sort_put(struct sf_sort *sort, const struct sf_packet *packets, unsigned count)
{
	struct part *part = sort->filling;

	if (!part && !(part = sort->filling = free_part(sort)))
		return -ENOMEM;
	for (unsigned i = 0; i < count; i++) {
		const struct sf_packet *packet = &packets[i];

		if (part_grow(part, packet->captured) < 0)
			return -ENOMEM;
		part->entries[part->count] = (struct entry){
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
static void mark_alone(struct part *part)
{
	struct entry *entries = part->entries;

	for (unsigned begin = 0, end; begin < part->count; begin = end) {
		for (end = begin + 1; end < part->count; end++)
			if (!is_near(entries[end - 1].key, entries[end].key))
				break;
		for (unsigned i = begin; i < end && end - begin <= FEW; i++)
			entries[i].index |= ALONE;
	}
}

/*
 * True if entry `at`, which is marked ALONE, has a wild time: the packets before and behind it
 * agree on another time. A packet with none before it is wild if it is later than the next one; a
 * packet with none behind it, if it is earlier than the last one. Packets that are ALONE do not
 * count. Entries are in the order of the file. `before`: key of the last such entry; INT64_MIN:
 * none.
 */
static bool is_wild(const struct part *part, unsigned at, int64_t before)
{
	const struct entry *entries = part->entries;
	int64_t time_ns = entries[at].key;

	for (unsigned i = at + 1; i < part->count && i <= at + 2 * FEW; i++)
		if (!(entries[i].index & ALONE))
			return before == INT64_MIN ? time_ns > entries[i].key
						   : is_near(before, entries[i].key);
	return time_ns < before;
}

static void count(_Atomic uint64_t *counter)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
		memory_order_relaxed);
}

/* Counts a packet that is `step_ns` earlier than the one before it. */
static void step_back(struct sf_reader *reader, int64_t step_ns)
{
	struct sf_disorder *disorder = &reader->sort->sorting->disorder;

	if (!reader->sort->told) {
		reader->sort->told = true;
		if (disorder->files++ == 0)
			snprintf(disorder->first, sizeof(disorder->first), "%s", reader->name);
	}
	count(&disorder->packets);
	if (step_ns > disorder->largest_ns)
		disorder->largest_ns = step_ns;
}

/* Merges the sorted runs [a, b) and [b, end) to `to`; entries of equal key keep their order. */
static struct entry *merge_runs(
	struct entry *to, const struct entry *a, const struct entry *b, const struct entry *end)
{
	const struct entry *const middle = b;

	while (a < middle && b < end)
		*to++ = b->key < a->key ? *b++ : *a++;
	to = mempcpy(to, a, (size_t)(middle - a) * sizeof(*a));
	return mempcpy(to, b, (size_t)(end - b) * sizeof(*b));
}

static const struct entry *run_end(const struct entry *at, const struct entry *end)
{
	do
		at++;
	while (at < end && at[-1].key <= at->key);
	return at;
}

/* A merge sort that uses existing runs: a file of a few interfaces has few of them. */
static int part_sort(struct sf_sort *sort, struct part *part)
{
	if (sort->scratch_room < part->entry_room) {
		free(sort->scratch);
		sort->scratch = calloc(part->entry_room, sizeof(*sort->scratch));
		sort->scratch_room = sort->scratch ? part->entry_room : 0;
		if (!sort->scratch)
			return -ENOMEM;
	}
	for (unsigned runs = 2; runs > 1;) {
		const struct entry *at = part->entries, *const end = at + part->count;
		struct entry *sorted = sort->scratch, *to = sorted;
		unsigned room = sort->scratch_room;

		for (runs = 0; at < end; runs++) {
			const struct entry *middle = run_end(at, end);
			const struct entry *last = middle < end ? run_end(middle, end) : end;

			to = merge_runs(to, at, middle, last);
			at = last;
		}
		sort->scratch = part->entries;
		sort->scratch_room = part->entry_room;
		part->entries = sorted;
		part->entry_room = room;
	}
	return 0;
}

/*
 * The key of an entry whose time is wild: that of the entry before it. The first entries of a file
 * come behind the next one: no clock is to begin with a wild time.
 */
static int64_t key_of_neighbour(const struct sf_sort *sort, const struct part *part, unsigned at)
{
	if (at)
		return part->entries[at - 1].key;
	if (sort->before != INT64_MIN)
		return sort->before;
	while (at + 1 < part->count && part->entries[at].index & ALONE)
		at++;
	return part->entries[at].key + 1;
}

/* Sets the keys of wild entries, and counts steps back. Entries are in the order of the file. */
static void set_keys(struct sf_reader *reader, struct part *part)
{
	struct sf_sort *sort = reader->sort;
	struct entry *const entries = part->entries;
	int64_t before = sort->before;

	for (unsigned i = 0; i < part->count; i++) {
		struct entry *entry = &entries[i];

		if (!(entry->index & ALONE)) {
			before = entry->key;
		} else if (is_wild(part, i, before)) {
			entry->key = key_of_neighbour(sort, part, i);
			count(&sort->sorting->disorder.wild);
		}
		entry->index &= ~ALONE;
		if (entry->key < sort->latest)
			step_back(reader, sort->latest - entry->key);
		else if (before != INT64_MIN)
			sort->latest = entry->key;
	}
	if (part->count)
		sort->before = entries[part->count - 1].key;
}

/* Puts entries back into the order of the file. part_sort() has allocated `scratch`. */
static void part_restore(struct sf_sort *sort, struct part *part)
{
	struct entry *entries = sort->scratch;
	unsigned room = sort->scratch_room;

	for (unsigned i = 0; i < part->count; i++)
		entries[part->entries[i].index & ~ALONE] = part->entries[i];
	sort->scratch = part->entries;
	sort->scratch_room = part->entry_room;
	part->entries = entries;
	part->entry_room = room;
}

/* Sorts the packets of a part by time. 0 or -ENOMEM. */
static int part_order(struct sf_reader *reader, struct part *part)
{
	struct sf_sort *sort = reader->sort;
	int64_t before = sort->before;
	bool sorted = true, far = false;

	for (unsigned i = 0; i < part->count; i++) {
		int64_t key = part->entries[i].key;

		sorted &= i == 0 || part->entries[i - 1].key <= key;
		far |= before != INT64_MIN && !is_near(before, key);
		before = key;
	}
	if (far && !sorted) {
		if (part_sort(sort, part) < 0)
			return -ENOMEM;
		mark_alone(part);
		part_restore(sort, part);
	}
	set_keys(reader, part);
	return sorted ? 0 : part_sort(sort, part);
}

static bool no_memory(struct sf_reader *reader)
{
	sf_reader_fail(reader, 0, -ENOMEM, "no memory to sort packets by time");
	reader->sort->end = SF_READER_FAILED;
	return false;
}

/* Sorts the part `filling` and makes it available. False: no memory. */
static bool close_part(struct sf_reader *reader)
{
	struct sf_sort *sort = reader->sort;
	struct part *part = sort->filling;

	sort->filling = NULL;
	if (!part)
		return true;
	if (part_order(reader, part) < 0)
		return no_memory(reader);
	if (!sort->older)
		sort->older = part;
	else
		sort->newer = part;
	return true;
}

static bool part_is_full(const struct sf_reader *reader)
{
	const struct sf_sort *sort = reader->sort;
	const struct part *part = sort->filling;
	unsigned most = sort->look ? SF_SORT_LOOK_PACKETS : SF_SORT_PACKETS;
	size_t bytes =
		sort->look && sort->most > SF_SORT_LOOK_BYTES ? SF_SORT_LOOK_BYTES : sort->most;

	if (!part || !part->count)
		return false;
	if (part->count > most - RUN || part->used >= bytes)
		return true;
	return reader->stream.pipe &&
	       part->packets[part->count - 1].time_ns - part->packets[0].time_ns > PIPE_NS;
}

/* Gathers packets until a part is full, or the buffer has no more packets. */
static void gather(struct sf_reader *reader)
{
	struct sf_sort *sort = reader->sort;
	struct sf_packet packets[RUN];

	while (!part_is_full(reader)) {
		unsigned n = reader->decode(reader, packets, RUN, INT64_MAX);

		if (n && sort_put(sort, packets, n) < 0) {
			no_memory(reader);
			break;
		}
		sort->flush &= n == 0;
		if (reader->state == SF_READER_BACK) {
			reader->floor_ns = INT64_MIN;
			sort->look = false;
		} else if (reader->state >= SF_READER_END) {
			sf_sort_end(reader);
			return;
		} else if (reader->state == SF_READER_HUNGRY) {
			/* a pipe: what it had at hand has been examined */
			if (!sort->look || !reader->stream.pipe || !sort->filling)
				return;
			break;
		}
	}
	close_part(reader);
}

void sf_sort_end(struct sf_reader *reader)
{
	reader->sort->end = reader->state;
	close_part(reader);
	reader->state = SF_READER_READY;
}

/* True if it is known which packet comes next. */
static bool is_ready(const struct sf_sort *sort)
{
	if (!sort->older)
		return false;
	return sort->newer || sort->look || sort->flush || sort->end != SF_READER_READY;
}

/*
 * Delivers packets while it is known which one comes next. A packet whose wild time lies ahead of its
 * key is delivered alone: the merge takes the time of all others for their key. `before`: number of
 * packets that this decode delivered already.
 */
static unsigned give(struct sf_reader *reader, struct sf_packet *packets, unsigned before,
	unsigned max, int64_t until)
{
	struct sf_sort *sort = reader->sort;
	unsigned n = 0;

	touch(sort, sort->older);
	if (sort->newer)
		touch(sort, sort->newer);
	while (n < max && sort->older->given < sort->older->count) {
		struct part *part = sort->older, *newer = sort->newer;
		const struct entry *entry = &part->entries[part->given];

		if (newer && newer->given < newer->count &&
			newer->entries[newer->given].key < entry->key) {
			part = newer;
			entry = &part->entries[part->given];
		}
		if (entry->key > until) {
			reader->state = SF_READER_HEAD;
			reader->head_ns = entry->key;
			return n;
		}
		sort->stops = part->packets[entry->index].time_ns > entry->key;
		if (sort->stops && before + n > 0)
			return n;
		sort->wild = sort->stops;
		if (entry->key < sort->given)
			count(&sort->sorting->disorder.late);
		else
			sort->given = entry->key;
		packets[n] = part->packets[entry->index];
		packets[n++].data = part->bytes + entry->offset;
		part->given++;
		if (sort->stops)
			break;
	}
	if (sort->older->given == sort->older->count) {
		sort->older = sort->newer;
		sort->newer = NULL;
	}
	return n;
}

unsigned sf_sort_decode(
	struct sf_reader *reader, struct sf_packet *packets, unsigned max, int64_t until)
{
	struct sf_sort *sort = reader->sort;
	unsigned n = 0;

	sf_sort_lend(sort);
	sort->touched_count = 0;
	sort->stops = sort->wild = false;
	while (n < max && !sort->stops) {
		if (is_ready(sort)) {
			reader->state = SF_READER_READY;
			n += give(reader, packets + n, n, max - n, until);
			if (reader->state == SF_READER_HEAD || sort->touched_count > TOUCHED - 2)
				break;
		} else if (sort->end != SF_READER_READY) {
			reader->state = sort->end;
			break;
		} else if (sort->look && sort->given != INT64_MIN) {
			/* all packets examined are in order and delivered: sorting ends */
			reader->state = SF_READER_READY;
			reader->sorts = false;
			break;
		} else {
			gather(reader);
			if (reader->state == SF_READER_HUNGRY && !is_ready(sort))
				break;
		}
	}
	return n;
}

int64_t sf_sort_place(const struct sf_reader *reader, const struct sf_packet *first)
{
	return reader->sorts && reader->sort->wild ? reader->sort->given : first->time_ns;
}

void sf_sort_flush(struct sf_reader *reader)
{
	if (!reader->sorts)
		return;
	close_part(reader);
	reader->sort->flush = true;
}

/* Bytes of a part; fewer when many files are open. */
static size_t part_bytes(unsigned open_files)
{
	size_t bytes = open_files ? 2 * SF_SORT_BYTES / open_files : SF_SORT_BYTES;

	return bytes > SF_SORT_BYTES   ? SF_SORT_BYTES
	       : bytes < SF_SORT_LEAST ? SF_SORT_LEAST
				       : bytes;
}

int sf_sort_begin(
	struct sf_reader *reader, const struct sf_packet *packets, unsigned count, bool look)
{
	struct sf_sort *sort = reader->sort;

	if (!sort)
		sort = reader->sort = calloc(1, sizeof(*sort));
	if (!sort)
		return -ENOMEM;
	reader->sorts = true;
	sort->sorting = reader->sorting;
	sort->most = part_bytes(sort->sorting->open);
	sort->end = SF_READER_READY;
	sort->look = look;
	sort->latest = sort->given = sort->before = count ? packets[0].time_ns : reader->floor_ns;
	return sort_put(sort, packets, count);
}
