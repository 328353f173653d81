/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interfaces of a capture: slot n is interface number n of a pcapng section, or 0 of a pcap
 * file, the same for all files and sections. The first description of a slot counts.
 */
#ifndef SPANFLOW_FILE_SLOTS_H
#define SPANFLOW_FILE_SLOTS_H

#include <stdatomic.h>

#include <spanflow/capture.h>

#define SF_SLOTS_MAX   65536
#define SF_SLOTS_BLOCK 64

/*
 * Blocks, so that a slot never moves. The reading thread fills a slot, then publishes it by the
 * count (release); any thread reads the count first (acquire).
 */
struct sf_slots {
	struct sf_interface *blocks[SF_SLOTS_MAX / SF_SLOTS_BLOCK];
	_Atomic unsigned count;
};

/* Describes slot `number` (below SF_SLOTS_MAX) unless known; those before it too. 0 or -ENOMEM. */
int sf_slots_describe(struct sf_slots *slots, unsigned number, const struct sf_interface *found);

/* Any thread. NULL past the end. */
const struct sf_interface *sf_slots_get(const struct sf_slots *slots, unsigned number);

void sf_slots_fini(struct sf_slots *slots);

#endif
