/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a question looks for and no record had: otherwise "nothing was
 * found" would be taken for an answer.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "collect/gather.h"
#include "query/query.h"

static_assert(SF_ASK_ELEMENTS_MAX <= 32, "a word has a bit for each");

static bool is_missing(
	const struct sf_ask_elements *elements, unsigned i, const struct sf_collector *collector)
{
	bool missing = elements->id[i][0] != 0;

	for (unsigned side = 0; side < 2; side++)
		missing &= !sf_collector_has_element(
			collector, elements->pen[i], elements->id[i][side]);
	return missing;
}

/* "sourceCountry, destinationCountry: no record has them" */
static void put_text(const struct sf_ask_elements *elements, uint32_t missing, const char *needs,
	char *text, size_t size)
{
	char names[400] = "";
	unsigned count = 0;

	for (unsigned i = 0; i < elements->count; i++) {
		size_t length = strlen(names);

		if (missing >> i & 1)
			snprintf(names + length, sizeof(names) - length, "%s%s",
				count++ ? ", " : "", elements->names[i]);
	}
	snprintf(text, size, "%s: no record has %s%s%s", names, count == 1 ? "it" : "them",
		needs ? "; flows of captures have that with " : "", needs ? needs : "");
}

bool sf_query_missing(const struct sf_ask_elements *elements, const struct sf_collector *collector,
	unsigned mode, uint32_t *told, char *text, size_t size)
{
	struct sf_collector_stats stats;
	const char *needs = NULL;
	uint32_t same = 0;

	sf_collector_stats(collector, &stats);
	if (stats.templates + stats.records == 0)
		return false;
	/* the first one that was not told, and those that need the same */
	for (unsigned i = 0; i < elements->count; i++) {
		const char *its = sf_ask_element_needs(elements->names[i], mode);

		if (*told >> i & 1 || !is_missing(elements, i, collector))
			continue;
		if (!same)
			needs = its;
		same |= (uint32_t)(its == needs) << i;
	}
	*told |= same;
	put_text(elements, same, needs, text, size);
	return same != 0;
}
