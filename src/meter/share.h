/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workers that all see the same packets and meter a part of them each (DESIGN §2). Every packet
 * belongs to one of them: to the one that its address pair names, so that both directions, later
 * fragments and a tunnel's packets meet in one flow table; without IP addresses to worker 0. Nothing
 * is handed over, and each meter's ledger is that of the packets that belong to it.
 */
#ifndef SPANFLOW_METER_SHARE_H
#define SPANFLOW_METER_SHARE_H

#include <stdint.h>

#include <spanflow/packet.h>

/* Constant while it is used; any thread. */
struct sf_share {
	unsigned workers;
	uint64_t factor[2]; /* secret, odd */
};

/*
 * Moves the packets that belong to worker `me`, and their clocks (unless NULL), to the front, in
 * order; returns their number. A flow key without addresses needs the flows of all workers in one
 * table: then this must not be used.
 */
unsigned sf_share_keep(const struct sf_share *share, unsigned me, struct sf_packet *packets,
	int64_t *clock, unsigned count);

#endif
