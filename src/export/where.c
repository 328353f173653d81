/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records that are left out: by --where for all destinations, by where= and sample= for one. A flow
 * of which one direction is chosen becomes a flow of that direction; the other one is counted as
 * skipped.
 */
#include <string.h>

#include "export/exporter.h"

/* The directions as records of the destination. */
static struct sf_destination_count count_of(
	const struct sf_destination *destination, const struct sf_flow *flow, unsigned directions)
{
	struct sf_destination_count count = { 0 };

	for (unsigned d = 0; d < 2; d++)
		if (directions >> d & 1) {
			count.records++;
			count.packets += flow->half[d].packets;
			count.octets += flow->half[d].octets;
		}
	/* a conversation that is left in part is a record of what is left */
	if (destination->biflow)
		count.records = directions == flow->directions;
	return count;
}

void sf_destination_leave(struct sf_destination *destination, const struct sf_flow *flow,
	unsigned directions, struct sf_destination_count *counter)
{
	const struct sf_destination_count left = count_of(destination, flow, directions);

	sf_count_add(&destination->stats.offered, &left);
	sf_count_add(counter, &left);
}

static void leave_out(
	struct sf_destination *destination, const struct sf_flow *flow, unsigned directions)
{
	sf_destination_leave(destination, flow, directions, &destination->stats.skipped_where);
}

/* The flow with only some of its directions. */
static void take_directions(struct sf_flow *chosen, const struct sf_flow *flow, unsigned directions)
{
	*chosen = *flow;
	chosen->directions = (uint8_t)directions;
	for (unsigned d = 0; d < 2; d++)
		if (!(directions >> d & 1))
			chosen->half[d] = (struct sf_flow_half){ 0 };
}

static unsigned choose(
	const struct sf_chooser *chooser, const struct sf_flow *flow, const struct sf_extra *extra)
{
	return chooser->choose(chooser->context, flow, extra, NULL) & flow->directions;
}

/* ---------------------------------------------------------------- all destinations */

void sf_exporter_choose(struct sf_exporter *exporter, const struct sf_flow *flows, unsigned count)
{
	const struct sf_chooser *chooser = &exporter->chooser;
	const struct sf_extra_batch *extra = chooser->extra ? exporter->shared.extra : NULL;
	struct sf_flow chosen[SF_BATCH_MAX];
	unsigned chosen_count = 0;

	if (extra)
		sf_extra_begin(&exporter->shared, flows, count);
	for (unsigned i = 0; i < count; i++) {
		unsigned takes = choose(chooser, &flows[i], extra ? &extra->extra[i] : NULL);
		unsigned left = flows[i].directions & ~takes;

		for (unsigned k = 0; left && k < exporter->count; k++)
			leave_out(exporter->destinations[k], &flows[i], left);
		if (takes)
			take_directions(&chosen[chosen_count++], &flows[i], takes);
	}
	if (extra)
		sf_extra_end(&exporter->shared);
	if (chosen_count)
		sf_exporter_put_chosen(exporter, chosen, chosen_count);
}

/* ---------------------------------------------------------------- one destination */

/*
 * True if the owner of a record still has to be compared with the destination. With a queue that
 * was done when the record was put into the queue.
 */
static bool is_shared(const struct sf_destination *destination)
{
	return destination->group && !destination->shared->options.queued;
}

/* sample=N: all records of a flow, both directions of it, are taken or none is. */
static bool is_sampled(const struct sf_destination *destination, const struct sf_flow *flow)
{
	/* other bits than --balance looks at first */
	return !destination->sample ||
	       (uint32_t)(sf_share_flow_key(flow) >> 8) % destination->sample == 0;
}

/* The record is not sent by itself, because its flow is small or the queue had no room for it. */
static bool keeps_back(struct sf_destination *destination, const struct sf_flow *flow)
{
	if (destination->overflows) {
		if (!sf_destination_fold(destination, flow))
			sf_destination_lose_overflow(destination, flow);
		return true;
	}
	if (!sf_destination_is_small(destination, flow))
		return false;
	if (!destination->small.skip)
		return sf_destination_fold(destination, flow);
	sf_destination_leave(
		destination, flow, flow->directions, &destination->stats.skipped_small);
	return true;
}

/*
 * Offers at most SF_BATCH_MAX flows. The values of the enricher are moved along with the flows that
 * are chosen.
 */
static void offer_some(
	struct sf_destination *destination, const struct sf_flow *flows, unsigned count)
{
	struct sf_extra_batch *extra = destination->shared->extra;
	struct sf_flow chosen[SF_BATCH_MAX];
	unsigned chosen_count = 0;

	if (extra)
		*destination->shared->kept = *extra;
	for (unsigned i = 0; i < count; i++) {
		const struct sf_extra *given = extra ? &destination->shared->kept->extra[i] : NULL;
		unsigned takes = flows[i].directions;

		if (is_shared(destination) && destination->group->owners[i] != destination) {
			sf_destination_leave(destination, &flows[i], takes,
				&destination->stats.skipped_elsewhere);
			continue;
		}
		if (!is_sampled(destination, &flows[i])) {
			sf_destination_leave(destination, &flows[i], takes,
				&destination->stats.skipped_notSampled);
			continue;
		}
		if (destination->chooser.choose)
			takes = choose(&destination->chooser, &flows[i], given);
		if (takes != flows[i].directions)
			leave_out(destination, &flows[i], flows[i].directions & ~takes);
		if (!takes)
			continue;
		if (extra)
			extra->extra[chosen_count] = *given;
		take_directions(&chosen[chosen_count], &flows[i], takes);
		chosen_count += !keeps_back(destination, &chosen[chosen_count]);
	}
	if (extra)
		extra->flows = chosen;
	if (chosen_count)
		destination->ops->put(destination, chosen, chosen_count);
	if (extra)
		*extra = *destination->shared->kept;
}

void sf_destination_offer(
	struct sf_destination *destination, const struct sf_flow *flows, unsigned count)
{
	if (!destination->chooser.choose && !destination->sample && !is_shared(destination) &&
		!destination->small.packets && !destination->overflows) {
		destination->ops->put(destination, flows, count);
		return;
	}
	for (unsigned done = 0, some; done < count; done += some) {
		some = count - done < SF_BATCH_MAX ? count - done : SF_BATCH_MAX;
		offer_some(destination, flows + done, some);
	}
}

void sf_destination_offer_collected(
	struct sf_destination *destination, const struct sf_collected *record)
{
	const struct sf_chooser *chooser = &destination->chooser;

	if (!chooser->choose || record->options ||
		chooser->choose(chooser->context, &record->flow, NULL, record) &
			record->flow.directions)
		destination->ops->put_collected(destination, record);
	else
		leave_out(destination, &record->flow, record->flow.directions);
}

int sf_exporter_conditions(const struct sf_exporter *exporter, const struct sf_url *parsed,
	struct sf_chooser *chooser, struct sf_error *error)
{
	const struct sf_exporter_options *options = &exporter->shared.options;
	struct sf_error reason = { 0 };
	int code;

	if (!parsed->where)
		return 0;
	if (!options->conditions)
		return sf_error_set(error, SF_EUSAGE,
			"%s: option 'where' does not apply here: nobody reads its conditions",
			parsed->target);
	code = options->conditions(options->conditions_context, parsed->where,
		parsed->session.biflow, chooser, &reason);
	return code ? sf_error_set(error, code, "%.200s: option 'where': %s", parsed->target,
			      reason.text)
		    : 0;
}
