/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Folded records of a destination: folding.c.
 *
 *	sf_destination_folds(destination, true, &small);
 *	if (sf_destination_is_small(destination, &flow))
 *		sf_destination_fold(destination, &flow);
 *	sf_destination_unfold(destination, ending);     now and then: those that are due leave
 */
#ifndef SPANFLOW_EXPORT_FOLDING_H
#define SPANFLOW_EXPORT_FOLDING_H

#include <stdbool.h>
#include <stdint.h>

#include <spanflow/export.h>

#include "transport/outcome.h"
#include "transport/transport.h"

struct sf_destination;

/* small=: which records are not sent one by one. */
struct sf_small {
	uint64_t packets; /* they have fewer than so many; 0: none is small */
	uint64_t octets;  /* and fewer bytes than this; 0: however many */
	bool skip;        /* they are left out; else they are folded */
};

/* Before the first record. `overflow`: what the queue has no room for is folded. 0 or -ENOMEM. */
int sf_destination_folds(
	struct sf_destination *destination, bool overflow, const struct sf_small *small);

bool sf_destination_is_small(const struct sf_destination *destination, const struct sf_flow *flow);

/* False: the fold has no room for the record. */
bool sf_destination_fold(struct sf_destination *destination, const struct sf_flow *flow);

/*
 * Gives up to `max` (<= SF_BATCH_MAX) folded records to the destination, if they are due or
 * `ending`. False: there are none.
 */
bool sf_destination_unfold_some(struct sf_destination *destination, unsigned max, bool ending);

/* Gives all folded records to the destination, if they are due or `ending`. */
void sf_destination_unfold(struct sf_destination *destination, bool ending);

bool sf_destination_has_folded(const struct sf_destination *destination);

/* Sums of the folded records that have not left, as records of the destination. */
struct sf_destination_count sf_destination_in_fold(const struct sf_destination *destination);

/* Counts the folded records that have not left as lost, with this fate. */
void sf_destination_lose_folded(struct sf_destination *destination, enum sf_fate fate);

#endif
