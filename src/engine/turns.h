/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What turns.c shows to its test; nothing else includes this file. See
 * struct sf_handover_ops sf_turns.
 */
#ifndef SPANFLOW_ENGINE_TURNS_H
#define SPANFLOW_ENGINE_TURNS_H

#include "engine/relay.h"
#include "engine/worker.h"

/*
 * The leftover flows of a worker: those in its table when its packets have ended. Workers have
 * tables of different size, and processors of different speed, so each worker that has nothing else
 * to do takes parts of all tables.
 */
struct sf_leftover {
	alignas(SF_CACHE_LINE) atomic_bool open; /* the table does not change any more */
	struct sf_meter *meter;                  /* whose table it is */
	int64_t end;                             /* the final clock, ns since 1970 */
	uint32_t ids;                            /* of flows, see sf_meter_ids_used() */
	_Atomic uint64_t taken;                  /* ids that some worker takes or has taken */
	_Atomic uint64_t emitted;                /* ids whose records have left the table */
};

struct sf_turns {
	struct sf_handover handover;
	struct sf_relay *relay;
	bool sole_reader; /* each turn is worker 0's */
	struct sf_timing timing;
	uint32_t requested;     /* the last request for counters that a turn carries */
	_Atomic unsigned state; /* enum sf_worker_state; RUNNING: there are more turns */
	unsigned workers;
	struct sf_worker *workers_of_run;
	struct sf_leftover leftovers[SF_WORKERS_MAX]; /* by worker */

	/*
	 * The lock of the exporter. A worker takes it with many records, so that these never leave
	 * the cache of their core. `main_waits`: the main thread waits, and is let in first;
	 * relaxed, because it is only a hint.
	 */
	pthread_mutex_t lock;
	atomic_bool main_waits;
};

#endif
