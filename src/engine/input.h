/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A source of the run: one observation point, made from what was typed after -i or -r, and the
 * numbers that the meter knows its interfaces by. Interface numbers are dense over the process:
 * each source has a span of them, and two arrays shared by all meters tell the ifIndex and the
 * observation domain of each number.
 */
#ifndef SPANFLOW_ENGINE_INPUT_H
#define SPANFLOW_ENGINE_INPUT_H

#include <spanflow/capture.h>
#include <spanflow/meter.h>

#include "cli/options.h"
#include "guard/monitor.h"

#define SF_INTERFACES_MAX 65536u

/* By interface number. Written before a packet of that interface is metered, then only read. */
struct sf_interfaces {
	uint32_t ifindex[SF_INTERFACES_MAX];
	uint32_t domain[SF_INTERFACES_MAX];
};

struct sf_input {
	const char *name; /* as typed; for files the first one */
	struct sf_capture *capture;
	struct sf_observation_point point;
	uint32_t domain;                  /* observationDomainId of its records */
	struct sf_interfaces *interfaces; /* of the process */
	unsigned slots;                   /* interface slots entered there so far */
	unsigned span;                    /* interface numbers that belong to this source */
	bool waits; /* its driver does not wait in recv, but in a call of its own */
	bool short_wait; /* its driver waits for packets for a shorter time than they may lie in the kernel */
	const char *condition; /* what the driver last said keeps packets away */
	bool told;             /* that it is metered */
};

/*
 * Opens a network source: [DRIVER:]NAME[+NAME…]. `steer_key`: of sf_steer_hash(). `helper`: see
 * base/helper.h, or NULL.
 */
int sf_input_open_live(struct sf_input *input, const char *text, const struct sf_options *options,
	const uint32_t *steer_key, const struct sf_helper *helper, struct sf_error *error);

/* What the metering process may ask its monitor for: the kernel's interfaces among the sources. */
int sf_input_permits(
	struct sf_permits *permits, const struct sf_options *options, struct sf_error *error);

/* SF_EUSAGE if an interface is named twice, be it by two names or by two drivers. */
int sf_input_refuse_twice(const struct sf_options *options, struct sf_error *error);

/* Opens all files of -r as one source. */
int sf_input_open_files(
	struct sf_input *input, const struct sf_options *options, struct sf_error *error);

void sf_input_close(struct sf_input *input);

/*
 * Enters the interfaces that the source has described since the last call. By who receives from a
 * source that describes some while it is read, or before the workers start.
 */
void sf_input_learn(struct sf_input *input);

#endif
