/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows the packets of a capture to a mirror's diagnosis (mirror.h) for some time. Signals, and
 * timers of the caller such as that of a progress line, are served by the same loop:
 *
 *	struct sf_observation observation = { .loop = loop, .mirror = &mirror, .capture = capture };
 *
 *	err = sf_observe(&observation, 10 * SF_NS_PER_S);
 *	n = sf_mirror_findings(&mirror, &stats, observation.seconds, findings);
 */
#ifndef SPANFLOW_CHECK_OBSERVE_H
#define SPANFLOW_CHECK_OBSERVE_H

#include "base/loop.h"
#include "check/mirror.h"

struct sf_observation {
	/* set by the caller */
	struct sf_loop *loop;
	struct sf_mirror *mirror;
	struct sf_capture *capture;
	/* set by sf_observe() */
	int64_t start_ns; /* monotonic */
	double seconds;   /* observed; of files: from the first packet to the last one */
	bool over;        /* the observation ends with this turn of the loop */
	struct sf_timer end;
};

/*
 * Asks all queues in turn until the duration is over (live captures), the files end, or
 * sf_observation_stop() is called by a function of the loop. 0, or the error of the capture or of
 * the loop.
 */
int sf_observe(struct sf_observation *observation, int64_t duration_ns);

/* Ends sf_observe() after the present turn of the loop. */
void sf_observation_stop(struct sf_observation *observation);

#endif
