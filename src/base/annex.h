/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The annex: the facts of facts.def that a run wants, beside the ones that every run needs. A set
 * of facts (a bit for each, SF_FACT_SET()) has one layout, so whoever knows the set knows where
 * each fact lies:
 *
 *	packet   behind the head of struct sf_facts, wherever facts are handed on
 *	entry    of the flow table: two sides, each with a value of every fact
 *	record   struct sf_annex behind a flow record: two directions likewise
 *
 *	struct sf_annex_layout layout;
 *
 *	sf_annex_layout_init(&layout, wanted);
 *	sf_annex_pack(&layout, &facts, annex);                of a packet just parsed
 *	sf_annex_add(&layout, side, &facts, annex, order);    to the entry of its flow
 *	sf_fact_get_flow_label(flow, d)                       of a record; 0: it has none
 *
 * How a fact is added: its row in facts.def. Example, the largest packet of each direction, whose
 * value every packet has in its head:
 *
 *	FACT(largest, NUMBER, 4, MAX, HEAD(octets), 0, "length of each packet")
 *
 * and the field that tells it, in src/encode/fields.def, with SF_FACT_SET(largest) as what it needs
 * and sf_fact_get_largest(flow, d) as its value. A value that the parser does not read yet becomes
 * a member of the tail of struct sf_facts, which src/parse/ sets for every packet (0 where there is
 * none): TAIL(member).
 *
 * Facts that few packets have get a condition of their own: a row in SF_FACT_CONDITIONS with a flag
 * that the parser sets, and a bit SF_HAS_…. Example: an identifier of a tunnel,
 *
 *	X(RARE, TUNNEL, (facts)->flags & SF_FACT_TUNNEL)
 *	FACT(tunnel_id, NUMBER, 4, FIRST, TAIL(tunnel_id), SF_HAS_TUNNEL, "tunnel of each packet")
 *
 * Packets without the flag neither carry nor merge it.
 */
#ifndef SPANFLOW_BASE_ANNEX_H
#define SPANFLOW_BASE_ANNEX_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <spanflow/flow.h>

#include "base/app.h"
#include "base/application.h"
#include "base/branch.h"
#include "base/facts.h"
#include "base/shape.h"
#include "base/tcp_quality.h"

enum sf_fact {
#define FACT(name, ...) SF_FACT_##name,
#include "base/facts.def"
	SF_FACT_COUNT
};

/* Bytes of a record's value: SF_FACT_BYTES_name. */
enum {
#define FACT(name, form, bytes, ...) SF_FACT_BYTES_##name = (bytes),
#include "base/facts.def"
};

static_assert(
	SF_FACT_COUNT <= 63, "a set of facts is one word, and SF_WANTS_FLOW_ID its highest bit");

/* The set of one fact. */
#define SF_FACT_SET(name) (UINT64_C(1) << SF_FACT_##name)

/*
 * Conditions of facts. COMMON: holds for most packets, so every packet carries the facts that
 * depend on it. RARE: only packets for which it holds carry them. Of one condition either all facts
 * have the rule FIRST or none has: the first packet alone decides whether a record has FIRST facts.
 */
#define SF_FACT_CONDITIONS(X)                                                                      \
	X(COMMON, MAC, (facts)->flags &SF_FACT_MAC)                                                \
	X(RARE, TUNNEL, (facts)->flags &SF_FACT_TUNNEL)                                            \
	X(RARE, MPLS, (facts)->flags &SF_FACT_MPLS)                                                \
	X(RARE, APP,                                                                               \
		!((facts)->flags & SF_FACT_FRAGMENT) && (facts)->tcp_flags & SF_TCP_FLAGS_APP)     \
	X(COMMON, TCP, (facts)->flags &SF_FACT_TCP)                                                \
	X(COMMON, FLOW_LABEL, (facts)->version == 6)

/* The conditions that hold for a packet, as SF_HAS_…. */
static sf_always_inline unsigned sf_facts_has(const struct sf_facts *facts)
{
	unsigned has = 0;

#define X(how_often, name, condition) has |= (condition) ? SF_HAS_##name : 0u;
	SF_FACT_CONDITIONS(X)
#undef X
	return has;
}

/* Upper bounds in bytes, whatever facts are wanted: the annex of a packet, the value of a fact. */
#define SF_ANNEX_PACKET_MAX 1024
#define SF_FACT_BYTES_MAX   512

/*
 * A value in a packet and in an entry of the flow table, and how later packets change it. The same
 * structure describes what is packed: then `to` is an offset in the packet's annex.
 */
struct sf_annex_step {
	uint8_t merge;     /* enum sf_fact_merge */
	uint8_t op;        /* sf_annex_op() */
	uint8_t head;      /* the value is in the head of struct sf_facts, not in the annex */
	uint8_t lent;      /* packing: struct sf_facts has a pointer to the value */
	uint16_t has;      /* condition that the packet must meet; 0: none */
	uint16_t from, to; /* offsets: in the packet, in the entry's side */
	uint16_t from_bytes, to_bytes;
	const struct sf_fact_watcher *watcher; /* NULL but for WATCH */
};

/*
 * Functions of a fact whose value is a state: it depends on the packets of both directions, in the
 * order of their arrival. `own` is the value of the direction that sent the packet, `other` that of
 * the opposite direction; both are zeros before the first packet. watch() is not called for packets
 * that lack the fact's condition.
 */
struct sf_fact_watcher {
	void (*watch)(
		uint8_t *own, uint8_t *other, const struct sf_facts *facts, const uint8_t *packet);
	/*
	 * The active timeout ends the record: the value loses what belongs to
	 * the record and keeps the rest.
	 */
	void (*cut)(uint8_t *value);
};

enum sf_fact_merge {
	SF_FACT_MERGE_FIRST,
	SF_FACT_MERGE_LAST,
	SF_FACT_MERGE_FOUND,
	SF_FACT_MERGE_BEST,
	SF_FACT_MERGE_MIN,
	SF_FACT_MERGE_MAX,
	SF_FACT_MERGE_SUM,
	SF_FACT_MERGE_OR,
	SF_FACT_MERGE_REST,
	SF_FACT_MERGE_WATCH,
	SF_FACT_MERGE_MADE,
};

/* Makes the value of a fact from a record that has everything but its annex. */
typedef void sf_fact_make(const struct sf_flow *flow, uint8_t *value);

struct sf_annex_layout {
	uint64_t facts; /* the set; 0: there are no annexes, and all else is 0 */
	/* packets */
	uint16_t packet_bytes; /* from one annex to the next in arrays: a multiple of 16 */
	uint16_t common_bytes; /* the same, of a packet for which no rare condition holds */
	uint16_t rare;         /* SF_HAS_… of the rare conditions that matter */
	uint8_t details;       /* SF_DETAILS_…: groups that have to be read for it */
	uint8_t pack_count;
	/* entries */
	uint16_t side_bytes; /* a multiple of 8 */
	/* bytes of a side before the facts that payload says: sf_annex_clear() */
	uint16_t plain_bytes;
	uint16_t empty_bytes; /* of these facts: zeros there say that there are none */
	uint16_t kept_has;    /* their condition: SF_HAS_APP, or 0 if none is wanted */
	uint16_t first_has;   /* conditions of facts with the rule FIRST */
	uint16_t all_has;     /* conditions of all other facts */
	/* a later packet with none of these conditions needs simple steps only; 0: it needs all */
	uint16_t others_has;
	uint8_t step_count; /* one for each fact: simple ones, others of later packets, the rest */
	uint8_t simple_count; /* numbers that every packet has in its head */
	/* packets behind the first one of a direction matter if they have SF_HAS_APP */
	bool only_app;
	uint16_t tcp_from;   /* in the packet: the fact tcp_quality */
	bool watches;        /* some fact has a watcher */
	uint8_t later_count; /* what later packets can change, simple or not; 0: nothing */
	/* records */
	uint16_t record_bytes; /* of struct sf_annex with its bytes: a multiple of 8 */
	uint64_t made;         /* facts that are made once for each record */
	const struct sf_application_table
		*applications;      /* of the fact `application`; NULL: there is none */
	uint16_t at[SF_FACT_COUNT]; /* in a side; of facts that are made, behind the two sides */
	struct sf_annex_step packs[SF_FACT_COUNT];
	struct sf_annex_step steps[SF_FACT_COUNT];
};

/* What merges a later packet's value: `op` of a step. */
uint8_t sf_annex_op(enum sf_fact_merge merge, unsigned bytes);

void sf_annex_layout_init(struct sf_annex_layout *layout, uint64_t facts);

/* ---------------------------------------------------------------- packets */

/* Facts in an array, and their annexes in another one: NULL if there are none. */
struct sf_facts_array {
	struct sf_facts *facts;
	uint8_t *annexes; /* layout.packet_bytes each */
};

/* Packs the facts of a packet just parsed. `annex` has room for layout->packet_bytes. */
void sf_annex_pack(
	const struct sf_annex_layout *layout, const struct sf_facts *facts, uint8_t *annex);

/* Bytes of the packet's annex that hold something. */
static sf_always_inline unsigned sf_annex_bytes(
	const struct sf_annex_layout *layout, const struct sf_facts *facts)
{
	if (sf_unlikely(layout->rare) && sf_facts_has(facts) & layout->rare)
		return layout->packet_bytes;
	return layout->common_bytes;
}

/* Copies the packet's annex, if there is one. Returns its bytes. */
static sf_always_inline unsigned sf_annex_move(const struct sf_annex_layout *layout, uint8_t *to,
	const uint8_t *from, const struct sf_facts *facts)
{
	unsigned bytes = 0;

	if (sf_likely(!layout->packet_bytes))
		return 0;
	for (; bytes < sf_annex_bytes(layout, facts); bytes += 16)
		memcpy(to + bytes, from + bytes, 16);
	return bytes;
}

/* Bytes of a packet's head and annex, one behind the other, at most. */
static inline unsigned sf_facts_most(const struct sf_annex_layout *layout)
{
	return SF_FACTS_IPV6 + layout->packet_bytes;
}

/* The annex of packet i. */
static inline uint8_t *sf_annex_at(
	const struct sf_annex_layout *layout, struct sf_facts_array array, unsigned i)
{
	/* NULL without annexes, as packet_bytes is 0 then */
	return (uint8_t *)((uintptr_t)array.annexes + (size_t)i * layout->packet_bytes);
}

/* ---------------------------------------------------------------- entries */

/* What begins each side of an entry; zeros: no packet was added. */
struct sf_annex_side {
	uint16_t has;
	uint16_t begun;
};

#define SF_ANNEX_SIDE_HEAD 8 /* its bytes: numbers of eight bytes follow it */
static_assert(sizeof(struct sf_annex_side) <= SF_ANNEX_SIDE_HEAD, "room for struct sf_annex_side");

/*
 * Bits of `order` in sf_annex_add(): the packet is the earliest, the
 * latest of its direction so far.
 */
#define SF_ANNEX_EARLIEST 1u
#define SF_ANNEX_LATEST   2u

/*
 * Adds a packet to the facts of its direction. `side`: zeros before the first one. `order`:
 * SF_ANNEX_EARLIEST, SF_ANNEX_LATEST, both or none.
 */
void sf_annex_add(const struct sf_annex_layout *layout, uint8_t *side, const struct sf_facts *facts,
	const uint8_t *annex, unsigned order);

/*
 * True: sf_annex_add() would do nothing for this packet, whose time is
 * not earlier than those before.
 */
static sf_always_inline bool sf_annex_skips(
	const struct sf_annex_layout *layout, const uint8_t *side, const struct sf_facts *facts)
{
	return layout->only_app && !(facts->tcp_flags & SF_TCP_FLAGS_APP) &&
	       ((const struct sf_annex_side *)(const void *)side)->begun;
}

/*
 * Empties a side, so that it has no packet. `keep` says what stays: nothing; WATCHED: what the
 * watchers keep, because the same connection is tried again; FLOW: also what payload says, because
 * the flow goes on in another record, and only its first packets are read.
 *
 * The facts that payload says (SF_HAS_APP) lie at the end of a side, and are valid only if `has` of
 * the side says so. So new flows need not clear them, and records copy them only if they are there.
 */
enum sf_annex_keep { SF_ANNEX_KEEP_NOTHING, SF_ANNEX_KEEP_WATCHED, SF_ANNEX_KEEP_FLOW };
void sf_annex_clear(const struct sf_annex_layout *layout, uint8_t *side, enum sf_annex_keep keep);

/* Copies a side of an entry to a side of a record. */
void sf_annex_fill(const struct sf_annex_layout *layout, uint8_t *to, const uint8_t *side);

/*
 * Compares a SYN with the packets that this side of an entry has, if the fact tcp_quality is
 * gathered: whether it begins another connection, or begins the same one once more.
 */
static sf_always_inline enum sf_tcp_begins sf_annex_begins(const struct sf_annex_layout *layout,
	const uint8_t *side, const struct sf_facts *facts, const uint8_t *annex)
{
	if (!(layout->facts & SF_FACT_SET(tcp_quality)) || !(facts->flags & SF_FACT_TCP))
		return SF_TCP_BEGINS_NOTHING;
	return sf_tcp_begins(
		side + layout->at[SF_FACT_tcp_quality], facts, annex + layout->tcp_from);
}

/* ---------------------------------------------------------------- records */

struct sf_annex {
	const struct sf_annex_layout *layout;
	uint8_t sides[]; /* of the directions, in their order */
};

/* Makes the facts that are not from packets, when all else of the record is there. */
void sf_annex_make(
	const struct sf_annex_layout *layout, const struct sf_flow *flow, struct sf_annex *annex);

/* Copies a record's annex to `annex`, which has room for from->layout->record_bytes. */
static inline void sf_annex_copy(struct sf_annex *annex, const struct sf_annex *from)
{
	memcpy(annex, from, from->layout->record_bytes);
}

/* Bytes of a record's annex; 0: it has none. */
static inline unsigned sf_annex_size(const struct sf_flow *flow)
{
	return flow->annex ? flow->annex->layout->record_bytes : 0;
}

extern const _Alignas(8) uint8_t sf_fact_nothing[SF_FACT_BYTES_MAX];

/* The value of direction d; zeros if the record does not have the fact. */
static sf_always_inline const uint8_t *sf_fact_of(
	const struct sf_flow *flow, enum sf_fact fact, unsigned d)
{
	const struct sf_annex *annex = flow->annex;
	const struct sf_annex_layout *layout;

	if (sf_unlikely(!annex) || sf_unlikely(!(annex->layout->facts >> fact & 1)))
		return sf_fact_nothing;
	layout = annex->layout;
	d &= !(layout->made >> fact & 1);
	return annex->sides + d * layout->side_bytes + layout->at[fact];
}

static sf_always_inline uint64_t sf_fact_number(const uint8_t *value, unsigned bytes)
{
	uint64_t u64;
	uint32_t u32;
	uint16_t u16;

	switch (bytes) {
	case 1:
		return *value;
	case 2:
		memcpy(&u16, value, sizeof(u16));
		return u16;
	case 4:
		memcpy(&u32, value, sizeof(u32));
		return u32;
	default:
		memcpy(&u64, value, sizeof(u64));
		return u64;
	}
}

static sf_always_inline const uint8_t *sf_fact_octets(const uint8_t *value, unsigned bytes)
{
	(void)bytes;
	return value;
}

/* sf_fact_get_NAME(flow, d): a number, or a pointer to octets or to a string's length. */
#define SF_FACT_TYPE_NUMBER  uint64_t
#define SF_FACT_TYPE_OCTETS  const uint8_t *
#define SF_FACT_TYPE_STRING  const uint8_t *
#define SF_FACT_TYPE_SWITCH  const uint8_t *
#define SF_FACT_VALUE_NUMBER sf_fact_number
#define SF_FACT_VALUE_OCTETS sf_fact_octets
#define SF_FACT_VALUE_STRING sf_fact_octets
#define SF_FACT_VALUE_SWITCH sf_fact_octets
#define FACT(name, form, bytes, ...)                                                               \
	static sf_always_inline SF_FACT_TYPE_##form sf_fact_get_##name(                            \
		const struct sf_flow *flow, unsigned d)                                            \
	{                                                                                          \
		return SF_FACT_VALUE_##form(sf_fact_of(flow, SF_FACT_##name, d), bytes);           \
	}
#include "base/facts.def"

enum sf_fact_form {
	SF_FACT_FORM_NUMBER,
	SF_FACT_FORM_OCTETS,
	SF_FACT_FORM_STRING,
	SF_FACT_FORM_SWITCH,
};

/* A row of facts.def. */
struct sf_fact_row {
	const char *name, *help;
	uint16_t bytes, has;
	uint8_t merge; /* enum sf_fact_merge */
	uint8_t form;  /* enum sf_fact_form */
};

/* The row of a fact; static storage. */
const struct sf_fact_row *sf_fact_row(enum sf_fact fact);

/* The function that makes the value of a fact whose rule is MADE; NULL with other rules. */
sf_fact_make *sf_fact_maker(enum sf_fact fact);

#endif
