/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker: one capture queue, one meter, one way out for its records. It either runs inside the
 * caller's thread (one on capture files: records go straight to the exporter) or in a thread of its
 * own, with a ring of records to the exporter's thread, or for files with a door to the exporter.
 *
 * The workers of one observation point hand parsed packets over to each other (meter/exchange.h),
 * unless they are to be independent. Where a source has fewer queues than there are workers, the
 * others have no queue and meter only what is handed over: so a pipe is metered by several workers.
 * Plain files are mostly read by each worker for itself, which gets the packets of its own flows
 * (meter/share.h; setup.c says when).
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
 *	share    missing and furthest, by which workers who read the same files agree on where to
 *	         stop; sequentially consistent, at the end of a run only.
 *	remains  the flows left in its table, which all workers of a file take out in parts, at the
 *	         end of a run only; see struct sf_remains.
 */
#ifndef SPANFLOW_CLI_WORKER_H
#define SPANFLOW_CLI_WORKER_H

#include <limits.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>

#include <spanflow/meter.h>

#include "base/clock.h"
#include "base/ring.h"
#include "cli/input.h"
#include "filter/filter.h"
#include "meter/exchange.h"
#include "meter/share.h"

/* How many packets may still pass, over all workers (-c). */
struct sf_budget {
	alignas(SF_CACHE_LINE) _Atomic uint64_t left;
};

/*
 * Workers who read the same files, each for itself. When they are stopped they are not at the same
 * packet: those behind go on to where the first one is.
 */
struct sf_share {
	unsigned workers;
	uint64_t secret[2];
	_Atomic unsigned missing;  /* workers that have not said how far they are */
	_Atomic uint64_t furthest; /* packets */
};

/*
 * What workers of files have in common: the way into the exporter, and the work that is left in the
 * end. One at a time goes through `lock`, with many records, so that these never leave the cache of
 * their core. Who is at it waits for a slow collector, and so do the others in the end. `wanted`: the
 * main thread waits, and is to be let in first; relaxed, as it is but a hint.
 */
struct sf_door {
	pthread_mutex_t lock;
	atomic_bool wanted;
	struct sf_worker *workers; /* all of the run */
	unsigned worker_count;
};

/*
 * The flows in a worker's table when its packets have ended. Processors are not equally fast, nor are
 * workers' parts equally large, so whoever has nothing else to do takes parts of them.
 */
struct sf_remains {
	alignas(SF_CACHE_LINE) atomic_bool open; /* the rest is known, and the table at rest */
	int64_t end;                             /* the final clock, ns since 1970 */
	uint32_t places;                         /* of flows, see sf_meter_places() */
	_Atomic uint64_t taken;                  /* places that somebody takes or has taken */
	_Atomic uint64_t given;                  /* places whose records have left the table */
};

#define SF_NO_QUEUE UINT_MAX

struct sf_worker_options {
	struct sf_input *input;
	unsigned queue;               /* SF_NO_QUEUE: meters what is handed over */
	struct sf_exchange *exchange; /* of the observation point; NULL: keeps to itself */
	struct sf_share *share;       /* every worker reads all packets; NULL: those of its queue */
	unsigned number;              /* among the workers of the exchange or share */
	/* with a thread: live, the sink is replaced by the ring; of files, it is behind the door */
	struct sf_meter_options meter;
	struct sf_door *door;            /* NULL: live, or no thread */
	const char *filter;              /* NULL: none */
	struct sf_budget *budget;        /* NULL: no limit */
	int64_t packet_duration_ns;      /* ends the run by the packets' clock; 0: never */
	bool ages_when_quiet;            /* the clock goes on while no packet comes */
	int cpu;                         /* the thread is pinned to; -1: to none */
	int bell;                        /* an eventfd to ring at the end; -1: nobody listens */
	pthread_mutex_t *gate;           /* held until all threads have started */
	const _Atomic uint32_t *control; /* the run's; NULL: no thread of its own */
};

enum sf_worker_state {
	SF_WORKER_RUNNING,
	/* running, and nothing came within the driver's wait, or with a share, nothing of its own */
	SF_WORKER_QUIET,
	SF_WORKER_EOF,   /* the input ended */
	SF_WORKER_LIMIT, /* -c or --duration */
	SF_WORKER_STOPPED,
	SF_WORKER_FAILED, /* see input->capture->error */
};

/* What a worker tells about itself. */
struct sf_books {
	struct sf_ledger ledger;
	uint64_t frames; /* handed over by the driver for this worker */
	uint64_t unread; /* of those, left alone because a limit was reached within the batch */
	uint64_t handed; /* given to another worker's table */
	int64_t clock;   /* the packet clock; INT64_MIN before the first packet */
};

struct sf_worker {
	/* per batch, worker's thread */
	struct sf_capture *capture;
	struct sf_meter *meter;
	struct sf_filter *filter;
	struct sf_worker_options options;
	struct sf_clock clock;
	int64_t horizon; /* with an exchange: the clock that all other workers have reached */
	int64_t end_ns;  /* packet clock that ends the run */
	uint64_t frames, unread;
	enum sf_worker_state state;
	bool quiet;         /* the last recv returned nothing */
	bool patient;       /* wait for room in the ring instead of losing records */
	int64_t quiet_mono; /* monotonic time and clock when it became quiet */
	int64_t quiet_clock;
	uint32_t seen_control;
	pthread_t thread;
	bool has_thread;
	struct sf_part part;     /* with a share: which packets are its own */
	uint64_t stop_at;        /* packets of all workers; more are not looked at */
	struct sf_flow *records; /* with a door: those that wait for it */
	unsigned record_count;
	struct sf_remains remains; /* with a door: shared with the other workers */
	/* shared with the main thread */
	struct sf_ring ring;
	alignas(SF_CACHE_LINE) _Atomic uint32_t answered;
	atomic_bool done;
	_Atomic int64_t reached; /* INT64_MIN before the first packet */
	struct sf_books books;
};

/* Makes meter, filter and, with options->control, the ring. */
int sf_worker_init(
	struct sf_worker *worker, const struct sf_worker_options *options, struct sf_error *error);
void sf_worker_fini(struct sf_worker *worker);

/* One batch: take what others handed over, receive, filter, meter, release, age. */
enum sf_worker_state sf_worker_step(struct sf_worker *worker);

/* The end: what others still hand over is metered, then all flows leave the table. */
void sf_worker_finish(struct sf_worker *worker);

/* A worker has seen so many packets, and will go on only to where another one is. Thread: any. */
void sf_share_arrive(struct sf_share *share, uint64_t packets);

/* Runs the worker in a thread of its own until its input ends or `control` says stop. */
int sf_worker_start(struct sf_worker *worker, struct sf_error *error);

/* The books, from the worker's own thread or when it is done. */
void sf_worker_books(const struct sf_worker *worker, struct sf_books *books);

static inline bool sf_worker_ended(const struct sf_worker *worker)
{
	return worker->state > SF_WORKER_QUIET;
}

#endif
