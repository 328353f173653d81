/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wakes a thread that sleeps in poll(2) until a descriptor is ready. The sleeper says how urgent a
 * matter must be to wake it:
 *
 *	sf_bell_sleep(&bell, SF_BELL_WORK);
 *	if (… nothing has come meanwhile …)
 *		poll(… bell.fd for POLLIN, and other descriptors …);
 *	sf_bell_awake(&bell);
 *
 * and who has something for it calls, after publishing it, sf_bell_ring(&bell, SF_BELL_WORK). That is
 * one load of a word, and a system call only when the other side sleeps.
 *
 * `asleep` is written by the sleeper, and set to 0 by the one who rings; both read it. It covers no
 * data, which have an order of their own. If what was published is a store that is sequentially
 * consistent too, no wake-up is missed. The rings publish with less, so that a producer never waits
 * for its store: then a sleeper that looks in the same moment may be missed, and the matter waits
 * until the sleep ends by itself. Orders that may not be late use sf_bell_ring_now().
 */
#ifndef SPANFLOW_BASE_BELL_H
#define SPANFLOW_BASE_BELL_H

#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/ring.h"

enum sf_bell_matter {
	SF_BELL_WORK = 1,   /* there is something to do */
	SF_BELL_URGENT = 2, /* and it cannot wait for the end of a short sleep */
};

struct sf_bell {
	alignas(SF_CACHE_LINE) _Atomic unsigned asleep; /* 0, or the least matter that wakes it */
	int fd;                                         /* constant after init; -1: none */
};

/* 0 or -errno; then fd is -1 and ringing does nothing. */
static inline int sf_bell_init(struct sf_bell *bell)
{
	atomic_init(&bell->asleep, 0);
	bell->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return bell->fd < 0 ? -errno : 0;
}

static inline void sf_bell_fini(struct sf_bell *bell)
{
	if (bell->fd >= 0)
		close(bell->fd);
	bell->fd = -1;
}

/* Whether the owner sleeps or not: its next poll returns at once. Any thread, signal handlers. */
static inline void sf_bell_ring_now(struct sf_bell *bell)
{
	if (bell->fd >= 0)
		eventfd_write(bell->fd, 1);
}

/* Does the owner sleep, and would this wake it? */
static inline bool sf_bell_wakes(struct sf_bell *bell, enum sf_bell_matter matter)
{
	unsigned asleep = atomic_load(&bell->asleep);

	return asleep && asleep <= (unsigned)matter;
}

/* Wakes the owner if it sleeps and the matter is urgent enough. One of several who ring does it. */
static inline void sf_bell_ring(struct sf_bell *bell, enum sf_bell_matter matter)
{
	if (sf_bell_wakes(bell, matter) && atomic_exchange(&bell->asleep, 0))
		sf_bell_ring_now(bell);
}

/* Owner: from here on it is woken by a matter of at least this urgency. */
static inline void sf_bell_sleep(struct sf_bell *bell, enum sf_bell_matter matter)
{
	/* sequentially consistent, so that it is seen before the owner looks for work a last time */
	atomic_store(&bell->asleep, matter);
}

/* Owner: it is awake, and what rang is forgotten. */
static inline void sf_bell_awake(struct sf_bell *bell)
{
	eventfd_t rung;

	atomic_store_explicit(&bell->asleep, 0, memory_order_relaxed);
	if (bell->fd >= 0)
		eventfd_read(bell->fd, &rung);
}

#endif
