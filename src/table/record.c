/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From entry to flow record, and out to the sink.
 *
 * Records are collected in an array of SF_BATCH_MAX. The sink gets them when the array is full and
 * at the end of each call into the table, so no record waits between calls. Records that the sink
 * does not take are counted as lost.
 */
#include <assert.h>
#include <endian.h>

#include "base/flow_id.h"
#include "base/wire.h"
#include "table/layout.h"

static inline void fill_half(struct sf_flow_half *restrict out,
	const struct sf_table *restrict table, const struct sf_entry_half *restrict half,
	int64_t start_ns, int64_t end_ns)
{
	out->packets = sf_half_packets(half);
	out->octets = half->octets;
	out->start_ns = start_ns;
	out->end_ns = end_ns;
	out->ingress = table->ifindex[sf_half_interface(half)];
	out->tcp_flags = (uint16_t)(half->counts >> SF_HALF_TCP_FLAGS);
	out->tos = (uint8_t)(half->counts >> SF_HALF_TOS);
	out->ttl_min = (uint8_t)(half->end >> SF_HALF_TTL_MIN);
	out->ttl_max = (uint8_t)(out->ttl_min + (half->end >> SF_HALF_TTL_RANGE));
}

/* The initiator's facts come first. A direction without packets has zeros. */
static void fill_annex(struct sf_flow *flow, struct sf_annex *annex, const uint8_t *sides,
	const struct sf_annex_layout *layout, unsigned first)
{
	for (unsigned d = 0; d < 2; d++) {
		const uint8_t *side = sides + (first ^ d) * layout->side_bytes;

		sf_annex_fill(layout, annex->sides + d * layout->side_bytes, side);
		flow->has |= ((const struct sf_annex_side *)(const void *)side)->has;
	}
}

/* Whether the record names the flow of the packets around, or else one of the packets inside. */
static __attribute__((noinline)) void fill_pair(
	struct sf_flow *flow, const struct sf_annex_layout *layout, const struct sf_annex *annex)
{
	const struct {
		enum sf_fact fact;
		unsigned has;
	} names[] = { { SF_FACT_outer_flow, SF_HAS_OUTER_FLOW },
		{ SF_FACT_inner_flow, SF_HAS_INNER_FLOW } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const uint8_t *value = annex->sides + layout->at[names[i].fact];

		if (layout->facts >> names[i].fact & 1 &&
			(sf_fact_number(value, 8) ||
				sf_fact_number(value + layout->side_bytes, 8))) {
			flow->has |= (uint16_t)names[i].has;
			return;
		}
	}
}

/*
 * Fills in the tunnel and the VLAN tags. In the key of a packet in a tunnel a hash stands in the
 * place of the tags, so the tags come from the tunnel's fact.
 */
static __attribute__((noinline)) void fill_tunnel(struct sf_flow *flow, const uint8_t *value)
{
	struct sf_tunnel_facts tunnel;

	memcpy(&tunnel, value, sizeof(tunnel));
	flow->has |= tunnel.version == 4 ? SF_HAS_TUNNEL_IPV4 : SF_HAS_TUNNEL_IPV6;
	if (tunnel.kind == SF_TUNNEL_GRE && tunnel.id)
		flow->has |= SF_HAS_GRE_KEY;
	if (tunnel.kind == SF_TUNNEL_VXLAN || tunnel.kind == SF_TUNNEL_NVGRE)
		flow->has |= SF_HAS_SEGMENT;
	if (tunnel.kind == SF_TUNNEL_GTP_U)
		flow->has |= SF_HAS_TEID;
	if (!tunnel.in_key)
		return;
	flow->vlan = tunnel.vlan;
	flow->cvlan = tunnel.cvlan;
	flow->has &= (uint16_t) ~(SF_HAS_VLAN | SF_HAS_CVLAN);
	flow->has |= (flow->vlan ? SF_HAS_VLAN : 0) | (flow->cvlan ? SF_HAS_CVLAN : 0);
}

static inline void fill_key(struct sf_flow *restrict flow, const struct sf_table *restrict table,
	const struct sf_entry *restrict hot, unsigned first)
{
	/*
	 * The initiator's part goes to the upper half. Rotations, because a branch on
	 * the side would be unpredictable.
	 */
	unsigned turn = 32 * first;
	uint64_t address = hot->address << turn | hot->address >> (-turn & 63);
	uint32_t ports = hot->ports << turn / 2 | hot->ports >> (-(turn / 2) & 31);

	if (sf_unlikely(hot->version == 6)) {
		const uint8_t *address6 = table->address6[hot - table->hot];

		memcpy(flow->addr[first], address6, 16);
		memcpy(flow->addr[first ^ 1], address6 + 16, 16);
	} else {
		memset(flow->addr, 0, sizeof(flow->addr));
		sf_store_be32(flow->addr[0], (uint32_t)(address >> 32));
		sf_store_be32(flow->addr[1], (uint32_t)address);
	}
	flow->port[0] = (uint16_t)(ports >> 16);
	flow->port[1] = (uint16_t)ports;
	flow->vlan = flow->cvlan = 0;
	flow->ip_version = hot->version;
	flow->protocol = hot->protocol;
	flow->has = hot->state & SF_STATE_FRAGMENT ? SF_HAS_FRAGMENTS : 0;
	if (sf_unlikely(hot->tags >> 8)) {
		flow->vlan = (uint16_t)(hot->tags >> 20);
		flow->cvlan = (uint16_t)(hot->tags >> 8 & 0xfff);
		flow->has |= (flow->vlan ? SF_HAS_VLAN : 0) | (flow->cvlan ? SF_HAS_CVLAN : 0);
	}
}

static uint64_t flow_id_of(const struct sf_table *table, const struct sf_entry *hot)
{
	const struct sf_flow_key key = {
		.address = hot->address,
		.addresses6 = hot->version == 6 ? table->address6[hot - table->hot] : NULL,
		.ports = hot->ports,
		.tags = hot->tags,
		.scope = hot->scope,
		.version = hot->version,
		.protocol = hot->protocol,
	};

	return sf_flow_id(&key, table->ids_of_keys ? 0 : hot->first_ns);
}

void sf_table_name_by_key(struct sf_table *table)
{
	table->ids_of_keys = true;
}

/* The halves of a flow seen in both directions. Returns the initiator's side. */
static __attribute__((noinline)) unsigned fill_halves(struct sf_flow *restrict flow,
	const struct sf_table *restrict table, const struct sf_entry *restrict hot,
	const struct sf_entry_half *restrict reverse)
{
	unsigned side = hot->state & SF_STATE_SIDE ? 1 : 0;
	unsigned latest = hot->state & SF_STATE_LATEST ? 1 : 0;
	unsigned first = hot->state & SF_STATE_INITIATOR ? 1 : 0;
	int64_t begin = hot->first_ns, end = begin + sf_half_time(hot->half.end);
	int64_t other_end = begin + sf_half_time(reverse->end);

	fill_half(&flow->half[side ^ first], table, &hot->half, begin,
		side == latest ? end : other_end);
	fill_half(&flow->half[side ^ first ^ 1], table, reverse,
		begin + sf_half_time(reverse->begin), side == latest ? other_end : end);
	return first;
}

/*
 * The record of an entry, but for its flowId. The initiator comes first; of a flow seen in one
 * direction only, the side that was seen.
 */
static sf_always_inline void fill(struct sf_flow *restrict flow, struct sf_annex *annex,
	const struct sf_table *restrict table, const struct sf_entry *restrict hot,
	enum sf_end_reason reason, bool minimal)
{
	unsigned first = hot->state & SF_STATE_SIDE ? 1 : 0;

	if (hot->state & SF_STATE_REVERSE) {
		first = fill_halves(flow, table, hot, &table->reverse[hot - table->hot]);
		flow->directions = SF_FORWARD | SF_REVERSE;
	} else {
		fill_half(&flow->half[0], table, &hot->half, hot->first_ns,
			hot->first_ns + sf_half_time(hot->half.end));
		memset(&flow->half[1], 0, sizeof(flow->half[1]));
		flow->directions = SF_FORWARD;
	}
	fill_key(flow, table, hot, first);
	if (!minimal && table->annex)
		fill_annex(flow, annex,
			table->annex + (size_t)(hot - table->hot) * table->annex_bytes,
			&table->layout, first);
	if (!minimal && sf_unlikely(flow->has & SF_HAS_TUNNEL))
		fill_tunnel(flow, annex->sides + table->layout.at[SF_FACT_tunnel]);
	if (!minimal && table->annex && sf_unlikely(table->ids_of_keys))
		fill_pair(flow, &table->layout, annex);
	flow->domain = table->domain[sf_half_interface(&hot->half)];
	flow->end_reason = (uint8_t)reason;
}

/*
 * Packets and bytes of records that were made but not yet entered in the ledger (enter()). The
 * ledger may be below its true value until then: sf_table_flush() may already have subtracted what
 * the sink did not take.
 */
struct tally {
	uint64_t packets, octets;
};

static inline void count_half(struct tally *tally, const struct sf_entry_half *half)
{
	tally->packets += sf_half_packets(half);
	tally->octets += half->octets;
}

static inline void enter(struct sf_table *table, const struct tally *tally)
{
	table->ledger.record_packets += tally->packets;
	table->ledger.record_octets += tally->octets;
}

/* Queues the record at table->next for the sink. It has been added to a tally. */
static inline void queue(struct sf_table *table)
{
	if (++table->next == table->record + SF_BATCH_MAX)
		sf_table_flush(table);
}

/* Of a record in table->record. */
static inline struct sf_annex *annex_of(struct sf_table *table, const struct sf_flow *flow)
{
	size_t index = (size_t)(flow - table->record);

	/* NULL without facts on request, as record_bytes is 0 then */
	return (struct sf_annex *)((uintptr_t)table->record_annexes +
				   index * table->layout.record_bytes);
}

/*
 * Queues the record of an entry of the table `of`. `minimal`: no destination wants facts on request
 * or flowIds. Returns the record's flowId, 0: it has none.
 */
static sf_always_inline uint64_t emit(struct sf_table *table, const struct sf_table *of,
	const struct sf_entry *hot, enum sf_end_reason reason, struct tally *tally, bool minimal)
{
	struct sf_flow *flow = table->next;
	uint64_t flow_id = 0;

	count_half(tally, &hot->half);
	if (hot->state & SF_STATE_REVERSE)
		count_half(tally, &of->reverse[hot - of->hot]);
	fill(flow, minimal ? NULL : annex_of(table, flow), of, hot, reason, minimal);
	if (!minimal && of->flow_ids)
		flow_id = hot->state & SF_STATE_CUT ? of->identity[hot - of->hot]
						    : flow_id_of(of, hot);
	flow->id = flow_id;
	if (!minimal && table->layout.made)
		sf_annex_make(&table->layout, flow, annex_of(table, flow));
	queue(table);
	return flow_id;
}

static inline bool is_minimal(const struct sf_table *table)
{
	return !table->layout.facts && !table->flow_ids;
}

uint64_t sf_table_emit(struct sf_table *table, uint32_t id, enum sf_end_reason reason)
{
	const struct sf_entry *hot = &table->hot[id];
	struct tally tally = { 0 };
	uint64_t flow_id;

	if (is_minimal(table))
		flow_id = emit(table, table, hot, reason, &tally, true);
	else
		flow_id = emit(table, table, hot, reason, &tally, false);
	enter(table, &tally);
	return flow_id;
}

static sf_always_inline void finish_range(struct sf_table *table, const struct sf_table *of,
	uint32_t from, uint32_t to, int64_t now, bool minimal)
{
	/*
	 * an entry is due if its last packet is not after `idle`, or its first not after `active`
	 */
	const int64_t idle = of->idle_ns == SF_TIMEOUT_NEVER ? INT64_MIN : now - of->idle_ns,
		      active = now - of->active_ns;
	struct tally tally = { 0 };
	uint64_t flows = 0;

	for (const struct sf_entry *hot = &of->hot[from], *end = &of->hot[to]; hot < end; hot++) {
		enum sf_end_reason reason = SF_END_FORCED;

		__builtin_prefetch(hot + SF_ENTRIES_AHEAD);
		if (!hot->version)
			continue;
		flows++;
		if (hot->state & SF_STATE_EMPTY)
			continue;
		if (hot->state & SF_STATE_LINGER || hot->first_ns <= active ||
			hot->first_ns + sf_half_time(hot->half.end) <= idle)
			reason = sf_entry_reason(of, hot);
		emit(table, of, hot, reason, &tally, minimal);
	}
	enter(table, &tally);
	table->ledger.flows_ended += flows;
}

void sf_table_finish_part(
	struct sf_table *table, const struct sf_table *of, uint32_t from, uint32_t to, int64_t now)
{
	/* from and to count ids that have been in use: 0 … low-1 and high … cap-1 */
	const uint32_t gap = of->high - of->low;
	const struct {
		uint32_t from, to;
	} ranges[2] = { { from, to < of->low ? to : of->low },
		{ (from > of->low ? from : of->low) + gap, to + gap } };

	assert(table->layout.facts == of->layout.facts);
	for (unsigned i = 0; i < 2; i++) {
		if (ranges[i].from >= ranges[i].to)
			continue;
		if (is_minimal(of))
			finish_range(table, of, ranges[i].from, ranges[i].to, now, true);
		else
			finish_range(table, of, ranges[i].from, ranges[i].to, now, false);
	}
	sf_table_flush(table);
}

void sf_table_emit_each(struct sf_table *table, unsigned count)
{
	const struct sf_facts *facts = table->facts[table->room];
	/* made in the entry beyond the ids, which is dead again at the end */
	struct sf_entry *hot = &table->hot[table->cap];
	struct tally tally = { 0 };

	for (unsigned i = 0; i < count; i++) {
		bool fragment = facts[i].flags & SF_FACT_FRAGMENT;

		sf_entry_make(table, table->cap, &facts[i], facts[i].version,
			fragment ? SF_STATE_FRAGMENT : 0, true, SF_ANNEX_KEEP_NOTHING);
		emit(table, table, hot, SF_END_IDLE, &tally, false);
	}
	hot->version = 0;
	table->ledger.packets += count;
	table->ledger.octets += tally.octets;
	enter(table, &tally);
	table->ledger.flows_created += count;
	table->ledger.flows_ended += count;
	sf_table_flush(table);
}

void sf_table_flush(struct sf_table *table)
{
	struct sf_ledger *ledger = &table->ledger;
	unsigned count = (unsigned)(table->next - table->record), taken;

	if (count == 0)
		return;
	taken = table->sink.put(table->sink.context, table->record, count);
	for (unsigned i = taken; i < count; i++) {
		uint64_t packets = sf_flow_packets(&table->record[i]);
		uint64_t octets = sf_flow_octets(&table->record[i]);

		ledger->lost_packets += packets;
		ledger->lost_octets += octets;
		ledger->record_packets -= packets;
		ledger->record_octets -= octets;
	}
	ledger->lost_records += count - taken;
	ledger->records += taken;
	table->next = table->record;
}
