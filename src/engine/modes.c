/* SPDX-License-Identifier: BSD-2-Clause */
/* How the main thread of a run spends its time: a row for each kind of run (engine.h). */
#include "engine/engine.h"
#include "engine/records.h"

#define ROUND     64 /* batches between two looks of a run without threads */
#define LIVE_NS   INT64_C(250000000)
#define FILES_NS  INT64_C(100000000)
#define GATHER_NS INT64_C(5000000)  /* after records came: so more of them are taken at once */
#define HURRY_NS  INT64_C(20000000) /* longest wait when somebody waits for workers */

/* ---------------------------------------------------------------- files, one worker */

static bool inline_work(struct sf_engine *engine, int64_t mono)
{
	struct sf_worker *worker = &engine->workers[0];

	(void)mono;
	for (unsigned i = 0; i < ROUND && sf_worker_step(worker) == SF_WORKER_RUNNING; i++)
		;
	if (!sf_worker_ended(worker))
		sf_engine_tick(engine, sf_worker_packet_clock(worker, worker->timing.clock.now));
	return true;
}

static int64_t inline_wake_ns(struct sf_engine *engine, int64_t mono)
{
	(void)engine;
	(void)mono;
	return 0;
}

const struct sf_engine_mode sf_mode_inline = { inline_work, inline_wake_ns, FILES_NS };

/* ---------------------------------------------------------------- files, several workers */

static bool files_work(struct sf_engine *engine, int64_t mono)
{
	(void)engine;
	(void)mono;
	return false;
}

/* The end of a worker writes to the wake-up descriptor in any case. */
static int64_t files_wake_ns(struct sf_engine *engine, int64_t mono)
{
	(void)engine;
	return mono + HURRY_NS;
}

const struct sf_engine_mode sf_mode_files = { files_work, files_wake_ns, FILES_NS };

/* ---------------------------------------------------------------- interfaces */

/* Records from the rings to the exporter; returns how many. */
static unsigned drain(struct sf_engine *engine)
{
	struct sf_flow flows[SF_BATCH_MAX];
	unsigned total = 0;

	for (unsigned i = 0; i < engine->worker_count; i++)
		for (unsigned round = 0; round < 16; round++) {
			unsigned n = sf_records_get(&engine->workers[i].ring, flows, SF_BATCH_MAX);

			if (!n)
				break;
			sf_exporter_put(engine->exporter, flows, n);
			sf_records_done(&engine->workers[i].ring, n);
			total += n;
		}
	return total;
}

static bool live_work(struct sf_engine *engine, int64_t mono)
{
	engine->took = drain(engine) > 0;
	sf_engine_order_exporter(engine);
	engine->deliver_ns = sf_exporter_pump(engine->exporter, mono, false);
	return engine->took;
}

/* True if some worker's ring has at least `count` records. */
static bool have_records(const struct sf_engine *engine, unsigned count)
{
	for (unsigned i = 0; i < engine->worker_count; i++)
		if (sf_ring_fill(&engine->workers[i].ring) >= count)
			return true;
	return false;
}

/*
 * Until records come, a destination is ready, or there is something to look after. After a round
 * that took records, more of them are let gather.
 */
static int64_t live_wake_ns(struct sf_engine *engine, int64_t mono)
{
	enum sf_wakeup_level level = engine->took ? SF_WAKEUP_URGENT : SF_WAKEUP_WORK;
	int64_t until = engine->ended || engine->asked ? mono + HURRY_NS : engine->next_look;

	if (engine->took && have_records(engine, SF_RECORDS_MANY))
		return 0;
	if (engine->took && until > mono + GATHER_NS)
		until = mono + GATHER_NS;
	if (until > engine->deliver_ns)
		until = engine->deliver_ns;
	sf_loop_set_level(engine->loop, level);
	/* here too, because the caller may wait in another loop */
	sf_wakeup_arm(sf_loop_wakeup(engine->loop), level);
	return !engine->took && have_records(engine, 1) ? 0 : until;
}

const struct sf_engine_mode sf_mode_live = { live_work, live_wake_ns, LIVE_NS };
