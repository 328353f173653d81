/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which packets a classifier gets to see, within bounds that hold whatever the traffic is:
 *
 *	packets   the first SF_CLASSES_PACKETS with payload of a flow, both directions together;
 *	          fewer if the classifier has its final answer
 *	states    SF_CLASSES_STATES flows at once; if there are more, the flow that was silent for
 *	          the longest time is given up, and counted as crowded
 *	memory    the states, and SF_CLASSES_KEPT bytes inside of the library: when it keeps more,
 *	          flows are given up likewise
 *	flows     SF_CLASSES_PLACES flows are remembered, so that the classifier sees none of their
 *	          later packets. If there are more, the oldest ones are forgotten: their next
 *	          packets are shown again
 *
 * Example:
 *
 *	sf_classes_new(&classes, classifier, idle_timeout);
 *	if (sf_classes_look(classes, &facts, transport, length, &done))
 *		facts.application				the flow's new answer
 *
 * A flow begins anew when the idle timeout has passed since its last packet with payload, and with
 * a SYN. One object for each worker; one thread.
 */
#ifndef SPANFLOW_CLASSIFY_FLOWS_H
#define SPANFLOW_CLASSIFY_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/facts.h"
#include "classify/classify.h"

#define SF_CLASSES_PACKETS 16
#define SF_CLASSES_STATES  8192
#define SF_CLASSES_KEPT    (16u << 20)
#define SF_CLASSES_PLACES  (1u << 19)
#define SF_CLASSES_WAYS    8
#define SF_CLASSES_BYTES                                                                           \
	2048 /* of a packet from its transport header on: what is behind is not shown */

struct sf_classes_counters {
	uint64_t flows;    /* that began */
	uint64_t answered; /* that have an application */
	uint64_t unknown;  /* that ended, or were shown whole, without an application */
	uint64_t crowded;  /* given up before there was an answer: no state or memory was left */
};

struct sf_classes;

/*
 * `idle_ns`: SF_TIMEOUT_NEVER: never. 0, a negative errno value, or SF_EUNSUPPORTED: the classifier
 * cannot be opened; then `*made` is NULL.
 */
int sf_classes_new(
	struct sf_classes **made, const struct sf_classifier *classifier, int64_t idle_ns);
void sf_classes_free(struct sf_classes *classes);

/* A TCP packet with SYN: the flow begins anew. */
void sf_classes_syn(struct sf_classes *classes, const struct sf_facts *facts);

/*
 * Shows a packet with payload, if it is one of the first ones of its flow. `transport`: `length`
 * captured bytes from the TCP or UDP header on, which is whole. True: facts->application is the
 * flow's new answer. *done: no further packet of the flow has to be shown.
 */
bool sf_classes_look(struct sf_classes *classes, struct sf_facts *facts, const uint8_t *transport,
	size_t length, bool *done);

const struct sf_classes_counters *sf_classes_counters(const struct sf_classes *classes);

#endif
