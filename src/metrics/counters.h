/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of counters (base/counters.def) and what is made of it: sums, JSON, lines of text and
 * the page docs/metrics.md.
 *
 *	struct sf_counter_set set = {
 *		.objects[SF_SCOPE_RUN] = &counters, .objects[SF_SCOPE_SOURCE] = &sum };
 *
 *	fputc('{', stderr);
 *	sf_counters_json(&set, "", stderr);
 *	fputc('}', stderr);
 */
#ifndef SPANFLOW_METRICS_COUNTERS_H
#define SPANFLOW_METRICS_COUNTERS_H

#include <stdio.h>

#include <spanflow/capture.h>
#include <spanflow/export.h>

/* What a counter belongs to, and the structure that holds it. */
enum sf_scope {
	SF_SCOPE_RUN,         /* struct sf_engine_counters: summed over the workers */
	SF_SCOPE_SOURCE,      /* struct sf_source_counters: of one source, or summed over all */
	SF_SCOPE_CAUSES,      /* the same; not one number, but stats.causes */
	SF_SCOPE_PROCESS,     /* struct sf_process_counters */
	SF_SCOPE_DESTINATION, /* struct sf_destination_counters */
	SF_SCOPE_RECEIVED,    /* struct sf_collected_input */
	SF_SCOPE_COLLECTOR,   /* struct sf_collector_stats */
	SF_SCOPE_COUNT
};

enum sf_counter_kind { SF_COUNTER_COUNTER, SF_COUNTER_FAULT, SF_COUNTER_GAUGE, SF_COUNTER_INFO };

/* A row; the members are explained in base/counters.def. */
struct sf_counter {
	enum sf_scope scope;
	enum sf_counter_kind kind;
	size_t offset; /* in the structure of its scope */
	const char *json, *metric, *reason, *help, *text;
};

extern const struct sf_counter sf_counters[];
extern const unsigned sf_counter_count;

/* Counters of datagrams and connections, for `collect`. */
struct sf_collected_input {
	uint64_t datagrams; /* received, `undecoded` included */
	uint64_t dropped;   /* by the kernel */
	/* had come, but were not decoded when the run ended */
	uint64_t undecoded;
	uint64_t connections, refused, broken; /* struct sf_inflows, struct sf_sessions */
	uint64_t strays;                       /* struct sf_sessions */
};

struct sf_source_counters {
	struct sf_capture_stats stats;
	uint64_t up; /* 1: packets can come */
};

struct sf_destination_counters {
	struct sf_destination_stats stats;
	struct sf_destination_count skipped, lost; /* for any reason */
	struct sf_destination_count waiting;
	uint64_t up; /* 1: it takes records */
};

struct sf_process_counters {
	uint64_t info;     /* always 1 */
	uint64_t balanced; /* 1: all equations hold */
};

/* The counters of a destination as rows of the table want them. */
void sf_destination_counters_get(
	struct sf_destination_counters *counters, const struct sf_destination_stats *stats);

/* Adds what one source saw. */
void sf_capture_stats_add(struct sf_capture_stats *sum, const struct sf_capture_stats *stats);

/* The structures with the values, by scope; rows of a scope that is NULL are left out. */
struct sf_counter_set {
	const void *objects[SF_SCOPE_COUNT];
};

/* Is row `index` the first one of its metric? Rows of the same metric stand together. */
bool sf_counter_is_first(unsigned index);

/* Not for SF_SCOPE_CAUSES. */
uint64_t sf_counter_value(const struct sf_counter *counter, const void *object);

/*
 * Prints `"frames":5,"metered":{"packets":4,…},…`: all counters whose path begins with `prefix`,
 * which is not printed ("sources[].", "destinations[]."); "": those of the whole run.
 */
void sf_counters_json(const struct sf_counter_set *set, const char *prefix, FILE *stream);

/*
 * Prints the text with each {path} replaced by the counter that has this path in JSON, and each {s}
 * by "s" unless the counter before it is 1: "{frames} frame{s}".
 */
void sf_counters_text(const struct sf_counter_set *set, const char *text, FILE *stream);

/* destination.c: what became of the records at one destination: an object, or a line. */
void sf_destination_json(const struct sf_destination_stats *stats, FILE *stream);
void sf_destination_text(const struct sf_destination_stats *stats, FILE *stream);

/* ethertypes.c: the types of frames that are not IP, the most frequent ones first. */
void sf_ethertypes_json(const struct sf_ethertypes *ethertypes, FILE *stream);
void sf_ethertypes_text(const struct sf_ethertypes *ethertypes, FILE *stream);

/* page.c: the page docs/metrics.md. */
void sf_counters_page(FILE *stream);

#endif
