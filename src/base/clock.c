/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/clock.h"

static void begin_jump(struct sf_clock *clock, int64_t time_ns)
{
	clock->first = clock->sure = clock->latest = time_ns;
	clock->agreed = 1;
}

/* Adds a packet that agrees with `sure` to the jump. */
static void follow_jump(struct sf_clock *clock, int64_t time_ns)
{
	if (sf_clock_is_beyond(clock, time_ns, clock->sure)) {
		clock->latest = time_ns;
		return;
	}
	if (time_ns > clock->sure)
		clock->sure = time_ns;
	clock->latest = clock->sure;
	clock->agreed++;
}

/* Sets the clock to `sure`; a packet beyond it begins the next jump. */
static void confirm_jump(struct sf_clock *clock)
{
	clock->now = clock->sure;
	if (clock->latest != clock->sure)
		begin_jump(clock, clock->latest);
	else
		clock->agreed = 0;
}

int64_t sf_clock_jump(struct sf_clock *clock, int64_t time_ns)
{
	if (!clock->agreed || sf_clock_is_beyond(clock, clock->sure, time_ns)) {
		begin_jump(clock, time_ns);
		return clock->now;
	}
	if (clock->latest != clock->sure && !sf_clock_is_beyond(clock, clock->latest, time_ns)) {
		clock->sure = clock->latest;
		clock->agreed++;
	}
	follow_jump(clock, time_ns);
	if (clock->agreed >= SF_CLOCK_MANY ||
		(clock->agreed >= SF_CLOCK_FEW &&
			(uint64_t)clock->sure - (uint64_t)clock->first >= (uint64_t)clock->limit))
		confirm_jump(clock);
	return clock->now;
}

/*
 * True if a time is so close to the clock that it is accepted
 * without a later packet that agrees.
 */
static bool is_near(const struct sf_clock *clock, int64_t time_ns)
{
	return (uint64_t)time_ns - (uint64_t)clock->now <= (uint64_t)SF_CLOCK_LONE_NS;
}

int64_t sf_clock_finish(struct sf_clock *clock)
{
	bool agrees = clock->agreed > 1 || clock->latest != clock->sure;

	if (clock->agreed && (agrees || is_near(clock, clock->sure))) {
		clock->now = clock->sure;
		if (is_near(clock, clock->latest))
			clock->now = clock->latest;
	}
	clock->agreed = 0;
	return clock->now;
}
