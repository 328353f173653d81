/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accounts packets that are not plain (is_plain() in table.c): a packet after a timeout, out of
 * order, of a fragment, or at the end of a TCP connection. All rules for a packet (docs/table.md)
 * are here, for every case and in their order; the packet path is a short form for plain packets.
 */
#include "table/layout.h"

/* True if one of the record's timeouts has passed at the packet's clock. */
static bool is_timed_out(
	const struct sf_table *table, const struct sf_entry *hot, const struct sf_facts *facts)
{
	int64_t age = sf_time_since(facts->clock_ns, hot->first_ns);

	return age >= table->active_ns || age - sf_half_time(hot->half.end) >= table->idle_ns;
}

enum sf_tcp_begins sf_table_begins(
	const struct sf_table *table, uint32_t id, const struct sf_facts *facts)
{
	const size_t index = (size_t)(facts - table->facts[0]);
	const uint8_t *side = table->annex + (size_t)id * table->annex_bytes;

	assert(index < sizeof(table->facts) / sizeof(table->facts[0][0]));
	if (facts->flags & SF_FACT_SWAPPED)
		side += table->layout.side_bytes;
	return sf_annex_begins(&table->layout, side, facts,
		table->packet_annexes + index * table->layout.packet_bytes);
}

/* ns by which the record's begin may move back: the entry's times have 48 bits. */
static int64_t room_before(const struct sf_entry *hot)
{
	int64_t end = sf_half_time(hot->half.begin), last = sf_half_time(hot->half.end);

	return SF_DELTA_MAX - (end > last ? end : last);
}

/*
 * Emits the entry's record, and begins the next record with this packet. The flow, and its flowId,
 * stay the same after an active timeout, if the idle timeout has not passed too, and when a packet
 * lies too far before the record's first one. Otherwise, and if the packet begins another
 * connection, it begins another flow.
 */
static void restart(struct sf_table *table, uint32_t id, const struct sf_facts *facts)
{
	struct sf_entry *hot = &table->hot[id];
	int64_t age = sf_time_since(facts->clock_ns, hot->first_ns);
	bool awake = age - sf_half_time(hot->half.end) < table->idle_ns;
	bool active = table->active_ns - sf_half_time(hot->half.end) <= table->idle_ns ||
		      !is_timed_out(table, hot, facts);
	enum sf_tcp_begins begins =
		table->annex_changes ? sf_table_begins(table, id, facts) : SF_TCP_BEGINS_NOTHING;
	bool other = begins == SF_TCP_BEGINS_OTHER;
	bool same = awake && !(hot->state & SF_STATE_LINGER) && !other;
	/* once more while the flow lingers: later it may have left the table already */
	bool again = begins == SF_TCP_BEGINS_AGAIN && hot->state & SF_STATE_LINGER &&
		     age < sf_half_time(hot->half.begin);
	enum sf_annex_keep keep = same    ? SF_ANNEX_KEEP_FLOW
				  : again ? SF_ANNEX_KEEP_WATCHED
					  : SF_ANNEX_KEEP_NOTHING;
	uint64_t flow_id;
	uint32_t kept;

	if (!(hot->state & SF_STATE_EMPTY)) {
		enum sf_end_reason reason = SF_END_IDLE;

		if (hot->state & SF_STATE_LINGER || (other && !is_timed_out(table, hot, facts)))
			reason = SF_END_DETECTED;
		else if (active)
			reason = SF_END_ACTIVE;

		flow_id = sf_table_emit(table, id, reason);
		if (same && !(hot->state & SF_STATE_CUT)) {
			table->identity[id] = flow_id;
			hot->state |= SF_STATE_CUT;
		}
	}
	kept = hot->state & SF_STATE_WHEEL;
	kept |= same ? hot->state & SF_STATE_FLOW : sf_entry_initiator(facts);
	sf_entry_make(table, id, facts, facts->version, kept, false, keep);
	if (same)
		return;
	table->ledger.flows_ended++;
	table->ledger.flows_created++;
}

/*
 * Accounts for a packet that is earlier than the record's first one. The record begins with this
 * packet now, and the entry's times are shifted. The packet also decides who began the flow, unless
 * the flow began in an earlier record. If the other side sent it, hot and reverse change places:
 * the hot half is always that of the first packet's sender.
 */
static void rebase(struct sf_table *table, uint32_t id, const struct sf_facts *facts)
{
	struct sf_entry *hot = &table->hot[id];
	struct sf_entry_half *half = &hot->half, *reverse = &table->reverse[id], was;
	int64_t shift = sf_time_since(hot->first_ns, facts->time_ns);
	bool side = facts->flags & SF_FACT_SWAPPED;

	assert(shift <= room_before(hot)); /* is_over() */
	if (!(hot->state & SF_STATE_CUT)) {
		hot->state &= (uint16_t)~SF_STATE_INITIATOR;
		hot->state |= (uint16_t)sf_entry_initiator(facts);
	}
	hot->first_ns -= shift;
	half->end += (uint64_t)shift;
	if (hot->state & (SF_STATE_LINGER | SF_STATE_FIN_0 | SF_STATE_FIN_1))
		half->begin += (uint64_t)shift;
	if (hot->state & SF_STATE_REVERSE) {
		reverse->begin += (uint64_t)shift;
		reverse->end += (uint64_t)shift;
	}
	if (side == !!(hot->state & SF_STATE_SIDE))
		return;
	if (!(hot->state & SF_STATE_REVERSE))
		sf_half_begin(reverse, facts, false);
	was = *half;
	*half = *reverse;
	half->begin = sf_half_with_time(half->begin, sf_half_time(was.begin));
	half->end = sf_half_with_time(half->end, sf_half_time(was.end));
	was.begin = sf_half_with_time(was.begin, shift);
	was.end = sf_half_with_time(was.end, sf_half_time(reverse->end));
	*reverse = was;
	hot->state = (hot->state ^ SF_STATE_SIDE) | SF_STATE_REVERSE;
}

/* The TCP connection has ended: the flow stays for SF_LINGER_NS to take late packets. */
static void end_connection(struct sf_table *table, uint32_t id, const struct sf_facts *facts)
{
	struct sf_entry *hot = &table->hot[id];
	int64_t linger = sf_time_since(facts->clock_ns, hot->first_ns) + SF_LINGER_NS;

	hot->state |= SF_STATE_LINGER;
	/* a record's first packet may lie any time behind the clock */
	hot->half.begin =
		sf_half_with_time(hot->half.begin, linger < SF_DELTA_MAX ? linger : SF_DELTA_MAX);
	sf_table_file_linger(table, id);
}

/* True if the receiver of the last FIN has sent a later packet. */
static bool is_answered(const struct sf_table *table, uint32_t id)
{
	const struct sf_entry *hot = &table->hot[id];
	bool side = !(hot->state & SF_STATE_FIN_LAST);
	int64_t last = 0;

	if (side == !!(hot->state & SF_STATE_LATEST))
		last = sf_half_time(hot->half.end);
	else if (hot->state & SF_STATE_REVERSE)
		last = sf_half_time(table->reverse[id].end);
	return last > sf_half_time(hot->half.begin);
}

/* Enters a FIN. The last of two FINs is the one whose packet has the later time. */
static void fin_step(struct sf_entry *hot, int64_t at, bool side)
{
	bool first = !(hot->state & (SF_STATE_FIN_0 | SF_STATE_FIN_1));

	hot->state |= side ? SF_STATE_FIN_1 : SF_STATE_FIN_0;
	if (!first && at < sf_half_time(hot->half.begin))
		return;
	hot->state &= (uint16_t)~SF_STATE_FIN_LAST;
	hot->state |= side ? SF_STATE_FIN_LAST : 0;
	hot->half.begin = sf_half_with_time(hot->half.begin, at);
}

static bool have_both_ended(const struct sf_entry *hot)
{
	return (hot->state & (SF_STATE_FIN_0 | SF_STATE_FIN_1)) ==
	       (SF_STATE_FIN_0 | SF_STATE_FIN_1);
}

/*
 * Decides whether the packet, which has been counted, ends its TCP connection. A connection ends
 * with RST, or with a FIN of both sides and an ACK for the last FIN. Packet times decide: where the
 * last FIN arrives late, its ACK may have arrived before it.
 */
static void tcp_step(struct sf_table *table, uint32_t id, const struct sf_facts *facts)
{
	struct sf_entry *hot = &table->hot[id];
	int64_t at = sf_time_since(facts->time_ns, hot->first_ns);
	bool side = facts->flags & SF_FACT_SWAPPED, ended = false;

	if (hot->state & SF_STATE_LINGER)
		return;
	if (facts->tcp_flags & TCP_RST) {
		ended = true;
	} else if (facts->tcp_flags & TCP_FIN) {
		fin_step(hot, at, side);
		ended = have_both_ended(hot) && is_answered(table, id);
	} else if (facts->tcp_flags & TCP_ACK) {
		ended = have_both_ended(hot) && side == !(hot->state & SF_STATE_FIN_LAST) &&
			at >= sf_half_time(hot->half.begin);
	}
	if (ended)
		end_connection(table, id, facts);
}

/*
 * True if the packet begins a new connection while the last one lingers: a SYN without ACK that is
 * not older than the end of the last one. (An older SYN is a late packet of the last connection.)
 */
static bool is_new_connection(const struct sf_entry *hot, const struct sf_facts *facts)
{
	int64_t end = sf_half_time(hot->half.begin) - SF_LINGER_NS;

	return (facts->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
	       sf_time_since(facts->time_ns, hot->first_ns) >= end;
}

/* True if the record must end before this packet is accounted. */
static bool is_over(const struct sf_table *table, uint32_t id, const struct sf_facts *facts)
{
	const struct sf_entry *hot = &table->hot[id];
	int64_t age = sf_time_since(facts->clock_ns, hot->first_ns);

	if (hot->state & SF_STATE_EMPTY ||
		sf_time_since(hot->first_ns, facts->time_ns) > room_before(hot))
		return true;
	if (hot->state & SF_STATE_LINGER)
		return age >= sf_half_time(hot->half.begin) || is_new_connection(hot, facts);
	return is_timed_out(table, hot, facts) ||
	       (table->annex_changes && sf_table_begins(table, id, facts) == SF_TCP_BEGINS_OTHER);
}

void sf_half_widen_ttl(struct sf_entry_half *half, uint8_t ttl)
{
	unsigned min = half->end >> SF_HALF_TTL_MIN & UINT8_MAX;
	unsigned max = min + (unsigned)(half->end >> SF_HALF_TTL_RANGE);

	min = ttl < min ? ttl : min;
	max = ttl > max ? ttl : max;
	half->end = (uint64_t)sf_half_time(half->end) | (uint64_t)min << SF_HALF_TTL_MIN |
		    (uint64_t)(max - min) << SF_HALF_TTL_RANGE;
}

void sf_table_answer(struct sf_table *table, uint32_t id, const struct sf_facts *facts, int64_t at)
{
	struct sf_entry_half *reverse = &table->reverse[id];

	sf_half_begin(reverse, facts, false);
	reverse->begin |= (uint64_t)at;
	table->hot[id].state |= SF_STATE_REVERSE;
	if (sf_unlikely(table->annex != NULL) && !table->annex_changes)
		sf_table_add_annex(table, id, facts, SF_ANNEX_LATEST);
}

void sf_table_clear_annex(struct sf_table *table, uint32_t id, enum sf_annex_keep keep)
{
	uint8_t *sides = table->annex + (size_t)id * table->annex_bytes;

	sf_annex_clear(&table->layout, sides, keep);
	sf_annex_clear(&table->layout, sides + table->layout.side_bytes, keep);
}

void sf_table_add_annex(
	struct sf_table *table, uint32_t id, const struct sf_facts *facts, unsigned order)
{
	size_t index = (size_t)(facts - table->facts[0]);
	uint8_t *side = table->annex + (size_t)id * table->annex_bytes;

	assert(index < sizeof(table->facts) / sizeof(table->facts[0][0]));
	if (facts->flags & SF_FACT_SWAPPED)
		side += table->layout.side_bytes;
	sf_annex_add(&table->layout, side, facts,
		table->packet_annexes + index * table->layout.packet_bytes, order);
}

/* Counts a packet whose time may lie anywhere: before, within or after the record. */
static void count(struct sf_table *table, uint32_t id, const struct sf_facts *facts)
{
	struct sf_entry *hot = &table->hot[id];
	struct sf_entry_half *reverse = &table->reverse[id], *half;
	int64_t at = sf_time_since(facts->time_ns, hot->first_ns), last;
	unsigned order = 0;
	uint32_t turn;

	if (at < 0) {
		rebase(table, id, facts);
		order = SF_ANNEX_EARLIEST;
		at = 0;
	}
	turn = sf_entry_turn(hot->state, facts);
	if (turn & SF_STATE_SIDE && !(hot->state & SF_STATE_REVERSE))
		sf_table_answer(table, id, facts, at);
	last = sf_half_time(hot->half.end);
	if (at >= last) {
		hot->half.end += (uint64_t)(at - last);
		if (turn & SF_STATE_LATEST)
			reverse->end = sf_half_with_time(reverse->end, last);
		hot->state ^= turn & SF_STATE_LATEST;
		order |= SF_ANNEX_LATEST;
	} else if (turn & SF_STATE_LATEST && at >= sf_half_time(reverse->end)) {
		reverse->end = sf_half_with_time(reverse->end, at);
		order |= SF_ANNEX_LATEST;
	}
	half = turn & SF_STATE_SIDE ? reverse : &hot->half;
	if (half == reverse && at < sf_half_time(reverse->begin)) {
		reverse->begin = sf_half_with_time(reverse->begin, at);
		order |= SF_ANNEX_EARLIEST;
	}
	half->counts = (half->counts + 1) | (uint64_t)facts->tcp_flags << SF_HALF_TCP_FLAGS;
	half->octets += facts->octets;
	sf_half_widen_ttl(half, facts->ttl);
	if (sf_unlikely(table->annex != NULL))
		sf_table_add_annex(table, id, facts, order);
}

void sf_table_account_rare(
	struct sf_table *table, uint32_t id, const struct sf_facts *facts, bool fresh)
{
	/* a flow's first packet belongs to its record, however far it lies behind the clock */
	if (!fresh && is_over(table, id, facts))
		restart(table, id, facts);
	count(table, id, facts);
	if (facts->flags & SF_FACT_FRAGMENT)
		table->hot[id].state |= SF_STATE_FRAGMENT;
	if (facts->flags & SF_FACT_TCP &&
		(facts->tcp_flags & (TCP_FIN | TCP_RST) || table->hot[id].state & SF_STATE_FIN))
		tcp_step(table, id, facts);
}
