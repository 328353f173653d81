/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes the plan of a run (spanflow/plan.h) of command line and configuration file.
 *
 *	sf_made_plan_init(&made, options, NULL, &error);
 *	… made.plan …
 *	sf_made_plan_fini(&made);
 */
#ifndef SPANFLOW_CLI_PLAN_H
#define SPANFLOW_CLI_PLAN_H

#include <spanflow/plan.h>

#include "options/options.h"

struct sf_made_plan {
	struct sf_plan plan;
	/* what the plan points at, besides the options */
	struct sf_plan_source *sources;
	struct sf_plan_destination *destinations;
	char **urls; /* of collectors and files; as many as destinations, some of them NULL */
};

/*
 * Fills in the plan, which points into `options`. `page`: a file that is a further destination, for
 * -o html; NULL: none. Returns 0, or SF_EUSAGE or -ENOMEM with the reason in `error`. Either way
 * the caller calls sf_made_plan_fini().
 */
int sf_made_plan_init(struct sf_made_plan *made, const struct sf_options *options, const char *page,
	struct sf_error *error);
void sf_made_plan_fini(struct sf_made_plan *made);

#endif
