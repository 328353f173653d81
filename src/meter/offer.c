/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the facts in the table's room to the table. Most parts go as they are. Parts with fragments
 * are copied first; of those of which packets have given two facts, what is more than a part.
 */
#include <stdlib.h>
#include <string.h>

#include "meter/internal.h"

/*
 * Gives the first `count` facts in the table's room to the table; per
 * packet: makes records of them.
 */
static void account_room(struct sf_meter *meter, unsigned count)
{
	if (sf_unlikely(meter->per_packet))
		sf_table_emit_each(meter->table, count);
	else
		sf_table_offer(meter->table, count);
}

/* Gives the facts to the table that give() has put into its room. */
static void offer_given(struct sf_meter *meter)
{
	if (meter->given == 0)
		return;
	account_room(meter, meter->given);
	meter->given = 0;
}

/*
 * Called by `fragments` for each packet that need not wait: its
 * ports are known, or never will be.
 */
static void give(void *context, const struct sf_facts *facts, const uint8_t *annex)
{
	struct sf_meter *meter = context;
	const struct sf_annex_layout *layout = sf_table_layout(meter->table);
	struct sf_facts_array room = sf_table_room(meter->table);

	sf_facts_copy(&room.facts[meter->given], facts);
	sf_annex_move(layout, sf_annex_at(layout, room, meter->given), annex, facts);
	if (++meter->given == SF_METER_PART)
		offer_given(meter);
}

int sf_meter_open_stage(struct sf_meter *meter, struct sf_error *error)
{
	const struct sf_annex_layout *layout = sf_table_layout(meter->table);
	int err = meter->joins ? sf_fragments_init(&meter->fragments, layout, give, meter) : 0;

	meter->staged = calloc(SF_METER_ROOM, sizeof(*meter->staged));
	if (layout->packet_bytes)
		meter->staged_annexes = calloc(SF_METER_ROOM, layout->packet_bytes);
	if (err == 0 && (!meter->staged || (layout->packet_bytes && !meter->staged_annexes)))
		err = -ENOMEM;
	return err ? sf_error_set(error, err, "no memory to join fragments") : 0;
}

/* Copies the first `count` facts in the table's room with their annexes. */
static void stage(struct sf_meter *meter, unsigned count)
{
	const struct sf_annex_layout *layout = sf_table_layout(meter->table);
	const struct sf_facts_array room = sf_table_room(meter->table);
	const struct sf_facts_array staged = { meter->staged, meter->staged_annexes };

	for (unsigned i = 0; i < count; i++) {
		sf_facts_copy(&staged.facts[i], &room.facts[i]);
		sf_annex_move(layout, sf_annex_at(layout, staged, i), sf_annex_at(layout, room, i),
			&room.facts[i]);
	}
}

/* The annex of staged facts; NULL: there is none. */
static const uint8_t *staged_annex(const struct sf_meter *meter, unsigned i)
{
	const struct sf_annex_layout *layout = sf_table_layout(meter->table);

	return layout->packet_bytes ? meter->staged_annexes + (size_t)i * layout->packet_bytes
				    : NULL;
}

/*
 * Gives facts with fragments to the table. Fragments that wait for
 * their first one are kept back.
 */
static __attribute__((noinline)) void offer_fragments(struct sf_meter *meter, unsigned count)
{
	stage(meter, count);
	for (unsigned i = 0; i < count; i++)
		sf_fragments_take(&meter->fragments, &meter->staged[i], staged_annex(meter, i));
	offer_given(meter);
}

/*
 * Gives more facts than a part has to the table: the first ones as
 * they are, then those behind them.
 */
static __attribute__((noinline)) void offer_many(struct sf_meter *meter, unsigned count)
{
	const struct sf_annex_layout *layout = sf_table_layout(meter->table);
	const struct sf_facts_array room = sf_table_room(meter->table);

	account_room(meter, SF_METER_PART);
	for (unsigned i = SF_METER_PART; i < count; i++)
		give(meter, &room.facts[i], sf_annex_at(layout, room, i));
	offer_given(meter);
}

void sf_meter_offer_room(struct sf_meter *meter, unsigned count, bool fragments)
{
	if (sf_unlikely(fragments))
		offer_fragments(meter, count);
	else if (sf_unlikely(count > SF_METER_PART))
		offer_many(meter, count);
	else
		account_room(meter, count);
}

void sf_meter_offer(struct sf_meter *meter, unsigned count)
{
	const struct sf_facts *facts = sf_table_room(meter->table).facts;
	unsigned flags = 0;

	for (unsigned i = 0; i < count; i++)
		flags |= facts[i].flags;
	sf_meter_offer_room(meter, count, sf_unlikely(flags & SF_FACT_FRAGMENT) && meter->joins);
}

void sf_meter_give_up_fragments(struct sf_meter *meter, int64_t now)
{
	if (sf_likely(!meter->fragments.packets))
		return;
	sf_fragments_expire(&meter->fragments, now);
	offer_given(meter);
}
