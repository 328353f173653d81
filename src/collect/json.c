/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A collected record as one line of JSON. Which names have occurred in the record is found by
 * looking back over its fields: records are short, and most have no name twice.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect/internal.h"

#define PADDING_OCTETS 210

/* How many of the fields before `index` have its element. */
static unsigned repeats(const struct sf_collected *record, unsigned index)
{
	const struct sf_field_value *field = &record->fields[index];
	unsigned count = 0;

	for (unsigned i = 0; i < index; i++)
		count += record->fields[i].id == field->id && record->fields[i].pen == field->pen;
	return count;
}

/* False: out of memory. */
static bool value_write(const struct sf_field_value *field, FILE *stream)
{
	char some[1024], *text = some;
	/* a control character of a string becomes six characters */
	size_t size = field->length * (size_t)6 + 64;

	if (size > sizeof(some)) {
		text = malloc(size);
		if (!text)
			return false;
	}
	fwrite(text, 1, sf_field_json(field, text, size), stream);
	if (text != some)
		free(text);
	return true;
}

int sf_collected_json(const struct sf_collected *record, FILE *stream)
{
	const char *separator = "{";

	for (unsigned i = 0; i < record->field_count; i++) {
		char name[128];
		unsigned before;

		if (record->fields[i].id == PADDING_OCTETS && record->fields[i].pen == 0)
			continue;
		before = repeats(record, i);
		sf_field_name(record->fields[i].pen, record->fields[i].id, name, sizeof(name));
		fprintf(stream, "%s\"%s", separator, name);
		if (before)
			fprintf(stream, "_%u", before + 1);
		fputs("\":", stream);
		if (!value_write(&record->fields[i], stream))
			return -ENOMEM;
		separator = ",";
	}
	fputs(separator[0] == '{' ? "{}\n" : "}\n", stream);
	return ferror(stream) ? -EIO : 0;
}
