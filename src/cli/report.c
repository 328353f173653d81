/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/value.h"
#include "cli/report.h"
#include "metrics/counters.h"
#include "metrics/loss.h"
#include "metrics/sums.h"

static bool is_collector(const struct sf_destination_stats *stats)
{
	return strcmp(stats->kind, "file") != 0 && strcmp(stats->kind, "text") != 0;
}

static void json_destinations(const struct sf_report *report, FILE *stream, bool collectors)
{
	struct sf_destination_stats stats;
	bool first = true;

	fprintf(stream, ",\"%s\":[", collectors ? "collectors" : "outputs");
	for (unsigned i = 0; sf_exporter_stats(report->exporter, i, &stats); i++) {
		if (is_collector(&stats) != collectors)
			continue;
		if (!first)
			fputc(',', stream);
		first = false;
		sf_destination_json(&stats, stream);
	}
	fputc(']', stream);
}

static void json_sources(const struct sf_report *report, FILE *stream)
{
	struct sf_engine_source source;

	fputs(",\"sources\":[", stream);
	for (unsigned i = 0; sf_engine_source(report->engine, i, &source); i++) {
		const struct sf_source_counters counters = { .stats = source.stats };
		const struct sf_capture_stats *stats = &counters.stats;
		const struct sf_counter_set set = { .objects[SF_SCOPE_SOURCE] = &counters };

		fprintf(stream, "%s{\"name\":", i ? "," : "");
		sf_json_string(stream, source.name);
		fprintf(stream, ",\"driver\":\"%s\",", source.driver);
		sf_counters_json(&set, "sources[].", stream);
		fputs(",\"counters\":{", stream);
		for (unsigned k = 0; k < stats->cause_count; k++)
			fprintf(stream, "%s\"%s\":%" PRIu64, k ? "," : "", stats->causes[k].name,
				stats->causes[k].count);
		fputs("}}", stream);
	}
	fputc(']', stream);
}

void sf_report_json(const struct sf_report *report, FILE *stream)
{
	struct sf_source_counters sources;
	const struct sf_counter_set set = {
		.objects[SF_SCOPE_RUN] = &report->counters,
		.objects[SF_SCOPE_SOURCE] = &sources,
	};

	sf_sources_sum(report->engine, &sources.stats);
	fputs("{", stream);
	sf_counters_json(&set, "", stream);
	sf_ethertypes_json(&report->counters.ledger.non_ip, stream);
	json_destinations(report, stream, true);
	json_destinations(report, stream, false);
	json_sources(report, stream);
	if (report->sandbox) {
		fputs(",\"sandbox\":", stream);
		sf_sandbox_json(report->sandbox, stream);
	}
	if (report->spawner) {
		fputs(",\"onFile\":", stream);
		sf_spawner_json(report->spawner, stream);
	}
	if (report->ended)
		fprintf(stream, ",\"ended\":\"%s\"", report->ended);
	fprintf(stream, ",\"balanced\":%s}\n",
		sf_engine_balanced(report->engine) ? "true" : "false");
}

static void text_ignored(const struct sf_ledger *ledger, FILE *stream)
{
	const char *comma = " (";

	for (unsigned i = 0; i < SF_IGNORED_COUNT; i++)
		if (ledger->ignored[i]) {
			fprintf(stream, "%s%s %" PRIu64, comma, sf_ignored_name((enum sf_ignored)i),
				ledger->ignored[i]);
			comma = ", ";
		}
	fputs(*comma == ',' ? ")\n" : "\n", stream);
}

/* Files drop nothing; of an interface it is told also when nothing was. */
static void text_dropped(const struct sf_report *report, FILE *stream)
{
	struct sf_engine_source source;
	struct sf_loss loss;

	if (!sf_engine_source(report->engine, 0, &source) || !source.live)
		return;
	sf_loss_get(report->engine, &loss);
	fputs("dropped  ", stream);
	sf_loss_dropped(&loss, stream);
	fputc('\n', stream);
}

static void text_shares(const struct sf_engine_counters *counters, FILE *stream)
{
	const struct sf_ledger *ledger = &counters->ledger;

	if (ledger->dedup_copies)
		fprintf(stream, "copies   %.1f %% of packets are copies of another (--dedup)\n",
			100.0 * (double)ledger->dedup_copies / (double)ledger->dedup_examined);
	if (counters->stamps.taken || counters->stamps.refused)
		fprintf(stream,
			"stamps   %" PRIu64 " packet times from switches (--switch-time), %" PRIu64
			" refused\n",
			counters->stamps.taken, counters->stamps.refused);
	if (counters->handed)
		fprintf(stream, "workers  handed %.1f %% of packets over to each other\n",
			100.0 * (double)counters->handed / (double)ledger->packets);
}

static void text_frames(
	const struct sf_report *report, const struct sf_counter_set *set, FILE *stream)
{
	const struct sf_ledger *ledger = &report->counters.ledger;
	uint64_t left_out = 0;

	/* not a difference: between workers packets are on their way as long as the run goes on */
	for (unsigned i = 0; i < SF_IGNORED_COUNT; i++)
		left_out += ledger->ignored[i];
	sf_counters_text(set,
		"frames   {frames}: {metered.packets} packet{s} metered ({metered.octets} "
		"byte{s}), ",
		stream);
	fprintf(stream, "%" PRIu64 " left out", left_out);
	text_ignored(ledger, stream);
	sf_ethertypes_text(&ledger->non_ip, stream);
	text_dropped(report, stream);
}

static void text_records(
	const struct sf_counter_set *set, const struct sf_engine_counters *counters, FILE *stream)
{
	sf_counters_text(set,
		"flows    {flows.created} created, {flows.ended} ended, {flows.evicted} of them "
		"evicted, {flows.active} active\n"
		"records  {records.emitted} conversation{s} (one record each with --biflow, "
		"otherwise "
		"one per direction)",
		stream);
	if (counters->folded.records)
		sf_counters_text(set, ", {records.folded} of them folded", stream);
	if (counters->ledger.lost_records)
		sf_counters_text(set,
			", and {records.lostRing} lost because the exporter was behind", stream);
	fputc('\n', stream);
}

void sf_report_text(const struct sf_report *report, FILE *stream)
{
	struct sf_destination_stats stats;
	struct sf_source_counters sources;
	const struct sf_counter_set set = {
		.objects[SF_SCOPE_RUN] = &report->counters,
		.objects[SF_SCOPE_SOURCE] = &sources,
	};

	sf_sources_sum(report->engine, &sources.stats);
	text_frames(report, &set, stream);
	if (sources.stats.filtered_kernel)
		sf_counters_text(&set,
			"filtered {filteredInKernel} in the kernel, not among the frames\n",
			stream);
	text_shares(&report->counters, stream);
	if (report->counters.order.forced)
		sf_counters_text(&set,
			"order    {order.forced} packets were metered without waiting for older "
			"ones: the memory that sorts packets by time was full\n",
			stream);
	if (report->counters.order.late)
		sf_counters_text(&set,
			"order    {order.late} packets came too late to be sorted: later ones had "
			"been metered\n",
			stream);
	text_records(&set, &report->counters, stream);
	for (unsigned i = 0; sf_exporter_stats(report->exporter, i, &stats); i++)
		sf_destination_text(&stats, stream);
	if (report->spawner)
		sf_spawner_text(report->spawner, stream);
	fprintf(stream, "balance  %s\n",
		sf_engine_balanced(report->engine) ? "accounting complete"
						   : "ACCOUNTING INCOMPLETE");
}
