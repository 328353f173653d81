/* SPDX-License-Identifier: BSD-2-Clause */
/* Which groups are shown, in which order. Groups that are equal are ordered by their keys. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask/group.h"
#include "ask/internal.h"
#include "base/branch.h"
#include "base/suggest.h"

/* ---------------------------------------------------------------- parsing */

static const char *column_name(const void *context, unsigned i)
{
	const struct sf_groups *groups = context;

	if (i < groups->key_count)
		return groups->keys[i].name;
	i -= groups->key_count;
	if (i < groups->sum_count)
		return groups->sums[i].name;
	i -= groups->sum_count;
	return i == 0 && groups->options.share ? "share" : NULL;
}

static int find_column(const struct sf_groups *groups, const char *option, const char *word,
	size_t length, unsigned *column, struct sf_error *error)
{
	char name[80];
	const char *candidate, *near;

	snprintf(name, sizeof(name), "%.*s", (int)length, word);
	for (*column = 0; (candidate = column_name(groups, *column)) != NULL; ++*column)
		if (strcmp(candidate, name) == 0)
			return 0;
	near = sf_suggest(name, column_name, groups);
	if (near)
		return sf_error_set(error, SF_EUSAGE,
			"%s: there is no column '%s'; did you mean '%s'?", option, name, near);
	return sf_error_set(error, SF_EUSAGE,
		"%s: there is no column '%s'; columns are what --by and --sum name", option, name);
}

/* The sum that the order goes by: as asked, or bytes, or the first. */
static int choose_measure(struct sf_groups *groups, struct sf_error *error)
{
	unsigned column;
	int code;

	for (unsigned i = 0; i < groups->sum_count; i++)
		if (groups->sums[i].kind == SF_SUM_BYTES) {
			groups->measure = i;
			break;
		}
	if (!groups->options.top_by)
		return 0;
	code = find_column(groups, groups->options.bottom ? "--bottom" : "--top",
		groups->options.top_by, strlen(groups->options.top_by), &column, error);
	if (code)
		return code;
	if (column < groups->key_count || column >= groups->key_count + groups->sum_count)
		return sf_error_set(error, SF_EUSAGE,
			"--top and --bottom go by a sum, and %s is none", groups->options.top_by);
	groups->measure = column - groups->key_count;
	return 0;
}

static int parse_sort(struct sf_groups *groups, struct sf_error *error)
{
	const char *p = groups->options.sort;

	while (*p) {
		size_t length = strcspn(p, ",");
		char sign = *p == '+' || *p == '-' ? *p : '\0';
		struct sf_group_order *order = &groups->orders[groups->order_count];
		int code = find_column(groups, "--sort", p + (sign != 0), length - (sign != 0),
			&order->column, error);

		if (code)
			return code;
		if (groups->order_count + 1 < sizeof(groups->orders) / sizeof(groups->orders[0]))
			groups->order_count++;
		order->down = sign ? sign == '-' : order->column >= groups->key_count;
		p += length + (p[length] == ',');
	}
	return 0;
}

static int parse_columns(struct sf_groups *groups, struct sf_error *error)
{
	const char *p = groups->options.columns;
	unsigned all = groups->key_count + groups->sum_count + (groups->options.share ? 2 : 0);

	if (!p) {
		for (unsigned i = 0; i < all; i++)
			groups->columns[groups->column_count++] = i;
		return 0;
	}
	while (*p && groups->column_count < SF_COLUMNS_MAX) {
		size_t length = strcspn(p, ",");
		int code = find_column(groups, "--columns", p, length,
			&groups->columns[groups->column_count++], error);

		if (code)
			return code;
		p += length + (p[length] == ',');
	}
	return 0;
}

/* The number of a condition: of times a duration. */
static bool condition_value(
	const struct sf_sum *sum, const char *text, size_t length, double *value)
{
	bool time = sum->kind == SF_SUM_DURATION || sum->kind == SF_SUM_INTERVAL ||
		    sum->kind == SF_SUM_SPAN;
	char word[32], *end;
	uint64_t number;

	if (sf_ask_parse_number(text, length, time ? SF_ASK_DURATION : SF_ASK_NUMBER, &number)) {
		*value = (double)number;
		return true;
	}
	snprintf(word, sizeof(word), "%.*s", (int)length, text);
	*value = strtod(word, &end);
	return isdigit((unsigned char)*word) && !*end && length < sizeof(word);
}

/* "flows >= 10": moves *p behind it. */
static int parse_condition(struct sf_groups *groups, const char **p, struct sf_error *error)
{
	static const struct {
		const char *text;
		int comparison;
	} operators[] = { { "<=", -1 }, { ">=", 1 }, { "!=", 3 }, { "==", 0 }, { "<", -2 },
		{ ">", 2 }, { "=", 0 } };
	struct sf_having *having = &groups->havings[groups->having_count];
	size_t length = strcspn(*p, " <>=!"), i;
	unsigned column;
	int code = find_column(groups, "--having", *p, length, &column, error);

	if (code)
		return code;
	*p += length + strspn(*p + length, " ");
	for (i = 0; i < 7 && strncmp(*p, operators[i].text, strlen(operators[i].text)) != 0; i++)
		;
	if (i == 7 || column < groups->key_count || column >= groups->key_count + groups->sum_count)
		return sf_error_set(error, SF_EUSAGE,
			"--having: '%.40s' is no condition on a sum, such as flows >= 10", *p);
	having->sum = column - groups->key_count;
	having->comparison = operators[i].comparison;
	*p += strlen(operators[i].text);
	*p += strspn(*p, " ");
	length = strcspn(*p, " ,");
	if (!condition_value(&groups->sums[having->sum], *p, length, &having->value))
		return sf_error_set(error, SF_EUSAGE, "--having: '%.*s' is no number",
			(int)(length > 40 ? 40 : length), *p);
	groups->having_count++;
	*p += length;
	return 0;
}

static int parse_having(struct sf_groups *groups, struct sf_error *error)
{
	const char *p = groups->options.having;

	for (;;) {
		int code;

		p += strspn(p, " ,");
		if (strncmp(p, "and ", 4) == 0)
			p += 4 + strspn(p + 4, " ");
		if (!*p)
			return 0;
		if (groups->having_count == sizeof(groups->havings) / sizeof(groups->havings[0]))
			return sf_error_set(error, SF_EUSAGE, "--having: more than 4 conditions");
		code = parse_condition(groups, &p, error);
		if (code)
			return code;
	}
}

int sf_groups_orders(struct sf_groups *groups, struct sf_error *error)
{
	const struct sf_groups_options *options = &groups->options;
	int code = choose_measure(groups, error);

	if (code == 0 && options->sort)
		code = parse_sort(groups, error);
	if (code == 0)
		code = parse_columns(groups, error);
	if (code == 0 && options->having)
		code = parse_having(groups, error);
	if (code || groups->order_count)
		return code;
	/* series of time are in order of time, unless the largest bins are asked for */
	if (options->every_ns && (!options->top || sf_groups_top_in_bins(groups)))
		groups->orders[groups->order_count++] = (struct sf_group_order){ 0, false };
	if (options->every_ns && !options->top)
		return 0;
	groups->orders[groups->order_count++] =
		(struct sf_group_order){ groups->key_count + groups->measure, !options->bottom };
	return 0;
}

/* ---------------------------------------------------------------- comparing */

static int compare_texts(const struct sf_groups *groups, uint64_t a, uint64_t b)
{
	const struct sf_text *x = &groups->texts.items[(uint32_t)a];
	const struct sf_text *y = &groups->texts.items[(uint32_t)b];
	int order = memcmp(x->bytes, y->bytes, x->length < y->length ? x->length : y->length);

	return order ? order : (x->length > y->length) - (x->length < y->length);
}

/*
 * Slots of addresses of which some are those of networks: these stand
 * before the hosts that they have.
 */
static int compare_networks(const struct sf_key *key, const uint64_t *a, unsigned a_kind,
	const uint64_t *b, unsigned b_kind)
{
	int order = sf_slot_compare(a, sf_pair_kind(a_kind, 0), b, sf_pair_kind(b_kind, 0));

	if (order || key->kind != SF_KEY_PAIR)
		return order;
	return sf_slot_compare(a + 2, sf_pair_kind(a_kind, 1), b + 2, sf_pair_kind(b_kind, 1));
}

static int compare_key(
	const struct sf_groups *groups, unsigned i, const uint64_t *a, const uint64_t *b)
{
	const unsigned networks = SF_SLOT_NET | SF_SLOT_OTHER_NET;
	unsigned x = sf_group_kind(a, i), y = sf_group_kind(b, i);

	if ((x ^ y) & ~networks)
		return x < y ? -1 : 1;
	a = sf_group_slot(groups, a, i);
	b = sf_group_slot(groups, b, i);
	if (x == SF_SLOT_TEXT)
		return compare_texts(groups, a[0], b[0]);
	if (sf_unlikely((x | y) & networks))
		return compare_networks(&groups->keys[i], a, x, b, y);
	if (x & (SF_SLOT_V4 | SF_SLOT_V6))
		return memcmp(a, b, groups->keys[i].words * sizeof(*a));
	return (a[0] > b[0]) - (a[0] < b[0]);
}

static int compare_sum(const struct sf_sum *sum, const uint64_t *a, const uint64_t *b)
{
	double x = 0, y = 0;
	bool has = sf_sum_value(sum, a + sum->at, &x), other = sf_sum_value(sum, b + sum->at, &y);

	if (has != other)
		return has ? 1 : -1;
	return (x > y) - (x < y);
}

/* How --top and --bottom rank groups, in bins of time each bin by itself: `orders` of compare(). */
static unsigned ranking(const struct sf_groups *groups, struct sf_group_order orders[2])
{
	unsigned count = 0;

	if (sf_groups_top_in_bins(groups))
		orders[count++] = (struct sf_group_order){ 0, false };
	orders[count++] = (struct sf_group_order){ groups->key_count + groups->measure,
		!groups->options.bottom };
	return count;
}

struct ordered {
	const struct sf_groups *groups;
	const struct sf_group_order *orders;
	unsigned count;
};

/* By the orders, and then by the keys. */
static int compare(const struct ordered *by, uint32_t left, uint32_t right)
{
	const struct sf_groups *groups = by->groups;
	const uint64_t *a = sf_group_entry(groups, left), *b = sf_group_entry(groups, right);

	for (unsigned i = 0; i < by->count; i++) {
		unsigned column = by->orders[i].column;
		int order;

		if (column >= groups->key_count + groups->sum_count)
			column = groups->key_count + groups->measure;
		order = column < groups->key_count
				? compare_key(groups, column, a, b)
				: compare_sum(&groups->sums[column - groups->key_count], a, b);
		if (order)
			return by->orders[i].down ? -order : order;
	}
	for (unsigned i = 0; i < groups->key_count; i++) {
		int order = compare_key(groups, i, a, b);

		if (order)
			return order;
	}
	return 0;
}

static int compare_ids(const void *a, const void *b, void *by)
{
	return compare(by, *(const uint32_t *)a, *(const uint32_t *)b);
}

/* ---------------------------------------------------------------- choosing */

static bool meets(const struct sf_groups *groups, const uint64_t *entry)
{
	for (unsigned i = 0; i < groups->having_count; i++) {
		const struct sf_having *having = &groups->havings[i];
		const struct sf_sum *sum = &groups->sums[having->sum];
		double value;
		bool met;

		if (!sf_sum_value(sum, entry + sum->at, &value))
			return false;
		if (having->comparison == 3)
			met = value != having->value;
		else if (having->comparison < 0)
			met = value < having->value ||
			      (having->comparison == -1 && value == having->value);
		else if (having->comparison > 0)
			met = value > having->value ||
			      (having->comparison == 1 && value == having->value);
		else
			met = value == having->value;
		if (!met)
			return false;
	}
	return true;
}

/* A heap whose root is the last of those that are kept. */
static void sift_down(const struct ordered *by, uint32_t *heap, size_t count, size_t at)
{
	for (;;) {
		size_t last = at, left = 2 * at + 1;
		uint32_t id;

		for (size_t child = left; child < left + 2 && child < count; child++)
			if (compare(by, heap[child], heap[last]) > 0)
				last = child;
		if (last == at)
			return;
		id = heap[at];
		heap[at] = heap[last];
		heap[last] = id;
		at = last;
	}
}

/* The first `most` of the groups that meet --having, in no order: how many. */
static size_t choose(const struct ordered *by, uint32_t *kept, size_t most)
{
	const struct sf_groups *groups = by->groups;
	size_t count = 0;

	for (size_t i = 0; i < groups->count; i++) {
		if (!meets(groups, sf_group_entry(groups, i)))
			continue;
		if (count < most) {
			kept[count++] = (uint32_t)i;
			if (count == most)
				for (size_t at = count / 2 + 1; at-- > 0;)
					sift_down(by, kept, count, at);
		} else if (compare(by, (uint32_t)i, kept[0]) < 0) {
			kept[0] = (uint32_t)i;
			sift_down(by, kept, count, 0);
		}
	}
	return count;
}

/* Of sorted groups keeps the first `most` of each bin: how many are left. */
static size_t cut_bins(const struct sf_groups *groups, uint32_t *sorted, size_t count, size_t most)
{
	size_t kept = 0, rank = 0;
	int64_t bin = 0;

	for (size_t i = 0; i < count; i++) {
		int64_t next = sf_group_bin(groups, sorted[i]);

		rank = i && next == bin ? rank + 1 : 0;
		bin = next;
		if (rank < most)
			sorted[kept++] = sorted[i];
	}
	return kept;
}

bool sf_groups_top_in_bins(const struct sf_groups *groups)
{
	return groups->options.top && groups->options.every_ns && groups->key_count > 1;
}

size_t sf_groups_best(const struct sf_groups *groups, uint32_t *ids, size_t most)
{
	struct sf_group_order orders[2];
	const struct ordered ranked = { groups, orders, ranking(groups, orders) };
	const struct ordered sorted = { groups, groups->orders, groups->order_count };

	return most ? choose(groups->options.top ? &ranked : &sorted, ids, most) : 0;
}

/* Fills `shown` with what --having, --top and --bottom leave, in no order. */
static void choose_top(struct sf_groups *groups, size_t room)
{
	struct sf_group_order orders[2];
	const struct ordered by = { groups, orders, ranking(groups, orders) };

	groups->shown_count = room ? choose(&by, groups->shown, room) : 0;
	if (!sf_groups_top_in_bins(groups))
		return;
	qsort_r(groups->shown, groups->shown_count, sizeof(*groups->shown), compare_ids,
		(void *)&by);
	groups->shown_count =
		cut_bins(groups, groups->shown, groups->shown_count, groups->options.top);
}

/* What all groups have of the measure: of counts, what all rows have. */
static double whole(const struct sf_groups *groups)
{
	const struct sf_sum *sum = &groups->sums[groups->measure];
	double total = 0, value;

	if (sum->kind == SF_SUM_FLOWS)
		return (double)groups->totals.flows;
	if (sum->kind == SF_SUM_PACKETS)
		return (double)groups->totals.packets;
	if (sum->kind == SF_SUM_BYTES)
		return (double)groups->totals.bytes;
	for (size_t i = 0; i < groups->count; i++)
		if (sf_sum_value(sum, sf_group_entry(groups, i) + sum->at, &value))
			total += value;
	return total;
}

static int cumulate(struct sf_groups *groups, struct sf_error *error)
{
	const struct sf_sum *sum = &groups->sums[groups->measure];
	double passed = 0, value;

	groups->whole = whole(groups);
	groups->passed = calloc(groups->shown_count + 1, sizeof(double));
	if (!groups->passed)
		return sf_error_set(
			error, -ENOMEM, "no memory to sum up %zu groups", groups->shown_count);
	for (size_t i = 0; i < groups->shown_count; i++) {
		if (sf_sum_value(sum, sf_group_entry(groups, groups->shown[i]) + sum->at, &value))
			passed += value;
		groups->passed[i] = passed;
	}
	return 0;
}

/* Without keys there is one group of all rows, also of none. */
static bool is_complete(struct sf_groups *groups)
{
	uint64_t key[SF_KEY_WORDS] = { 0 };

	return groups->key_count || groups->count ||
	       sf_group_find(groups, key, sf_group_key_hash(groups, key));
}

int sf_groups_sort(struct sf_groups *groups, struct sf_error *error)
{
	const struct sf_groups_options *options = &groups->options;
	const struct ordered by = { groups, groups->orders, groups->order_count };
	bool top = options->top && !sf_groups_top_in_bins(groups);
	size_t room;

	if (!sf_rows_settle(groups, sf_sum_add) || !is_complete(groups))
		return sf_groups_full(groups, error);
	room = groups->count;
	if (top && options->top < room)
		room = options->top;
	if (!options->top && options->limit && options->limit < room)
		room = options->limit;
	groups->shown = calloc(room + 1, sizeof(*groups->shown));
	if (!groups->shown)
		return sf_error_set(error, -ENOMEM, "no memory to sort %zu groups", groups->count);
	if (options->top)
		choose_top(groups, room);
	else
		groups->shown_count = room ? choose(&by, groups->shown, room) : 0;
	qsort_r(groups->shown, groups->shown_count, sizeof(*groups->shown), compare_ids,
		(void *)&by);
	if (options->limit && options->limit < groups->shown_count)
		groups->shown_count = options->limit;
	return options->share ? cumulate(groups, error) : 0;
}
