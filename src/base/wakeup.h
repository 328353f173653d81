/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wakes a thread that sleeps in poll(2), epoll(7) or ppoll(2), through an eventfd. The sleeping
 * thread (the owner) announces that it is about to sleep, and which level wakes it:
 *
 *	sf_wakeup_arm(&wakeup, SF_WAKEUP_WORK);
 *	if (… the rings are still empty …)
 *		poll(… wakeup.fd for POLLIN, and other descriptors …);
 *	sf_wakeup_disarm(&wakeup);
 *
 * Another thread that has put something into a ring of the owner calls sf_wakeup_send(&wakeup,
 * SF_WAKEUP_WORK). The call costs one load, and a system call only if the owner sleeps.
 * The loop of base/loop.h has a wake-up and does the owner's part.
 *
 * The word `armed` orders no other data. A sender that publishes its data with a sequentially
 * consistent store never misses a sleeping owner. The rings publish with a release store, because
 * it is cheaper; their sender may miss an owner that looks at the ring at the same moment, and the
 * owner then finds the data when its sleep ends by itself. What must not be late is sent with
 * sf_wakeup_send_now().
 */
#ifndef SPANFLOW_BASE_WAKEUP_H
#define SPANFLOW_BASE_WAKEUP_H

#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/ring.h"

/* How urgent the data is. */
enum sf_wakeup_level {
	SF_WAKEUP_WORK = 1,   /* there is something to do */
	SF_WAKEUP_URGENT = 2, /* there is so much to do that a short sleep is too long */
};

struct sf_wakeup {
	/*
	 * lowest level that wakes the owner, 0: it is awake. Set by
	 * the owner, cleared by both sides
	 */
	alignas(SF_CACHE_LINE) _Atomic unsigned armed;
	int fd; /* eventfd, constant after init; -1: none */
};

/* 0 or -errno. After an error fd is -1, and sending does nothing. */
static inline int sf_wakeup_init(struct sf_wakeup *wakeup)
{
	atomic_init(&wakeup->armed, 0);
	wakeup->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return wakeup->fd < 0 ? -errno : 0;
}

static inline void sf_wakeup_fini(struct sf_wakeup *wakeup)
{
	if (wakeup->fd >= 0)
		close(wakeup->fd);
	wakeup->fd = -1;
}

/* Makes the owner's current or next poll() return. For any thread and for signal handlers. */
static inline void sf_wakeup_send_now(struct sf_wakeup *wakeup)
{
	if (wakeup->fd >= 0)
		eventfd_write(wakeup->fd, 1);
}

/* True if the owner sleeps and `level` would wake it. */
static inline bool sf_wakeup_is_wanted(struct sf_wakeup *wakeup, enum sf_wakeup_level level)
{
	unsigned armed = atomic_load(&wakeup->armed);

	return armed && armed <= (unsigned)level;
}

/*
 * Wakes the owner if it sleeps and `level` is high enough. Of several
 * senders one writes the eventfd.
 */
static inline void sf_wakeup_send(struct sf_wakeup *wakeup, enum sf_wakeup_level level)
{
	if (sf_wakeup_is_wanted(wakeup, level) && atomic_exchange(&wakeup->armed, 0))
		sf_wakeup_send_now(wakeup);
}

/* Owner, before it looks at its rings for the last time and sleeps: `level` and above wake it. */
static inline void sf_wakeup_arm(struct sf_wakeup *wakeup, enum sf_wakeup_level level)
{
	/* sequentially consistent: visible before the owner looks at its rings */
	atomic_store(&wakeup->armed, level);
}

/* Owner, after its sleep: it is awake, and the eventfd is empty again. */
static inline void sf_wakeup_disarm(struct sf_wakeup *wakeup)
{
	eventfd_t count;

	atomic_store_explicit(&wakeup->armed, 0, memory_order_relaxed);
	if (wakeup->fd >= 0)
		eventfd_read(wakeup->fd, &count);
}

#endif
