/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows of text, shared by text.c, table.c (the wide table) and narrow.c (the table that fits a
 * terminal). Each writer returns the next position.
 */
#ifndef SPANFLOW_TEXT_TEXT_H
#define SPANFLOW_TEXT_TEXT_H

#include <stdbool.h>

#include <spanflow/collect.h>
#include <spanflow/flow.h>

#define SF_TEXT_ROW_MAX (128 * 1024) /* a row is never longer: see columns.c */

struct sf_row {
	const struct sf_flow *flow;
	const struct sf_collected *record; /* what the flow was collected from, or NULL */
	unsigned d;                        /* direction */
	bool biflow, local_time;
};

/* `collected`: with columns for the exporter, its domain and the export time. */
char *sf_wide_header(char *p, bool biflow, bool collected);
char *sf_wide_row(char *p, const struct sf_row *row);

/* The narrow table: the widths of its columns, and the last line above rows. */
struct sf_narrow {
	unsigned width;    /* of a row, columns of a terminal */
	unsigned start;    /* columns: "00:00:01" or "00:00:01.900" */
	unsigned duration; /* 0: no such column */
	unsigned endpoint; /* width of source and of destination */
	unsigned packets;
	bool cut;   /* rows end at `width` */
	bool flags; /* there is a column of TCP flags, and end reasons are words */
	bool biflow, local_time;
	bool exported;   /* there is a column of export times */
	char above[128]; /* the last line above rows: date and exporter */
};

/*
 * `width`: columns of the terminal; rows are cut to it. 0: not a terminal; rows are made for 120
 * columns and never cut.
 */
void sf_narrow_init(
	struct sf_narrow *table, unsigned width, bool biflow, bool local_time, bool collected);
char *sf_narrow_header(char *p, const struct sf_narrow *table);

/*
 * Writes a row, and before it a line with date and exporter if these have changed. Behind the row
 * stand its notes and `more` (of sf_columns_pairs(), or ""); what does not fit behind it stands in
 * further lines, indented. A row with those lines is shorter than 2 * SF_TEXT_ROW_MAX.
 */
char *sf_narrow_row(char *p, struct sf_narrow *table, const struct sf_row *row, const char *more);

/* ---- table.c: cells that both tables have */

/* True if the flow has a value (SF_KNOWN_…) of direction `half`. */
bool sf_row_knows(const struct sf_row *row, unsigned half, uint32_t known);
bool sf_row_has_ports(const struct sf_row *row, unsigned side);

/* "/24" behind the address of a network, which folded records have; nothing else. */
char *sf_row_prefix(char *p, const struct sf_row *row, unsigned side);

/* "2023-09-12 06:06:56.123Z", in local time without the Z. */
char *sf_row_time(char *p, int64_t time_ns, bool local);

/* Begin and end of the row's flow, of both directions if `two_way`. */
void sf_row_span(const struct sf_row *row, bool two_way, int64_t *start, int64_t *end);
char *sf_row_protocol(char *p, uint8_t protocol);
char *sf_row_flags(char *p, const struct sf_row *row, unsigned d);

/* "idle", or the number of a reason without a name. */
char *sf_row_end_reason(char *p, uint8_t reason);

/*
 * Values that only some flows have: ICMP type, VLAN ids, MPLS label,
 * tunnel; a space before each word.
 */
#define SF_ROW_NOTES_MAX 160 /* bytes */
char *sf_row_notes(char *p, const struct sf_row *row);

/* Adds spaces behind start … p up to `width` columns; the text to the right in `width` columns. */
char *sf_row_pad(char *p, const char *start, size_t width);
char *sf_row_right(char *p, const char *text, size_t length, size_t width);

#endif
