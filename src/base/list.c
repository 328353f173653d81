/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/list.h"

#include <assert.h>
#include <string.h>

#include "base/wire.h"

/* What is left of a list that was received. */
struct values {
	const uint8_t *p, *end;
	uint16_t width; /* bytes of each value, or SF_LENGTH_VARIABLE */
	enum sf_type type;
};

struct value {
	const uint8_t *bytes;
	size_t length;
};

/* Takes the next value; false: there is none that is whole. RFC 7011 §7. */
static bool next_value(struct values *values, struct value *value)
{
	const size_t left = (size_t)(values->end - values->p);
	size_t prefix = 0;

	if (!left)
		return false;
	value->length = values->width;
	if (values->width == SF_LENGTH_VARIABLE) {
		prefix = *values->p < 255 ? 1 : 3;
		if (left < prefix)
			return false;
		value->length = prefix == 1 ? *values->p : sf_load_be16(values->p + 1);
	}
	if (left - prefix < value->length)
		return false;
	value->bytes = values->p + prefix;
	values->p = value->bytes + value->length;
	return true;
}

/* Values without bytes would have no end. */
static bool are_whole(struct values values)
{
	struct value value;

	while (values.p < values.end)
		if (!values.width || !next_value(&values, &value))
			return false;
	return true;
}

static enum sf_type type_of(uint32_t pen, uint16_t id)
{
	const struct sf_element *element = sf_element_find(pen, id);

	if (!element || element->type == SF_TYPE_BASIC_LIST ||
		element->type == SF_TYPE_SUBTEMPLATE_LIST ||
		element->type == SF_TYPE_SUBTEMPLATE_MULTILIST)
		return SF_TYPE_OCTETS;
	return element->type;
}

/* Finds the values; false: the header is not whole, or they are not. */
static bool open_list(struct values *values, const uint8_t *data, size_t length)
{
	enum { HEADER = 5, PEN = 4, ENTERPRISE_BIT = 0x8000 };
	uint32_t pen = 0;
	uint16_t id;

	if (length < HEADER)
		return false;
	id = sf_load_be16(data + 1);
	values->width = sf_load_be16(data + 3);
	values->p = data + HEADER;
	values->end = data + length;
	if (id & ENTERPRISE_BIT) {
		if (length < HEADER + PEN)
			return false;
		pen = sf_load_be32(values->p);
		values->p += PEN;
	}
	values->type = type_of(pen, id & (ENTERPRISE_BIT - 1));
	return are_whole(*values);
}

/* What stands around the values. */
struct around {
	const char *before, *behind;
};

static bool find_around(struct around *around, uint8_t semantic, enum sf_value_form form)
{
	static const struct around named[][2] = {
		[SF_LIST_NONE_OF] = { { "noneOf(", ")" }, { "{\"noneOf\":[", "]}" } },
		[SF_LIST_EXACTLY_ONE] = { { "exactlyOneOf(", ")" },
			{ "{\"exactlyOneOf\":[", "]}" } },
		[SF_LIST_ONE_OR_MORE] = { { "oneOrMoreOf(", ")" }, { "{\"oneOrMoreOf\":[", "]}" } },
	};
	static const struct around plain[] = { { "", "" }, { "[", "]" } };

	static_assert(SF_VALUE_TEXT == 0 && SF_VALUE_JSON == 1, "the tables' columns");
	if (semantic <= SF_LIST_ONE_OR_MORE)
		*around = named[semantic][form];
	else if (semantic <= SF_LIST_ORDERED || semantic == SF_LIST_UNDEFINED)
		*around = plain[form];
	else
		return false;
	return true;
}

/*
 * Writes one value behind a comma if it has to be; returns its end.
 * NULL: it does not fit before `end`.
 */
static char *put_value(char *p, const char *end, bool comma, enum sf_type type,
	enum sf_value_form form, struct value value)
{
	size_t room = (size_t)(end - p);
	char some[SF_VALUE_MAX];
	size_t length;

	if (room <= comma)
		return NULL;
	room -= comma;
	if (room >= sizeof(some)) {
		length = sf_value_write(type, form, value.bytes, value.length, p + comma, room);
	} else {
		length = sf_value_write(type, form, value.bytes, value.length, some, sizeof(some));
		if (length > room)
			return NULL;
		memcpy(p + comma, some, length);
	}
	if (comma)
		*p = ',';
	return p + comma + length;
}

bool sf_list_write(enum sf_value_form form, const uint8_t *data, size_t length, char *text,
	size_t size, size_t *written)
{
	struct values values;
	struct around around;
	struct value value;
	const char *end;
	char *p = text;
	bool comma = false;

	if (!open_list(&values, data, length) || !find_around(&around, data[0], form) ||
		size < strlen(around.before) + strlen(around.behind) + 1)
		return false;
	end = text + size - 1 - strlen(around.behind);
	p = stpcpy(p, around.before);
	for (char *next; next_value(&values, &value); p = next, comma = true) {
		next = put_value(p, end, comma, values.type, form, value);
		if (!next)
			break;
	}
	p = stpcpy(p, around.behind);
	*written = (size_t)(p - text);
	return true;
}
