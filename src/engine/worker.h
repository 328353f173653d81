/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker: one capture queue, one meter, one way out for its records. It either runs inside the
 * caller's thread (one on capture files: records go straight to the exporter) or in a thread of its
 * own, with a ring of records to the exporter's thread, or for files with a door to the exporter.
 *
 * The workers of one observation point hand parsed packets over to each other (engine/exchange.h),
 * unless they are to be independent. Where a source has fewer queues than there are workers, the
 * others have no queue and meter only what is handed over. The workers of files take turns in
 * reading and parsing, and each accounts the packets of its own flows (engine/relay.h).
 *
 * What the threads share besides the ring, once per batch and never per packet:
 *
 *	control  written by the main thread only (release), read by the worker (acquire): bit 0 asks
 *	         it to stop; the rest counts how often its books were asked for.
 *	answered written by the worker only (release), read by the main thread (acquire): up to which
 *	         question `books` holds the answer. The main thread asks again only after it has
 *	         read, so `books` never changes under it.
 *	done     written by the worker (release) when no more records will come, or by the main thread
 *	         if it could not be started; read (acquire) by the main thread before it looks into
 *	         the ring a last time, and by workers that wait for what remains of others.
 *	budget   -c: read and written by all workers, sequentially consistent; only with -c.
 *	reached  its clock, written by the worker, read by the main thread; relaxed, as nothing else
 *	         is read by it.
 *	turns    the source of workers who take turns: touched by whose turn it is, and read by all
 *	         when there are no more; its state by any worker, once, sequentially consistent.
 *	remains  the flows left in its table, which all workers of a file take out in parts, at the
 *	         end of a run only; see struct sf_remains.
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
#include "engine/exchange.h"
#include "engine/input.h"
#include "engine/order.h"
#include "engine/relay.h"
#include "filter/filter.h"

/* How many packets may still pass, over all workers (-c). */
struct sf_budget {
	alignas(SF_CACHE_LINE) _Atomic uint64_t left;
};

/* Where a source is in time. */
struct sf_timing {
	struct sf_clock clock;
	int64_t end_ns;     /* packet clock that ends the run */
	bool quiet;         /* the last recv returned nothing */
	int64_t quiet_mono; /* monotonic time and clock when it became quiet */
	int64_t quiet_clock;
	int64_t looked_mono; /* monotonic time before the driver was last asked, while it is quiet */
};

/* The source of workers who take turns at it. */
struct sf_turns {
	struct sf_relay *relay;
	bool sole; /* each turn is worker 0's: duplicates are found only by who sees all packets */
	struct sf_timing timing;
	uint32_t asked;         /* the last question for the books that a turn carries */
	_Atomic unsigned state; /* enum sf_worker_state; RUNNING: there are more turns */
};

/*
 * What workers of files have in common: the way into the exporter, and the work that is left in the
 * end. One at a time goes through `lock`, with many records, so that these never leave the cache of
 * their core. Who is at it waits for a slow collector, and so do the others in the end. `wanted`:
 * the main thread waits, and is to be let in first; relaxed, as it is but a hint.
 */
struct sf_door {
	pthread_mutex_t lock;
	atomic_bool wanted;
	struct sf_worker *workers; /* all of the run */
	unsigned worker_count;
};

/*
 * The flows in a worker's table when its packets have ended. Processors are not equally fast, nor
 * are workers' parts equally large, so whoever has nothing else to do takes parts of them.
 */
struct sf_remains {
	alignas(SF_CACHE_LINE) atomic_bool open; /* the rest is known, and the table at rest */
	int64_t end;                             /* the final clock, ns since 1970 */
	uint32_t places;                         /* of flows, see sf_meter_ids_used() */
	_Atomic uint64_t taken;                  /* places that somebody takes or has taken */
	_Atomic uint64_t given;                  /* places whose records have left the table */
};

#define SF_NO_QUEUE UINT_MAX

/* In a worker's ring: then the main thread takes them at once. */
#define SF_RECORDS_MANY 4096u

struct sf_worker_options {
	struct sf_input *input;
	unsigned queue;               /* SF_NO_QUEUE: meters what is handed over */
	struct sf_exchange *exchange; /* of the observation point; NULL: keeps to itself */
	struct sf_turns *turns; /* of workers of the same files; NULL: it has packets of its own */
	unsigned number;        /* among the workers of the exchange or the turns */
	/* with a thread: live, the sink is replaced by the ring; of files, it is behind the door */
	struct sf_meter_options meter;
	struct sf_door *door;            /* NULL: live, or no thread */
	const char *filter;              /* NULL: none */
	struct sf_budget *budget;        /* NULL: no limit */
	int64_t packet_duration_ns;      /* ends the run by the packets' clock; 0: never */
	bool ages_when_quiet;            /* the clock goes on while no packet comes */
	int cpu;                         /* the thread is pinned to; -1: to none */
	struct sf_wakeup *main_wakeup;   /* wakes the main thread; NULL: there is none */
	pthread_mutex_t *start_barrier;  /* held until all threads have started */
	const _Atomic uint32_t *control; /* the run's; NULL: no thread of its own */
};

enum sf_worker_state {
	SF_WORKER_RUNNING,
	SF_WORKER_QUIET, /* running, and nothing came within the driver's wait */
	SF_WORKER_EOF,   /* the input ended */
	SF_WORKER_LIMIT, /* -c or --duration */
	SF_WORKER_STOPPED,
	SF_WORKER_FAILED, /* see input->capture->error */
};

/*
 * Packets of a source, and the clock after each; `packets` and `clocks` have room for as many as
 * asked.
 */
struct sf_received {
	struct sf_packet *packets;
	int64_t *clocks;
	unsigned received;    /* from the driver, */
	unsigned count;       /* of those, the first ones are to be metered */
	const int64_t *clock; /* `clocks`, or NULL: it is each packet's own time */
};

struct sf_worker {
	/* per batch, worker's thread */
	struct sf_capture *capture;
	struct sf_meter *meter;
	struct sf_filter *filter;
	struct sf_worker_options options;
	struct sf_timing timing; /* with turns: its clock is that of what was accounted */
	struct sf_order
		*order; /* of the packets of several queues or rings; NULL: they come in order */
	int64_t horizon; /* with an exchange or an order: the time up to which all packets are in the table */
	uint64_t frames, unread;
	enum sf_worker_state state;
	bool ages_on; /* flows that are due have been left for the next step */
	bool patient; /* wait for room in the ring instead of losing records */
	pthread_t thread;
	bool has_thread;
	struct sf_turn_work *work; /* with turns: for those that are its own */
	struct sf_flow *records;   /* with a door: those that wait for it */
	unsigned record_count;
	struct sf_remains remains; /* with a door: shared with the other workers */
	/* shared with the main thread */
	struct sf_wakeup wakeup; /* live: wakes this worker */
	struct sf_ring ring;
	alignas(SF_CACHE_LINE) _Atomic uint32_t answered;
	atomic_bool done;
	_Atomic int64_t reached;            /* INT64_MIN before the first packet */
	struct sf_engine_counters snapshot; /* the answer to request number `answered` */
};

/* Makes meter and filter, and what its records and its turns need. */
int sf_worker_init(
	struct sf_worker *worker, const struct sf_worker_options *options, struct sf_error *error);
void sf_worker_fini(struct sf_worker *worker);

/* One batch: take what others handed over, receive, filter, meter, release, age. */
enum sf_worker_state sf_worker_step(struct sf_worker *worker);

/* The end: what others still hand over is metered, then all flows leave the table. */
void sf_worker_finish(struct sf_worker *worker);

/* Runs the worker in a thread of its own until its input ends or `control` says stop. */
int sf_worker_start(struct sf_worker *worker, struct sf_error *error);

/* The books, from the worker's own thread or when it is done. */
void sf_worker_counters(const struct sf_worker *worker, struct sf_engine_counters *books);

static inline bool sf_worker_ended(const struct sf_worker *worker)
{
	return worker->state > SF_WORKER_QUIET;
}

/* The rest is for the files that make up a worker. Thread: the worker's. */

/* How long packets may lie in the kernel before the driver hands them over. */
#define SF_KEPT_BACK_NS INT64_C(100000000)

/* worker.c */
static inline void sf_pause_us(long us)
{
	nanosleep(&(struct timespec){ .tv_nsec = us * 1000 }, NULL);
}

/* The longest step of a source's clock that need not be confirmed, ns. */
int64_t sf_timing_limit(const struct sf_meter_options *meter);

/* At the begin of a source. */
void sf_timing_init(struct sf_timing *timing, int64_t limit_ns);

/*
 * Receives up to `max` packets, moves the clock by all of them, and leaves out what comes after a
 * limit or what the filter refuses. What came before an end is in the batch.
 */
enum sf_worker_state sf_worker_receive(struct sf_worker *worker, struct sf_timing *timing,
	struct sf_received *batch, unsigned max);

/* The clock after a packet of the batch, ns since 1970. */
int64_t sf_received_clock(const struct sf_received *batch, unsigned i);

/* Ages the table to the worker's clock, and no further than others' packets allow. */
void sf_worker_age(struct sf_worker *worker);

/* Tells the others and the main thread how far this worker is. */
void sf_worker_tell_clock(struct sf_worker *worker);

/* The number of the last question for the books; gives them if it was not answered yet. */
uint32_t sf_worker_request(const struct sf_worker *worker);
void sf_worker_answer(struct sf_worker *worker, uint32_t request);

/* idle.c: sleeps until there may be packets, or until time has to go on. */
void sf_idle_wait(struct sf_worker *worker);

/* Tells the others whether there are packets in the worker's queue. */
void sf_idle_tell(struct sf_worker *worker, bool packets);

/* share.c: at the begin, 0 or -ENOMEM. */
int sf_share_join(struct sf_worker *worker);

/* Takes what others handed over; returns how many packets. */
unsigned sf_share_take(struct sf_worker *worker);

/* Parses a batch: packets of other workers are handed on, the rest is metered or waits. */
void sf_share_batch(struct sf_worker *worker, const struct sf_received *batch);

/* Meters packets that have waited, and notes how far the table may be aged. */
void sf_share_account(struct sf_worker *worker);

/* All packets up to this time have been handed on. */
int64_t sf_share_reached(const struct sf_worker *worker);

/* The input has ended at this clock: meters what waits and what others still hand over. Returns the
 * clock at which all input ended. */
int64_t sf_share_finish(struct sf_worker *worker, int64_t end);

/*
 * turns.c. Of the workers together: before they are made, 0 or -ENOMEM; `secret`, `facts`: see
 * sf_relay_new(); `limit_ns`: see sf_timing_limit().
 */
int sf_turns_init(struct sf_turns *turns, unsigned workers, const uint64_t secret[2],
	uint64_t facts, int64_t limit_ns);

/*
 * Of each: at the begin (0 or -ENOMEM), as sf_worker_step(), and the books as of what was
 * accounted.
 */
int sf_turns_join(struct sf_worker *worker);
enum sf_worker_state sf_turns_step(struct sf_worker *worker);
void sf_turns_counters(const struct sf_worker *worker, struct sf_engine_counters *books);

/* There are no more turns, for this reason or one that was named before. */
void sf_turns_end(struct sf_turns *turns, enum sf_worker_state state);

/* door.c: at the begin (0 or -ENOMEM); sf_flow_sink of a worker, the context. */
int sf_door_join(struct sf_worker *worker);
unsigned sf_door_put(void *context, const struct sf_flow *flows, unsigned count);

/* Lets records pass that wait, if nobody else is at the door. */
void sf_door_try(struct sf_worker *worker);

/* The flows of all tables leave, by all workers together; `end_ns`: the final clock. */
void sf_door_finish(struct sf_worker *worker, int64_t end_ns);

#endif
