/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows of records on their way into the groups. A row is read into an entry of its own, and waits
 * until there are many: then the memory of all their groups is asked for before the first one is
 * needed.
 */
#include <string.h>
#include <time.h>

#include "ask/group.h"

#define NS_PER_S INT64_C(1000000000)
#define BINS_MAX 65536 /* that one flow may be spread over */

/* ---------------------------------------------------------------- waiting */

uint64_t *sf_rows_next(const struct sf_groups *groups)
{
	return groups->waiting + groups->waiting_count * groups->entry_words;
}

bool sf_rows_wait(struct sf_groups *groups, sf_sum_adder *add)
{
	groups->waiting_hash[groups->waiting_count] =
		sf_group_key_hash(groups, sf_rows_next(groups));
	groups->waiting_count++;
	return groups->waiting_count < SF_ROWS_WAITING || sf_rows_settle(groups, add);
}

static bool settle_row(
	struct sf_groups *groups, const uint64_t *row, uint64_t hash, sf_sum_adder *add)
{
	struct sf_groups *home = sf_groups_home(groups, hash);
	uint64_t *entry = sf_group_find(home, row, hash);

	for (unsigned i = 0; entry && i < groups->sum_count; i++) {
		const struct sf_sum *sum = &groups->sums[i];

		if (!add(home, sum, entry + sum->at, row + sum->at))
			return false;
	}
	return entry != NULL;
}

bool sf_rows_settle(struct sf_groups *groups, sf_sum_adder *add)
{
	const unsigned count = groups->waiting_count;

	sf_groups_fetch(groups, groups->waiting_hash, count);
	groups->waiting_count = 0;
	for (unsigned i = 0; i < count; i++)
		if (!settle_row(groups, groups->waiting + i * groups->entry_words,
			    groups->waiting_hash[i], add))
			return false;
	return true;
}

/* ---------------------------------------------------------------- reading */

/* The key of a row. False: no memory. */
static bool read_key(struct sf_groups *groups, const struct sf_ask_row *row, uint64_t *key)
{
	uint64_t *slot = key + 1;

	memset(key, 0, groups->first_sum * sizeof(*key));
	for (unsigned i = 0; i < groups->key_count; i++) {
		int kind = sf_key_read(groups, &groups->keys[i], row, slot);

		if (kind < 0)
			return false;
		if (kind == 0)
			memset(slot, 0, groups->keys[i].words * sizeof(*slot));
		key[0] |= (uint64_t)kind << (8 * i);
		slot += groups->keys[i].words;
	}
	return true;
}

/* Adds the row, whose key has been read into sf_rows_next(). False: no memory. */
static bool add_row(struct sf_groups *groups, const struct sf_ask_row *row)
{
	uint64_t *entry = sf_rows_next(groups);

	memcpy(entry + groups->first_sum, groups->blank,
		(groups->entry_words - groups->first_sum) * sizeof(*entry));
	for (unsigned i = 0; i < groups->sum_count; i++)
		if (!sf_sum_read(groups, &groups->sums[i], entry + groups->sums[i].at, row))
			return false;
	return sf_rows_wait(groups, sf_sum_add);
}

/* ---------------------------------------------------------------- sides */

/* Which side's bytes are `sent`: 0 those of the sender. */
static void choose_side(struct sf_groups *groups, const struct sf_ask_row *row)
{
	const struct sf_flow *flow = row->flow;

	for (unsigned i = 0; i < groups->key_count; i++) {
		enum sf_key_kind kind = groups->keys[i].kind;

		if (kind == SF_KEY_PAIR)
			groups->host_side = memcmp(flow->addr[row->d], flow->addr[!row->d], 16) > 0;
		else if (kind == SF_KEY_SERVER || kind == SF_KEY_SERVICE)
			groups->host_side = sf_key_server_side(groups, row) == 1;
		else if (kind == SF_KEY_CLIENT)
			groups->host_side = sf_key_server_side(groups, row) == 0;
		else if (kind == SF_KEY_INSIDE)
			groups->host_side = sf_key_inside_side(row) == 1;
		else if (kind == SF_KEY_OUTSIDE)
			groups->host_side = sf_key_inside_side(row) == 0;
		else
			continue;
		return;
	}
}

/* A row, for each side that it counts for; once for two sides of the same key. */
static bool add_sides(struct sf_groups *groups, const struct sf_ask_row *row)
{
	uint64_t first[SF_KEY_WORDS];
	const size_t bytes = groups->first_sum * sizeof(*first);

	groups->host_side = 0;
	if (groups->sided)
		choose_side(groups, row);
	if (!read_key(groups, row, sf_rows_next(groups)))
		return false;
	if (!groups->two_sided)
		return add_row(groups, row);
	memcpy(first, sf_rows_next(groups), bytes);
	if (!add_row(groups, row))
		return false;
	groups->host_side = 1;
	if (!read_key(groups, row, sf_rows_next(groups)))
		return false;
	return memcmp(first, sf_rows_next(groups), bytes) == 0 || add_row(groups, row);
}

/* ---------------------------------------------------------------- bins of time */

/* What must be added to UTC to have the time of the clock on the wall. */
static int64_t zone_offset(struct sf_groups *groups, int64_t time)
{
	int64_t hour = time / (3600 * NS_PER_S);

	if (!groups->options.local)
		return 0;
	if (hour != groups->zone_hour) {
		time_t seconds = (time_t)(time / NS_PER_S);
		struct tm tm;

		localtime_r(&seconds, &tm);
		groups->zone_hour = hour;
		groups->zone_offset = tm.tm_gmtoff * NS_PER_S;
	}
	return groups->zone_offset;
}

static int64_t bin_of(struct sf_groups *groups, int64_t time)
{
	int64_t every = groups->options.every_ns, offset = zone_offset(groups, time);
	int64_t rest = (time + offset) % every;

	return time - (rest < 0 ? rest + every : rest);
}

/* `amount` times part / whole, without overflow. */
static uint64_t share_of(uint64_t amount, uint64_t part, uint64_t whole)
{
	return (uint64_t)((unsigned __int128)amount * part / whole);
}

/* Bytes and packets over all bins from the first to the last packet, by time; no byte is lost. */
static bool add_spread(
	struct sf_groups *groups, const struct sf_ask_row *row, int64_t start, int64_t end)
{
	const uint64_t bytes = groups->row_bytes, packets = groups->row_packets;
	uint64_t whole = (uint64_t)(end - start), bytes_given = 0, packets_given = 0;
	bool taken = true;

	for (int64_t bin = groups->bin; taken && bin <= end; bin += groups->options.every_ns) {
		int64_t until = bin + groups->options.every_ns;
		uint64_t passed = until > end ? whole : (uint64_t)(until - start);

		groups->bin = bin;
		groups->row_bytes = share_of(bytes, passed, whole) - bytes_given;
		groups->row_packets = share_of(packets, passed, whole) - packets_given;
		bytes_given += groups->row_bytes;
		packets_given += groups->row_packets;
		taken = add_sides(groups, row);
		groups->row_flows = 0;
	}
	return taken;
}

static bool add_binned(struct sf_groups *groups, const struct sf_ask_row *row)
{
	struct sf_ask_value start = { 0 }, end = { 0 };
	int64_t first = 0, last;

	if (sf_ask_read(&groups->start, row, &start))
		first = (int64_t)start.number;
	else if (row->record)
		first = row->record->export_time_ns;
	groups->bin = bin_of(groups, first);
	last = sf_ask_read(&groups->end, row, &end) ? (int64_t)end.number : first;
	if (!groups->options.spread || last - groups->bin < groups->options.every_ns)
		return add_sides(groups, row);
	if ((last - groups->bin) / groups->options.every_ns >= BINS_MAX) {
		groups->totals.unspread++;
		return add_sides(groups, row);
	}
	return add_spread(groups, row, first, last);
}

/* ---------------------------------------------------------------- rows */

int sf_groups_put(struct sf_groups *groups, const struct sf_ask_row *row, struct sf_error *error)
{
	struct sf_ask_value bytes = { 0 }, packets = { 0 };
	bool taken;

	if (!sf_ask_read(&groups->bytes, row, &bytes))
		bytes.number = 0;
	if (!sf_ask_read(&groups->packets, row, &packets))
		packets.number = 0;
	groups->row_bytes = bytes.number;
	groups->row_packets = packets.number;
	groups->row_flows = sf_ask_flows(row);
	taken = groups->options.every_ns ? add_binned(groups, row) : add_sides(groups, row);
	if (!taken)
		return sf_groups_full(groups, error);
	groups->totals.flows += sf_ask_flows(row);
	groups->totals.bytes += bytes.number;
	groups->totals.packets += packets.number;
	return 0;
}

int sf_groups_flow(struct sf_groups *groups, const struct sf_flow *flow,
	const struct sf_collected *record, unsigned directions, struct sf_error *error)
{
	struct sf_ask_row row = { flow, record, 0 };
	int code = 0;

	if (groups->options.mode & SF_ASK_CONVERSATION)
		return sf_groups_put(groups, &row, error);
	for (row.d = 0; row.d < 2 && code == 0; row.d++)
		if (directions >> row.d & 1)
			code = sf_groups_put(groups, &row, error);
	return code;
}
