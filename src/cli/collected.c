/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON and IPFIX files have the record as it was on the wire, so that elements spanflow does not
 * meter are seen; table and CSV come from the flow record. Files, table and CSV are an exporter's
 * destinations, as in `meter`.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/asked.h"
#include "cli/collected.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/report.h"
#include "metrics/counters.h"
#include "service/signals.h"

#define LOOK_EVERY 1024 /* flow records, for what the exporter lost */
#define COMPLAINTS 10   /* exporters whose refused template is described; all are counted */

static void json_put(struct sf_collected_sink *sink, const struct sf_collected *record)
{
	int result = sf_collected_json(record, sink->stream);

	if (result == 0) {
		sink->printed++;
		return;
	}
	if (sink->failure == 0)
		sink->failure = errno ? -errno : result;
	sf_collector_stop(sink->collector);
}

/* A reader that went away, a full disk: there is no use in going on. */
static bool lost_some(const struct sf_collected_sink *sink)
{
	struct sf_destination_stats stats;

	for (unsigned i = 0; sf_exporter_stats(sink->exporter, i, &stats); i++)
		if (stats.lost_write.records || stats.incomplete)
			return true;
	return false;
}

/* A record of both directions, of which one meets the conditions: as a record of that one. */
static const struct sf_collected *narrowed(
	const struct sf_collected *record, unsigned directions, struct sf_collected *copy)
{
	if (directions == record->flow.directions)
		return record;
	*copy = *record;
	copy->flow.directions = (uint8_t)directions;
	return copy;
}

static void unmatched(struct sf_collected_sink *sink, const struct sf_collected *record)
{
	sink->unmatched.records++;
	sink->unmatched.packets += sf_flow_packets(&record->flow);
	sink->unmatched.octets += sf_flow_octets(&record->flow);
	if (sink->asked.failed)
		sf_collector_stop(sink->collector);
	if (sink->failing)
		sf_exporter_put_collected(sink->failing, record);
}

static void take_flow(struct sf_collected_sink *sink, const struct sf_collected *record)
{
	unsigned directions = sf_asked_flow(&sink->asked, &record->flow, record);
	struct sf_collected copy;

	if (!directions) {
		unmatched(sink, record);
		return;
	}
	if (sink->asked.where && !sink->options->biflow)
		record = narrowed(record, directions, &copy);
	sink->flows++;
	sink->packets += sf_flow_packets(&record->flow);
	sink->octets += sf_flow_octets(&record->flow);
	if (sink->json)
		json_put(sink, record);
	if (sink->exporter)
		sf_exporter_put_collected(sink->exporter, record);
	if (sink->exporter && sink->flows % LOOK_EVERY == 0)
		sink->lost = lost_some(sink);
	if (sink->flows == sink->most || sink->lost)
		sf_collector_stop(sink->collector);
}

static void take_options(struct sf_collected_sink *sink, const struct sf_collected *record)
{
	if (sink->show_options && sink->json)
		json_put(sink, record);
	if (sink->exporter)
		sf_exporter_put_collected(sink->exporter, record);
	if (sink->failing)
		sf_exporter_put_collected(sink->failing, record);
}

static void take(void *context, const struct sf_collected *record)
{
	struct sf_collected_sink *sink = context;

	errno = 0;
	if (record->options)
		take_options(sink, record);
	else
		take_flow(sink, record);
	if (sink->between)
		sink->between(sink);
}

/* A template whose records will be missing. */
static void refused(void *context, const char *exporter, const char *text)
{
	struct sf_collected_sink *sink = context;

	if (sink->options->quiet || sink->complaints > COMPLAINTS)
		return;
	if (sink->complaints++ == COMPLAINTS)
		sf_complain("further refused templates are counted only");
	else
		sf_complain("%s: %s", exporter, text);
}

static int add_text(
	struct sf_collected_sink *sink, const struct sf_options *options, struct sf_error *error)
{
	struct sf_text_options text = sf_output_text_options(options);

	text.stream = sink->stream;
	return sf_output_form(options) == SF_OUTPUT_NONE
		       ? 0
		       : sf_exporter_add_text(sink->exporter, &text, error);
}

/* Table, CSV and file are the exporter's. */
static int exporter_open(
	struct sf_collected_sink *sink, const struct sf_options *options, struct sf_error *error)
{
	const struct sf_exporter_options exporter_options = {
		.collected = true,
		.keep_files = !options->force,
		.fields = options->fields,
		.hurry = { sf_signal_hurry, NULL },
	};
	int result = sf_exporter_new(&sink->exporter, &exporter_options, error);

	if (result == 0 && !sink->json && !sink->asked.groups)
		result = add_text(sink, options, error);
	/* --biflow is for the table and CSV */
	for (unsigned i = 0; !result && i < options->write.count; i++)
		result = sf_exporter_add_file(sink->exporter, options->write.items[i], error);
	return result;
}

/* Records that do not meet the conditions have files of their own. */
static int failing_open(
	struct sf_collected_sink *sink, const struct sf_options *options, struct sf_error *error)
{
	const struct sf_exporter_options exporter_options = {
		.collected = true,
		.keep_files = !options->force,
		.hurry = { sf_signal_hurry, NULL },
	};
	int result = sf_exporter_new(&sink->failing, &exporter_options, error);

	for (unsigned i = 0; i < options->fail.count && result == 0; i++)
		result = sf_exporter_add_file(sink->failing, options->fail.items[i], error);
	return result;
}

/* What contradicts itself, or NULL. */
static const char *contradiction(const struct sf_options *options)
{
	if (options->show_options && options->output != SF_OUTPUT_JSON)
		return "--options needs -o json: options records are not flows";
	if (options->fail.count && !options->where)
		return "--fail needs --where: it takes what does not meet it";
	if (sf_asked_contradiction(options))
		return sf_asked_contradiction(options);
	if (sf_asked_groups(options))
		return sf_output_contradiction(options);
	if (options->biflow && !options->where && sf_output_form(options) != SF_OUTPUT_TABLE &&
		sf_output_form(options) != SF_OUTPUT_CSV)
		return "--biflow works with -o table and -o csv; -o json and -w keep each record "
		       "as it was exported";
	if (options->fields && options->output != SF_OUTPUT_CSV &&
		sf_output_form(options) != SF_OUTPUT_TABLE)
		return "--fields: only for -o csv and -o table: json and files have each "
		       "record as it was sent";
	return sf_output_contradiction(options);
}

int sf_collected_open(struct sf_collected_sink *sink, const struct sf_options *options)
{
	const struct sf_collector_options collector_options = {
		.record = take,
		.refused = refused,
		.context = sink,
	};
	const char *problem = contradiction(options);
	enum sf_output output = sf_output_form(options);
	bool prints =
		(output == SF_OUTPUT_TABLE || output == SF_OUTPUT_CSV) && !sf_asked_groups(options);
	struct sf_error error = { 0 };
	int result;

	*sink = (struct sf_collected_sink){
		.options = options,
		.json = output == SF_OUTPUT_JSON && !sf_asked_groups(options),
		.show_options = options->show_options,
		.most = sf_asked_groups(options) ? 0 : options->limit,
	};
	if (problem) {
		sf_complain("%s", problem);
		return SF_EXIT_USAGE;
	}
	sink->stream = sf_output_stream();
	if (!sink->stream) {
		sf_complain("no memory for output");
		return SF_EXIT_FAILED;
	}
	result = sf_asked_open(&sink->asked, options, &error);
	if (result == 0)
		result = sf_collector_new(&sink->collector, &collector_options, &error);
	if (result == 0 && (prints || options->write.count))
		result = exporter_open(sink, options, &error);
	if (result == 0 && options->fail.count)
		result = failing_open(sink, options, &error);
	return result ? sf_exit_error(&error) : SF_EXIT_OK;
}

void sf_collected_flush(struct sf_collected_sink *sink, int64_t wall)
{
	if (sink->exporter) {
		sf_exporter_tick(sink->exporter, wall, wall);
		sink->lost |= lost_some(sink);
	}
	if (sink->json && fflush(sink->stream) && sink->failure == 0) {
		sink->failure = -errno;
		sf_collector_stop(sink->collector);
	}
}

/* Why the exporter's destinations lack something; the closed pipe is no reason to talk. */
static bool destinations_have_all(const struct sf_exporter *exporter)
{
	struct sf_destination_stats stats;
	bool all = true;

	for (unsigned i = 0; exporter && sf_exporter_stats(exporter, i, &stats); i++) {
		if (stats.offered.records == stats.sent.records && !stats.incomplete)
			continue;
		all = false;
		if (stats.error != -EPIPE)
			sf_complain("%s: %s", stats.url, stats.failure);
	}
	return all;
}

/* The answer of groups, or why there is none. */
static void print_groups(struct sf_collected_sink *sink)
{
	if (!sink->asked.groups || sink->failure)
		return;
	if (!sink->asked.failed)
		sink->failure = sf_asked_print(&sink->asked, sink->stream);
	if (sink->asked.error.text[0])
		sf_complain("%s", sink->asked.error.text);
}

bool sf_collected_finish(struct sf_collected_sink *sink)
{
	if (sink->exporter) {
		sf_exporter_finish(sink->exporter);
		sink->lost |= lost_some(sink);
	}
	if (sink->failing)
		sf_exporter_finish(sink->failing);
	sink->finished = true;
	print_groups(sink);
	errno = 0;
	if (sink->json && fflush(sink->stream) && sink->failure == 0)
		sink->failure = -errno;
	if (sink->failure && sink->failure != -EPIPE && !sink->asked.error.text[0])
		sf_complain("standard output: %s", sf_strerror(sink->failure));
	return destinations_have_all(sink->exporter) && destinations_have_all(sink->failing) &&
	       sink->failure == 0 && !sink->asked.failed;
}

/* All destinations of an exporter were given that many packets and octets, and tell of each. */
static bool exporter_balanced(const struct sf_collected_sink *sink,
	const struct sf_exporter *exporter, uint64_t packets, uint64_t octets)
{
	struct sf_destination_stats destination;
	struct sf_destination_count waiting;
	bool balanced = true;

	for (unsigned i = 0; exporter && sf_exporter_stats(exporter, i, &destination); i++)
		balanced &= (sink->finished ? sf_destination_balanced(&destination)
					    : sf_destination_waiting(&destination, &waiting)) &&
			    destination.offered.packets == packets &&
			    destination.offered.octets == octets;
	return balanced;
}

bool sf_collected_balanced(const struct sf_collected_sink *sink)
{
	struct sf_collector_stats stats;

	sf_collector_stats(sink->collector, &stats);
	return stats.records == stats.options_records + sink->flows + sink->unmatched.records &&
	       stats.packets == sink->packets + sink->unmatched.packets &&
	       stats.octets == sink->octets + sink->unmatched.octets &&
	       exporter_balanced(sink, sink->exporter, sink->packets, sink->octets) &&
	       exporter_balanced(
		       sink, sink->failing, sink->unmatched.packets, sink->unmatched.octets);
}

void sf_collected_close(struct sf_collected_sink *sink)
{
	sf_exporter_free(sink->exporter);
	if (sink->stream)
		fclose(sink->stream);
	sf_collector_free(sink->collector);
	sf_exporter_free(sink->failing);
	sf_asked_close(&sink->asked);
}

static void report_json(
	const struct sf_counter_set *set, const struct sf_collected_sink *sink, const char *ended)
{
	const struct sf_exporter *exporters[2] = { sink->exporter, sink->failing };
	struct sf_destination_stats destination;
	const char *separator = "";

	fputs("{", stderr);
	sf_counters_json(set, "", stderr);
	fprintf(stderr, ",\"unmatched\":%" PRIu64 ",\"outputs\":[", sink->unmatched.records);
	for (unsigned k = 0; k < 2; k++)
		for (unsigned i = 0;
			exporters[k] && sf_exporter_stats(exporters[k], i, &destination); i++) {
			fputs(separator, stderr);
			sf_report_destination_json(&destination, stderr);
			separator = ",";
		}
	fprintf(stderr, "],\"ended\":\"%s\",\"balanced\":%s}\n", ended,
		sf_collected_balanced(sink) ? "true" : "false");
}

/* A line for each counter of the collector; of faults only if there are any. */
static void text_counters(const struct sf_collector_stats *stats)
{
	for (unsigned i = 0; i < sf_counter_count; i++) {
		const struct sf_counter *counter = &sf_counters[i];

		if (counter->scope == SF_SCOPE_COLLECTOR &&
			(counter->kind != SF_COUNTER_FAULT || sf_counter_value(counter, stats)))
			fprintf(stderr, "%12" PRIu64 " %s\n", sf_counter_value(counter, stats),
				counter->text);
	}
}

static void text_ending(const char *ended)
{
	if (strcmp(ended, "request") == 0)
		fputs("so far:\n", stderr);
	else if (strcmp(ended, "eof") == 0)
		fputs("ended at the end of the input\n", stderr);
	else if (strcmp(ended, "output") == 0)
		fputs("ended because an output takes no more\n", stderr);
	else
		fprintf(stderr, "ended by %s\n", ended);
}

static void report_text(
	const struct sf_counter_set *set, const struct sf_collected_sink *sink, const char *ended)
{
	const struct sf_collected_input *received = set->objects[SF_SCOPE_RECEIVED];
	const struct sf_exporter *exporters[2] = { sink->exporter, sink->failing };
	struct sf_destination_stats destination;

	text_ending(ended);
	if (received)
		fprintf(stderr, "%12" PRIu64 " datagrams, %" PRIu64 " dropped by the kernel\n",
			received->datagrams, received->dropped);
	if (received && received->undecoded)
		fprintf(stderr, "%12" PRIu64 " of them not decoded when the run ended\n",
			received->undecoded);
	if (received && received->connections + received->refused)
		fprintf(stderr,
			"%12" PRIu64 " connections, %" PRIu64 " broken off, %" PRIu64
			" refused because there were too many\n",
			received->connections, received->broken, received->refused);
	text_counters(set->objects[SF_SCOPE_COLLECTOR]);
	if (sink->asked.where)
		fprintf(stderr, "%12" PRIu64 " flow records do not meet --where\n",
			sink->unmatched.records);
	for (unsigned k = 0; k < 2; k++)
		for (unsigned i = 0;
			exporters[k] && sf_exporter_stats(exporters[k], i, &destination); i++)
			sf_report_destination_text(&destination, stderr);
	if (!sf_collected_balanced(sink))
		fputs("ACCOUNTING INCOMPLETE: please report this\n", stderr);
}

void sf_collected_report(const struct sf_collected_sink *sink,
	const struct sf_collected_input *received, const char *ended)
{
	const struct sf_options *options = sink->options;
	struct sf_collector_stats stats;
	const struct sf_counter_set set = {
		.objects[SF_SCOPE_RECEIVED] = received,
		.objects[SF_SCOPE_COLLECTOR] = &stats,
	};

	sf_collector_stats(sink->collector, &stats);
	if (options->stats == SF_STATS_NONE ||
		(options->stats == SF_STATS_DEFAULT && (options->quiet || sink->asked.groups)))
		return;
	if (options->stats == SF_STATS_JSON)
		report_json(&set, sink, ended);
	else
		report_text(&set, sink, ended);
}
