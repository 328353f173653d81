/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An event loop for one thread: descriptors (epoll), timers (monotonic clock), signals (signalfd)
 * and wake-ups from other threads (eventfd). All of them call functions in the thread that turns
 * the loop. Example: a server that receives datagrams, and ends after ten silent seconds or with
 * SIGTERM:
 *
 *	struct server {
 *		struct sf_watch socket;
 *		struct sf_timer silence;
 *		bool ended;
 *	} server;
 *
 *	static void receive(struct sf_watch *watch, unsigned ready)
 *	{
 *		struct server *server = watch->context;
 *
 *		… receive one batch from watch->fd …
 *		sf_timer_set(&server->silence, sf_loop_now(watch->loop) + 10 * SF_NS_PER_S);
 *	}
 *
 *	static void end(struct sf_timer *timer)
 *	{
 *		struct server *server = timer->context;
 *
 *		server->ended = true;
 *	}
 *
 *	err = sf_loop_new(&loop);
 *	err = sf_loop_add_watch(loop, &server.socket, fd, SF_LOOP_READ, receive, &server);
 *	err = sf_loop_add_timer(loop, &server.silence, end, &server);
 *	err = sf_loop_add_signal(loop, SIGTERM, on_sigterm, &server);
 *	sf_timer_set(&server.silence, sf_loop_now(loop) + 10 * SF_NS_PER_S);
 *	while (!server.ended && err >= 0)
 *		err = sf_loop_turn(loop, INT64_MAX);
 *	sf_loop_free(loop);
 *
 * **Memory.** Watches and timers are structs of the caller, typically members of a larger struct.
 * They must stay where they are until they are removed. Any function may add, change or remove any
 * watch and timer, its own too, and may free a struct that it has removed.
 *
 * **Bounded work.** One turn of the loop calls at most SF_LOOP_EVENTS functions for descriptors,
 * and each timer at most once. A function does a limited piece of work and returns: a descriptor
 * that is still ready is served again in the next turn, after all others that are ready.
 *
 * **Time.** Times are monotonic ns (CLOCK_MONOTONIC). Within a turn sf_loop_now() does not change.
 * Tests use sf_loop_fake_clock(): time then passes only where the loop would sleep, and at once.
 */
#ifndef SPANFLOW_BASE_LOOP_H
#define SPANFLOW_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/wakeup.h"

#define SF_LOOP_EVENTS  64 /* descriptors served in one turn */
#define SF_LOOP_SIGNALS 8  /* different signals of one loop */

/* What a descriptor is watched for. */
enum sf_loop_events {
	SF_LOOP_READ = EPOLLIN,
	SF_LOOP_WRITE = EPOLLOUT,
};

struct sf_loop;

/* A watched descriptor. Members are read by the caller and written by the functions below. */
struct sf_watch {
	struct sf_loop *loop; /* NULL: not added */
	int fd;
	unsigned events; /* SF_LOOP_READ, SF_LOOP_WRITE, both or 0 */
	/*
	 * Called while the descriptor is ready, once per turn. `ready`: which of `events` are
	 * possible; after an error or a hang-up all of them, because read() or write() then tell
	 * the reason.
	 */
	void (*call)(struct sf_watch *watch, unsigned ready);
	void *context;
};

/* A timer. Members are read by the caller and written by the functions below. */
struct sf_timer {
	struct sf_loop *loop; /* NULL: not added */
	int64_t at;           /* when it expires next, monotonic ns; INT64_MAX: it is stopped */
	int64_t period;       /* ns; 0: it expires once */
	unsigned place;       /* in the heap of the loop */
	/*
	 * Called when the time has come. A one-shot timer is
	 * stopped by then and may be set again.
	 */
	void (*call)(struct sf_timer *timer);
	void *context;
};

/* What other threads hand to the thread of the loop, for example through rings. */
struct sf_inbox {
	/* Takes a limited amount. Called after a wake-up, and if `pending` returned true. */
	void (*take)(void *context);
	/*
	 * True if there is something that justifies a wake-up of `level`. Asked before the loop
	 * sleeps, when other threads already see that it is about to. NULL: everything comes with a
	 * wake-up.
	 */
	bool (*pending)(void *context, enum sf_wakeup_level level);
	void *context;
};

/* Makes a loop. 0 or -errno. */
int sf_loop_new(struct sf_loop **loop);

/*
 * Frees it; not from within a called function. Watches and timers of the loop must not be used
 * after that, so an owner that lives longer removes its own before. NULL is allowed.
 */
void sf_loop_free(struct sf_loop *loop);

/* The time of this turn, or of the last one: monotonic ns. */
int64_t sf_loop_now(const struct sf_loop *loop);

/*
 * The time as it is at this moment, for functions that work long. With
 * a fake clock the same as above.
 */
int64_t sf_loop_read_clock(const struct sf_loop *loop);

/*
 * One turn: sleeps until something is ready, a timer expires or the time is `until` (0: does not
 * sleep, INT64_MAX: no limit), then calls the functions. A signal handler that runs meanwhile ends
 * the sleep. Returns 0 if nothing came, more if something did, or -errno if the kernel refuses to
 * wait.
 */
int sf_loop_turn(struct sf_loop *loop, int64_t until);

/*
 * Watches a descriptor. 0 or -errno; -EPERM: a regular file, which is always ready and cannot be
 * watched. Remove the watch before the descriptor is closed.
 */
int sf_loop_add_watch(struct sf_loop *loop, struct sf_watch *watch, int fd, unsigned events,
	void (*call)(struct sf_watch *watch, unsigned ready), void *context);
/* Watches for other events from now on; with 0 not even for a hang-up. 0 or -errno. */
int sf_watch_set(struct sf_watch *watch, unsigned events);
/* A watch that was not added, or is zeroed, is ignored. */
void sf_watch_remove(struct sf_watch *watch);

/* Adds a timer, which is stopped. 0 or -ENOMEM. */
int sf_loop_add_timer(struct sf_loop *loop, struct sf_timer *timer,
	void (*call)(struct sf_timer *timer), void *context);
/*
 * Expires once, at `at`. A time that has passed means the next turn.
 * Starts, moves and never fails.
 */
void sf_timer_set(struct sf_timer *timer, int64_t at);
/*
 * Expires at all multiples of `period` ns of the monotonic clock, so that timers of one period
 * expire together. Periods that pass while the thread is busy are left out.
 */
void sf_timer_repeat(struct sf_timer *timer, int64_t period);
void sf_timer_stop(struct sf_timer *timer);
/* A timer that was not added, or is zeroed, is ignored. */
void sf_timer_remove(struct sf_timer *timer);

/*
 * Calls a function for a signal, by signalfd(2). The signal is blocked in the calling thread until
 * the loop is freed. Call this before other threads are started, so that they inherit the mask. A
 * signal that came several times before a turn is reported once. 0, -errno, or -ENOSPC beyond
 * SF_LOOP_SIGNALS.
 *
 * A blocked signal interrupts no system call and cannot end the process. A program whose thread may
 * hang in a write therefore keeps handlers for SIGINT and SIGTERM, which send the loop's wake-up
 * (sf_loop_wakeup()).
 */
int sf_loop_add_signal(
	struct sf_loop *loop, int number, void (*call)(void *context, int number), void *context);

/*
 * Readable when a turn would have something to do, apart from timers:
 * for a loop within another one.
 */
int sf_loop_fd(const struct sf_loop *loop);

/* The wake-up that other threads and signal handlers send to this loop. */
struct sf_wakeup *sf_loop_wakeup(struct sf_loop *loop);

/* Sets what a wake-up is about; NULL: nothing. `inbox` is copied. */
void sf_loop_set_inbox(struct sf_loop *loop, const struct sf_inbox *inbox);

/* Lowest level that wakes the loop from now on; SF_WAKEUP_WORK at first. */
void sf_loop_set_level(struct sf_loop *loop, enum sf_wakeup_level level);

/* For tests: the time is `now` and passes only as the head of this file says. */
void sf_loop_fake_clock(struct sf_loop *loop, int64_t now);

#endif
