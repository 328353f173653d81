/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Regular expressions of conditions, matched in bounded time and memory whatever pattern and text
 * are: a pattern becomes at most SF_REGEX_STATES states, and each byte of the text is looked at
 * once by each of them.
 *
 *	struct sf_regex *pattern;
 *	const char *reason;
 *
 *	if (sf_regex_new(&pattern, "\\.example\\.(com|net)$", &reason))
 *		return complain(reason);
 *	if (sf_regex_match(pattern, name, length))
 *		take(name);
 *	sf_regex_free(pattern);
 *
 * The syntax is that of POSIX extended regular expressions, and \d \w \s \D \W \S; upper and lower
 * case are the same; texts are bytes. A pattern matches if it matches somewhere in the text. Any
 * number of threads may use one pattern.
 */
#ifndef SPANFLOW_ASK_REGEX_H
#define SPANFLOW_ASK_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#define SF_REGEX_STATES 1000 /* a{100} has a hundred */

struct sf_regex;

/* 0; or SF_EUSAGE with a static text in *reason, or -ENOMEM. */
int sf_regex_new(struct sf_regex **pattern, const char *text, const char **reason);
void sf_regex_free(struct sf_regex *pattern);

bool sf_regex_match(const struct sf_regex *pattern, const char *text, size_t length);

#endif
