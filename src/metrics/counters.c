/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include <spanflow/engine.h>

#include "base/count.h"
#include "base/merge.h"
#include "metrics/counters.h"

#define ROW(scope, type, member, kind, json, metric, reason, help, text)                           \
	{ SF_SCOPE_##scope, SF_COUNTER_##kind, offsetof(struct type, member), json, metric,        \
		reason, help, text },

const struct sf_counter sf_counters[] = {
#define LEDGER(member, merge, ...)       ROW(RUN, sf_engine_counters, ledger.member, __VA_ARGS__)
#define ENGINE(member, merge, ...)       ROW(RUN, sf_engine_counters, member, __VA_ARGS__)
#define SOURCE(member, merge, ...)       ROW(SOURCE, sf_source_counters, stats.member, __VA_ARGS__)
#define SOURCE_STATE(member, merge, ...) ROW(SOURCE, sf_source_counters, member, __VA_ARGS__)
#define SOURCE_CAUSE(member, merge, ...) ROW(CAUSES, sf_source_counters, stats.member, __VA_ARGS__)
#define PROCESS(member, merge, ...)      ROW(PROCESS, sf_process_counters, member, __VA_ARGS__)
#define DESTINATION(member, merge, ...)                                                            \
	ROW(DESTINATION, sf_destination_counters, member, __VA_ARGS__)
#define RECEIVED(member, merge, ...)  ROW(RECEIVED, sf_collected_input, member, __VA_ARGS__)
#define COLLECTOR(member, merge, ...) ROW(COLLECTOR, sf_collector_stats, member, __VA_ARGS__)
#include "base/counters.def"
};

const unsigned sf_counter_count = sizeof(sf_counters) / sizeof(sf_counters[0]);

/* A member of these structures that has no row does not build. */
enum {
	SOURCE_ROWS = 0
#define SOURCE(...) +1
#include "base/counters.def"
	,
	RECEIVED_ROWS = 0
#define RECEIVED(...) +1
#include "base/counters.def"
	,
	COLLECTOR_ROWS = 0
#define COLLECTOR(...) +1
#include "base/counters.def"
};
static_assert(SOURCE_ROWS == offsetof(struct sf_capture_stats, causes) / sizeof(uint64_t),
	"a counter of struct sf_capture_stats has no row");
static_assert(RECEIVED_ROWS == sizeof(struct sf_collected_input) / sizeof(uint64_t),
	"a counter of struct sf_collected_input has no row");
static_assert(COLLECTOR_ROWS == sizeof(struct sf_collector_stats) / sizeof(uint64_t),
	"a counter of struct sf_collector_stats has no row");

void sf_capture_stats_add(struct sf_capture_stats *sum, const struct sf_capture_stats *stats)
{
#define SOURCE(member, merge, ...) SF_MERGE_##merge(sum->member, stats->member);
#include "base/counters.def"
}

void sf_destination_counters_get(
	struct sf_destination_counters *counters, const struct sf_destination_stats *stats)
{
	*counters = (struct sf_destination_counters){ .stats = *stats,
		.up = !stats->gone && !stats->failing };
#define X(name, text) sf_count_add(&counters->skipped, &stats->skipped_##name);
	SF_SKIPPED_REASONS(X)
#undef X
#define X(name, text) sf_count_add(&counters->lost, &stats->lost_##name);
	SF_LOST_REASONS(X)
#undef X
	sf_destination_waiting(stats, &counters->waiting);
}

bool sf_counter_is_first(unsigned index)
{
	return sf_counters[index].metric &&
	       (index == 0 || !sf_counters[index - 1].metric ||
		       strcmp(sf_counters[index - 1].metric, sf_counters[index].metric) != 0);
}

uint64_t sf_counter_value(const struct sf_counter *counter, const void *object)
{
	uint64_t value;

	memcpy(&value, (const char *)object + counter->offset, sizeof(value));
	return value;
}

/* The rest of a counter's path behind the prefix; NULL: the path does not begin with it. */
static const char *path_behind(const struct sf_counter *counter, const char *prefix)
{
	size_t length = strlen(prefix);

	if (!counter->json || strncmp(counter->json, prefix, length) != 0 ||
		strstr(counter->json + length, "[]."))
		return NULL;
	return counter->json + length;
}

void sf_counters_json(const struct sf_counter_set *set, const char *prefix, FILE *stream)
{
	const char *open = ""; /* the object that the last counter was in */
	size_t open_length = 0;
	const char *comma = "";

	for (unsigned i = 0; i < sf_counter_count; i++) {
		const struct sf_counter *counter = &sf_counters[i];
		const void *object = set->objects[counter->scope];
		const char *path = path_behind(counter, prefix), *name;
		size_t length;

		if (!object || !path)
			continue;
		name = strchr(path, '.');
		length = name ? (size_t)(name - path) : 0;
		name = name ? name + 1 : path;
		if (length != open_length || strncmp(path, open, length) != 0) {
			fputs(open_length ? "}" : "", stream);
			if (length)
				fprintf(stream, "%s\"%.*s\":{", comma, (int)length, path);
			comma = length ? "" : comma;
		}
		fprintf(stream, "%s\"%s\":%" PRIu64, comma, name,
			sf_counter_value(counter, object));
		comma = ",";
		open = path;
		open_length = length;
	}
	fputs(open_length ? "}" : "", stream);
}

static uint64_t value_of(const struct sf_counter_set *set, const char *path, size_t length)
{
	for (unsigned i = 0; i < sf_counter_count; i++) {
		const struct sf_counter *counter = &sf_counters[i];
		const void *object = set->objects[counter->scope];

		if (object && counter->json && strlen(counter->json) == length &&
			memcmp(counter->json, path, length) == 0)
			return sf_counter_value(counter, object);
	}
	assert(!"the text names a counter that is not in the table");
	return 0;
}

void sf_counters_text(const struct sf_counter_set *set, const char *text, FILE *stream)
{
	uint64_t value = 0;

	for (const char *begin; (begin = strchr(text, '{')); text++) {
		fwrite(text, 1, (size_t)(begin - text), stream);
		text = strchr(++begin, '}');
		if (text - begin == 1 && *begin == 's') {
			fputs(value == 1 ? "" : "s", stream);
			continue;
		}
		value = value_of(set, begin, (size_t)(text - begin));
		fprintf(stream, "%" PRIu64, value);
	}
	fputs(text, stream);
}
