/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packet path: a batch of facts into the table.
 *
 * Memory latency is what costs, so each packet goes through four passes, each touching what the
 * pass before has prefetched:
 *
 *	1  hash the key        -> prefetch its bucket
 *	2  compare signatures  -> prefetch the entry they point to
 *	3  compare the key     -> prefetch the reverse half if the direction turns
 *	4  account the packet, or search in earnest and insert
 *
 * The passes run over a part of the batch at a time, each one part behind the pass before it, and
 * the caller may parse the next part meanwhile: memory is kept busy while others compute. `done`
 * of the table says how far each pass is.
 *
 * What pass 3 leaves is right unless an entry has left since, which only eviction does; then keys
 * are compared again. An entry that is alive and has the packet's key is the packet's whatever
 * happened in between, as at most one has. What the passes did not find, find() looks for in the
 * table as it is. So the result is that of packets taken one by one.
 */
#include "table/layout.h"

/*
 * Packets in a part. Two to four lines are then on their way for each, and a core keeps some 20
 * misses in flight: with more, prefetches wait for each other (measured: 8 is a quarter faster than
 * the whole batch from a million flows on, 16 is not).
 */
#define PART 8

#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* tcpControlBits */
#define TCP_FIN 0x001
#define TCP_SYN 0x002
#define TCP_RST 0x004
#define TCP_ACK 0x010

static inline bool same_key(
	const struct sf_table *table, uint32_t id, uint64_t address, const struct sf_facts *facts)
{
	const struct sf_entry *hot = &table->hot[id];
	uint64_t different = (hot->address ^ address) |
			     (sf_load64(&hot->ports) ^ sf_load64(&facts->ports)) |
			     (sf_load32(&hot->scope) ^ sf_load32(&facts->scope));

	if (different)
		return false;
	return facts->version == 4 || memcmp(table->address6[id], facts->address6, 32) == 0;
}

static uint32_t search(const struct sf_table *table, const struct sf_index *index, uint64_t hash,
	uint64_t address, const struct sf_facts *facts)
{
	uint32_t at = sf_index_home(index, hash);

	for (uint32_t way = 0; way < index->count; way++) {
		const struct sf_bucket *bucket = &index->buckets[at];
		unsigned mask = sf_bucket_match(bucket, (uint32_t)hash);

		for (; mask; mask &= mask - 1) {
			uint32_t id = bucket->id[__builtin_ctz(mask)];

			if (same_key(table, id, address, facts))
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

static inline uint32_t find(
	const struct sf_table *table, const struct sf_step *step, const struct sf_facts *facts)
{
	bool nothing =
		!sf_bucket_match(step->bucket, (uint32_t)step->hash) && !step->bucket->overflow;
	uint32_t id;

	if (likely(nothing && !table->old.buckets))
		return SF_ENTRY_NONE;
	id = search(table, &table->index, step->hash, step->address, facts);
	if (id == SF_ENTRY_NONE && table->old.buckets) {
		uint64_t hash = sf_index_hash(&table->old, step->address, sf_load64(&facts->ports),
			sf_load32(&facts->scope), address6_of(facts));

		id = search(table, &table->old, hash, step->address, facts);
	}
	return id;
}

/* The initiator is the sender of a flow's first packet, or of the SYN that it answers. */
static uint32_t initiator_of(const struct sf_facts *facts)
{
	bool side = facts->flags & SF_FACT_SWAPPED;

	if (facts->flags & SF_FACT_TCP &&
		(facts->tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
		side = !side;
	return side ? SF_STATE_INITIATOR : 0;
}

static uint32_t insert(
	struct sf_table *table, const struct sf_step *step, const struct sf_facts *facts)
{
	uint32_t id = sf_table_allocate(table, facts->version), way;
	struct sf_entry *hot = &table->hot[id];

	hot->address = step->address;
	hot->ports = facts->ports;
	hot->tags = facts->tags;
	hot->scope = facts->scope;
	hot->protocol = facts->protocol;
	hot->version = facts->version;
	if (facts->version == 6)
		memcpy(table->address6[id], facts->address6, 32);
	sf_entry_begin(hot, sf_cold_of(table, id), facts, SF_STATE_WHEEL);
	hot->state |= initiator_of(facts);
	way = sf_index_insert(&table->index, step->hash, id);
	if (unlikely(way > 1))
		sf_table_long_way(table, way);
	table->ledger.flows_created++;
	sf_table_file(table, id);
	return id;
}

/*
 * The packet comes after a timeout or the linger of the flow that it would belong to (DESIGN §4):
 * that flow's record leaves and this packet begins the next one. Only an active timeout within the
 * idle timeout goes on with the same flow.
 */
static void restart(struct sf_table *table, uint32_t id, const struct sf_facts *facts)
{
	struct sf_entry *hot = &table->hot[id];
	int64_t age = sf_time_since(facts->clock_ns, hot->first_ns);
	bool awake = age - sf_half_time(hot->half.end) < table->idle_ns;
	bool active = table->active_ns - sf_half_time(hot->half.end) <= table->idle_ns;
	bool same = awake && !(hot->state & SF_STATE_LINGER);
	uint64_t flow_id;

	if (!(hot->state & SF_STATE_EMPTY)) {
		enum sf_end_reason reason = hot->state & SF_STATE_LINGER ? SF_END_DETECTED
					    : active                     ? SF_END_ACTIVE
									 : SF_END_IDLE;

		flow_id = sf_table_emit(table, id, reason);
		if (same && !(hot->state & SF_STATE_CUT)) {
			table->identity[id] = flow_id;
			hot->state |= SF_STATE_CUT;
		}
	}
	sf_entry_begin(hot, sf_cold_of(table, id), facts,
		same ? SF_STATE_WHEEL | SF_STATE_FLOW : SF_STATE_WHEEL);
	if (same)
		return;
	hot->state |= initiator_of(facts);
	table->ledger.flows_ended++;
	table->ledger.flows_created++;
}

/*
 * A packet from before the record's first one: the record begins with it. Times in the entry are
 * counted from there, as far as 48 bits reach. If the other side sent it, hot and reverse change
 * places, as the hot half is that of the first packet.
 */
static void rebase(struct sf_table *table, uint32_t id, const struct sf_facts *facts)
{
	struct sf_entry *hot = &table->hot[id];
	struct sf_entry_half *half = &hot->half, *reverse = &table->reverse[id], was;
	int64_t linger = sf_half_time(half->begin), last = sf_half_time(half->end);
	int64_t before = sf_time_since(hot->first_ns, facts->time_ns);
	int64_t room = SF_DELTA_MAX - (linger > last ? linger : last);
	int64_t shift = before < room ? before : room;
	bool side = facts->flags & SF_FACT_SWAPPED;

	hot->first_ns -= shift;
	half->end += (uint64_t)shift;
	if (hot->state & SF_STATE_LINGER)
		half->begin += (uint64_t)shift;
	if (hot->state & SF_STATE_REVERSE) {
		reverse->begin += (uint64_t)shift;
		reverse->end += (uint64_t)shift;
	}
	if (side == !!(hot->state & SF_STATE_SIDE))
		return;
	if (!(hot->state & SF_STATE_REVERSE))
		sf_half_begin(reverse, sf_cold_of(table, id), facts);
	was = *half;
	*half = *reverse;
	half->begin = sf_half_with_time(half->begin, sf_half_time(was.begin));
	half->end = sf_half_with_time(half->end, sf_half_time(was.end));
	was.begin = sf_half_with_time(was.begin, shift);
	was.end = sf_half_with_time(was.end, sf_half_time(reverse->end));
	*reverse = was;
	hot->state = (hot->state ^ SF_STATE_SIDE) | SF_STATE_REVERSE;
}

/*
 * End of a TCP connection: RST; or a FIN from both sides and then an ACK without FIN from the side
 * whose FIN was not the last. From then on the flow lingers, for its stragglers.
 */
static void tcp_step(struct sf_table *table, uint32_t id, const struct sf_facts *facts)
{
	struct sf_entry *hot = &table->hot[id];
	bool side = facts->flags & SF_FACT_SWAPPED;
	bool both = (hot->state & (SF_STATE_FIN_0 | SF_STATE_FIN_1)) ==
		    (SF_STATE_FIN_0 | SF_STATE_FIN_1);
	bool answers = side == !(hot->state & SF_STATE_FIN_LAST);

	if (hot->state & SF_STATE_LINGER)
		return;
	if (facts->tcp_flags & TCP_RST ||
		(both && answers && (facts->tcp_flags & (TCP_ACK | TCP_FIN)) == TCP_ACK)) {
		hot->state |= SF_STATE_LINGER;
		hot->half.begin = sf_half_with_time(hot->half.begin,
			sf_time_since(facts->clock_ns, hot->first_ns) + SF_LINGER_NS);
		sf_table_file_linger(table, id);
	} else if (facts->tcp_flags & TCP_FIN) {
		hot->state &= ~(uint32_t)SF_STATE_FIN_LAST;
		hot->state |= side ? SF_STATE_FIN_1 | SF_STATE_FIN_LAST : SF_STATE_FIN_0;
	}
}

/* Must the record end before this packet is accounted? */
static inline bool is_over(
	const struct sf_table *table, const struct sf_entry *hot, const struct sf_facts *facts)
{
	int64_t age = sf_time_since(facts->clock_ns, hot->first_ns);

	if (unlikely(hot->state & (SF_STATE_LINGER | SF_STATE_EMPTY)))
		return hot->state & SF_STATE_EMPTY || age >= sf_half_time(hot->half.begin) ||
		       (facts->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	return age >= table->active_ns || age - sf_half_time(hot->half.end) >= table->idle_ns;
}

static uint64_t widen_ttl(uint64_t end, uint8_t ttl)
{
	uint8_t min = (uint8_t)(end >> SF_HALF_TTL_MIN), max = (uint8_t)(end >> SF_HALF_TTL_MAX);

	min = ttl < min ? ttl : min;
	max = ttl > max ? ttl : max;
	return (uint64_t)sf_half_time(end) | (uint64_t)min << SF_HALF_TTL_MIN |
	       (uint64_t)max << SF_HALF_TTL_MAX;
}

/*
 * What the packet changes about the direction: SF_STATE_SIDE if it is not of the side counted in
 * hot, SF_STATE_LATEST if the last packet was the other side's. Either concerns reverse[].
 */
static inline uint32_t turn_of(uint32_t state, const struct sf_facts *facts)
{
	const uint32_t both = SF_STATE_SIDE | SF_STATE_LATEST;

	return (state ^ (facts->flags & SF_FACT_SWAPPED) * both) & both;
}

/* The entry of reverse[] that the packet works on: `unused` unless the direction turns. */
static inline uint32_t reverse_of(uint32_t id, uint32_t unused, uint32_t turn)
{
	return unused ^ ((unused ^ id) & -(uint32_t)(turn != 0));
}

/*
 * Counts a packet in the record that it belongs to. Directions alternate as they please, so
 * nothing here branches on them, at the price of a few more instructions: what must not happen is
 * masked out, and a flow that does not turn works on an unused reverse half in place of its own,
 * which it thus never touches.
 */
static inline void account(struct sf_table *table, struct sf_entry *hot,
	struct sf_entry_half *reverses, uint32_t id, const struct sf_facts *facts)
{
	int64_t at = sf_time_since(facts->time_ns, hot->first_ns), last, other;
	uint32_t state, turn;
	struct sf_entry_half *reverse, *half;

	if (unlikely(at < 0)) {
		rebase(table, id, facts);
		at = 0;
	}
	state = hot->state;
	turn = turn_of(state, facts);
	reverse = &reverses[reverse_of(id, table->cap, turn)];
	if (unlikely((turn & SF_STATE_SIDE) > (state & SF_STATE_REVERSE))) {
		sf_half_begin(reverse, sf_cold_of(table, id), facts);
		reverse->begin |= (uint64_t)at;
		state |= SF_STATE_REVERSE;
	}
	last = sf_half_time(hot->half.end);
	other = sf_half_time(reverse->end);
	if (likely(at >= last)) {
		hot->half.end += (uint64_t)(at - last);
		reverse->end += (uint64_t)(last - other) & -(uint64_t)(turn / SF_STATE_LATEST);
		state ^= turn & SF_STATE_LATEST;
	} else if (turn & SF_STATE_LATEST && at > other) {
		reverse->end += (uint64_t)(at - other);
	}
	hot->state = state;
	if (unlikely((turn & SF_STATE_SIDE) & (at < sf_half_time(reverse->begin))))
		reverse->begin = sf_half_with_time(reverse->begin, at);
	half = turn & SF_STATE_SIDE ? reverse : &hot->half;
	half->counts = (half->counts + 1) | (uint64_t)facts->tcp_flags << SF_HALF_TCP_FLAGS;
	half->octets += facts->octets;
	if (unlikely(half->end >> SF_HALF_TTL_MIN != (uint64_t)facts->ttl * 0x101))
		half->end = widen_ttl(half->end, facts->ttl);
}

/* What few packets are: fragments, or part of a TCP connection's end. */
static inline bool is_special(const struct sf_entry *hot, const struct sf_facts *facts)
{
	return (facts->flags & SF_FACT_FRAGMENT) | (facts->tcp_flags & (TCP_FIN | TCP_RST)) |
	       (hot->state & SF_STATE_FIN);
}

static void note_special(struct sf_table *table, uint32_t id, const struct sf_facts *facts)
{
	if (facts->flags & SF_FACT_FRAGMENT)
		table->hot[id].state |= SF_STATE_FRAGMENT;
	if (facts->flags & SF_FACT_TCP)
		tcp_step(table, id, facts);
}

/* Passes 1 to 4 over the packets from `i` to `end`. */
static inline void hash_keys(
	struct sf_table *table, const struct sf_facts *facts, unsigned i, unsigned end)
{
	const struct sf_index index = table->index;

	for (; i < end; i++) {
		struct sf_step *step = &table->steps[i];
		uint64_t address = facts[i].address, hash;

		if (facts[i].version == 6)
			address = sf_hash_addresses(&table->address_key, facts[i].address6[0]);
		hash = sf_index_hash(&index, address, sf_load64(&facts[i].ports),
			sf_load32(&facts[i].scope), address6_of(&facts[i]));
		step->address = address;
		step->hash = hash;
		step->bucket = &index.buckets[sf_index_home(&index, hash)];
		__builtin_prefetch(step->bucket);
	}
}

static inline const struct sf_bucket *bucket_after(
	const struct sf_index *index, const struct sf_bucket *bucket)
{
	return bucket + 1 == index->buckets + index->count ? index->buckets : bucket + 1;
}

static inline void guess(
	struct sf_table *table, const struct sf_facts *facts, unsigned i, unsigned end)
{
	const struct sf_entry *hot = table->hot;

	for (; i < end; i++) {
		struct sf_step *step = &table->steps[i];
		unsigned mask = sf_bucket_match(step->bucket, (uint32_t)step->hash);
		uint32_t id = SF_ENTRY_NONE;

		if (mask) {
			id = step->bucket->id[__builtin_ctz(mask)];
			__builtin_prefetch(&hot[id], 1);
			if (facts[i].version == 6)
				__builtin_prefetch(table->address6[id]);
		} else if (unlikely(step->bucket->overflow)) {
			__builtin_prefetch(bucket_after(&table->index, step->bucket));
		}
		step->guess = id;
	}
}

/* Some ids (2.7 % at the cap) lie one bucket further: find() shall not wait for their entries. */
static void guess_beyond(const struct sf_table *table, const struct sf_step *step)
{
	const struct sf_bucket *bucket = bucket_after(&table->index, step->bucket);
	unsigned mask = sf_bucket_match(bucket, (uint32_t)step->hash);

	if (mask)
		__builtin_prefetch(&table->hot[bucket->id[__builtin_ctz(mask)]], 1);
}

static inline void check(
	struct sf_table *table, const struct sf_facts *facts, unsigned i, unsigned end)
{
	for (; i < end; i++) {
		struct sf_step *step = &table->steps[i];
		uint32_t id = step->guess, turn;

		if (unlikely(id == SF_ENTRY_NONE)) {
			if (unlikely(step->bucket->overflow))
				guess_beyond(table, step);
			continue;
		}
		if (unlikely(!same_key(table, id, step->address, &facts[i])))
			step->guess = SF_ENTRY_NONE;
		turn = turn_of(table->hot[id].state, &facts[i]);
		__builtin_prefetch(&table->reverse[reverse_of(id, table->cap, turn)], 1);
	}
}

static inline void account_part(
	struct sf_table *table, const struct sf_facts *facts, unsigned i, unsigned end)
{
	uint64_t octets = 0;

	for (; i < end; i++) {
		const struct sf_step *step = &table->steps[i];
		uint32_t id = step->guess;

		/* since an entry has left, ids may be somebody else's */
		if (unlikely(table->ended != table->ledger.flows_ended) && id != SF_ENTRY_NONE &&
			!same_key(table, id, step->address, &facts[i]))
			id = SF_ENTRY_NONE;
		if (unlikely(id == SF_ENTRY_NONE))
			id = find(table, step, &facts[i]);
		/* the first packet of a flow may lie far behind the clock: it is in the record yet */
		if (unlikely(id == SF_ENTRY_NONE))
			id = insert(table, step, &facts[i]);
		else if (unlikely(is_over(table, &table->hot[id], &facts[i])))
			restart(table, id, &facts[i]);
		account(table, &table->hot[id], table->reverse, id, &facts[i]);
		if (unlikely(is_special(&table->hot[id], &facts[i])))
			note_special(table, id, &facts[i]);
		octets += facts[i].octets;
	}
	table->ledger.octets += octets;
}

/* Brings passes 2 to 4 to where the pass before each was, and pass 1 to `to`. */
static void advance(struct sf_table *table, const struct sf_facts *facts, unsigned to)
{
	unsigned *done = table->done;

	hash_keys(table, facts, done[0], to);
	guess(table, facts, done[1], done[0]);
	check(table, facts, done[2], done[1]);
	account_part(table, facts, done[3], done[2]);
	done[3] = done[2];
	done[2] = done[1];
	done[1] = done[0];
	done[0] = to;
}

void sf_table_offer(
	struct sf_table *table, const struct sf_facts *facts, unsigned from, unsigned to)
{
	if (from == to)
		return;
	if (from == 0) {
		memset(table->done, 0, sizeof(table->done));
		table->ended = table->ledger.flows_ended;
		if (unlikely(!table->started)) {
			int64_t tick = sf_wheel_tick(facts[0].clock_ns);

			sf_wheel_set(&table->wheel, tick, tick);
			table->started = true;
		}
		if (unlikely(sf_table_wants_rehash(table)))
			sf_table_rehash(table);
	}
	advance(table, facts, to);
}

void sf_table_account(struct sf_table *table, const struct sf_facts *facts, unsigned n)
{
	if (!n)
		return;
	for (unsigned i = 0; i < 3; i++)
		advance(table, facts, n);
	table->ledger.packets += n;
	sf_table_flush(table);
}

void sf_table_update(struct sf_table *table, const struct sf_facts *facts, unsigned n)
{
	for (unsigned i = 0; i < n; i += PART)
		sf_table_offer(table, facts, i, n - i < PART ? n : i + PART);
	sf_table_account(table, facts, n);
}
