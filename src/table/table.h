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
 * docs/table.md describes the structures and the rules of DESIGN §4 as they are carried out here.
 */
#ifndef SPANFLOW_TABLE_TABLE_H
#define SPANFLOW_TABLE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/meter.h>

#include "base/facts.h"

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
 * Accounts packets, SF_TABLE_PART at most, whose facts the caller has put where sf_table_room()
 * says, which is anew after each offer. Timeouts are decided at facts->clock_ns, which may lie
 * before that of earlier packets (each decides for its own flow only). Times lie within 2^62 ns of
 * 1970 (year 2116).
 *
 * A part's lines come from memory while the caller makes the next ones: packets are accounted with
 * the second offer after theirs, or by sf_table_settle(), with which ageing that has something to
 * do, the end and the books begin. So nothing is ever decided or told without them. Records that
 * they close are given to the sink when they are accounted, where time goes on a tick (268 ms)
 * later at most.
 */
#define SF_TABLE_PART 32
struct sf_facts *sf_table_room(struct sf_table *table);
void sf_table_offer(struct sf_table *table, unsigned count);
void sf_table_settle(struct sf_table *table);

/* Makes each packet a record of its own: RFC 5470 §5.1.1 with both timeouts 0. No flow is kept. */
void sf_table_emit_each(struct sf_table *table, const struct sf_facts *facts, unsigned count);

/*
 * Emits records whose timeout lies at or before `now`, at most some 268 ms (a tick) after it.
 * Looks at SF_AGE_BUDGET flows at most; true: call again, there is more for this `now`.
 */
#define SF_AGE_BUDGET 256
bool sf_table_age(struct sf_table *table, int64_t now);

/* Emits everything and leaves the table empty and ready for use. */
void sf_table_finish(struct sf_table *table, int64_t now);

/*
 * The same in parts, for several threads: the records of the flows at places from … to-1 of `of`,
 * which has sf_table_places(), leave through `table`, the same one or another with the same
 * options. Meanwhile `of` is only read. When all have left, its owner calls sf_table_forget(). The
 * records and the ends of the flows are in the ledger of the table through which they left, the
 * packets and the beginnings in the other one: from then on the books close for the sum, and what
 * one of the two says to have in its table is without meaning.
 */
uint32_t sf_table_places(struct sf_table *table);
void sf_table_finish_part(
	struct sf_table *table, const struct sf_table *of, uint32_t from, uint32_t to, int64_t now);
void sf_table_forget(struct sf_table *table);

/* The table's part of the books: all but frames, ignored and the parser's figures. */
void sf_table_ledger(struct sf_table *table, struct sf_ledger *ledger);

/* What is really in the table, by looking at every entry (slow): a check on the ledger. */
void sf_table_sum(struct sf_table *table, uint64_t *flows, uint64_t *packets, uint64_t *octets);

#endif
