/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/suggest.h"

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

const char *sf_suggest(
	const char *word, const char *(*next)(const void *context, unsigned i), const void *context)
{
	size_t length = strlen(word);
	unsigned limit = length < 4 ? 1 : length < 8 ? 2 : 3;
	const char *best = NULL, *candidate;

	for (unsigned i = 0; (candidate = next(context, i)) != NULL; i++) {
		unsigned d = distance(word, candidate);

		/* a beginning of the name is as good as one wrong letter */
		if (length >= 2 && strncmp(word, candidate, length) == 0 && d > 1)
			d = 1;
		if (d <= limit && (!best || d < limit)) {
			best = candidate;
			limit = d;
		}
	}
	return best;
}
