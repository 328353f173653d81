/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Life of a table and of its entry ids: reserving memory, free lists, the index, references in the
 * wheel.
 *
 * Invariants between calls:
 *	- an entry is alive (version != 0) exactly when one of the indexes has its id under its key;
 *	  hot[cap] is never in an index;
 *	- an id that has been in use and is dead is in free_low (id < low) or in free_high
 *	  (id >= high), linked through `address`;
 *	- an entry that is alive has SF_STATE_REF, and the wheel visits its reference no later than
 *	  its deadline. A reference outlives its flow: the next flow with the same id inherits it.
 *	  That flow began later, so the visit is not too late for it.
 */
#include <errno.h>
#include <stdlib.h>

#include "table/layout.h"

#define MIGRATE_BUCKETS 64     /* per batch: about 10 µs; flows / 460 batches for a whole index */
#define INDEX_START     16384  /* the first index is made for this many flows: 146 KB */
#define INDEX_NEXT      131072 /* the second index; the third is made for the cap */

/* ifIndex or domain 0 for every interface. Not const: that would be 256 KiB of the executable. */
static uint32_t no_numbers[UINT16_MAX + 1];

enum { ARENA_HOT, ARENA_REVERSE, ARENA_ADDRESS6, ARENA_IDENTITY, ARENA_ANNEX };

uint64_t sf_index_hash_strong(const struct sf_index *index, uint64_t address, uint64_t ports,
	uint32_t rest, const uint8_t *address6)
{
	uint64_t words[6] = { address, ports, rest };

	if (!address6)
		return sf_hash_strong(&index->key, words, 3);
	memcpy(&words[2], address6, 32);
	words[0] = ports;
	words[1] = rest;
	return sf_hash_strong(&index->key, words, 6);
}

static int key_choose(struct sf_table *table, struct sf_hash_key *key, uint64_t purpose)
{
	if (!table->seeded)
		return sf_hash_key_random(key);
	sf_hash_key_derive(key, table->seed, purpose);
	return 0;
}

static int reserve(struct sf_table *table, const struct sf_meter_options *options)
{
	const size_t size[] = { [ARENA_HOT] = sizeof(struct sf_entry),
		[ARENA_REVERSE] = sizeof(struct sf_entry_half),
		[ARENA_ADDRESS6] = 32,
		[ARENA_IDENTITY] = sizeof(uint64_t),
		[ARENA_ANNEX] = table->annex_bytes };
	int status = 0;

	for (unsigned i = 0; i < 5 && status == 0; i++)
		if (size[i])
			status = sf_arena_init(&table->arena[i], (size_t)table->cap + 1, size[i],
				options->prealloc);
	if (status == 0)
		status = sf_index_init(&table->index, table->made_for, options->prealloc);
	/* an entry has one reference, and a second one while it lingers */
	if (status == 0)
		status = sf_wheel_init(&table->wheel, (uint64_t)table->cap * 2, table->shorter_ns,
			options->prealloc);
	table->hot = table->arena[ARENA_HOT].base;
	table->reverse = table->arena[ARENA_REVERSE].base;
	table->address6 = table->arena[ARENA_ADDRESS6].base;
	table->identity = table->arena[ARENA_IDENTITY].base;
	table->annex = table->arena[ARENA_ANNEX].base;
	return status;
}

/* What facts that are gathered on request need. Returns 0 or -ENOMEM. */
static int reserve_annexes(struct sf_table *table, uint64_t facts)
{
	const struct sf_annex_layout *layout = &table->layout;
	const size_t packets = sizeof(table->facts) / sizeof(table->facts[0][0]);

	sf_annex_layout_init(&table->layout, facts);
	table->annex_bytes = 2 * layout->side_bytes;
	table->annex_changes = layout->later_count != 0;
	if (!layout->facts)
		return 0;
	/*
	 * at least a byte: facts of the head alone need nothing, and
	 * NULL means that none are wanted
	 */
	table->packet_annexes = calloc(packets, layout->packet_bytes + 1);
	table->record_annexes = calloc(SF_BATCH_MAX, layout->record_bytes);
	if (!table->packet_annexes || !table->record_annexes)
		return -ENOMEM;
	for (unsigned i = 0; i < SF_BATCH_MAX; i++) {
		struct sf_annex *annex = (struct sf_annex *)(void *)(table->record_annexes +
								     i * layout->record_bytes);

		annex->layout = layout;
		table->record[i].annex = annex;
	}
	return 0;
}

static void reset(struct sf_table *table)
{
	table->low = 0;
	table->high = table->cap;
	table->free_low = table->free_high = SF_ENTRY_NONE;
	table->victims = (struct sf_victims){ 0 };
	table->hashed = table->guessed =
		(struct sf_table_part){ table->facts[0], table->steps[0], 0 };
	table->started = false;
	table->round = 0;
}

int sf_table_new(
	struct sf_table **out, const struct sf_meter_options *options, struct sf_error *error)
{
	size_t bytes = (sizeof(struct sf_table) + 63) & ~(size_t)63;
	struct sf_table *table;
	int status;

	if (options->max_flows == 0 || options->max_flows > UINT32_C(1) << 31)
		return sf_error_set(error, SF_EUSAGE, "the flow table holds 1 to %u flows, not %u",
			UINT32_C(1) << 31, options->max_flows);
	if (options->idle_timeout_ns <= 0 || options->active_timeout_ns <= 0)
		return sf_error_set(error, SF_EUSAGE, "timeouts must be above 0");
	if (!options->sink.put)
		return sf_error_set(error, SF_EUSAGE, "flow records have nowhere to go");
	table = aligned_alloc(64, bytes);
	if (!table)
		return sf_error_set(error, -ENOMEM, "no memory for a flow table");
	memset(table, 0, bytes);
	table->cap = options->max_flows;
	table->idle_ns = options->idle_timeout_ns < INT64_C(1) << 61 ? options->idle_timeout_ns
								     : SF_TIMEOUT_NEVER;
	table->active_ns = options->active_timeout_ns < SF_SPAN_MAX_NS ? options->active_timeout_ns
								       : SF_SPAN_MAX_NS;
	table->shorter_ns = table->idle_ns < table->active_ns ? table->idle_ns : table->active_ns;
	table->sink = options->sink;
	table->ifindex = options->ifindex ? options->ifindex : no_numbers;
	table->domain = options->domain ? options->domain : no_numbers;
	table->flow_ids = options->flow_ids;
	table->next = table->record;
	table->seeded = options->hash_seed != NULL;
	if (table->seeded)
		memcpy(table->seed, options->hash_seed, sizeof(table->seed));
	table->made_for = options->prealloc || table->cap < INDEX_START ? table->cap : INDEX_START;
	table->index.strong = options->force_strong_hash;
	status = reserve_annexes(table, options->facts);
	if (status == 0)
		status = reserve(table, options);
	if (status == 0)
		status = key_choose(table, &table->address_key, 0);
	if (status == 0)
		status = key_choose(table, &table->index.key, 1);
	if (status < 0) {
		sf_table_free(table);
		return sf_error_set(error, status, "cannot reserve a flow table for %u flows: %s",
			options->max_flows, sf_strerror(status));
	}
	reset(table);
	*out = table;
	return 0;
}

void sf_table_free(struct sf_table *table)
{
	if (!table)
		return;
	for (unsigned i = 0; i < 5; i++)
		sf_arena_fini(&table->arena[i]);
	sf_index_fini(&table->index);
	sf_index_fini(&table->old);
	sf_wheel_fini(&table->wheel);
	free(table->packet_annexes);
	free(table->record_annexes);
	free(table);
}

static uint32_t pop(struct sf_table *table, uint32_t *list)
{
	uint32_t id = *list;

	*list = (uint32_t)table->hot[id].address;
	return id;
}

uint32_t sf_table_allocate_any(struct sf_table *table, uint8_t version)
{
	uint32_t *mine = version == 6 ? &table->free_high : &table->free_low;
	uint32_t *other = version == 6 ? &table->free_low : &table->free_high;

	for (;;) {
		if (*mine != SF_ENTRY_NONE)
			return pop(table, mine);
		if (table->low < table->high)
			return version == 6 ? --table->high : table->low++;
		if (*other != SF_ENTRY_NONE)
			return pop(table, other);
		sf_table_evict(table);
	}
}

void sf_table_release(struct sf_table *table, uint32_t id, uint64_t hash)
{
	struct sf_entry *hot = &table->hot[id];
	uint32_t *list = id < table->low ? &table->free_low : &table->free_high;

	if (__builtin_expect(!sf_index_remove(&table->index, hash, id), 0))
		sf_index_remove(&table->old, sf_entry_hash(table, &table->old, id), id);
	hot->version = 0;
	hot->state &= SF_STATE_WHEEL;
	hot->address = *list;
	*list = id;
	table->ledger.flows_ended++;
}

/* Puts a new index in use; migrate() empties the old one. False: there is no memory. */
static bool replace_index(struct sf_table *table, struct sf_index *index, uint32_t room)
{
	if (sf_index_init(index, room, false) < 0)
		return false;
	table->old = table->index;
	table->index = *index;
	table->made_for = room;
	table->migrated = 0;
	return true;
}

static void upgrade(struct sf_table *table)
{
	struct sf_index strong = { .strong = true };

	if (key_choose(table, &strong.key, 2) == 0 &&
		replace_index(table, &strong, table->made_for))
		table->ledger.hash_upgrades++;
}

/*
 * The index is made for few flows at first and grows with their number, so that a table with few
 * flows touches little memory. All sizes use the same hash. Without memory for a larger index the
 * number of flows stays below what the present one is made for: flows are evicted.
 */
static void grow(struct sf_table *table)
{
	struct sf_index larger = { .strong = table->index.strong, .key = table->index.key };
	/* few sizes: while an index is being emptied, each new flow is searched in both */
	bool next = table->made_for < INDEX_NEXT && table->cap > 2 * INDEX_NEXT;

	if (!table->cramped)
		table->cramped = !replace_index(table, &larger, next ? INDEX_NEXT : table->cap);
	while (table->cramped && sf_table_is_crowded(table))
		sf_table_evict(table);
}

void sf_table_note_chain(struct sf_table *table, uint32_t chain)
{
	if (chain > table->ledger.longest_chain)
		table->ledger.longest_chain = chain;
	if (chain >= SF_INDEX_CHAIN_MAX)
		table->too_long = !table->index.strong;
}

/*
 * Copies a bounded number of buckets to the new index, in passes as for packets. Copied ids stay in
 * the old index until the whole old index is freed. A search that finds such an id is still right:
 * keys are compared, and a dead or reused entry has another key.
 */
static void migrate(struct sf_table *table)
{
	uint32_t ids[MIGRATE_BUCKETS * SF_BUCKET_IDS], n = 0;
	uint64_t hashes[MIGRATE_BUCKETS * SF_BUCKET_IDS];
	uint32_t left = table->old.count - table->migrated;
	uint32_t end = table->migrated + (left < MIGRATE_BUCKETS ? left : MIGRATE_BUCKETS);

	for (; table->migrated < end; table->migrated++) {
		const struct sf_bucket *bucket = &table->old.buckets[table->migrated];

		for (unsigned i = 0; i < SF_BUCKET_IDS; i++) {
			if (!(bucket->used & 1 << i))
				continue;
			ids[n++] = bucket->id[i];
			__builtin_prefetch(&table->hot[bucket->id[i]]);
		}
	}
	for (uint32_t i = 0; i < n; i++) {
		hashes[i] = sf_entry_hash(table, &table->index, ids[i]);
		__builtin_prefetch(
			&table->index.buckets[sf_index_home(&table->index, hashes[i])], 1);
	}
	for (uint32_t i = 0; i < n; i++)
		sf_index_insert(&table->index, hashes[i], ids[i]);
	if (end == table->old.count)
		sf_index_fini(&table->old);
}

void sf_table_rehash(struct sf_table *table)
{
	/* one change at a time: the reasons for the others are found again later */
	if (table->old.buckets)
		migrate(table);
	else if (table->too_long)
		upgrade(table);
	else if (sf_table_is_crowded(table))
		grow(table);
	table->too_long = false;
}

void sf_table_forget(struct sf_table *table)
{
	sf_index_fini(&table->old);
	sf_arena_clear(&table->index.arena);
	sf_arena_clear(&table->arena[ARENA_HOT]);
	sf_wheel_reset(&table->wheel);
	reset(table);
}

void sf_table_ledger(struct sf_table *table, struct sf_ledger *ledger)
{
	sf_table_settle(table);
	*ledger = table->ledger;
	ledger->flows_active = ledger->flows_created - ledger->flows_ended;
	ledger->table_packets = ledger->packets - ledger->record_packets - ledger->lost_packets;
	ledger->table_octets = ledger->octets - ledger->record_octets - ledger->lost_octets;
}

void sf_table_sum(struct sf_table *table, uint64_t *flows, uint64_t *packets, uint64_t *octets)
{
	sf_table_settle(table);
	*flows = *packets = *octets = 0;
	for (uint32_t id = 0; id < table->cap; id++) {
		const struct sf_entry *hot;

		if (id == table->low && id < table->high)
			id = table->high;
		if (id == table->cap)
			break;
		hot = &table->hot[id];
		if (!hot->version)
			continue;
		++*flows;
		if (hot->state & SF_STATE_EMPTY)
			continue;
		*packets += sf_half_packets(&hot->half);
		*octets += hot->half.octets;
		if (hot->state & SF_STATE_REVERSE) {
			*packets += sf_half_packets(&table->reverse[id]);
			*octets += table->reverse[id].octets;
		}
	}
}
