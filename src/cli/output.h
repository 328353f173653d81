/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Destinations of records: the options -e, -w, -o and --biflow of all subcommands that have them.
 */
#ifndef SPANFLOW_CLI_OUTPUT_H
#define SPANFLOW_CLI_OUTPUT_H

#include <spanflow/export.h>

#include "options/options.h"

/* The format of printed records, with the default resolved: a table if there is no destination. */
enum sf_output sf_output_form(const struct sf_options *options);

/* Message about options that contradict each other, with advice; or NULL. */
const char *sf_output_contradiction(const struct sf_options *options);

/* Says of each file of -w whose name is that of another format that it is IPFIX; unless --quiet. */
void sf_output_hint(const struct sf_options *options);

/* Columns of the terminal at standard output; 0: standard output is not a terminal. */
unsigned sf_output_width(void);

/* How records are printed: format, and the width of the terminal. */
struct sf_text_options sf_output_text_options(const struct sf_options *options);

/*
 * The URL of -e or -w with biflow=yes added if --biflow was given, unless the URL has an option
 * biflow= of its own. The caller frees the result; NULL: no memory.
 */
char *sf_output_url(const char *text, bool biflow);

struct sf_spawner;

/* Says which commands of --on-file have failed since the last call. */
void sf_tell_commands(struct sf_spawner *spawner);

/* Waits for the commands of --on-file: `ns` at most (0: no limit), until a further signal. */
void sf_finish_commands(struct sf_spawner *spawner, int64_t ns);

#endif
