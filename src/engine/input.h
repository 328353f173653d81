/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A source of a run that is open: its capture, and the numbers that the meters know its interfaces
 * by. Interface numbers are dense over the process: each source has a span of them, and two arrays
 * that all meters share give ifIndex and observation domain of each number.
 *
 *	struct sf_input input = { .interfaces = interfaces, .span = 1024, .domain = 1 };
 *
 *	sf_input_open(&input, &plan->sources[0], plan->workers, steer_key, helper, &error);
 *	… sf_capture_recv(input.capture, …); sf_input_learn(&input); …
 *	sf_input_close(&input);
 */
#ifndef SPANFLOW_ENGINE_INPUT_H
#define SPANFLOW_ENGINE_INPUT_H

#include <string.h>

#include <spanflow/capture.h>
#include <spanflow/meter.h>
#include <spanflow/plan.h>
#include <spanflow/tunnel.h>

#include "engine/timeline.h"

#define SF_INTERFACES_MAX 65536u

/* Bytes captured of each packet if payload is read, unless --snaplen says otherwise. */
#define SF_SNAPLEN_PAYLOAD 2048

/* By interface number. Written before a packet of that interface is metered, then only read. */
struct sf_interfaces {
	uint32_t ifindex[SF_INTERFACES_MAX];
	uint32_t domain[SF_INTERFACES_MAX];
};

struct sf_input {
	const struct sf_plan_source *source; /* what was opened */
	struct sf_capture *capture;
	struct sf_tunnel_options tunnels; /* which are opened in its packets */
	struct sf_observation_point point;
	uint32_t domain;                  /* observationDomainId of its records */
	struct sf_interfaces *interfaces; /* of the process */
	unsigned slots;                   /* interface slots entered in `interfaces` so far */
	unsigned span;                    /* interface numbers that belong to this source */
	struct sf_timeline timeline;      /* its time, which never goes back */
	bool payload;                     /* fields of what payload says are wanted */
	bool waits; /* its driver does not wait in recv, but in a call of its own */
	/* its driver waits for a shorter time than packets may lie in the kernel */
	bool short_wait;
	/* main thread, for notices */
	const char *condition; /* what the driver last said keeps packets away */
	bool told;             /* that it is metered */
	bool failed;           /* its failure was told */
	bool told_step;        /* that its packets' time went back */
};

/* True: interfaces; false: capture files. */
static inline bool sf_source_is_live(const struct sf_plan_source *source)
{
	return strcmp(source->driver, "file") != 0;
}

/*
 * Opens a source; of its members `interfaces`, `span`, `domain`, `point` and `payload` are set
 * before. `steer_key`: of sf_steer_hash(). `helper`: see base/helper.h, or NULL.
 */
int sf_input_open(struct sf_input *input, const struct sf_plan_source *source, unsigned workers,
	const uint32_t *steer_key, const struct sf_helper *helper, struct sf_error *error);

void sf_input_close(struct sf_input *input);

/*
 * Enters the interfaces that the source has described since the last call. Called before the
 * workers start, and of files by the thread that receives. A live source tells of later ones by
 * itself (sf_capture_options.appeared).
 */
void sf_input_learn(struct sf_input *input);

#endif
