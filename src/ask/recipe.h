/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions that are asked often, each a recipe: what `spanflow show` is to be given, as data.
 *
 *	const struct sf_recipe *recipe = sf_recipe_find("scans", &error);
 *
 *	printf("%s\n  spanflow show FILE... --where '%s' --by %s\n", recipe->question,
 *		recipe->where, recipe->by);
 *
 * The rows are in recipes.def.
 */
#ifndef SPANFLOW_ASK_RECIPE_H
#define SPANFLOW_ASK_RECIPE_H

#include <stdbool.h>

#include <spanflow/error.h>

struct sf_recipe {
	const char *name;     /* NULL ends the table */
	const char *question; /* one line, with a question mark */
	/* options of spanflow show; NULL: not given */
	const char *where, *by, *sum, *top, *having, *sort;
	bool biflow, share, baseline;
	const char *doubts; /* what it finds wrongly, and what it misses */
};

extern const struct sf_recipe sf_recipes[];

/* NULL: there is none of that name; the error suggests one. */
const struct sf_recipe *sf_recipe_find(const char *name, struct sf_error *error);

#endif
