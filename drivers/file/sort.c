/* SPDX-License-Identifier: BSD-2-Clause */
/*
 *	filling → newer → older → (lent) → free
 *
 * Packets are copied to the part `filling`, in the order of the file. A full part is sorted and
 * becomes `newer`, or `older` if there is none. Packets are delivered from both, the earlier one
 * first. When `older` is empty, `newer` becomes `older` and the next part is filled.
 *
 * Where the file goes back in time for good, a part ends early: what is behind the step is left for
 * the next part, and nothing of that is delivered before the part before it is empty.
 *
 * Price: each packet is copied once; memory for three parts, and for parts with lent packets.
 */
#include "file/sort.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/branch.h"
#include "file/part.h"
#include "file/reader.h"

#define RUN     64u         /* packets decoded at once */
#define PIPE_NS SF_NS_PER_S /* packets of a pipe are delivered when later ones follow by this */
#define TOUCHED 4u

struct sf_sort {
	struct sf_sorting *sorting;
	size_t most; /* bytes of a part */
	struct sf_part *parts, *older, *newer, *filling;
	struct sf_part *touched[TOUCHED]; /* parts with packets of the last decode */
	unsigned touched_count;
	struct sf_part_scratch scratch;
	bool look, flush;
	enum sf_reader_state end; /* state at the end of the file; READY: not reached */
	int64_t before;           /* key of the last packet gathered; INT64_MIN: none */
	int64_t latest;           /* latest key of the packets gathered */
	int64_t given;            /* latest key of the packets delivered */
	unsigned behind;          /* packets in a row, up to the last one gathered, that lie back */
	bool stops; /* the decode ends: a packet with a wild time ahead is next, or was */
	bool wild;  /* what was delivered is one packet with a wild time ahead */
	bool told;  /* the file is counted as one that is not in order */
};

static bool part_is_lent(const struct sf_sort *sort, const struct sf_part *part)
{
	const struct sf_lending *lending = &sort->sorting->lending;

	for (unsigned i = 0; i < SF_STREAM_QUEUES; i++)
		if (part->lent[i] && part->lent[i] == lending->turn[i])
			return true;
	return false;
}

bool sf_sort_is_lent(const struct sf_sort *sort)
{
	for (const struct sf_part *part = sort->parts; part; part = part->next)
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

static void touch(struct sf_sort *sort, struct sf_part *part)
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
	struct sf_part *part;

	if (!sort)
		return;
	while ((part = sort->parts)) {
		sort->parts = part->next;
		sf_part_free(part);
	}
	free(sort->scratch.entries);
	free(sort);
}

/* A part that is not in use, or a new one. */
static struct sf_part *free_part(struct sf_sort *sort)
{
	struct sf_part *part = sort->parts;

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
	part->set_back = false;
	return part;
}

/* Copies packets to the part that is filled. 0 or -ENOMEM. */
static int sort_put(struct sf_sort *sort, const struct sf_packet *packets, unsigned count)
{
	if (!sort->filling && !(sort->filling = free_part(sort)))
		return -ENOMEM;
	return sf_part_put(sort->filling, packets, count);
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

/*
 * The first of the packets at the end of the part that all lie more than SF_SORT_STEP_NS before an
 * earlier one; part->count: there are none, or they are not too late to be sorted.
 */
static unsigned find_step(const struct sf_sort *sort, const struct sf_part *part)
{
	const struct sf_part_entry *entries = part->entries;
	int64_t latest = sort->latest, earliest = INT64_MAX;
	unsigned at = part->count;

	if (sort->given == INT64_MIN)
		return at;
	for (unsigned i = 0; i < part->count; i++)
		latest = entries[i].key > latest ? entries[i].key : latest;
	for (; at > 0 && latest - entries[at - 1].key > SF_SORT_STEP_NS; at--)
		earliest = entries[at - 1].key < earliest ? entries[at - 1].key : earliest;
	return sort->given - earliest > SF_SORT_STEP_NS ? at : part->count;
}

/* Moves the packets from `at` on to the next part. 0 or -ENOMEM. */
static int leave_rest(struct sf_sort *sort, struct sf_part *part, unsigned at)
{
	unsigned end = part->count;
	int err = 0;

	part->count = at;
	for (unsigned i = at; !err && i < end; i++) {
		struct sf_packet packet = part->packets[i];

		packet.data = part->bytes + part->entries[i].offset;
		err = sort_put(sort, &packet, 1);
	}
	return err;
}

/*
 * Looks for a step back that is no disorder. The part ends before it; or the step is the begin of
 * the part, and then it is sure if enough packets lie back. 0 or -ENOMEM.
 */
static int end_at_step(struct sf_sort *sort, struct sf_part *part)
{
	unsigned at = find_step(sort, part), behind = part->count - at;
	bool more = sort->end == SF_READER_READY && !sort->flush;

	if (at > 0) {
		sort->behind = 0;
		if (behind >= SF_SORT_STEP_PACKETS || (behind && more))
			return leave_rest(sort, part, at);
		return 0;
	}
	sort->behind += behind;
	if (sort->behind >= SF_SORT_STEP_PACKETS) {
		part->set_back = true;
		sort->latest = INT64_MIN;
		sort->behind = 0;
	}
	return 0;
}

/* Counts steps back and wild entries; removes the marks. */
static void note_order(struct sf_reader *reader, struct sf_part *part)
{
	struct sf_sort *sort = reader->sort;
	bool begun = sort->before != INT64_MIN;

	for (unsigned i = 0; i < part->count; i++) {
		struct sf_part_entry *entry = &part->entries[i];

		begun |= !(entry->index & SF_ENTRY_ALONE);
		if (entry->index & SF_ENTRY_WILD)
			count(&sort->sorting->disorder.wild);
		entry->index &= ~SF_ENTRY_MARKS;
		if (entry->key < sort->latest)
			step_back(reader, sort->latest - entry->key);
		else if (begun)
			sort->latest = entry->key;
	}
	if (part->count)
		sort->before = part->entries[part->count - 1].key;
}

/* Sorts the packets of a part by time. 0 or -ENOMEM. */
static int part_order(struct sf_reader *reader, struct sf_part *part)
{
	struct sf_sort *sort = reader->sort;
	bool sorted;

	if (sf_part_set_keys(part, &sort->scratch, sort->before, &sorted) < 0 ||
		end_at_step(sort, part) < 0)
		return -ENOMEM;
	note_order(reader, part);
	return sorted ? 0 : sf_part_sort(part, &sort->scratch);
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
	struct sf_part *part = sort->filling;

	sort->filling = NULL;
	if (!part)
		return true;
	/* before it is ordered: a part in neither place may be filled anew */
	if (!sort->older)
		sort->older = part;
	else
		sort->newer = part;
	return part_order(reader, part) == 0 || no_memory(reader);
}

static bool part_is_full(const struct sf_reader *reader)
{
	const struct sf_sort *sort = reader->sort;
	const struct sf_part *part = sort->filling;
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

/* Copies the next packet of a part. The first one behind a step back says so. */
static void give_one(struct sf_sort *sort, struct sf_part *part, struct sf_packet *packet)
{
	const struct sf_part_entry *entry = &part->entries[part->given++];

	*packet = part->packets[entry->index];
	packet->data = part->bytes + entry->offset;
	if (sort->older->set_back) {
		sort->older->set_back = false;
		packet->flags |= SF_PACKET_SET_BACK;
		sort->given = entry->key;
	} else if (entry->key < sort->given) {
		count(&sort->sorting->disorder.late);
	} else {
		sort->given = entry->key;
	}
}

/*
 * Delivers packets while it is known which packet comes next. A packet with a wild time behind its
 * key is delivered alone, because the merge takes the time of a packet for its key. `before`:
 * number of packets that this decode delivered already.
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
		struct sf_part *part = sort->older, *newer = sort->newer;
		const struct sf_part_entry *entry = &part->entries[part->given];

		if (newer && !newer->set_back && newer->given < newer->count &&
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
		give_one(sort, part, &packets[n++]);
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
		/* a part has left the rest for the next one, and no more packets come to join it */
		if (sort->filling && !sort->newer && (sort->end != SF_READER_READY || sort->flush))
			close_part(reader);
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
	sort->behind = 0;
	sort->latest = sort->given = sort->before = count ? packets[0].time_ns : reader->floor_ns;
	return sort_put(sort, packets, count);
}
