/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An independent, naive metering process: docs/design.md §4 to the letter, over facts. Flows are a
 * plain list that is searched from its beginning. Nothing is hashed, filed or reused. No clock is
 * read between packets: a record leaves when the next packet of its flow comes, or at the end.
 * Tests compare the flow table with it.
 *
 *	oracle = oracle_new(&options);
 *	for each packet:
 *		oracle_packet(oracle, &facts);
 *	oracle_finish(oracle, now);
 *	… oracle->records[0 … oracle->count-1] …
 *	oracle_free(oracle);
 *
 * `id` of a record is not flowId but the number of the flow: 1, 2, 3 … in the order of their first
 * packets. oracle_compare() takes account of that.
 */
#ifndef TESTS_ORACLE_H
#define TESTS_ORACLE_H

#include <spanflow/meter.h>

#include "base/facts.h"
#include "fact_values.h"

struct oracle_flow;
struct sf_table;

struct oracle {
	struct sf_meter_options options;
	struct oracle_flow *flows;
	uint64_t flow_count; /* flows that ever were */
	struct sf_flow *records;
	struct fact_values (*facts)[2]; /* of each record */
	uint64_t *since; /* for each record: when its flow began, which flowId depends on */
	size_t count, room;
};

struct oracle *oracle_new(const struct sf_meter_options *options);
void oracle_free(struct oracle *oracle);
void oracle_packet(struct oracle *oracle, const struct sf_facts *facts);
void oracle_finish(struct oracle *oracle, int64_t now);

struct record_list;

/*
 * Are these the same records, in any order? Everything but `id` must be equal to the bit; ids must
 * be equal where the oracle says that it is one flow, and different between flows of one key.
 * Returns NULL or what is wrong (static storage).
 */
const char *oracle_compare(struct oracle *oracle, const struct record_list *list);

/*
 * Offers any number of packets to a table, in parts, with what it wants of their tail. `settled`:
 * at the end no packet is under way in the table any more.
 */
void offer_facts(
	struct sf_table *table, const struct sf_facts *facts, unsigned count, bool settled);

/* Writes up to SF_TABLE_PART packets to the table's room. */
void write_room(struct sf_table *table, const struct sf_facts *facts, unsigned count);

/* A sink that keeps all records. */
struct record_list {
	struct sf_flow *flows; /* without their annexes */
	struct fact_values (*facts)[2];
	size_t count, room;
	unsigned refuse; /* takes nothing while > 0, and counts down */
};

unsigned record_list_put(void *list, const struct sf_flow *flows, unsigned count);
void record_list_free(struct record_list *list);

#endif
