/* SPDX-License-Identifier: BSD-2-Clause */
/* `spanflow list fields` and `spanflow list templates`: the tables of this directory as text. */
#include <stdio.h>

#include <spanflow/export.h>

#include "export/template.h"

static int written(FILE *stream)
{
	return ferror(stream) ? -EIO : 0;
}

static const char *fact_text(uint32_t has)
{
	return has & SF_WANTS_FLOW_ID    ? "number of the flow"
	       : has & SF_HAS_MAC        ? "MAC addresses"
	       : has & SF_HAS_MPLS       ? "MPLS label"
	       : has & SF_HAS_FLOW_LABEL ? "flow label"
					 : "";
}

int sf_export_list_fields(FILE *stream)
{
	const struct sf_field_row *row;

	fprintf(stream, "%-30s %7s %6s %6s %9s  %s\n", "Field", "Element", "Octets", "v9",
		"v9 octets", "Gathered on request");
	for (unsigned i = 0; (row = sf_field_row(i)); i++) {
		char element[24];

		if (row->pen)
			snprintf(element, sizeof(element), "%u/%u", row->pen, row->id);
		else
			snprintf(element, sizeof(element), "%u", row->id);
		fprintf(stream, "%-30s %7s %6u", row->name, element, row->length);
		if (row->v9_id)
			fprintf(stream, " %6u %9u", row->v9_id, row->v9_length);
		else
			fprintf(stream, " %6s %9s", "-", "-");
		fprintf(stream, row->has ? "  %s\n" : "\n", fact_text(row->has));
	}
	return written(stream);
}

static void list_item(FILE *stream, const struct sf_field_item *item)
{
	const struct sf_field_row *row = sf_field_row(item->field);
	char name[64], conditions[128];

	sf_field_name(item->reverse ? SF_PEN_REVERSE : row->pen, row->id, name, sizeof(name));
	sf_when_text(item->when, conditions, sizeof(conditions));
	fprintf(stream, *conditions ? "  %-38s %s\n" : "  %s\n", name, conditions);
}

int sf_export_list_templates(FILE *stream)
{
	for (int profile = 0; profile < SF_PROFILE_COUNT; profile++) {
		const struct sf_fields *fields = sf_fields_profile((enum sf_profile)profile);

		fprintf(stream, "%sprofile=%s\n", profile ? "\n" : "",
			sf_profile_name((enum sf_profile)profile));
		for (unsigned i = 0; i < fields->count; i++)
			list_item(stream, &fields->items[i]);
	}
	return written(stream);
}
