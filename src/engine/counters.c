/* SPDX-License-Identifier: BSD-2-Clause */
/* What the workers of a run have counted, summed up. */
#include <string.h>

#include "base/merge.h"
#include "base/sized.h"
#include "engine/engine.h"

void sf_engine_counters_add(
	struct sf_engine_counters *sum, const struct sf_engine_counters *counters)
{
	sf_ledger_add(&sum->ledger, &counters->ledger);
#define ENGINE(member, merge, ...) SF_MERGE_##merge(sum->member, counters->member);
#include "base/counters.def"
	if (counters->clock > sum->clock)
		sum->clock = counters->clock;
}

/*
 * Sums the counters of all workers. Of a worker whose thread runs it takes the answer to the last
 * request; of one that ended before the request, its final counters. The answer counts even if the
 * worker has ended meanwhile: since the answer it may have emitted flows of another worker's table,
 * whose older answer still counts them as in the table.
 */
void sf_engine_count(const struct sf_engine *engine, struct sf_engine_counters *sum)
{
	memset(sum, 0, sizeof(*sum));
	sum->clock = INT64_MIN;
	sum->ledger.unsupported_link = UINT32_MAX;
	for (unsigned i = 0; i < engine->worker_count; i++) {
		const struct sf_worker *worker = &engine->workers[i];
		struct sf_engine_counters counters;

		/*
		 * pairs with the release in sf_worker_answer(); done was seen in
		 * sf_engine_answered()
		 */
		if (worker->has_thread && atomic_load_explicit(&worker->answered,
						  memory_order_acquire) == engine->request)
			counters = worker->snapshot;
		else
			sf_worker_counters(worker, &counters);
		sf_engine_counters_add(sum, &counters);
	}
	for (unsigned i = 0; i < engine->input_count; i++)
		sum->set_back += sf_timeline_steps(&engine->inputs[i].timeline);
}

bool sf_engine_answered(const struct sf_engine *engine)
{
	for (unsigned i = 0; i < engine->worker_count; i++) {
		const struct sf_worker *worker = &engine->workers[i];

		/* pairs with the releases in sf_worker_answer() and worker_main() */
		if (atomic_load_explicit(&worker->answered, memory_order_acquire) !=
				engine->request &&
			!atomic_load_explicit(&worker->done, memory_order_acquire))
			return false;
	}
	return true;
}

/* Workers answer after their next batch, or sleep. */
void sf_engine_request(struct sf_engine *engine)
{
	engine->request++;
	engine->counters_read = false;
	/* pairs with the acquire in sf_worker_request(): the last answers have been read */
	atomic_store_explicit(
		&engine->control, engine->request << SF_CONTROL_REQUEST, memory_order_release);
	if (engine->asked)
		sf_engine_wake_workers(engine);
}

void sf_engine_counters_sized(
	const struct sf_engine *engine, struct sf_engine_counters *counters, size_t size)
{
	sf_sized_counters(counters, size, &engine->counters, sizeof(engine->counters));
}

/*
 * Every destination: nothing more has left than was offered; at the
 * end all has been accounted for.
 */
static bool destinations_balanced(const struct sf_engine *engine)
{
	const struct sf_ledger *ledger = &engine->counters.ledger;
	struct sf_destination_stats stats;
	bool balanced = true;

	for (unsigned i = 0; sf_exporter_stats(engine->exporter, i, &stats); i++) {
		struct sf_destination_count waiting;

		balanced &= sf_destination_waiting(&stats, &waiting);
		if (engine->state == SF_ENGINE_ENDED)
			balanced &= sf_destination_balanced(&stats) &&
				    stats.offered.packets == ledger->record_packets &&
				    stats.offered.octets == ledger->record_octets;
	}
	return balanced;
}

bool sf_engine_balanced(const struct sf_engine *engine)
{
	const struct sf_engine_counters *counters = &engine->counters;
	bool final = engine->state == SF_ENGINE_ENDED;
	uint64_t frames = 0;

	for (unsigned i = 0; i < engine->input_count; i++) {
		struct sf_capture_stats stats = { 0 };

		engine->inputs[i].capture->ops->stats(engine->inputs[i].capture, &stats);
		frames += stats.frames;
	}
	if (counters->frames != counters->ledger.frames + counters->unread)
		return false;
	if (final && (frames != counters->frames || !sf_ledger_closed(&counters->ledger)))
		return false;
	/* packets are on their way between workers, or wait for older ones */
	if (!final && !counters->handed && !counters->order.waiting &&
		!sf_ledger_balanced(&counters->ledger))
		return false;
	return destinations_balanced(engine);
}
