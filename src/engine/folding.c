/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/folding.h"

#include <spanflow/packet.h>

/* A flow of one packet that left because the table was full. */
static bool is_evicted(const struct sf_flow *flow)
{
	return flow->end_reason == SF_END_RESOURCES && !flow->folded && sf_flow_packets(flow) == 1;
}

/* False: there is no room, neither in the fold nor in the sink. */
static bool fold(struct sf_folding *folding, const struct sf_flow *flow)
{
	if (!sf_fold_add(folding->fold, flow)) {
		sf_folding_leave(folding);
		if (!sf_fold_add(folding->fold, flow))
			return false;
	}
	folding->counts.records++;
	folding->counts.packets += sf_flow_packets(flow);
	folding->counts.octets += sf_flow_octets(flow);
	return true;
}

/*
 * Hands records on, and folds those that the sink has no room for.
 * Returns for how many there was room.
 */
static unsigned pass(struct sf_folding *folding, const struct sf_flow *flows, unsigned count)
{
	unsigned done = folding->next.put(folding->next.context, flows, count);

	while (done < count && fold(folding, &flows[done]))
		done++;
	return done;
}

/*
 * sf_flow_sink: records in their order, in runs of those that are
 * handed on and those that are folded.
 */
static unsigned put(void *context, const struct sf_flow *flows, unsigned count)
{
	struct sf_folding *folding = context;
	unsigned done = 0;

	if (folding->mode != SF_FOLD_EVICTED)
		return pass(folding, flows, count);
	while (done < count) {
		unsigned end = done;

		if (is_evicted(&flows[done])) {
			if (!fold(folding, &flows[done]))
				return done;
			done++;
			continue;
		}
		while (end < count && !is_evicted(&flows[end]))
			end++;
		done += pass(folding, flows + done, end - done);
		if (done < end)
			return done;
	}
	return done;
}

int sf_folding_init(struct sf_folding *folding, enum sf_fold_mode mode, uint64_t facts,
	struct sf_flow_sink *sink)
{
	int err;

	if (mode == SF_FOLD_OFF)
		return 0;
	err = sf_fold_new(&folding->fold, facts);
	if (err)
		return err;
	folding->mode = mode;
	folding->next = *sink;
	*sink = (struct sf_flow_sink){ put, folding };
	return 0;
}

void sf_folding_fini(struct sf_folding *folding)
{
	sf_fold_free(folding->fold);
	folding->fold = NULL;
}

void sf_folding_age(struct sf_folding *folding, int64_t clock)
{
	if (!folding->fold || !sf_fold_count(folding->fold) || clock == INT64_MIN)
		return;
	if (!folding->waits) {
		folding->waits = true;
		folding->due_ns = clock > INT64_MAX - SF_FOLD_NS ? INT64_MAX : clock + SF_FOLD_NS;
	}
	if (clock >= folding->due_ns)
		sf_folding_leave(folding);
}

void sf_folding_leave(struct sf_folding *folding)
{
	struct sf_flow flows[SF_BATCH_MAX];
	unsigned place = 0, count, taken;

	if (!folding->fold)
		return;
	folding->waits = false;
	while ((count = sf_fold_take(folding->fold, &place, flows, SF_BATCH_MAX)) > 0) {
		taken = folding->next.put(folding->next.context, flows, count);
		if (taken == count)
			continue;
		for (; taken < count; taken++)
			sf_fold_put_back(folding->fold, &flows[taken]);
		return;
	}
}
