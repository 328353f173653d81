/* SPDX-License-Identifier: BSD-2-Clause */
/* Outputs of decoded records (receive/outputs.h) as the options ask, and messages about them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/asked.h"
#include "cli/collected.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/report.h"
#include "collect/gather.h"
#include "metrics/counters.h"
#include "service/signals.h"
#include "service/stream.h"

#define COMMANDS_NS INT64_C(60000000000) /* the end waits so long for commands of --on-file */
#define COMPLAINTS  10 /* exporters whose refused template is described; all are counted */

static unsigned select_directions(void *context, const struct sf_collected *record)
{
	struct sf_collected_sink *sink = context;

	return sf_asked_flow(&sink->asked, &record->flow, record);
}

static bool has_failed(void *context)
{
	const struct sf_collected_sink *sink = context;

	return sink->asked.failed;
}

static void after(void *context)
{
	struct sf_collected_sink *sink = context;

	if (sink->between)
		sink->between(sink);
}

/* Tells of a template that was refused: its records will be missing. */
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
		       : sf_exporter_add_text(sink->out.exporter, &text, error);
}

/* where= of a file: as sf_exporter_options.conditions. */
static int conditions(void *context, const char *text, bool biflow, struct sf_chooser *chooser,
	struct sf_error *error)
{
	const struct sf_collected_sink *sink = context;

	(void)biflow; /* files keep records as they were sent */
	return sf_asked_chooser(chooser, sink->options, NULL, text,
		sink->options->biflow ? SF_ASK_CONVERSATION : SF_ASK_UNIFLOW, error);
}

static int add_files(
	struct sf_exporter *exporter, const struct sf_strings *files, struct sf_error *error)
{
	int result = 0;

	/* a wrong option of the last file is found before the first one is made */
	for (unsigned i = 0; result == 0 && i < files->count; i++)
		result = sf_exporter_check_file(exporter, files->items[i], error);
	for (unsigned i = 0; result == 0 && i < files->count; i++)
		result = sf_exporter_add_file(exporter, files->items[i], error);
	return result;
}

/* Table, CSV and file are the exporter's. */
static int exporter_open(
	struct sf_collected_sink *sink, const struct sf_options *options, struct sf_error *error)
{
	const struct sf_exporter_options exporter_options = {
		.collected = true,
		/* files that are read go into files by the times of their messages */
		.packet_clock = options->operands.count > 0,
		.keep_files = !options->force,
		.on_file = sink->spawner.pid ? &sink->spawner.hook : NULL,
		.fields = options->fields,
		.hurry = { sf_signal_hurry, NULL },
		.conditions = conditions,
		.conditions_context = sink,
	};
	int result = sf_exporter_new(&sink->out.exporter, &exporter_options, error);

	if (result == 0 && !sink->out.options.json && !sink->asked.groups)
		result = add_text(sink, options, error);
	/* --biflow is for the table and CSV; groups have files of their own */
	if (result == 0 && !sink->asked.groups)
		result = add_files(sink->out.exporter, &options->write, error);
	return result ? result : add_files(sink->out.exporter, &options->pass, error);
}

/* An exporter for nothing but files: records that do not meet the conditions, groups. */
static int files_open(struct sf_exporter **exporter, struct sf_collected_sink *sink,
	const struct sf_strings *files, bool records, struct sf_error *error)
{
	const struct sf_exporter_options exporter_options = {
		.collected = true,
		.packet_clock = records && sink->options->operands.count > 0,
		.keep_files = !sink->options->force,
		.hurry = { sf_signal_hurry, NULL },
		.conditions = records ? conditions : NULL,
		.conditions_context = sink,
	};
	int result = sf_exporter_new(exporter, &exporter_options, error);

	return result ? result : add_files(*exporter, files, error);
}

/* Why the options contradict each other, or NULL. */
static const char *contradiction(const struct sf_options *options)
{
	if (options->show_options && options->output != SF_OUTPUT_JSON)
		return "--options needs -o json: options records are not flows";
	if (options->show_options && options->fields)
		return "--options prints records as they were sent, and --fields chooses among "
		       "fields of flows: leave one of them out";
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
	if (options->fields && sf_output_form(options) == SF_OUTPUT_NONE)
		return "--fields is for what is printed: files have each record as it was sent";
	return sf_output_contradiction(options);
}

static int outputs_open(struct sf_collected_sink *sink, const struct sf_options *options,
	uint64_t most, struct sf_error *error)
{
	bool groups = sink->asked.groups != NULL;
	enum sf_output output = sf_output_form(options);
	const struct sf_outputs_options outputs_options = {
		.stream = sink->stream,
		/* with --fields objects have these, and are made of the flow as rows of csv are */
		.json = output == SF_OUTPUT_JSON && !groups && !options->fields,
		.show_options = options->show_options,
		.biflow = options->biflow || !sink->asked.where,
		.most = most,
		.goes_on = options->operands.count == 0,
		.select = select_directions,
		.failed = has_failed,
		.after = after,
		.refused = refused,
		.context = sink,
	};
	bool prints = output != SF_OUTPUT_NONE && !outputs_options.json && !groups;
	int result = sf_outputs_init(&sink->out, &outputs_options, error);

	/* none can be read: an empty table would look like an answer; scripts want statistics */
	if (result == 0 && options->stats != SF_STATS_JSON)
		result = sf_gather_check(options->operands.items, options->operands.count, error);
	if (result == 0 && (prints || options->pass.count || (options->write.count && !groups)))
		result = exporter_open(sink, options, error);
	if (result == 0 && options->write.count && groups)
		result = files_open(&sink->answers, sink, &options->write, false, error);
	if (result == 0 && options->fail.count)
		result = files_open(&sink->out.failing, sink, &options->fail, true, error);
	return result;
}

int sf_collected_open(
	struct sf_collected_sink *sink, const struct sf_options *options, uint64_t most)
{
	const char *problem = contradiction(options);
	struct sf_error error = { 0 };
	int result;

	*sink = (struct sf_collected_sink){ .options = options };
	if (problem) {
		sf_complain("%s", problem);
		return SF_EXIT_USAGE;
	}
	sf_output_hint(options);
	sink->stream = sf_output_stream();
	if (!sink->stream) {
		sf_complain("no memory for output");
		return SF_EXIT_FAILED;
	}
	if (options->on_file)
		result = sf_spawner_start(&sink->spawner, options->on_file,
			(const char *const *)options->write.items, options->write.count, NULL,
			&error);
	else
		result = 0;
	if (result == 0)
		result = sf_asked_open(&sink->asked, options, &error);
	if (result == 0)
		result = outputs_open(sink, options, most, &error);
	return result ? sf_exit_error(&error) : SF_EXIT_OK;
}

/* Why the exporter's destinations lack something; the closed pipe is no reason to talk. */
static bool destinations_have_all(const struct sf_exporter *exporter)
{
	struct sf_destination_stats stats;
	bool all = true;

	for (unsigned i = 0; exporter && sf_exporter_stats(exporter, i, &stats); i++) {
		if (stats.offered.records == stats.sent.records + stats.skipped_where.records +
						     stats.skipped_noFields.records &&
			!stats.incomplete)
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
	if (!sink->asked.groups || sink->out.failure)
		return;
	if (!sink->asked.failed)
		sink->out.failure = sf_asked_answer(&sink->asked, sink->stream, sink->answers);
	if (sink->answers)
		sf_exporter_finish(sink->answers);
	if (sink->asked.error.text[0])
		sf_complain("%s", sink->asked.error.text);
}

/* Below the table; where scripts read standard output, as a message. */
static void tell_sampling(const struct sf_collected_sink *sink)
{
	char text[SF_SAMPLED_TEXT_MAX];

	if (!sf_sampled_text(&sink->out.sampled, text, sizeof(text)))
		return;
	if (sf_output_form(sink->options) == SF_OUTPUT_TABLE)
		fprintf(sink->stream, "%s\n", text);
	else if (!sink->options->quiet)
		sf_complain("%s", text);
}

void sf_collected_tell(struct sf_collected_sink *sink)
{
	struct sf_destination_stats stats;
	unsigned count = 0;

	sf_tell_commands(&sink->spawner);
	if (!sink->out.exporter)
		return;
	for (unsigned i = 0; sf_exporter_stats(sink->out.exporter, i, &stats); i++)
		count += stats.news_count;
	if (count == sink->told)
		return;
	sink->told = count;
	for (unsigned i = 0; sf_exporter_stats(sink->out.exporter, i, &stats); i++)
		if (stats.news[0])
			sf_complain("%s", stats.news);
}

bool sf_collected_finish(struct sf_collected_sink *sink)
{
	struct sf_outputs *out = &sink->out;

	sf_outputs_finish(out);
	sf_collected_tell(sink);
	sf_finish_commands(&sink->spawner, COMMANDS_NS);
	print_groups(sink);
	tell_sampling(sink);
	if (out->failure && out->failure != -EPIPE && !sink->asked.error.text[0])
		sf_complain("standard output: %s", sf_strerror(out->failure));
	return destinations_have_all(out->exporter) && destinations_have_all(out->failing) &&
	       destinations_have_all(sink->answers) && out->failure == 0 && !sink->asked.failed;
}

void sf_collected_close(struct sf_collected_sink *sink)
{
	sf_outputs_fini(&sink->out);
	sf_exporter_free(sink->answers);
	sf_spawner_fini(&sink->spawner);
	if (sink->stream)
		fclose(sink->stream);
	sf_asked_close(&sink->asked);
}

static void report_json(
	const struct sf_counter_set *set, const struct sf_collected_sink *sink, const char *ended)
{
	const struct sf_exporter *exporters[3] = { sink->out.exporter, sink->out.failing,
		sink->answers };
	struct sf_destination_stats destination;
	const char *separator = "";

	fputs("{", stderr);
	sf_counters_json(set, "", stderr);
	fprintf(stderr, ",\"unmatched\":%" PRIu64 ",\"sampling\":", sink->out.unmatched.records);
	sf_sampled_json(&sink->out.sampled, stderr);
	fputs(",\"outputs\":[", stderr);
	for (unsigned k = 0; k < 3; k++)
		for (unsigned i = 0;
			exporters[k] && sf_exporter_stats(exporters[k], i, &destination); i++) {
			fputs(separator, stderr);
			sf_destination_json(&destination, stderr);
			separator = ",";
		}
	fprintf(stderr, "],\"ended\":\"%s\",\"balanced\":%s}\n", ended,
		sf_outputs_balanced(&sink->out) ? "true" : "false");
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
	const struct sf_exporter *exporters[3] = { sink->out.exporter, sink->out.failing,
		sink->answers };
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
			"%12" PRIu64 " connection%s, %" PRIu64 " broken off, %" PRIu64
			" refused because there were too many\n",
			received->connections, received->connections == 1 ? "" : "s",
			received->broken, received->refused);
	if (received && received->strays)
		fprintf(stderr,
			"%12" PRIu64 " datagrams at ports of DTLS that belong to no session\n",
			received->strays);
	text_counters(set->objects[SF_SCOPE_COLLECTOR]);
	if (sink->asked.where)
		fprintf(stderr, "%12" PRIu64 " flow records do not meet --where\n",
			sink->out.unmatched.records);
	for (unsigned k = 0; k < 3; k++)
		for (unsigned i = 0;
			exporters[k] && sf_exporter_stats(exporters[k], i, &destination); i++)
			sf_destination_text(&destination, stderr);
	if (sink->spawner.shared)
		sf_spawner_text(&sink->spawner, stderr);
	if (!sf_outputs_balanced(&sink->out))
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

	sf_outputs_stats(&sink->out, &stats);
	if (options->stats == SF_STATS_NONE ||
		(options->stats == SF_STATS_DEFAULT && (options->quiet || sink->asked.groups)))
		return;
	if (options->stats == SF_STATS_JSON)
		report_json(&set, sink, ended);
	else
		report_text(&set, sink, ended);
}
