/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text: JSON lines, CSV, tables. JSON, CSV and values of chosen fields come from columns.c, the
 * other tables from table.c and narrow.c. Rows collect in an outlet, which is written when it is
 * full, and at the next tick after FLUSH_NS.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export/destination.h"
#include "text/columns.h"
#include "text/text.h"
#include "transport/outlet.h"

#define FULL     (240 * 1024)       /* bytes of rows that are written at once */
#define FLUSH_NS INT64_C(200000000) /* then rows leave that are few, as messages do */

/* What -o table looks like. */
enum table {
	NARROW,  /* the table that fits the terminal */
	WIDE,    /* --wide */
	COLUMNS, /* --fields: a column for each field */
	/*
	 * --fields=+..., too wide for the terminal: the narrow table, and
	 * the added fields below each row
	 */
	PAIRS,
	LINES, /* another list that is too wide: a line for each field */
};

struct text {
	struct sf_destination destination;
	struct sf_text_options options;
	bool collected; /* rows are collected records */
	enum table table;
	struct sf_narrow narrow;
	struct sf_columns columns;
	char *pairs;   /* of PAIRS: those of a row */
	uint64_t rows; /* of LINES */
	struct sf_outlet outlet;
	bool flushing; /* with a queue: no more rows until the outlet is empty */
	bool reported; /* the user was told that rows cannot be written */
	bool header_written;
	int64_t flushed_ns;
};

/* ---------------------------------------------------------------- rows */

static char *put_table_header(struct text *text, char *p)
{
	const struct sf_text_options *options = &text->options;

	switch (text->table) {
	case COLUMNS:
		return sf_columns_table_header(&text->columns, p);
	case WIDE:
		return sf_wide_header(p, options->biflow, text->collected);
	case LINES:
		return p;
	default:
		sf_narrow_init(&text->narrow, options->width, options->biflow, options->local_time,
			text->collected);
		return sf_narrow_header(p, &text->narrow);
	}
}

static void write_header(struct text *text)
{
	char *start = (char *)sf_outlet_room(&text->outlet, SF_TEXT_ROW_MAX);
	char *p = start;

	if (!start)
		return;
	text->header_written = true;
	if (text->options.format == SF_TEXT_TABLE)
		p = put_table_header(text, start);
	if (text->options.format == SF_TEXT_CSV)
		p = sf_columns_csv_header(&text->columns, p);
	if (p > start)
		sf_outlet_add(&text->outlet, (size_t)(p - start),
			&(struct sf_destination_count){ 0 }, true);
}

/* ---------------------------------------------------------------- counters */

static void note_failure(struct text *text)
{
	struct sf_destination_stats *stats = &text->destination.stats;
	const struct sf_outlet *outlet = &text->outlet;

	stats->error = outlet->stopped ? -EINTR : outlet->error;
	if (outlet->stopped)
		snprintf(stats->failure, sizeof(stats->failure),
			"the reader of the text was not ready for all of it when "
			"the run had to end");
	else
		snprintf(stats->failure, sizeof(stats->failure), "cannot write text: %s",
			sf_strerror(outlet->error));
}

/* Counts rows that were written or lost, and updates the state from the outlet. */
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
	text->destination.lost_as = outlet->error ? SF_FATE_LOST_write : SF_FATE_LOST_queue;
	stats->gone = outlet->gone;
	if (outlet->error && !text->reported) {
		note_failure(text);
		if (outlet->error != -EPIPE)
			sf_destination_news(&text->destination, "%s%s", stats->failure,
				outlet->gone ? "" : "; trying again once a second");
	} else if (!outlet->error && text->reported)
		sf_destination_news(&text->destination, "text can be written again");
	text->reported = outlet->error != 0;
}

static void lose(struct text *text, const struct sf_destination_count *count)
{
	struct sf_destination_stats *stats = &text->destination.stats;

	sf_count_add(text->outlet.stopped ? &stats->lost_stopped : &stats->lost_write, count);
	if (!text->outlet.gone && !text->outlet.stopped)
		snprintf(stats->failure, sizeof(stats->failure), "no memory for text");
}

/* Writes the rows in the outlet; with a queue, takes no more rows until that is done. */
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

static bool has_layout(const struct text *text)
{
	return text->options.format != SF_TEXT_TABLE || text->table >= COLUMNS;
}

static char *put_lines(
	struct text *text, const struct sf_layout *layout, char *p, const struct sf_row *row)
{
	char *start = p, *begin;

	p += sprintf(p, "-- record %llu\n", (unsigned long long)text->rows + 1);
	begin = p;
	p = sf_columns_lines(&text->columns, layout, p, row);
	if (p == begin)
		return start;
	text->rows++;
	return p;
}

/* The row at p, and `layout` if has_layout(). p itself: the record has none of the fields. */
static char *put_cells(
	struct text *text, const struct sf_layout *layout, char *p, const struct sf_row *row)
{
	if (text->options.format == SF_TEXT_JSON)
		return sf_columns_json(layout, p, row);
	if (text->options.format == SF_TEXT_CSV)
		return sf_columns_csv(&text->columns, layout, p, row);
	switch (text->table) {
	case WIDE:
		return sf_wide_row(p, row);
	case COLUMNS:
		return sf_columns_table(&text->columns, layout, p, row);
	case LINES:
		return put_lines(text, layout, p, row);
	case PAIRS:
		sf_columns_pairs(layout, text->pairs, row);
		return sf_narrow_row(p, &text->narrow, row, text->pairs);
	default:
		return sf_narrow_row(p, &text->narrow, row, "");
	}
}

/* Puts the row of direction d, or of both; `from`: the collected record of the flow, or NULL. */
static void put_row(struct text *text, const struct sf_flow *flow, unsigned d, bool two_way,
	const struct sf_collected *from)
{
	const struct sf_row row = { flow, from, d, text->options.biflow, text->options.local_time };
	const struct sf_layout *layout = NULL;
	struct sf_destination_count count = {
		1,
		two_way ? sf_flow_packets(flow) : flow->half[d].packets,
		two_way ? sf_flow_octets(flow) : flow->half[d].octets,
	};
	char *start = NULL, *p;

	sf_count_add(&text->destination.stats.offered, &count);
	if (has_layout(text))
		layout = sf_columns_layout(&text->columns, flow, two_way ? 3 : 1u << d);
	if ((layout || !has_layout(text)) && !text->outlet.gone && !text->outlet.stopped)
		start = (char *)sf_outlet_room(
			&text->outlet, text->pairs ? 2 * SF_TEXT_ROW_MAX : SF_TEXT_ROW_MAX);
	if (!start) {
		lose(text, &count);
		return;
	}
	p = put_cells(text, layout, start, &row);
	/* as files do */
	if (p == start) {
		sf_count_add(&text->destination.stats.skipped_noFields, &count);
		return;
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

	/* rows wait until they are many, or for FLUSH_NS */
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
		/*
		 * writes as much as possible now; the run has ended and does not wait for the rest
		 */
		sf_outlet_pump(&text->outlet, 0, &destination->fd);
		text->outlet.stopped |= !text->outlet.error;
	}
	sf_outlet_drop(&text->outlet);
	settle(text);
}

static void text_free(struct sf_destination *destination)
{
	struct text *text = (struct text *)destination;

	sf_columns_fini(&text->columns);
	free(text->pairs);
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

/* Which fields there are, and how a table shows them. */
static int choose_fields(struct text *text, const char *list, struct sf_error *error)
{
	const struct sf_text_options *options = &text->options;
	int code;

	text->table = options->wide ? WIDE : NARROW;
	if (!list)
		return 0;
	code = sf_columns_choose(&text->columns, list, error);
	if (code < 0)
		return code;
	text->table = COLUMNS;
	if (options->format != SF_TEXT_TABLE || sf_columns_fit(&text->columns, options->width))
		return 0;
	text->table = LINES;
	if (!sf_columns_keep_added(&text->columns, list))
		return 0;
	text->table = PAIRS;
	text->pairs = malloc(SF_TEXT_ROW_MAX);
	return text->pairs ? 0 : sf_error_set(error, -ENOMEM, "no memory for text output");
}

int sf_text_new(struct sf_destination **destination, const struct sf_shared *shared,
	const struct sf_text_options *options, struct sf_error *error)
{
	struct text *text = calloc(1, sizeof(*text));
	int code;

	if (!text)
		return sf_error_set(error, -ENOMEM, "no memory for text output");
	text->options = *options;
	sf_columns_init(&text->columns, options->biflow, shared->options.collected,
		sf_extra_conditions(shared), shared->extra);
	if (options->format == SF_TEXT_CSV)
		sf_columns_leave_out(&text->columns, options->absent);
	code = choose_fields(text, shared->options.fields, error);
	if (code < 0) {
		free(text);
		return code;
	}
	if (shared->options.fold != SF_FOLD_OFF)
		sf_columns_add_folded(&text->columns);
	text->destination.ops = &text_ops;
	text->destination.shared = shared;
	text->destination.stats.kind = "text";
	if (has_layout(text))
		text->destination.wants =
			sf_fields_facts(&text->columns.fields, text->columns.when);
	text->destination.biflow = options->biflow;
	text->collected = shared->options.collected;
	if (options->stream)
		sf_outlet_init_stream(&text->outlet, options->stream);
	else
		sf_outlet_init(&text->outlet, STDOUT_FILENO, !shared->options.queued, false);
	text->outlet.hurry = &shared->options.hurry;
	*destination = &text->destination;
	return 0;
}
