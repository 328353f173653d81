/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The outputs of decoded records for `show` and `collect`, as the options ask for them, and the
 * statistics at the end.
 */
#ifndef SPANFLOW_CLI_COLLECTED_H
#define SPANFLOW_CLI_COLLECTED_H

#include <spanflow/collect.h>
#include <spanflow/export.h>

#include "cli/asked.h"
#include "guard/spawner.h"
#include "metrics/counters.h"
#include "options/options.h"
#include "receive/outputs.h"

struct sf_collected_sink {
	const struct sf_options *options;
	FILE *stream; /* standard output */
	struct sf_outputs out;
	struct sf_asked asked;       /* questions: conditions, groups */
	struct sf_exporter *answers; /* files of groups; NULL: none */
	/* called after each record, to look at signals and time; or NULL */
	void (*between)(struct sf_collected_sink *sink);
	unsigned complaints;       /* messages about refused templates */
	struct sf_spawner spawner; /* with --on-file */
	unsigned told;             /* news of destinations */
};

/*
 * Opens output as the options say, by default a table. The run stops after `most` flow records; 0:
 * never. Errors have been printed: returns an exit status, SF_EXIT_OK (0) when all is well.
 */
int sf_collected_open(
	struct sf_collected_sink *sink, const struct sf_options *options, uint64_t most);

/* What there is to say about files and commands since the last call. */
void sf_collected_tell(struct sf_collected_sink *sink);

/*
 * Ends the output. True if all records were written; otherwise the reason has been printed, unless
 * it is that the reader of standard output has gone.
 */
bool sf_collected_finish(struct sf_collected_sink *sink);

void sf_collected_close(struct sf_collected_sink *sink);

/*
 * Prints the statistics to standard error, in the form that the options name. `received`: NULL if
 * files were read.
 */
void sf_collected_report(const struct sf_collected_sink *sink,
	const struct sf_collected_input *received, const char *ended);

#endif
