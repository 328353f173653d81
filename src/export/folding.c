/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records that a destination gets folded (base/fold.h): those of small flows (small=), and those
 * that its queue has no room for (--fold). A record that is folded is not offered by itself: it is
 * counted as `folded`, and the record that has its packets and bytes is offered when it leaves.
 * Until then these wait, as records in the queue do.
 *
 * With a queue folded records leave when the first of them has waited for SF_FOLD_NS; without one
 * when the records that are put have gone on by that much, so that the same capture file gives the
 * same records. A single record with a wild time does not move that clock (base/clock.h).
 */
#include "export/folding.h"

#include <limits.h>
#include <stdlib.h>

#include "export/destination.h"

int sf_destination_folds(
	struct sf_destination *destination, bool overflow, const struct sf_small *small)
{
	if (small)
		destination->small = *small;
	destination->folds_overflow = overflow;
	if (!overflow && (destination->small.packets == 0 || destination->small.skip))
		return 0;
	sf_clock_init(&destination->fold_clock, SF_EXPORT_JUMP_NS);
	return sf_fold_new(&destination->fold, 0);
}

bool sf_destination_is_small(const struct sf_destination *destination, const struct sf_flow *flow)
{
	const struct sf_small *small = &destination->small;

	return small->packets && !flow->folded && sf_flow_packets(flow) < small->packets &&
	       (!small->octets || sf_flow_octets(flow) < small->octets);
}

/* ---------------------------------------------------------------- in */

static void begin(struct sf_destination *destination, const struct sf_flow *flow)
{
	const bool queued = destination->shared->options.queued;

	for (unsigned d = 0; d < 2; d++)
		if (flow->directions >> d & 1)
			sf_clock_advance(&destination->fold_clock, flow->half[d].end_ns);
	/* while folded records leave, those that come stay for the next time */
	if (sf_fold_count(destination->fold) == 0 || destination->unfolding)
		destination->fold_begin_ns =
			queued ? destination->shared->wall_ns : destination->fold_clock.now;
}

bool sf_destination_fold(struct sf_destination *destination, const struct sf_flow *flow)
{
	struct sf_destination_count one = sf_destination_measure(destination, flow, 1);

	begin(destination, flow);
	if (!sf_fold_add(destination->fold, flow))
		return false;
	sf_count_add(&destination->stats.folded, &one);
	return true;
}

/* ---------------------------------------------------------------- out */

/* Gives up to `max` folded records to the destination. False: there are none. */
static bool put_some(struct sf_destination *destination, unsigned max)
{
	struct sf_flow flows[SF_BATCH_MAX];
	unsigned count = sf_fold_take(destination->fold, &destination->fold_place, flows, max);

	if (count == 0)
		return false;
	sf_extra_begin(destination->shared, flows, count);
	destination->ops->put(destination, flows, count);
	sf_extra_end(destination->shared);
	return true;
}

static bool is_due(const struct sf_destination *destination)
{
	const int64_t now = destination->shared->options.queued ? destination->shared->wall_ns
								: destination->fold_clock.now;

	/* the clock may have been set back */
	return now < destination->fold_begin_ns ||
	       (uint64_t)now - (uint64_t)destination->fold_begin_ns >= SF_FOLD_NS;
}

bool sf_destination_unfold_some(struct sf_destination *destination, unsigned max, bool ending)
{
	if (!destination->fold || sf_fold_count(destination->fold) == 0)
		return false;
	if (!destination->unfolding && (ending || is_due(destination))) {
		destination->unfolding = true;
		destination->fold_place = 0;
	}
	if (destination->unfolding)
		destination->unfolding = put_some(destination, max);
	return destination->unfolding;
}

void sf_destination_unfold(struct sf_destination *destination, bool ending)
{
	while (sf_destination_unfold_some(destination, SF_BATCH_MAX, ending))
		;
}

bool sf_destination_has_folded(const struct sf_destination *destination)
{
	return destination->fold && sf_fold_count(destination->fold) > 0;
}

struct sf_destination_count sf_destination_in_fold(const struct sf_destination *destination)
{
	struct sf_destination_count sum = { 0 };

	if (!sf_destination_has_folded(destination))
		return sum;
	for (unsigned i = 0; i < SF_FOLD_PLACES; i++) {
		const struct sf_flow *flow = sf_fold_at(destination->fold, i);
		struct sf_destination_count one;

		if (!flow)
			continue;
		one = sf_destination_measure(destination, flow, 1);
		sf_count_add(&sum, &one);
	}
	return sum;
}

void sf_destination_lose_folded(struct sf_destination *destination, enum sf_fate fate)
{
	struct sf_destination_count sum = sf_destination_in_fold(destination);
	struct sf_flow flows[SF_BATCH_MAX];
	unsigned place = 0;

	if (sum.records == 0)
		return;
	sf_count_add(&destination->stats.offered, &sum);
	sf_count_add(sf_destination_fate(&destination->stats, fate), &sum);
	while (sf_fold_take(destination->fold, &place, flows, SF_BATCH_MAX))
		;
}
