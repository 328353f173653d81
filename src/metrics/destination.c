/* SPDX-License-Identifier: BSD-2-Clause */
/* What became of the records at one destination, as JSON and as a line of text. */
#include <inttypes.h>
#include <string.h>

#include "base/value.h"
#include "metrics/counters.h"

void sf_destination_json(const struct sf_destination_stats *stats, FILE *stream)
{
	struct sf_destination_counters counters;
	const struct sf_counter_set set = { .objects[SF_SCOPE_DESTINATION] = &counters };

	sf_destination_counters_get(&counters, stats);
	fputs("{\"url\":", stream);
	sf_json_string(stream, stats->url);
	fprintf(stream, ",\"kind\":\"%s\",", stats->kind);
	sf_counters_json(&set, "destinations[].", stream);
	fprintf(stream, ",\"incomplete\":%s}", stats->incomplete ? "true" : "false");
}

/* "; 5 lost: send 2 queue 3", of the rows with this path. */
static void text_reasons(const struct sf_destination_counters *counters, const char *path,
	uint64_t total, FILE *stream)
{
	size_t length = strlen(path);

	if (!total)
		return;
	fprintf(stream, "; %" PRIu64 " %s:", total, strrchr(path, '.') + 1);
	for (unsigned i = 0; i < sf_counter_count; i++) {
		const struct sf_counter *counter = &sf_counters[i];

		if (counter->reason && counter->json && strncmp(counter->json, path, length) == 0 &&
			counter->json[length] == '.' && sf_counter_value(counter, counters))
			fprintf(stream, " %s %" PRIu64, counter->reason,
				sf_counter_value(counter, counters));
	}
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

void sf_destination_text(const struct sf_destination_stats *stats, FILE *stream)
{
	struct sf_destination_counters counters;

	sf_destination_counters_get(&counters, stats);
	fprintf(stream, "  to %s: %" PRIu64 " record%s, %" PRIu64 " packet%s, %" PRIu64 " byte%s",
		stats->url, stats->sent.records, plural(stats->sent.records), stats->sent.packets,
		plural(stats->sent.packets), stats->sent.octets, plural(stats->sent.octets));
	text_reasons(&counters, "destinations[].skipped", counters.skipped.records, stream);
	text_reasons(&counters, "destinations[].lost", counters.lost.records, stream);
	if (stats->inherited.records)
		fprintf(stream, "; %" PRIu64 " record%s came from the spool of an earlier run",
			stats->inherited.records, plural(stats->inherited.records));
	if (stats->spooled.records)
		fprintf(stream, "; %" PRIu64 " left in the spool for the next run",
			stats->spooled.records);
	if (stats->folded.records)
		fprintf(stream, "; %" PRIu64 " record%s of them folded", stats->folded.records,
			plural(stats->folded.records));
	if (stats->repeated.records)
		fprintf(stream, "; %" PRIu64 " sent again on a new connection",
			stats->repeated.records);
	fputs(stats->incomplete ? "; incomplete\n" : "\n", stream);
}
