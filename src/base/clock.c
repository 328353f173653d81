/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/clock.h"

int64_t sf_clock_jump(struct sf_clock *clock, int64_t time_ns)
{
	if (clock->agreeing == 0 || time_ns < clock->candidate)
		clock->candidate = time_ns;
	if (++clock->agreeing >= SF_CLOCK_AGREE) {
		clock->agreeing = 0;
		clock->now = clock->candidate;
	}
	return clock->now;
}

int64_t sf_clock_finish(struct sf_clock *clock)
{
	if (clock->agreeing)
		clock->now = clock->candidate;
	clock->agreeing = 0;
	return clock->now;
}
