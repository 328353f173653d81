/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workers that all see the same packets and meter a part of them each (DESIGN §2). Every packet
 * belongs to one of them: to the one that its address pair names, so that both directions, later
 * fragments and a tunnel's packets meet in one flow table; without IP addresses to worker 0. Nothing
 * is handed over, and each meter's ledger is that of the packets that belong to it.
 */
#ifndef SPANFLOW_METER_SHARE_H
#define SPANFLOW_METER_SHARE_H

#include "base/part.h"

/*
 * Makes `part` that of worker `number` of `workers`, from the source's begin. `secret`: random, the
 * same for all of them. `clock`: the worker's. A flow key without addresses needs the flows of all
 * workers in one table: then there must be no parts.
 */
void sf_share_part(struct sf_part *part, unsigned workers, unsigned number,
	const uint64_t secret[2], struct sf_clock *clock);

#endif
