/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pacing. A collector with default socket buffers stands a short burst and then a rate; the
 * bucket holds BURST records. `next_ns` is the time up to which the records sent so far have used
 * the rate; it may lie behind the clock by no more than the burst.
 */
#include "base/clock.h"
#include "export/backlog.h"
#include "export/transport.h"

#define BURST    256
#define SLICE_NS INT64_C(50000000) /* of a long wait: between two looks at the hurry */

/* A collector that is watched loses nothing; one behind a relay on this host still might. */
#define WATCHED_RATE 400000

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

/* Who has stopped reading may begin again some time, and is then to find the plain rate. */
static void end_watch(struct sf_pace *pace)
{
	sf_backlog_close(pace->backlog);
	pace->backlog = NULL;
	set_rate(pace, pace->plain_rate);
}

void sf_pace_fini(struct sf_pace *pace)
{
	sf_backlog_close(pace->backlog);
}

/* False: the run is in a hurry. */
static bool wait_until(const struct sf_pace *pace, int64_t until, int64_t now)
{
	for (; until > now; now = sf_clock_read(CLOCK_MONOTONIC)) {
		int64_t pause = until - now < SLICE_NS ? until - now : SLICE_NS;

		if (sf_hurry_level(pace->hurry))
			return false;
		nanosleep(&(struct timespec){ .tv_nsec = pause }, NULL);
	}
	return true;
}

bool sf_pace_wait(struct sf_pace *pace, uint64_t records)
{
	int64_t now;

	if (!pace->rate)
		return true;
	now = sf_clock_read(CLOCK_MONOTONIC);
	if (pace->next_ns < now - pace->burst_ns)
		pace->next_ns = now - pace->burst_ns;
	if (!wait_until(pace, pace->next_ns, now))
		return false;
	if (pace->backlog && !sf_backlog_wait(pace->backlog, pace->hurry)) {
		if (sf_hurry_level(pace->hurry))
			return false;
		end_watch(pace);
	}
	pace->next_ns += (int64_t)(records * UINT64_C(1000000000) / pace->rate);
	return true;
}
