/* SPDX-License-Identifier: BSD-2-Clause */
#include "receive/outputs.h"

#include <errno.h>

#include "base/count.h"

#define LOOK_EVERY 1024 /* flow records between two looks for losses of the exporter */

static void print_json(struct sf_outputs *outputs, const struct sf_collected *record)
{
	int result = sf_collected_json(record, outputs->options.stream);

	if (result == 0)
		return;
	if (outputs->failure == 0)
		outputs->failure = errno ? -errno : result;
	sf_collector_stop(outputs->collector);
}

static bool any_gone(const struct sf_outputs *outputs)
{
	struct sf_destination_stats stats;

	for (unsigned i = 0; sf_exporter_stats(outputs->exporter, i, &stats); i++)
		if (stats.gone || stats.error == -EPIPE)
			return true;
	return false;
}

/* True if the run is to end: the reader of an output went away, or with files the disk is full. */
static bool has_lost(const struct sf_outputs *outputs)
{
	struct sf_destination_stats stats;

	if (outputs->options.goes_on)
		return any_gone(outputs);
	for (unsigned i = 0; sf_exporter_stats(outputs->exporter, i, &stats); i++)
		if (stats.lost_write.records || stats.incomplete)
			return true;
	return false;
}

static void take_unmatched(struct sf_outputs *outputs, const struct sf_collected *record)
{
	const struct sf_outputs_options *options = &outputs->options;

	sf_count_add_flow(&outputs->unmatched, &record->flow);
	if (options->failed && options->failed(options->context))
		sf_collector_stop(outputs->collector);
	if (outputs->failing)
		sf_exporter_put_collected(outputs->failing, record);
}

static void take_selected(struct sf_outputs *outputs, const struct sf_collected *record)
{
	sf_count_add_flow(&outputs->selected, &record->flow);
	if (outputs->options.json)
		print_json(outputs, record);
	if (outputs->exporter)
		sf_exporter_put_collected(outputs->exporter, record);
	if (outputs->exporter && outputs->selected.records % LOOK_EVERY == 0)
		outputs->lost = has_lost(outputs);
	if (outputs->selected.records == outputs->options.most || outputs->lost)
		sf_collector_stop(outputs->collector);
}

/* A record of which one direction is selected becomes a record of that direction. */
static void take_flow(struct sf_outputs *outputs, const struct sf_collected *record)
{
	const struct sf_outputs_options *options = &outputs->options;
	unsigned directions = options->select ? options->select(options->context, record)
					      : record->flow.directions;
	struct sf_collected copy;

	if (!directions) {
		take_unmatched(outputs, record);
	} else if (options->biflow || directions == record->flow.directions) {
		take_selected(outputs, record);
	} else {
		copy = *record;
		copy.flow.directions = (uint8_t)directions;
		take_selected(outputs, &copy);
	}
}

static void take_options(struct sf_outputs *outputs, const struct sf_collected *record)
{
	if (outputs->options.show_options && outputs->options.json)
		print_json(outputs, record);
	if (outputs->exporter)
		sf_exporter_put_collected(outputs->exporter, record);
	if (outputs->failing)
		sf_exporter_put_collected(outputs->failing, record);
}

static void take(void *context, const struct sf_collected *record)
{
	struct sf_outputs *outputs = context;

	errno = 0;
	sf_sampled_look(&outputs->sampled, record);
	if (record->options)
		take_options(outputs, record);
	else
		take_flow(outputs, record);
	if (outputs->options.after)
		outputs->options.after(outputs->options.context);
}

static void refused(void *context, const char *exporter, const char *text)
{
	const struct sf_outputs *outputs = context;

	if (outputs->options.refused)
		outputs->options.refused(outputs->options.context, exporter, text);
}

int sf_outputs_init(struct sf_outputs *outputs, const struct sf_outputs_options *options,
	struct sf_error *error)
{
	const struct sf_collector_options collector_options = {
		.record = take,
		.refused = refused,
		.context = outputs,
	};

	*outputs = (struct sf_outputs){ .options = *options };
	return sf_collector_new(&outputs->collector, &collector_options, error);
}

void sf_outputs_stats(const struct sf_outputs *outputs, struct sf_collector_stats *stats)
{
	sf_collector_stats(outputs->collector, stats);
	sf_collector_stats_add(stats, &outputs->others);
}

/* Writes out what JSON has buffered; keeps an error in `failure`. */
static void flush_stream(struct sf_outputs *outputs)
{
	errno = 0;
	if (fflush(outputs->options.stream) && outputs->failure == 0)
		outputs->failure = -errno;
}

void sf_outputs_flush(struct sf_outputs *outputs, int64_t wall)
{
	if (outputs->exporter) {
		sf_exporter_tick(outputs->exporter, wall, wall);
		outputs->lost |= has_lost(outputs);
	}
	if (!outputs->options.json)
		return;
	flush_stream(outputs);
	if (outputs->failure)
		sf_collector_stop(outputs->collector);
}

void sf_outputs_finish(struct sf_outputs *outputs)
{
	if (outputs->exporter) {
		sf_exporter_finish(outputs->exporter);
		outputs->lost |= has_lost(outputs);
	}
	if (outputs->failing)
		sf_exporter_finish(outputs->failing);
	outputs->finished = true;
	if (outputs->options.json)
		flush_stream(outputs);
}

/* True if every destination of the exporter got these records and accounts for each of them. */
static bool is_balanced(const struct sf_outputs *outputs, const struct sf_exporter *exporter,
	const struct sf_destination_count *given)
{
	struct sf_destination_stats destination;
	struct sf_destination_count waiting;
	bool balanced = true;

	for (unsigned i = 0; exporter && sf_exporter_stats(exporter, i, &destination); i++)
		balanced &= (outputs->finished ? sf_destination_balanced(&destination)
					       : sf_destination_waiting(&destination, &waiting)) &&
			    destination.offered.packets == given->packets &&
			    destination.offered.octets == given->octets;
	return balanced;
}

bool sf_outputs_balanced(const struct sf_outputs *outputs)
{
	const struct sf_destination_count *selected = &outputs->selected;
	const struct sf_destination_count *unmatched = &outputs->unmatched;
	struct sf_collector_stats stats;

	sf_outputs_stats(outputs, &stats);
	return stats.records == stats.options_records + selected->records + unmatched->records &&
	       stats.packets == selected->packets + unmatched->packets &&
	       stats.octets == selected->octets + unmatched->octets &&
	       is_balanced(outputs, outputs->exporter, selected) &&
	       is_balanced(outputs, outputs->failing, unmatched);
}

void sf_outputs_fini(struct sf_outputs *outputs)
{
	sf_exporter_free(outputs->exporter);
	sf_exporter_free(outputs->failing);
	sf_collector_free(outputs->collector);
}
