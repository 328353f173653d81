/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/timeline.h"

#include <stdlib.h>

#include "base/branch.h"

#define HOUR_NS (3600 * SF_NS_PER_S)

/* The quiet time at a step is longer than the shorter timeout by so much at least, and at most. */
#define QUIET_NS      HOUR_NS
#define QUIET_MOST_NS (QUIET_NS + HOUR_NS)

/* Packets that are earlier than the first one of a period by more than this are not of it. */
#define BEFORE_NS (1800 * SF_NS_PER_S)

#define TIME_MAX (INT64_C(1) << 62) /* ns: the year 2116; the table's limit */

void sf_timeline_fini(struct sf_timeline *timeline)
{
	const struct sf_period *period = sf_timeline_latest(timeline);

	while (period) {
		const struct sf_period *before = period->before;

		free((void *)(uintptr_t)period);
		period = before;
	}
}

const struct sf_period *sf_timeline_first(const struct sf_timeline *timeline)
{
	const struct sf_period *period = sf_timeline_latest(timeline);

	while (period && period->before)
		period = period->before;
	return period;
}

unsigned sf_timeline_steps(const struct sf_timeline *timeline)
{
	const struct sf_period *latest = sf_timeline_latest(timeline);

	return latest ? latest->number : 0;
}

static int64_t add(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b > 0 ? INT64_MAX : INT64_MIN;
	return sum;
}

/* The period that begins now, or NULL. */
static struct sf_period *make_period(
	const struct sf_period *before, const struct sf_clock *clock, int64_t packet_ns)
{
	unsigned number = before ? before->number + 1 : 1;
	struct sf_period *period;

	if (clock->limit > TIME_MAX - QUIET_MOST_NS || packet_ns < -TIME_MAX ||
		clock->now > TIME_MAX - QUIET_MOST_NS - clock->limit || number > SF_STEPS_MAX)
		return NULL;
	period = malloc(sizeof(*period));
	if (!period)
		return NULL;
	*period = (struct sf_period){
		.before = before,
		.number = number,
		.last_ns = clock->now,
		/* whole hours: what goes by seconds or minutes of the clock stays as it is */
		.offset =
			(clock->now + clock->limit + QUIET_MOST_NS - packet_ns) / HOUR_NS * HOUR_NS,
	};
	period->begin_ns = packet_ns + period->offset;
	period->from_ns = period->begin_ns - BEFORE_NS;
	return period;
}

const struct sf_period *sf_timeline_step(struct sf_timeline *timeline,
	const struct sf_period *period, const struct sf_clock *clock, int64_t packet_ns)
{
	struct sf_period *latest = (struct sf_period *)(uintptr_t)period;
	struct sf_period *new = make_period(period, clock, packet_ns);

	if (!new)
		return sf_timeline_latest(timeline);
	/* pairs with the acquire in sf_timeline_latest() */
	if (atomic_compare_exchange_strong_explicit(
		    &timeline->latest, &latest, new, memory_order_acq_rel, memory_order_acquire))
		return new;
	free(new);
	return latest;
}

int64_t sf_period_time(const struct sf_period *period, int64_t packet_ns)
{
	for (; period; period = period->before) {
		int64_t time_ns = add(packet_ns, period->offset);

		if (time_ns >= period->from_ns)
			return time_ns;
	}
	return packet_ns;
}

/* The one of this period and those before it to which a time of the source belongs. */
static const struct sf_period *period_of(const struct sf_period *period, int64_t time_ns)
{
	while (period && time_ns < period->from_ns)
		period = period->before;
	return period;
}

int64_t sf_period_packet_time(const struct sf_period *period, int64_t time_ns)
{
	period = period_of(period, time_ns);
	return period ? time_ns - period->offset : time_ns;
}

/* ---------------------------------------------------------------- records */

/*
 * True if the record ended with the step behind its period: when the clock stood there no timeout
 * had passed. `end_ns`: of the clock then.
 */
static bool is_forced(const struct sf_time_restorer *restorer, const struct sf_flow *flow,
	int64_t start_ns, int64_t end_ns, int64_t last_ns)
{
	return (flow->end_reason == SF_END_IDLE || flow->end_reason == SF_END_ACTIVE) &&
	       add(end_ns, restorer->idle_ns) > last_ns &&
	       add(start_ns, restorer->active_ns) > last_ns;
}

static void restore(const struct sf_time_restorer *restorer, const struct sf_period *latest,
	struct sf_flow *flow)
{
	const struct sf_period *period = latest, *behind = NULL;
	int64_t start_ns = INT64_MAX, end_ns = INT64_MIN;

	for (unsigned d = 0; d < 2; d++) {
		const struct sf_flow_half *half = &flow->half[d];

		if (!(flow->directions >> d & 1))
			continue;
		start_ns = half->start_ns < start_ns ? half->start_ns : start_ns;
		end_ns = half->end_ns > end_ns ? half->end_ns : end_ns;
	}
	for (; period && start_ns < period->from_ns; period = period->before)
		behind = period;
	if (behind && is_forced(restorer, flow, start_ns, end_ns, behind->last_ns))
		flow->end_reason = SF_END_FORCED;
	for (unsigned d = 0; period && d < 2; d++) {
		struct sf_flow_half *half = &flow->half[d];

		if (!(flow->directions >> d & 1))
			continue;
		half->start_ns -= period->offset;
		half->end_ns -= period->offset;
	}
}

/* sf_flow_sink */
static unsigned put(void *context, const struct sf_flow *flows, unsigned count)
{
	struct sf_time_restorer *restorer = context;
	const struct sf_flow_sink *next = &restorer->next;
	const struct sf_period *latest = sf_timeline_latest(restorer->timeline);
	struct sf_flow restored[SF_BATCH_MAX];
	unsigned done = 0;

	if (sf_likely(!latest))
		return next->put(next->context, flows, count);
	while (done < count) {
		unsigned part = count - done < SF_BATCH_MAX ? count - done : SF_BATCH_MAX, taken;

		for (unsigned i = 0; i < part; i++) {
			restored[i] = flows[done + i];
			restore(restorer, latest, &restored[i]);
		}
		taken = next->put(next->context, restored, part);
		done += taken;
		if (taken < part)
			break;
	}
	return done;
}

void sf_time_restorer_init(struct sf_time_restorer *restorer, const struct sf_timeline *timeline,
	struct sf_meter_options *meter)
{
	*restorer = (struct sf_time_restorer){
		.timeline = timeline,
		.next = meter->sink,
		.idle_ns = meter->idle_timeout_ns,
		/* a record of one packet ends with it */
		.active_ns = meter->per_packet ? 0 : meter->active_timeout_ns,
	};
	meter->sink = (struct sf_flow_sink){ put, restorer };
}
