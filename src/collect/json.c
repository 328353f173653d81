/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a collected record as one line of JSON: its fields, then its exporter. If an element
 * occurs more than once, its names are numbered. To count them, a short record is searched from its
 * begin; for a long record there is a table of elements.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/element_id.h"
#include "base/value.h"
#include "base/wire.h"
#include "collect/internal.h"

#define SHORT     16
#define TABLE_MIN 64
/* twice as many places as a record has fields, so that searches are short */
#define TABLE_MAX 2048

/* Hash table of the elements that have occurred; a search continues at the next place. */
struct names {
	struct {
		uint32_t pen;
		uint16_t id;
		uint16_t count; /* 0: free */
	} place[TABLE_MAX];
	unsigned mask;
};

struct line {
	const struct sf_collected *record;
	FILE *stream;
	const char *separator;
	struct names *names; /* NULL: a short record */
};

static_assert((SF_COLLECT_FIELDS_MAX + 4) * 2 <= TABLE_MAX, "there is always a free place");

static const struct sf_field_value *field_at(const struct sf_collected *record, unsigned index)
{
	return index < record->field_count ? &record->fields[index]
					   : &record->origin[index - record->field_count];
}

/* Number of fields before `index` with the same element. */
static unsigned repeats(const struct line *line, unsigned index)
{
	const struct sf_field_value *field = field_at(line->record, index);
	unsigned count = 0, at;

	if (!line->names) {
		for (unsigned i = 0; i < index; i++) {
			const struct sf_field_value *other = field_at(line->record, i);

			count += other->id == field->id && other->pen == field->pen;
		}
		return count;
	}
	at = (field->id + field->pen * 31u) * UINT32_C(0x9e3779b1) >> 16;
	for (;; at++) {
		at &= line->names->mask;
		if (line->names->place[at].count == 0) {
			line->names->place[at].pen = field->pen;
			line->names->place[at].id = field->id;
			break;
		}
		if (line->names->place[at].id == field->id &&
			line->names->place[at].pen == field->pen)
			break;
	}
	return line->names->place[at].count++;
}

/* False: out of memory. */
static bool value_write(const struct sf_field_value *field, FILE *stream)
{
	char some[1024], *text = some;
	/* a control character in a string is written as six characters */
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

static bool field_write(struct line *line, unsigned index)
{
	const struct sf_field_value *field = field_at(line->record, index);
	unsigned before = repeats(line, index);
	char name[128];

	if (field->id == SF_IE_paddingOctets && field->pen == 0)
		return true;
	sf_field_name(field->pen, field->id, name, sizeof(name));
	fprintf(line->stream, "%s\"%s", line->separator, name);
	if (before)
		fprintf(line->stream, "_%u", before + 1);
	fputs("\":", line->stream);
	line->separator = ",";
	return value_write(field, line->stream);
}

/* Writes the export time of the message, for which IANA has no element. */
static void export_time_write(const struct line *line)
{
	int64_t ms = line->record->export_time_ns / (SF_NS_PER_S / 1000);
	char text[SF_VALUE_MAX];
	uint8_t octets[8];

	sf_store_be64(octets, (uint64_t)ms);
	sf_value_write(
		SF_TYPE_MILLISECONDS, SF_VALUE_JSON, octets, sizeof(octets), text, sizeof(text));
	fprintf(line->stream, "%s\"exportTime\":%s}\n", line->separator, text);
}

int sf_collected_json(const struct sf_collected *record, FILE *stream)
{
	unsigned count = record->field_count + record->origin_count;
	struct line line = { .record = record, .stream = stream, .separator = "{" };
	struct names names;

	if (count > SHORT) {
		names.mask = TABLE_MIN - 1;
		while (names.mask < 2 * count)
			names.mask = names.mask * 2 + 1;
		memset(names.place, 0, (names.mask + 1) * sizeof(names.place[0]));
		line.names = &names;
	}
	for (unsigned i = 0; i < count; i++)
		if (!field_write(&line, i))
			return -ENOMEM;
	export_time_write(&line);
	return ferror(stream) ? -EIO : 0;
}
