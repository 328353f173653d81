/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The data of one entry of the flow table. The entry id is the index into every array:
 *
 *	array         bytes  content
 *	hot[id]       64     key, state, and the direction of the record's first packet
 *	reverse[id]   32     the opposite direction; written only by packets of that direction
 *	address6[id]  32     the two addresses of an IPv6 flow
 *	identity[id]   8     flowId, once the active timeout has cut the flow
 *	annex[id]     n      the facts of both sides that destinations want (base/annex.h); n
 *	              depends
 *	                     on what they want, and without it there is no such array
 *
 * Ids of IPv4 flows are taken from the bottom, ids of IPv6 flows from the top, so that only the two
 * ends of each array use memory.
 */
#ifndef SPANFLOW_TABLE_LAYOUT_H
#define SPANFLOW_TABLE_LAYOUT_H

#include <assert.h>
#include <stdalign.h>
#include <stddef.h>
#include <string.h>

#include "base/annex.h"
#include "base/branch.h"
#include "table/index.h"
#include "table/table.h"
#include "table/wheel.h"

#define SF_ENTRY_NONE UINT32_MAX

/* A reference in the wheel is an entry id; with this bit it is for the end of the linger. */
#define SF_REF_LINGER 0x80000000u

#define SF_LINGER_NS   (2 * SF_NS_PER_S)
#define SF_SPAN_MAX_NS (72 * 3600 * SF_NS_PER_S)
/* Largest value of the 48-bit times below: 78 h */
#define SF_DELTA_MAX ((INT64_C(1) << 48) - 1)

/*
 * One direction, packed into words by hand: bit fields would cost the packet path a third more
 * instructions. Times are ns after hot.first_ns.
 *
 *	counts  packets:44  tos:8  tcp_flags:12     from the lowest bit
 *	octets
 *	begin   time:48  interface:16               in reverse: time of its first packet
 *	                                            in hot with SF_STATE_LINGER: end of the linger
 *	                                            in hot with SF_STATE_FIN_0 or _1: time of the
 *	                                            last FIN, 0 if an earlier record had it
 *	end     time:48  ttl_min:8  ttl_range:8     in hot: time of the last packet of both sides,
 *	                                            which the side SF_STATE_LATEST sent
 *	                                            in reverse: last packet of the other side
 */
struct sf_entry_half {
	uint64_t counts;
	uint64_t octets;
	uint64_t begin;
	uint64_t end;
};

#define SF_HALF_TOS       44
#define SF_HALF_TCP_FLAGS 52
#define SF_HALF_INTERFACE 48
#define SF_HALF_TTL_MIN   48
#define SF_HALF_TTL_RANGE 56 /* largest - smallest: 0 as long as there is one TTL */

static inline uint64_t sf_half_packets(const struct sf_entry_half *half)
{
	return half->counts & ((UINT64_C(1) << SF_HALF_TOS) - 1);
}

static inline uint16_t sf_half_interface(const struct sf_entry_half *half)
{
	return (uint16_t)(half->begin >> SF_HALF_INTERFACE);
}

/* The time in `begin` or `end`, and the same word with another time. */
static inline int64_t sf_half_time(uint64_t word)
{
	return (int64_t)(word & SF_DELTA_MAX);
}

static inline uint64_t sf_half_with_time(uint64_t word, int64_t time)
{
	assert(time >= 0 && time <= SF_DELTA_MAX);
	return (word & ~(uint64_t)SF_DELTA_MAX) | (uint64_t)time;
}

/* Bits of `state`. A side is 0 or 1, an endpoint in the key's canonical order. */
#define SF_STATE_SIDE       0x0001 /* the side whose packets are counted in hot.half */
#define SF_STATE_LATEST     0x0002 /* the side that sent the last packet (hot.half.end) */
#define SF_STATE_INITIATOR  0x0004 /* the side that began the flow */
#define SF_STATE_REVERSE    0x0008 /* reverse[id] is in use in this record */
#define SF_STATE_FRAGMENT   0x0010 /* a packet of this record was a fragment */
#define SF_STATE_CUT        0x0020 /* identity[id] is set */
#define SF_STATE_EMPTY      0x0040 /* no packet since the active timeout: no record, only an id */
#define SF_STATE_LINGER     0x0080 /* the TCP connection has ended */
#define SF_STATE_FIN_0      0x0100 /* side 0 has sent a FIN */
#define SF_STATE_FIN_1      0x0200
#define SF_STATE_FIN_LAST   0x0400 /* the side whose FIN has the latest time */
#define SF_STATE_REF        0x0800 /* the wheel holds a reference; the bit outlives the flow */
#define SF_STATE_REF_LINGER 0x1000 /* the wheel holds a reference with SF_REF_LINGER */
#define SF_STATE_ALL        0x1fff

/*
 * Flags that rule out the fast path: SF_STATE_RARE in an entry, SF_FACT_RARE in a packet. The bits
 * are disjoint, so that one masked comparison tests both (is_plain() in table.c).
 */
#define SF_STATE_RARE (SF_STATE_LINGER | SF_STATE_EMPTY | SF_STATE_FIN)
#define SF_FACT_RARE  (SF_FACT_FRAGMENT | SF_FACT_LATE)

#define SF_STATE_FIN (SF_STATE_FIN_0 | SF_STATE_FIN_1 | SF_STATE_FIN_LAST)
/* A flow keeps these bits when the active timeout cuts it. */
#define SF_STATE_FLOW (SF_STATE_INITIATOR | SF_STATE_CUT | SF_STATE_FIN)
/* An id keeps these bits when its flow ends. */
#define SF_STATE_WHEEL (SF_STATE_REF | SF_STATE_REF_LINGER)

struct sf_entry {
	/* The key, in the order and size of struct sf_facts. */
	alignas(64) uint64_t address; /* IPv6: a keyed hash of both; dead entry: next free id */
	uint32_t ports;
	uint32_t tags;
	uint16_t scope;
	uint8_t version; /* 0: the entry is dead */
	uint8_t protocol;
	uint16_t state;   /* SF_STATE_… */
	uint16_t zero;    /* always 0; facts have the TCP flags at this offset */
	int64_t first_ns; /* first packet of the record, of either direction */
	struct sf_entry_half half;
};

static_assert(sizeof(struct sf_entry_half) == 32, "two reverse halves are one cache line");
static_assert(sizeof(struct sf_entry) == 64, "an entry is one cache line");
static_assert(SF_FACT_SWAPPED == (SF_STATE_SIDE | SF_STATE_LATEST), "see sf_entry_turn()");
static_assert(SF_STATE_SIDE == 1, "see sf_entry_initiator()");
static_assert(offsetof(struct sf_entry, scope) == offsetof(struct sf_facts, scope) &&
		      offsetof(struct sf_entry, tags) == offsetof(struct sf_facts, tags) &&
		      offsetof(struct sf_entry, protocol) == offsetof(struct sf_facts, protocol) &&
		      offsetof(struct sf_entry, ports) == offsetof(struct sf_facts, ports) &&
		      offsetof(struct sf_entry, version) == offsetof(struct sf_facts, version) &&
		      offsetof(struct sf_entry, state) == offsetof(struct sf_facts, flags) &&
		      offsetof(struct sf_entry, zero) == offsetof(struct sf_facts, tcp_flags),
	"the key and the rare flags are compared as words");
static_assert(!(SF_FACT_RARE & SF_STATE_ALL) &&
		      !(SF_STATE_RARE & (SF_FACT_VLAN | SF_FACT_TUNNEL | SF_FACT_MPLS |
						SF_FACT_MAC | SF_FACT_TCP)),
	"a rare flag of the entry is no flag of the packet, and the other way round");

/*
 * Prefetch distance where entries are visited in the order of their ids (new flows, the end of a
 * run). A processor prefetches such reads itself, but not across the end of a page.
 */
#define SF_ENTRIES_AHEAD 32

/* Flows to evict next when the table is full, chosen several at a time (evict.c). */
#define SF_VICTIMS 16

struct sf_victims {
	unsigned from, to; /* of[from … to-1] are left */
	struct sf_victim {
		int64_t deadline;
		uint32_t ref; /* its reference, which is not in the wheel meanwhile */
	} of[SF_VICTIMS];
};

/* The result of passes 1 and 2 (table.c) for one packet. */
struct sf_step {
	uint64_t hash;
	struct sf_bucket *bucket;
	uint32_t guess; /* id of the probable entry; `cap`, an entry that is always dead: none */
};

/* Up to SF_TABLE_PART packets, which go through the passes together. */
struct sf_table_part {
	struct sf_facts *facts;
	struct sf_step *steps;
	unsigned count;
};

struct sf_table {
	/* per packet */
	struct sf_entry *hot;          /* [cap] is dead whenever packets are looked up */
	struct sf_entry_half *reverse; /* [cap] is a dummy for account() */
	uint8_t (*address6)[32];
	uint8_t *annex;     /* of each entry; NULL: no facts of packets are wanted on request */
	bool annex_changes; /* packets after the first of their direction matter to it */
	int64_t idle_ns, active_ns;
	int64_t shorter_ns; /* the smaller timeout: deadline of a flow with one packet */
	struct sf_hash_key address_key; /* for the hash of two IPv6 addresses */
	struct sf_index index;
	struct sf_table_part hashed;  /* the part that pass 1 has done */
	struct sf_table_part guessed; /* the part that pass 2 has done */
	unsigned unsettled;           /* number of steps in again[] */
	uint8_t again[SF_TABLE_PART]; /* steps of `guessed` whose home bucket gave no candidate */
	bool one_way;                 /* the last round had no change of direction */
	unsigned turns;               /* changes of direction in this round */
	unsigned round;               /* packets left in this round */
	unsigned room;                /* index into steps[] and facts[] for the next part */
	struct sf_step steps[3][SF_TABLE_PART];
	alignas(64) struct sf_facts facts[3][SF_TABLE_ROOM];
	struct sf_annex_layout layout;
	uint32_t annex_bytes;    /* of an entry */
	uint8_t *packet_annexes; /* of facts[][], in their order */
	/* per flow */
	bool too_long;       /* a chain of the index was too long: take the strong hash */
	bool cramped;        /* there was no memory for a larger index */
	struct sf_index old; /* the index before `index`, while it is being emptied */
	uint32_t made_for;   /* flows that `index` is made for, at most `cap` */
	uint32_t migrated;   /* buckets of `old` that are copied */
	uint32_t cap;        /* number of ids */
	uint32_t low;        /* ids 0 … low-1 have been in use */
	uint32_t high;       /* ids high … cap-1 have been in use */
	uint32_t free_low;   /* list of dead ids below `low` */
	uint32_t free_high;  /* list of dead ids from `high` on */
	uint64_t *identity;
	struct sf_wheel wheel;
	struct sf_victims victims;
	bool started; /* the wheel's tick is set */
	bool seeded;  /* hash keys are derived from `seed`: runs can be repeated */
	uint64_t seed[2];
	struct sf_ledger ledger;
	/* records on their way to the sink */
	struct sf_flow *next; /* the first free one in record[] */
	bool flow_ids;        /* records have a flowId */
	bool ids_of_keys;     /* a flowId is a hash of the key alone */
	struct sf_flow_sink sink;
	const uint32_t *ifindex, *domain; /* by interface number */
	struct sf_arena arena[5];
	uint8_t *record_annexes;             /* of record[], in their order */
	struct sf_flow record[SF_BATCH_MAX]; /* fill() leaves `annex` as it was at the start */
};

/* tcpControlBits */
#define TCP_FIN 0x001
#define TCP_SYN 0x002
#define TCP_RST 0x004
#define TCP_ACK 0x010

/* a - b without overflow for any times */
static inline int64_t sf_time_since(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

static inline uint64_t sf_word64(const void *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

static inline uint32_t sf_word32(const void *p)
{
	uint32_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* Slow part of sf_index_hash(). */
uint64_t sf_index_hash_strong(const struct sf_index *index, uint64_t address, uint64_t ports,
	uint32_t rest, const uint8_t *address6);

/* Hash of a key for one of the table's indexes; `address6` is NULL for IPv4. */
static inline uint64_t sf_index_hash(const struct sf_index *index, uint64_t address, uint64_t ports,
	uint32_t rest, const uint8_t *address6)
{
	if (sf_unlikely(index->strong))
		return sf_index_hash_strong(index, address, ports, rest, address6);
	return sf_hash_fast(&index->key, address, ports, rest);
}

static inline uint64_t sf_entry_hash(
	const struct sf_table *table, const struct sf_index *index, uint32_t id)
{
	const struct sf_entry *hot = &table->hot[id];

	return sf_index_hash(index, hot->address, sf_word64(&hot->ports), sf_word32(&hot->scope),
		hot->version == 6 ? table->address6[id] : NULL);
}

/* The time of the entry's next timeout, or of the end of its linger. */
static inline int64_t sf_entry_deadline(const struct sf_table *table, const struct sf_entry *hot)
{
	int64_t last = hot->first_ns + sf_half_time(hot->half.end), idle;

	if (hot->state & SF_STATE_LINGER)
		return hot->first_ns + sf_half_time(hot->half.begin);
	idle = table->idle_ns == SF_TIMEOUT_NEVER ? INT64_MAX : last + table->idle_ns;
	if (hot->state & SF_STATE_EMPTY || idle < hot->first_ns + table->active_ns)
		return idle;
	return hot->first_ns + table->active_ns;
}

/* The reason for which an entry leaves at its deadline. */
static inline enum sf_end_reason sf_entry_reason(
	const struct sf_table *table, const struct sf_entry *hot)
{
	if (hot->state & SF_STATE_LINGER)
		return SF_END_DETECTED;
	return table->active_ns - sf_half_time(hot->half.end) <= table->idle_ns ? SF_END_ACTIVE
										: SF_END_IDLE;
}

/* Prefetches the data that emitting and removing an entry need; returns its hash in the index. */
static sf_always_inline uint64_t sf_entry_prefetch(const struct sf_table *table, uint32_t id)
{
	const struct sf_entry *hot = &table->hot[id];
	uint64_t hash = sf_entry_hash(table, &table->index, id);

	__builtin_prefetch(&table->index.buckets[sf_index_home(&table->index, hash)], 1);
	if (hot->state & SF_STATE_REVERSE)
		__builtin_prefetch(&table->reverse[id]);
	if (hot->version == 6)
		__builtin_prefetch(table->address6[id]);
	if (sf_unlikely(table->annex != NULL))
		__builtin_prefetch(table->annex + (size_t)id * table->annex_bytes);
	return hash;
}

/* rare.c: */

/*
 * Adds the packet to the annex of its entry. `facts` lie in table->facts, so that their annex is
 * known; `order` as in sf_annex_add(). Each packet is added once, but adding a packet twice that is
 * in order changes nothing unless table->annex_changes.
 */
void sf_table_add_annex(
	struct sf_table *table, uint32_t id, const struct sf_facts *facts, unsigned order);

/* The same for a packet that is the latest of its direction. */
static sf_always_inline void sf_table_add_latest(
	struct sf_table *table, uint32_t id, const struct sf_facts *facts)
{
	const uint8_t *side = table->annex + (size_t)id * table->annex_bytes;

	if (facts->flags & SF_FACT_SWAPPED)
		side += table->layout.side_bytes;
	if (!sf_annex_skips(&table->layout, side, facts))
		sf_table_add_annex(table, id, facts, SF_ANNEX_LATEST);
}

/* sf_annex_begins() for a packet of the entry. `facts` lie in table->facts. */
enum sf_tcp_begins sf_table_begins(
	const struct sf_table *table, uint32_t id, const struct sf_facts *facts);

/* Empties the annex of an entry: a record begins. */
void sf_table_clear_annex(struct sf_table *table, uint32_t id, enum sf_annex_keep keep);

/* Begins a direction with its first packet; counts the packet if `counted`. */
static sf_always_inline void sf_half_begin(
	struct sf_entry_half *half, const struct sf_facts *facts, bool counted)
{
	uint64_t counts = 1 | (uint64_t)facts->tcp_flags << SF_HALF_TCP_FLAGS;

	half->counts = (uint64_t)facts->tos << SF_HALF_TOS | (counted ? counts : 0);
	half->octets = counted ? facts->octets : 0;
	half->begin = (uint64_t)facts->interface << SF_HALF_INTERFACE;
	half->end = (uint64_t)facts->ttl << SF_HALF_TTL_MIN;
}

/* Mask for the word that begins with the scope: the members that belong to the key. */
#define SF_KEY_FACTS                                                                               \
	(SF_FACTS_WORD(UINT64_C(0xffff), scope, scope) |                                           \
		SF_FACTS_WORD(UINT64_C(0xff), scope, version) |                                    \
		SF_FACTS_WORD(UINT64_C(0xff), scope, protocol))

/*
 * Begins a record in an entry with its first packet; counts the packet if `counted`. `version` is
 * facts->version, or a constant where the caller knows it. `state` is the entry's state without
 * SF_STATE_SIDE and SF_STATE_LATEST. `keep`: what stays of the entry's annex. Stores whole words,
 * because the packet path loads whole words.
 */
static sf_always_inline void sf_entry_make(struct sf_table *table, uint32_t id,
	const struct sf_facts *facts, uint8_t version, uint32_t state, bool counted,
	enum sf_annex_keep keep)
{
	struct sf_entry *hot = &table->hot[id];
	uint64_t word = sf_word64(&facts->scope) &
			(SF_KEY_FACTS | SF_FACTS_WORD((uint64_t)SF_FACT_SWAPPED, scope, flags));

	word |= SF_FACTS_WORD((uint64_t)state, scope, flags);
	hot->address = facts->address;
	memcpy(&hot->ports, &facts->ports, 8);
	memcpy(&hot->scope, &word, 8);
	if (version == 6)
		memcpy(table->address6[id], facts->address6, 32);
	hot->first_ns = facts->time_ns;
	if (sf_unlikely(table->annex != NULL)) {
		sf_table_clear_annex(table, id, keep);
		if (counted)
			sf_table_add_annex(table, id, facts, SF_ANNEX_LATEST);
	}
	sf_half_begin(&hot->half, facts, counted);
}

/*
 * SF_STATE_INITIATOR for a flow that begins with this packet. The initiator is the packet's sender;
 * if the packet is a SYN+ACK or an ICMP reply, its receiver.
 */
static inline uint32_t sf_entry_initiator(const struct sf_facts *facts)
{
	const uint64_t answer = SF_FACTS_WORD((uint64_t)SF_FACT_TCP, scope, flags) |
				SF_FACTS_WORD((uint64_t)(TCP_SYN | TCP_ACK), scope, tcp_flags);
	bool is_answer = (sf_word64(&facts->scope) & answer) == answer;

	/* without a branch: the mix of TCP and other protocols is not predictable */
	is_answer |= facts->flags / SF_FACT_ANSWER;
	return ((facts->flags ^ is_answer) & SF_STATE_SIDE) * (uint32_t)SF_STATE_INITIATOR;
}

/*
 * Compares the packet's sender with the entry: SF_STATE_SIDE is set if the packet does not belong
 * to hot.half, SF_STATE_LATEST if the other side sent the packet before. Both concern reverse[id].
 */
static inline uint32_t sf_entry_turn(uint32_t state, const struct sf_facts *facts)
{
	return (state ^ facts->flags) & SF_FACT_SWAPPED;
}

/* rare.c: */

void sf_half_widen_ttl(struct sf_entry_half *half, uint8_t ttl);

/*
 * Begins reverse[id] with the first packet of the other side, `at` ns after the record's first one.
 * The caller counts the packet.
 */
void sf_table_answer(struct sf_table *table, uint32_t id, const struct sf_facts *facts, int64_t at);

/* Accounts a packet that is not plain. `fresh`: the entry was made for this packet. */
void sf_table_account_rare(
	struct sf_table *table, uint32_t id, const struct sf_facts *facts, bool fresh);

/* record.c: */

/* Gives the entry's record to the sink. Returns its flowId; 0 if no destination wants flowIds. */
uint64_t sf_table_emit(struct sf_table *table, uint32_t id, enum sf_end_reason reason);

/* Hands waiting records to the sink. */
void sf_table_flush(struct sf_table *table);

/* entry.c: */

/* Slow part of sf_table_allocate(). */
uint32_t sf_table_allocate_any(struct sf_table *table, uint8_t version);

/* Returns a dead id; evicts a flow if there is none. */
static inline uint32_t sf_table_allocate(struct sf_table *table, uint8_t version)
{
	uint32_t id = table->free_low;

	if (id == SF_ENTRY_NONE && version == 4 && table->low < table->high) {
		__builtin_prefetch(&table->hot[table->low + SF_ENTRIES_AHEAD], 1);
		return table->low++;
	}
	if (sf_unlikely(version == 6 || id == SF_ENTRY_NONE))
		return sf_table_allocate_any(table, version);
	table->free_low = (uint32_t)table->hot[id].address;
	return id;
}

/* Removes the entry from the index (its hash there is `hash`) and frees its id; emits nothing. */
void sf_table_release(struct sf_table *table, uint32_t id, uint64_t hash);

/*
 * Notes the length in buckets of a chain of the index; a chain
 * that is too long changes the hash.
 */
void sf_table_note_chain(struct sf_table *table, uint32_t chain);

/*
 * Begins the change to a larger index or to the strong hash, or moves a bounded part of the old
 * index to the new one. Not while packets are between passes: steps hold hashes and buckets.
 */
void sf_table_rehash(struct sf_table *table);

static inline bool sf_table_is_crowded(const struct sf_table *table)
{
	return table->ledger.flows_created - table->ledger.flows_ended > table->made_for &&
	       table->made_for < table->cap;
}

static inline bool sf_table_wants_rehash(const struct sf_table *table)
{
	return table->too_long || table->old.buckets || sf_table_is_crowded(table);
}

/* Gives the wheel a reference to the entry, due at `deadline`, unless the wheel has one already. */
static inline void sf_table_file_at(struct sf_table *table, uint32_t id, int64_t deadline)
{
	struct sf_entry *hot = &table->hot[id];

	if (hot->state & SF_STATE_REF)
		return;
	hot->state |= SF_STATE_REF;
	sf_wheel_push(&table->wheel, deadline, id);
}

static inline void sf_table_file(struct sf_table *table, uint32_t id)
{
	sf_table_file_at(table, id, sf_entry_deadline(table, &table->hot[id]));
}

static inline void sf_table_file_linger(struct sf_table *table, uint32_t id)
{
	struct sf_entry *hot = &table->hot[id];

	if (hot->state & SF_STATE_REF_LINGER)
		return;
	hot->state |= SF_STATE_REF_LINGER;
	sf_wheel_push(&table->wheel, sf_entry_deadline(table, hot), id | SF_REF_LINGER);
}

/* evict.c: makes room by giving up the flow nearest to its timeout. */
void sf_table_evict(struct sf_table *table);

/* Returns the references of the chosen victims to the wheel. */
void sf_table_give_back(struct sf_table *table);

#endif
