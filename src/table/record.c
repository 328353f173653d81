/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From entry to flow record, and out to the sink.
 *
 * Records are collected in an array of SF_BATCH_MAX and handed over when it is full and at the end
 * of each call into the table, so no record waits in it between calls. What the sink does not take
 * is counted as lost.
 */
#include <endian.h>

#include "base/wire.h"
#include "table/layout.h"

void sf_cold_begin(struct sf_entry_cold *cold, const struct sf_facts *facts)
{
	unsigned side = facts->flags & SF_FACT_SWAPPED ? 1 : 0;

	memcpy(cold->side[side].src_mac, facts->src_mac, 6);
	memcpy(cold->side[side].dst_mac, facts->dst_mac, 6);
	cold->side[side].mpls = facts->flags & SF_FACT_MPLS ? facts->mpls : 0;
	cold->side[side].flow_label = facts->flow_label;
	cold->side[side].has = (facts->flags & SF_FACT_MAC ? SF_HAS_MAC : 0) |
			       (facts->flags & SF_FACT_MPLS ? SF_HAS_MPLS : 0);
}

static inline void fill_half(struct sf_flow_half *restrict out,
	const struct sf_table *restrict table, const struct sf_entry_half *restrict half,
	int64_t start_ns, int64_t end_ns)
{
	out->packets = sf_half_packets(half);
	out->octets = half->octets;
	out->start_ns = start_ns;
	out->end_ns = end_ns;
	out->ingress = table->ifindex ? table->ifindex[sf_half_interface(half)] : 0;
	out->mpls = 0;
	out->flow_label = 0;
	out->tcp_flags = (uint16_t)(half->counts >> SF_HALF_TCP_FLAGS);
	out->tos = (uint8_t)(half->counts >> SF_HALF_TOS);
	out->ttl_min = (uint8_t)(half->end >> SF_HALF_TTL_MIN);
	out->ttl_max = (uint8_t)(out->ttl_min + (half->end >> SF_HALF_TTL_RANGE));
	memset(out->src_mac, 0, sizeof(*out) - offsetof(struct sf_flow_half, src_mac));
}

static void fill_cold(struct sf_flow *flow, const struct sf_entry_cold *cold, unsigned first)
{
	for (unsigned d = 0; d < 2; d++) {
		struct sf_flow_half *out = &flow->half[d];
		unsigned side = first ^ d;

		memcpy(out->src_mac, cold->side[side].src_mac, 6);
		memcpy(out->dst_mac, cold->side[side].dst_mac, 6);
		out->mpls = cold->side[side].mpls;
		out->flow_label = cold->side[side].flow_label;
		flow->has |= cold->side[side].has;
	}
	if (flow->ip_version == 6)
		flow->has |= SF_HAS_FLOW_LABEL;
}

static inline void fill_key(struct sf_flow *restrict flow, const struct sf_entry *restrict hot,
	const uint8_t (*address6)[32], unsigned first)
{
	/*
	 * the initiator's part in the upper half: rotations, as a branch would be guessed in vain
	 */
	unsigned turn = 32 * first;
	uint64_t address = hot->address << turn | hot->address >> (-turn & 63);
	uint32_t ports = hot->ports << turn / 2 | hot->ports >> (-(turn / 2) & 31);

	if (sf_unlikely(hot->version == 6)) {
		memcpy(flow->addr[first], *address6, 16);
		memcpy(flow->addr[first ^ 1], *address6 + 16, 16);
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
	memset(flow->reserved, 0, sizeof(flow->reserved));
}

static uint64_t flow_id_of(const struct sf_entry *hot, const uint8_t (*address6)[32])
{
	uint64_t address = hot->version == 6 ? sf_hash_flow_addresses(*address6) : hot->address;

	return sf_hash_flow(address, (uint64_t)hot->ports << 32 | hot->tags,
		(uint64_t)hot->scope << 16 | (uint32_t)hot->protocol << 8 | hot->version,
		hot->first_ns);
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
 * The record of an entry whose parts lie anywhere. The initiator comes first; of a flow seen in
 * one direction only, the side that was seen.
 */
static inline void fill(struct sf_flow *restrict flow, const struct sf_table *restrict table,
	const struct sf_entry *restrict hot, const struct sf_entry_half *restrict reverse,
	const uint8_t (*address6)[32], const struct sf_entry_cold *cold)
{
	unsigned first = hot->state & SF_STATE_SIDE ? 1 : 0;

	if (hot->state & SF_STATE_REVERSE) {
		first = fill_halves(flow, table, hot, reverse);
	} else {
		fill_half(&flow->half[0], table, &hot->half, hot->first_ns,
			hot->first_ns + sf_half_time(hot->half.end));
		memset(&flow->half[1], 0, sizeof(flow->half[1]));
	}
	fill_key(flow, hot, address6, first);
	if (sf_unlikely(cold != NULL))
		fill_cold(flow, cold, first);
	flow->domain = table->domain ? table->domain[sf_half_interface(&hot->half)] : 0;
}

static inline void count_half(struct sf_table *table, const struct sf_entry_half *half)
{
	table->ledger.record_packets += sf_half_packets(half);
	table->ledger.record_octets += half->octets;
}

/* The record at table->next, which has been counted, waits for the sink from now on. */
static inline void queue(struct sf_table *table)
{
	if (++table->next == table->record + SF_BATCH_MAX)
		sf_table_flush(table);
}

static sf_always_inline uint64_t emit(
	struct sf_table *table, const struct sf_table *of, uint32_t id, enum sf_end_reason reason)
{
	const struct sf_entry *hot = &of->hot[id];
	const uint8_t(*address6)[32] = (const uint8_t(*)[32]) & of->address6[id];
	struct sf_flow *flow = table->next;
	uint64_t flow_id = 0;

	count_half(table, &hot->half);
	if (hot->state & SF_STATE_REVERSE)
		count_half(table, &of->reverse[id]);
	fill(flow, of, hot, &of->reverse[id], address6, sf_cold_of(of, id));
	flow->end_reason = (uint8_t)reason;
	if (of->flow_ids)
		flow_id = hot->state & SF_STATE_CUT ? of->identity[id] : flow_id_of(hot, address6);
	flow->id = flow_id;
	queue(table);
	return flow_id;
}

uint64_t sf_table_emit(struct sf_table *table, uint32_t id, enum sf_end_reason reason)
{
	return emit(table, table, id, reason);
}

void sf_table_finish_part(
	struct sf_table *table, const struct sf_table *of, uint32_t from, uint32_t to, int64_t now)
{
	for (uint32_t place = from; place < to; place++) {
		uint32_t id = place < of->low ? place : place - of->low + of->high;
		const struct sf_entry *hot = &of->hot[id];

		__builtin_prefetch(hot + SF_ENTRIES_AHEAD);
		if (!hot->version || hot->state & SF_STATE_EMPTY)
			continue;
		emit(table, of, id,
			hot->state & SF_STATE_LINGER || sf_entry_deadline(of, hot) <= now
				? sf_entry_reason(of, hot)
				: SF_END_FORCED);
	}
	sf_table_flush(table);
}

void sf_table_emit_each(struct sf_table *table, const struct sf_facts *facts, unsigned count)
{
	uint64_t octets = 0;

	for (unsigned i = 0; i < count; i++) {
		const uint8_t(*address6)[32] = (const uint8_t(*)[32])facts[i].address6;
		struct sf_flow *flow = table->next;
		struct sf_entry_cold cold;
		struct sf_entry entry = { .address = facts[i].address,
			.ports = facts[i].ports,
			.tags = facts[i].tags,
			.scope = facts[i].scope,
			.protocol = facts[i].protocol,
			.version = facts[i].version };

		entry.state = sf_entry_state(0, &facts[i]);
		sf_entry_begin(&entry, table->cold ? &cold : NULL, &facts[i]);
		entry.half.counts += 1 | (uint64_t)facts[i].tcp_flags << SF_HALF_TCP_FLAGS;
		entry.half.octets = facts[i].octets;
		if (facts[i].flags & SF_FACT_FRAGMENT)
			entry.state |= SF_STATE_FRAGMENT;
		octets += facts[i].octets;
		count_half(table, &entry.half);
		fill(flow, table, &entry, &entry.half, address6, table->cold ? &cold : NULL);
		flow->end_reason = SF_END_IDLE;
		flow->id = table->flow_ids ? flow_id_of(&entry, address6) : 0;
		queue(table);
	}
	table->ledger.packets += count;
	table->ledger.octets += octets;
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
