/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers lie in a binary heap of pointers. Each timer knows its place there, so that moving one
 * costs O(log n). A stopped timer stays in the heap, with the time INT64_MAX, so that setting it
 * needs no memory.
 */
#include "base/loop.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>

#include "base/clock.h"

#define SIGNALS_READ 8 /* by one read() of the signalfd */

struct sf_loop {
	struct sf_wakeup wakeup; /* first: aligned to a cache line */
	enum sf_wakeup_level level;
	struct sf_inbox inbox;
	struct sf_watch wakeup_watch;
	bool woken;  /* the eventfd was readable in this turn */
	bool fake;   /* clock */
	int epoll;   /* descriptor */
	int64_t now; /* monotonic ns, constant within a turn */
	/* of the turn that is in progress: events not served yet are from event_next on */
	struct epoll_event events[SF_LOOP_EVENTS];
	int event_count, event_next;
	struct sf_timer **heap;
	unsigned timer_count, heap_room;
	struct {
		int number;
		void (*call)(void *context, int number);
		void *context;
	} signals[SF_LOOP_SIGNALS];
	unsigned signal_count;
	struct sf_watch signal_watch;
	sigset_t signal_set; /* the numbers in `signals` */
	sigset_t mask;       /* of the thread, before the first signal was added */
};

/* ---------------------------------------------------------------- descriptors */

static int control(struct sf_watch *watch, int operation, unsigned events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	return epoll_ctl(watch->loop->epoll, operation, watch->fd, &event) < 0 ? -errno : 0;
}

/* Events of this turn that were not served yet, and will not be. */
static void forget_events(struct sf_loop *loop, const struct sf_watch *watch)
{
	for (int i = loop->event_next; i < loop->event_count; i++)
		if (loop->events[i].data.ptr == watch)
			loop->events[i].data.ptr = NULL;
}

int sf_loop_add_watch(struct sf_loop *loop, struct sf_watch *watch, int fd, unsigned events,
	void (*call)(struct sf_watch *watch, unsigned ready), void *context)
{
	int err;

	*watch = (struct sf_watch){ .loop = loop, .fd = fd, .call = call, .context = context };
	err = sf_watch_set(watch, events);
	if (err)
		watch->loop = NULL;
	return err;
}

/*
 * Without events the descriptor is taken out of epoll, which reports a
 * hang-up whatever is asked for.
 */
int sf_watch_set(struct sf_watch *watch, unsigned events)
{
	int operation = !events ? EPOLL_CTL_DEL : watch->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	int err = events == watch->events ? 0 : control(watch, operation, events);

	if (err)
		return err;
	watch->events = events;
	if (!events)
		forget_events(watch->loop, watch);
	return 0;
}

void sf_watch_remove(struct sf_watch *watch)
{
	if (!watch->loop)
		return;
	if (watch->events)
		control(watch, EPOLL_CTL_DEL, 0);
	forget_events(watch->loop, watch);
	watch->loop = NULL;
	watch->events = 0;
}

static int serve_descriptors(struct sf_loop *loop)
{
	int calls = 0;

	while (loop->event_next < loop->event_count) {
		const struct epoll_event *event = &loop->events[loop->event_next++];
		struct sf_watch *watch = event->data.ptr;
		unsigned ready;

		if (!watch)
			continue;
		ready = event->events & (EPOLLERR | EPOLLHUP) ? watch->events
							      : event->events & watch->events;
		if (!ready)
			continue;
		watch->call(watch, ready);
		calls++;
	}
	loop->event_count = loop->event_next = 0;
	return calls;
}

/* ---------------------------------------------------------------- timers */

static void place(struct sf_loop *loop, unsigned at, struct sf_timer *timer)
{
	loop->heap[at] = timer;
	timer->place = at;
}

/* Moves a timer up or down to where its time belongs. */
static void sift(struct sf_loop *loop, struct sf_timer *timer)
{
	struct sf_timer **heap = loop->heap;
	unsigned at = timer->place, child;

	for (; at > 0 && heap[(at - 1) / 2]->at > timer->at; at = (at - 1) / 2)
		place(loop, at, heap[(at - 1) / 2]);
	for (; (child = 2 * at + 1) < loop->timer_count; at = child) {
		if (child + 1 < loop->timer_count && heap[child + 1]->at < heap[child]->at)
			child++;
		if (heap[child]->at >= timer->at)
			break;
		place(loop, at, heap[child]);
	}
	place(loop, at, timer);
}

int sf_loop_add_timer(struct sf_loop *loop, struct sf_timer *timer,
	void (*call)(struct sf_timer *timer), void *context)
{
	if (loop->timer_count == loop->heap_room) {
		unsigned room = loop->heap_room ? 2 * loop->heap_room : 8;
		struct sf_timer **heap = reallocarray(loop->heap, room, sizeof(*heap));

		if (!heap)
			return -ENOMEM;
		loop->heap = heap;
		loop->heap_room = room;
	}
	*timer = (struct sf_timer){
		.loop = loop, .at = INT64_MAX, .call = call, .context = context
	};
	place(loop, loop->timer_count++, timer);
	return 0;
}

static void set(struct sf_timer *timer, int64_t at, int64_t period)
{
	/* later than this turn, so that a turn calls each timer once and comes to an end */
	timer->at = at > timer->loop->now ? at : timer->loop->now + 1;
	timer->period = period;
	sift(timer->loop, timer);
}

void sf_timer_set(struct sf_timer *timer, int64_t at)
{
	set(timer, at, 0);
}

static int64_t next_multiple(int64_t now, int64_t period)
{
	return (now / period + 1) * period;
}

void sf_timer_repeat(struct sf_timer *timer, int64_t period)
{
	set(timer, next_multiple(timer->loop->now, period), period);
}

void sf_timer_stop(struct sf_timer *timer)
{
	set(timer, INT64_MAX, 0);
}

void sf_timer_remove(struct sf_timer *timer)
{
	struct sf_loop *loop = timer->loop;
	struct sf_timer *last;

	if (!loop)
		return;
	last = loop->heap[--loop->timer_count];
	if (last != timer) {
		place(loop, timer->place, last);
		sift(loop, last);
	}
	timer->loop = NULL;
}

static int serve_timers(struct sf_loop *loop)
{
	int calls = 0;

	while (loop->timer_count && loop->heap[0]->at <= loop->now) {
		struct sf_timer *timer = loop->heap[0];

		timer->at = timer->period ? next_multiple(loop->now, timer->period) : INT64_MAX;
		sift(loop, timer);
		timer->call(timer);
		calls++;
	}
	return calls;
}

/* ---------------------------------------------------------------- signals */

static void serve_signals(struct sf_watch *watch, unsigned ready)
{
	struct sf_loop *loop = watch->context;
	struct signalfd_siginfo infos[SIGNALS_READ];
	ssize_t size = read(watch->fd, infos, sizeof(infos));

	(void)ready;
	for (size_t i = 0; size > 0 && i < (size_t)size / sizeof(infos[0]); i++)
		for (unsigned k = 0; k < loop->signal_count; k++)
			if (loop->signals[k].number == (int)infos[i].ssi_signo)
				loop->signals[k].call(
					loop->signals[k].context, loop->signals[k].number);
}

/* The signalfd receives the signals of signal_set; it is made with the first one. */
static int renew_signalfd(struct sf_loop *loop)
{
	int old = loop->signal_count ? loop->signal_watch.fd : -1;
	int fd = signalfd(old, &loop->signal_set, SFD_CLOEXEC | SFD_NONBLOCK), err;

	if (fd < 0)
		return -errno;
	if (old >= 0)
		return 0;
	err = sf_loop_add_watch(loop, &loop->signal_watch, fd, SF_LOOP_READ, serve_signals, loop);
	if (err)
		close(fd);
	return err;
}

int sf_loop_add_signal(
	struct sf_loop *loop, int number, void (*call)(void *context, int number), void *context)
{
	unsigned n = loop->signal_count;
	sigset_t one, before;
	int err;

	if (n == SF_LOOP_SIGNALS)
		return -ENOSPC;
	sigemptyset(&one);
	sigaddset(&one, number);
	sigaddset(&loop->signal_set, number);
	err = renew_signalfd(loop);
	if (err) {
		sigdelset(&loop->signal_set, number);
		return err;
	}
	pthread_sigmask(SIG_BLOCK, &one, &before);
	if (n == 0)
		loop->mask = before;
	loop->signals[n].number = number;
	loop->signals[n].call = call;
	loop->signals[n].context = context;
	loop->signal_count++;
	return 0;
}

/* ---------------------------------------------------------------- wake-ups */

static void note_wakeup(struct sf_watch *watch, unsigned ready)
{
	struct sf_loop *loop = watch->context;

	(void)ready;
	sf_wakeup_disarm(&loop->wakeup);
	loop->woken = true;
}

struct sf_wakeup *sf_loop_wakeup(struct sf_loop *loop)
{
	return &loop->wakeup;
}

void sf_loop_set_inbox(struct sf_loop *loop, const struct sf_inbox *inbox)
{
	loop->inbox = inbox ? *inbox : (struct sf_inbox){ 0 };
}

void sf_loop_set_level(struct sf_loop *loop, enum sf_wakeup_level level)
{
	loop->level = level;
}

/* From here on other threads wake the loop. True if there is something already. */
static bool arm(struct sf_loop *loop)
{
	sf_wakeup_arm(&loop->wakeup, loop->level);
	return loop->inbox.pending && loop->inbox.pending(loop->inbox.context, loop->level);
}

/* ---------------------------------------------------------------- the loop */

int sf_loop_new(struct sf_loop **out)
{
	struct sf_loop *loop = aligned_alloc(SF_CACHE_LINE, sizeof(*loop));
	int err;

	if (!loop)
		return -ENOMEM;
	memset(loop, 0, sizeof(*loop));
	loop->level = SF_WAKEUP_WORK;
	loop->now = sf_clock_read(CLOCK_MONOTONIC);
	sigemptyset(&loop->signal_set);
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	err = loop->epoll < 0 ? -errno : 0;
	if (!err)
		err = sf_wakeup_init(&loop->wakeup);
	if (!err)
		err = sf_loop_add_watch(loop, &loop->wakeup_watch, loop->wakeup.fd, SF_LOOP_READ,
			note_wakeup, loop);
	if (err) {
		if (loop->epoll >= 0)
			close(loop->epoll);
		free(loop);
		return err;
	}
	*out = loop;
	return 0;
}

void sf_loop_free(struct sf_loop *loop)
{
	if (!loop)
		return;
	if (loop->signal_count) {
		close(loop->signal_watch.fd);
		pthread_sigmask(SIG_SETMASK, &loop->mask, NULL);
	}
	sf_wakeup_fini(&loop->wakeup);
	close(loop->epoll);
	free(loop->heap);
	free(loop);
}

int sf_loop_fd(const struct sf_loop *loop)
{
	return loop->epoll;
}

int64_t sf_loop_now(const struct sf_loop *loop)
{
	return loop->now;
}

int64_t sf_loop_read_clock(const struct sf_loop *loop)
{
	return loop->fake ? loop->now : sf_clock_read(CLOCK_MONOTONIC);
}

void sf_loop_fake_clock(struct sf_loop *loop, int64_t now)
{
	loop->fake = true;
	loop->now = now;
}

/* Sleeps until a descriptor is ready, a signal handler ran or the time has come. */
static void sleep_until(struct sf_loop *loop, int64_t until)
{
	struct pollfd ready = { .fd = loop->epoll, .events = POLLIN };
	int64_t pause = until - sf_clock_read(CLOCK_MONOTONIC);
	const struct timespec limit = {
		.tv_sec = pause / SF_NS_PER_S,
		.tv_nsec = pause % SF_NS_PER_S,
	};

	/* unlike epoll_wait() with a limit in ns, which paced destinations need */
	if (pause > 0)
		ppoll(&ready, 1, until == INT64_MAX ? NULL : &limit, NULL);
}

/* Fills `events` and brings `now` up to date. */
static int wait_for_events(struct sf_loop *loop, int64_t until)
{
	int n;

	if (!loop->fake)
		sleep_until(loop, until);
	n = epoll_wait(loop->epoll, loop->events, SF_LOOP_EVENTS, 0);
	if (n < 0 && errno != EINTR)
		return -errno;
	loop->event_count = n < 0 ? 0 : n;
	loop->event_next = 0;
	loop->now = sf_loop_read_clock(loop);
	if (loop->fake && n == 0 && until > loop->now && until != INT64_MAX)
		loop->now = until;
	return 0;
}

int sf_loop_turn(struct sf_loop *loop, int64_t until)
{
	bool pending = arm(loop);
	int err, calls;

	loop->woken = false;
	if (loop->timer_count && loop->heap[0]->at < until)
		until = loop->heap[0]->at;
	err = wait_for_events(loop, pending ? 0 : until);
	/* relaxed: a thread that wakes an owner who is awake costs a system call and no more */
	atomic_store_explicit(&loop->wakeup.armed, 0, memory_order_relaxed);
	if (err)
		return err;
	calls = serve_descriptors(loop);
	if ((pending || loop->woken) && loop->inbox.take) {
		loop->inbox.take(loop->inbox.context);
		calls++;
	}
	return calls + serve_timers(loop);
}
