/* SPDX-License-Identifier: BSD-2-Clause */
/* The statistics of a run: the ledger of DESIGN §5, as one line of JSON or for people. */
#ifndef SPANFLOW_CLI_REPORT_H
#define SPANFLOW_CLI_REPORT_H

#include <stdio.h>

#include <spanflow/export.h>

#include "engine/input.h"
#include "engine/worker.h"
#include "guard/sandbox.h"

struct sf_report {
	struct sf_books books; /* summed over the workers */
	const struct sf_input *inputs;
	unsigned input_count;
	const struct sf_exporter *exporter;
	const struct sf_sandbox *sandbox; /* NULL: none, as with files */
	const char *ended; /* why the run ended: "eof", "count", "SIGTERM" …; NULL: it goes on */
};

/* counters.c: adds a worker's books to the sum; the clock becomes the later one. */
void sf_books_add(struct sf_books *sum, const struct sf_books *books);

/* Sum of what the sources saw. */
void sf_report_capture(const struct sf_report *report, struct sf_capture_stats *sum);

/*
 * All equations: of the frames, of the packets and octets, of each destination. Between table and
 * destinations records are on their way as long as the run goes on: then that one is left out.
 */
bool sf_report_balanced(const struct sf_report *report);

/* Records lost by name, in the ring or at a destination. */
uint64_t sf_report_lost(const struct sf_report *report);

/* Some file or print lacks something, be it no record. */
bool sf_report_incomplete(const struct sf_report *report);

/* Prints a JSON string: UTF-8 as it is; control characters and bytes that are not UTF-8 escaped. */
void sf_report_json_string(FILE *stream, const char *text);

void sf_report_json(const struct sf_report *report, FILE *stream);
void sf_report_text(const struct sf_report *report, FILE *stream);

/* What became of the records at one destination: an object, or a line. */
void sf_report_destination_json(const struct sf_destination_stats *stats, FILE *stream);
void sf_report_destination_text(const struct sf_destination_stats *stats, FILE *stream);

#endif
