/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a worker folds (--fold; base/fold.h): flows of one packet that a full table evicts, and
 * records for which there is no room on the way to the main thread. It lies between the meter and
 * the sink of the worker's kind.
 *
 *	sf_folding_init(&folding, SF_FOLD_EVICTED, facts, &options.sink);
 *	… records …
 *	sf_folding_age(&folding, clock);     after each batch
 *	sf_folding_leave(&folding);          at the end
 */
#ifndef SPANFLOW_ENGINE_FOLDING_H
#define SPANFLOW_ENGINE_FOLDING_H

#include <spanflow/engine.h>

#include "base/fold.h"

struct sf_folding {
	struct sf_fold *fold; /* NULL: nothing is folded */
	enum sf_fold_mode mode;
	struct sf_flow_sink next;
	bool waits; /* there are folded records, which leave at due_ns */
	int64_t due_ns;
	struct sf_fold_counts counts;
};

/* Takes the place of *sink. SF_FOLD_OFF: does nothing. 0 or -ENOMEM. */
int sf_folding_init(struct sf_folding *folding, enum sf_fold_mode mode, uint64_t facts,
	struct sf_flow_sink *sink);
void sf_folding_fini(struct sf_folding *folding);

/* Time passes: folded records leave SF_FOLD_NS after the first of them was begun. */
void sf_folding_age(struct sf_folding *folding, int64_t clock);

/* Folded records leave, unless the sink has no room for them. */
void sf_folding_leave(struct sf_folding *folding);

#endif
