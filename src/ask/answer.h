/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Groups as text, after sf_groups_sort(): a table for people, CSV, or JSON, a line for each group;
 * or as IPFIX records. Functions of text write at most SF_ANSWER_ROW_MAX bytes and return the next
 * position.
 *
 *	char line[SF_ANSWER_ROW_MAX], *end = sf_answer_csv_header(groups, line);
 *
 *	fwrite(line, 1, end - line, stdout);
 *	for (size_t i = 0; i < sf_groups_shown(groups); i++)
 *		...
 *
 * JSON names keys by their information elements ("sourceIPv4Address"), sums by their own names. An
 * estimate of distinct() has a ~ in tables; in JSON its name is in the list "estimated".
 */
#ifndef SPANFLOW_ASK_ANSWER_H
#define SPANFLOW_ASK_ANSWER_H

#include "ask/groups.h"

#define SF_ANSWER_ROW_MAX 131072

enum sf_form { SF_FORM_TABLE, SF_FORM_CSV, SF_FORM_JSON };

/* Lines with their line ends. `i`: the group that is shown as number i, from 0 on. */
char *sf_answer_csv_header(const struct sf_groups *groups, char *p);
char *sf_answer_csv(const struct sf_groups *groups, size_t i, char *p);
char *sf_answer_json(const struct sf_groups *groups, size_t i, char *p);

/* ---- records.c: IPFIX records with the keys and sums as information elements */

#define SF_ANSWER_FIELDS_MAX 64

struct sf_answer_record {
	struct sf_collected record;
	struct sf_field_value fields[SF_ANSWER_FIELDS_MAX];
	uint16_t lengths[SF_ANSWER_FIELDS_MAX];
	uint8_t bytes[SF_ANSWER_FIELDS_MAX][16]; /* of values that no group has as they are */
};

/* 0; or SF_EUSAGE: some key or sum has no information element. Shares are left out. */
int sf_answer_records_check(const struct sf_groups *groups, struct sf_error *error);

/*
 * The group that is shown as number i, for sf_exporter_put_collected(). It is in `answer`,
 * and texts are lent by `groups`.
 */
const struct sf_collected *sf_answer_record(const struct sf_groups *groups, size_t i,
	int64_t export_time_ns, struct sf_answer_record *answer);

/* ---- chart.c */

/* The table; `width` of a terminal, or 0: then it has no bars, and rows are never cut. */
struct sf_answer_table {
	const struct sf_groups *groups;
	unsigned width;
	unsigned columns;    /* number of columns that fit, from the left */
	unsigned widths[32]; /* of the columns */
	unsigned bar;        /* columns for bars; 0: none */
	double largest;      /* of the measure: the longest bar */
};

/*
 * Measures the columns; `groups` is lent. Then the header, the rows in
 * order, and the footer are written.
 */
void sf_answer_table_init(
	struct sf_answer_table *table, const struct sf_groups *groups, unsigned width);
char *sf_answer_table_header(const struct sf_answer_table *table, char *p);
char *sf_answer_table_row(const struct sf_answer_table *table, size_t i, char *p);

/* What stands below: how many groups there are, totals, a line of bars for series of time. */
char *sf_answer_table_footer(const struct sf_answer_table *table, char *p);

#endif
