/* SPDX-License-Identifier: BSD-2-Clause */
/* Where records go: what -e, -w, -o and --biflow mean to every subcommand that has them. */
#ifndef SPANFLOW_CLI_OUTPUT_H
#define SPANFLOW_CLI_OUTPUT_H

#include <spanflow/export.h>

#include "cli/options.h"

/* What is printed, never the default: a table when records go nowhere else. */
enum sf_output sf_output_form(const struct sf_options *options);

/* What of it contradicts itself, with what to do instead; or NULL. */
const char *sf_output_contradiction(const struct sf_options *options);

/*
 * Standard output for records, or NULL: no memory. Unlike stdout it goes on writing after a signal,
 * so that one that ends the run takes nothing from a reader that is slow. fclose() leaves the
 * descriptor open.
 */
FILE *sf_output_stream(void);

/*
 * Adds what is printed, if anything is: to a stream that outlives the exporter, or to the descriptor
 * of standard output if that is NULL.
 */
int sf_output_text(struct sf_exporter *exporter, const struct sf_options *options, FILE *stream,
	struct sf_error *error);

/* Every file of -w becomes a destination. */
int sf_output_files(struct sf_exporter *exporter, const struct sf_options *options, bool biflow,
	struct sf_error *error);

/* Adds collectors and files; --biflow is for each of them whose own options say nothing. */
int sf_output_destinations(
	struct sf_exporter *exporter, const struct sf_options *options, struct sf_error *error);

#endif
