/* SPDX-License-Identifier: BSD-2-Clause */
/* Facts of packets into entries of the flow table and records: packing, and the merge rules. */
#include "base/annex.h"

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
			/* struct sf_facts has a pointer to the bytes here */
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

/*
 * Rule REST merges all packets but the earliest one. `from` is earlier than the packet that was the
 * earliest so far, so that one joins the rest.
 */
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
	memset(side, 0, SF_ANNEX_SIDE_HEAD);
}

void sf_annex_clear(const struct sf_annex_layout *layout, uint8_t *side, enum sf_annex_keep keep)
{
	struct sf_annex_side *head = (struct sf_annex_side *)(void *)side;
	const uint16_t kept = keep == SF_ANNEX_KEEP_FLOW ? head->has & layout->kept_has : 0;

	if (keep && layout->watches)
		cut(layout, side);
	else
		memset(side, 0, layout->plain_bytes);
	head->has = kept;
}

void sf_annex_fill(const struct sf_annex_layout *layout, uint8_t *to, const uint8_t *side)
{
	const unsigned plain = layout->plain_bytes, rest = layout->side_bytes - plain;

	memcpy(to, side, plain);
	if (!rest)
		return;
	if (((const struct sf_annex_side *)(const void *)side)->has & layout->kept_has)
		memcpy(to + plain, side + plain, rest);
	else
		memset(to + plain, 0, layout->empty_bytes);
}

/* ---------------------------------------------------------------- records */

void sf_annex_make(
	const struct sf_annex_layout *layout, const struct sf_flow *flow, struct sf_annex *annex)
{
	for (uint64_t left = layout->made; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		sf_fact_maker((enum sf_fact)i)(flow, annex->sides + layout->at[i]);
	}
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
