/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packet path: facts into the table.
 *
 * Memory latency dominates the cost, so each packet goes through three passes. Each pass reads the
 * memory that the pass before has prefetched:
 *
 *	1  hash the key        -> prefetch the bucket
 *	2  compare signatures  -> prefetch the entry, and its reverse half unless traffic is one-way
 *	3  compare the key     -> account the packet; or search the whole index, and insert
 *
 * A packet whose home bucket has no candidate but an overflow (a few in a hundred, more while an
 * index is being emptied) gets a second look between passes 2 and 3: guess_again().
 *
 * A pass handles a part of up to SF_TABLE_PART packets. When part n enters pass 1, part n-1 enters
 * pass 2 (table->hashed) and part n-2 enters pass 3 (table->guessed). The memory that one part
 * needs is thus fetched while other parts are computed, and while the caller parses the next one.
 *
 * Pass 2 only guesses. At most one living entry has the packet's key, so a guess whose key agrees
 * is right, whatever other packets changed in between. If there is no guess or a wrong one, find()
 * searches the table as it is in pass 3. The result is the same as for packets taken one by one.
 */
#include "table/layout.h"

static inline bool same_addresses(const uint8_t *a, const uint8_t *b)
{
	return ((sf_word64(a) ^ sf_word64(b)) | (sf_word64(a + 8) ^ sf_word64(b + 8)) |
		       (sf_word64(a + 16) ^ sf_word64(b + 16)) |
		       (sf_word64(a + 24) ^ sf_word64(b + 24))) == 0;
}

static inline bool same_key(const struct sf_table *table, uint32_t id, const struct sf_facts *facts)
{
	const struct sf_entry *hot = &table->hot[id];
	uint64_t different = (hot->address ^ facts->address) |
			     (sf_word64(&hot->ports) ^ sf_word64(&facts->ports)) |
			     (sf_word32(&hot->scope) ^ sf_word32(&facts->scope));

	if (sf_unlikely(different))
		return false;
	return facts->version == 4 || same_addresses(table->address6[id], facts->address6[0]);
}

static uint32_t search(const struct sf_table *table, const struct sf_index *index, uint64_t hash,
	const struct sf_facts *facts)
{
	uint32_t at = sf_index_home(index, hash);

	for (uint32_t chain = 0; chain < index->count; chain++) {
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

/* The packet's hash in the index that is being emptied. */
static inline uint64_t old_hash(const struct sf_table *table, const struct sf_facts *facts)
{
	return sf_index_hash(&table->old, facts->address, sf_word64(&facts->ports),
		sf_word32(&facts->scope), address6_of(facts));
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

/* Pass 1. Sets facts->address of IPv6 packets to the hash of the two addresses. */
static inline void hash_keys(struct sf_table *table, struct sf_table_part part)
{
	const struct sf_index index = table->index;
	struct sf_step *step = part.steps;

	for (struct sf_facts *facts = part.facts; facts < part.facts + part.count;
		facts++, step++) {
		uint64_t hash;

		if (facts->version == 6)
			facts->address = sf_hash_addresses(&table->address_key, facts->address6[0]);
		hash = sf_index_hash(&index, facts->address, sf_word64(&facts->ports),
			sf_word32(&facts->scope), address6_of(facts));
		step->hash = hash;
		step->bucket = &index.buckets[sf_index_home(&index, hash)];
		__builtin_prefetch(step->bucket);
	}
}

/* Pass 1 while an index is being emptied: prefetches the buckets there too. */
static sf_always_inline void hash_old_keys(const struct sf_table *table, struct sf_table_part part)
{
	for (unsigned i = 0; i < part.count; i++)
		__builtin_prefetch(old_bucket(table, &part.facts[i]));
}

/* Copies of the packet path, each for what one kind of traffic or run needs. */
enum path {
	PATH_PLAIN = 0,
	PATH_ONE_WAY = 1, /* the last round had no change of direction */
	PATH_ANNEX = 2,   /* every packet matters to the annex of its entry */
};

static sf_always_inline void prefetch_entry(
	const struct sf_table *table, uint32_t id, bool ipv6, enum path path)
{
	__builtin_prefetch(&table->hot[id], 1);
	if (!(path & PATH_ONE_WAY))
		__builtin_prefetch(&table->reverse[id], 1);
	if (ipv6)
		__builtin_prefetch(table->address6[id]);
	if (path & PATH_ANNEX)
		__builtin_prefetch(table->annex + (size_t)id * table->annex_bytes, 1);
}

/* Pass 2. */
static sf_always_inline void guess(
	struct sf_table *table, struct sf_table_part part, enum path path)
{
	bool replacing = table->old.buckets != NULL;
	const struct sf_facts *facts = part.facts;

	for (struct sf_step *step = part.steps; step < part.steps + part.count; step++, facts++) {
		const struct sf_bucket *bucket = step->bucket;
		unsigned mask = sf_bucket_match(bucket, step->hash);

		if (sf_likely(mask)) {
			unsigned others = mask & (mask - 1);

			step->guess = bucket->id[(unsigned)__builtin_ctz(mask)];
			prefetch_entry(table, step->guess, facts->version == 6, path);
			/* one packet in a hundred has two candidates: find() may need the other */
			if (sf_unlikely(others))
				__builtin_prefetch(&table->hot[bucket->id[__builtin_ctz(others)]]);
			continue;
		}
		step->guess = table->cap;
		if (bucket->overflow || bucket->used == SF_BUCKET_FULL)
			__builtin_prefetch(bucket_after(&table->index, bucket), 1);
		if (bucket->overflow || sf_unlikely(replacing))
			table->again[table->unsettled++] = (uint8_t)(step - part.steps);
	}
}

/* The second look: in the next bucket (0.9 % of the ids of a full table) and in the old index. */
static void guess_again(struct sf_table *table, struct sf_table_part part)
{
	for (unsigned n = 0; n < table->unsettled; n++) {
		struct sf_step *step = &part.steps[table->again[n]];
		const struct sf_facts *facts = &part.facts[table->again[n]];
		const struct sf_bucket *bucket = step->bucket;
		unsigned mask = 0;

		if (bucket->overflow) {
			bucket = bucket_after(&table->index, bucket);
			mask = sf_bucket_match(bucket, step->hash);
		}
		if (!mask && table->old.buckets) {
			bucket = old_bucket(table, facts);
			mask = sf_bucket_match(bucket, old_hash(table, facts));
		}
		if (!mask)
			continue;
		step->guess = bucket->id[__builtin_ctz(mask)];
		prefetch_entry(table, step->guess, facts->version == 6,
			table->one_way ? PATH_ONE_WAY : PATH_PLAIN);
	}
	table->unsettled = 0;
}

/* Mask for the word that begins with the scope: flags that make a packet a case for rare.c. */
#define RARE_FACTS                                                                                 \
	(SF_FACTS_WORD((uint64_t)SF_FACT_RARE, scope, flags) |                                     \
		SF_FACTS_WORD((uint64_t)(TCP_FIN | TCP_RST), scope, tcp_flags))

/*
 * Packet time relative to the guessed entry (without meaning if the guess is wrong): `at` ns after
 * the record's first packet, `gap` ns after its last packet.
 */
struct moment {
	int64_t at, gap;
};

static sf_always_inline struct moment moment_of(
	const struct sf_entry *hot, const struct sf_facts *facts)
{
	int64_t at = sf_time_since(facts->time_ns, hot->first_ns);

	return (struct moment){ at, sf_time_since(at, sf_half_time(hot->half.end)) };
}

/*
 * True if the packet belongs to the entry and only needs to be counted: it is in order, within the
 * timeouts, and does not end a connection; with `one_way`, the same side sent the packet before.
 * One masked comparison of the words behind the addresses checks everything except the times.
 */
static sf_always_inline bool is_plain(const struct sf_table *table, uint32_t id,
	const struct sf_facts *facts, struct moment when, bool one_way)
{
	const uint64_t decisive =
		SF_KEY_FACTS | SF_FACTS_WORD((uint64_t)SF_STATE_RARE, scope, flags) | RARE_FACTS |
		(one_way ? SF_FACTS_WORD((uint64_t)SF_FACT_SWAPPED, scope, flags) : 0);
	const struct sf_entry *hot = &table->hot[id];
	uint64_t different = (hot->address ^ facts->address) |
			     (sf_word64(&hot->ports) ^ sf_word64(&facts->ports)) |
			     ((sf_word64(&hot->scope) ^ sf_word64(&facts->scope)) & decisive);

	return sf_likely(!different) &&
	       (sf_likely(facts->version == 4) ||
		       same_addresses(table->address6[id], facts->address6[0])) &&
	       sf_likely((uint64_t)when.gap < (uint64_t)table->idle_ns) &&
	       sf_likely(when.at < table->active_ns);
}

/*
 * True if the packet needs all rules (rare.c) although it is plain, because of a fact that is
 * gathered: a SYN may begin another connection. Only for runs with such a fact.
 */
static sf_always_inline bool is_decisive(const struct sf_table *table, const struct sf_facts *facts)
{
	return sf_unlikely((facts->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) &&
	       table->layout.watches;
}

/* Counts a packet in `half`; `end` is half->end before this packet. */
static sf_always_inline void count(
	struct sf_entry_half *half, uint64_t end, const struct sf_facts *facts, uint32_t octets)
{
	half->counts = (half->counts + 1) | (uint64_t)facts->tcp_flags << SF_HALF_TCP_FLAGS;
	half->octets += octets;
	if (sf_unlikely(end >> SF_HALF_TTL_MIN != facts->ttl))
		sf_half_widen_ttl(half, facts->ttl);
}

/*
 * Counts a plain packet. Branch-free, because directions are unpredictable: updates that do not
 * apply are masked out, and a packet that does not change direction writes to the dummy half
 * reverse[cap]. With `one_way` is_plain() has checked that the direction does not change. Returns
 * whether it changed.
 */
static sf_always_inline bool account(struct sf_table *table, uint32_t id,
	const struct sf_facts *facts, struct moment when, uint32_t octets, bool one_way)
{
	struct sf_entry *hot = &table->hot[id];
	uint64_t end = hot->half.end, other, word;
	struct sf_entry_half *reverse;
	uint32_t turn;

	if (one_way) {
		hot->half.end = end + (uint64_t)when.gap;
		count(&hot->half, end, facts, octets);
		return false;
	}
	turn = sf_entry_turn(hot->state, facts);
	if (sf_unlikely((turn & SF_STATE_SIDE) > (hot->state & SF_STATE_REVERSE)))
		sf_table_answer(table, id, facts, when.at);
	reverse = &table->reverse[sf_choose(turn != 0, id, table->cap)];
	other = reverse->end;
	hot->half.end = end + (uint64_t)when.gap;
	reverse->end = other + ((uint64_t)(sf_half_time(end) - sf_half_time(other)) &
				       -(uint64_t)(turn / SF_STATE_LATEST));
	/* stored as the whole word that is_plain() loads */
	word = sf_word64(&hot->scope) ^
	       SF_FACTS_WORD((uint64_t)turn & SF_STATE_LATEST, scope, flags);
	memcpy(&hot->scope, &word, sizeof(word));
	count(turn & SF_STATE_SIDE ? reverse : &hot->half,
		sf_choose(turn & SF_STATE_SIDE, other, end), facts, octets);
	return turn != 0;
}

/* Makes a flow of that IP version for its first packet; counts the packet if it is `plain`. */
static sf_always_inline uint32_t insert(struct sf_table *table, const struct sf_step *step,
	const struct sf_facts *facts, uint8_t version, bool plain)
{
	uint32_t id = sf_table_allocate(table, version), chain;
	struct sf_entry *hot = &table->hot[id];
	uint32_t filed = hot->state & SF_STATE_WHEEL;
	uint32_t state = filed | SF_STATE_REF | sf_entry_initiator(facts);

	sf_entry_make(table, id, facts, version, state, plain, SF_ANNEX_KEEP_NOTHING);
	if (!(filed & SF_STATE_REF))
		sf_wheel_push(&table->wheel, facts->time_ns + table->shorter_ns, id);
	chain = sf_index_insert_at(&table->index, step->bucket, step->hash, id);
	if (sf_unlikely(chain > 1))
		sf_table_note_chain(table, chain);
	table->ledger.flows_created++;
	return id;
}

/* Makes a flow for its first packet, of any kind, and accounts the packet. */
static sf_always_inline void insert_any(
	struct sf_table *table, const struct sf_step *step, const struct sf_facts *facts)
{
	const uint64_t any_version = SF_FACTS_WORD(UINT64_C(0xff), scope, version);
	uint64_t decisive = sf_word64(&facts->scope) & (RARE_FACTS | any_version);

	if (sf_likely(decisive == SF_FACTS_WORD(UINT64_C(4), scope, version)))
		insert(table, step, facts, 4, true);
	else if (decisive == SF_FACTS_WORD(UINT64_C(6), scope, version))
		insert(table, step, facts, 6, true);
	else
		sf_table_account_rare(
			table, insert(table, step, facts, facts->version, false), facts, true);
}

/* Accounts a packet of any kind, with any guess. */
static sf_always_inline void account_any(
	struct sf_table *table, const struct sf_step *step, const struct sf_facts *facts)
{
	uint32_t id = step->guess;
	struct moment when;

	if (id == table->cap || !same_key(table, id, facts)) {
		id = find(table, step, facts);
		if (id == SF_ENTRY_NONE) {
			insert_any(table, step, facts);
			return;
		}
	}
	when = moment_of(&table->hot[id], facts);
	if (sf_likely(is_plain(table, id, facts, when, false)) &&
		!(sf_unlikely(table->annex_changes) && is_decisive(table, facts))) {
		table->turns += account(table, id, facts, when, facts->octets, false);
		if (sf_unlikely(table->annex_changes))
			sf_table_add_latest(table, id, facts);
	} else {
		sf_table_account_rare(table, id, facts, false);
	}
}

/*
 * Accounts a packet of any kind, and the packets behind it that have no guess, up to `end`: new
 * flows often come in a row. Returns the first packet that is left.
 */
static __attribute__((noinline)) const struct sf_facts *account_others(struct sf_table *table,
	const struct sf_step *step, const struct sf_facts *facts, const struct sf_facts *end)
{
	uint64_t sum = 0;

	do {
		sum += facts->octets;
		account_any(table, step++, facts++);
	} while (facts < end && step->guess == table->cap);
	table->ledger.octets += sum;
	return facts;
}

/* Pass 3. */
static sf_always_inline void account_part(
	struct sf_table *table, struct sf_table_part part, enum path path)
{
	const bool one_way = path & PATH_ONE_WAY;
	const struct sf_facts *facts = part.facts, *end = facts + part.count;
	const struct sf_step *step = part.steps;
	uint64_t sum = 0;
	unsigned turns = 0;

	while (facts < end) {
		struct moment when = moment_of(&table->hot[step->guess], facts);
		uint32_t octets = facts->octets;

		if (sf_likely(is_plain(table, step->guess, facts, when, one_way)) &&
			!(path & PATH_ANNEX && is_decisive(table, facts))) {
			turns += account(table, step->guess, facts, when, octets, one_way);
			if (path & PATH_ANNEX)
				sf_table_add_latest(table, step->guess, facts);
			sum += octets;
			step++;
			facts++;
		} else {
			facts = account_others(table, step, facts, end);
			step = part.steps + (facts - part.facts);
		}
	}
	table->ledger.packets += part.count;
	table->ledger.octets += sum;
	table->turns += turns;
}

/* Apart from advance(), so that other runs have all registers for their copies of the loops. */
static __attribute__((noinline)) void advance_annex(
	struct sf_table *table, struct sf_table_part hashed, struct sf_table_part guessed)
{
	if (table->one_way) {
		guess(table, hashed, PATH_ANNEX | PATH_ONE_WAY);
		account_part(table, guessed, PATH_ANNEX | PATH_ONE_WAY);
	} else {
		guess(table, hashed, PATH_ANNEX);
		account_part(table, guessed, PATH_ANNEX);
	}
}

/* Moves every part one pass further; `next` enters pass 1. */
static void advance(struct sf_table *table, struct sf_table_part next)
{
	struct sf_table_part hashed = table->hashed, guessed = table->guessed;

	if (table->unsettled)
		guess_again(table, guessed);
	hash_keys(table, next);
	if (sf_unlikely(table->old.buckets))
		hash_old_keys(table, next);
	if (sf_unlikely(table->annex_changes)) {
		advance_annex(table, hashed, guessed);
	} else if (table->one_way) {
		guess(table, hashed, PATH_ONE_WAY);
		account_part(table, guessed, PATH_ONE_WAY);
	} else {
		guess(table, hashed, PATH_PLAIN);
		account_part(table, guessed, PATH_PLAIN);
	}
	table->guessed = hashed;
	table->hashed = next;
	if (sf_unlikely(table->next != table->record))
		sf_table_flush(table);
}

/* Checks that are needed once in SF_BATCH_MAX packets; called between two parts. */
static __attribute__((noinline)) void begin_round(
	struct sf_table *table, const struct sf_facts *facts)
{
	if (sf_unlikely(!table->started)) {
		int64_t tick = sf_wheel_tick(facts->clock_ns);

		sf_wheel_set(&table->wheel, tick, tick);
		table->started = true;
	}
	if (sf_unlikely(sf_table_wants_rehash(table))) {
		/* steps of the parts in passes 2 and 3 point into the present index */
		sf_table_settle(table);
		sf_table_rehash(table);
	}
	table->one_way = table->turns == 0;
	table->turns = 0;
	table->round = SF_BATCH_MAX;
}

struct sf_facts_array sf_table_room(struct sf_table *table)
{
	const struct sf_facts_array all = { table->facts[0], table->packet_annexes };
	const unsigned first = table->room * SF_TABLE_ROOM;

	return (struct sf_facts_array){ all.facts + first,
		sf_annex_at(&table->layout, all, first) };
}

void sf_table_name_applications(
	struct sf_table *table, const struct sf_application_table *applications)
{
	table->layout.applications = applications;
}

const struct sf_annex_layout *sf_table_layout(const struct sf_table *table)
{
	return &table->layout;
}

void sf_table_offer(struct sf_table *table, unsigned count)
{
	struct sf_facts *facts = table->facts[table->room];

	if (!count)
		return;
	if (table->round == 0)
		begin_round(table, facts);
	table->round -= table->round < count ? table->round : count;
	advance(table, (struct sf_table_part){ facts, table->steps[table->room], count });
	table->room = table->room == 2 ? 0 : table->room + 1;
}

void sf_table_settle(struct sf_table *table)
{
	const struct sf_table_part nothing = { table->facts[0], table->steps[0], 0 };

	while (table->hashed.count || table->guessed.count)
		advance(table, nothing);
}
