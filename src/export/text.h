/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of text, shared by text.c and table.c. Each writer returns the next position. */
#ifndef SPANFLOW_EXPORT_TEXT_H
#define SPANFLOW_EXPORT_TEXT_H

#include <stdbool.h>

#include <spanflow/flow.h>

#define SF_TEXT_ROW_MAX 16384 /* a row is never longer */

char *sf_table_header(char *p, bool biflow);
char *sf_table_row(char *p, const struct sf_flow *flow, unsigned d, bool biflow, bool local_time);

#endif
