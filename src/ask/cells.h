/* SPDX-License-Identifier: BSD-2-Clause */
/* Cells of an answer, for answer.c and table.c. */
#ifndef SPANFLOW_ASK_CELLS_H
#define SPANFLOW_ASK_CELLS_H

#include "ask/answer.h"
#include "ask/group.h"

/* Writes the cell of the group that is shown as number `shown`; nothing if it has no such value. */
char *sf_cell_put(
	const struct sf_groups *groups, unsigned column, enum sf_form form, size_t shown, char *p);

/* The heading of a column of the table. */
const char *sf_column_title(const struct sf_groups *groups, unsigned column);

#endif
