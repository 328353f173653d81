/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * facts.def as a table, and layouts: for a set of facts, what is packed of each packet, where each
 * value lies in an entry and a record, and which steps put it there.
 */
#include "base/annex.h"

#include "base/community_id.h"

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

sf_fact_make *sf_fact_maker(enum sf_fact fact)
{
	return facts_table[fact].make;
}

uint64_t sf_fact_find(const char *name)
{
	for (unsigned i = 0; i < SF_FACT_COUNT; i++)
		if (strcmp(facts_table[i].row.name, name) == 0)
			return UINT64_C(1) << i;
	return 0;
}

/* ---------------------------------------------------------------- layouts */

enum { EMPTY = 16 }; /* bytes of a long value that are zeros if it is empty */

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

/*
 * Where a fact lies in a side: what payload says at its end, since most flows neither clear nor
 * copy it; there short values before long ones, of which the first bytes alone say whether they are
 * empty.
 */
enum { PLAIN, SHORT, LONG };

static int part_of(const struct fact *fact)
{
	if (fact->row.has != SF_HAS_APP)
		return PLAIN;
	return fact->row.bytes <= EMPTY ? SHORT : LONG;
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
		{ offsetof(struct sf_facts, details.experiments), SF_DETAILS_OPTIONS },
		{ offsetof(struct sf_facts, details.payload), SF_DETAILS_SHARED },
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

/*
 * Bytes of the value in an entry's side. Behind a rest, the value
 * of the earliest packet is kept.
 */
static unsigned bytes_kept(const struct fact *fact)
{
	return fact->row.merge == SF_FACT_MERGE_REST ? 2u * fact->row.bytes : fact->row.bytes;
}

/*
 * Places in a part of the entry's side, from `offset` on: wide values
 * first, so that numbers are aligned.
 */
static uint16_t place(struct sf_annex_layout *layout, int part, uint16_t offset)
{
	for (unsigned width = 8; width; width /= 2)
		for (unsigned i = 0; i < SF_FACT_COUNT; i++) {
			const struct fact *fact = &facts_table[i];
			unsigned bytes = fact->row.bytes;
			/* the largest power of two that divides it, 8 at most */
			unsigned unit = (bytes & -bytes) > 8 ? 8 : bytes & -bytes;

			if (!is_wanted(layout, i) || fact->make || unit != width ||
				part_of(fact) != part)
				continue;
			layout->at[i] = offset;
			layout->kept_has |= part == PLAIN ? 0 : fact->row.has;
			offset = (uint16_t)(offset + bytes_kept(fact));
		}
	return (uint16_t)round_up(offset, 8);
}

/* The entry's side, and what is done to it. */
static void lay_out_side(struct sf_annex_layout *layout)
{
	uint16_t packed[SF_FACT_COUNT], begin, end;
	bool of_all = false; /* something is done for each later packet */

	for (unsigned i = 0; i < SF_FACT_COUNT; i++)
		packed[i] = layout->steps[i].from;
	layout->tcp_from = packed[SF_FACT_tcp_quality];
	layout->plain_bytes = place(layout, PLAIN, SF_ANNEX_SIDE_HEAD);
	begin = place(layout, SHORT, layout->plain_bytes);
	end = place(layout, LONG, begin);
	layout->empty_bytes = (uint16_t)(begin - layout->plain_bytes + (end > begin ? EMPTY : 0));
	layout->side_bytes = end > SF_ANNEX_SIDE_HEAD ? end : 0;
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
	layout->only_app = !layout->simple_count && layout->others_has == SF_HAS_APP;
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
