/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making room in a full table: the flow nearest to its timeout is evicted.
 *
 * The wheel has the flows in a rough order: a reference tells when its entry was due when the
 * reference was made. Packets since then have moved the deadline. SF_VICTIMS references at a time
 * are taken from the earliest slots. Entries that are still due there become victims, in the order
 * of their deadlines; the references of the others go back to the wheel. The work per eviction is
 * bounded; under a flood of new flows, where every reference is right, it is the work for one
 * entry.
 */
#include "table/layout.h"

/* Gives a reference that was taken out back to the wheel, at the entry's present deadline. */
static void file_again(struct sf_table *table, uint32_t ref)
{
	uint32_t id = ref & ~SF_REF_LINGER;
	struct sf_entry *hot = &table->hot[id];

	hot->state &= (uint16_t) ~(ref & SF_REF_LINGER ? SF_STATE_REF_LINGER : SF_STATE_REF);
	if (!hot->version)
		return;
	if (!(ref & SF_REF_LINGER))
		sf_table_file(table, id);
	else if (hot->state & SF_STATE_LINGER)
		sf_table_file_linger(table, id);
}

void sf_table_give_back(struct sf_table *table)
{
	struct sf_victims *victims = &table->victims;

	while (victims->from < victims->to)
		file_again(table, victims->of[victims->from++].ref);
	victims->from = victims->to = 0;
}

/*
 * Chooses victims, as described above. Returns the earliest due of the other entries: if there is
 * no victim, that one is evicted, so that the work is bounded.
 */
static uint32_t choose_victims(struct sf_table *table)
{
	struct sf_victims *victims = &table->victims;
	uint32_t refs[SF_VICTIMS], best = SF_ENTRY_NONE;
	int64_t tick[SF_VICTIMS], soonest = INT64_MAX, at;
	unsigned n = 0;

	while (n < SF_VICTIMS && (at = sf_wheel_next(&table->wheel, INT64_MAX)) < INT64_MAX) {
		unsigned got = sf_wheel_take(&table->wheel, at, refs + n, SF_VICTIMS - n);

		for (; got > 0; got--, n++) {
			tick[n] = at;
			__builtin_prefetch(&table->hot[refs[n] & ~SF_REF_LINGER], 1);
		}
	}
	victims->from = victims->to = 0;
	for (unsigned i = 0; i < n; i++) {
		uint32_t id = refs[i] & ~SF_REF_LINGER;
		int64_t deadline = sf_entry_deadline(table, &table->hot[id]);
		unsigned place = victims->to;

		if (sf_wheel_tick(deadline) > tick[i]) {
			file_again(table, refs[i]);
			best = deadline < soonest || best == SF_ENTRY_NONE ? id : best;
			soonest = deadline < soonest ? deadline : soonest;
			continue;
		}
		sf_entry_prefetch(table, id);
		for (; place > 0 && victims->of[place - 1].deadline > deadline; place--)
			victims->of[place] = victims->of[place - 1];
		victims->of[place] = (struct sf_victim){ .deadline = deadline, .ref = refs[i] };
		victims->to++;
	}
	return best;
}

/*
 * The next of the chosen victims. Its deadline must not have changed, and no entry in the wheel may
 * be due before it.
 */
static uint32_t next_victim(struct sf_table *table)
{
	struct sf_victims *victims = &table->victims;

	while (victims->from < victims->to) {
		struct sf_victim *victim = &victims->of[victims->from];
		uint32_t id = victim->ref & ~SF_REF_LINGER;
		struct sf_entry *hot = &table->hot[id];

		if (sf_wheel_next(&table->wheel, INT64_MAX) < sf_wheel_tick(victim->deadline)) {
			sf_table_give_back(table);
			break;
		}
		victims->from++;
		if (hot->version && sf_entry_deadline(table, hot) == victim->deadline) {
			hot->state &= (uint16_t) ~(
				victim->ref & SF_REF_LINGER ? SF_STATE_REF_LINGER : SF_STATE_REF);
			return id;
		}
		file_again(table, victim->ref);
	}
	return SF_ENTRY_NONE;
}

void sf_table_evict(struct sf_table *table)
{
	uint32_t id = next_victim(table), best;

	if (id == SF_ENTRY_NONE) {
		best = choose_victims(table);
		id = next_victim(table);
		id = id == SF_ENTRY_NONE ? best : id;
	}
	if (!(table->hot[id].state & SF_STATE_EMPTY)) {
		sf_table_emit(table, id, SF_END_RESOURCES);
		table->ledger.flows_evicted++;
	}
	sf_table_release(table, id, sf_entry_hash(table, &table->index, id));
}
