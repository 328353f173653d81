/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packet path: a batch of facts into the table.
 *
 * Memory latency is what costs, so the batch goes through the table in passes, each touching what
 * the pass before has prefetched:
 *
 *	1  hash the key            -> prefetch its bucket
 *	2  compare signatures      -> prefetch the entry they point to
 *	3  compare the key         -> account the packet, or search in earnest and insert
 *
 * What pass 2 found is only a guess: entries come and go in pass 3. A guess whose key is the
 * packet's is right all the same, as at most one entry that is alive has a given key; any other
 * outcome goes through find(), which sees the table as it is. So the result is that of packets
 * taken one by one.
 */
#include "table/layout.h"

#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* tcpControlBits */
#define TCP_FIN 0x001
#define TCP_SYN 0x002
#define TCP_RST 0x004
#define TCP_ACK 0x010

/* What the passes hand on about one packet. */
struct step {
	uint64_t hash;
	uint64_t address; /* key word: for IPv6 the hash of the addresses */
	uint32_t bucket, guess;
};

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

static uint32_t find(
	const struct sf_table *table, const struct step *step, const struct sf_facts *facts)
{
	uint32_t id = search(table, &table->index, step->hash, step->address, facts);

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

static struct sf_entry_cold *cold_of(const struct sf_table *table, uint32_t id)
{
	return table->cold ? &table->cold[id] : NULL;
}

static uint32_t insert(
	struct sf_table *table, const struct step *step, const struct sf_facts *facts)
{
	uint32_t id = sf_table_allocate(table, facts->version);
	struct sf_entry *hot = &table->hot[id];

	hot->address = step->address;
	hot->ports = facts->ports;
	hot->tags = facts->tags;
	hot->scope = facts->scope;
	hot->protocol = facts->protocol;
	hot->version = facts->version;
	if (facts->version == 6)
		memcpy(table->address6[id], facts->address6, 32);
	sf_entry_begin(hot, cold_of(table, id), facts, SF_STATE_WHEEL);
	hot->state |= initiator_of(facts);
	sf_table_enter(table, step->hash, id);
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
	bool awake = age - (int64_t)hot->half.last < table->idle_ns;
	bool active = table->active_ns - (int64_t)hot->half.last <= table->idle_ns;
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
	sf_entry_begin(hot, cold_of(table, id), facts,
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
 * places, as the hot half is that of the first packet. Returns the packet's time in the record.
 */
static int64_t rebase(struct sf_table *table, uint32_t id, const struct sf_facts *facts)
{
	struct sf_entry *hot = &table->hot[id];
	struct sf_entry_half *half = &hot->half, *reverse = &table->reverse[id], was;
	bool side = facts->flags & SF_FACT_SWAPPED;
	uint64_t latest = half->time > half->last ? half->time : half->last;
	int64_t before = sf_time_since(hot->first_ns, facts->time_ns);
	int64_t room = SF_DELTA_MAX - (int64_t)latest, shift = before < room ? before : room;

	hot->first_ns -= shift;
	half->last += (uint64_t)shift;
	if (hot->state & SF_STATE_LINGER)
		half->time += (uint64_t)shift;
	if (hot->state & SF_STATE_REVERSE) {
		reverse->time += (uint64_t)shift;
		reverse->last += (uint64_t)shift;
	}
	if (side == !!(hot->state & SF_STATE_SIDE))
		return 0;
	if (!(hot->state & SF_STATE_REVERSE)) {
		sf_half_begin(reverse, cold_of(table, id), facts);
		reverse->last = 0;
	}
	was = *half;
	*half = *reverse;
	half->time = was.time;
	half->last = was.last;
	was.time = (uint64_t)shift;
	was.last = reverse->last;
	*reverse = was;
	hot->state = (hot->state ^ SF_STATE_SIDE) | SF_STATE_REVERSE;
	return 0;
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
		hot->half.time =
			(uint64_t)(sf_time_since(facts->clock_ns, hot->first_ns) + SF_LINGER_NS);
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
		return hot->state & SF_STATE_EMPTY || age >= (int64_t)hot->half.time ||
		       (facts->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	return age >= table->active_ns || age - (int64_t)hot->half.last >= table->idle_ns;
}

static inline void count(struct sf_entry_half *half, const struct sf_facts *facts)
{
	half->packets++;
	half->octets += facts->octets;
	half->tcp_flags |= facts->tcp_flags;
	if (facts->ttl < half->ttl_min)
		half->ttl_min = facts->ttl;
	if (facts->ttl > half->ttl_max)
		half->ttl_max = facts->ttl;
}

/* The packet's side is not the one counted in hot, or the last packet was the other side's. */
static void account_reverse(
	struct sf_table *table, uint32_t id, const struct sf_facts *facts, int64_t at)
{
	struct sf_entry *hot = &table->hot[id];
	struct sf_entry_half *reverse = &table->reverse[id];
	bool side = facts->flags & SF_FACT_SWAPPED;
	bool forward = side == !!(hot->state & SF_STATE_SIDE);
	bool latest = side == !!(hot->state & SF_STATE_LATEST);

	if (!(hot->state & SF_STATE_REVERSE)) {
		sf_half_begin(reverse, cold_of(table, id), facts);
		reverse->time = (uint64_t)at;
		reverse->last = 0;
		hot->state |= SF_STATE_REVERSE;
	}
	if (!forward && (uint64_t)at < reverse->time)
		reverse->time = (uint64_t)at;
	if (latest) {
		if ((uint64_t)at > hot->half.last)
			hot->half.last = (uint64_t)at;
	} else if ((uint64_t)at >= hot->half.last) {
		reverse->last = hot->half.last;
		hot->half.last = (uint64_t)at;
		hot->state ^= SF_STATE_LATEST;
	} else if ((uint64_t)at > reverse->last) {
		reverse->last = (uint64_t)at;
	}
	count(forward ? &hot->half : reverse, facts);
}

/* Counts a packet in the record that it belongs to. */
static inline void account(struct sf_table *table, uint32_t id, const struct sf_facts *facts)
{
	struct sf_entry *hot = &table->hot[id];
	uint32_t sides = facts->flags & SF_FACT_SWAPPED ? SF_STATE_SIDE | SF_STATE_LATEST : 0;
	int64_t at;

	at = sf_time_since(facts->time_ns, hot->first_ns);
	if (unlikely(at < 0))
		at = rebase(table, id, facts);
	if (likely((hot->state & (SF_STATE_SIDE | SF_STATE_LATEST)) == sides)) {
		if ((uint64_t)at > hot->half.last)
			hot->half.last = (uint64_t)at;
		count(&hot->half, facts);
	} else {
		account_reverse(table, id, facts, at);
	}
	if (unlikely(facts->flags & SF_FACT_FRAGMENT))
		hot->state |= SF_STATE_FRAGMENT;
	if (facts->flags & SF_FACT_TCP &&
		((facts->tcp_flags & (TCP_FIN | TCP_RST)) || hot->state & SF_STATE_FIN))
		tcp_step(table, id, facts);
}

static void prepare(
	const struct sf_table *table, const struct sf_facts *facts, struct step *steps, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct step *step = &steps[i];

		step->address = facts[i].address;
		if (facts[i].version == 6)
			step->address =
				sf_hash_addresses(&table->address_key, facts[i].address6[0]);
		step->hash = sf_index_hash(&table->index, step->address, sf_load64(&facts[i].ports),
			sf_load32(&facts[i].scope), address6_of(&facts[i]));
		step->bucket = sf_index_home(&table->index, step->hash);
		__builtin_prefetch(&table->index.buckets[step->bucket]);
	}
}

static void guess(
	const struct sf_table *table, const struct sf_facts *facts, struct step *steps, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct sf_bucket *bucket = &table->index.buckets[steps[i].bucket];
		unsigned mask = sf_bucket_match(bucket, (uint32_t)steps[i].hash);

		steps[i].guess = SF_ENTRY_NONE;
		if (!mask)
			continue;
		steps[i].guess = bucket->id[__builtin_ctz(mask)];
		__builtin_prefetch(&table->hot[steps[i].guess], 1);
		if (facts[i].version == 6)
			__builtin_prefetch(table->address6[steps[i].guess]);
	}
}

void sf_table_update(struct sf_table *table, const struct sf_facts *facts, unsigned n)
{
	struct step steps[SF_BATCH_MAX];
	uint64_t octets = 0;

	if (!n)
		return;
	if (unlikely(!table->started)) {
		table->wheel.tick = table->wheel.now = sf_wheel_tick(facts[0].clock_ns);
		table->started = true;
	}
	if (unlikely(table->old.buckets != NULL))
		sf_table_migrate(table);
	prepare(table, facts, steps, n);
	guess(table, facts, steps, n);
	for (unsigned i = 0; i < n; i++) {
		const struct step *step = &steps[i];
		uint32_t id = step->guess;

		if (id == SF_ENTRY_NONE || !same_key(table, id, step->address, &facts[i]))
			id = find(table, step, &facts[i]);
		/* the first packet of a flow may lie far behind the clock: it is in the record yet */
		if (id == SF_ENTRY_NONE)
			id = insert(table, step, &facts[i]);
		else if (unlikely(is_over(table, &table->hot[id], &facts[i])))
			restart(table, id, &facts[i]);
		account(table, id, &facts[i]);
		octets += facts[i].octets;
	}
	table->ledger.packets += n;
	table->ledger.octets += octets;
	sf_table_flush(table);
}
