/* SPDX-License-Identifier: BSD-2-Clause */
/* Groups as a table that fits a terminal, with bars. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ask/cells.h"

#define MEASURED   10000 /* rows that the widths of columns are taken from */
#define KEY_LEAST  15    /* columns that a key is not cut below: an IPv4 address */
#define PAIR_LEAST 34    /* the same for a pair of addresses */
#define BAR_MOST   30

/* Columns of the terminal: one for each character of UTF-8. */
static unsigned columns_of(const char *text, const char *end)
{
	unsigned count = 0;

	for (; text < end; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static double measure_of(const struct sf_groups *groups, size_t shown)
{
	const struct sf_sum *sum = &groups->sums[groups->measure];
	double value;

	return sf_sum_value(sum, sf_group_entry(groups, groups->shown[shown]) + sum->at, &value)
		       ? value
		       : 0;
}

static bool is_key(const struct sf_groups *groups, unsigned k)
{
	return groups->columns[k] < groups->key_count;
}

/* By how many columns a key may be cut. */
static unsigned spare_of(const struct sf_answer_table *table, unsigned k)
{
	const struct sf_groups *groups = table->groups;
	unsigned least;

	if (!is_key(groups, k))
		return 0;
	least = groups->keys[groups->columns[k]].kind == SF_KEY_PAIR ? PAIR_LEAST : KEY_LEAST;
	return table->widths[k] > least ? table->widths[k] - least : 0;
}

/* The key that can be cut the most, or the number of columns. */
static unsigned longest_key(const struct sf_answer_table *table)
{
	unsigned longest = table->columns, most = 0;

	for (unsigned k = 0; k < table->columns; k++)
		if (spare_of(table, k) > most) {
			most = spare_of(table, k);
			longest = k;
		}
	return longest;
}

/* Columns of the right are left out while the keys, cut, do not make room for them. */
static void fit(struct sf_answer_table *table, unsigned total)
{
	unsigned spare = 0;

	for (unsigned k = 0; k < table->columns; k++)
		spare += spare_of(table, k);
	while (total - spare > table->width && table->columns > 1 &&
		!is_key(table->groups, table->columns - 1))
		total -= table->widths[--table->columns] + 2;
	for (unsigned k; total > table->width && (k = longest_key(table)) < table->columns; total--)
		table->widths[k]--;
}

void sf_answer_table_init(
	struct sf_answer_table *table, const struct sf_groups *groups, unsigned width)
{
	char cell[SF_ANSWER_ROW_MAX];
	unsigned total = 0;

	*table = (struct sf_answer_table){
		.groups = groups, .width = width, .columns = groups->column_count
	};
	for (unsigned k = 0; k < groups->column_count; k++) {
		const char *title = sf_column_title(groups, groups->columns[k]);

		table->widths[k] = (unsigned)strlen(title);
		for (size_t i = 0; i < groups->shown_count && i < MEASURED; i++) {
			unsigned needed = columns_of(cell,
				sf_cell_put(groups, groups->columns[k], SF_FORM_TABLE, i, cell));

			if (needed > table->widths[k])
				table->widths[k] = needed;
		}
		total += table->widths[k] + 2;
	}
	for (size_t i = 0; i < groups->shown_count; i++)
		if (measure_of(groups, i) > table->largest)
			table->largest = measure_of(groups, i);
	total -= total >= 2 ? 2 : 0; /* between columns, not behind the last */
	if (width && total > width)
		fit(table, total);
	else if (width >= total + 10 && groups->key_count && table->largest > 0)
		table->bar = width - total - 2 < BAR_MOST ? width - total - 2 : BAR_MOST;
}

/* A cell in its column: keys to the left, numbers to the right; what is too long is cut. */
static char *put_cell(
	const struct sf_answer_table *table, unsigned k, const char *text, const char *end, char *p)
{
	unsigned width = table->widths[k], needed = columns_of(text, end);
	bool left = is_key(table->groups, k), cut = table->width && needed > width;

	if (k)
		p = stpcpy(p, "  ");
	if (!left)
		for (unsigned i = needed; i < width; i++)
			*p++ = ' ';
	for (unsigned used = 0; text < end; text++) {
		used += ((unsigned char)*text & 0xc0) != 0x80;
		if (cut && used >= width) {
			p = stpcpy(p, "\xe2\x80\xa6");
			break;
		}
		*p++ = *text;
	}
	if (left)
		for (unsigned i = needed; i < width; i++)
			*p++ = ' ';
	return p;
}

static char *end_line(char *start, char *p)
{
	while (p > start && p[-1] == ' ')
		p--;
	*p++ = '\n';
	return p;
}

char *sf_answer_table_header(const struct sf_answer_table *table, char *p)
{
	char *start = p;

	for (unsigned k = 0; k < table->columns; k++) {
		const char *title = sf_column_title(table->groups, table->groups->columns[k]);

		p = put_cell(table, k, title, title + strlen(title), p);
	}
	return end_line(start, p);
}

/* Eighths of a column. */
static char *put_bar(double part, unsigned width, char *p)
{
	unsigned eighths = (unsigned)(part * width * 8 + 0.5);

	for (; eighths >= 8; eighths -= 8)
		p = stpcpy(p, "\xe2\x96\x88");
	if (eighths) {
		p = stpcpy(p, "\xe2\x96\x88");
		p[-1] = (char)(0x90 - eighths);
	}
	return p;
}

char *sf_answer_table_row(const struct sf_answer_table *table, size_t i, char *p)
{
	char cell[SF_ANSWER_ROW_MAX], *start = p;

	for (unsigned k = 0; k < table->columns; k++) {
		char *end = sf_cell_put(
			table->groups, table->groups->columns[k], SF_FORM_TABLE, i, cell);

		if (end == cell)
			*end++ = '-';
		p = put_cell(table, k, cell, end, p);
	}
	if (table->bar) {
		p = stpcpy(p, "  ");
		p = put_bar(measure_of(table->groups, i) / table->largest, table->bar, p);
	}
	return end_line(start, p);
}

/* ---------------------------------------------------------------- the lines below */

/*
 * A series of time as one line: the largest value of each column,
 * from the first bin to the last.
 */
static char *put_series(const struct sf_answer_table *table, char *p)
{
	const struct sf_groups *groups = table->groups;
	double heights[BAR_MOST * 2] = { 0 };
	const int64_t every = groups->options.every_ns;
	int64_t first = INT64_MAX, last = INT64_MIN, bins;
	unsigned columns;

	for (size_t i = 0; i < groups->shown_count; i++) {
		int64_t bin = sf_group_bin(groups, groups->shown[i]);

		first = bin < first ? bin : first;
		last = bin > last ? bin : last;
	}
	bins = (last - first) / every + 1;
	columns = bins < BAR_MOST * 2 ? (unsigned)bins : BAR_MOST * 2;
	for (size_t i = 0; i < groups->shown_count; i++) {
		int64_t bin = (sf_group_bin(groups, groups->shown[i]) - first) / every;
		double *height = &heights[(unsigned __int128)bin * columns / (uint64_t)bins];

		if (measure_of(groups, i) > *height)
			*height = measure_of(groups, i);
	}
	p += sprintf(p, "%s over time: ", groups->sums[groups->measure].name);
	for (unsigned i = 0; i < columns; i++) {
		unsigned eighth = (unsigned)(heights[i] / table->largest * 8 + 0.999);

		if (eighth == 0) {
			*p++ = ' ';
			continue;
		}
		p = stpcpy(p, "\xe2\x96\x81");
		p[-1] = (char)(0x80 + (eighth > 8 ? 8 : eighth));
	}
	*p++ = '\n';
	return p;
}

char *sf_answer_table_footer(const struct sf_answer_table *table, char *p)
{
	const struct sf_groups *groups = table->groups;
	const struct sf_groups_totals *totals = &groups->totals;

	if (table->width && groups->options.every_ns && groups->key_count == 1 &&
		groups->shown_count > 2 && table->largest > 0)
		p = put_series(table, p);
	if (groups->key_count && groups->options.having && !groups->shown_count)
		p += sprintf(p, "none of %zu groups has %.200s; ", sf_groups_count(groups),
			groups->options.having);
	else if (groups->key_count)
		p += sprintf(
			p, "%zu of %zu groups; ", groups->shown_count, sf_groups_count(groups));
	p += sprintf(p, "%" PRIu64 " flows, %" PRIu64 " packets, %" PRIu64 " bytes in all\n",
		totals->flows, totals->packets, totals->bytes);
	if (table->columns < groups->column_count) {
		p = stpcpy(p, "not shown, for want of width:");
		for (unsigned k = table->columns; k < groups->column_count; k++)
			p = stpcpy(stpcpy(p, " "), sf_column_title(groups, groups->columns[k]));
		p = stpcpy(p, " (--columns chooses)\n");
	}
	if (totals->estimated)
		p += sprintf(p,
			"~ more than %u different values: an estimate (HyperLogLog), right to 0.8 "
			"%%\n",
			SF_DISTINCT_EXACT);
	if (totals->unspread)
		p += sprintf(p, "%" PRIu64 " flows last too long for their bins to be spread\n",
			totals->unspread);
	return p;
}
