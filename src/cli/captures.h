/* SPDX-License-Identifier: BSD-2-Clause */
/* How show, ask and report meter the captures that they read: as the options say, with the fields they ask for. */
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

/* Opens the sources of --enrich and its like, if there are any; with `local`, --local-net alone is one. */
int sf_captures_open(struct sf_captures *captures, const struct sf_options *options, bool local,
	struct sf_error *error);

/* Lent by `captures` and the options. */
struct sf_gather_metering sf_captures_metering(
	const struct sf_captures *captures, const struct sf_options *options);

/* Tells which of the elements no record had that the collector has read, and what captures need for it. */
void sf_captures_tell(const struct sf_captures *captures, const struct sf_collector *collector,
	const struct sf_options *options);

/* Allowed for a zeroed struct. */
void sf_captures_close(struct sf_captures *captures);

#endif
