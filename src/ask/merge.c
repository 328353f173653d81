/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Groups of several threads become one: one after the other, or in
 * parts, each by a thread of its own.
 */
#include <stdlib.h>
#include <string.h>

#include "ask/group.h"

/* A key of another object: its texts have other numbers here. */
static bool translate(struct sf_groups *groups, const struct sf_groups *other, uint64_t *key)
{
	uint64_t *slot = key + 1;

	for (unsigned i = 0; i < groups->key_count; slot += groups->keys[i++].words) {
		const struct sf_text *text;
		int64_t number;

		if (sf_group_kind(key, i) != SF_SLOT_TEXT)
			continue;
		text = &other->texts.items[(uint32_t)slot[0]];
		number = sf_texts_number(groups, (const uint8_t *)text->bytes, text->length);
		if (number < 0)
			return false;
		slot[0] = (slot[0] & ~(uint64_t)UINT32_MAX) | (uint64_t)number;
	}
	return true;
}

/* A group of another object waits as a row does. */
static bool merge_group(struct sf_groups *groups, const struct sf_groups *other, size_t i)
{
	uint64_t *row = sf_rows_next(groups);

	memcpy(row, sf_group_entry(other, i), groups->entry_words * sizeof(*row));
	return translate(groups, other, row) && sf_rows_wait(groups, sf_sum_merge);
}

static void add_totals(struct sf_groups *groups, const struct sf_groups *other)
{
	groups->totals.flows += other->totals.flows;
	groups->totals.bytes += other->totals.bytes;
	groups->totals.packets += other->totals.packets;
	groups->totals.unspread += other->totals.unspread;
	groups->totals.estimated |= other->totals.estimated;
}

/*
 * The groups of the last block, which is freed then: so that no
 * group is in memory twice for long.
 */
static bool merge_block(struct sf_groups *groups, struct sf_groups *other)
{
	size_t first = (other->count - 1) >> other->block_bits << other->block_bits;

	for (size_t i = first; i < other->count; i++)
		if (!merge_group(groups, other, i))
			return false;
	if (!sf_rows_settle(groups, sf_sum_merge))
		return false;
	sf_store_drop_block(other);
	return true;
}

int sf_groups_merge(struct sf_groups *groups, struct sf_groups *other, struct sf_error *error)
{
	bool merged = sf_rows_settle(groups, sf_sum_add) && sf_rows_settle(other, sf_sum_add);

	while (merged && other->count)
		merged = merge_block(groups, other);
	if (!merged)
		return sf_groups_full(groups, error);
	sf_store_free(other);
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
		groups->part_count++;
	}
	return code;
}

/* The groups of a part that may be shown. */
static int choose_best(struct sf_groups *part, uint64_t most, struct sf_error *error)
{
	part->shown = calloc(most + 1, sizeof(*part->shown));
	if (!part->shown)
		return sf_groups_full(part, error);
	part->shown_count = sf_groups_best(part, part->shown, most);
	return 0;
}

int sf_groups_settle(struct sf_groups *groups, struct sf_error *error)
{
	return sf_rows_settle(groups, sf_sum_add) ? 0 : sf_groups_full(groups, error);
}

int sf_groups_merge_part(
	struct sf_groups *const *all, unsigned count, unsigned part, struct sf_error *error)
{
	struct sf_groups *groups;

	if (part >= all[0]->part_count)
		return 0;
	groups = all[0]->parts[part];
	for (unsigned k = 1; k < count; k++) {
		int code = sf_groups_merge(groups, all[k]->parts[part], error);

		if (code)
			return code;
	}
	return choose_best(groups, most_shown(all[0]), error);
}

/* Adds the groups of a part that may be shown. */
static int take_best(struct sf_groups *groups, const struct sf_groups *part, struct sf_error *error)
{
	for (size_t i = 0; i < part->shown_count; i++)
		if (!merge_group(groups, part, part->shown[i]))
			return sf_groups_full(groups, error);
	if (!sf_rows_settle(groups, sf_sum_merge))
		return sf_groups_full(groups, error);
	groups->left_out += part->count - part->shown_count;
	groups->totals.estimated |= part->totals.estimated;
	return 0;
}

int sf_groups_join(struct sf_groups *const *all, unsigned count, struct sf_error *error)
{
	struct sf_groups *groups = all[0];
	unsigned parts = groups->part_count;
	int code = 0;

	for (unsigned i = 1; i < count; i++)
		add_totals(groups, all[i]);
	groups->part_count = 0;
	for (unsigned i = 0; i < parts && code == 0; i++)
		code = take_best(groups, groups->parts[i], error);
	groups->part_count = parts;
	return code;
}
