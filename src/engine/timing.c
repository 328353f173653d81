/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock of a source, as its workers keep it: the largest packet time so far (base/clock.h), of
 * all packets, also of those that the filter refuses, by the time of the source (timeline.h). While
 * a live source is quiet, its clock goes on with the monotonic clock from where the packets left
 * it, so that setting the wall clock neither ends flows early nor keeps them. It then lags behind
 * the wall clock by the driver's wait (0.1 s) at most: so packets that the kernel still holds back
 * do not find their flow already aged.
 */
#include <time.h>

#include "engine/worker.h"

int64_t sf_timing_limit(const struct sf_meter_options *meter)
{
	return meter->idle_timeout_ns < meter->active_timeout_ns ? meter->idle_timeout_ns
								 : meter->active_timeout_ns;
}

void sf_timing_init(struct sf_timing *timing, int64_t limit_ns)
{
	*timing = (struct sf_timing){ .end_ns = INT64_MAX };
	sf_clock_init(&timing->clock, limit_ns);
}

/* ---------------------------------------------------------------- packets */

/* The host's clock. It is read when it is needed, once per batch: most batches do not need it. */
struct present {
	bool known;
	int64_t ns;
};

static int64_t present_ns(struct present *present)
{
	if (!present->known)
		present->ns = sf_clock_read(CLOCK_REALTIME);
	present->known = true;
	return present->ns;
}

/*
 * The time of the source for a packet. Of a live source that reads several rings by turns, packets
 * of before a step may come behind it: they are of the host's future then.
 */
static int64_t source_time(const struct sf_worker *worker, const struct sf_timing *timing,
	int64_t packet_ns, struct present *present)
{
	const struct sf_clock *clock = &timing->clock;
	int64_t time_ns = sf_period_time(timing->period, packet_ns);

	if (timing->period && worker->capture->live &&
		sf_clock_is_beyond(clock, time_ns, clock->now) &&
		sf_clock_is_beyond(clock, packet_ns, present_ns(present)))
		return sf_period_time(timing->period->before, packet_ns);
	return time_ns;
}

/* True if there is evidence that a packet far behind the clock is no late one (timeline.h). */
static bool is_set_back(const struct sf_worker *worker, const struct sf_timing *timing,
	const struct sf_packet *packet, int64_t clock_ns, struct present *present)
{
	const struct sf_clock *clock = &timing->clock;
	int64_t packet_ns, now_ns;

	if (!worker->capture->live)
		return packet->flags & SF_PACKET_SET_BACK;
	packet_ns = sf_period_packet_time(timing->period, packet->time_ns);
	now_ns = present_ns(present);
	return sf_clock_is_beyond(clock, sf_period_packet_time(timing->period, clock_ns), now_ns) &&
	       !sf_clock_is_beyond(clock, now_ns, packet_ns) &&
	       !sf_clock_is_beyond(clock, packet_ns, now_ns);
}

/* The end of --duration is as far away as it was. */
static void move_end(struct sf_timing *timing, int64_t by_ns)
{
	if (timing->end_ns < INT64_MAX - by_ns)
		timing->end_ns += by_ns;
}

/* A period begins with packet `at`, which found the clock at clock_ns. */
static void begin_period(const struct sf_worker *worker, struct sf_timing *timing,
	struct sf_received *batch, unsigned at, int64_t clock_ns, struct present *present)
{
	const struct sf_period *before = timing->period, *period;
	struct sf_packet *packets = batch->packets;
	struct sf_clock *clock = &timing->clock;

	clock->now = clock_ns;
	clock->agreed = 0;
	period = sf_timeline_step(&worker->options.input->timeline, before, clock,
		sf_period_packet_time(before, packets[at].time_ns));
	if (period != before) {
		timing->period = period;
		clock->now = period->begin_ns;
		move_end(timing, clock->now - clock_ns);
	}
	for (unsigned i = at; i < batch->count; i++) {
		int64_t packet_ns = sf_period_packet_time(before, packets[i].time_ns);

		packets[i].time_ns = source_time(worker, timing, packet_ns, present);
		batch->clocks[i] = sf_clock_advance(clock, packets[i].time_ns);
	}
}

/* Some packets are late or far ahead: looks for one that is behind the clock for good. */
static void look_for_steps(const struct sf_worker *worker, struct sf_timing *timing,
	struct sf_received *batch, struct present *present)
{
	for (unsigned i = 0; i < batch->count; i++) {
		const struct sf_packet *packet = &batch->packets[i];
		int64_t clock_ns = batch->clocks[i];

		if (sf_clock_is_beyond(&timing->clock, clock_ns, packet->time_ns) &&
			is_set_back(worker, timing, packet, clock_ns, present))
			begin_period(worker, timing, batch, i, clock_ns, present);
	}
}

/* Another queue of the source has seen that the time of the packets went back. */
static void follow_others(const struct sf_worker *worker, struct sf_timing *timing)
{
	const struct sf_period *latest = sf_timeline_latest(&worker->options.input->timeline);

	if (timing->period == latest)
		return;
	timing->period = latest;
	timing->quiet = false;
	timing->clock.agreed = 0;
	timing->clock.now = latest->begin_ns;
}

void sf_timing_follow(struct sf_worker *worker, struct sf_timing *timing, struct sf_received *batch)
{
	struct present present = { 0 };

	if (sf_unlikely(timing->clock.now == INT64_MIN))
		follow_others(worker, timing);
	if (sf_unlikely(timing->period != NULL))
		for (unsigned i = 0; i < batch->count; i++)
			batch->packets[i].time_ns =
				source_time(worker, timing, batch->packets[i].time_ns, &present);
	batch->clock = sf_clock_follow(&timing->clock, batch->packets, batch->count, batch->clocks)
			       ? NULL
			       : batch->clocks;
	if (sf_unlikely(batch->clock != NULL))
		look_for_steps(worker, timing, batch, &present);
}

int64_t sf_worker_packet_clock(const struct sf_worker *worker, int64_t clock)
{
	const struct sf_input *input = worker->options.input;

	return input ? sf_period_packet_time(sf_timeline_latest(&input->timeline), clock) : clock;
}

/* ---------------------------------------------------------------- quiet sources */

/* How far packets may lie behind the wall clock that the driver has not handed over yet, ns. */
static int64_t held_back(const struct sf_worker *worker)
{
	return SF_KEPT_BACK_NS + worker->options.switch_time_ns;
}

/* The host's clock by the time of the source. */
static int64_t source_now(const struct sf_worker *worker)
{
	return sf_period_time(worker->timing.period, sf_clock_read(CLOCK_REALTIME));
}

/*
 * The clock of a source that has just become quiet. If the driver waits for a short time only
 * (short_wait), it may have returned while packets still lie in the kernel, so the clock stays
 * behind by SF_KEPT_BACK_NS. A worker that read its last packets late does not stay late while its
 * source is quiet: the clock is at most a second and held_back() before now.
 */
static int64_t quiet_clock(const struct sf_worker *worker)
{
	const struct sf_clock *clock = &worker->timing.clock;
	const struct sf_input *input = worker->options.input;
	int64_t from = clock->now - (input->short_wait ? SF_KEPT_BACK_NS : 0);
	int64_t least = source_now(worker) - SF_NS_PER_S - held_back(worker);

	if (!input->capture->live || least < from || sf_clock_is_beyond(clock, least, clock->now))
		return from;
	return least;
}

bool sf_worker_keep_time(struct sf_worker *worker, bool awaited)
{
	struct sf_timing *timing = &worker->timing;
	int64_t mono = sf_clock_read(CLOCK_MONOTONIC), looked, now;

	if (worker->capture->live)
		follow_others(worker, timing);
	/* a queue that never had a packet must not hold back the ageing of all others */
	if (timing->clock.now == INT64_MIN && awaited)
		timing->clock.now = source_now(worker) - held_back(worker);
	if (timing->clock.now == INT64_MIN)
		return false;
	if (!timing->quiet) {
		timing->quiet = true;
		timing->quiet_mono = timing->looked_mono = mono;
		timing->quiet_clock = quiet_clock(worker);
	}
	/* other workers wait for this clock: nothing came since before the driver looked */
	looked = awaited ? timing->looked_mono : mono;
	now = timing->quiet_clock + (looked - timing->quiet_mono);
	timing->looked_mono = mono;
	if (now > timing->clock.now)
		timing->clock.now = now;
	return timing->clock.now >= timing->end_ns;
}

int64_t sf_worker_end_clock(struct sf_worker *worker)
{
	int64_t end = sf_clock_finish(&worker->timing.clock);

	if (end > worker->timing.end_ns)
		end = worker->timing.clock.now = worker->timing.end_ns;
	return end;
}
