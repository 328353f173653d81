/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The time of a source, which never goes back, although the time of its packets may: the clock of
 * the host was set back, or an earlier capture follows a later one.
 *
 *	packet time         10:00 … 11:00 │ 09:00 … 09:30
 *	time of the source  10:00 … 11:00 │ 12:00 … 12:30   packets behind the step: offset 3 h
 *	records             10:00 … 11:00 │ 09:00 … 09:30   less the offset of their packets
 *
 * Between two steps lies a period. Everything between the receiving of packets and the leaving of
 * records - clock, order, hand-over, table, folding - has the time of the source. Where the time of
 * the packets goes back, the time of the source goes ahead by more than every timeout, so no record
 * spans a step.
 *
 * A late packet is no step, and neither is a packet with a wild time. At a step a packet lies
 * behind the clock of the source by more than the clock's `limit`, the shorter timeout; and there
 * is evidence:
 *
 *	files       the packet has the flag SF_PACKET_SET_BACK: the driver has seen what follows
 *	interfaces  by the host's clock the packet is of the present, and the clock of the source
 *	            is ahead of the present, both by the measure of `limit`
 *
 * A flow that the step ends, and no timeout, has the end reason 4, forced end: an "external event"
 * ended it (RFC 5102 §5.11.3). Nobody has seen that it was idle.
 *
 * Shared word: `latest` is written by any worker that receives from the source (release) and read
 * by all workers of the source (acquire). A period is complete before `latest` points at it, and
 * never changes.
 */
#ifndef SPANFLOW_ENGINE_TIMELINE_H
#define SPANFLOW_ENGINE_TIMELINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <spanflow/meter.h>
#include <spanflow/packet.h>

#include "base/clock.h"

/* Most steps that are recognised: a wild time may be looked for in all periods. */
#define SF_STEPS_MAX 1024u

/* A period that begins with a step. The first period of a source has none: NULL. */
struct sf_period {
	const struct sf_period *before;
	unsigned number;  /* 1 for the first step */
	int64_t last_ns;  /* clock at the step */
	int64_t from_ns;  /* time of the source: earlier times belong to a period before */
	int64_t begin_ns; /* time of the source of the first packet */
	int64_t offset;   /* time of the source less packet time */
};

/* All zero: no step yet. */
struct sf_timeline {
	struct sf_period *_Atomic latest;
};

void sf_timeline_fini(struct sf_timeline *timeline);

/* The latest period. Any thread. */
static inline const struct sf_period *sf_timeline_latest(const struct sf_timeline *timeline)
{
	/* pairs with the release in sf_timeline_step() */
	return atomic_load_explicit(&timeline->latest, memory_order_acquire);
}

/* The period behind the first step, or NULL. Any thread. */
const struct sf_period *sf_timeline_first(const struct sf_timeline *timeline);

/* Steps so far. Any thread. */
unsigned sf_timeline_steps(const struct sf_timeline *timeline);

/*
 * Enters a step back behind `period`: the next packet has the time `packet_ns`, and `clock` is the
 * clock of the source. Returns the latest period: the one that begins here, or one that another
 * worker has entered meanwhile. No period begins here if there is no memory, there were
 * SF_STEPS_MAX steps, or a time would become too large.
 */
const struct sf_period *sf_timeline_step(struct sf_timeline *timeline,
	const struct sf_period *period, const struct sf_clock *clock, int64_t packet_ns);

/*
 * The time of the source for the time of a packet that arrives in this period. A packet far before
 * the begin of the period belongs to a period before it.
 */
int64_t sf_period_time(const struct sf_period *period, int64_t packet_ns);

/* The packet time for a time of the source in this period, or in one before it. */
int64_t sf_period_packet_time(const struct sf_period *period, int64_t time_ns);

/* Gives records the time of their packets, on their way from a meter to its sink. */
struct sf_time_restorer {
	const struct sf_timeline *timeline;
	struct sf_flow_sink next;
	int64_t idle_ns, active_ns;
};

/* Takes the place of meter->sink. Lends the timeline. */
void sf_time_restorer_init(struct sf_time_restorer *restorer, const struct sf_timeline *timeline,
	struct sf_meter_options *meter);

#endif
