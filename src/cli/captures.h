/* SPDX-License-Identifier: BSD-2-Clause */
/* Capture files of show, ask and report: metered by options, with the facts that are wanted. */
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

/* Opens what --enrich and its like name; `local`: also --local-net alone. 0 or an error. */
int sf_captures_open(struct sf_captures *captures, const struct sf_options *options, bool local,
	struct sf_error *error);

/* Lent by `captures` and the options. */
struct sf_gather_metering sf_captures_metering(
	const struct sf_captures *captures, const struct sf_options *options);

/* Tells which wanted elements no record had, and which options make captures have them. */
void sf_captures_tell(const struct sf_captures *captures, const struct sf_collector *collector,
	const struct sf_options *options);

/* Allowed for a zeroed struct. */
void sf_captures_close(struct sf_captures *captures);

#endif
