/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text: JSON lines, CSV, table. JSON and CSV are the record of the profile `extended` as it would
 * go into an IPFIX file, each field written by the formatter that `show` and `collect` use, so
 * they agree by construction. What is between the values ("name": and commas) is prepared once
 * per template. Rows collect in one buffer; they are sent when the stream has taken it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/element_id.h"
#include "base/value.h"
#include "base/wire.h"
#include "export/cell.h"
#include "export/destination.h"
#include "export/text.h"

#define BUFFER_SIZE (256 * 1024)
#define COLUMNS_MAX SF_TEMPLATE_FIELDS_MAX
#define PREFIX_MAX  72
#define FLUSH_NS    INT64_C(1000000000)

/* The columns of one template. */
struct layout {
	struct sf_template template;
	struct {
		char prefix[PREFIX_MAX]; /* JSON: what stands before the value */
		uint8_t prefix_length;
		uint8_t type; /* enum sf_type */
		uint8_t length;
		uint8_t commas; /* CSV: from the column before */
	} columns[COLUMNS_MAX];
	unsigned last_commas; /* CSV: after the last value */
};

struct text {
	struct sf_destination destination;
	struct sf_text_options options;
	bool collected; /* its rows are collected records */
	struct layout *layouts[SF_KEY_COUNT];
	char *buffer, *p;
	struct sf_destination_count waiting; /* in the buffer */
	struct sf_destination_count *lost;   /* what counts the records after a failure, or NULL */
	bool header_written;
	int64_t flushed_ns;
};

static uint32_t session_conditions(const struct text *text)
{
	return SF_WHEN_IPFIX | SF_WHEN_MS | (text->options.biflow ? SF_WHEN_BIFLOW : 0);
}

/* ---------------------------------------------------------------- layouts */

/* Walks all columns of a CSV file: those whose conditions some record can meet. */
struct column_walk {
	const struct text *text;
	struct layout *layout; /* whose columns are looked for; NULL: write the header */
	unsigned next;         /* field of the layout */
	unsigned commas;
	char *p;
};

static void visit_column(void *context, const struct sf_field_row *row, bool reverse, uint32_t when)
{
	struct column_walk *walk = context;
	uint32_t fixed = SF_WHEN_MS | SF_WHEN_US | SF_WHEN_NS | SF_WHEN_UPTIME | SF_WHEN_IPFIX |
			 SF_WHEN_NETFLOW9 | SF_WHEN_NETWORK | SF_WHEN_BIFLOW;
	uint32_t session = session_conditions(walk->text);
	uint32_t pen = reverse ? SF_PEN_REVERSE : row->pen;

	if ((when & fixed & ~session) || (when & SF_WHEN_TWO_WAY && !walk->text->options.biflow))
		return;
	if (!walk->layout) {
		if (walk->commas++)
			*walk->p++ = ',';
		walk->p += sf_field_name(pen, row->id, walk->p, PREFIX_MAX);
		return;
	}
	if ((when & walk->layout->template.variant) == when) {
		walk->layout->columns[walk->next++].commas = (uint8_t)walk->commas;
		walk->commas = 0;
	}
	walk->commas++;
}

static struct layout *new_layout(struct text *text, unsigned key)
{
	struct layout *layout = calloc(1, sizeof(*layout));
	struct column_walk walk = { .text = text, .layout = layout };
	const struct sf_template *template;

	if (!layout)
		return NULL;
	template = &layout->template;
	sf_template_init(&layout->template, SF_PROFILE_EXTENDED, session_conditions(text), key);
	for (unsigned i = 0; i < template->field_count; i++) {
		const struct sf_spec *spec = &template->specs[i];
		char name[PREFIX_MAX - 8];
		int length;

		sf_field_name(spec->pen, spec->id, name, sizeof(name));
		length = snprintf(
			layout->columns[i].prefix, PREFIX_MAX, "%c\"%s\":", i ? ',' : '{', name);
		layout->columns[i].prefix_length = (uint8_t)length;
		layout->columns[i].type = sf_element_find(spec->pen, spec->id)->type;
		layout->columns[i].length = (uint8_t)spec->length;
	}
	sf_profile_walk(SF_PROFILE_EXTENDED, visit_column, &walk);
	layout->last_commas = walk.commas - 1;
	return text->layouts[key] = layout;
}

/* ---------------------------------------------------------------- rows */

static char *put_json(char *p, const struct layout *layout, const uint8_t *record)
{
	for (unsigned i = 0; i < layout->template.field_count; i++) {
		/* names are short: one copy of fixed size is cheaper than one of the exact one */
		memcpy(p, layout->columns[i].prefix, PREFIX_MAX);
		p += layout->columns[i].prefix_length;
		p += sf_value_write(layout->columns[i].type, SF_VALUE_JSON, record,
			layout->columns[i].length, p, SF_VALUE_MAX);
		record += layout->columns[i].length;
	}
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

/* One value of a row; `from` is the collected record or NULL. */
static char *put_cell(char *p, const struct layout *layout, unsigned i, const uint8_t *value,
	const struct sf_collected *from, unsigned d)
{
	struct sf_cell cell = { .kind = SF_CELL_FLOW };

	if (from)
		sf_cell_find(&cell, from, &layout->template.specs[i], d);
	if (cell.kind == SF_CELL_FLOW)
		return p + sf_value_write(layout->columns[i].type, SF_VALUE_TEXT, value,
				   layout->columns[i].length, p, SF_VALUE_MAX);
	if (cell.kind == SF_CELL_VALUE)
		return p + sf_field_text(&cell.value, p, SF_VALUE_MAX);
	return p;
}

static char *put_csv(char *p, const struct layout *layout, const uint8_t *record,
	const struct sf_collected *from, unsigned d)
{
	for (unsigned i = 0; i < layout->template.field_count; i++) {
		for (unsigned n = layout->columns[i].commas; n; n--)
			*p++ = ',';
		p = put_cell(p, layout, i, record, from, d);
		record += layout->columns[i].length;
	}
	for (unsigned n = layout->last_commas; n; n--)
		*p++ = ',';
	if (from)
		p = put_collected_columns(p, from);
	*p++ = '\n';
	return p;
}

static void write_header(struct text *text)
{
	struct column_walk walk = { .text = text, .p = text->p };

	text->header_written = true;
	if (text->options.format == SF_TEXT_TABLE) {
		text->p = sf_table_header(text->p, text->options.biflow, text->collected);
	} else if (text->options.format == SF_TEXT_CSV) {
		sf_profile_walk(SF_PROFILE_EXTENDED, visit_column, &walk);
		for (size_t i = 0; text->collected && i < COLLECTED_COLUMNS; i++) {
			*walk.p++ = ',';
			walk.p += sf_field_name(0, collected_columns[i], walk.p, PREFIX_MAX);
		}
		if (text->collected)
			walk.p += sprintf(walk.p, ",exportTime");
		*walk.p++ = '\n';
		text->p = walk.p;
	}
}

/* Nothing is written after that. `code`: -EINTR: nobody waits for the reader any more. */
static void fail(struct text *text, int code)
{
	struct sf_destination_stats *stats = &text->destination.stats;

	text->lost = code == -EINTR ? &stats->lost_stopped : &stats->lost_write;
	stats->incomplete = code != -EPIPE;
	if (code == -EINTR)
		snprintf(stats->failure, sizeof(stats->failure),
			"the reader of the text was not ready for all of it when the run had to "
			"end");
	else
		snprintf(stats->failure, sizeof(stats->failure), "cannot write text: %s",
			sf_strerror(code));
}

static int write_text(struct text *text, size_t length)
{
	if (text->destination.shared &&
		sf_hurry_level(&text->destination.shared->options.hurry) > 1)
		return -EINTR;
	errno = 0;
	if (fwrite(text->buffer, 1, length, text->options.stream) == length &&
		fflush(text->options.stream) == 0)
		return 0;
	return errno ? -errno : -EIO;
}

static void flush(struct text *text)
{
	struct sf_destination_stats *stats = &text->destination.stats;
	size_t length = (size_t)(text->p - text->buffer);

	if (length && !text->lost) {
		int code = write_text(text, length);

		if (code < 0)
			fail(text, code);
		else
			stats->message_octets += length;
	}
	sf_count_add(text->lost ? text->lost : &stats->sent, &text->waiting);
	text->waiting = (struct sf_destination_count){ 0 };
	text->p = text->buffer;
}

/* The row of direction d, or of both; `from` is what the flow was collected from, or NULL. */
static void put_row(struct text *text, const struct sf_flow *flow, unsigned d, bool two_way,
	const struct sf_collected *from)
{
	static const struct sf_encode_context context;
	uint8_t record[SF_RECORD_MAX];
	struct layout *layout = NULL;
	struct sf_destination_count count = {
		1,
		two_way ? sf_flow_packets(flow) : flow->half[d].packets,
		two_way ? sf_flow_octets(flow) : flow->half[d].octets,
	};
	unsigned key = sf_record_key(flow, SF_WHEN_HAS >> 8, two_way);

	sf_count_add(&text->destination.stats.offered, &count);
	if (text->options.format != SF_TEXT_TABLE) {
		layout = text->layouts[key] ? text->layouts[key] : new_layout(text, key);
		if (!layout)
			fail(text, -ENOMEM);
	}
	if (text->lost) {
		sf_count_add(text->lost, &count);
		return;
	}
	if (text->options.format == SF_TEXT_TABLE) {
		text->p =
			sf_table_row(text->p, &(struct sf_row){ flow, from, d, text->options.biflow,
						      text->options.local_time });
	} else {
		sf_template_encode(&layout->template, record, flow, 1, 1u << d, &context);
		text->p = text->options.format == SF_TEXT_JSON
				  ? put_json(text->p, layout, record)
				  : put_csv(text->p, layout, record, from, d);
	}
	sf_count_add(&text->waiting, &count);
	if (text->p - text->buffer > BUFFER_SIZE - SF_TEXT_ROW_MAX)
		flush(text);
}

static void put_rows(struct text *text, const struct sf_flow *flow, const struct sf_collected *from)
{
	if (text->options.biflow) {
		put_row(text, flow, flow->directions & SF_FORWARD ? 0 : 1, sf_flow_two_way(flow),
			from);
		return;
	}
	for (unsigned d = 0; d < 2; d++)
		if (flow->directions >> d & 1)
			put_row(text, flow, d, false, from);
}

static void text_put(
	struct sf_destination *destination, const struct sf_flow *flows, unsigned count)
{
	struct text *text = (struct text *)destination;

	if (!text->header_written)
		write_header(text);
	for (unsigned i = 0; i < count; i++)
		put_rows(text, &flows[i], NULL);
}

static void text_put_collected(
	struct sf_destination *destination, const struct sf_collected *record)
{
	struct text *text = (struct text *)destination;

	if (!text->header_written)
		write_header(text);
	if (!record->options)
		put_rows(text, &record->flow, record);
}

static void text_tick(struct sf_destination *destination)
{
	struct text *text = (struct text *)destination;
	int64_t wall = destination->shared->wall_ns;

	if (wall - text->flushed_ns < FLUSH_NS && wall >= text->flushed_ns)
		return;
	text->flushed_ns = wall;
	flush(text);
}

static void text_finish(struct sf_destination *destination)
{
	struct text *text = (struct text *)destination;

	if (!text->header_written)
		write_header(text);
	flush(text);
}

static void text_free(struct sf_destination *destination)
{
	struct text *text = (struct text *)destination;

	for (unsigned key = 0; key < SF_KEY_COUNT; key++)
		free(text->layouts[key]);
	free(text->buffer);
	free(text);
}

static const struct sf_destination_ops text_ops = {
	.put = text_put,
	.put_collected = text_put_collected,
	.tick = text_tick,
	.finish = text_finish,
	.free = text_free,
};

int sf_text_new(
	struct sf_destination **destination, const struct sf_text_options *options, bool collected)
{
	struct text *text = calloc(1, sizeof(*text));

	if (text)
		text->buffer = malloc(BUFFER_SIZE);
	if (!text || !text->buffer) {
		free(text);
		return -ENOMEM;
	}
	text->destination.ops = &text_ops;
	text->destination.stats.kind = "text";
	text->destination.cold_facts = options->format != SF_TEXT_TABLE;
	text->destination.flow_ids = options->format != SF_TEXT_TABLE;
	text->options = *options;
	text->collected = collected;
	if (!text->options.stream)
		text->options.stream = stdout;
	text->p = text->buffer;
	*destination = &text->destination;
	return 0;
}
