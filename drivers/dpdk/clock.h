/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps a device clock of unknown rate and origin to system time. */
#ifndef SPANFLOW_DRIVERS_DPDK_CLOCK_H
#define SPANFLOW_DRIVERS_DPDK_CLOCK_H

#include <stdint.h>

/* The state of a device clock: pairs of ticks and system time. Zeroed at first; for one thread. */
struct sf_dpdk_clock {
	uint64_t ticks;     /* newest pair: ticks */
	int64_t time_ns;    /* newest pair: system time */
	double ns_per_tick; /* rate; 0: not known yet */
};

/* Adds a pair. The rate is computed from pairs that are at least SF_DPDK_CLOCK_SPAN_NS apart. */
#define SF_DPDK_CLOCK_SPAN_NS INT64_C(10000000)
void sf_dpdk_clock_pair(struct sf_dpdk_clock *clock, uint64_t ticks, int64_t time_ns);

/* System time of a tick count, or 0 while the rate is unknown. */
int64_t sf_dpdk_clock_time(const struct sf_dpdk_clock *clock, uint64_t ticks);

#endif
