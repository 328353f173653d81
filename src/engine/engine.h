/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside of an engine (spanflow/engine.h): sources, workers and exporter brought together, from the
 * first packet to the last record. The engine's thread is called the main thread here. How it
 * spends its time depends on the run, and is a row of struct sf_engine_mode:
 *
 *	inline  files, one worker: the main thread does all the work itself; records go from the
 *	        table straight into the exporter. Nothing is shared, nothing can be lost between
 *	        them.
 *	files   files, several workers, a thread each. The workers put records into the exporter
 *	        themselves, under a lock. The main thread looks after the clock and notices.
 *	live    interfaces, a thread for each worker. The main thread moves records from the
 *	        workers' rings into the exporter, and sends what destinations are ready to take.
 *
 * One round of the main thread is sf_engine_step(), for example of a live run:
 *
 *	mode->work(engine, mono);	records from rings to queues, from queues to destinations
 *	sf_engine_look(engine, mono);	when it is due: notices, counters, clock
 */
#ifndef SPANFLOW_ENGINE_ENGINE_H
#define SPANFLOW_ENGINE_ENGINE_H

#include <spanflow/engine.h>

#include "base/loop.h"
#include "base/steer.h"
#include "engine/input.h"
#include "engine/worker.h"
#include "meter/own.h"

#define SF_INPUTS_MAX 64
#define SF_DESTINATIONS_TOLD                                                                       \
	64 /* destinations whose losses and news become notices; others have none */

/* Notices given about a destination. */
struct sf_told {
	unsigned news;   /* news of sf_destination_stats */
	bool failure;    /* a notice of a loss was given */
	int64_t news_ns; /* monotonic: earliest time of the next notice of news */
};

struct sf_engine_mode {
	/* Moves packets or records for a while. True: there may be more at once. */
	bool (*work)(struct sf_engine *engine, int64_t mono);
	/*
	 * The monotonic time until which there is nothing to do unless something comes; 0: go on at
	 * once.
	 */
	int64_t (*wake_ns)(struct sf_engine *engine, int64_t mono);
	int64_t look_ns; /* between two looks */
};

struct sf_engine {
	struct sf_plan plan; /* with the copies below */
	struct sf_plan_source *sources;
	struct sf_plan_destination *destinations;
	struct sf_engine_options options;
	const struct sf_engine_mode *mode;
	struct sf_hurry hurry; /* of options, and what sf_engine_free() demands */

	struct sf_exporter *exporter;
	struct sf_interfaces *interfaces;
	struct sf_input inputs[SF_INPUTS_MAX];
	unsigned input_count;
	struct sf_handover *handovers[SF_INPUTS_MAX]; /* between the workers of an input, or NULL */
	pthread_mutex_t start_barrier;                /* held until all workers have started */
	struct sf_loop *loop;               /* the main thread waits in it; workers wake it */
	uint32_t steer_key[SF_STEER_WORDS]; /* of exchanges and of the kernel's steering */
	struct sf_own own;                  /* sessions of our own collectors */
	struct sf_worker *workers;
	unsigned worker_count;
	struct sf_budget budget;                       /* of all workers */
	bool live;                                     /* packets come from interfaces, not files */
	bool threads;                                  /* each worker has one */
	struct sf_watch watched[SF_DESTINATIONS_TOLD]; /* destinations that wait to be writable */
	unsigned watched_count;

	enum sf_engine_state state;
	const char *ended;                  /* why; NULL: the run goes on */
	struct sf_engine_counters counters; /* the latest ones of all workers */

	/* main thread's time keeping, monotonic ns */
	int64_t deadline, next_look, next_request;
	int64_t deliver_ns;       /* live: when destinations are to be served again */
	int64_t deliver_deadline; /* live: when records that wait at the end are given up */
	bool took;                /* live: the last round took records from rings */
	bool ordered;             /* the caller has ordered something since the last step */
	bool reload;              /* certificates and keys are to be read again */
	bool announce;            /* templates and options data are to be sent once more */
	bool asks;                /* the caller asks for counters */
	bool asked;               /* workers were asked on behalf of the caller */
	bool counters_read;       /* the answers to the current request were read */
	uint32_t request;         /* number of the current request for counters */
	unsigned done_count;      /* workers that were seen to have ended */
	uint32_t told_link;       /* unsupported link type of which a notice was given */
	struct sf_told told[SF_DESTINATIONS_TOLD];
	atomic_bool abandoned; /* the caller frees the engine: no destination is waited for */

	alignas(SF_CACHE_LINE) _Atomic uint32_t control; /* see worker.h */
};

/* ---- notice.c */

/* Does what the caller has ordered of the exporter: sf_engine_announce(), sf_engine_reload(). */
void sf_engine_order_exporter(struct sf_engine *engine);

/* ---- build.c: opens sources and destinations; after a failure, sf_engine_close() all the same. */

int sf_engine_open(struct sf_engine *engine, struct sf_error *error);
void sf_engine_close(struct sf_engine *engine);
/*
 * Makes a worker for each queue of the inputs, which are open by
 * then. Called by sf_engine_open().
 */
int sf_engine_make_workers(struct sf_engine *engine, struct sf_error *error);
/* The sessions of collectors, as far as they have an address by now. */
void sf_engine_learn_own(struct sf_engine *engine);

/* ---- modes.c */

extern const struct sf_engine_mode sf_mode_inline, sf_mode_files, sf_mode_live;

/* ---- threads.c: workers that run in threads */

/* All or none: those that have started stop before they begin. */
int sf_engine_start_workers(struct sf_engine *engine, struct sf_error *error);
/* True: all workers are done, and have left all records in rings or the exporter. */
bool sf_engine_workers_done(const struct sf_engine *engine);
void sf_engine_stop_workers(struct sf_engine *engine);
void sf_engine_join_workers(struct sf_engine *engine);
/* Workers look at what is asked of them, also where no packet comes. */
void sf_engine_wake_workers(struct sf_engine *engine);
/* Workers of files that wait for a destination look whether the run is in a hurry. */
void sf_engine_interrupt_workers(struct sf_engine *engine);
/*
 * Nobody else uses the exporter until it is unlocked. A worker of files
 * holds the lock while it exports.
 */
void sf_engine_lock_exporter(struct sf_engine *engine);
void sf_engine_unlock_exporter(struct sf_engine *engine);

/* ---- counters.c */

/* Counters of all workers; while threads run, as they answered the last request. */
void sf_engine_count(const struct sf_engine *engine, struct sf_engine_counters *sum);
/* Adds a worker's counters; the clock becomes the later one. */
void sf_engine_counters_add(
	struct sf_engine_counters *sum, const struct sf_engine_counters *counters);
/* True: all workers have answered the current request, or are done. */
bool sf_engine_answered(const struct sf_engine *engine);
/* Requests the counters of all workers. They answer after their next batch, or sleep. */
void sf_engine_request(struct sf_engine *engine);

/* ---- look.c: what is done now and then */

/*
 * Tells the exporter the time, reads and requests counters, gives
 * notices: what is due at `mono`.
 */
void sf_engine_look(struct sf_engine *engine, int64_t mono);
/* Tells the exporter the time. `clock`: how far the packets are; INT64_MIN: not known. */
void sf_engine_tick(struct sf_engine *engine, int64_t clock);
/* New counters: statistics for options data, notices, the caller. */
void sf_engine_counted(struct sf_engine *engine, const struct sf_engine_counters *counters);

/* ---- notice.c */

/* Gives a notice to the caller (sf_engine_events.notice), printf-like. */
void sf_engine_notice(struct sf_engine *engine, enum sf_notice notice, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Of each source of interfaces what has changed: metered, blocked, resumed. */
void sf_notice_sources(struct sf_engine *engine);
/* Each source's failure, once: its workers may all end with the same one. */
void sf_notice_failures(struct sf_engine *engine);
/* Of each source, once, that the time of its packets went back. */
void sf_notice_steps(struct sf_engine *engine);
/* Losses at destinations, news about them, and unknown link types. */
void sf_notice_destinations(struct sf_engine *engine, const struct sf_ledger *ledger);

#endif
