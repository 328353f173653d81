/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/ethertype.h"
#include "base/value.h"
#include "cli/loss.h"
#include "cli/report.h"

#define STRING_MAX (6 * PATH_MAX) /* a path whose characters are all escaped */

void sf_books_add(struct sf_books *sum, const struct sf_books *books)
{
	sf_ledger_add(&sum->ledger, &books->ledger);
	sum->frames += books->frames;
	sum->unread += books->unread;
	sum->handed += books->handed;
	sum->order.waiting += books->order.waiting;
	sum->order.forced += books->order.forced;
	sum->order.late += books->order.late;
	if (books->clock > sum->clock)
		sum->clock = books->clock;
}

void sf_report_capture(const struct sf_report *report, struct sf_capture_stats *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (unsigned i = 0; i < report->input_count; i++) {
		struct sf_capture *capture = report->inputs[i].capture;
		struct sf_capture_stats stats = { 0 };

		capture->ops->stats(capture, &stats);
		sum->frames += stats.frames;
		sum->dropped_kernel += stats.dropped_kernel;
		sum->dropped_nic += stats.dropped_nic;
		sum->filtered_kernel += stats.filtered_kernel;
		sum->passed_to_host += stats.passed_to_host;
		sum->super_packets += stats.super_packets;
		sum->bytes_read += stats.bytes_read;
		sum->bytes_total += stats.bytes_total;
	}
}

/* What one destination left out on purpose, and what it lost. */
static struct sf_destination_count skipped(const struct sf_destination_stats *stats)
{
	struct sf_destination_count sum = { 0 };

#define X(name)                                                                                    \
	sum.records += stats->skipped_##name.records;                                              \
	sum.packets += stats->skipped_##name.packets;                                              \
	sum.octets += stats->skipped_##name.octets;
	SF_SKIPPED_REASONS(X)
#undef X
	return sum;
}

static struct sf_destination_count lost(const struct sf_destination_stats *stats)
{
	struct sf_destination_count sum = { 0 };

#define X(name)                                                                                    \
	sum.records += stats->lost_##name.records;                                                 \
	sum.packets += stats->lost_##name.packets;                                                 \
	sum.octets += stats->lost_##name.octets;
	SF_LOST_REASONS(X)
#undef X
	return sum;
}

bool sf_report_balanced(const struct sf_report *report)
{
	const struct sf_ledger *ledger = &report->books.ledger;
	struct sf_destination_stats stats;
	struct sf_capture_stats capture;
	bool final = report->ended != NULL, balanced = true;

	/* packets are on their way between workers, or wait for older ones, as long as the run goes on */
	if (final)
		balanced &= sf_ledger_closed(ledger);
	else if (!report->books.handed && !report->books.order.waiting)
		balanced &= sf_ledger_balanced(ledger);
	balanced &= report->books.frames == ledger->frames + report->books.unread;
	sf_report_capture(report, &capture);
	if (final)
		balanced &= capture.frames == report->books.frames;
	for (unsigned i = 0; sf_exporter_stats(report->exporter, i, &stats); i++) {
		struct sf_destination_count waiting;

		balanced &= sf_destination_waiting(&stats, &waiting);
		if (final)
			balanced &= sf_destination_balanced(&stats) &&
				    stats.offered.packets == ledger->record_packets &&
				    stats.offered.octets == ledger->record_octets;
	}
	return balanced;
}

uint64_t sf_report_lost(const struct sf_report *report)
{
	uint64_t sum = report->books.ledger.lost_records;
	struct sf_destination_stats stats;

	for (unsigned i = 0; sf_exporter_stats(report->exporter, i, &stats); i++)
		sum += lost(&stats).records;
	return sum;
}

bool sf_report_incomplete(const struct sf_report *report)
{
	struct sf_destination_stats stats;

	for (unsigned i = 0; sf_exporter_stats(report->exporter, i, &stats); i++)
		if (stats.incomplete)
			return true;
	return false;
}

static bool is_collector(const struct sf_destination_stats *stats)
{
	return strcmp(stats->kind, "file") != 0 && strcmp(stats->kind, "text") != 0;
}

void sf_report_json_string(FILE *stream, const char *text)
{
	char quoted[STRING_MAX];

	sf_value_write(SF_TYPE_STRING, SF_VALUE_JSON, (const uint8_t *)text, strlen(text), quoted,
		sizeof(quoted));
	fputs(quoted, stream);
}

static void json_count(FILE *stream, const char *name, struct sf_destination_count count)
{
	fprintf(stream,
		",\"%s\":{\"records\":%" PRIu64 ",\"packets\":%" PRIu64 ",\"octets\":%" PRIu64 "}",
		name, count.records, count.packets, count.octets);
}

void sf_report_destination_json(const struct sf_destination_stats *stats, FILE *stream)
{
	const char *comma = "";

	fputs("{\"url\":", stream);
	sf_report_json_string(stream, stats->url);
	fprintf(stream,
		",\"kind\":\"%s\",\"records\":%" PRIu64 ",\"packets\":%" PRIu64
		",\"octets\":%" PRIu64 ",\"skipped\":{",
		stats->kind, stats->sent.records, stats->sent.packets, stats->sent.octets);
#define X(name)                                                                                    \
	fprintf(stream, "%s\"" #name "\":%" PRIu64, comma, stats->skipped_##name.records);         \
	comma = ",";
	SF_SKIPPED_REASONS(X)
#undef X
	comma = "";
	fputs("},\"lost\":{", stream);
#define X(name)                                                                                    \
	fprintf(stream, "%s\"" #name "\":%" PRIu64, comma, stats->lost_##name.records);            \
	comma = ",";
	SF_LOST_REASONS(X)
#undef X
	fputs("}", stream);
	json_count(stream, "offered", stats->offered);
	json_count(stream, "skippedTotal", skipped(stats));
	json_count(stream, "lostTotal", lost(stats));
	fprintf(stream,
		",\"messages\":%" PRIu64 ",\"messageOctets\":%" PRIu64 ",\"incomplete\":%s}",
		stats->messages, stats->message_octets, stats->incomplete ? "true" : "false");
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
		sf_report_destination_json(&stats, stream);
	}
	fputc(']', stream);
}

static void json_sources(const struct sf_report *report, FILE *stream)
{
	fputs(",\"sources\":[", stream);
	for (unsigned i = 0; i < report->input_count; i++) {
		struct sf_capture *capture = report->inputs[i].capture;
		struct sf_capture_stats stats = { 0 };

		capture->ops->stats(capture, &stats);
		fprintf(stream, "%s{\"name\":", i ? "," : "");
		sf_report_json_string(stream, report->inputs[i].name);
		fprintf(stream,
			",\"driver\":\"%s\",\"frames\":%" PRIu64 ",\"passedToHost\":%" PRIu64
			",\"superPackets\":%" PRIu64 ",\"counters\":{",
			capture->ops->name, stats.frames, stats.passed_to_host,
			stats.super_packets);
		for (unsigned k = 0; k < stats.cause_count; k++)
			fprintf(stream, "%s\"%s\":%" PRIu64, k ? "," : "", stats.causes[k].name,
				stats.causes[k].count);
		fputs("}}", stream);
	}
	fputc(']', stream);
}

/* Most frames first. */
static int compare_types(const void *a, const void *b)
{
	const struct sf_ethertypes *ethertypes;
	const typeof(ethertypes->types[0]) *left = a, *right = b;

	if (left->frames != right->frames)
		return left->frames < right->frames ? 1 : -1;
	return (int)left->type - (int)right->type;
}

/* Sorts a copy. Returns how many types it has. */
static unsigned sort_types(const struct sf_ledger *ledger, struct sf_ethertypes *sorted)
{
	unsigned count = 0;

	*sorted = ledger->non_ip;
	while (count < SF_ETHERTYPES_MAX && sorted->types[count].frames)
		count++;
	qsort(sorted->types, count, sizeof(sorted->types[0]), compare_types);
	return count;
}

/* 802.2 headers have no type: 0. */
static void json_types(const struct sf_ledger *ledger, FILE *stream)
{
	struct sf_ethertypes sorted;
	unsigned count = sort_types(ledger, &sorted);

	fputs(",\"nonIpEtherTypes\":[", stream);
	for (unsigned i = 0; i < count; i++) {
		uint16_t type = sorted.types[i].type;

		fprintf(stream, "%s{\"etherType\":%u,\"name\":\"%s\",\"frames\":%" PRIu64 "}",
			i ? "," : "", type == SF_ETHERTYPE_LLC ? 0 : type, sf_ethertype_name(type),
			sorted.types[i].frames);
	}
	fprintf(stream, "],\"nonIpOthers\":%" PRIu64, sorted.others);
}

static void text_types(const struct sf_ledger *ledger, FILE *stream)
{
	enum { SHOWN = 5 };
	struct sf_ethertypes sorted;
	unsigned count = sort_types(ledger, &sorted);
	const char *comma = "nonIp    ";

	for (unsigned i = 0; i < count; i++) {
		const char *name = sf_ethertype_name(sorted.types[i].type);

		if (i >= SHOWN) {
			sorted.others += sorted.types[i].frames;
			continue;
		}
		if (*name)
			fprintf(stream, "%s%s %" PRIu64, comma, name, sorted.types[i].frames);
		else
			fprintf(stream, "%sEtherType 0x%04x %" PRIu64, comma, sorted.types[i].type,
				sorted.types[i].frames);
		comma = ", ";
	}
	if (count && sorted.others)
		fprintf(stream, ", others %" PRIu64, sorted.others);
	if (count)
		fputc('\n', stream);
}

void sf_report_json(const struct sf_report *report, FILE *stream)
{
	const struct sf_ledger *ledger = &report->books.ledger;
	struct sf_capture_stats capture;

	sf_report_capture(report, &capture);
	fprintf(stream,
		"{\"frames\":%" PRIu64 ",\"metered\":{\"packets\":%" PRIu64 ",\"octets\":%" PRIu64
		"},\"ignored\":{",
		ledger->frames, ledger->packets, ledger->octets);
	for (unsigned i = 0; i < SF_IGNORED_COUNT; i++)
		fprintf(stream, "%s\"%s\":%" PRIu64, i ? "," : "",
			sf_ignored_name((enum sf_ignored)i), ledger->ignored[i]);
	fprintf(stream,
		"},\"dropped\":{\"kernel\":%" PRIu64 ",\"nic\":%" PRIu64
		"},\"filteredInKernel\":%" PRIu64 ",\"flows\":{\"created\":%" PRIu64
		",\"ended\":%" PRIu64 ",\"evicted\":%" PRIu64 ",\"active\":%" PRIu64
		"},\"records\":{\"emitted\":%" PRIu64 ",\"packets\":%" PRIu64 ",\"octets\":%" PRIu64
		",\"lostRing\":%" PRIu64 ",\"lostRingPackets\":%" PRIu64
		",\"lostRingOctets\":%" PRIu64 "},\"table\":{\"packets\":%" PRIu64
		",\"octets\":%" PRIu64 ",\"longestChain\":%" PRIu64 ",\"hashUpgrades\":%" PRIu64
		"},\"clockSteps\":%" PRIu64 ",\"order\":{\"forced\":%" PRIu64 ",\"late\":%" PRIu64
		"},\"handedOver\":%" PRIu64 ",\"duplicates\":{\"examined\":%" PRIu64
		",\"copies\":%" PRIu64 "}",
		capture.dropped_kernel, capture.dropped_nic, capture.filtered_kernel,
		ledger->flows_created, ledger->flows_ended, ledger->flows_evicted,
		ledger->flows_active, ledger->records, ledger->record_packets,
		ledger->record_octets, ledger->lost_records, ledger->lost_packets,
		ledger->lost_octets, ledger->table_packets, ledger->table_octets,
		ledger->longest_chain, ledger->hash_upgrades, ledger->clock_steps,
		report->books.order.forced, report->books.order.late, report->books.handed,
		ledger->dedup_examined, ledger->dedup_copies);
	json_types(ledger, stream);
	json_destinations(report, stream, true);
	json_destinations(report, stream, false);
	json_sources(report, stream);
	if (report->sandbox) {
		fputs(",\"sandbox\":", stream);
		sf_sandbox_json(report->sandbox, stream);
	}
	if (report->ended)
		fprintf(stream, ",\"ended\":\"%s\"", report->ended);
	fprintf(stream, ",\"balanced\":%s}\n", sf_report_balanced(report) ? "true" : "false");
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

void sf_report_destination_text(const struct sf_destination_stats *stats, FILE *stream)
{
	fprintf(stream, "  to %s: %" PRIu64 " records, %" PRIu64 " packets, %" PRIu64 " octets",
		stats->url, stats->sent.records, stats->sent.packets, stats->sent.octets);
	if (skipped(stats).records) {
		fprintf(stream, "; %" PRIu64 " skipped:", skipped(stats).records);
#define X(name)                                                                                    \
	if (stats->skipped_##name.records)                                                         \
		fprintf(stream, " " #name " %" PRIu64, stats->skipped_##name.records);
		SF_SKIPPED_REASONS(X)
#undef X
	}
	if (lost(stats).records) {
		fprintf(stream, "; %" PRIu64 " lost:", lost(stats).records);
#define X(name)                                                                                    \
	if (stats->lost_##name.records)                                                            \
		fprintf(stream, " " #name " %" PRIu64, stats->lost_##name.records);
		SF_LOST_REASONS(X)
#undef X
	}
	fputs(stats->incomplete ? "; incomplete\n" : "\n", stream);
}

/* Files drop nothing; of an interface it is told also when nothing was. */
static void text_dropped(const struct sf_report *report, FILE *stream)
{
	struct sf_loss loss;

	if (!report->input_count || !report->inputs[0].capture->live)
		return;
	sf_loss_get(report, &loss);
	fputs("dropped  ", stream);
	sf_loss_dropped(&loss, stream);
	fputc('\n', stream);
}

void sf_report_text(const struct sf_report *report, FILE *stream)
{
	const struct sf_ledger *ledger = &report->books.ledger;
	struct sf_destination_stats stats;
	struct sf_capture_stats capture;
	uint64_t left_out = 0;

	/* not a difference: between workers packets are on their way as long as the run goes on */
	for (unsigned i = 0; i < SF_IGNORED_COUNT; i++)
		left_out += ledger->ignored[i];

	sf_report_capture(report, &capture);
	fprintf(stream,
		"frames   %" PRIu64 ": %" PRIu64 " packets metered (%" PRIu64 " octets), %" PRIu64
		" left out",
		ledger->frames, ledger->packets, ledger->octets, left_out);
	text_ignored(ledger, stream);
	text_types(ledger, stream);
	text_dropped(report, stream);
	if (capture.filtered_kernel)
		fprintf(stream, "filtered %" PRIu64 " in the kernel, not among the frames\n",
			capture.filtered_kernel);
	if (ledger->dedup_copies)
		fprintf(stream, "copies   %.1f %% of packets are copies of another (--dedup)\n",
			100.0 * (double)ledger->dedup_copies / (double)ledger->dedup_examined);
	if (report->books.handed)
		fprintf(stream, "workers  handed %.1f %% of packets over to each other\n",
			100.0 * (double)report->books.handed / (double)ledger->packets);
	if (report->books.order.forced)
		fprintf(stream,
			"order    %" PRIu64
			" packets were metered before it was certain that no older one "
			"would come: too many waited\n",
			report->books.order.forced);
	if (report->books.order.late)
		fprintf(stream, "order    %" PRIu64 " packets came later than younger ones\n",
			report->books.order.late);
	fprintf(stream,
		"flows    %" PRIu64 " created, %" PRIu64 " ended, %" PRIu64
		" of them evicted, %" PRIu64 " active\n",
		ledger->flows_created, ledger->flows_ended, ledger->flows_evicted,
		ledger->flows_active);
	fprintf(stream,
		"records  %" PRIu64 " biflows (without --biflow each direction leaves as a record)",
		ledger->records);
	if (ledger->lost_records)
		fprintf(stream, ", and %" PRIu64 " lost because the exporter was behind",
			ledger->lost_records);
	fputc('\n', stream);
	for (unsigned i = 0; sf_exporter_stats(report->exporter, i, &stats); i++)
		sf_report_destination_text(&stats, stream);
	fprintf(stream, "balance  %s\n",
		sf_report_balanced(report) ? "accounting complete" : "ACCOUNTING INCOMPLETE");
}
