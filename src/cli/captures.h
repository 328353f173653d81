/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How show, ask and report meter the capture files that they read: by the options of the command
 * line, with the facts that their conditions and fields need.
 */
#ifndef SPANFLOW_CLI_CAPTURES_H
#define SPANFLOW_CLI_CAPTURES_H

#include "ask/field.h"
#include "collect/gather.h"
#include "enrich/enrich.h"
#include "options/options.h"

struct sf_captures {
	struct sf_ask_elements elements; /* filled by the caller before sf_captures_metering() */
	struct sf_enrich *enrich;
};

/*
 * Opens the sources of --enrich, --interface-map and --egress, if there are any. `local`: also
 * opens if there is --local-net alone. Returns 0 or an error.
 */
int sf_captures_open(struct sf_captures *captures, const struct sf_options *options, bool local,
	struct sf_error *error);

/* Lent by `captures` and the options. */
struct sf_gather_metering sf_captures_metering(
	const struct sf_captures *captures, const struct sf_options *options);

/*
 * Tells which of the wanted elements were in no record that the collector has read, and which
 * options make a meter of captures gather them.
 */
void sf_captures_tell(const struct sf_captures *captures, const struct sf_collector *collector,
	const struct sf_options *options);

/* Allowed for a zeroed struct. */
void sf_captures_close(struct sf_captures *captures);

#endif
