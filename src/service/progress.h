/* SPDX-License-Identifier: BSD-2-Clause */
/* A line on a terminal with the progress of reading files; nothing if there is no terminal. */
#ifndef SPANFLOW_SERVICE_PROGRESS_H
#define SPANFLOW_SERVICE_PROGRESS_H

#include <stdbool.h>

#include <spanflow/capture.h>
#include <spanflow/meter.h>

struct sf_progress {
	bool on;    /* wanted, and standard error is a terminal without other output */
	bool shown; /* the line is on the terminal now */
	int64_t next_ns, last_ns;
	uint64_t last_frames;
};

/*
 * `records`: records are printed to standard output. If that is a terminal too, the line would tear
 * them apart, so there is no line. `mono`: monotonic ns, here and below.
 */
void sf_progress_init(struct sf_progress *progress, bool wanted, bool records, int64_t mono);

/* True if a second has passed since the last line. */
bool sf_progress_due(const struct sf_progress *progress, int64_t mono);

/* Writes the line anew, with the rates since the last one. */
void sf_progress_show(struct sf_progress *progress, int64_t mono, const struct sf_ledger *ledger,
	const struct sf_capture_stats *capture);

/* Removes the line, before something else is printed. */
void sf_progress_clear(struct sf_progress *progress);

#endif
