/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workers read one source in turns. A turn is the exclusive right to read, and the packets read
 * under it. The worker of a turn receives and parses its packets; each packet is accounted by the
 * worker that owns its flow. The address pair decides the owner, so that both directions and later
 * fragments reach the same table. Every worker accounts its packets of all turns in the order of
 * the turns: a table gets its packets in the order of the source, and records are those of one
 * worker.
 *
 * Each worker, in its own thread:
 *
 *	turn = sf_relay_next(relay, me);
 *	if (turn) {
 *		for each piece (some packets of the turn, like a batch of a single worker):
 *			list = sf_relay_list(turn, me, piece);
 *			while ((n = sf_relay_get(relay, &list, facts, max)) > 0)
 *				… account facts …
 *			… age the table to turn->clocks[piece] …
 *		sf_relay_done(relay, me);
 *	} else if (sf_relay_enter(relay, me)) {
 *		… receive packets; no other worker does …
 *		turn = sf_relay_leave(relay, me, note);	or sf_relay_pass(), if no packet came
 *		… parse; for some at a time: sf_relay_put(relay, me, facts, count, clock) …
 *		sf_relay_publish(relay, me, clock);
 *	}
 *
 * until a worker has called sf_relay_close() and sf_relay_drained() is true.
 *
 * Moving facts from core to core is the largest cost here. So only the bytes that the table needs
 * are moved, many facts at once and without gaps, and one store publishes a whole turn.
 *
 * Shared words:
 *	busy      spin lock of the worker that reads; protects the source and `turns`.
 *	turns     number of turns so far; written under `busy`, read by all as an estimate
 *	          (relaxed).
 *	closed    set by any worker, read by a worker that enters; see sf_relay_drained().
 *	ring[]    turns that can be read; written by the worker of the turn (release), read by all
 *	          (acquire).
 *	consumed  turns that a worker has accounted; written by that worker (release), read by
 *	          workers that want to use the memory of a turn again (acquire).
 */
#ifndef SPANFLOW_ENGINE_RELAY_H
#define SPANFLOW_ENGINE_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/annex.h"

/* Upper bounds; SF_RELAY_TURN and SF_RELAY_SLOTS are lower when there are many workers. */
#define SF_RELAY_TURN   2048 /* packets of a turn */
#define SF_RELAY_PIECE  256  /* packets of a piece, or a few more */
#define SF_RELAY_PIECES (SF_RELAY_TURN / SF_RELAY_PIECE)
#define SF_RELAY_SLOTS  32 /* turns of a worker in flight */

struct sf_relay;

/* Read-only for callers, and valid from sf_relay_next() to sf_relay_done(). */
struct sf_relay_turn {
	uint64_t number;
	unsigned writer; /* the worker that parsed the turn */
	unsigned slot;   /* which of the writer's SF_RELAY_SLOTS the turn uses */
	uint32_t note;   /* argument of sf_relay_leave() */
	unsigned pieces;
	int64_t clocks[SF_RELAY_PIECES]; /* clock of the source after each piece, ns since 1970 */
	struct sf_relay_octets *octets;  /* lists of facts, by worker */
};

/* The facts of a list that were not taken yet. */
struct sf_relay_list {
	const uint8_t *next, *end;
};

/*
 * Makes a relay for 2 … SF_WORKERS_MAX workers. `secret`: random, so that nobody can choose
 * addresses which all belong to one worker. `wanted`: the set of facts that the packets' annexes
 * have. Returns 0 or -ENOMEM.
 */
int sf_relay_new(
	struct sf_relay **relay, unsigned workers, const uint64_t secret[2], uint64_t wanted);
void sf_relay_free(struct sf_relay *relay);

/* Largest number of packets of a turn. Any thread. */
unsigned sf_relay_most(const struct sf_relay *relay);

/* The worker whose table holds the flow of these facts. Any thread. */
unsigned sf_relay_owner(const struct sf_relay *relay, const struct sf_facts *facts);

/*
 * True: worker `me` has the right to read, until sf_relay_leave() or sf_relay_pass(). False:
 * another worker reads, or all turns of worker `me` are still in flight, or the relay is closed.
 */
bool sf_relay_enter(struct sf_relay *relay, unsigned me);

/*
 * Ends the right to read. The packets received (possibly none) become a turn, which worker `me` has
 * to put and to publish. Every worker that accounts the turn finds `note` in it.
 */
const struct sf_relay_turn *sf_relay_leave(struct sf_relay *relay, unsigned me, uint32_t note);

/* Ends the right to read without a turn: no packet came. */
void sf_relay_pass(struct sf_relay *relay);

/*
 * Adds parsed packets to the turn, in order. `clock_ns`: clock of the source after the last of
 * them. At most SF_BATCH_MAX packets per call and sf_relay_most() per turn.
 */
void sf_relay_put(struct sf_relay *relay, unsigned me, struct sf_facts_array facts, unsigned count,
	int64_t clock_ns);

/* Completes the turn; `clock_ns`: clock of the source after it. */
void sf_relay_publish(struct sf_relay *relay, unsigned me, int64_t clock_ns);

/* The next turn for worker `me` to account; NULL: it is not published yet. */
const struct sf_relay_turn *sf_relay_next(struct sf_relay *relay, unsigned me);

/* The packets of a piece that worker `me` owns. */
struct sf_relay_list sf_relay_list(const struct sf_relay_turn *turn, unsigned me, unsigned piece);

/*
 * Copies the next facts of a list, at most `max`, and returns their number. The tail is left as it
 * was.
 */
unsigned sf_relay_get(const struct sf_relay *relay, struct sf_relay_list *list,
	struct sf_facts_array facts, unsigned max);

/*
 * Number of turns that worker `me` has not accounted: an estimate. Called by the worker's thread.
 */
uint64_t sf_relay_behind(const struct sf_relay *relay, unsigned me);

/* Worker `me` has accounted its packets of the turn that sf_relay_next() returned. */
void sf_relay_done(struct sf_relay *relay, unsigned me);

/* From now on no turn begins. Any thread. */
void sf_relay_close(struct sf_relay *relay);

/* True when the relay is closed and worker `me` has accounted all turns. */
bool sf_relay_drained(struct sf_relay *relay, unsigned me);

#endif
