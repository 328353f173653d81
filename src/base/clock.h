/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock of a source: the largest packet time so far, guarded against single wild timestamps.
 * A jump forward by more than `limit` counts only once SF_CLOCK_AGREE packets in a row lie beyond
 * it; until then those packets are metered at their own time and nobody else is aged by them.
 */
#ifndef SPANFLOW_BASE_CLOCK_H
#define SPANFLOW_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <spanflow/packet.h>

#include "base/branch.h"

#define SF_CLOCK_AGREE 64

struct sf_clock {
	int64_t now;       /* ns since 1970; INT64_MIN before the first packet */
	int64_t limit;     /* ns: a longer jump must be confirmed */
	int64_t candidate; /* smallest time of the unconfirmed jump */
	unsigned agreeing; /* packets in a row beyond the jump */
};

static inline void sf_clock_init(struct sf_clock *clock, int64_t limit_ns)
{
	*clock = (struct sf_clock){ .now = INT64_MIN, .limit = limit_ns };
}

/* A jump is pending: slow path of sf_clock_advance(). */
int64_t sf_clock_jump(struct sf_clock *clock, int64_t time_ns);

/* A packet of this time was read: returns the clock after it. Never decreases. */
static inline int64_t sf_clock_advance(struct sf_clock *clock, int64_t time_ns)
{
	if (time_ns <= clock->now) {
		clock->agreeing = 0;
		return clock->now;
	}
	if (clock->now == INT64_MIN || time_ns - clock->now <= clock->limit) {
		clock->agreeing = 0;
		return clock->now = time_ns;
	}
	return sf_clock_jump(clock, time_ns);
}

/*
 * The same for a batch. True: each packet is a step forward and none a jump, as nearly always, so
 * the clock after each is its own time. Otherwise times[i] is the clock after packet i.
 */
static inline bool sf_clock_follow(
	struct sf_clock *clock, const struct sf_packet *packets, unsigned count, int64_t *times)
{
	/* who comes later by less than this moves the clock to its time and does no more */
	uint64_t step = clock->agreeing ? 0 : (uint64_t)clock->limit;
	int64_t now = clock->now;
	unsigned other = 0;

	for (unsigned i = 0; i < count; i++) {
		other += (uint64_t)packets[i].time_ns - (uint64_t)now >= step;
		now = packets[i].time_ns;
	}
	if (sf_likely(!other)) {
		clock->now = now;
		return true;
	}
	for (unsigned i = 0; i < count; i++)
		times[i] = sf_clock_advance(clock, packets[i].time_ns);
	return false;
}

/* End of input: an unconfirmed jump counts as far as it goes. Returns the final clock. */
int64_t sf_clock_finish(struct sf_clock *clock);

/* ns since 1970 from the system's clock; ns of the monotonic clock. */
static inline int64_t sf_clock_read(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

#endif
