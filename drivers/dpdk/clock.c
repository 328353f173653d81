/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Converts device ticks to system time, by the newest pair and the rate between pairs. The rate is
 * measured anew every second, so the drift of a clock is followed. After a step of either clock,
 * times are wrong until the next pair. A step back is recognised at once, and the rate stays as it
 * was.
 */
#include "dpdk/clock.h"

#include <stdbool.h>

void sf_dpdk_clock_pair(struct sf_dpdk_clock *clock, uint64_t ticks, int64_t time_ns)
{
	bool first = clock->time_ns == 0 || time_ns < clock->time_ns;

	if (!first && time_ns - clock->time_ns < SF_DPDK_CLOCK_SPAN_NS)
		return;
	if (!first && ticks > clock->ticks)
		clock->ns_per_tick =
			(double)(time_ns - clock->time_ns) / (double)(ticks - clock->ticks);
	clock->ticks = ticks;
	clock->time_ns = time_ns;
}

int64_t sf_dpdk_clock_time(const struct sf_dpdk_clock *clock, uint64_t ticks)
{
	/* signed: a packet may be older than the pair */
	int64_t difference = (int64_t)(ticks - clock->ticks);

	if (clock->ns_per_tick == 0)
		return 0;
	return clock->time_ns + (int64_t)((double)difference * clock->ns_per_tick);
}
