/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/collected_record.h"

#include <spanflow/field.h>

#include "base/wire.h"

/*
 * Lists whose elements refer to templates of their exporter, by ids that are others in the file
 * (RFC 6313 §4.5.2, §4.5.3), are left out.
 */
static bool refers_to_templates(const struct sf_field_value *field)
{
	const struct sf_element *element = sf_element_find(field->pen, field->id);

	return element && (element->type == SF_TYPE_SUBTEMPLATE_LIST ||
				  element->type == SF_TYPE_SUBTEMPLATE_MULTILIST);
}

static void add_field(
	struct sf_collected_record *record, const struct sf_field_value *field, bool variable)
{
	struct sf_spec *spec = &record->specs[record->count];

	if (record->count == SF_COLLECTED_SPECS_MAX || refers_to_templates(field))
		return;
	*spec = (struct sf_spec){ .pen = field->pen, .id = field->id, .length = field->length };
	if (field->id & 0x8000) {
		spec->pen = SF_PEN_NETFLOW9;
		spec->id = field->id & 0x7fff;
	}
	if (variable) {
		spec->length = SF_LENGTH_VARIABLE;
		record->length += field->length < 255 ? 1 : 3;
	}
	record->length += field->length;
	record->fields[record->count++] = field;
}

static void add_origin(struct sf_collected_record *record, const struct sf_collected *from)
{
	for (unsigned i = 0; i < from->origin_count; i++)
		add_field(record, &from->origin[i], false);
}

void sf_collected_record_fill(struct sf_collected_record *record, const struct sf_collected *from)
{
	bool scopeless = from->options && from->scope_count == 0;

	record->count = record->scope_count = 0;
	record->length = 0;
	if (scopeless) {
		add_origin(record, from);
		record->scope_count = record->count ? record->count : 1;
	}
	for (unsigned i = 0; i < from->field_count; i++) {
		add_field(record, &from->fields[i], from->lengths[i] == SF_LENGTH_VARIABLE);
		if (from->options && i + 1 == from->scope_count)
			record->scope_count = record->count ? record->count : 1;
	}
	if (!scopeless)
		add_origin(record, from);
}

uint8_t *sf_collected_record_write(const struct sf_collected_record *record, uint8_t *p)
{
	for (unsigned i = 0; i < record->count; i++) {
		const struct sf_field_value *field = record->fields[i];

		if (record->specs[i].length == SF_LENGTH_VARIABLE) {
			/* RFC 7011 §7 */
			p = sf_store_u8(p, field->length < 255 ? (uint8_t)field->length : 255);
			if (field->length >= 255)
				p = sf_store_be16(p, field->length);
		}
		p = sf_store_bytes(p, field->data, field->length);
	}
	return p;
}

uint32_t sf_collected_record_hash(const struct sf_collected_record *record, uint32_t domain)
{
	uint64_t hash = domain ^ (uint64_t)record->scope_count << 32;

	for (unsigned i = 0; i < record->count; i++) {
		const struct sf_spec *spec = &record->specs[i];

		hash = (hash ^ spec->pen) * UINT64_C(0x100000001b3);
		hash = (hash ^ ((uint64_t)spec->id << 16 | spec->length)) *
		       UINT64_C(0x9e3779b97f4a7c15);
	}
	return (uint32_t)(hash >> 32);
}
