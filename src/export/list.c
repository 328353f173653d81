/* SPDX-License-Identifier: BSD-2-Clause */
/* `spanflow list fields`, templates and profiles: the tables of src/encode as text. */
#include <stdio.h>
#include <string.h>

#include <spanflow/export.h>

#include "base/annex.h"
#include "base/wrap.h"
#include "encode/template.h"
#include "export/wire_profile.h"

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
static void protocols_text(const struct sf_field_row *row, char *text, size_t size)
{
	const bool ipfix = !(row->when & SF_WHEN_UPTIME);
	char enterprise[40] = "";
	size_t length = 0;

	if (row->pen)
		snprintf(enterprise, sizeof(enterprise), " of enterprise %u", row->pen);
	if (ipfix)
		length = (size_t)snprintf(text, size, "IPFIX: element %u%s, %s%u byte%s", row->id,
			enterprise, row->prefix ? "up to " : "", row->length,
			row->length == 1 ? "" : "s");
	if (row->v9_id)
		snprintf(text + length, size - length, "%sNetFlow v9: field %u, %u byte%s",
			ipfix ? "; " : "", row->v9_id, row->v9_length,
			row->v9_length == 1 ? "" : "s");
}

/* "  exists    text"; nothing without a text. */
static void put_line(FILE *stream, const char *name, const char *text)
{
	if (!*text)
		return;
	fprintf(stream, "  %-9s ", name);
	sf_wrap(stream, text, 12, 12);
	fputc('\n', stream);
}

int sf_export_list_fields(FILE *stream)
{
	const struct sf_field_row *row;

	for (unsigned i = 0; (row = sf_field_row(i)); i++) {
		char text[256];

		snprintf(text, sizeof(text), "%s: %s%s", row->name, row->help,
			row->each ? " (each direction)" : "");
		fputs(i ? "\n" : "", stream);
		sf_wrap(stream, text, 0, 4);
		fputc('\n', stream);
		protocols_text(row, text, sizeof(text));
		put_line(stream, "carried", text);
		sf_when_text(row->when & ~SF_WHEN_IPFIX & ~SF_WHEN_UPTIME, text, sizeof(text));
		put_line(stream, "exists", text);
		groups_text(i, text, sizeof(text));
		put_line(stream, "groups", text);
		snprintf(text, sizeof(text), "%s%s",
			cost_text(row->facts) ? "on request: "
					      : "always: costs nothing but its bytes",
			cost_text(row->facts) ? cost_text(row->facts) : "");
		put_line(stream, "gathered", text);
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
	if (*conditions) {
		size_t column = (size_t)fprintf(stream, "  %-38s ", name);

		if (column + strlen(conditions) > sf_wrap_columns(stream)) {
			fputs("\n        ", stream);
			column = 8;
		}
		sf_wrap(stream, conditions, column, 8);
		fputc('\n', stream);
	} else {
		fprintf(stream, "  %s\n", name);
	}
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
		char schemes[80], text[400];

		sf_wire_profile_schemes(profile->to, schemes, sizeof(schemes));
		snprintf(text, sizeof(text), "%s%s%s; %s: %s", profile->help,
			*profile->proof ? "; " : "", profile->proof,
			profile->biflow ? "biflows" : "uniflows", schemes);
		fprintf(stream, "%-11s ", profile->name);
		sf_wrap(stream, text, 12, 12);
		fputc('\n', stream);
	}
	return written(stream);
}
