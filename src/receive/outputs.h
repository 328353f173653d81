/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where decoded records go: `show` and `collect` print them as JSON and give them to exporters,
 * whose destinations are tables, CSV and IPFIX files. JSON and files have each record as it was
 * sent, so that elements spanflow does not meter are kept; table and CSV come from the flow record.
 * Example:
 *
 *	const struct sf_outputs_options options = { .stream = stream, .json = true };
 *
 *	err = sf_outputs_init(&outputs, &options, &error);
 *	outputs.exporter = exporter;		destinations of records that meet the conditions; or
 *						NULL
 *	sf_collector_message(outputs.collector, sender, data, length, &error);
 *	sf_outputs_flush(&outputs, wall);	when the input pauses
 *	sf_outputs_finish(&outputs);
 *	balanced = sf_outputs_balanced(&outputs);
 *	sf_outputs_fini(&outputs);
 */
#ifndef SPANFLOW_RECEIVE_OUTPUTS_H
#define SPANFLOW_RECEIVE_OUTPUTS_H

#include <stdbool.h>
#include <stdio.h>

#include <spanflow/collect.h>
#include <spanflow/export.h>

#include "base/sampled.h"

/* All functions may be NULL. */
struct sf_outputs_options {
	FILE *stream;      /* standard output; lent until fini */
	bool json;         /* prints records as JSON, with all their elements */
	bool show_options; /* prints options records too */
	bool biflow;       /* a record of both directions stays whole if one of them is selected */
	uint64_t most;     /* flow records after which the collector stops; 0: it does not */
	bool goes_on;      /* input does not come again: a full disk does not end the run */
	/* The directions of a flow record that meet the conditions: bits, 0: none. NULL: all do. */
	unsigned (*select)(void *context, const struct sf_collected *record);
	/* True if no further record can be selected: the collector stops. */
	bool (*failed)(void *context);
	/* Called after each record, so that signals and time can be looked at. */
	void (*after)(void *context);
	/* A template of an exporter was refused: its records will be missing. */
	void (*refused)(void *context, const char *exporter, const char *text);
	void *context;
};

struct sf_outputs {
	struct sf_outputs_options options;
	struct sf_collector *collector;
	/* set by the caller after init; freed by fini */
	struct sf_exporter *exporter; /* destinations of selected records; NULL: none */
	struct sf_exporter *failing;  /* destinations of other flow records; NULL: none */
	struct sf_destination_count selected, unmatched; /* flow records */
	struct sf_sampled sampled;                       /* what the records say of sampling */
	/* counters of other collectors whose records are in these counts; set by the caller */
	struct sf_collector_stats others;
	int failure;   /* error of standard output, negative; 0: none */
	bool lost;     /* a destination of `exporter` has lost records, so the run should end */
	bool finished; /* sf_outputs_finish() was called */
};

/* Makes the collector. 0, or an error with its text. `outputs` must stay where it is until fini. */
int sf_outputs_init(struct sf_outputs *outputs, const struct sf_outputs_options *options,
	struct sf_error *error);

/* Counters of the collector, those of others included. */
void sf_outputs_stats(const struct sf_outputs *outputs, struct sf_collector_stats *stats);

/* Writes records that still wait. `wall`: ns since 1970. */
void sf_outputs_flush(struct sf_outputs *outputs, int64_t wall);

/* Writes all records and closes the destinations. */
void sf_outputs_finish(struct sf_outputs *outputs);

/*
 * True if all decoded records were given to the destinations, and the counters of every destination
 * are in balance. Records that wait in a message of a file count as given.
 */
bool sf_outputs_balanced(const struct sf_outputs *outputs);

/* Frees collector and exporters. Allowed for a zeroed struct. */
void sf_outputs_fini(struct sf_outputs *outputs);

#endif
