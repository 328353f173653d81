/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The members of plans as rows: which part of a run a member belongs to, and what it takes to
 * change it. A member of struct sf_plan, sf_plan_source or sf_plan_destination without a row does
 * not build.
 *
 *	for (const struct sf_plan_row *row = sf_plan_rows; row->name; row++)
 *		… *(bool *)((char *)&plan + row->offset) …
 */
#ifndef SPANFLOW_ENGINE_PLAN_H
#define SPANFLOW_ENGINE_PLAN_H

#include <stddef.h>

#include <spanflow/plan.h>

/* How a member is compared. */
enum sf_plan_kind {
	SF_PLAN_VALUE, /* byte by byte */
	SF_PLAN_TEXT,  /* const char *, or NULL */
	SF_PLAN_SEED,  /* pointer to two words, or NULL */
	SF_PLAN_NAMES, /* array of texts; its length is the next member, unsigned */
	SF_PLAN_NONE,  /* not here: it identifies the part, or is compared in its own way */
};

struct sf_plan_row {
	const char *name; /* NULL ends the table */
	size_t offset, size;
	enum sf_plan_kind kind;
	enum sf_plan_part part;
	enum sf_plan_change change;
};

extern const struct sf_plan_row sf_plan_rows[], sf_plan_source_rows[], sf_plan_destination_rows[];

#endif
