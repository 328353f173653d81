/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two text formats: Prometheus 0.0.4, and OpenMetrics 1.0, in which the family of a counter has
 * no "_total" and the page ends with "# EOF".
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/counters.h"
#include "metrics/metrics.h"

#include "spanflow_config.h"

struct writer {
	FILE *stream;
	bool openmetrics;
	const struct sf_metric_set *set;
	struct sf_destination_counters *destinations;
	unsigned destination_count;
	struct sf_process_counters process;
};

static bool is_utf8(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p;) {
		unsigned more = *p < 0x80                 ? 0
				: *p >= 0xc2 && *p < 0xe0 ? 1
				: *p >= 0xe0 && *p < 0xf0 ? 2
				: *p >= 0xf0 && *p < 0xf5 ? 3
							  : 4;

		if (more == 4 || (*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
			(*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
			return false;
		for (p++; more; more--, p++)
			if ((*p & 0xc0) != 0x80)
				return false;
	}
	return true;
}

/*
 * Writes a label; `number` above 1 stands behind the value. Bytes that are not UTF-8 would make the
 * whole page unreadable: in a value that has such bytes everything beyond ASCII becomes a question
 * mark, and so do control characters in any value.
 */
static void write_label(FILE *stream, const char *name, const char *value, unsigned number)
{
	bool utf8 = is_utf8(value);

	fprintf(stream, "%s=\"", name);
	for (const unsigned char *p = (const unsigned char *)value; *p; p++)
		if (*p == '"' || *p == '\\')
			fprintf(stream, "\\%c", *p);
		else
			fputc(*p < 0x20 || *p == 0x7f || (*p >= 0x80 && !utf8) ? '?' : *p, stream);
	if (number > 1)
		fprintf(stream, " #%u", number);
	fputc('"', stream);
}

static void write_sample(const struct writer *writer, const struct sf_counter *counter,
	const char *name, unsigned number, const char *reason, uint64_t value)
{
	FILE *stream = writer->stream;

	fputs(counter->metric, stream);
	if (name || reason || counter->kind == SF_COUNTER_INFO)
		fputc('{', stream);
	if (counter->kind == SF_COUNTER_INFO)
		write_label(stream, "version", SPANFLOW_VERSION, 0);
	if (name)
		write_label(stream,
			counter->scope == SF_SCOPE_DESTINATION ? "destination" : "source", name,
			number);
	if (name && reason)
		fputc(',', stream);
	if (reason)
		write_label(stream, "reason", reason, 0);
	if (name || reason || counter->kind == SF_COUNTER_INFO)
		fputc('}', stream);
	fprintf(stream, " %" PRIu64 "\n", value);
}

static void write_head(const struct writer *writer, const struct sf_counter *counter)
{
	static const char *const types[] = { "counter", "counter", "gauge", "gauge" };
	int length = (int)strlen(counter->metric);
	const char *type = types[counter->kind];

	if (writer->openmetrics && strcmp(type, "counter") == 0)
		length -= (int)strlen("_total");
	if (writer->openmetrics && counter->kind == SF_COUNTER_INFO) {
		length -= (int)strlen("_info");
		type = "info";
	}
	fprintf(writer->stream, "# HELP %.*s %s\n# TYPE %.*s %s\n", length, counter->metric,
		counter->help, length, counter->metric, type);
}

/*
 * The number behind the name of a source: earlier sources of the same name make it larger, so that
 * no two samples are the same.
 */
static unsigned source_number(const struct sf_metric_set *set, unsigned index)
{
	unsigned number = 1;

	for (unsigned i = 0; i < index; i++)
		number += strcmp(set->sources[i].name, set->sources[index].name) == 0;
	return number;
}

static unsigned destination_number(const struct writer *writer, unsigned index)
{
	unsigned number = 1;

	for (unsigned i = 0; i < index; i++)
		number += strcmp(writer->destinations[i].stats.url,
				  writer->destinations[index].stats.url) == 0;
	return number;
}

/* The samples of one row. */
static void write_row(const struct writer *writer, const struct sf_counter *counter)
{
	const struct sf_metric_set *set = writer->set;

	if (counter->scope == SF_SCOPE_DESTINATION)
		for (unsigned i = 0; i < writer->destination_count; i++)
			write_sample(writer, counter, writer->destinations[i].stats.url,
				destination_number(writer, i), counter->reason,
				sf_counter_value(counter, &writer->destinations[i]));
	else if (counter->scope == SF_SCOPE_SOURCE)
		for (unsigned i = 0; i < set->source_count; i++)
			write_sample(writer, counter, set->sources[i].name, source_number(set, i),
				counter->reason,
				sf_counter_value(counter, &set->sources[i].counters));
	else if (counter->scope == SF_SCOPE_CAUSES)
		for (unsigned i = 0; i < set->source_count; i++) {
			const struct sf_capture_stats *stats = &set->sources[i].counters.stats;

			for (unsigned k = 0; k < stats->cause_count; k++)
				write_sample(writer, counter, set->sources[i].name,
					source_number(set, i), stats->causes[k].name,
					stats->causes[k].count);
		}
	else if (counter->scope == SF_SCOPE_PROCESS)
		write_sample(writer, counter, NULL, 0, NULL,
			sf_counter_value(counter, &writer->process));
	else
		write_sample(writer, counter, NULL, 0, counter->reason,
			sf_counter_value(counter, set->whole.objects[counter->scope]));
}

/* The run has values of this kind. */
static bool is_there(const struct writer *writer, const struct sf_counter *counter)
{
	switch (counter->scope) {
	case SF_SCOPE_PROCESS:
		return true;
	case SF_SCOPE_DESTINATION:
		return writer->destination_count > 0;
	case SF_SCOPE_SOURCE:
	case SF_SCOPE_CAUSES:
		return writer->set->source_count > 0;
	default:
		return writer->set->whole.objects[counter->scope] != NULL;
	}
}

static void get_destinations(struct writer *writer)
{
	const struct sf_exporter *exporter = writer->set->exporter;
	struct sf_destination_stats stats;
	unsigned count = 0;

	while (exporter && sf_exporter_stats(exporter, count, &stats))
		count++;
	writer->destinations = calloc(count ? count : 1, sizeof(*writer->destinations));
	for (unsigned i = 0; writer->destinations && i < count; i++) {
		sf_exporter_stats(exporter, i, &stats);
		sf_destination_counters_get(&writer->destinations[i], &stats);
		writer->destination_count++;
	}
}

void sf_metrics_write(const struct sf_metric_set *set, bool openmetrics, FILE *stream)
{
	struct writer writer = {
		.stream = stream,
		.openmetrics = openmetrics,
		.set = set,
		.process = { .info = 1, .balanced = set->balanced },
	};

	get_destinations(&writer);
	for (unsigned i = 0; i < sf_counter_count; i++) {
		const struct sf_counter *counter = &sf_counters[i];

		if (!counter->metric || !is_there(&writer, counter))
			continue;
		if (sf_counter_is_first(i))
			write_head(&writer, counter);
		write_row(&writer, counter);
	}
	if (openmetrics)
		fputs("# EOF\n", stream);
	free(writer.destinations);
}
