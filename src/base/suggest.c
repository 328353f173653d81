/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/suggest.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define NAME_MAX_LENGTH 64

/* Edit distance with transpositions, of words up to NAME_MAX_LENGTH; 3 rows of the table. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[3][NAME_MAX_LENGTH + 1], *before = row[0], *last = row[1], *now = row[2];
	size_t n = strlen(a), m = strlen(b);

	if (n > NAME_MAX_LENGTH || m > NAME_MAX_LENGTH)
		return NAME_MAX_LENGTH;
	for (size_t j = 0; j <= m; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned *spare = before;

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned cost = last[j - 1] + (a[i - 1] != b[j - 1]);

			if (last[j] + 1 < cost)
				cost = last[j] + 1;
			if (now[j - 1] + 1 < cost)
				cost = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				before[j - 2] + 1 < cost)
				cost = before[j - 2] + 1;
			now[j] = cost;
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[m];
}

/*
 * A beginning of the name, or a longer end of it ("country" of "srccountry"),
 * is as good as one wrong letter.
 */
static bool is_part(const char *word, size_t length, const char *candidate)
{
	size_t whole = strlen(candidate);

	return (length >= 2 && strncmp(word, candidate, length) == 0) ||
	       (length >= 5 && whole > length && strcmp(word, candidate + whole - length) == 0);
}

/*
 * Of two that are equally near, the one with the word's first letter:
 * "dstport" is dport, not sport.
 */
static bool begins_better(const char *word, const char *candidate, const char *best)
{
	return candidate[0] == word[0] && best[0] != word[0];
}

const char *sf_suggest(
	const char *word, const char *(*next)(const void *context, unsigned i), const void *context)
{
	size_t length = strlen(word);
	unsigned limit = length < 4 ? 1 : length < 8 ? 2 : 3;
	const char *best = NULL, *candidate;

	for (unsigned i = 0; (candidate = next(context, i)) != NULL; i++) {
		unsigned d = distance(word, candidate);

		if (d > 1 && is_part(word, length, candidate))
			d = 1;
		if (d <= limit && (!best || d < limit || begins_better(word, candidate, best))) {
			best = candidate;
			limit = d;
		}
	}
	return best;
}
