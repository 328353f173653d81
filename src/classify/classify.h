/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A classifier: a library that names the application of a flow from its first packets. nDPI lies
 * behind struct sf_classifier, in a module that is loaded when a run asks for it (base/module.h).
 *
 *	classifier = sf_classifier_load(&error);	before privileges are given up
 *	work = classifier->open();			for each worker
 *	classifier->begin(work, state);			state: classifier->state_bytes of memory
 *	classifier->packet(work, state, ip, length, time, &app);	each packet with payload
 *	classifier->end(work, state);			frees what the library keeps for the flow
 *	classifier->close(work);
 *
 * flows.h decides which flows are shown to a classifier, with how many packets and how much memory.
 */
#ifndef SPANFLOW_CLASSIFY_CLASSIFY_H
#define SPANFLOW_CLASSIFY_CLASSIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/error.h>

#include "base/application.h"

/* What a worker needs of the library; one thread. */
struct sf_classifier_work;

enum sf_classifier_answer {
	SF_CLASSIFIER_NOTHING, /* not known yet */
	SF_CLASSIFIER_BETTER,  /* `application` is known, and further packets may tell more */
	/* no packet can tell more; `application` may have an answer or zeros */
	SF_CLASSIFIER_FINAL,
};

struct sf_classifier {
	struct sf_application_table table;
	/* Memory of a flow. */
	size_t state_bytes;
	/* NULL: no memory. */
	struct sf_classifier_work *(*open)(void);
	void (*close)(struct sf_classifier_work *work);
	void (*begin)(struct sf_classifier_work *work, void *state);
	/*
	 * A packet from its IP header on: an IP header without options or extensions, then TCP or
	 * UDP, both as long as they say. application->id is set if it is known and not the one of
	 * the flow's last answer. `last`: the flow is given up after this packet.
	 */
	enum sf_classifier_answer (*packet)(struct sf_classifier_work *work, void *state,
		const uint8_t *ip, size_t length, int64_t time_ns, bool last,
		struct sf_application *application);
	void (*end)(struct sf_classifier_work *work, void *state);
	/*
	 * Bytes that the library keeps now for all flows that have begun and
	 * not ended, beside their states.
	 */
	size_t (*kept)(const struct sf_classifier_work *work);
};

/*
 * NULL: this build has no nDPI, or the module does not load; the error says which and what to do.
 * Later calls return the same object.
 */
const struct sf_classifier *sf_classifier_load(struct sf_error *error);

#endif
