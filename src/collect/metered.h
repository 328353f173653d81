/* SPDX-License-Identifier: BSD-2-Clause */
/* Captures as a source of flow records: see gather.h. */
#ifndef SPANFLOW_COLLECT_METERED_H
#define SPANFLOW_COLLECT_METERED_H

#include <spanflow/collect.h>
#include <spanflow/meter.h>

/*
 * Meters all captures into the collector. `ledger`: gets that of the meter; or NULL. 0, or a negative code
 * of the reading with its reason.
 */
int sf_collect_metered(struct sf_collector *collector, const char *const *names, unsigned count,
	bool biflow, struct sf_ledger *ledger, struct sf_error *error);

#endif
