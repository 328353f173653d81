/* SPDX-License-Identifier: BSD-2-Clause */
/* A period of time: packets of capture files outside it are left out (--start, --end). */
#ifndef SPANFLOW_FILE_CUT_H
#define SPANFLOW_FILE_CUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <spanflow/packet.h>

struct sf_cut {
	int64_t start_ns, end_ns;       /* from the start on, before the end; 0: no bound */
	_Atomic uint64_t before, after; /* packets left out; by whose turn it is, relaxed */
	unsigned behind;                /* packets after the end in a row */
};

static inline bool sf_cut_is_set(const struct sf_cut *cut)
{
	return cut->start_ns || cut->end_ns;
}

/* Keeps the packets of the period, in their order. Returns their number. */
unsigned sf_cut_packets(struct sf_cut *cut, struct sf_packet *packets, unsigned count);

/*
 * The end has passed: so many packets in a row came after it that no wild time stamp explains them.
 */
bool sf_cut_is_past(const struct sf_cut *cut);

#endif
