/* SPDX-License-Identifier: BSD-2-Clause */
/* Which name somebody meant who wrote another one. */
#ifndef SPANFLOW_BASE_SUGGEST_H
#define SPANFLOW_BASE_SUGGEST_H

/* The candidate nearest to `word`, or NULL when none is near. `next(context, i)` ends with NULL. */
const char *sf_suggest(const char *word, const char *(*next)(const void *context, unsigned i),
	const void *context);

#endif
