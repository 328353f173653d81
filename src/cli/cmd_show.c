/* SPDX-License-Identifier: BSD-2-Clause */
/* spanflow show: flows of files, and sums. Looks for signals after each record and file. */
#include "base/count.h"
#include "cli/captures.h"
#include "cli/collected.h"
#include "cli/command.h"
#include "collect/gather.h"
#include "query/query.h"
#include "service/signals.h"

static void look_at_signals(struct sf_collected_sink *sink)
{
	if (sf_signal_stop)
		sf_collector_stop(sink->out.collector);
	sf_answer_hangup();
	if (sf_signal_stats) {
		sf_signal_stats = 0;
		sf_collected_report(sink, NULL, "request");
	}
}

static void problem(void *context, const char *text)
{
	(void)context;
	sf_complain("%s", text);
}

static bool between(void *context)
{
	struct sf_collected_sink *sink = context;

	look_at_signals(sink);
	return sink->out.failure || sink->out.lost || sf_signal_stop;
}

/* Adds the counters of the other threads. */
static void add_others(struct sf_outputs *out, const struct sf_query_sum *sum)
{
	out->others = sum->stats;
	sf_count_add(&out->selected, &sum->selected);
	sf_count_add(&out->unmatched, &sum->unmatched);
}

/* Every file is read, whatever happened to those before; false: one was damaged or missing. */
static bool read_files(struct sf_collected_sink *sink, const struct sf_options *options,
	const struct sf_captures *captures)
{
	struct sf_gather_options how = {
		/* a question about conversations is answered best by records of both directions */
		.biflow = options->biflow || (sink->asked.groups && !captures->elements.direction),
		.sums = sink->asked.groups,
		.metering = sf_captures_metering(captures, options),
		.problem = problem,
		.between = between,
		.context = sink,
	};

	const struct sf_query query = { options->operands.items, options->operands.count,
		sink->asked.where, sink->asked.groups, (unsigned)options->workers };
	bool shared = options->workers > 1 && sink->asked.groups && !sink->out.exporter &&
		      !sink->out.failing && sf_query_is_shared(&query);
	struct sf_query_workers *workers = NULL;
	struct sf_query_sum others = { 0 };
	struct sf_error error = { 0 };
	bool whole;

	if (shared && sf_query_start(&workers, &query, &error)) {
		sf_complain("%s", error.text);
		return false;
	}
	how.reading = sf_query_reading(workers);
	whole = sf_gather(sink->out.collector, query.names, query.count, &how);
	sf_query_join(workers, sf_signal_stop || sink->asked.failed, &others);
	if (others.error.code && !sink->asked.failed) {
		sink->asked.failed = true;
		sink->asked.error = others.error;
	}
	add_others(&sink->out, &others);
	return whole;
}

/* Why the run ended: failed output comes first, even if its buffer let all files be read. */
static const char *end_of_run(const struct sf_collected_sink *sink)
{
	if (sink->out.failure || sink->out.lost)
		return "output";
	return sf_signal_stop ? sf_signal_name(sf_signal_stop) : "eof";
}

/* Opens what captures are metered with, and finds the fields that are asked for. An exit status. */
static int open_captures(struct sf_captures *captures, const struct sf_collected_sink *sink,
	const struct sf_options *options)
{
	struct sf_error error = { 0 };

	if (sf_captures_open(captures, options, true, &error))
		return sf_exit_error(&error);
	if (sink->asked.where)
		sf_where_elements(sink->asked.where, &captures->elements);
	if (sink->asked.groups)
		sf_groups_elements(sink->asked.groups, &captures->elements);
	return SF_EXIT_OK;
}

/* Conditions that no record can have met, so that an empty answer is not taken for one. */
static void tell_what_is_missing(const struct sf_collected_sink *sink,
	const struct sf_captures *captures, const struct sf_options *options)
{
	sf_captures_tell(captures, sink->out.collector, options);
	if (!options->quiet && sink->out.selected.records == 0 && sink->out.unmatched.records)
		sf_asked_tell_nothing(&sink->asked);
}

int sf_cmd_show(struct sf_options *options)
{
	struct sf_captures captures = { 0 };
	struct sf_collected_sink sink;
	struct sf_collector_stats stats;
	bool whole;
	int status;

	if (options->operands.count == 0) {
		sf_complain(
			"show needs files: flows (IPFIX), captures, or directories of them; - is "
			"standard input");
		return SF_EXIT_USAGE;
	}
	sf_signals_catch();
	/* of groups --limit counts the groups */
	status = sf_collected_open(&sink, options, sf_asked_groups(options) ? 0 : options->limit);
	if (status == SF_EXIT_OK)
		status = open_captures(&captures, &sink, options);
	if (status == SF_EXIT_OK) {
		sink.between = look_at_signals;
		whole = read_files(&sink, options, &captures);
		if (!sf_collected_finish(&sink) || !whole)
			status = SF_EXIT_FAILED;
		/* of files that could not be read there is nothing to count */
		sf_outputs_stats(&sink.out, &stats);
		if (whole && !sf_signal_stop)
			tell_what_is_missing(&sink, &captures, options);
		if (whole || stats.messages || options->stats == SF_STATS_JSON)
			sf_collected_report(&sink, NULL, end_of_run(&sink));
	}
	sf_collected_close(&sink);
	sf_captures_close(&captures);
	return status;
}
