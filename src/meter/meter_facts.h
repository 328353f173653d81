/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two steps of sf_meter_batch(), for workers that hand parsed packets to each other in between
 * (DESIGN §2): any meter parses, the one whose table the flow belongs to accounts.
 *
 * Books: frames, ignored and clock_steps are counted by the meter that parses, packets, octets and
 * everything about flows by the one that accounts. So the first equation of struct sf_ledger holds
 * for the sum over all workers, once no facts are on their way; the second for each alone, until
 * records leave through another meter in the end (sf_meter_finish_part()).
 */
#ifndef SPANFLOW_METER_METER_FACTS_H
#define SPANFLOW_METER_METER_FACTS_H

#include <spanflow/meter.h>

#include "base/facts.h"

/*
 * As sf_meter_batch(), but the packets that are to be metered end up in `facts` (room for `count`),
 * in order, with key parts chosen and clock set. Returns their number.
 */
unsigned sf_meter_parse(struct sf_meter *meter, const struct sf_packet *packets, unsigned count,
	const int64_t *clock, const struct sf_observation_point *point, struct sf_facts *facts);

/* What a meter counts when it parses, as in struct sf_ledger. */
struct sf_parsed {
	uint64_t frames;
	uint64_t ignored[SF_IGNORED_COUNT];
	uint64_t dedup_examined, dedup_copies;
	uint64_t clock_steps;
	uint32_t unsupported_link;
	struct sf_ethertypes non_ip;
};

/* As far as it has parsed; and its place in the books. */
struct sf_parsed sf_meter_parsed(const struct sf_meter *meter);
void sf_parsed_enter(const struct sf_parsed *parsed, struct sf_ledger *ledger);

/*
 * Some of the facts that this meter parsed will reach no table: counts them under `reason`, without
 * counting frames again.
 */
void sf_meter_drop(struct sf_meter *meter, enum sf_ignored reason, uint64_t count);

/*
 * Accounts parsed packets, of this meter or another with equal options: up to SF_METER_PART of them
 * are put where sf_meter_room() says, which is anew after each offer. Those offered are accounted
 * with the second offer after theirs, or before anything is decided or told without them (ageing,
 * the end, the books).
 */
#define SF_METER_PART 32
struct sf_facts *sf_meter_room(struct sf_meter *meter);
void sf_meter_offer(struct sf_meter *meter, unsigned count);

/*
 * sf_meter_finish() in parts, for several threads: the records of the flows at places from … to-1
 * of `of`, which has sf_meter_places(), leave through the caller's `meter`, another one with equal
 * options or the same. Meanwhile `of` is only read. When all have left, its owner calls
 * sf_meter_forget(). Records are counted by the meter through which they left.
 */
uint32_t sf_meter_places(struct sf_meter *meter);
void sf_meter_finish_part(
	struct sf_meter *meter, const struct sf_meter *of, uint32_t from, uint32_t to, int64_t now);
void sf_meter_forget(struct sf_meter *meter);

/*
 * What is really in the table, by looking at every entry: a check on the ledger for tests and for
 * debugging. Slow.
 */
void sf_meter_sum(struct sf_meter *meter, uint64_t *flows, uint64_t *packets, uint64_t *octets);

#endif
