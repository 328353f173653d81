/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of groups: parsing what is asked for, adding rows. Sorting is in order.c. */
#include "ask/groups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask/group.h"
#include "base/scaled.h"

/* ---------------------------------------------------------------- making */

int sf_groups_most(struct sf_groups_options *options, const char *option, const char *text,
	struct sf_error *error)
{
	const char *colon = text ? strchr(text, ':') : NULL;
	char number[32];

	if (!text)
		return 0;
	snprintf(number, sizeof(number), "%.*s",
		(int)(colon ? (size_t)(colon - text) : strlen(text)), text);
	if (!sf_scaled_parse(number, sf_units_count, &options->top) || options->top == 0)
		return sf_error_set(error, SF_EUSAGE,
			"%s: '%s' is not N or N:FIELD, such as 10 or 10:packets", option, text);
	options->top_by = colon ? colon + 1 : NULL;
	return 0;
}

/*
 * Takes the list of an option apart at its commas, but for those in
 * parentheses. 0 or an error of `take`.
 */
static int each_word(struct sf_groups *groups, const char *option, const char *list,
	int (*take)(
		struct sf_groups *groups, const char *word, size_t length, struct sf_error *error),
	struct sf_error *error)
{
	while (*list) {
		size_t length = 0, depth = 0, end;
		struct sf_error reason = { 0 };
		int code;

		for (; list[length] && (depth || list[length] != ','); length++)
			depth += list[length] == '(' ? 1 : list[length] == ')' && depth ? -1 : 0;
		end = length;
		while (end && list[0] == ' ') {
			list++;
			length--;
			end--;
		}
		while (end && list[end - 1] == ' ')
			end--;
		code = take(groups, list, end, &reason);
		if (code)
			return sf_error_set(error, code, "%s: %s", option, reason.text);
		list += length + (list[length] == ',');
	}
	return 0;
}

/* Two keys that would have the same name in JSON. */
static bool same_key(const struct sf_key *a, const struct sf_key *b)
{
	const char *name = a->field.element[0], *other = b->field.element[0];

	if (strcmp(a->name, b->name) == 0)
		return true;
	return a->kind == SF_KEY_FIELD && b->kind == SF_KEY_FIELD && name && other &&
	       strcmp(name, other) == 0 && a->field.reverse == b->field.reverse;
}

static int take_key(
	struct sf_groups *groups, const char *word, size_t length, struct sf_error *error)
{
	unsigned used = groups->key_count - (groups->options.every_ns != 0);
	struct sf_key *key = &groups->keys[groups->key_count];
	int code;

	if (used == SF_GROUPS_KEYS_MAX)
		return sf_error_set(error, SF_EUSAGE, "more than %u keys", SF_GROUPS_KEYS_MAX);
	code = sf_key_parse(groups, key, word, length, error);
	if (code)
		return code;
	for (unsigned i = 0; i < groups->key_count; i++)
		if (same_key(&groups->keys[i], key))
			return sf_error_set(error, SF_EUSAGE, "'%s' and '%s' are the same",
				groups->keys[i].name, key->name);
	groups->key_count++;
	groups->two_sided |= key->kind == SF_KEY_SIDE;
	return 0;
}

static int take_sum(
	struct sf_groups *groups, const char *word, size_t length, struct sf_error *error)
{
	struct sf_sum *sum = &groups->sums[groups->sum_count];
	int code;

	if (groups->sum_count == SF_GROUPS_SUMS_MAX)
		return sf_error_set(error, SF_EUSAGE, "more than %u sums", SF_GROUPS_SUMS_MAX);
	code = sf_sum_parse(groups, sum, word, length, error);
	if (code)
		return code;
	for (unsigned i = 0; i < groups->sum_count; i++)
		if (strcmp(groups->sums[i].name, sum->name) == 0)
			return sf_error_set(error, SF_EUSAGE, "'%s' is named twice", sum->name);
	if (sum->kind == SF_SUM_DURATION) {
		code = sf_ask_field_find(&sum->field, "duration", groups->options.mode, error);
		if (code)
			return code;
	}
	groups->sum_count++;
	return 0;
}

/* The bin of time is the first key. */
static void add_bin(struct sf_groups *groups)
{
	groups->keys[groups->key_count++] = (struct sf_key){
		.name = "time", .kind = SF_KEY_BIN, .words = 1, .type = SF_ASK_TIME
	};
}

/*
 * Keys that tell whose bytes are `sent`: choose_side(). With rows for both
 * sides it is the side of the row.
 */
static bool is_sided(const struct sf_groups *groups)
{
	for (unsigned i = 0; i < groups->key_count; i++)
		if (groups->keys[i].kind == SF_KEY_PAIR ||
			(groups->keys[i].kind >= SF_KEY_SERVER &&
				groups->keys[i].kind <= SF_KEY_OUTSIDE))
			return !groups->two_sided;
	return false;
}

static void lay_out(struct sf_groups *groups)
{
	unsigned words = 1; /* kinds */

	for (unsigned i = 0; i < groups->key_count; i++)
		words += groups->keys[i].words;
	groups->first_sum = words;
	groups->sided = is_sided(groups);
	for (unsigned i = 0; i < groups->sum_count; i++) {
		groups->sums[i].at = (uint8_t)words;
		words += groups->sums[i].words;
	}
	groups->entry_words = words;
	for (unsigned i = 0; i < groups->sum_count; i++)
		sf_sum_begin(
			&groups->sums[i], groups->blank + groups->sums[i].at - groups->first_sum);
	sf_store_init(groups);
}

static int find_fields(struct sf_groups *groups, struct sf_error *error)
{
	const struct {
		struct sf_ask_field *field;
		const char *name;
	} fields[] = { { &groups->bytes, "bytes" }, { &groups->packets, "packets" },
		{ &groups->start, "start" }, { &groups->end, "end" }, { &groups->sport, "sport" },
		{ &groups->dport, "dport" } };
	int code = 0;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && code == 0; i++)
		code = sf_ask_field_find(
			fields[i].field, fields[i].name, groups->options.mode, error);
	return code;
}

int sf_groups_new(
	struct sf_groups **groups, const struct sf_groups_options *options, struct sf_error *error)
{
	struct sf_groups *g = calloc(1, sizeof(*g));
	int code;

	if (!g)
		return sf_error_set(error, -ENOMEM, "no memory for groups");
	g->options = *options;
	g->own.most = options->memory;
	g->budget = &g->own;
	if (options->every_ns)
		add_bin(g);
	code = find_fields(g, error);
	if (code == 0 && options->by)
		code = each_word(g, "--by", options->by, take_key, error);
	if (code == 0)
		code = each_word(g, "--sum", options->sum ? options->sum : "flows,packets,bytes",
			take_sum, error);
	if (code == 0 && g->sum_count == 0)
		code = sf_error_set(error, SF_EUSAGE, "no sum is asked for");
	lay_out(g);
	g->waiting = calloc(SF_ROWS_WAITING * g->entry_words, sizeof(*g->waiting));
	if (code == 0 && !g->waiting)
		code = sf_error_set(error, -ENOMEM, "no memory for groups");
	if (code == 0)
		code = sf_groups_orders(g, error);
	if (code) {
		sf_groups_free(g);
		return code;
	}
	*groups = g;
	return 0;
}

int sf_groups_like(struct sf_groups **copy, const struct sf_groups *groups, struct sf_error *error)
{
	int code = sf_groups_new(copy, &groups->options, error);

	if (code == 0)
		(*copy)->budget = groups->budget;
	return code;
}

bool sf_groups_need_order(const struct sf_groups *groups)
{
	for (unsigned i = 0; i < groups->sum_count; i++)
		if (groups->sums[i].kind == SF_SUM_JITTER)
			return true;
	return false;
}

void sf_groups_free(struct sf_groups *groups)
{
	if (!groups)
		return;
	for (unsigned i = 0; i < groups->part_count; i++)
		sf_groups_free(groups->parts[i]);
	free(groups->parts);
	sf_store_free(groups);
	sf_texts_free(&groups->texts);
	free(groups->waiting);
	free(groups->shown);
	free(groups->passed);
	free(groups);
}

/* ---------------------------------------------------------------- what there is */

size_t sf_groups_shown(const struct sf_groups *groups)
{
	return groups->shown_count;
}

size_t sf_groups_count(const struct sf_groups *groups)
{
	size_t count = groups->count + groups->left_out;

	/* until those to be shown are taken out of the parts */
	for (unsigned i = 0; i < groups->part_count && count == 0; i++)
		count += groups->parts[i]->count;
	return count;
}

unsigned sf_groups_parts(const struct sf_groups *groups)
{
	return groups->part_count;
}

void sf_groups_totals(const struct sf_groups *groups, struct sf_groups_totals *totals)
{
	*totals = groups->totals;
	totals->memory = atomic_load_explicit(&groups->budget->used, memory_order_relaxed);
}

void sf_groups_elements(const struct sf_groups *groups, struct sf_ask_elements *elements)
{
	for (unsigned i = 0; i < groups->key_count; i++) {
		sf_ask_elements_add(elements, &groups->keys[i].field, true);
		sf_ask_elements_add(elements, &groups->keys[i].other, true);
	}
	for (unsigned i = 0; i < groups->sum_count; i++) {
		sf_ask_elements_add(elements, &groups->sums[i].field, true);
		sf_ask_elements_add(elements, &groups->sums[i].key.field, true);
		sf_ask_elements_add(elements, &groups->sums[i].key.other, true);
	}
}
