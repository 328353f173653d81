/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of text, shared by text.c and table.c. Each writer returns the next position. */
#ifndef SPANFLOW_EXPORT_TEXT_H
#define SPANFLOW_EXPORT_TEXT_H

#include <stdbool.h>

#include <spanflow/collect.h>
#include <spanflow/flow.h>

#define SF_TEXT_ROW_MAX 16384 /* a row is never longer */

struct sf_row {
	const struct sf_flow *flow;
	const struct sf_collected *record; /* what the flow was collected from, or NULL */
	unsigned d;                        /* direction */
	bool biflow, local_time;
};

/* `collected`: with columns for where a record came from. */
char *sf_table_header(char *p, bool biflow, bool collected);
char *sf_table_row(char *p, const struct sf_row *row);

#endif
