/* SPDX-License-Identifier: BSD-2-Clause */
/* The Ethernet types of frames that are not IP, in the statistics. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/ethertype.h"
#include "metrics/counters.h"

/* Most frames first. */
static int compare_types(const void *a, const void *b)
{
	const struct sf_ethertypes *ethertypes;
	const typeof(ethertypes->types[0]) *left = a, *right = b;

	if (left->frames != right->frames)
		return left->frames < right->frames ? 1 : -1;
	return (int)left->type - (int)right->type;
}

/* Sorts a copy. Returns how many types it has. */
static unsigned sort_types(const struct sf_ethertypes *ethertypes, struct sf_ethertypes *sorted)
{
	unsigned count = 0;

	*sorted = *ethertypes;
	while (count < SF_ETHERTYPES_MAX && sorted->types[count].frames)
		count++;
	qsort(sorted->types, count, sizeof(sorted->types[0]), compare_types);
	return count;
}

/* 802.2 headers have no type: 0. */
void sf_ethertypes_json(const struct sf_ethertypes *ethertypes, FILE *stream)
{
	struct sf_ethertypes sorted;
	unsigned count = sort_types(ethertypes, &sorted);

	fputs(",\"nonIpEtherTypes\":[", stream);
	for (unsigned i = 0; i < count; i++) {
		uint16_t type = sorted.types[i].type;

		fprintf(stream, "%s{\"etherType\":%u,\"name\":\"%s\",\"frames\":%" PRIu64 "}",
			i ? "," : "", type == SF_ETHERTYPE_LLC ? 0 : type, sf_ethertype_name(type),
			sorted.types[i].frames);
	}
	fprintf(stream, "],\"nonIpOthers\":%" PRIu64, sorted.others);
}

void sf_ethertypes_text(const struct sf_ethertypes *ethertypes, FILE *stream)
{
	enum { SHOWN = 5 };
	struct sf_ethertypes sorted;
	unsigned count = sort_types(ethertypes, &sorted);
	const char *comma = "nonIp    ";

	for (unsigned i = 0; i < count; i++) {
		const char *name = sf_ethertype_name(sorted.types[i].type);

		if (i >= SHOWN) {
			sorted.others += sorted.types[i].frames;
			continue;
		}
		if (*name)
			fprintf(stream, "%s%s %" PRIu64, comma, name, sorted.types[i].frames);
		else
			fprintf(stream, "%sEtherType 0x%04x %" PRIu64, comma, sorted.types[i].type,
				sorted.types[i].frames);
		comma = ", ";
	}
	if (count && sorted.others)
		fprintf(stream, ", others %" PRIu64, sorted.others);
	if (count)
		fputc('\n', stream);
}
