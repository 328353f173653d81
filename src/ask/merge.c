/* SPDX-License-Identifier: BSD-2-Clause */
/* Groups of several threads become one: one after the other, or in parts, each by a thread of its own. */
#include <stdlib.h>
#include <string.h>

#include "ask/group.h"

#define FETCH_AHEAD 12 /* groups: memory is asked for so much earlier than it is needed */

/* A key of another object: its texts have other numbers here. */
static bool translate(struct sf_groups *groups, const struct sf_groups *other, uint64_t *key)
{
	uint64_t *slot = key + 1;

	for (unsigned i = 0; i < groups->key_count; slot += groups->keys[i++].words) {
		const struct sf_text *text;
		int64_t number;

		if ((key[0] >> (8 * i) & 0xff) != SF_SLOT_TEXT)
			continue;
		text = &other->texts.items[(uint32_t)slot[0]];
		number = sf_texts_number(groups, (const uint8_t *)text->bytes, text->length);
		if (number < 0)
			return false;
		slot[0] = (slot[0] & ~(uint64_t)UINT32_MAX) | (uint64_t)number;
	}
	return true;
}

/* The index place of a group that will be looked for soon. */
static void fetch_ahead(const struct sf_groups *groups, const struct sf_groups *other, size_t i)
{
	if (i < other->count && groups->index_size)
		__builtin_prefetch(
			&groups->index[sf_group_entry(other, i)[0] & (groups->index_size - 1)]);
}

static bool merge_group(struct sf_groups *groups, const struct sf_groups *other, size_t i)
{
	uint64_t key[SF_KEY_WORDS], *entry;
	const uint64_t *from = sf_group_entry(other, i);

	memcpy(key, from + 1, (groups->first_sum - 1) * sizeof(*key));
	if (!translate(groups, other, key))
		return false;
	/* the same hash as there, where texts have the same numbers and seeds are the same */
	entry = sf_group_find(groups, key,
		other->texts.count || groups->options.seed != other->options.seed
			? sf_group_key_hash(groups, key)
			: from[0]);
	for (unsigned k = 0; entry && k < groups->sum_count; k++)
		if (!sf_sum_merge(groups, &groups->sums[k], entry + groups->sums[k].at,
			    from + groups->sums[k].at))
			return false;
	return entry != NULL;
}

static void add_totals(struct sf_groups *groups, const struct sf_groups *other)
{
	groups->totals.rows += other->totals.rows;
	groups->totals.bytes += other->totals.bytes;
	groups->totals.packets += other->totals.packets;
	groups->totals.unspread += other->totals.unspread;
	groups->totals.estimated |= other->totals.estimated;
}

int sf_groups_merge(struct sf_groups *groups, const struct sf_groups *other, struct sf_error *error)
{
	for (size_t i = 0; i < other->count; i++) {
		fetch_ahead(groups, other, i + FETCH_AHEAD);
		if (!merge_group(groups, other, i))
			return sf_groups_full(groups, error);
	}
	add_totals(groups, other);
	return 0;
}

/* ---------------------------------------------------------------- in parts */

#define PARTS_MAX  16
#define SHOWN_MOST 10000 /* groups that are shown, of which each part has to have as many at hand */

/* How many groups are shown at most; 0: all, or that many of each bin. */
static uint64_t most_shown(const struct sf_groups *groups)
{
	const struct sf_groups_options *options = &groups->options;

	if (sf_groups_top_in_bins(groups))
		return 0;
	return options->top ? options->top : options->limit;
}

/* The same text has other numbers in each object, and so another hash. */
static bool has_text_key(const struct sf_groups *groups)
{
	for (unsigned i = 0; i < groups->key_count; i++)
		if (groups->keys[i].type == SF_ASK_TEXT || groups->keys[i].type == SF_ASK_OCTETS)
			return true;
	return false;
}

/* Parts pay where few groups are shown: those are put together in the end, the others are not. */
static bool is_divisible(const struct sf_groups *groups)
{
	enum sf_sum_kind measure = groups->sums[groups->measure].kind;
	uint64_t most = most_shown(groups);

	/* the share of other sums is one of what all groups have */
	if (groups->options.share && measure != SF_SUM_FLOWS && measure != SF_SUM_PACKETS &&
		measure != SF_SUM_BYTES)
		return false;
	return most && most <= SHOWN_MOST && !has_text_key(groups);
}

int sf_groups_divide(struct sf_groups *groups, unsigned count, struct sf_error *error)
{
	int code = 0;

	if (!is_divisible(groups))
		return 0;
	count = count < PARTS_MAX ? count : PARTS_MAX;
	groups->parts = calloc(count, sizeof(struct sf_groups *));
	if (!groups->parts)
		return sf_error_set(error, -ENOMEM, "no memory for groups");
	for (unsigned i = 0; i < count && code == 0; i++) {
		code = sf_groups_like(&groups->parts[i], groups, error);
		if (code)
			break;
		groups->parts[i]->parent = groups;
		groups->part_count++;
	}
	return code;
}

int sf_groups_merge_part(
	struct sf_groups *const *all, unsigned count, unsigned part, struct sf_error *error)
{
	struct sf_groups *groups;

	if (part >= all[0]->part_count)
		return 0;
	groups = all[0]->parts[part];
	/* from now on each part is another thread's */
	groups->parent = NULL;
	for (unsigned k = 1; k < count; k++) {
		int code = sf_groups_merge(groups, all[k]->parts[part], error);

		if (code)
			return code;
	}
	return 0;
}

/* Adds the groups of a part that may be shown. */
static int take_best(struct sf_groups *groups, const struct sf_groups *part, uint32_t *ids,
	struct sf_error *error)
{
	size_t count = sf_groups_best(part, ids, most_shown(groups));

	for (size_t i = 0; i < count; i++)
		if (!merge_group(groups, part, ids[i]))
			return sf_groups_full(groups, error);
	groups->left_out += part->count - count;
	groups->totals.estimated |= part->totals.estimated;
	return 0;
}

int sf_groups_join(struct sf_groups *const *all, unsigned count, struct sf_error *error)
{
	struct sf_groups *groups = all[0];
	unsigned parts = groups->part_count;
	uint32_t *ids = calloc(most_shown(groups) + 1, sizeof(*ids));
	int code = ids ? 0 : sf_groups_full(groups, error);

	for (unsigned i = 1; i < count; i++)
		add_totals(groups, all[i]);
	groups->part_count = 0;
	for (unsigned i = 0; i < parts && code == 0; i++)
		code = take_best(groups, groups->parts[i], ids, error);
	groups->part_count = parts;
	free(ids);
	return code;
}
