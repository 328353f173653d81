/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text: JSON lines, CSV, table. JSON, CSV and the table of chosen fields are rows of columns.c, the
 * other tables those of table.c and narrow.c. Rows collect in an outlet, which is written when it is
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

struct text {
	struct sf_destination destination;
	struct sf_text_options options;
	bool collected; /* rows are collected records */
	struct sf_narrow narrow;
	bool chosen; /* the user chose the fields: the table has a column for each */
	struct sf_columns columns;
	struct sf_outlet outlet;
	bool flushing; /* with a queue: no more rows until the outlet is empty */
	bool reported; /* the user was told that rows cannot be written */
	bool header_written;
	int64_t flushed_ns;
};

/* ---------------------------------------------------------------- rows */

static void write_header(struct text *text)
{
	char *start = (char *)sf_outlet_room(&text->outlet, SF_TEXT_ROW_MAX);
	char *p = start;

	if (!start)
		return;
	text->header_written = true;
	if (text->options.format == SF_TEXT_TABLE && text->chosen) {
		sf_columns_fit(&text->columns, text->options.width);
		p = sf_columns_table_header(&text->columns, start);
	} else if (text->options.format == SF_TEXT_TABLE && text->options.wide) {
		p = sf_wide_header(start, text->options.biflow, text->collected);
	} else if (text->options.format == SF_TEXT_TABLE) {
		sf_narrow_init(&text->narrow, text->options.width, text->options.biflow,
			text->options.local_time, text->collected);
		p = sf_narrow_header(start, &text->narrow);
	}
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

static char *put_table(struct text *text, char *p, const struct sf_row *row)
{
	return text->options.wide ? sf_wide_row(p, row) : sf_narrow_row(p, &text->narrow, row);
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
	bool table = text->options.format == SF_TEXT_TABLE && !text->chosen;
	char *start = NULL, *p;

	sf_count_add(&text->destination.stats.offered, &count);
	if (!table)
		layout = sf_columns_layout(&text->columns, flow, two_way);
	if ((table || layout) && !text->outlet.gone && !text->outlet.stopped)
		start = (char *)sf_outlet_room(&text->outlet, SF_TEXT_ROW_MAX);
	if (!start) {
		lose(text, &count);
		return;
	}
	if (table)
		p = put_table(text, start, &row);
	else if (text->options.format == SF_TEXT_JSON)
		p = sf_columns_json(layout, start, &row);
	else if (text->options.format == SF_TEXT_CSV)
		p = sf_columns_csv(&text->columns, layout, start, &row);
	else
		p = sf_columns_table(&text->columns, layout, start, &row);
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
		/* writes as much as possible now; the run has ended and does not wait for the rest */
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
	const struct sf_text_options *options, struct sf_error *error)
{
	struct text *text = calloc(1, sizeof(*text));
	int code = 0;

	if (!text)
		return sf_error_set(error, -ENOMEM, "no memory for text output");
	sf_columns_init(&text->columns, options->biflow, shared->options.collected,
		sf_extra_conditions(shared), shared->extra);
	if (options->format == SF_TEXT_CSV)
		sf_columns_leave_out(&text->columns, options->absent);
	text->chosen = shared->options.fields != NULL;
	if (text->chosen)
		code = sf_columns_choose(&text->columns, shared->options.fields, error);
	if (code < 0) {
		free(text);
		return code;
	}
	text->destination.ops = &text_ops;
	text->destination.shared = shared;
	text->destination.stats.kind = "text";
	if (options->format != SF_TEXT_TABLE || text->chosen)
		text->destination.wants =
			sf_fields_facts(&text->columns.fields, text->columns.when);
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
