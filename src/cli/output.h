/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Destinations of records: the options -e, -w, -o and --biflow of all subcommands that have them.
 */
#ifndef SPANFLOW_CLI_OUTPUT_H
#define SPANFLOW_CLI_OUTPUT_H

#include <spanflow/export.h>

#include "cli/options.h"

/* The format of printed records, with the default resolved: a table if there is no destination. */
enum sf_output sf_output_form(const struct sf_options *options);

/* Message about options that contradict each other, with advice; or NULL. */
const char *sf_output_contradiction(const struct sf_options *options);

/*
 * A stream to standard output for records; NULL: no memory. Unlike stdout it goes on writing after
 * a signal, so that a signal that ends the run loses no records of a slow reader. fclose() leaves
 * the descriptor open.
 */
FILE *sf_output_stream(void);

/* Columns of the terminal at standard output; 0: standard output is not a terminal. */
unsigned sf_output_width(void);

/*
 * Adds the destination for printed records, if there are any: `stream`, which must outlive the
 * exporter, or if that is NULL the descriptor of standard output.
 */
int sf_output_text(struct sf_exporter *exporter, const struct sf_options *options, FILE *stream,
	struct sf_error *error);

/* Adds every file of -w as a destination. */
int sf_output_files(struct sf_exporter *exporter, const struct sf_options *options, bool biflow,
	struct sf_error *error);

/*
 * Adds collectors and files; --biflow applies to each of them without an option biflow= of its own.
 */
int sf_output_destinations(
	struct sf_exporter *exporter, const struct sf_options *options, struct sf_error *error);

#endif
