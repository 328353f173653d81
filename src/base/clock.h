/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock of a source: the largest packet time so far, guarded against single wild time stamps.
 *
 * A packet that lies more than `limit` ahead of the clock is a jump: the end of a quiet time, or a
 * wild time stamp. The packets behind it decide which:
 *
 *	contradicted  the next packet lies near the clock again: the jump is forgotten
 *	confirmed     SF_CLOCK_FEW packets in a row agree, and span `limit` or more; or
 *	              SF_CLOCK_MANY packets in a row agree, and span less; or the input ends
 *	              (sf_clock_finish()): the clock goes to the latest time that the next packet
 *	              did not contradict
 *
 * In sparse traffic each packet is a jump: the clock then follows a few packets late.
 *
 * Two packets in a row agree if the later one does not lie more than `limit` before the earlier. If
 * it does, but agrees with the packets before that, only the time of the earlier one is wild.
 *
 * Until a jump is confirmed, its packets are metered at their own times and age no other flow.
 */
#ifndef SPANFLOW_BASE_CLOCK_H
#define SPANFLOW_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <spanflow/packet.h>

#include "base/branch.h"

#define SF_CLOCK_FEW  3
#define SF_CLOCK_MANY 64

/* How far ahead of the clock the last packet of an input may lie and still move it: half a year. */
#define SF_CLOCK_LONE_NS (182 * 24 * 3600 * SF_NS_PER_S)

struct sf_clock {
	int64_t now;   /* ns since 1970; INT64_MIN before the first packet */
	int64_t limit; /* ns: a longer step is a jump */
	/* a jump that is not confirmed yet */
	unsigned agreed; /* packets from `first` to `sure`; 0: there is no jump */
	int64_t first;   /* time of the jump's first packet */
	int64_t sure;    /* latest time with which the packet before or behind it agrees */
	int64_t latest;  /* time of the last packet: `sure`, or more than `limit` after it */
};

static inline void sf_clock_init(struct sf_clock *clock, int64_t limit_ns)
{
	*clock = (struct sf_clock){ .now = INT64_MIN, .limit = limit_ns };
}

/* True if `time_ns` lies more than the limit after `base_ns`. */
static inline bool sf_clock_is_beyond(
	const struct sf_clock *clock, int64_t time_ns, int64_t base_ns)
{
	return time_ns > base_ns && (uint64_t)time_ns - (uint64_t)base_ns > (uint64_t)clock->limit;
}

/* The packet is a jump: slow part of sf_clock_advance(). */
int64_t sf_clock_jump(struct sf_clock *clock, int64_t time_ns);

/* A packet of this time was read: returns the clock after it. Never decreases. */
static inline int64_t sf_clock_advance(struct sf_clock *clock, int64_t time_ns)
{
	if (clock->now != INT64_MIN && sf_clock_is_beyond(clock, time_ns, clock->now))
		return sf_clock_jump(clock, time_ns);
	clock->agreed = 0;
	if (time_ns > clock->now)
		clock->now = time_ns;
	return clock->now;
}

/*
 * sf_clock_advance() for a batch. True, in nearly all cases: no packet is late and none is a jump,
 * so the clock after each packet is the packet's time. False: times[i] is the clock after packet i.
 */
static inline bool sf_clock_follow(
	struct sf_clock *clock, const struct sf_packet *packets, unsigned count, int64_t *times)
{
	/* a packet less than `step` ahead of the clock simply advances it */
	uint64_t step = clock->agreed ? 0 : (uint64_t)clock->limit;
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

/*
 * Ends the input and returns the final clock. A jump counts as far as a later packet agrees with
 * it. The last packet has none behind it: it counts unless it lies more than SF_CLOCK_LONE_NS
 * ahead.
 */
int64_t sf_clock_finish(struct sf_clock *clock);

/* ns since 1970 from the system's clock; ns of the monotonic clock. */
static inline int64_t sf_clock_read(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

#endif
