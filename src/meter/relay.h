/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Turns of several workers at one source (DESIGN §2): the right to receive, and then what was
 * received. A packet is received and parsed by the worker whose turn it is, and accounted by the
 * one whose table its flow belongs to, which is told by its address pair, so that both directions
 * and later fragments meet. Everybody accounts the turns in their order: a table sees its packets
 * as they came, and the records are those of one worker.
 *
 * Each worker, in its own thread:
 *
 *	turn = sf_relay_next(relay, me);
 *	if (turn) {
 *		for each of its pieces, as the batches of one worker are:
 *			list = sf_relay_list(turn, me, piece);
 *			while ((n = sf_relay_get(relay, &list, facts, max)) > 0)
 *				… account facts …
 *			… age the table to turn->clocks[piece] …
 *		sf_relay_done(relay, me);
 *	} else if (sf_relay_enter(relay, me)) {
 *		… receive packets, nobody else does …
 *		turn = sf_relay_leave(relay, me);	or sf_relay_pass(), if none came
 *		… parse; for some at a time: sf_relay_put(relay, me, facts, count, clock) …
 *		sf_relay_publish(relay, me, clock);
 *	}
 *
 * until sf_relay_close(), by any of them, and sf_relay_drained().
 *
 * What crosses between cores costs more than all else here, so facts travel in as many octets as
 * the table needs, many at once, written one after the other, and a turn is published with one
 * store.
 *
 * Shared words:
 *	busy      whose turn it is, taken and given back by workers: what only it protects is the
 *	          source, and how many turns there were.
 *	turns     so many; written by whose turn it is, and an estimate for all others (relaxed).
 *	closed    set by any worker, looked at by who enters; see sf_relay_drained().
 *	ring[]    which turn can be read; written by the worker that made it (release), read by all
 *	          (acquire).
 *	consumed  of each worker: turns it has accounted; written by it (release), read by those who
 *	          want to write over them (acquire).
 */
#ifndef SPANFLOW_METER_RELAY_H
#define SPANFLOW_METER_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/facts.h"

/* At most; of the first and the last fewer with many workers. */
#define SF_RELAY_TURN   2048 /* packets of a turn */
#define SF_RELAY_PIECE  256  /* of those, facts in a piece, or a few more */
#define SF_RELAY_PIECES (SF_RELAY_TURN / SF_RELAY_PIECE)
#define SF_RELAY_SLOTS  32 /* turns of a worker under way */

struct sf_relay;

/* Read-only for everybody but relay.c, from sf_relay_next() to sf_relay_done(). */
struct sf_relay_turn {
	uint64_t number;
	unsigned writer, slot; /* who parsed it; which of its SF_RELAY_SLOTS it is */
	uint32_t note;         /* as sf_relay_leave() was told */
	unsigned pieces;
	int64_t clocks
		[SF_RELAY_PIECES]; /* ns since 1970, after each piece, as all packets moved it */
	struct sf_relay_octets *octets; /* by worker */
};

/* Facts that are left of a list. */
struct sf_relay_list {
	const uint8_t *next, *end;
};

/*
 * For 2 … SF_WORKERS_MAX workers. `secret`: random, so that nobody can choose addresses which all
 * belong to one of them. `bare`: the tables want no rarely asked facts, so these need not travel.
 * Returns 0 or -ENOMEM.
 */
int sf_relay_new(struct sf_relay **relay, unsigned workers, const uint64_t secret[2], bool bare);
void sf_relay_free(struct sf_relay *relay);

/* Packets that a turn may have. Any thread. */
unsigned sf_relay_most(const struct sf_relay *relay);

/* The worker whose table holds the flow of these facts. Any thread. */
unsigned sf_relay_owner(const struct sf_relay *relay, const struct sf_facts *facts);

/*
 * True: it is the turn of worker `me` until it leaves. False: it is another's, the others have not
 * yet accounted what it parsed before, or the relay is closed.
 */
bool sf_relay_enter(struct sf_relay *relay, unsigned me);

/*
 * The source is given back. What came, perhaps nothing, is this turn, to be put and published by
 * worker `me`; `note` is for all who account it.
 */
const struct sf_relay_turn *sf_relay_leave(struct sf_relay *relay, unsigned me, uint32_t note);

/* The source is given back, and nothing came: no turn. */
void sf_relay_pass(struct sf_relay *relay);

/*
 * Some more parsed packets of the turn, in order; `clock_ns`: the source's after the last of them.
 * At most sf_relay_most() in all, and SF_BATCH_MAX at once.
 */
void sf_relay_put(struct sf_relay *relay, unsigned me, const struct sf_facts *facts, unsigned count,
	int64_t clock_ns);

/* The turn is complete; `clock_ns`: the source's after it. */
void sf_relay_publish(struct sf_relay *relay, unsigned me, int64_t clock_ns);

/* The next turn that worker `me` has not accounted; NULL: it cannot be read yet. */
const struct sf_relay_turn *sf_relay_next(struct sf_relay *relay, unsigned me);

/* What of a piece belongs to worker `me`. */
struct sf_relay_list sf_relay_list(const struct sf_relay_turn *turn, unsigned me, unsigned piece);

/*
 * Takes the next facts of a list, at most `max`; returns their number. What the table does not want
 * is left as it was.
 */
unsigned sf_relay_get(const struct sf_relay *relay, struct sf_relay_list *list,
	struct sf_facts *facts, unsigned max);

/* How many turns there were that worker `me` has not accounted; an estimate, by its thread. */
uint64_t sf_relay_behind(const struct sf_relay *relay, unsigned me);

/* Worker `me` has accounted its part of that turn. */
void sf_relay_done(struct sf_relay *relay, unsigned me);

/* No turn begins any more. Any thread. */
void sf_relay_close(struct sf_relay *relay);

/* True when the relay is closed and worker `me` has accounted all turns there were. */
bool sf_relay_drained(struct sf_relay *relay, unsigned me);

#endif
