/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An engine: a whole metering run, as a plan (plan.h) describes it. It opens sources and
 * destinations, captures and meters in threads of its own, and exports in the thread of its caller,
 * who decides when to wait and for what else.
 *
 *	sf_engine_new(&engine, &plan, &options, &error);	opens everything
 *	sf_engine_start(engine, &error);			begins to meter
 *	while (sf_engine_step(engine))
 *		sf_engine_wait(engine);	or poll sf_engine_fd() until sf_engine_wake_ns()
 *	sf_engine_counters(engine, &counters);
 *	sf_engine_free(engine);
 *
 * The engine prints nothing, catches no signals, and gives up no privileges: a caller that wants to
 * do so does it between sf_engine_new() and sf_engine_start().
 *
 * Threads. "The engine's thread" is the one that calls sf_engine_new(); it makes all other calls
 * too, but those that say "any thread". Callbacks come in the engine's thread unless they say
 * otherwise. Records of capture files that are metered by several workers are exported by the
 * workers, one at a time: then a destination that is a callback is called by any of these threads,
 * and never by two at once.
 */
#ifndef SPANFLOW_ENGINE_H
#define SPANFLOW_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include <spanflow/capture.h>
#include <spanflow/declare.h>
#include <spanflow/error.h>
#include <spanflow/export.h>
#include <spanflow/meter.h>
#include <spanflow/plan.h>

SF_BEGIN_PUBLIC

struct sf_engine;
struct sf_helper;

/* Packets of several ports, queues or files, which are put in the order of their times. */
struct sf_order_counts {
	uint64_t waiting; /* packets that wait because earlier ones may still come */
	uint64_t forced;  /* packets metered while an earlier one could still come */
	uint64_t late;    /* packets metered after a later one */
};

/* Records that workers have added up into coarser ones (--fold), which have their octets. */
struct sf_fold_counts {
	uint64_t records, packets, octets;
};

/* Time stamps of switches and taps (sf_plan.switch_time_ns). */
struct sf_stamp_counts {
	uint64_t taken;   /* packets that have the time of their stamp */
	uint64_t refused; /* stamps too far from the time of the capture */
};

/* What the workers of a run have counted; consistent with each other (docs/design.md §5). */
struct sf_engine_counters {
	uint64_t frames; /* handed over by the drivers */
	uint64_t unread; /* of these, not looked at because a limit was reached within the batch */
	uint64_t handed; /* packets given to another worker's table */
	struct sf_order_counts order;
	int64_t clock; /* packet clock, ns since 1970; INT64_MIN before the first packet */
	struct sf_ledger ledger;
	struct sf_fold_counts folded;
	struct sf_stamp_counts stamps;
	uint64_t set_back; /* times that the packets of a source went back in time for good */
};

/* Kinds of notices: what a person should know about the run. */
enum sf_notice {
	SF_NOTICE_WARNING,     /* something to know about a source or the run */
	SF_NOTICE_WAITING,     /* sf_engine_new() waits for a device */
	SF_NOTICE_METERING,    /* a source of interfaces is metered */
	SF_NOTICE_BLOCKED,     /* nothing can come from a source at the moment, and why */
	SF_NOTICE_RESUMED,     /* packets can come (again) from a source that was blocked */
	SF_NOTICE_FAILED,      /* a source has failed */
	SF_NOTICE_DESTINATION, /* a destination loses records, cannot be reached, answers again */
	SF_NOTICE_LINK_TYPE,   /* frames of a link layer without a parser were seen */
	SF_NOTICE_ENDING,      /* metering has ended, the last records are sent */
};

/* How an engine talks to its caller. Every member may be NULL. */
struct sf_engine_events {
	/* A line for a person, without a full stop. */
	void (*notice)(void *context, enum sf_notice notice, const char *text);
	/*
	 * New counters of all workers: about once a second, and after sf_engine_ask() with `asked`.
	 * sf_engine_counters() gives the same ones until the next call.
	 */
	void (*counted)(void *context, const struct sf_engine_counters *counters, bool asked);
	/*
	 * Four to ten times a second: a time to look at sources and destinations. With several
	 * workers of files only here and in the other callbacks is nobody else using the exporter.
	 */
	void (*look)(void *context, int64_t monotonic_ns);
	void *context;
};

/* What surrounds a run and is no part of its plan. All zero is fine. */
struct sf_engine_options {
	struct sf_engine_events events;
	/* How urgent the end is; asked by any thread that waits for a destination. */
	struct sf_hurry hurry;
	/*
	 * Asked while sf_engine_new() waits for a device: returns why the run is to end, such as
	 * "SIGTERM"; NULL: it goes on.
	 */
	const char *(*interrupted)(void *context);
	void *interrupted_context;
	/*
	 * A signal that interrupts workers of files which wait for a destination when hurry.level()
	 * is not 0. The caller installs a handler that does nothing, without SA_RESTART. 0: none.
	 */
	int wake_signal;
	const struct sf_enricher *enricher; /* see sf_exporter_options.enricher */
	const struct sf_chooser *chooser;   /* see sf_exporter_options.chooser */
	/* see sf_exporter_options.conditions */
	int (*conditions)(void *context, const char *text, bool biflow, struct sf_chooser *chooser,
		struct sf_error *error);
	void *conditions_context;
	/* Called for each output file that is complete. NULL: not called. Lent. */
	const struct sf_file_hook *on_file;
	const struct sf_lookup *lookup; /* see sf_exporter_options.lookup */
	/* for the program spanflow, which gives up its privileges; NULL */
	const struct sf_helper *helper;
};

/*
 * Opens sources and destinations. The caller frees the engine with sf_engine_free(). What the plan
 * and the options point at is lent until then; the structures themselves are copied. Returns 0, or
 * a negative code with the reason in `error` and *engine untouched. The calling thread is the
 * engine's thread from now on.
 */
SF_CHECKED int sf_engine_new_sized(struct sf_engine **engine, const struct sf_plan *plan,
	size_t plan_size, size_t source_size, size_t destination_size,
	const struct sf_engine_options *options, size_t options_size, struct sf_error *error);

SF_CHECKED static inline int sf_engine_new(struct sf_engine **engine, const struct sf_plan *plan,
	const struct sf_engine_options *options, struct sf_error *error)
{
	return sf_engine_new_sized(engine, plan, sizeof(*plan), sizeof(*plan->sources),
		sizeof(*plan->destinations), options, sizeof(*options), error);
}

/* Starts the workers. Returns 0, or a negative code with the reason in `error`: none has begun. */
SF_CHECKED int sf_engine_start(struct sf_engine *engine, struct sf_error *error);

/*
 * Does what is due and returns: moves records from workers to destinations, looks after the clock.
 * With one worker of files it also meters some packets, and may wait for a destination. Returns
 * false when the run has ended: all flows have left the tables and all destinations are closed.
 */
bool sf_engine_step(struct sf_engine *engine);

/*
 * A descriptor that is readable when sf_engine_step() has something to do. It is the same until
 * sf_engine_free(), and belongs to the engine.
 */
int sf_engine_fd(const struct sf_engine *engine);

/*
 * The monotonic time, in ns, at which sf_engine_step() is to be called even if the descriptor is
 * not readable; 0: at once. Call this function right before each wait, because it also arranges for
 * the descriptor to become readable.
 */
int64_t sf_engine_wake_ns(struct sf_engine *engine);

/*
 * Waits until the descriptor is readable or that time has come, for callers that have nothing else
 * to wait for. A signal handler that runs ends the wait.
 */
void sf_engine_wait(struct sf_engine *engine);

/*
 * Ends the run in order: the following steps stop the workers, send the records and close
 * destinations. `why` is lent until sf_engine_free(), and becomes sf_engine_ended() unless the run
 * had another reason to end. Returns at once.
 */
void sf_engine_stop(struct sf_engine *engine, const char *why);

/* Asks for counters soon: events.counted() is called with `asked`. */
void sf_engine_ask(struct sf_engine *engine);

/* Sends templates and options data once more, with the next look. */
void sf_engine_announce(struct sf_engine *engine);

/*
 * Reads the certificates and keys of collectors again (sf_exporter_reload()), with the next look. A
 * notice (SF_NOTICE_WARNING) tells what became of it.
 */
void sf_engine_reload(struct sf_engine *engine);

/* Frees everything. A run that goes on is ended without waiting for destinations. NULL is fine. */
void sf_engine_free(struct sf_engine *engine);

enum sf_engine_state {
	SF_ENGINE_OPEN,       /* sf_engine_start() was not called yet */
	SF_ENGINE_METERING,   /* the workers run */
	SF_ENGINE_DELIVERING, /* the workers are done; records wait for destinations */
	SF_ENGINE_ENDED,      /* sf_engine_step() has returned false */
};

/* How far the run is. */
enum sf_engine_state sf_engine_state(const struct sf_engine *engine);

/*
 * Why the run ends: "eof", "limit", "duration", "error", "closed" or the text of sf_engine_stop();
 * NULL: it goes on. Static or lent by the caller of sf_engine_stop().
 */
const char *sf_engine_ended(const struct sf_engine *engine);

/* The latest counters of all workers; those of the whole run after the end. */
void sf_engine_counters_sized(
	const struct sf_engine *engine, struct sf_engine_counters *counters, size_t size);

static inline void sf_engine_counters(
	const struct sf_engine *engine, struct sf_engine_counters *counters)
{
	sf_engine_counters_sized(engine, counters, sizeof(*counters));
}

/*
 * True if all equations of docs/design.md §5 hold, for the latest counters: nothing is lost without
 * a name. While the run goes on, packets and records that are on their way are left out.
 */
bool sf_engine_balanced(const struct sf_engine *engine);

/* A source as it is now. */
struct sf_engine_source {
	const char *name; /* plan: text */
	const char *driver;
	bool live;             /* interfaces */
	bool failed;           /* it has ended with an error */
	const char *condition; /* why nothing comes from it; NULL: packets can come */
	struct sf_capture_stats stats;
};

/* Describes the source at `index`, from 0 on. False: there is none. Strings are the engine's. */
bool sf_engine_source_sized(const struct sf_engine *engine, unsigned index,
	struct sf_engine_source *source, size_t size);

static inline bool sf_engine_source(
	const struct sf_engine *engine, unsigned index, struct sf_engine_source *source)
{
	return sf_engine_source_sized(engine, index, source, sizeof(*source));
}

/*
 * After the end: writes remark `number`, from 0 on, about the packets of a source to `text`: what a
 * person should know about them. False: there are no more.
 */
bool sf_engine_remark(
	const struct sf_engine *engine, unsigned source, unsigned number, char *text, size_t size);

/*
 * The exporter with the destinations, in the order of the plan: for sf_exporter_stats() and other
 * calls that change nothing. It belongs to the engine.
 */
const struct sf_exporter *sf_engine_exporter(const struct sf_engine *engine);

SF_END_PUBLIC

#endif
