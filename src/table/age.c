/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records that leave without a packet of their flow: by the wheel, at the end, and for lack of
 * room.
 *
 * The wheel says which entries to look at; what becomes of them is decided by the same rule as at
 * lookup (restart() in table.c), so it does not matter which of the two comes first. Entries are
 * looked at in groups, in passes like the packets: prefetch entry; decide, prefetch bucket;
 * emit and remove.
 */
#include "table/layout.h"

#define GROUP        64
#define EVICT_SAMPLE 8

/* Takes the due ids of a group out, files the others again. Returns the number of due ones. */
static unsigned sort_out(
	struct sf_table *table, const uint32_t *refs, unsigned n, int64_t now, uint32_t *due)
{
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++) {
		bool linger = refs[i] & SF_REF_LINGER;
		uint32_t id = refs[i] & ~SF_REF_LINGER;
		struct sf_entry *hot = &table->hot[id];

		hot->state &= ~(uint32_t)(linger ? SF_STATE_REF_LINGER : SF_STATE_REF);
		if (!hot->version || (linger && !(hot->state & SF_STATE_LINGER)))
			continue;
		if (sf_entry_deadline(table, hot) > now) {
			if (linger)
				sf_table_file_linger(table, id);
			else
				sf_table_file(table, id);
			continue;
		}
		__builtin_prefetch(&table->index.buckets[sf_index_home(
					   &table->index, sf_entry_hash(table, &table->index, id))],
			1);
		if (hot->state & SF_STATE_REVERSE)
			__builtin_prefetch(&table->reverse[id]);
		due[count++] = id;
	}
	return count;
}

/* The reason for which an entry leaves at its deadline. */
static enum sf_end_reason reason_of(const struct sf_table *table, const struct sf_entry *hot)
{
	if (hot->state & SF_STATE_LINGER)
		return SF_END_DETECTED;
	return table->active_ns - (int64_t)hot->half.last <= table->idle_ns ? SF_END_ACTIVE
									    : SF_END_IDLE;
}

/*
 * The record of an entry whose deadline has passed leaves. After an active timeout the flow may go
 * on until its idle timeout: the entry stays, empty, to remember who it is.
 */
static void expire(struct sf_table *table, uint32_t id, int64_t now)
{
	struct sf_entry *hot = &table->hot[id];
	enum sf_end_reason reason = reason_of(table, hot);
	int64_t age = sf_time_since(now, hot->first_ns);
	uint64_t flow_id;

	if (hot->state & SF_STATE_EMPTY) {
		sf_table_release(table, id);
		return;
	}
	flow_id = sf_table_emit(table, id, reason);
	if (reason != SF_END_ACTIVE || age - (int64_t)hot->half.last >= table->idle_ns) {
		sf_table_release(table, id);
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
	uint32_t due[GROUP];
	unsigned count;

	for (unsigned i = 0; i < n; i++)
		__builtin_prefetch(&table->hot[refs[i] & ~SF_REF_LINGER], 1);
	count = sort_out(table, refs, n, now, due);
	for (unsigned i = 0; i < count; i++) {
		struct sf_entry *hot = &table->hot[due[i]];

		/* an id may be there twice, for its linger and for its timeout */
		if (hot->version && sf_entry_deadline(table, hot) <= now)
			expire(table, due[i], now);
	}
}

bool sf_table_age(struct sf_table *table, int64_t now)
{
	int64_t end = sf_wheel_tick(now);
	struct sf_wheel *wheel = &table->wheel;
	unsigned budget = SF_AGE_BUDGET;

	if (!table->started || end <= wheel->tick)
		return false;
	wheel->now = end;
	/* after a gap of any length, one revolution has seen every slot */
	if (end - wheel->tick > SF_WHEEL_SLOTS)
		wheel->tick = end - SF_WHEEL_SLOTS;
	while (budget > 0) {
		uint32_t refs[GROUP];
		unsigned n;

		wheel->tick = sf_wheel_next(wheel, end);
		if (wheel->tick == end)
			break;
		n = sf_wheel_take(wheel, wheel->tick, refs, budget < GROUP ? budget : GROUP);
		visit(table, refs, n, now);
		budget -= n;
	}
	sf_table_flush(table);
	return wheel->tick < end;
}

void sf_table_evict(struct sf_table *table)
{
	struct sf_wheel *wheel = &table->wheel;
	uint32_t refs[EVICT_SAMPLE], victim = SF_ENTRY_NONE;
	int64_t soonest = INT64_MAX;
	unsigned n = 0;

	while (n < EVICT_SAMPLE) {
		int64_t tick = sf_wheel_next(wheel, INT64_MAX);
		unsigned got;

		if (tick == INT64_MAX)
			break;
		got = sf_wheel_take(wheel, tick, refs + n, EVICT_SAMPLE - n);
		for (unsigned i = n; i < n + got; i++)
			__builtin_prefetch(&table->hot[refs[i] & ~SF_REF_LINGER], 1);
		n += got;
	}
	for (unsigned i = 0; i < n; i++) {
		uint32_t id = refs[i] & ~SF_REF_LINGER;
		struct sf_entry *hot = &table->hot[id];
		int64_t deadline = sf_entry_deadline(table, hot);

		if (refs[i] & SF_REF_LINGER)
			hot->state &= ~(uint32_t)SF_STATE_REF_LINGER;
		else
			hot->state &= ~(uint32_t)SF_STATE_REF;
		if (deadline < soonest || victim == SF_ENTRY_NONE) {
			soonest = deadline;
			victim = id;
		}
	}
	/* what stays goes back to where it belongs, which is later if packets have come since */
	for (unsigned i = 0; i < n; i++) {
		uint32_t id = refs[i] & ~SF_REF_LINGER;

		if (id == victim)
			continue;
		if (!(refs[i] & SF_REF_LINGER))
			sf_table_file(table, id);
		else if (table->hot[id].state & SF_STATE_LINGER)
			sf_table_file_linger(table, id);
	}
	if (!(table->hot[victim].state & SF_STATE_EMPTY)) {
		sf_table_emit(table, victim, SF_END_RESOURCES);
		table->ledger.flows_evicted++;
	}
	sf_table_release(table, victim);
}

void sf_table_finish(struct sf_table *table, int64_t now)
{
	for (uint32_t id = 0; id < table->cap; id++) {
		const struct sf_entry *hot;

		if (id == table->low && id < table->high)
			id = table->high;
		if (id == table->cap)
			break;
		hot = &table->hot[id];
		if (!hot->version || hot->state & SF_STATE_EMPTY)
			continue;
		sf_table_emit(table, id,
			hot->state & SF_STATE_LINGER || sf_entry_deadline(table, hot) <= now
				? reason_of(table, hot)
				: SF_END_FORCED);
	}
	sf_table_flush(table);
	sf_table_forget(table);
}
