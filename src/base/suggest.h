/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the name that a mistyped word stands for: "--actve-timeout" is near "--active-timeout". */
#ifndef SPANFLOW_BASE_SUGGEST_H
#define SPANFLOW_BASE_SUGGEST_H

/*
 * The candidate nearest to `word`, or NULL if none is near. next(context, i)
 * is candidate i, at the end NULL.
 */
const char *sf_suggest(const char *word, const char *(*next)(const void *context, unsigned i),
	const void *context);

#endif
