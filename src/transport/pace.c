/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pacing. A collector with default socket buffers takes a short burst, and then a certain rate. The
 * token bucket holds BURST records. `next_ns` is the time up to which the records sent so far have
 * used the rate; it lies behind the clock by the length of a burst at most.
 */
#include "base/clock.h"
#include "transport/backlog.h"
#include "transport/transport.h"

#define BURST    256
#define SLICE_NS INT64_C(50000000) /* a long wait checks the hurry at this interval */

/*
 * Rate for a collector whose buffer is watched. A limit for collectors behind a relay on this host.
 */
#define WATCHED_RATE 400000

#define LOOK_NS INT64_C(200000) /* interval of checks of a buffer that is half full */
#define STUCK_NS                                                                                   \
	INT64_C(5000000000) /* a collector that has read nothing for this time has stopped */

static void set_rate(struct sf_pace *pace, uint64_t rate)
{
	pace->rate = rate;
	pace->burst_ns = rate ? (int64_t)(BURST * UINT64_C(1000000000) / rate) : 0;
}

void sf_pace_init(struct sf_pace *pace, uint64_t rate, const struct sf_hurry *hurry)
{
	*pace = (struct sf_pace){ .hurry = hurry };
	set_rate(pace, rate);
}

void sf_pace_watch(struct sf_pace *pace, const struct sf_transport *transport)
{
	struct sf_backlog *backlog = NULL;

	if (sf_udp_stays_here(transport))
		backlog = sf_backlog_open((const struct sockaddr *)&transport->local,
			(const struct sockaddr *)&transport->peer);
	if (!backlog)
		return;
	pace->plain_rate = pace->rate;
	pace->backlog = backlog;
	set_rate(pace, WATCHED_RATE);
}

/* The collector has stopped reading: falls back to the plain rate, in case it resumes. */
static void end_watch(struct sf_pace *pace)
{
	sf_backlog_close(pace->backlog);
	pace->backlog = NULL;
	pace->full_since_ns = 0;
	set_rate(pace, pace->plain_rate);
}

void sf_pace_fini(struct sf_pace *pace)
{
	sf_backlog_close(pace->backlog);
}

/*
 * True if half of the collector's buffer is used. If it reads nothing for STUCK_NS then, the watch
 * ends.
 */
static bool is_behind(struct sf_pace *pace, int64_t mono)
{
	uint32_t used;

	if (!pace->backlog)
		return false;
	if (!sf_backlog_is_long(pace->backlog, &used)) {
		pace->full_since_ns = 0;
		return false;
	}
	if (pace->full_since_ns == 0 || used < pace->full_octets)
		pace->full_since_ns = mono;
	pace->full_octets = used;
	if (mono - pace->full_since_ns < STUCK_NS)
		return true;
	end_watch(pace);
	return false;
}

int64_t sf_pace_due(struct sf_pace *pace, int64_t mono)
{
	if (!pace->rate)
		return mono;
	if (pace->next_ns > mono)
		return pace->next_ns;
	return is_behind(pace, mono) ? mono + LOOK_NS : mono;
}

void sf_pace_spend(struct sf_pace *pace, uint64_t records)
{
	int64_t mono;

	if (!pace->rate)
		return;
	mono = sf_clock_read(CLOCK_MONOTONIC);
	if (pace->next_ns < mono - pace->burst_ns)
		pace->next_ns = mono - pace->burst_ns;
	pace->next_ns += (int64_t)(records * UINT64_C(1000000000) / pace->rate);
}

bool sf_pace_wait(struct sf_pace *pace, uint64_t records)
{
	int64_t mono = sf_clock_read(CLOCK_MONOTONIC), due;

	while (pace->rate && (due = sf_pace_due(pace, mono)) > mono) {
		int64_t pause = due - mono < SLICE_NS ? due - mono : SLICE_NS;

		if (sf_hurry_level(pace->hurry))
			return false;
		nanosleep(&(struct timespec){ .tv_nsec = pause }, NULL);
		mono = sf_clock_read(CLOCK_MONOTONIC);
	}
	sf_pace_spend(pace, records);
	return true;
}
