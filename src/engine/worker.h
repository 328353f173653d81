/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker: one capture queue, one meter, one way out for its records. What a worker does in a
 * round, and at its end, is its kind (struct sf_worker_kind): four rows of functions.
 *
 *	inline  capture files, one worker: runs in the caller's thread, records go straight to the
 *	        exporter (worker.c)
 *	reader  interfaces: a thread with a queue, and a ring of records to the main thread
 *	        (rings.c)
 *	taker   interfaces: a thread without a queue, which meters what readers hand over (rings.c)
 *	turn    capture files, several workers: each reads in turn, all meter (turns.c)
 *
 * Kinds with several workers share a struct sf_handover, through which packets go from one worker
 * to another. There are two implementations, sf_rings and sf_turns. Nothing else in src/engine
 * knows them but build.c, which chooses one:
 *
 *	sf_turns.new(&handover, &handover_options, &error);
 *	options.kind = sf_turns.kind(handover, true);
 *	sf_worker_init(&worker, &options, &error);
 *	while (!sf_worker_ended(&worker))
 *		sf_worker_step(&worker);	or sf_worker_start(), in a thread of its own
 *	sf_worker_finish(&worker);
 *	sf_worker_counters(&worker, &counters);
 *
 * Words that threads share, besides the rings; read and written once per batch, never per packet:
 *
 *	control  written by the main thread only (release), read by workers (acquire): bit 0 orders
 *	         them to stop; the rest is the number of the last request for counters.
 *	answered written by the worker only (release), read by the main thread (acquire): number of
 *	         the request that `snapshot` answers. The main thread requests again only after
 *	         it has read the snapshots, so that a snapshot never changes while it is read.
 *	done     written by the worker (release) when it has put its last record; by the main thread
 *	         if the thread could not be started. Read (acquire) by the main thread before it
 *	         looks into the ring a last time, and by workers that wait for leftover flows of
 *	         others.
 *	budget   packets that may still pass (--count): read and written by all workers,
 *	         sequentially consistent; only with such a limit.
 *	reached  the worker's clock: written by the worker, read by the main thread; relaxed,
 *	         because no other data depends on it.
 */
#ifndef SPANFLOW_ENGINE_WORKER_H
#define SPANFLOW_ENGINE_WORKER_H

#include <limits.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <time.h>

#include <spanflow/engine.h>
#include <spanflow/meter.h>

#include "base/clock.h"
#include "base/ring.h"
#include "base/wakeup.h"
#include "engine/folding.h"
#include "engine/input.h"
#include "filter/filter.h"
#include "meter/sample.h"

/* The word `control`: an order to stop; above it the number of the last request for counters. */
#define SF_CONTROL_STOP    1u
#define SF_CONTROL_REQUEST 1 /* bits to shift */

/* How many packets may still pass, over all workers. */
struct sf_budget {
	alignas(SF_CACHE_LINE) _Atomic uint64_t left;
};

/* Where a source is in time (timeline.h). */
struct sf_timing {
	struct sf_clock clock;
	const struct sf_period *period; /* of the packet received last; NULL: the first one */
	int64_t end_ns;                 /* packet clock that ends the run */
	bool quiet;                     /* the last receive returned nothing */
	int64_t quiet_mono;             /* monotonic time when it became quiet */
	int64_t quiet_clock;            /* clock at that time */
	struct sf_sampler sampler;      /* with --sample */
	/* monotonic time before the driver was last asked, while it is quiet */
	int64_t looked_mono;
};

enum sf_worker_state {
	SF_WORKER_RUNNING,
	SF_WORKER_QUIET, /* running, and no packet came within the driver's wait */
	SF_WORKER_EOF,   /* the input ended */
	SF_WORKER_LIMIT, /* --count or --duration */
	SF_WORKER_STOPPED,
	SF_WORKER_FAILED, /* see input->capture->error */
};

struct sf_worker;

/*
 * What workers of a kind do differently from other kinds. All but `join` are
 * called by the worker's thread.
 */
struct sf_worker_kind {
	/* Before the meter is made: memory of this kind, and meter->sink. 0 or a negative code. */
	int (*join)(
		struct sf_worker *worker, struct sf_meter_options *meter, struct sf_error *error);
	/* Frees what join() has made; may be called without it. */
	void (*leave)(struct sf_worker *worker);
	/* One round: receives, meters, hands over, takes what was handed over, ages. */
	enum sf_worker_state (*step)(struct sf_worker *worker);
	/* An order to stop was seen. */
	void (*stop)(struct sf_worker *worker);
	/* The end: meters what is still under way; then all flows leave the table. */
	void (*finish)(struct sf_worker *worker);
	/* Adds what this kind counts besides the meter. */
	void (*count)(const struct sf_worker *worker, struct sf_engine_counters *counters);
	/*
	 * By the main thread: the worker's thread could not be started,
	 * and no other one waits for it.
	 */
	void (*absent)(struct sf_worker *worker);
	/* The worker itself answers requests for counters, at a moment that suits all workers. */
	bool answers_itself;
};

/* What workers of one source have in common; the first member of each implementation's struct. */
struct sf_handover {
	const struct sf_handover_ops *ops;
};

struct sf_handover_options {
	const struct sf_capture *capture;
	unsigned workers;
	bool independent;          /* no packets are handed over */
	bool sole_reader;          /* only one worker may read: it has to see all packets */
	const uint32_t *steer_key; /* SF_STEER_WORDS random words: decide the worker of a flow */
	uint64_t facts;            /* facts on request that packets have */
	int64_t clock_limit_ns;    /* see sf_timing_limit() */
	struct sf_worker *workers_of_run; /* all workers, which are made later */
};

struct sf_handover_ops {
	/* Before the workers are made. 0 or -ENOMEM. */
	int (*new)(struct sf_handover **handover, const struct sf_handover_options *options);
	void (*free)(struct sf_handover *handover);
	/*
	 * The kind of a worker, with a queue or without one; NULL: such a
	 * worker would have nothing to do.
	 */
	const struct sf_worker_kind *(*kind)(const struct sf_handover *handover, bool has_queue);
	/*
	 * For the main thread: nobody else uses the exporter until unlock(). True: it has the lock;
	 * false: not within a second. NULL: only the main thread uses the exporter.
	 */
	bool (*lock)(struct sf_handover *handover);
	void (*unlock)(struct sf_handover *handover);
};

/* Live rings between workers of interfaces; turns of workers that read files. */
extern const struct sf_handover_ops sf_rings, sf_turns;

/* The only worker of a run of files. */
extern const struct sf_worker_kind sf_worker_inline;

#define SF_NO_QUEUE UINT_MAX

/* A worker whose ring has this many records wakes the main thread at once. */
#define SF_RECORDS_MANY 4096u

struct sf_worker_options {
	const struct sf_worker_kind *kind;
	struct sf_handover *handover; /* NULL: inline */
	struct sf_input *input;
	unsigned queue;                  /* SF_NO_QUEUE: meters what is handed over */
	unsigned number;                 /* among the workers of the source */
	struct sf_meter_options meter;   /* with sink: the exporter */
	const char *filter;              /* NULL: none */
	struct sf_sampling sampling;     /* of what passes the filter */
	int64_t switch_time_ns;          /* see sf_plan */
	enum sf_fold_mode fold;          /* what is folded on the way to the sink */
	struct sf_budget *budget;        /* NULL: no limit */
	int64_t packet_duration_ns;      /* ends the run by the packets' clock; 0: never */
	bool ages_when_quiet;            /* the clock goes on while no packet comes */
	int cpu;                         /* the thread is pinned to; -1: to none */
	struct sf_wakeup *main_wakeup;   /* wakes the main thread; NULL: there is none */
	pthread_mutex_t *start_barrier;  /* held until all threads have started */
	const _Atomic uint32_t *control; /* of the run; NULL: no thread of its own */
};

/*
 * Packets of a source, and the clock after each; `packets` and `clocks` have room for as many as
 * asked.
 */
struct sf_received {
	struct sf_packet *packets;
	int64_t *clocks;
	unsigned received;    /* packets that the driver gave */
	unsigned count;       /* packets to be metered: the first ones of `received` */
	const int64_t *clock; /* `clocks`; NULL: the clock is each packet's own time */
};

struct sf_worker {
	/* per batch, worker's thread */
	struct sf_capture *capture; /* NULL: no queue */
	struct sf_meter *meter;
	struct sf_filter *filter;
	struct sf_worker_options options;
	struct sf_timing timing;
	struct sf_time_restorer restorer; /* between meter and folding */
	struct sf_folding folding;        /* between that and the sink */
	uint64_t frames, unread;
	struct sf_stamp_counts stamps;
	enum sf_worker_state state;
	void *own;           /* memory of its kind */
	bool waits_for_room; /* at the end: waits for room in the ring instead of losing records */
	pthread_t thread;
	bool has_thread;
	/* shared with the main thread */
	struct sf_wakeup wakeup; /* interfaces: wakes this worker */
	struct sf_ring ring;     /* interfaces: its records */
	alignas(SF_CACHE_LINE) _Atomic uint32_t answered;
	atomic_bool done;
	_Atomic int64_t reached;            /* INT64_MIN before the first packet */
	struct sf_engine_counters snapshot; /* the answer to request number `answered` */
};

/* Makes meter and filter, and what its kind needs. */
int sf_worker_init(
	struct sf_worker *worker, const struct sf_worker_options *options, struct sf_error *error);
void sf_worker_fini(struct sf_worker *worker);

/* One batch. */
enum sf_worker_state sf_worker_step(struct sf_worker *worker);

/* The end: what others still hand over is metered, then all flows leave the table. */
void sf_worker_finish(struct sf_worker *worker);

/* Runs the worker in a thread of its own until its input ends or `control` says stop. */
int sf_worker_start(struct sf_worker *worker, struct sf_error *error);

/* Its counters; by the worker's own thread, or when it is done. */
void sf_worker_counters(const struct sf_worker *worker, struct sf_engine_counters *counters);

static inline bool sf_worker_ended(const struct sf_worker *worker)
{
	return worker->state > SF_WORKER_QUIET;
}

/* ---- For the kinds of worker. Thread: the worker's. */

/* How long packets may lie in the kernel before the driver hands them over. */
#define SF_KEPT_BACK_NS INT64_C(100000000)

static inline void sf_pause_us(long us)
{
	nanosleep(&(struct timespec){ .tv_nsec = us * 1000 }, NULL);
}

/* ---- timing.c */

/* The longest step of a source's clock that need not be confirmed, ns. */
int64_t sf_timing_limit(const struct sf_meter_options *meter);

/* At the begin of a source. */
void sf_timing_init(struct sf_timing *timing, int64_t limit_ns);

/*
 * Moves the clock by the packets received, which get the time of the source (timeline.h), and sets
 * batch->clock.
 */
void sf_timing_follow(
	struct sf_worker *worker, struct sf_timing *timing, struct sf_received *batch);

/*
 * No packet came: the clock goes on by itself, if it has begun. `awaited`: other workers wait for
 * this clock. True: the clock has reached the end of the run.
 */
bool sf_worker_keep_time(struct sf_worker *worker, bool awaited);

/* The clock at which the input ended, for finish(). */
int64_t sf_worker_end_clock(struct sf_worker *worker);

/* The packet time that a clock of the worker stands for. Any thread. */
int64_t sf_worker_packet_clock(const struct sf_worker *worker, int64_t clock);

/* ---- worker.c */

/*
 * Receives up to `max` packets, moves the clock by all of them, and leaves out what comes after a
 * limit or what the filter refuses. What came before an end is in the batch.
 */
enum sf_worker_state sf_worker_receive(struct sf_worker *worker, struct sf_timing *timing,
	struct sf_received *batch, unsigned max);

/* The clock after a packet of the batch, ns since 1970. */
int64_t sf_received_clock(const struct sf_received *batch, unsigned i);

/* Tells the main thread how far this worker is. */
void sf_worker_tell_clock(struct sf_worker *worker, int64_t clock);

/* The number of the last request for counters; and answers it, unless that was done before. */
uint32_t sf_worker_request(const struct sf_worker *worker);
void sf_worker_answer(struct sf_worker *worker, uint32_t request);

/* stop() of kinds that need not agree with other workers. */
void sf_worker_stop(struct sf_worker *worker);

#endif
