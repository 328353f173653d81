/* SPDX-License-Identifier: BSD-2-Clause */
/* `spanflow list fields`, templates and profiles: the tables of src/encode as text. */
#include <stdio.h>
#include <string.h>

#include <spanflow/export.h>

#include "base/annex.h"
#include "encode/template.h"
#include "export/wire_profile.h"

#define LINE 80

static int written(FILE *stream)
{
	return ferror(stream) ? -EIO : 0;
}

/* What the meter has to gather for the field. */
static const char *cost_text(uint64_t facts)
{
	if (facts & SF_WANTS_FLOW_ID)
		return "a number for each flow";
	/* a reader says more than the fact that it makes */
	if (facts & (facts - 1) && facts & SF_FACT_SET(app))
		facts &= ~SF_FACT_SET(app);
	return facts ? sf_fact_row((enum sf_fact)__builtin_ctzll(facts))->help : NULL;
}

static bool has_field(const struct sf_fields *fields, unsigned field)
{
	for (unsigned i = 0; i < fields->count; i++)
		if (fields->items[i].field == field)
			return true;
	return false;
}

/* The groups that have it: "default, extended". */
static void groups_text(unsigned field, char *text, size_t size)
{
	const struct sf_fields_group *group;
	size_t length = 0;

	*text = 0;
	for (int profile = 0; profile < SF_PROFILE_COUNT; profile++)
		if (has_field(sf_fields_profile((enum sf_profile)profile), field))
			length += (size_t)snprintf(text + length, size - length, "%s%s",
				length ? ", " : "", sf_profile_name((enum sf_profile)profile));
	for (unsigned i = 0; (group = sf_fields_group(i)); i++)
		if (has_field(&group->fields, field))
			length += (size_t)snprintf(text + length, size - length, "%s%s",
				length ? ", " : "", group->name);
}

/* Which protocols carry it, and in how many bytes. */
static void list_protocols(FILE *stream, const struct sf_field_row *row)
{
	if (!(row->when & SF_WHEN_UPTIME))
		fprintf(stream, "IPFIX: element %u", row->id);
	if (!(row->when & SF_WHEN_UPTIME) && row->pen)
		fprintf(stream, " of enterprise %u", row->pen);
	if (!(row->when & SF_WHEN_UPTIME))
		fprintf(stream, ", %s%u byte%s", row->variable ? "up to " : "", row->length,
			row->length == 1 ? "" : "s");
	if (row->v9_id && !(row->when & SF_WHEN_UPTIME))
		fprintf(stream, "; ");
	if (row->v9_id)
		fprintf(stream, "NetFlow v9: field %u, %u byte%s", row->v9_id, row->v9_length,
			row->v9_length == 1 ? "" : "s");
	fputc('\n', stream);
}

/* Prints the text in lines of at most LINE columns; those after the first are indented. */
static void put_wrapped(FILE *stream, const char *text)
{
	size_t room = LINE, length;

	while (strlen(text) > room) {
		for (length = room; length && text[length] != ' ';)
			length--;
		if (!length) /* a word that is longer than a line */
			length = strcspn(text, " ");
		fprintf(stream, "%.*s\n    ", (int)length, text);
		text += length + (text[length] == ' ');
		room = LINE - 4;
	}
	fprintf(stream, "%s\n", text);
}

int sf_export_list_fields(FILE *stream)
{
	const struct sf_field_row *row;

	for (unsigned i = 0; (row = sf_field_row(i)); i++) {
		char text[256];

		snprintf(text, sizeof(text), "%s: %s%s", row->name, row->help,
			row->each ? " (each direction)" : "");
		fputs(i ? "\n" : "", stream);
		put_wrapped(stream, text);
		fputs("  carried   ", stream);
		list_protocols(stream, row);
		sf_when_text(row->when & ~SF_WHEN_IPFIX & ~SF_WHEN_UPTIME, text, sizeof(text));
		if (*text)
			fprintf(stream, "  exists    %s\n", text);
		groups_text(i, text, sizeof(text));
		if (*text)
			fprintf(stream, "  groups    %s\n", text);
		if (cost_text(row->facts))
			fprintf(stream, "  gathered  on request: %s\n", cost_text(row->facts));
		else
			fprintf(stream, "  gathered  always: costs nothing but its bytes\n");
	}
	return written(stream);
}

static void list_item(FILE *stream, const struct sf_field_item *item)
{
	const struct sf_field_row *row = sf_field_row(item->field);
	char name[64], conditions[128];

	sf_field_name(sf_field_pen(row, item->reverse), sf_field_id(row, item->reverse), name,
		sizeof(name));
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

int sf_export_list_profiles(FILE *stream)
{
	const struct sf_wire_profile *profile;

	for (unsigned i = 0; (profile = sf_wire_profile(i)); i++) {
		char schemes[80];

		sf_wire_profile_schemes(profile->to, schemes, sizeof(schemes));
		fprintf(stream, "%-10s  %s%s%s; %s: %s\n", profile->name, profile->help,
			*profile->proof ? "; " : "", profile->proof,
			profile->biflow ? "biflows" : "uniflows", schemes);
	}
	return written(stream);
}
