/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `show` and `collect` do with decoded records: print or write them, count them, and say at
 * the end what became of them.
 */
#ifndef SPANFLOW_CLI_COLLECTED_H
#define SPANFLOW_CLI_COLLECTED_H

#include <spanflow/collect.h>
#include <spanflow/export.h>

#include "cli/options.h"

struct sf_collected_sink {
	const struct sf_options *options;
	struct sf_collector *collector;
	FILE *stream;                 /* standard output */
	struct sf_exporter *exporter; /* table, CSV and IPFIX file; NULL: JSON alone, or nothing */
	bool json;                    /* to standard output, with every element of the record */
	bool show_options;            /* options records too; with JSON only */
	/* after each record, for who has no other pause in which to look around; or NULL */
	void (*between)(struct sf_collected_sink *sink);
	uint64_t most;            /* stop after so many flow records; 0: never */
	uint64_t flows;           /* flow records taken */
	uint64_t packets, octets; /* of them */
	uint64_t printed;         /* records printed as JSON */
	unsigned complaints;      /* about refused templates */
	int failure;              /* of standard output: a system error, 0 */
	bool lost;                /* the exporter could not write records: no use in going on */
	bool finished;            /* nothing waits in the exporter any more */
};

/*
 * Opens output as the options say (a table where they say nothing). Errors have been printed:
 * returns an exit status, SF_EXIT_OK (0) when all is well.
 */
int sf_collected_open(struct sf_collected_sink *sink, const struct sf_options *options);

/* Hands out what has waited: to be called when the input pauses. `wall`: ns since 1970. */
void sf_collected_flush(struct sf_collected_sink *sink, int64_t wall);

/*
 * Ends output. True when all of it is there; otherwise the reason has been printed, except that a
 * reader of standard output that went away is a quiet end.
 */
bool sf_collected_finish(struct sf_collected_sink *sink);

/*
 * All that was decoded was handed out, and every destination's books are balanced: what is not in
 * them waits, and nothing does at the end.
 */
bool sf_collected_balanced(const struct sf_collected_sink *sink);

void sf_collected_close(struct sf_collected_sink *sink);

/* What `collect` knows of its datagrams. */
struct sf_collected_input {
	uint64_t datagrams; /* received, `undecoded` included */
	uint64_t dropped;   /* by the kernel */
	uint64_t undecoded; /* received, but left when the run ended */
};

/*
 * The statistics, in the form that the options ask for, to standard error. `received` is NULL where
 * files were read.
 */
void sf_collected_report(const struct sf_collected_sink *sink,
	const struct sf_collected_input *received, const char *ended);

#endif
