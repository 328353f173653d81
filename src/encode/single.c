/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/single.h"

#include <string.h>

#include "base/wire.h"
#include "encode/template.h"
#include "encode/values.h"

int sf_field_find(uint32_t pen, uint16_t id)
{
	const struct sf_field_row *row;

	for (unsigned i = 0; (row = sf_field_row(i)); i++)
		if (row->pen == pen && row->id == id)
			return (int)i;
	return -1;
}

bool sf_field_read(unsigned field, const struct sf_flow *flow, unsigned d, bool two_way,
	uint8_t *bytes, size_t *length)
{
	static const struct sf_encode_context context;
	const struct sf_field_row *row = sf_field_row(field);
	const uint64_t needed = row->when & SF_WHEN_RECORD;

	if ((sf_record_when(flow, two_way ? 3 : 1u << d) & needed) != needed)
		return false;
	sf_field_runs[field][0](bytes, 0, flow, 1, d, &context);
	*length = row->length;
	if (row->prefix) {
		*length = row->prefix == 1 ? bytes[0] : sf_load_be16(bytes + 1);
		memmove(bytes, bytes + row->prefix, *length);
	}
	return true;
}

const char *sf_field_application_name(const void *table, unsigned i)
{
	const struct sf_application_table *classifier = table;

	if (classifier && i < classifier->count)
		return (const char *)classifier->rows[i].name + 1;
	i -= classifier ? classifier->count : 0;
	return i < SF_APP_KINDS - 1 ? (const char *)read_applications[i + 1].name + 1 : NULL;
}
