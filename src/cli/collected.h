/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Output of decoded records for `show` and `collect`: prints, writes and counts them, and prints
 * statistics at the end.
 */
#ifndef SPANFLOW_CLI_COLLECTED_H
#define SPANFLOW_CLI_COLLECTED_H

#include <spanflow/collect.h>
#include <spanflow/export.h>

#include "cli/asked.h"
#include "metrics/counters.h"
#include "options/options.h"

struct sf_collected_sink {
	const struct sf_options *options;
	struct sf_collector *collector;
	FILE *stream;                 /* standard output */
	struct sf_exporter *exporter; /* table, CSV and IPFIX file; NULL: JSON alone, or nothing */
	bool json;                    /* to standard output, with every element of the record */
	bool show_options;            /* options records too; with JSON only */
	/* called after each record, to check for signals and time; or NULL */
	void (*between)(struct sf_collected_sink *sink);
	struct sf_asked asked;       /* questions: conditions, groups */
	struct sf_exporter *failing; /* files of --fail; NULL: none */
	struct {
		uint64_t records, packets, octets;
	} unmatched;              /* flow records that do not meet them */
	uint64_t most;            /* number of flow records after which to stop; 0: never */
	uint64_t flows;           /* flow records taken */
	uint64_t packets, octets; /* sums of these records */
	uint64_t printed;         /* records printed as JSON */
	unsigned complaints;      /* messages about refused templates */
	int failure;              /* error of standard output, negative; 0: none */
	bool lost;                /* the exporter could not write records: the run should end */
	bool finished;            /* the exporter has written everything */
};

/*
 * Opens output as the options say (a table where they say nothing). Errors have been printed:
 * returns an exit status, SF_EXIT_OK (0) when all is well.
 */
int sf_collected_open(struct sf_collected_sink *sink, const struct sf_options *options);

/* Writes records that still wait: to be called when the input pauses. `wall`: ns since 1970. */
void sf_collected_flush(struct sf_collected_sink *sink, int64_t wall);

/*
 * Ends the output. True if all records were written; otherwise the reason has been printed, unless
 * it is that the reader of standard output has gone.
 */
bool sf_collected_finish(struct sf_collected_sink *sink);

/*
 * True if all decoded records were given to the destinations, and the counters of every destination
 * are in balance. Call it at the end, when no record waits any more.
 */
bool sf_collected_balanced(const struct sf_collected_sink *sink);

void sf_collected_close(struct sf_collected_sink *sink);

/*
 * Prints the statistics to standard error, in the form that the options name. `received`: NULL if
 * files were read.
 */
void sf_collected_report(const struct sf_collected_sink *sink,
	const struct sf_collected_input *received, const char *ended);

#endif
