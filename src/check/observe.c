/* SPDX-License-Identifier: BSD-2-Clause */
#include "check/observe.h"

#include <time.h>

#include "base/clock.h"

void sf_observation_stop(struct sf_observation *observation)
{
	observation->over = true;
}

static void on_end(struct sf_timer *timer)
{
	sf_observation_stop(timer->context);
}

/* Asks each queue once. 0 or a negative code; SF_EOF: the files have ended. */
static int ask_queues(struct sf_observation *observation)
{
	struct sf_capture *capture = observation->capture;
	struct sf_packet packets[SF_BATCH_MAX];

	for (unsigned queue = 0; queue < capture->queues; queue++) {
		int n = sf_capture_recv(capture, queue, packets, SF_BATCH_MAX);

		if (n < 0)
			return n;
		sf_mirror_watch(observation->mirror, queue, packets, (unsigned)n,
			sf_clock_read(CLOCK_REALTIME));
		sf_capture_release(capture, queue);
	}
	return 0;
}

static double observed_seconds(const struct sf_observation *observation)
{
	const struct sf_mirror *mirror = observation->mirror;

	if (observation->capture->live)
		return (double)(sf_loop_now(observation->loop) - observation->start_ns) /
		       (double)SF_NS_PER_S;
	if (!mirror->frames)
		return 0;
	return (double)(mirror->last_ns - mirror->first_ns) / (double)SF_NS_PER_S;
}

int sf_observe(struct sf_observation *observation, int64_t duration_ns)
{
	struct sf_loop *loop = observation->loop;
	int result = sf_loop_add_timer(loop, &observation->end, on_end, observation);

	if (result)
		return result;
	observation->start_ns = sf_loop_read_clock(loop);
	if (observation->capture->live)
		sf_timer_set(&observation->end, observation->start_ns + duration_ns);
	while (!observation->over && result >= 0) {
		/* if there are no packets, the driver sleeps in recv for a limited time */
		result = ask_queues(observation);
		if (result >= 0)
			result = sf_loop_turn(loop, 0);
	}
	observation->seconds = observed_seconds(observation);
	sf_timer_remove(&observation->end);
	return result == SF_EOF || result > 0 ? 0 : result;
}
