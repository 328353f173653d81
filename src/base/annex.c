/* SPDX-License-Identifier: BSD-2-Clause */
/* facts.def as a table, layouts, and the merge rules. */
#include "base/annex.h"

#include "base/community_id.h"

const _Alignas(8) uint8_t sf_fact_nothing[SF_FACT_BYTES_MAX];

/* Merge rules that are the same for numbers of each width. */
#define MERGES(X)                                                                                  \
	X(MIN, value < kept ? value : kept)                                                        \
	X(MAX, value > kept ? value : kept)                                                        \
	X(OR, value | kept)

/* What a later packet does to a value: rule and width. */
enum op {
	OP_FOUND,
	OP_LAST,
	OP_SUM,
	OP_BEST,
	OP_OR_OCTETS,
#define X(merge, expression) OP_##merge##_1, OP_##merge##_2, OP_##merge##_4, OP_##merge##_8,
	MERGES(X)
#undef X
};

/* A fact and where a packet's value is, by offset and size of its member. */
struct fact {
	struct sf_fact_row row;
	bool head, lent;
	uint16_t from, from_bytes;
	sf_fact_make *make;
	const struct sf_fact_watcher *watcher;
};

static const struct sf_fact_watcher sf_shape_watcher = { sf_shape_watch, sf_shape_cut };
static const struct sf_fact_watcher sf_tcp_watcher = { sf_tcp_watch, sf_tcp_cut };

/* clang-format off */
#define MEMBER(member)                                                                             \
	offsetof(struct sf_facts, member), sizeof(((struct sf_facts *)0)->member), NULL
#define HEAD(member) true, false, MEMBER(member)
#define TAIL(member) false, false, MEMBER(member)
#define LENT(member)                                                                               \
	false, true, offsetof(struct sf_facts, member), sizeof(*((struct sf_facts *)0)->member), NULL
#define SEEN(member, watcher) TAIL(member), &watcher
#define SEEN_HEAD(member, watcher) HEAD(member), &watcher
#define BY(function) false, false, 0, 0, function
#define NOWHERE false, false, 0, 0, NULL
static const struct fact facts_table[] = {
#define FACT(name, form, bytes, merge, source, has, help)                                          \
	{ { #name, help, bytes, has, SF_FACT_MERGE_##merge, SF_FACT_FORM_##form }, source },
#include "base/facts.def"
};
/* clang-format on */

#undef HEAD
#undef TAIL
#undef LENT
#undef SEEN
#undef SEEN_HEAD
#undef BY
#undef NOWHERE
#define HEAD(member)               offsetof(struct sf_facts, member) < SF_FACTS_IPV4
#define TAIL(member)               offsetof(struct sf_facts, member) >= SF_FACTS_IPV6
#define LENT(member)               TAIL(member)
#define SEEN(member, watcher)      TAIL(member)
#define SEEN_HEAD(member, watcher) HEAD(member)
#define BY(function)               SF_FACT_BYTES_MAX > 0
#define NOWHERE                    SF_FACT_BYTES_MAX > 0
/* clang-format off */
#define FACT(name, form, bytes, merge, source, has, help)                                          \
	static_assert((source) && (bytes) <= SF_FACT_BYTES_MAX, "where the value of " #name " is");
#include "base/facts.def"
#undef HEAD
#undef TAIL
#undef LENT
#undef BY
#undef NOWHERE
#define HEAD(member) sizeof(((struct sf_facts *)0)->member)
#define TAIL(member) HEAD(member)
#define LENT(member) sizeof(*((struct sf_facts *)0)->member)
#define SEEN(member, watcher) TAIL(member)
#define SEEN_HEAD(member, watcher) HEAD(member)
#define BY(function) 0
#define NOWHERE      0
#define FACT(name, form, bytes, merge, source, has, help)                                          \
	static_assert(SF_FACT_MERGE_##merge != SF_FACT_MERGE_REST || !(has),                       \
		"every packet has what the rest is of: " #name);                                   \
	static_assert(SF_FACT_MERGE_##merge == SF_FACT_MERGE_MADE ||                               \
			      SF_FACT_MERGE_##merge == SF_FACT_MERGE_WATCH ||                      \
			      (bytes) == (SF_FACT_MERGE_##merge == SF_FACT_MERGE_SUM ? 8 : (source)), \
		"bytes of " #name);
#include "base/facts.def"
/* clang-format on */

const struct sf_fact_row *sf_fact_row(enum sf_fact fact)
{
	return &facts_table[fact].row;
}

/* ---------------------------------------------------------------- layouts */

static unsigned round_up(unsigned bytes, unsigned unit)
{
	return (bytes + unit - 1) / unit * unit;
}

static bool is_rare(const struct fact *fact)
{
	unsigned rare = 0;

#define COMMON                        0u
#define RARE                          ~0u
#define X(how_often, name, condition) rare |= (how_often)&SF_HAS_##name;
	SF_FACT_CONDITIONS(X)
#undef X
#undef COMMON
#undef RARE
	return fact->row.has & rare;
}

static bool is_wanted(const struct sf_annex_layout *layout, unsigned i)
{
	return layout->facts >> i & 1 && facts_table[i].row.bytes;
}

/* A record has it at the end of its sides: most flows neither clear nor copy it. */
static bool is_long(const struct fact *fact)
{
	return fact->row.bytes >= 256 && is_rare(fact);
}

/* The group of details that the member at that offset belongs to; 0: it is none. */
static unsigned details_group(unsigned from)
{
	const struct {
		size_t end;
		unsigned group;
	} groups[] = {
		{ offsetof(struct sf_facts, details), 0 },
		{ offsetof(struct sf_facts, details.fragment_flags), SF_DETAILS_LINK },
		{ offsetof(struct sf_facts, details.tcp_options), SF_DETAILS_IP },
		{ offsetof(struct sf_facts, details.payload), SF_DETAILS_OPTIONS },
		{ offsetof(struct sf_facts, details.tcp), SF_DETAILS_PAYLOAD },
		{ offsetof(struct sf_facts, details) + sizeof(struct sf_details), SF_DETAILS_TCP },
		{ sizeof(struct sf_facts), 0 },
	};
	unsigned i = 0;

	while (from >= groups[i].end)
		i++;
	return groups[i].group;
}

/*
 * Adds the facts that are rare, or those that are not, to what is packed. A member that lies behind
 * the one before in struct sf_facts is packed together with it.
 */
static unsigned lay_out_packet(struct sf_annex_layout *layout, bool rare, unsigned offset)
{
	struct sf_annex_step *before = NULL;

	for (unsigned i = 0; i < SF_FACT_COUNT; i++) {
		const struct fact *fact = &facts_table[i];

		if (!is_wanted(layout, i) || fact->head || fact->make || is_rare(fact) != rare)
			continue;
		if (before && !before->lent && !fact->lent &&
			before->from + before->from_bytes == fact->from) {
			before->from_bytes += fact->from_bytes;
		} else {
			before = &layout->packs[layout->pack_count++];
			*before = (struct sf_annex_step){ .from = fact->from,
				.from_bytes = fact->from_bytes,
				.lent = fact->lent,
				.to = (uint16_t)offset };
		}
		before->has |= rare ? fact->row.has : 0;
		layout->rare |= rare ? fact->row.has : 0;
		layout->details |= (uint8_t)details_group(fact->from);
		layout->steps[i].from = (uint16_t)offset; /* until lay_out_side() takes it */
		offset += fact->from_bytes;
	}
	return offset;
}

uint8_t sf_annex_op(enum sf_fact_merge merge, unsigned bytes)
{
	const unsigned width = bytes == 1 ? 0 : bytes == 2 ? 1 : bytes == 4 ? 2 : 3;

	if (merge == SF_FACT_MERGE_OR && bytes > 8)
		return OP_OR_OCTETS;
	switch (merge) {
#define X(rule, expression)                                                                        \
	case SF_FACT_MERGE_##rule:                                                                 \
		return (uint8_t)(OP_##rule##_1 + width);
		MERGES(X)
#undef X
	case SF_FACT_MERGE_REST:
		return (uint8_t)(OP_OR_1 + width);
	case SF_FACT_MERGE_SUM:
		return OP_SUM;
	case SF_FACT_MERGE_LAST:
		return OP_LAST;
	case SF_FACT_MERGE_BEST:
		return OP_BEST;
	default:
		return OP_FOUND;
	}
}

/* Steps in the order in which they are taken. */
enum { SIMPLE, LATER, FIRST, ORDERS };

/*
 * Simple: a number that every packet has in its head. Later: what later packets of a direction can
 * change.
 */
static unsigned order_of(const struct fact *fact)
{
	if (fact->row.merge == SF_FACT_MERGE_FIRST)
		return FIRST;
	if (fact->watcher)
		return LATER;
	return fact->head && !fact->row.has && fact->row.merge >= SF_FACT_MERGE_MIN ? SIMPLE
										    : LATER;
}

/* Bytes of the value in an entry's side. Behind a rest, the value of the earliest packet is kept. */
static unsigned bytes_kept(const struct fact *fact)
{
	return fact->row.merge == SF_FACT_MERGE_REST ? 2u * fact->row.bytes : fact->row.bytes;
}

enum { SIDE_HEAD = 8 };
static_assert(sizeof(struct sf_annex_side) <= SIDE_HEAD, "numbers of eight bytes follow it");

/* Places in the entry's side, from `offset` on: wide values first, so that numbers are aligned. */
static uint16_t place(struct sf_annex_layout *layout, bool are_long, uint16_t offset)
{
	for (unsigned width = 8; width; width /= 2)
		for (unsigned i = 0; i < SF_FACT_COUNT; i++) {
			const struct fact *fact = &facts_table[i];
			unsigned bytes = fact->row.bytes;
			/* the largest power of two that divides it, 8 at most */
			unsigned unit = (bytes & -bytes) > 8 ? 8 : bytes & -bytes;

			if (!is_wanted(layout, i) || fact->make || unit != width ||
				is_long(fact) != are_long)
				continue;
			layout->at[i] = offset;
			layout->long_has |= are_long ? fact->row.has : 0;
			offset = (uint16_t)(offset + bytes_kept(fact));
		}
	return (uint16_t)round_up(offset, 8);
}

/* The entry's side, and what is done to it. */
static void lay_out_side(struct sf_annex_layout *layout)
{
	uint16_t packed[SF_FACT_COUNT], end;
	bool of_all = false; /* something is done for each later packet */

	for (unsigned i = 0; i < SF_FACT_COUNT; i++)
		packed[i] = layout->steps[i].from;
	layout->tcp_from = packed[SF_FACT_tcp_quality];
	layout->plain_bytes = place(layout, false, SIDE_HEAD);
	end = place(layout, true, layout->plain_bytes);
	layout->side_bytes = end > SIDE_HEAD ? end : 0;
	if (!layout->side_bytes)
		layout->plain_bytes = 0;
	for (unsigned order = 0; order < ORDERS; order++)
		for (unsigned i = 0; i < SF_FACT_COUNT; i++) {
			const struct fact *fact = &facts_table[i];

			if (!is_wanted(layout, i) || fact->make || order_of(fact) != order)
				continue;
			layout->steps[layout->step_count++] = (struct sf_annex_step){
				.merge = fact->row.merge,
				.op = sf_annex_op(fact->row.merge, fact->row.bytes),
				.head = fact->head,
				.has = fact->row.has,
				.from = fact->head ? fact->from : packed[i],
				.to = layout->at[i],
				.from_bytes = fact->from_bytes,
				.to_bytes = fact->row.bytes,
				.watcher = fact->watcher,
			};
			layout->watches |= fact->watcher != NULL;
			layout->simple_count += order == SIMPLE;
			layout->later_count += order != FIRST;
			of_all |= order == LATER && !fact->row.has;
			if (order != FIRST)
				layout->all_has |= fact->row.has;
			else
				layout->first_has |= fact->row.has;
		}
	layout->others_has = of_all ? 0 : layout->all_has;
}

void sf_annex_layout_init(struct sf_annex_layout *layout, uint64_t facts)
{
	unsigned offset;

	memset(layout, 0, sizeof(*layout));
	layout->facts = facts & ((UINT64_C(1) << SF_FACT_COUNT) - 1);
	if (!layout->facts)
		return;
	offset = lay_out_packet(layout, false, 0);
	layout->common_bytes = (uint16_t)round_up(offset, 16);
	offset = lay_out_packet(layout, true, offset);
	layout->packet_bytes = (uint16_t)round_up(offset, 16);
	lay_out_side(layout);
	offset = 2 * layout->side_bytes;
	for (unsigned i = 0; i < SF_FACT_COUNT; i++)
		if (is_wanted(layout, i) && facts_table[i].make) {
			layout->made |= UINT64_C(1) << i;
			layout->at[i] = (uint16_t)offset;
			offset += facts_table[i].row.bytes;
		}
	layout->record_bytes = (uint16_t)(sizeof(struct sf_annex) + round_up(offset, 8));
	assert(layout->packet_bytes <= SF_ANNEX_PACKET_MAX);
}

/* ---------------------------------------------------------------- packets and entries */

static sf_always_inline void copy(uint8_t *to, const uint8_t *from, unsigned bytes)
{
	for (; bytes >= 8; bytes -= 8, to += 8, from += 8)
		memcpy(to, from, 8);
	for (; bytes; bytes--)
		*to++ = *from++;
}

void sf_annex_pack(
	const struct sf_annex_layout *layout, const struct sf_facts *facts, uint8_t *annex)
{
	const unsigned has = layout->rare ? sf_facts_has(facts) : 0;

	for (unsigned i = 0; i < layout->pack_count; i++) {
		const struct sf_annex_step *pack = &layout->packs[i];

		const uint8_t *from = (const uint8_t *)facts + pack->from;

		if (pack->has && !(has & pack->has))
			continue;
		if (pack->lent)
			/* what lies there is a pointer to the octets */
			memcpy(&from, (const void *)from, sizeof(from));
		copy(annex + pack->to, from, pack->from_bytes);
	}
}

static sf_always_inline void store(uint8_t *to, uint64_t value, unsigned bytes)
{
	const uint32_t u32 = (uint32_t)value;
	const uint16_t u16 = (uint16_t)value;

	switch (bytes) {
	case 1:
		*to = (uint8_t)value;
		break;
	case 2:
		memcpy(to, &u16, sizeof(u16));
		break;
	case 4:
		memcpy(to, &u32, sizeof(u32));
		break;
	default:
		memcpy(to, &value, sizeof(value));
	}
}

/* The first packet of a direction that has the fact. */
static void begin(const struct sf_annex_step *step, uint8_t *to, const uint8_t *from)
{
	if (step->from_bytes == step->to_bytes)
		copy(to, from, step->to_bytes);
	else
		store(to, sf_fact_number(from, step->from_bytes), step->to_bytes);
}

/* Numbers of one width, in place: kept = value OP kept, stored if that changes it. */
#define MERGE(type, expression)                                                                    \
	do {                                                                                       \
		type value, kept, result;                                                          \
                                                                                                   \
		memcpy(&value, from, sizeof(value));                                               \
		memcpy(&kept, to, sizeof(kept));                                                   \
		result = (type)(expression);                                                       \
		if (result != kept)                                                                \
			memcpy(to, &result, sizeof(result));                                       \
	} while (0)

static sf_always_inline void or_word(uint8_t *to, const uint8_t *from)
{
	MERGE(uint64_t, value | kept);
}

/* A later packet than the first one that has the fact. Rules LAST and FOUND: does nothing. */
static sf_always_inline void merge_number(
	const struct sf_annex_step *step, uint8_t *to, const uint8_t *from)
{
	uint64_t sum;

	switch (step->op) {
#define X(merge, expression)                                                                       \
	case OP_##merge##_1:                                                                       \
		MERGE(uint8_t, expression);                                                        \
		break;                                                                             \
	case OP_##merge##_2:                                                                       \
		MERGE(uint16_t, expression);                                                       \
		break;                                                                             \
	case OP_##merge##_4:                                                                       \
		MERGE(uint32_t, expression);                                                       \
		break;                                                                             \
	case OP_##merge##_8:                                                                       \
		MERGE(uint64_t, expression);                                                       \
		break;
		MERGES(X)
#undef X
	case OP_SUM:
		memcpy(&sum, to, sizeof(sum));
		sum += sf_fact_number(from, step->from_bytes);
		memcpy(to, &sum, sizeof(sum));
		break;
	case OP_OR_OCTETS:
		for (unsigned i = 0; i < step->to_bytes; i += 8)
			or_word(to + i, from + i);
		break;
	default:
		break;
	}
}

static void merge(
	const struct sf_annex_step *step, uint8_t *to, const uint8_t *from, unsigned order)
{
	if (step->op == OP_BEST ? *from > *to : step->op == OP_LAST && order & SF_ANNEX_LATEST)
		begin(step, to, from);
	else
		merge_number(step, to, from);
}

/* The sides of an entry lie one behind the other. */
static void watch(const struct sf_annex_layout *layout, const struct sf_annex_step *step,
	uint8_t *own, const uint8_t *from, const struct sf_facts *facts)
{
	uint8_t *other = facts->flags & SF_FACT_SWAPPED ? own - layout->side_bytes
							: own + layout->side_bytes;

	step->watcher->watch(own, other, facts, from);
}

/* The steps of later packets that are not simple. */
static __attribute__((noinline)) void add_others(const struct sf_annex_layout *layout,
	struct sf_annex_side *side, const struct sf_facts *facts, const uint8_t *annex,
	unsigned order)
{
	const unsigned has = sf_facts_has(facts);

	for (unsigned i = layout->simple_count; i < layout->later_count; i++) {
		const struct sf_annex_step *step = &layout->steps[i];
		const uint8_t *from = (step->head ? (const uint8_t *)facts : annex) + step->from;
		uint8_t *to = (uint8_t *)side + step->to;

		if (step->has & ~has)
			continue;
		if (step->watcher)
			watch(layout, step, to, from, facts);
		else if (step->has & ~side->has)
			begin(step, to, from);
		else
			merge(step, to, from, order);
	}
	side->has |= (uint16_t)(has & layout->all_has);
}

/* The earliest packet does not belong to the rest; the one that was it so far does. */
static void begin_rest(
	const struct sf_annex_step *step, uint8_t *to, const uint8_t *from, bool first)
{
	uint8_t *earliest = to + step->to_bytes;

	if (first)
		memset(to, 0, step->to_bytes);
	else
		merge(step, to, earliest, 0);
	copy(earliest, from, step->to_bytes);
}

/* The first packet of its direction, or the earliest one so far. */
static __attribute__((noinline)) void add_earliest(const struct sf_annex_layout *layout,
	struct sf_annex_side *side, const struct sf_facts *facts, const uint8_t *annex,
	unsigned order)
{
	const unsigned has = sf_facts_has(facts);
	const bool first = !side->begun;

	for (unsigned i = 0; i < layout->step_count; i++) {
		const struct sf_annex_step *step = &layout->steps[i];
		const uint8_t *from = (step->head ? (const uint8_t *)facts : annex) + step->from;
		uint8_t *to = (uint8_t *)side + step->to;

		if (step->has & ~has) {
			if (step->merge == SF_FACT_MERGE_FIRST)
				memset(to, 0, step->to_bytes);
		} else if (step->watcher) {
			watch(layout, step, to, from, facts);
		} else if (step->merge == SF_FACT_MERGE_REST) {
			begin_rest(step, to, from, first);
		} else if (step->has & ~side->has || step->merge == SF_FACT_MERGE_FIRST ||
			   (first && !step->has)) {
			begin(step, to, from);
		} else {
			merge(step, to, from, order);
		}
	}
	side->has |= (uint16_t)(has & layout->all_has);
	side->has = (uint16_t)((side->has & ~layout->first_has) | (has & layout->first_has));
	side->begun = 1;
}

void sf_annex_add(const struct sf_annex_layout *layout, uint8_t *side, const struct sf_facts *facts,
	const uint8_t *annex, unsigned order)
{
	struct sf_annex_side *head = (struct sf_annex_side *)(void *)side;

	if (sf_unlikely(!head->begun || order & SF_ANNEX_EARLIEST)) {
		add_earliest(layout, head, facts, annex, order);
		return;
	}
	for (const struct sf_annex_step *step = layout->steps, *end = step + layout->simple_count;
		step < end; step++)
		merge_number(step, side + step->to, (const uint8_t *)facts + step->from);
	if (layout->later_count > layout->simple_count &&
		(!layout->others_has || sf_facts_has(facts) & layout->others_has))
		add_others(layout, head, facts, annex, order);
}

/* Empties a side but for what watchers keep. */
static void cut(const struct sf_annex_layout *layout, uint8_t *side)
{
	for (unsigned i = 0; i < layout->step_count; i++) {
		const struct sf_annex_step *step = &layout->steps[i];

		if (step->watcher)
			step->watcher->cut(side + step->to);
		else if (step->to < layout->plain_bytes)
			memset(side + step->to, 0, step->to_bytes);
	}
	memset(side, 0, SIDE_HEAD);
}

void sf_annex_clear(const struct sf_annex_layout *layout, uint8_t *side, enum sf_annex_keep keep)
{
	struct sf_annex_side *head = (struct sf_annex_side *)(void *)side;
	const uint16_t kept = keep == SF_ANNEX_KEEP_FLOW ? head->has & layout->long_has : 0;

	if (keep && layout->watches)
		cut(layout, side);
	else
		memset(side, 0, layout->plain_bytes);
	head->has = kept;
}

void sf_annex_fill(const struct sf_annex_layout *layout, uint8_t *to, const uint8_t *side)
{
	enum { EMPTY = 16 }; /* what begins with zeros is empty */
	const unsigned plain = layout->plain_bytes, rest = layout->side_bytes - plain;

	memcpy(to, side, plain);
	if (!rest)
		return;
	if (((const struct sf_annex_side *)(const void *)side)->has & layout->long_has)
		memcpy(to + plain, side + plain, rest);
	else
		memset(to + plain, 0, EMPTY);
}

/* ---------------------------------------------------------------- records */

void sf_annex_make(
	const struct sf_annex_layout *layout, const struct sf_flow *flow, struct sf_annex *annex)
{
	for (uint64_t left = layout->made; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		facts_table[i].make(flow, annex->sides + layout->at[i]);
	}
}

uint64_t sf_fact_find(const char *name)
{
	for (unsigned i = 0; i < SF_FACT_COUNT; i++)
		if (strcmp(facts_table[i].row.name, name) == 0)
			return UINT64_C(1) << i;
	return 0;
}

const void *sf_flow_fact(const struct sf_flow *flow, uint64_t fact, unsigned d, size_t *length)
{
	const struct sf_fact_row *row;
	unsigned i;

	if (!flow->annex || !(flow->annex->layout->facts & fact) || d > 1 ||
		!(flow->directions >> d & 1))
		return NULL;
	i = (unsigned)__builtin_ctzll(flow->annex->layout->facts & fact);
	row = sf_fact_row((enum sf_fact)i);
	if (!row->bytes)
		return NULL;
	if (row->has && !(flow->has & row->has))
		return NULL;
	*length = row->bytes;
	return sf_fact_of(flow, (enum sf_fact)i, d);
}
