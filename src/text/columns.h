/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records as text with a value for each field of a list: JSON lines, CSV, and the table of chosen
 * fields. What stands between the values ("name": and commas) is prepared once for each variant of
 * record.
 *
 *	sf_columns_init(&columns, biflow, collected, 0, NULL);
 *	p = sf_columns_csv_header(&columns, p);
 *	layout = sf_columns_layout(&columns, flow, directions);	NULL: no memory
 *	p = sf_columns_csv(&columns, layout, p, &row);
 */
#ifndef SPANFLOW_TEXT_COLUMNS_H
#define SPANFLOW_TEXT_COLUMNS_H

#include <stdbool.h>

#include "encode/anonymize.h"
#include "encode/template.h"
#include "encode/variant.h"
#include "text/text.h"

struct sf_columns {
	struct sf_fields fields;
	uint64_t when; /* conditions that hold for all rows */
	bool collected;
	bool origin;                   /* CSV: columns of where a collected record came from */
	unsigned count;                /* fields that some row can have: columns of CSV and table */
	uint8_t widths[SF_FIELDS_MAX]; /* of the table's columns */
	uint8_t longest_name;
	struct sf_variants layouts; /* struct sf_layout */
	struct sf_encode_context context;
	const struct sf_anonymizer *anonymizer; /* changes the rows' addresses; NULL: none */
};

struct sf_layout;

/* The fields of the profile `extended`. `extra`: conditions that hold because of an enricher. */
void sf_columns_init(struct sf_columns *columns, bool biflow, bool collected, uint64_t extra,
	const struct sf_extra_batch *batch);
/* Rows may be folded records: columns for what these tell. After sf_columns_choose(). */
void sf_columns_add_folded(struct sf_columns *columns);

void sf_columns_fini(struct sf_columns *columns);

/* Takes out the fields that need one of these facts on request. Before sf_columns_choose(). */
void sf_columns_leave_out(struct sf_columns *columns, uint64_t facts);

/* Other fields. 0 or SF_EUSAGE. */
int sf_columns_choose(struct sf_columns *columns, const char *list, struct sf_error *error);

/* What a row of these directions of the flow looks like: 1, 2 or 3. NULL: no memory. */
const struct sf_layout *sf_columns_layout(
	struct sf_columns *columns, const struct sf_flow *flow, unsigned directions);

/*
 * Of the fields of a list that begins with + or -, only those that it adds: "+dns-vlanId" adds
 * those of DNS. False: it is another list, or adds none; the fields stay as they are.
 */
bool sf_columns_keep_added(struct sf_columns *columns, const char *list);

/* The table with a column for each field is no wider than `width`; 0: any width will do. */
bool sf_columns_fit(const struct sf_columns *columns, unsigned width);

/*
 * Each returns the next position; a row is never longer than SF_TEXT_ROW_MAX. Without a line: the
 * record has none of the fields.
 */
char *sf_columns_csv_header(const struct sf_columns *columns, char *p);
char *sf_columns_table_header(const struct sf_columns *columns, char *p);
char *sf_columns_json(const struct sf_layout *layout, char *p, const struct sf_row *row);
char *sf_columns_csv(const struct sf_columns *columns, const struct sf_layout *layout, char *p,
	const struct sf_row *row);
char *sf_columns_table(const struct sf_columns *columns, const struct sf_layout *layout, char *p,
	const struct sf_row *row);

/*
 * "\tname=value" for each field that the record has, and a NUL: what
 * sf_narrow_row() puts below a row.
 */
char *sf_columns_pairs(const struct sf_layout *layout, char *p, const struct sf_row *row);

/* A line "name  value" for each field that the record has. */
char *sf_columns_lines(const struct sf_columns *columns, const struct sf_layout *layout, char *p,
	const struct sf_row *row);

#endif
