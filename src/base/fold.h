/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fold: a table of fixed size that adds flow records up into coarser ones, so that what there are
 * too many of leaves in few records and no packet or byte is missing from the sums. Example: of
 * 100,000 flows of one packet each from random sources to 192.0.2.7 there is one record left, from
 * 0.0.0.0/0 to 192.0.2.0/24, with 100,000 packets; its member `folded` is 100,000.
 *
 *	sf_fold_new(&fold, 0);
 *	if (!sf_fold_add(fold, &flow))
 *		… no room: take some out first …
 *	unsigned place = 0;
 *	while ((n = sf_fold_take(fold, &place, flows, SF_BATCH_MAX)) > 0)
 *		… use them …
 *
 * How coarse a record is depends on how many different ones there are: see the levels in fold.c.
 */
#ifndef SPANFLOW_BASE_FOLD_H
#define SPANFLOW_BASE_FOLD_H

#include <stdbool.h>
#include <stdint.h>

#include <spanflow/flow.h>

struct sf_fold;

/* Folded records stay in a fold for so long at most. */
#define SF_FOLD_NS (10 * INT64_C(1000000000))

/*
 * `facts`: those that other records of the same sink have; folded ones
 * have zeros there. 0 or -ENOMEM.
 */
int sf_fold_new(struct sf_fold **fold, uint64_t facts);
void sf_fold_free(struct sf_fold *fold);

/* Adds a record, which may be a folded one. False: there is no room, and nothing was added. */
bool sf_fold_add(struct sf_fold *fold, const struct sf_flow *flow);

/*
 * Puts a record back that sf_fold_take() gave, before anything else is added. There is always room:
 * it lies at any free place if there is none near its own; a later flow of its key may then begin a
 * second record.
 */
void sf_fold_put_back(struct sf_fold *fold, const struct sf_flow *flow);

/*
 * Takes up to `max` folded records out, from *place on, which it moves; returns how many. From 0 on
 * all that were there before the first call are out when a call returns 0; those that were added
 * meanwhile may stay.
 */
unsigned sf_fold_take(struct sf_fold *fold, unsigned *place, struct sf_flow *flows, unsigned max);

/* How many folded records there are. */
unsigned sf_fold_count(const struct sf_fold *fold);

#define SF_FOLD_PLACES 1536

/* The record at place 0 … SF_FOLD_PLACES - 1, for sums over all; NULL: the place is free. */
const struct sf_flow *sf_fold_at(const struct sf_fold *fold, unsigned place);

#endif
