/* SPDX-License-Identifier: BSD-2-Clause */
/* What the main thread does a few times a second, and not per batch. */
#include <time.h>

#include "base/clock.h"
#include "base/count.h"
#include "engine/engine.h"

#define REQUEST_NS SF_NS_PER_S /* between two requests for counters */

void sf_engine_tick(struct sf_engine *engine, int64_t clock)
{
	int64_t wall = sf_clock_read(CLOCK_REALTIME);
	bool by_wall = engine->live || engine->plan.sources[0].realtime;

	if (clock != INT64_MIN && !engine->live)
		sf_exporter_tick(engine->exporter, wall, clock);
	else if (by_wall)
		sf_exporter_tick(engine->exporter, wall, wall);
}

void sf_engine_counted(struct sf_engine *engine, const struct sf_engine_counters *counters)
{
	const struct sf_engine_events *events = &engine->options.events;
	uint64_t dropped = 0;

	engine->counters = *counters;
	for (unsigned i = 0; i < engine->input_count; i++) {
		struct sf_capture_stats stats = { 0 };

		engine->inputs[i].capture->ops->stats(engine->inputs[i].capture, &stats);
		dropped += stats.dropped_kernel + stats.dropped_nic;
	}
	sf_exporter_metering(engine->exporter, &counters->ledger, dropped);
	sf_notice_destinations(engine, &counters->ledger);
	sf_notice_steps(engine);
	sf_engine_learn_own(engine);
	if (events->counted)
		events->counted(events->context, counters, engine->asked);
	engine->asked = false;
	if (!engine->ended && sf_destinations_gone(engine->exporter))
		engine->ended = "closed";
}

/* The packet time that all workers with a queue have reached. */
static int64_t reached_clock(const struct sf_engine *engine)
{
	const struct sf_worker *last = NULL;
	int64_t clock = INT64_MAX;

	for (unsigned i = 0; i < engine->worker_count; i++) {
		const struct sf_worker *worker = &engine->workers[i];
		int64_t reached = atomic_load_explicit(&worker->reached, memory_order_relaxed);

		if (worker->capture && reached < clock) {
			clock = reached;
			last = worker;
		}
	}
	return last ? sf_worker_packet_clock(last, clock) : clock;
}

/*
 * Counters of workers in threads: reads the answers to the last request,
 * and asks anew when it is time.
 */
static void look_at_threads(struct sf_engine *engine, int64_t mono)
{
	struct sf_engine_counters counters;

	if (!engine->counters_read && sf_engine_answered(engine)) {
		engine->counters_read = true;
		sf_engine_count(engine, &counters);
		sf_engine_counted(engine, &counters);
	}
	if (engine->asks) {
		engine->asks = false;
		engine->asked = true;
		engine->next_request = mono;
		/* an older request may be open */
		sf_engine_wake_workers(engine);
	}
	if (engine->counters_read && mono >= engine->next_request) {
		engine->next_request = mono + REQUEST_NS;
		sf_engine_request(engine);
	}
}

static void look_at_inline(struct sf_engine *engine)
{
	struct sf_engine_counters counters;

	engine->asked = engine->asks;
	engine->asks = false;
	sf_engine_count(engine, &counters);
	sf_engine_counted(engine, &counters);
}

static void look(struct sf_engine *engine, int64_t mono)
{
	const struct sf_engine_events *events = &engine->options.events;

	sf_engine_order_exporter(engine);
	sf_engine_tick(engine, reached_clock(engine));
	sf_notice_sources(engine);
	sf_notice_failures(engine);
	if (engine->threads)
		look_at_threads(engine, mono);
	else
		look_at_inline(engine);
	if (events->look)
		events->look(events->context, mono);
}

void sf_engine_look(struct sf_engine *engine, int64_t mono)
{
	engine->next_look = (mono / engine->mode->look_ns + 1) * engine->mode->look_ns;
	sf_engine_lock_exporter(engine);
	look(engine, mono);
	sf_engine_unlock_exporter(engine);
}
