/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text: JSON lines, CSV, table. JSON and CSV are the record of the profile `extended` as it would
 * go into an IPFIX file, each field written by the formatter that `show` and `collect` use, so
 * they agree by construction. What is between the values ("name": and commas) is prepared once
 * per template. Rows collect in an outlet, which is written when it is full, and once a second.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/element_id.h"
#include "base/value.h"
#include "base/wire.h"
#include "export/cell.h"
#include "export/destination.h"
#include "export/outlet.h"
#include "export/text.h"
#include "export/variant.h"

#define FULL        (240 * 1024) /* bytes of rows that are written at once */
#define COLUMNS_MAX SF_TEMPLATE_FIELDS_MAX
#define PREFIX_MAX  72
#define FLUSH_NS    INT64_C(1000000000)

/* The columns of one template. */
struct layout {
	struct sf_variant variant;
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
	struct sf_narrow narrow;
	const struct sf_fields *fields;
	uint64_t when;              /* conditions that hold for all rows */
	struct sf_variants layouts; /* struct layout, of the variants that have come */
	struct sf_outlet outlet;
	bool flushing; /* with a queue: what is in the outlet is to leave before more comes */
	bool said;     /* that it cannot be written */
	bool header_written;
	int64_t flushed_ns;
};

/* ---------------------------------------------------------------- layouts */

/* How many columns of a CSV file lie before each field of the layout and after the last one. */
static void count_commas(const struct text *text, struct layout *layout)
{
	unsigned commas = 0, next = 0;

	for (unsigned i = 0; i < text->fields->count; i++) {
		const struct sf_field_item *item = &text->fields->items[i];

		if (!sf_field_is_possible(item, text->when))
			continue;
		if ((item->when & layout->template.variant) == item->when) {
			layout->columns[next++].commas = (uint8_t)commas;
			commas = 0;
		}
		commas++;
	}
	layout->last_commas = commas ? commas - 1 : 0;
}

static struct layout *new_layout(struct text *text, uint64_t when)
{
	struct layout *layout = calloc(1, sizeof(*layout));
	const struct sf_template *template;

	if (!layout)
		return NULL;
	template = &layout->template;
	sf_template_init(&layout->template, text->fields, text->when, when);
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
	count_commas(text, layout);
	sf_variants_add(&text->layouts, &layout->variant, when);
	return layout;
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
	struct sf_cell cell;

	cell.kind = SF_CELL_FLOW;
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

static char *put_csv_header(char *p, const struct text *text)
{
	const char *start = p;

	for (unsigned i = 0; i < text->fields->count; i++) {
		const struct sf_field_item *item = &text->fields->items[i];
		const struct sf_field_row *row = sf_field_row(item->field);

		if (!sf_field_is_possible(item, text->when))
			continue;
		if (p > start)
			*p++ = ',';
		p += sf_field_name(
			item->reverse ? SF_PEN_REVERSE : row->pen, row->id, p, PREFIX_MAX);
	}
	for (size_t i = 0; text->collected && i < COLLECTED_COLUMNS; i++) {
		*p++ = ',';
		p += sf_field_name(0, collected_columns[i], p, PREFIX_MAX);
	}
	if (text->collected)
		p += sprintf(p, ",exportTime");
	*p++ = '\n';
	return p;
}

static void write_header(struct text *text)
{
	char *start = (char *)sf_outlet_room(&text->outlet, SF_TEXT_ROW_MAX);
	char *p = start;

	if (!start)
		return;
	text->header_written = true;
	if (text->options.format == SF_TEXT_TABLE && text->options.wide) {
		p = sf_table_header(start, text->options.biflow, text->collected);
	} else if (text->options.format == SF_TEXT_TABLE) {
		sf_narrow_init(&text->narrow, text->options.width, text->options.biflow,
			text->options.local_time, text->collected);
		p = sf_narrow_header(start, &text->narrow);
	}
	if (text->options.format == SF_TEXT_CSV)
		p = put_csv_header(p, text);
	if (p > start)
		sf_outlet_add(&text->outlet, (size_t)(p - start),
			&(struct sf_destination_count){ 0 }, true);
}

/* ---------------------------------------------------------------- books */

static void note_failure(struct text *text)
{
	struct sf_destination_stats *stats = &text->destination.stats;
	const struct sf_outlet *outlet = &text->outlet;

	stats->error = outlet->stopped ? -EINTR : outlet->error;
	if (outlet->stopped)
		snprintf(stats->failure, sizeof(stats->failure),
			"the reader of the text was not ready for all of it when the run had to "
			"end");
	else
		snprintf(stats->failure, sizeof(stats->failure), "cannot write text: %s",
			sf_strerror(outlet->error));
}

/* Of rows that have left the outlet, one way or the other; and how the outlet is. */
static void settle(struct text *text)
{
	struct sf_destination_stats *stats = &text->destination.stats;
	struct sf_outlet *outlet = &text->outlet;
	const struct sf_outcome sent = outlet->sent, lost = outlet->lost;

	outlet->sent = outlet->lost = (struct sf_outcome){ 0 };
	sf_count_add(&stats->sent, &sent.flows);
	stats->message_octets += sent.octets;
	sf_count_add(outlet->stopped ? &stats->lost_stopped : &stats->lost_write, &lost.flows);
	if (lost.pieces) {
		stats->incomplete |= outlet->stopped || outlet->error != -EPIPE;
		note_failure(text);
	}
	text->destination.fails = outlet->error != 0;
	text->destination.lost_as = outlet->error ? SF_FATE_write : SF_FATE_queue;
	stats->gone = outlet->gone;
	if (outlet->error && !text->said) {
		note_failure(text);
		if (outlet->error != -EPIPE)
			sf_destination_news(&text->destination, "%s%s", stats->failure,
				outlet->gone ? "" : "; trying again once a second");
	} else if (!outlet->error && text->said)
		sf_destination_news(&text->destination, "text can be written again");
	text->said = outlet->error != 0;
}

static void lose(struct text *text, const struct sf_destination_count *count)
{
	struct sf_destination_stats *stats = &text->destination.stats;

	sf_count_add(text->outlet.stopped ? &stats->lost_stopped : &stats->lost_write, count);
	if (!text->outlet.gone && !text->outlet.stopped)
		snprintf(stats->failure, sizeof(stats->failure), "no memory for text");
}

/* Writes what is there, or lets it be written before more comes. */
static void flush(struct text *text)
{
	if (!text->outlet.waits) {
		text->flushing = true;
		return;
	}
	sf_outlet_write(&text->outlet);
	settle(text);
}

/* ---------------------------------------------------------------- the destination */

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
	uint64_t when = sf_record_when(flow, two_way) & text->fields->when & SF_WHEN_RECORD;
	bool table = text->options.format == SF_TEXT_TABLE;
	char *start = NULL, *p;

	sf_count_add(&text->destination.stats.offered, &count);
	if (!table)
		layout = (struct layout *)sf_variants_find(&text->layouts, when);
	if (!table && !layout)
		layout = new_layout(text, when);
	if ((table || layout) && !text->outlet.gone && !text->outlet.stopped)
		start = (char *)sf_outlet_room(&text->outlet, SF_TEXT_ROW_MAX);
	if (!start) {
		lose(text, &count);
		return;
	}
	if (table) {
		const struct sf_row row = { flow, from, d, text->options.biflow,
			text->options.local_time };

		p = text->options.wide ? sf_table_row(start, &row)
				       : sf_narrow_row(start, &text->narrow, &row);
	} else {
		sf_template_encode(&layout->template, record, flow, 1, 1u << d, &context);
		p = text->options.format == SF_TEXT_JSON ? put_json(start, layout, record)
							 : put_csv(start, layout, record, from, d);
	}
	sf_outlet_add(&text->outlet, (size_t)(p - start), &count, true);
	if (sf_outlet_length(&text->outlet) > FULL)
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

static int64_t text_ready(struct sf_destination *destination, int64_t mono)
{
	struct text *text = (struct text *)destination;
	int64_t when;

	/* rows wait until they are many, or a second old */
	if (!text->flushing && !sf_outlet_empty(&text->outlet))
		return mono;
	when = sf_outlet_pump(&text->outlet, mono, &destination->fd);
	settle(text);
	text->flushing = when > mono || !sf_outlet_empty(&text->outlet);
	return when;
}

static bool text_flush(struct sf_destination *destination)
{
	struct text *text = (struct text *)destination;

	if (!text->header_written)
		write_header(text);
	text->flushing = !sf_outlet_empty(&text->outlet);
	return text->flushing;
}

static void text_finish(struct sf_destination *destination)
{
	struct text *text = (struct text *)destination;

	if (!text->header_written)
		write_header(text);
	if (text->outlet.waits) {
		flush(text);
	} else {
		/* what is taken now; the run has ended, so nobody waits for the rest */
		sf_outlet_pump(&text->outlet, 0, &destination->fd);
		text->outlet.stopped |= !text->outlet.error;
	}
	sf_outlet_drop(&text->outlet);
	settle(text);
}

static void text_free(struct sf_destination *destination)
{
	struct text *text = (struct text *)destination;

	for (struct sf_variant *layout = text->layouts.first, *next; layout; layout = next) {
		next = layout->next;
		free(layout);
	}
	sf_outlet_fini(&text->outlet);
	free(text);
}

static const struct sf_destination_ops text_ops = {
	.put = text_put,
	.put_collected = text_put_collected,
	.tick = text_tick,
	.ready = text_ready,
	.flush = text_flush,
	.finish = text_finish,
	.free = text_free,
};

int sf_text_new(struct sf_destination **destination, const struct sf_shared *shared,
	const struct sf_text_options *options)
{
	struct text *text = calloc(1, sizeof(*text));

	if (!text)
		return -ENOMEM;
	text->destination.ops = &text_ops;
	text->destination.shared = shared;
	text->destination.stats.kind = "text";
	text->fields = sf_fields_profile(SF_PROFILE_EXTENDED);
	text->when = SF_WHEN_IPFIX | SF_WHEN_MS | (options->biflow ? SF_WHEN_BIFLOW : 0);
	if (options->format != SF_TEXT_TABLE)
		text->destination.wants = sf_fields_facts(text->fields, text->when);
	text->destination.biflow = options->biflow;
	text->options = *options;
	text->collected = shared->options.collected;
	if (options->stream)
		sf_outlet_init_stream(&text->outlet, options->stream);
	else
		sf_outlet_init(&text->outlet, STDOUT_FILENO, !shared->options.queued, false);
	text->outlet.hurry = &shared->options.hurry;
	*destination = &text->destination;
	return 0;
}
