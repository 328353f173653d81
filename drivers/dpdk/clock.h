/* SPDX-License-Identifier: BSD-2-Clause */
/* A device clock of unknown rate and origin, mapped to system time. */
#ifndef SPANFLOW_DRIVERS_DPDK_CLOCK_H
#define SPANFLOW_DRIVERS_DPDK_CLOCK_H

#include <stdint.h>

/* Pairs (ticks, system time) of one clock. One thread; zeroed at the beginning. */
struct sf_dpdk_clock {
	uint64_t ticks;     /* of the newest pair */
	int64_t time_ns;    /* of the newest pair */
	double ns_per_tick; /* 0: not known yet */
};

/* A new pair. The rate is taken from pairs at least SF_DPDK_CLOCK_SPAN_NS apart. */
#define SF_DPDK_CLOCK_SPAN_NS INT64_C(10000000)
void sf_dpdk_clock_pair(struct sf_dpdk_clock *clock, uint64_t ticks, int64_t time_ns);

/* System time of a tick count, or 0 while the rate is unknown. */
int64_t sf_dpdk_clock_time(const struct sf_dpdk_clock *clock, uint64_t ticks);

#endif
