/* SPDX-License-Identifier: BSD-2-Clause */
/* The condition of --where, from the command line to a compiled expression. */
#ifndef SPANFLOW_CLI_ASKED_H
#define SPANFLOW_CLI_ASKED_H

#include "ask/where.h"
#include "cli/options.h"

/*
 * Compiles --where; without it *where is NULL. `mode`: SF_ASK_… . Files of `in FILE` are read; now is
 * the time of the call. 0 or an error.
 */
int sf_asked_where(struct sf_where **where, const struct sf_options *options, unsigned mode,
	struct sf_error *error);

#endif
