/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device ticks to system time by the newest pair and the rate between pairs. The rate is measured
 * over a second at a time, so drift is followed; a step of either clock lasts until the next pair.
 * One back is seen at once, and says nothing of the rate.
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
	/* the difference is taken in the ticks' own width: a packet may be older than the pair */
	int64_t difference = (int64_t)(ticks - clock->ticks);

	if (clock->ns_per_tick == 0)
		return 0;
	return clock->time_ns + (int64_t)((double)difference * clock->ns_per_tick);
}
