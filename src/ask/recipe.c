/* SPDX-License-Identifier: BSD-2-Clause */
#include "ask/recipe.h"

#include <stddef.h>
#include <string.h>

#include "base/suggest.h"

const struct sf_recipe sf_recipes[] = {
#define RECIPE(...) { __VA_ARGS__ },
#include "ask/recipes.def"
#undef RECIPE
	{ NULL },
};

static const char *recipe_name(const void *unused, unsigned i)
{
	(void)unused;
	return sf_recipes[i].name;
}

const struct sf_recipe *sf_recipe_find(const char *name, struct sf_error *error)
{
	const char *near;

	for (const struct sf_recipe *recipe = sf_recipes; recipe->name; recipe++)
		if (strcmp(recipe->name, name) == 0)
			return recipe;
	near = sf_suggest(name, recipe_name, NULL);
	sf_error_set(error, SF_EUSAGE,
		near ? "there is no question '%s'; did you mean '%s'?"
		     : "there is no question '%s': spanflow ask --list names them",
		name, near);
	return NULL;
}
