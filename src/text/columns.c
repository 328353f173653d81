/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A row is made from the data record as it would go into an IPFIX file, each field written by the
 * formatter that `show` and `collect` use, so they agree by construction.
 */
#include "text/columns.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/element_id.h"
#include "base/value.h"
#include "base/wire.h"
#include "text/cell.h"

#define PREFIX_MAX 72

/* The fields of one variant of record. */
struct sf_layout {
	struct sf_variant variant;
	struct sf_template template;
	const struct sf_encode_context *context;
	const struct sf_anonymizer *anonymizer;
	struct {
		char prefix[PREFIX_MAX]; /* JSON: what stands before the value */
		uint8_t prefix_length;
		uint8_t type; /* enum sf_type */
		uint8_t length;
		uint16_t column; /* CSV and table: which one */
		bool zero_is_unknown;
		bool variable; /* values begin with their length; `length` has no meaning */
		bool each;     /* the other direction has a value of its own */
	} fields[SF_TEMPLATE_FIELDS_MAX];
};

/* ---------------------------------------------------------------- columns */

/* Some row can have the item, and no column of its element stands before it. */
static bool is_column(const struct sf_columns *columns, unsigned item)
{
	const struct sf_field_item *items = columns->fields.items;

	return sf_field_is_possible(&items[item], columns->when) &&
	       !(sf_fields_repeats(&columns->fields, item) &&
		       sf_field_is_possible(&items[item - 1], columns->when));
}

static size_t column_name(const struct sf_field_item *item, char *p)
{
	const struct sf_field_row *row = sf_field_row(item->field);

	return sf_field_name(
		sf_field_pen(row, item->reverse), sf_field_id(row, item->reverse), p, PREFIX_MAX);
}

#define STRING_WIDTH                                                                               \
	32 /* of a column in a table; longer values move what is to the right of them */

/* What values of the element's type need in a table, for the most part. */
static size_t value_width(const struct sf_field_item *item)
{
	static const uint8_t widths[] = {
		[SF_TYPE_U8] = 3,
		[SF_TYPE_U16] = 5,
		[SF_TYPE_U32] = 10,
		[SF_TYPE_U64] = 12,
		[SF_TYPE_MAC] = 17,
		[SF_TYPE_IPV4] = 15,
		[SF_TYPE_IPV6] = 25,
		[SF_TYPE_MILLISECONDS] = 24,
		[SF_TYPE_MICROSECONDS] = 27,
		[SF_TYPE_NANOSECONDS] = 30,
	};
	const struct sf_field_row *row = sf_field_row(item->field);
	unsigned type = sf_element_find(row->pen, row->id)->type;

	if (type == SF_TYPE_STRING)
		return row->length < STRING_WIDTH ? row->length : STRING_WIDTH;
	return type < sizeof(widths) ? widths[type] : 0;
}

/*
 * Collected records have the elements that a flow has no member for as they were sent, whatever the
 * flow's SF_HAS_… say: those are about facts of this process.
 */
static void forget_conditions(struct sf_fields *fields)
{
	const uint64_t facts = SF_WHEN_FACTS | SF_WHEN_FOLDED;

	for (unsigned i = 0; i < fields->count; i++) {
		const struct sf_field_row *row = sf_field_row(fields->items[i].field);

		if (fields->items[i].when & facts && !sf_cell_is_of_flow(row->pen, row->id)) {
			fields->items[i].when &= ~facts;
			fields->profile = -1; /* its encoders know the conditions */
		}
	}
}

/* Counts and measures the columns of columns->fields. */
static void lay_out(struct sf_columns *columns)
{
	char name[PREFIX_MAX];

	if (columns->collected)
		forget_conditions(&columns->fields);
	columns->count = 0;
	columns->longest_name = 0;
	for (unsigned i = 0; i < columns->fields.count; i++) {
		const struct sf_field_item *item = &columns->fields.items[i];
		size_t width, least;

		if (!is_column(columns, i))
			continue;
		width = column_name(item, name);
		if (width > columns->longest_name)
			columns->longest_name = (uint8_t)width;
		least = value_width(item);
		columns->widths[columns->count++] = (uint8_t)(width > least ? width : least);
	}
}

void sf_columns_init(struct sf_columns *columns, bool biflow, bool collected, uint64_t extra,
	const struct sf_extra_batch *batch)
{
	memset(columns, 0, sizeof(*columns));
	columns->fields = *sf_fields_profile(SF_PROFILE_EXTENDED);
	columns->when = SF_WHEN_IPFIX | SF_WHEN_MS | (biflow ? SF_WHEN_BIFLOW : 0) | extra;
	columns->context.extra = batch;
	columns->collected = columns->origin = collected;
	if (collected)
		sf_fields_add_folded(&columns->fields);
	lay_out(columns);
}

void sf_columns_fini(struct sf_columns *columns)
{
	for (struct sf_variant *layout = columns->layouts.first, *next; layout; layout = next) {
		next = layout->next;
		free(layout);
	}
}

void sf_columns_leave_out(struct sf_columns *columns, uint64_t facts)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < columns->fields.count; i++)
		if (!(sf_field_row(columns->fields.items[i].field)->facts & facts))
			columns->fields.items[kept++] = columns->fields.items[i];
	columns->fields.count = kept;
	lay_out(columns);
}

int sf_columns_choose(struct sf_columns *columns, const char *list, struct sf_error *error)
{
	struct sf_fields fields;
	int code;

	/* other exporters tell such fields, too */
	if (columns->collected)
		columns->when |= SF_WHEN_EXTRA;
	code = sf_fields_choose(
		&fields, list, &columns->fields, columns->when, NULL, "--fields", error);

	if (code < 0)
		return code;
	columns->fields = fields;
	/* "+name" and "-name" change what there is, a list of names is all that there is */
	columns->origin &= *list == '+' || *list == '-';
	lay_out(columns);
	return 0;
}

bool sf_columns_keep_added(struct sf_columns *columns, const char *list)
{
	static const struct sf_fields none;
	struct sf_fields added;

	if (*list != '+' && *list != '-')
		return false;
	if (sf_fields_choose(&added, list, &none, columns->when, NULL, "--fields",
		    &(struct sf_error){ 0 }) < 0)
		return false;
	columns->fields = added;
	lay_out(columns);
	return true;
}

void sf_columns_add_folded(struct sf_columns *columns)
{
	sf_fields_add_folded(&columns->fields);
	lay_out(columns);
}

static struct sf_layout *new_layout(struct sf_columns *columns, uint64_t when)
{
	struct sf_layout *layout = calloc(1, sizeof(*layout));
	unsigned begun = 0, field = 0;

	if (!layout)
		return NULL;
	layout->context = &columns->context;
	layout->anonymizer = columns->anonymizer;
	sf_template_init(&layout->template, &columns->fields, columns->when, when);
	for (unsigned i = 0; i < columns->fields.count; i++) {
		const struct sf_field_item *item = &columns->fields.items[i];
		const struct sf_spec *spec = &layout->template.specs[field];
		char name[PREFIX_MAX - 8];

		begun += is_column(columns, i);
		if (!sf_fields_has(&columns->fields, i, layout->template.variant))
			continue;
		sf_field_name(spec->pen, spec->id, name, sizeof(name));
		layout->fields[field].prefix_length = (uint8_t)snprintf(
			layout->fields[field].prefix, PREFIX_MAX, ",\"%s\":", name);
		layout->fields[field].zero_is_unknown = (item->when & SF_WHEN_EXTRA) != 0;
		layout->fields[field].type = sf_element_find(spec->pen, spec->id)->type;
		layout->fields[field].length = (uint8_t)spec->length;
		layout->fields[field].variable = spec->length == SF_LENGTH_VARIABLE;
		layout->fields[field].each = sf_field_row(item->field)->each;
		layout->fields[field++].column = (uint16_t)(begun - 1);
	}
	sf_variants_add(&columns->layouts, &layout->variant, when);
	return layout;
}

const struct sf_layout *sf_columns_layout(
	struct sf_columns *columns, const struct sf_flow *flow, unsigned directions)
{
	uint64_t when = sf_record_when(flow, directions) & columns->fields.when & SF_WHEN_RECORD;
	struct sf_layout *layout = (struct sf_layout *)sf_variants_find(&columns->layouts, when);

	return layout ? layout : new_layout(columns, when);
}

/* ---------------------------------------------------------------- rows */

/* The data record, from which all values are written. */
static void encode(const struct sf_layout *layout, uint8_t *record, const struct sf_row *row)
{
	const struct sf_template *template = &layout->template;
	const uint8_t *end =
		sf_template_encode(template, record, row->flow, 1, 1u << row->d, layout->context);

	if (sf_unlikely(layout->anonymizer != NULL))
		sf_anonymize_records(
			layout->anonymizer, template->specs, template->field_count, record, end);
}

struct value {
	const uint8_t *bytes;
	size_t length;
};

/* The value of field i, which lies at *record; moves *record behind it. */
static struct value next_value(const struct sf_layout *layout, unsigned i, const uint8_t **record)
{
	struct value value = { *record, layout->fields[i].length };

	if (layout->fields[i].variable)
		value = **record < 255 ? (struct value){ *record + 1, **record }
				       : (struct value){ *record + 3, sf_load_be16(*record + 1) };
	*record = value.bytes + value.length;
	return value;
}

/* The record has no value for the field: templates have no other way to say so. */
static bool is_unknown(const struct sf_layout *layout, unsigned i, struct value value)
{
	static const uint8_t zeros[SF_INTERFACE_DESCRIPTION]; /* the longest such field */

	return layout->fields[i].zero_is_unknown && memcmp(value.bytes, zeros, value.length) == 0;
}

/*
 * The bytes of a row are shared out so that no row is longer than SF_TEXT_ROW_MAX: CELL_MIN are
 * kept for each cell that follows, which is enough for its name or column and a value of fixed
 * length (in CSV twice: quote() may double it), and TAIL_MAX for what ends the row. A string or a
 * value of wrong length is cut to what is left.
 */
#define CELL_MIN 200
#define TAIL_MAX 1024

static_assert(CELL_MIN >= PREFIX_MAX + SF_VALUE_MAX && CELL_MIN >= 2 * SF_VALUE_MAX + 3,
	"each cell has room for a value of fixed length");
static_assert(SF_FIELDS_MAX * CELL_MIN + TAIL_MAX <= SF_TEXT_ROW_MAX &&
		      SF_TEMPLATE_FIELDS_MAX <= SF_FIELDS_MAX,
	"a row has room for all fields");

/* Bytes for the cell at p, before `behind` other cells of the row that begins at `start`. */
static size_t cell_room(const char *start, const char *p, unsigned behind)
{
	return SF_TEXT_ROW_MAX - TAIL_MAX - behind * CELL_MIN - (size_t)(p - start);
}

/*
 * One value of a row in at most `room` bytes with its NUL; nothing
 * if the record does not have it.
 */
static char *put_cell(char *p, size_t room, enum sf_value_form form, const struct sf_layout *layout,
	unsigned i, struct value value, const struct sf_row *row)
{
	size_t size = room < SF_VALUE_VARIABLE_MAX ? room : SF_VALUE_VARIABLE_MAX;
	struct sf_cell cell;

	cell.kind = SF_CELL_FLOW;
	if (row->record)
		sf_cell_find(&cell, row->record, &layout->template.specs[i], layout->fields[i].each,
			row->d);
	if (cell.kind == SF_CELL_FLOW && is_unknown(layout, i, value))
		return p;
	if (cell.kind == SF_CELL_FLOW)
		return p + sf_value_write(layout->fields[i].type, form, value.bytes, value.length,
				   p, size);
	if (cell.kind == SF_CELL_VALUE)
		return p + (form == SF_VALUE_JSON ? sf_field_json(&cell.value, p, size)
						  : sf_field_text(&cell.value, p, size));
	return p;
}

char *sf_columns_json(const struct sf_layout *layout, char *p, const struct sf_row *row)
{
	uint8_t bytes[SF_RECORD_MAX];
	const uint8_t *record = bytes;
	unsigned count = layout->template.field_count;
	char *start = p;

	encode(layout, bytes, row);
	for (unsigned i = 0; i < count; i++) {
		const struct value value = next_value(layout, i, &record);
		size_t room = cell_room(start, p, count - i - 1) - PREFIX_MAX;
		char *name = p, *begin = p + layout->fields[i].prefix_length;

		/* names are short: one copy of fixed size is cheaper than one of the exact one */
		memcpy(p, layout->fields[i].prefix, PREFIX_MAX);
		p = put_cell(begin, room, SF_VALUE_JSON, layout, i, value, row);
		if (p == begin)
			p = name;
	}
	if (p == start)
		return start;
	*start = '{'; /* instead of the first comma */
	*p++ = '}';
	*p++ = '\n';
	return p;
}

/* Of a collected record: columns behind those that all text has. */
static const uint16_t collected_columns[] = { SF_IE_samplingInterval, SF_IE_samplingAlgorithm,
	SF_IE_exporterIPv4Address, SF_IE_exporterIPv6Address, SF_IE_observationDomainId };

#define COLLECTED_COLUMNS (sizeof(collected_columns) / sizeof(collected_columns[0]))

static char *put_collected_columns(char *p, const struct sf_collected *from)
{
	uint8_t octets[8];

	for (size_t i = 0; i < COLLECTED_COLUMNS; i++) {
		const struct sf_field_value *field = sf_cell_field(from, 0, collected_columns[i]);

		*p++ = ',';
		if (field)
			p += sf_field_text(field, p, SF_VALUE_MAX);
	}
	*p++ = ',';
	sf_store_be64(octets, (uint64_t)(from->export_time_ns / 1000000));
	return p + sf_value_write(SF_TYPE_MILLISECONDS, SF_VALUE_TEXT, octets, sizeof(octets), p,
			   SF_VALUE_MAX);
}

/* Quotes a value of CSV that needs it (RFC 4180 §2): quotes within are doubled. Returns its end. */
static char *quote(char *start, char *end)
{
	size_t length = (size_t)(end - start), quotes = 0;

	if (!memchr(start, ',', length) && !memchr(start, '"', length))
		return end;
	for (size_t i = 0; i < length; i++)
		quotes += start[i] == '"';
	/* from behind, so that nothing is written over that was not moved yet */
	end += quotes + 2;
	end[-1] = '"';
	for (char *to = end - 1; length;) {
		*--to = start[--length];
		if (*to == '"')
			*--to = '"';
	}
	*start = '"';
	return end;
}

char *sf_columns_csv(const struct sf_columns *columns, const struct sf_layout *layout, char *p,
	const struct sf_row *row)
{
	uint8_t bytes[SF_RECORD_MAX];
	const uint8_t *record = bytes;
	bool some = columns->origin;
	unsigned column = 0;
	char *start = p, *begin;

	encode(layout, bytes, row);
	for (unsigned i = 0; i < layout->template.field_count; i++) {
		/* quote() at most doubles the value and adds two quotes, and a comma follows */
		size_t room;

		for (; column < layout->fields[i].column; column++)
			*p++ = ',';
		room = (cell_room(start, p, columns->count - column - 1) - 3) / 2;
		begin = p;
		p = put_cell(
			begin, room, SF_VALUE_TEXT, layout, i, next_value(layout, i, &record), row);
		some |= p > begin;
		p = quote(begin, p);
	}
	if (!some)
		return start;
	for (; column + 1 < columns->count; column++)
		*p++ = ',';
	if (columns->origin)
		p = put_collected_columns(p, row->record);
	*p++ = '\n';
	return p;
}

char *sf_columns_csv_header(const struct sf_columns *columns, char *p)
{
	const char *start = p;

	for (unsigned i = 0; i < columns->fields.count; i++) {
		if (!is_column(columns, i))
			continue;
		if (p > start)
			*p++ = ',';
		p += column_name(&columns->fields.items[i], p);
	}
	for (size_t i = 0; columns->origin && i < COLLECTED_COLUMNS; i++) {
		*p++ = ',';
		p += sf_field_name(0, collected_columns[i], p, PREFIX_MAX);
	}
	if (columns->origin)
		p += sprintf(p, ",exportTime");
	*p++ = '\n';
	return p;
}

/* ---------------------------------------------------------------- the table of chosen fields */

/* A column that the record has nothing for. */
static char *put_dash(char *p, size_t width)
{
	*p = '-';
	return sf_row_pad(p + 1, p, width + 1);
}

static char *end_line(char *p)
{
	while (p[-1] == ' ')
		p--;
	*p++ = '\n';
	return p;
}

bool sf_columns_fit(const struct sf_columns *columns, unsigned width)
{
	unsigned used = 0;

	for (unsigned i = 0; i < columns->count; i++)
		used += columns->widths[i] + (i > 0);
	return width == 0 || used <= width;
}

char *sf_columns_table_header(const struct sf_columns *columns, char *p)
{
	unsigned column = 0;

	for (unsigned i = 0; i < columns->fields.count; i++) {
		char *start = p;

		if (!is_column(columns, i))
			continue;
		p += column_name(&columns->fields.items[i], p);
		p = sf_row_pad(p, start, columns->widths[column++] + 1u);
	}
	return end_line(p);
}

char *sf_columns_table(const struct sf_columns *columns, const struct sf_layout *layout, char *p,
	const struct sf_row *row)
{
	uint8_t bytes[SF_RECORD_MAX];
	const uint8_t *record = bytes;
	unsigned field = 0;
	char *line = p;
	bool some = false;

	encode(layout, bytes, row);
	for (unsigned column = 0; column < columns->count; column++) {
		size_t room = cell_room(line, p, columns->count - column - 1) - 1;
		char *start = p;

		if (field == layout->template.field_count ||
			layout->fields[field].column != column) {
			p = put_dash(p, columns->widths[column]);
			continue;
		}
		p = put_cell(p, room, SF_VALUE_TEXT, layout, field,
			next_value(layout, field, &record), row);
		field++;
		some |= p > start;
		/* absent of a collected record, which has other fields than its flow */
		if (p == start)
			*p++ = '-';
		*p++ = ' ';
		p = sf_row_pad(p, start, columns->widths[column] + 1u);
	}
	return some ? end_line(p) : line;
}

/* ---------------------------------------------------------------- names with values */

/* The names of the fields without the signs around them in JSON: ,"name": */
static char *put_name(char *p, const struct sf_layout *layout, unsigned i)
{
	return mempcpy(p, layout->fields[i].prefix + 2, layout->fields[i].prefix_length - 4u);
}

char *sf_columns_pairs(const struct sf_layout *layout, char *p, const struct sf_row *row)
{
	uint8_t bytes[SF_RECORD_MAX];
	const uint8_t *record = bytes;
	unsigned count = layout->template.field_count;
	char *start = p;

	encode(layout, bytes, row);
	for (unsigned i = 0; i < count; i++) {
		const struct value value = next_value(layout, i, &record);
		size_t room = cell_room(start, p, count - i - 1) - PREFIX_MAX;
		char *pair = p, *begin;

		*p++ = '\t';
		p = put_name(p, layout, i);
		*p++ = '=';
		begin = p;
		p = put_cell(p, room, SF_VALUE_TEXT, layout, i, value, row);
		if (p == begin)
			p = pair;
	}
	*p = '\0';
	return p;
}

char *sf_columns_lines(const struct sf_columns *columns, const struct sf_layout *layout, char *p,
	const struct sf_row *row)
{
	uint8_t bytes[SF_RECORD_MAX];
	const uint8_t *record = bytes;
	unsigned count = layout->template.field_count;
	char *start = p;

	encode(layout, bytes, row);
	for (unsigned i = 0; i < count; i++) {
		const struct value value = next_value(layout, i, &record);
		size_t room = cell_room(start, p, count - i - 1) - PREFIX_MAX;
		char *line = p, *begin;

		p = sf_row_pad(put_name(p, layout, i), line, columns->longest_name + 1u);
		begin = p;
		p = put_cell(p, room, SF_VALUE_TEXT, layout, i, value, row);
		if (p == begin)
			p = line;
		else
			*p++ = '\n';
	}
	return p;
}
