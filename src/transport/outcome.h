/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sums of flow records, and of the pieces (messages, rows) that carried the records to a
 * destination or were lost with them.
 *
 *	struct sf_outcome sent = { 0 };
 *
 *	sf_outcome_enter(&sent, message->length, &message->flows);  one message more was sent
 *	sf_count_add(&stats->sent, &sent.flows);		    a settlement: added up …
 *	sent = (struct sf_outcome){ 0 };			    … and begun anew
 */
#ifndef SPANFLOW_TRANSPORT_OUTCOME_H
#define SPANFLOW_TRANSPORT_OUTCOME_H

#include <stdint.h>

#include <spanflow/export.h>

#include "base/count.h"

/* Pieces that were written, or lost, since the owner read the sums last. */
struct sf_outcome {
	uint64_t pieces, octets;
	struct sf_destination_count flows;
};

/* Adds a piece of `length` bytes with these flows. */
static inline void sf_outcome_enter(
	struct sf_outcome *sum, uint32_t length, const struct sf_destination_count *flows)
{
	sum->pieces++;
	sum->octets += length;
	sf_count_add(&sum->flows, flows);
}

/* Takes a piece out again that was entered before. The sums may be numbers modulo 2^64. */
static inline void sf_outcome_remove(
	struct sf_outcome *sum, uint32_t length, const struct sf_destination_count *flows)
{
	sum->pieces--;
	sum->octets -= length;
	sf_count_subtract(&sum->flows, flows);
}

#endif
