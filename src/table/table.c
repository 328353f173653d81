/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packet path: a batch of facts into the table.
 *
 * Memory latency is what costs, so each packet goes through three passes, each touching what the
 * pass before has prefetched:
 *
 *	1  hash the key        -> prefetch its bucket
 *	2  compare signatures  -> prefetch the entry they point to, and its reverse half unless the
 *	                          traffic is one-way
 *	3  compare the key, account the packet; or search in earnest and insert
 *
 * A packet whose home bucket does not tell where to look (a few in a hundred, and more while an
 * index is being emptied) gets a second look between passes 2 and 3.
 *
 * The passes run over a part of the batch at a time, each one part behind the pass before it, and
 * the caller may parse the next part meanwhile: memory is kept busy while others compute. `done`
 * of the table says how far each pass is.
 *
 * What pass 2 leaves is a guess. An entry that is alive and has the packet's key is the packet's
 * whatever happened in between, as at most one has. Where the guess was wrong or none, find() looks
 * in the table as it is. So the result is that of packets taken one by one.
 */
#include "table/layout.h"

/*
 * Packets in a part. Two to four lines are then on their way for each, and a core keeps some 20
 * misses in flight: with more, prefetches wait for each other. Up to SMALL flows most lines come
 * from a cache, and larger parts cost less (measured: 16 instead of 8 is 1.05 times as fast at
 * 100,000 flows and 0.9 times from 200,000 on; 32 is slower at both).
 */
#define PART_SMALL 16
#define PART_LARGE 8
#define SMALL      131072

static inline bool same_addresses(const uint8_t *a, const uint8_t *b)
{
	return ((sf_load64(a) ^ sf_load64(b)) | (sf_load64(a + 8) ^ sf_load64(b + 8)) |
		       (sf_load64(a + 16) ^ sf_load64(b + 16)) |
		       (sf_load64(a + 24) ^ sf_load64(b + 24))) == 0;
}

static inline bool same_key(const struct sf_table *table, uint32_t id, const struct sf_facts *facts)
{
	const struct sf_entry *hot = &table->hot[id];
	uint64_t different = (hot->address ^ facts->address) |
			     (sf_load64(&hot->ports) ^ sf_load64(&facts->ports)) |
			     (sf_load32(&hot->scope) ^ sf_load32(&facts->scope));

	if (sf_unlikely(different))
		return false;
	return facts->version == 4 || same_addresses(table->address6[id], facts->address6[0]);
}

static uint32_t search(const struct sf_table *table, const struct sf_index *index, uint64_t hash,
	const struct sf_facts *facts)
{
	uint32_t at = sf_index_home(index, hash);

	for (uint32_t way = 0; way < index->count; way++) {
		const struct sf_bucket *bucket = &index->buckets[at];
		unsigned mask = sf_bucket_match(bucket, hash);

		for (; mask; mask &= mask - 1) {
			uint32_t id = bucket->id[__builtin_ctz(mask)];

			if (same_key(table, id, facts))
				return id;
		}
		if (!bucket->overflow)
			break;
		at = sf_index_next(index, at);
	}
	return SF_ENTRY_NONE;
}

static inline const uint8_t *address6_of(const struct sf_facts *facts)
{
	return facts->version == 6 ? facts->address6[0] : NULL;
}

static inline const struct sf_bucket *bucket_after(
	const struct sf_index *index, const struct sf_bucket *bucket)
{
	return bucket + 1 == index->buckets + index->count ? index->buckets : bucket + 1;
}

/* The hash and the home bucket of a packet in the index that is being emptied. */
static inline uint64_t old_hash(const struct sf_table *table, const struct sf_facts *facts)
{
	return sf_index_hash(&table->old, facts->address, sf_load64(&facts->ports),
		sf_load32(&facts->scope), address6_of(facts));
}

static inline const struct sf_bucket *old_bucket(
	const struct sf_table *table, const struct sf_facts *facts)
{
	return &table->old.buckets[sf_index_home(&table->old, old_hash(table, facts))];
}

static inline uint32_t find(
	const struct sf_table *table, const struct sf_step *step, const struct sf_facts *facts)
{
	bool nothing = !sf_bucket_match(step->bucket, step->hash) && !step->bucket->overflow;
	uint32_t id;

	if (sf_likely(nothing && !table->old.buckets))
		return SF_ENTRY_NONE;
	id = search(table, &table->index, step->hash, facts);
	if (id == SF_ENTRY_NONE && table->old.buckets)
		id = search(table, &table->old, old_hash(table, facts), facts);
	return id;
}

static __attribute__((noinline)) uint32_t insert(
	struct sf_table *table, const struct sf_step *step, const struct sf_facts *facts)
{
	uint32_t id = sf_table_allocate(table, facts->version), way;
	struct sf_entry *hot = &table->hot[id];

	hot->address = facts->address;
	/* whole words, as they are read */
	memcpy(&hot->ports, &facts->ports, 8);
	memcpy(&hot->scope, &facts->scope, 4);
	if (facts->version == 6)
		memcpy(table->address6[id], facts->address6, 32);
	sf_entry_begin(hot, sf_cold_of(table, id), facts, SF_STATE_WHEEL);
	hot->state |= sf_entry_initiator(facts);
	way = sf_index_insert(&table->index, step->hash, id);
	if (sf_unlikely(way > 1))
		sf_table_long_way(table, way);
	table->ledger.flows_created++;
	sf_table_file_at(table, id, facts->time_ns + table->shorter_ns);
	return id;
}

/* Pass 1 over the packets from `i` to `end`. Completes the facts: one word for two addresses. */
static inline void hash_keys(
	struct sf_table *table, struct sf_facts *facts, unsigned i, unsigned end)
{
	const struct sf_index index = table->index;

	for (; i < end; i++) {
		struct sf_step *step = &table->steps[i];
		uint64_t hash;

		if (facts[i].version == 6)
			facts[i].address =
				sf_hash_addresses(&table->address_key, facts[i].address6[0]);
		hash = sf_index_hash(&index, facts[i].address, sf_load64(&facts[i].ports),
			sf_load32(&facts[i].scope), address6_of(&facts[i]));
		step->hash = hash;
		step->bucket = &index.buckets[sf_index_home(&index, hash)];
		__builtin_prefetch(step->bucket);
	}
}

/* While an index is emptied: its buckets as well. */
static sf_always_inline void hash_old_keys(
	struct sf_table *table, const struct sf_facts *facts, unsigned i, unsigned end)
{
	for (; i < end; i++)
		__builtin_prefetch(old_bucket(table, &facts[i]));
}

static sf_always_inline void prefetch_entry(const struct sf_table *table, uint32_t id, bool ipv6)
{
	__builtin_prefetch(&table->hot[id], 1);
	if (!table->one_way)
		__builtin_prefetch(&table->reverse[id], 1);
	if (ipv6)
		__builtin_prefetch(table->address6[id]);
}

/* Pass 2. */
static inline void guess(
	struct sf_table *table, const struct sf_facts *facts, unsigned i, unsigned end)
{
	bool replacing = table->old.buckets != NULL;

	for (; i < end; i++) {
		struct sf_step *step = &table->steps[i];
		const struct sf_bucket *bucket = step->bucket;
		unsigned mask = sf_bucket_match(bucket, step->hash);

		step->guess = SF_ENTRY_NONE;
		if (sf_likely(mask)) {
			unsigned others = mask & (mask - 1);

			step->guess = bucket->id[__builtin_ctz(mask)];
			prefetch_entry(table, step->guess, facts[i].version == 6);
			/* one packet in a hundred: find() may need it */
			if (sf_unlikely(others))
				__builtin_prefetch(&table->hot[bucket->id[__builtin_ctz(others)]]);
		} else if (bucket->overflow) {
			__builtin_prefetch(bucket_after(&table->index, bucket));
			table->again[table->unsettled++] = (uint8_t)i;
		} else if (sf_unlikely(replacing)) {
			table->again[table->unsettled++] = (uint8_t)i;
		}
	}
}

/* The second look: one bucket further (0.9 % of the ids at the cap), and in the old index. */
static void guess_again(struct sf_table *table, const struct sf_facts *facts)
{
	for (unsigned n = 0; n < table->unsettled; n++) {
		struct sf_step *step = &table->steps[table->again[n]];
		const struct sf_facts *packet = &facts[table->again[n]];
		const struct sf_bucket *bucket = step->bucket;
		unsigned mask = 0;

		if (bucket->overflow) {
			bucket = bucket_after(&table->index, bucket);
			mask = sf_bucket_match(bucket, step->hash);
		}
		if (!mask && table->old.buckets) {
			bucket = old_bucket(table, packet);
			mask = sf_bucket_match(bucket, old_hash(table, packet));
		}
		if (!mask)
			continue;
		step->guess = bucket->id[__builtin_ctz(mask)];
		prefetch_entry(table, step->guess, packet->version == 6);
	}
	table->unsettled = 0;
}

/*
 * Is there nothing to decide about the packet, `at` ns after the record's first and `gap` ns after
 * its last packet? It is in order and within the timeouts, and its connection goes on.
 */
static inline bool is_plain(const struct sf_table *table, uint32_t state,
	const struct sf_facts *facts, int64_t at, int64_t gap)
{
	const uint64_t rare = SF_FACTS_WORD(SF_FACT_FRAGMENT | SF_FACT_LATE, scope, flags) |
			      SF_FACTS_WORD(TCP_FIN | TCP_RST, scope, tcp_flags);

	return sf_likely((uint64_t)gap < (uint64_t)table->idle_ns) &&
	       sf_likely(at < table->active_ns) &&
	       sf_likely(!(state & (SF_STATE_LINGER | SF_STATE_EMPTY | SF_STATE_FIN))) &&
	       sf_likely(!(sf_load64(&facts->scope) & rare));
}

/* Counts a packet in `half`, whose last one is at `end`. */
static sf_always_inline void count(
	struct sf_entry_half *half, uint64_t end, const struct sf_facts *facts)
{
	half->counts = (half->counts + 1) | (uint64_t)facts->tcp_flags << SF_HALF_TCP_FLAGS;
	half->octets += facts->octets;
	if (sf_unlikely(end >> SF_HALF_TTL_MIN != facts->ttl))
		sf_half_widen_ttl(half, facts->ttl);
}

/*
 * Counts a packet in the record that it belongs to. Where directions alternate they do as they
 * please, so nothing here branches on them, at the price of a few more instructions: what must not
 * happen is masked out, and a flow that does not turn works on an unused reverse half in place of
 * its own, which it thus never touches. Where no packet turned lately (`one_way`) a branch is
 * cheaper. Returns whether this one does.
 */
static sf_always_inline bool account(
	struct sf_table *table, uint32_t id, const struct sf_facts *facts, bool fresh, bool one_way)
{
	struct sf_entry *hot = &table->hot[id];
	int64_t at = sf_time_since(facts->time_ns, hot->first_ns);
	uint64_t end = hot->half.end, other;
	int64_t last = sf_half_time(end);
	struct sf_entry_half *reverse;
	uint32_t turn;

	if (sf_unlikely(!is_plain(table, hot->state, facts, at, at - last))) {
		sf_table_account_rare(table, id, facts, fresh);
		return false;
	}
	turn = sf_entry_turn(hot->state, facts);
	if (one_way && sf_likely(!turn)) {
		hot->half.end = end + (uint64_t)(at - last);
		count(&hot->half, end, facts);
		return false;
	}
	if (sf_unlikely((turn & SF_STATE_SIDE) > (hot->state & SF_STATE_REVERSE)))
		sf_table_answer(table, id, facts, at);
	reverse = &table->reverse[sf_choose(turn != 0, id, table->cap)];
	other = reverse->end;
	hot->half.end = end + (uint64_t)(at - last);
	reverse->end = other + ((uint64_t)(last - sf_half_time(other)) &
				       -(uint64_t)(turn / SF_STATE_LATEST));
	hot->state ^= turn & SF_STATE_LATEST;
	count(turn & SF_STATE_SIDE ? reverse : &hot->half,
		sf_choose(turn & SF_STATE_SIDE, other, end), facts);
	return turn != 0;
}

/* Pass 3. */
static sf_always_inline void account_part(struct sf_table *table, const struct sf_facts *facts,
	unsigned i, unsigned end, bool one_way)
{
	uint64_t octets = 0;
	unsigned turns = 0;

	for (; i < end; i++) {
		const struct sf_step *step = &table->steps[i];
		uint32_t id = step->guess;
		bool fresh = false;

		if (sf_unlikely(id == SF_ENTRY_NONE || !same_key(table, id, &facts[i]))) {
			id = find(table, step, &facts[i]);
			fresh = id == SF_ENTRY_NONE;
			if (fresh)
				id = insert(table, step, &facts[i]);
		}
		turns += account(table, id, &facts[i], fresh, one_way);
		octets += facts[i].octets;
	}
	table->ledger.octets += octets;
	table->turns += turns;
}

/* Brings passes 2 and 3 to where the pass before each was, and pass 1 to `to`. */
static void advance(struct sf_table *table, struct sf_facts *facts, unsigned to)
{
	unsigned hashed = table->done[0], guessed = table->done[1], accounted = table->done[2];

	if (table->unsettled)
		guess_again(table, facts);
	hash_keys(table, facts, hashed, to);
	if (sf_unlikely(table->old.buckets))
		hash_old_keys(table, facts, hashed, to);
	guess(table, facts, guessed, hashed);
	if (table->one_way)
		account_part(table, facts, accounted, guessed, true);
	else
		account_part(table, facts, accounted, guessed, false);
	table->done[0] = to;
	table->done[1] = hashed;
	table->done[2] = guessed;
}

unsigned sf_table_part(const struct sf_table *table)
{
	return table->ledger.flows_created - table->ledger.flows_ended <= SMALL ? PART_SMALL
										: PART_LARGE;
}

void sf_table_offer(struct sf_table *table, struct sf_facts *facts, unsigned from, unsigned to)
{
	if (from == to)
		return;
	if (from == 0) {
		memset(table->done, 0, sizeof(table->done));
		if (sf_unlikely(!table->started)) {
			int64_t tick = sf_wheel_tick(facts[0].clock_ns);

			sf_wheel_set(&table->wheel, tick, tick);
			table->started = true;
		}
		if (sf_unlikely(sf_table_wants_rehash(table)))
			sf_table_rehash(table);
	}
	advance(table, facts, to);
}

void sf_table_account(struct sf_table *table, struct sf_facts *facts, unsigned n)
{
	if (!n)
		return;
	advance(table, facts, n);
	advance(table, facts, n);
	table->one_way = table->turns == 0;
	table->turns = 0;
	table->ledger.packets += n;
	sf_table_flush(table);
}

void sf_table_update(struct sf_table *table, struct sf_facts *facts, unsigned n)
{
	unsigned part = sf_table_part(table);

	for (unsigned i = 0; i < n; i += part)
		sf_table_offer(table, facts, i, n - i < part ? n : i + part);
	sf_table_account(table, facts, n);
}
