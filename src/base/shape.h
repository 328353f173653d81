/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shape of a direction's packets in time: lengths and gaps of the first ones, gaps of all,
 * bytes in each second. Packets count in the order in which they arrive.
 */
#ifndef SPANFLOW_BASE_SHAPE_H
#define SPANFLOW_BASE_SHAPE_H

#include <stdint.h>

#include "base/facts.h"

#define SF_SHAPE_PACKETS 16 /* first packets of a direction */
#define SF_SHAPE_SECONDS 16 /* first seconds of a direction */

/*
 * One direction of a record. All zeros: no packet was seen. Numbers
 * of lists are in network order.
 */
struct sf_shape_side {
	int64_t first_ns, last_ns;
	uint64_t gap_sum; /* µs */
	uint32_t gap_min, gap_max, gap_count;
	uint32_t packets;
	/* bytes that follow, two for each packet: its length */
	uint8_t lengths[1 + 2 * SF_SHAPE_PACKETS];
	/* the same with four bytes: µs since the packet before */
	uint8_t gaps[1 + 4 * SF_SHAPE_PACKETS];
	/* the same with four bytes: IP bytes in that second */
	uint8_t seconds[1 + 4 * SF_SHAPE_SECONDS];
	uint8_t zero[5];
};

/* As struct sf_fact_watcher has them. */
void sf_shape_watch(
	uint8_t *own, uint8_t *other, const struct sf_facts *facts, const uint8_t *packet);
void sf_shape_cut(uint8_t *side);

#endif
