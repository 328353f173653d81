/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One shard of the flow table: parsed packets in, flow records out. One thread owns it; it shares
 * nothing, reads no clock, and after sf_table_new() makes no system call and allocates nothing,
 * except when its index grows, twice at most, and once if somebody attacks its hash.
 *
 *	sf_table_new(&table, &options, &error);
 *	for each batch:
 *		… write facts to sf_table_room(table) …
 *		sf_table_offer(table, count);
 *		while (sf_table_age(table, now))
 *			;
 *	sf_table_finish(table, now);
 *	sf_table_free(table);
 *
 * docs/table.md describes the structures and the rules.
 */
#ifndef SPANFLOW_TABLE_TABLE_H
#define SPANFLOW_TABLE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/meter.h>

#include "base/annex.h"

struct sf_table;

/*
 * Reserves memory for options->max_flows flows; `key` is not looked at, as the facts come with
 * their key parts already chosen. Fails with -ENOMEM or SF_EUSAGE and a text.
 */
int sf_table_new(
	struct sf_table **table, const struct sf_meter_options *options, struct sf_error *error);

/* Frees; records still in it are discarded. NULL is fine. */
void sf_table_free(struct sf_table *table);

/*
 * From the start: a flowId is a hash of the key alone, so other
 * flows can name it (base/flow_id.h).
 */
void sf_table_name_by_key(struct sf_table *table);

/*
 * Accounts up to SF_TABLE_PART packets. The room has place for SF_TABLE_ROOM. The caller writes
 * their facts to sf_table_room() first, with their annexes where facts are gathered on request; the
 * room is another one after each offer. Timeouts are decided at facts->clock_ns. The clock of a
 * packet may lie before the clock of an earlier one: it decides for the packet's own flow only.
 * Times lie within 2^62 ns of 1970 (year 2116).
 *
 * Offers are pipelined: a part is accounted two offers later. sf_table_settle() accounts the parts
 * in flight; sf_table_age(), sf_table_finish() and sf_table_ledger() call it first where it
 * matters. A record that a packet closes reaches the sink when that packet is accounted.
 */
#define SF_TABLE_PART 32
#define SF_TABLE_ROOM (2 * SF_TABLE_PART)
struct sf_facts_array sf_table_room(struct sf_table *table);
void sf_table_offer(struct sf_table *table, unsigned count);
void sf_table_settle(struct sf_table *table);

/*
 * Makes a record of each of `count` packets in sf_table_room(): RFC 5470 §5.1.1 with
 * both timeouts 0. No flow is kept.
 */
void sf_table_emit_each(struct sf_table *table, unsigned count);

/*
 * The names of the fact `application`, lent for as long as the table and its records are
 * there. Before the first packet.
 */
void sf_table_name_applications(
	struct sf_table *table, const struct sf_application_table *applications);

/* Of the packets' annexes: options->facts. */
const struct sf_annex_layout *sf_table_layout(const struct sf_table *table);

/*
 * Emits records whose timeout lies at or before `now`, at most some 268 ms (a tick) after it.
 * Looks at SF_AGE_BUDGET flows at most; true: call again, there is more for this `now`.
 */
#define SF_AGE_BUDGET 256
bool sf_table_age(struct sf_table *table, int64_t now);

/* Emits everything and leaves the table empty and ready for use. */
void sf_table_finish(struct sf_table *table, int64_t now);

/*
 * sf_table_finish() in parts, for several threads. Example: table `of` has 1000 ids in use
 * (sf_table_ids_used()); thread 1 emits the flows of ids 0 … 499 through its own `table`, thread 2
 * those of 500 … 999 through another. All tables have the same options. `of` is only read
 * meanwhile; its owner calls sf_table_forget() when all threads are done.
 *
 * The ledger of `of` has the packets and the flows created, the ledger of `table` has the records
 * and the flows ended. The sum of all ledgers is in balance; the counters of flows active and of
 * packets in the table have no meaning in a single one.
 */
uint32_t sf_table_ids_used(struct sf_table *table);
void sf_table_finish_part(
	struct sf_table *table, const struct sf_table *of, uint32_t from, uint32_t to, int64_t now);
void sf_table_forget(struct sf_table *table);

/* The table's part of the ledger: all counters except frames, ignored and those of the parser. */
void sf_table_ledger(struct sf_table *table, struct sf_ledger *ledger);

/* Sums what is in the table by visiting every entry (slow): a check of the ledger. */
void sf_table_sum(struct sf_table *table, uint64_t *flows, uint64_t *packets, uint64_t *octets);

#endif
