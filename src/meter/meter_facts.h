/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two steps of sf_meter_batch(), for workers that hand parsed packets over to each other: any
 * meter parses a packet, the meter that owns the flow accounts it.
 *
 * Counters: the meter that parses counts frames, ignored and clock_steps; the meter that accounts
 * counts packets, bytes and everything about flows. So the first equation of struct sf_ledger
 * holds for the sum over all workers, when no facts are in flight. The second one holds for each
 * meter alone, until records leave through another meter at the end (sf_meter_finish_part()).
 */
#ifndef SPANFLOW_METER_METER_FACTS_H
#define SPANFLOW_METER_METER_FACTS_H

#include <spanflow/meter.h>

#include "base/annex.h"

/*
 * As sf_meter_batch(), but writes the packets that are to be metered to `array`, in order, with the
 * key reduced and the clock set. A packet may give two facts, so there is room for 2 * `count`,
 * with annexes if the meter gathers facts on request. Returns the number of facts.
 */
unsigned sf_meter_parse(struct sf_meter *meter, const struct sf_packet *packets, unsigned count,
	const int64_t *clock, const struct sf_observation_point *point,
	struct sf_facts_array array);

/* Of the packets' annexes: that of sf_meter_options.facts. */
const struct sf_annex_layout *sf_meter_layout(const struct sf_meter *meter);

/*
 * The facts that a meter with these options gathers: options->facts, without those of tunnels if
 * none is opened, and with them if they are in the key.
 */
uint64_t sf_meter_facts(const struct sf_meter_options *options);

/* True if some of options->facts cannot be gathered here; the error says why. */
bool sf_meter_lacks(const struct sf_meter_options *options, struct sf_error *error);

/* True if one meter has to parse all packets of a source: to find copies, or pieces of messages. */
bool sf_meter_reads_alone(const struct sf_meter_options *options);

/* Counters of a meter that parses, as in struct sf_ledger. */
struct sf_parsed {
	uint64_t frames;
	uint64_t twice;
	uint64_t ignored[SF_IGNORED_COUNT];
	uint64_t dedup_examined, dedup_copies;
	uint64_t clock_steps;
	uint64_t classified_flows, classified_answered, classified_unknown, classified_crowded;
	struct sf_hellos hellos;
	uint32_t unsupported_link;
	struct sf_ethertypes non_ip;
};

/* The counters up to now; and sets them in a ledger. */
struct sf_parsed sf_meter_parsed(const struct sf_meter *meter);
void sf_parsed_enter(const struct sf_parsed *parsed, struct sf_ledger *ledger);

/*
 * Counts facts that this meter parsed and that will reach no table, under `reason`. Their frames
 * were counted before.
 */
void sf_meter_drop(struct sf_meter *meter, enum sf_ignored reason, uint64_t count);

/*
 * Accounts up to SF_METER_ROOM facts, parsed by this meter or by another with equal options. The
 * caller writes facts and annexes to sf_meter_room() first; the room is another one after each
 * offer. Offers are pipelined: packets are accounted two offers later, or when the table is aged,
 * finished or asked for its ledger.
 */
#define SF_METER_PART 32

/* Facts that the packets of a part may give. */
#define SF_METER_ROOM (2 * SF_METER_PART)

/* Room for the facts of a part's packets and for annexes with any set of facts. */
struct sf_facts_buffer {
	struct sf_facts facts[SF_METER_ROOM];
	uint8_t annexes[SF_METER_ROOM * SF_ANNEX_PACKET_MAX];
};

static inline struct sf_facts_array sf_facts_array(struct sf_facts_buffer *buffer)
{
	return (struct sf_facts_array){ buffer->facts, buffer->annexes };
}

struct sf_facts_array sf_meter_room(struct sf_meter *meter);
void sf_meter_offer(struct sf_meter *meter, unsigned count);

/*
 * sf_meter_finish() in parts, for several threads: emits the records of the flows with ids from …
 * to-1 of the sf_meter_ids_used() ids of meter `of`, through `meter`: the same one or another with
 * equal options, which counts them. `of` is only read meanwhile. When all parts are done, its owner
 * calls sf_meter_forget().
 */
uint32_t sf_meter_ids_used(struct sf_meter *meter);
void sf_meter_finish_part(
	struct sf_meter *meter, const struct sf_meter *of, uint32_t from, uint32_t to, int64_t now);
void sf_meter_forget(struct sf_meter *meter);

/*
 * Sums what is in the table by visiting every entry (slow): a check of the ledger, for tests and
 * debugging.
 */
void sf_meter_sum(struct sf_meter *meter, uint64_t *flows, uint64_t *packets, uint64_t *octets);

#endif
