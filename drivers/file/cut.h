/* SPDX-License-Identifier: BSD-2-Clause */
/* A period of time: packets of capture files outside it are left out (--start, --end). */
#ifndef SPANFLOW_FILE_CUT_H
#define SPANFLOW_FILE_CUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <spanflow/packet.h>

struct sf_cut {
	int64_t start_ns;        /* first time of the period; 0: no bound */
	int64_t end_ns;          /* first time after the period; 0: no bound */
	_Atomic uint64_t before; /* packets left out; written by the thread that reads, relaxed */
	_Atomic uint64_t after;  /* the same */
	unsigned behind;         /* packets in a row after the end */
	bool set_back;           /* the next packet of the period has the flag SF_PACKET_SET_BACK */
};

static inline bool sf_cut_is_set(const struct sf_cut *cut)
{
	return cut->start_ns || cut->end_ns;
}

/* Keeps the packets of the period, in their order. Returns their number. */
unsigned sf_cut_packets(struct sf_cut *cut, struct sf_packet *packets, unsigned count);

/*
 * True if the period has ended: many packets in a row came after it, so it is no wild time stamp.
 */
bool sf_cut_is_past(const struct sf_cut *cut);

#endif
