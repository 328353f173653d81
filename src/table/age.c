/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records that leave without a packet of their flow: by the wheel and at the end.
 *
 * The wheel says which entries to visit. What happens to an entry is decided by the same rule as
 * when a packet comes (restart() in rare.c), so it does not matter which of the two comes first.
 * Entries are visited in groups and in passes, like packets: prefetch the entry; decide, and
 * prefetch the bucket; emit and remove.
 */
#include "table/layout.h"

#define GROUP 64

/* An entry whose deadline has passed, and its hash in the index. */
struct due {
	uint64_t hash;
	uint32_t id;
};

/*
 * Puts the due entries of a group into due[], gives the others back to the wheel. Returns their
 * number.
 */
static unsigned sort_out(
	struct sf_table *table, const uint32_t *refs, unsigned n, int64_t now, struct due *due)
{
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++) {
		bool linger = refs[i] & SF_REF_LINGER;
		uint32_t id = refs[i] & ~SF_REF_LINGER;
		struct sf_entry *hot = &table->hot[id];

		hot->state &= (uint16_t) ~(linger ? SF_STATE_REF_LINGER : SF_STATE_REF);
		if (!hot->version || (linger && !(hot->state & SF_STATE_LINGER)))
			continue;
		if (sf_entry_deadline(table, hot) > now) {
			if (linger)
				sf_table_file_linger(table, id);
			else
				sf_table_file(table, id);
			continue;
		}
		due[count].hash = sf_entry_prefetch(table, id);
		due[count++].id = id;
	}
	return count;
}

/*
 * Emits the record of an entry whose deadline has passed. After an active timeout the flow may go
 * on: the entry stays without a record (SF_STATE_EMPTY) until the idle timeout, to keep the flowId
 * and the initiator.
 */
static void expire(struct sf_table *table, uint32_t id, uint64_t hash, int64_t now)
{
	struct sf_entry *hot = &table->hot[id];
	enum sf_end_reason reason = sf_entry_reason(table, hot);
	int64_t age = sf_time_since(now, hot->first_ns);
	uint64_t flow_id;

	if (hot->state & SF_STATE_EMPTY) {
		sf_table_release(table, id, hash);
		return;
	}
	flow_id = sf_table_emit(table, id, reason);
	if (reason != SF_END_ACTIVE || age - sf_half_time(hot->half.end) >= table->idle_ns) {
		sf_table_release(table, id, hash);
		return;
	}
	if (!(hot->state & SF_STATE_CUT))
		table->identity[id] = flow_id;
	hot->state &= SF_STATE_FLOW | SF_STATE_WHEEL;
	hot->state |= SF_STATE_EMPTY | SF_STATE_CUT;
	sf_table_file(table, id);
}

static void visit(struct sf_table *table, const uint32_t *refs, unsigned n, int64_t now)
{
	struct due due[GROUP];
	unsigned count;

	for (unsigned i = 0; i < n; i++)
		__builtin_prefetch(&table->hot[refs[i] & ~SF_REF_LINGER], 1);
	count = sort_out(table, refs, n, now, due);
	for (unsigned i = 0; i < count; i++) {
		/* an id may occur twice, for its linger and for its timeout */
		if (table->hot[due[i].id].version)
			expire(table, due[i].id, due[i].hash, now);
	}
}

bool sf_table_age(struct sf_table *table, int64_t now)
{
	int64_t end = sf_wheel_tick(now);
	struct sf_wheel *wheel = &table->wheel;
	unsigned budget = SF_AGE_BUDGET;

	if (!table->started || end <= wheel->tick)
		return false;
	sf_table_settle(table);
	sf_table_give_back(table);
	/* after a gap of any length one revolution visits every slot */
	if (end - wheel->tick > SF_WHEEL_SLOTS)
		wheel->tick = end - SF_WHEEL_SLOTS; /* sf_wheel_set() follows */
	while (budget > 0) {
		uint32_t refs[GROUP];
		unsigned n;

		sf_wheel_set(wheel, sf_wheel_next(wheel, end), end);
		if (wheel->tick == end)
			break;
		n = sf_wheel_take(wheel, wheel->tick, refs, budget < GROUP ? budget : GROUP);
		visit(table, refs, n, now);
		budget -= n;
	}
	sf_table_flush(table);
	return wheel->tick < end;
}

uint32_t sf_table_ids_used(struct sf_table *table)
{
	sf_table_settle(table);
	return table->low + (table->cap - table->high);
}

void sf_table_finish(struct sf_table *table, int64_t now)
{
	sf_table_finish_part(table, table, 0, sf_table_ids_used(table), now);
	sf_table_forget(table);
}
