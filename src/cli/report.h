/* SPDX-License-Identifier: BSD-2-Clause */
/* The statistics of a run: the ledger of docs/design.md §5, as one line of JSON or for people. */
#ifndef SPANFLOW_CLI_REPORT_H
#define SPANFLOW_CLI_REPORT_H

#include <stdio.h>

#include <spanflow/engine.h>
#include <spanflow/export.h>

#include "guard/sandbox.h"
#include "guard/spawner.h"

struct sf_report {
	struct sf_engine_counters counters; /* summed over the workers */
	const struct sf_engine *engine;     /* has the sources */
	const struct sf_exporter *exporter;
	const struct sf_sandbox *sandbox; /* NULL: none, as with files */
	const struct sf_spawner *spawner; /* NULL: no --on-file */
	const char *ended; /* why the run ended: "eof", "count", "SIGTERM" …; NULL: it goes on */
};

/* Print the statistics: a line of JSON; lines for people. */
void sf_report_json(const struct sf_report *report, FILE *stream);
void sf_report_text(const struct sf_report *report, FILE *stream);

#endif
