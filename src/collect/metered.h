/* SPDX-License-Identifier: BSD-2-Clause */
/* Captures as a source of flow records: see gather.h. */
#ifndef SPANFLOW_COLLECT_METERED_H
#define SPANFLOW_COLLECT_METERED_H

#include "collect/gather.h"

/* Meters all captures into the collector. 0, or a negative code of the reading with its reason. */
int sf_collect_metered(struct sf_collector *collector, const char *const *names, unsigned count,
	const struct sf_gather_options *options, struct sf_error *error);

#endif
