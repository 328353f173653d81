/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pacing. A collector with default socket buffers stands a short burst and then a rate; the
 * bucket holds BURST records. `next_ns` is the time up to which the records sent so far have used
 * the rate; it may lie behind the clock by no more than the burst.
 */
#include <errno.h>

#include "base/clock.h"
#include "export/backlog.h"
#include "export/transport.h"

#define BURST 256

/* A collector that is watched loses nothing; one behind a relay on this host still might. */
#define WATCHED_RATE 400000

static void set_rate(struct sf_pace *pace, uint64_t rate)
{
	pace->rate = rate;
	pace->burst_ns = rate ? (int64_t)(BURST * UINT64_C(1000000000) / rate) : 0;
}

void sf_pace_init(struct sf_pace *pace, uint64_t rate)
{
	*pace = (struct sf_pace){ .rate = 0 };
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
	*pace = (struct sf_pace){ .plain_rate = pace->rate, .backlog = backlog };
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

void sf_pace_wait(struct sf_pace *pace, uint64_t records)
{
	int64_t now;

	if (!pace->rate)
		return;
	now = sf_clock_read(CLOCK_MONOTONIC);
	if (pace->next_ns < now - pace->burst_ns)
		pace->next_ns = now - pace->burst_ns;
	if (pace->next_ns > now) {
		struct timespec until = {
			.tv_sec = pace->next_ns / 1000000000,
			.tv_nsec = pace->next_ns % 1000000000,
		};

		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
			continue;
	}
	if (pace->backlog && !sf_backlog_wait(pace->backlog))
		end_watch(pace);
	pace->next_ns += (int64_t)(records * UINT64_C(1000000000) / pace->rate);
}
