/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/tcp_quality.h"

#include <string.h>

enum {
	FIN = 0x01,
	SYN = 0x02,
	RST = 0x04,
	ACK = 0x10,
};

/*
 * A retransmission counts as caused by duplicate acknowledgements if it follows them within this
 * time.
 */
#define FAST_NS INT64_C(20000000)
/*
 * How late a segment may come that was overtaken by others on its way, without counting as
 * repeated; if the round trip is known, no longer than that.
 */
#define OVERTAKEN_NS INT64_C(3000000)

/* The packet that is judged. */
struct view {
	struct sf_tcp_side *own, *other;
	struct sf_tcp_packet packet;
	unsigned flags;
	int64_t time;
	bool advances; /* its side has sent no part of it before */
};

/* Sequence numbers are compared modulo 2^32: RFC 9293 §3.4. */
static bool is_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static bool has_data(const struct view *v)
{
	return v->packet.payload || v->flags & (SYN | FIN);
}

/* The sequence number behind the packet. */
static uint32_t end_of(const struct view *v)
{
	return v->packet.sequence + v->packet.payload + (v->flags & (SYN | FIN) ? 1 : 0);
}

/* At least 1, because 0 means that it was not seen. */
static uint32_t microseconds(int64_t ns)
{
	int64_t us = ns < 1000 ? 1 : ns / 1000;

	return us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

/* ---------------------------------------------------------------- the handshake */

static void begin(const struct view *v)
{
	struct sf_tcp_side *own = v->own;
	const struct sf_tcp_packet *p = &v->packet;

	/*
	 * these values describe the connection; a SYN replaces those of a packet that arrived
	 * before it
	 */
	if (own->state & SF_TCP_BEGUN && (own->state & SF_TCP_SYN_SEEN || !(v->flags & SYN)))
		return;
	own->state |= SF_TCP_BEGUN | (v->flags & SYN ? SF_TCP_SYN_SEEN : 0);
	own->sequence = p->sequence;
	own->window = p->window;
	own->mss = p->mss;
	own->scale = p->scale;
	own->sack_permitted = p->sack_permitted;
}

/* ns since the latest SYN of the side that began; 0: none was seen, or not before this packet. */
static uint32_t since_syn(const struct view *v)
{
	const struct sf_tcp_side *client = v->own->state & SF_TCP_ASKED ? v->own : v->other;
	int64_t ns = v->time - client->syn_ns;

	if (!(client->state & SF_TCP_ASKED) || ns < 0)
		return 0;
	return ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

/*
 * SYN, SYN+ACK, ACK: the first two are answered after the server's part, and the
 * client's part of a round trip.
 */
static void shake_hands(const struct view *v)
{
	struct sf_tcp_side *own = v->own, *other = v->other;

	if (v->flags & SYN && !(v->flags & ACK)) {
		own->syn_ns = v->time;
		own->state |= SF_TCP_ASKED;
	} else if (v->flags & SYN && other->state & SF_TCP_ASKED && !own->server_us) {
		own->syn_ns = v->time;
		own->server_us = microseconds(v->time - other->syn_ns);
		own->state |= SF_TCP_SYN_ACKED;
	}
	if (v->flags & SYN)
		return;
	if (!(v->flags & ACK))
		return;
	if (!own->initial_ns)
		own->initial_ns = other->initial_ns = since_syn(v);
	if (!(other->state & SF_TCP_SYN_ACKED) || v->flags & RST)
		return;
	other->state &= (uint8_t)~SF_TCP_SYN_ACKED;
	own->client_us = microseconds(v->time - other->syn_ns);
}

/* ---------------------------------------------------------------- acknowledgements */

/* One byte into a window of 0, to see whether it still is. */
static bool is_probe(const struct view *v)
{
	return v->packet.payload == 1 && v->own->state & SF_TCP_SENT &&
	       v->packet.sequence == v->own->next && v->other->state & SF_TCP_BEGUN &&
	       v->other->last_window == 0;
}

static bool is_keep_alive(const struct view *v)
{
	return v->packet.payload <= 1 && v->own->state & SF_TCP_SENT &&
	       v->packet.sequence == v->own->next - 1 && !(v->flags & (SYN | FIN | RST));
}

/* The packet says nothing new: no data, and what its side said last. */
static bool repeats(const struct view *v)
{
	return v->packet.payload == 0 && v->own->state & SF_TCP_SENT &&
	       v->packet.sequence == v->own->next && v->own->state & SF_TCP_ACKED &&
	       v->packet.window == v->own->last_window && !(v->flags & (SYN | FIN | RST));
}

/*
 * Counts windows of 0 and duplicate acknowledgements. Returns what the
 * packet is: SF_TCP_KEEP_ALIVE, …
 */
static uint8_t judge_acknowledgement(const struct view *v)
{
	struct sf_tcp_side *own = v->own;
	uint8_t kind = 0;

	if (is_probe(v))
		return SF_TCP_PROBE;
	if (v->packet.window == 0 && !(v->flags & (SYN | FIN | RST)))
		own->zero_windows++;
	if (is_keep_alive(v))
		kind = SF_TCP_KEEP_ALIVE;
	if (v->packet.window == 0 || !repeats(v) || v->packet.acknowledgement != own->last_ack ||
		v->other->state & SF_TCP_KEEP_ALIVE)
		return kind;
	own->duplicate_acks++;
	own->duplicates += own->duplicates < UINT8_MAX;
	return kind;
}

/* ---------------------------------------------------------------- segments */

static bool is_sacked(const struct view *v)
{
	const struct sf_tcp_side *other = v->other;

	for (unsigned i = 0; i < other->sack_count; i++)
		if (!is_before(v->packet.sequence, other->sacks[i][0]) &&
			!is_before(other->sacks[i][1], end_of(v)))
			return true;
	return false;
}

/* A repetition that duplicate acknowledgements or SACK blocks asked for just before. */
static bool is_fast(const struct view *v)
{
	const struct sf_tcp_side *other = v->other;

	if (v->advances || other->duplicates < 2 || v->time - other->ack_ns >= FAST_NS)
		return false;
	return other->last_ack == v->packet.sequence || (other->sack_count && !is_sacked(v));
}

/* Later segments overtook it. */
static bool is_overtaken(const struct view *v)
{
	int64_t most = v->own->initial_ns ? v->own->initial_ns : OVERTAKEN_NS;

	return !v->advances && v->time - v->own->next_ns < most && v->own->next != end_of(v);
}

/* All of it was acknowledged before. */
static bool is_spurious(const struct view *v)
{
	return v->packet.payload && v->other->state & SF_TCP_ACKED && v->other->last_ack &&
	       !is_before(v->other->last_ack, v->packet.sequence + v->packet.payload);
}

/* Retransmitted or out of order, or neither. */
static void judge_segment(struct view *v, uint8_t kind)
{
	struct sf_tcp_side *own = v->own;

	if (!has_data(v) || kind & SF_TCP_KEEP_ALIVE)
		return;
	v->advances = !(own->state & SF_TCP_SENT) || !is_before(v->packet.sequence, own->next) ||
		      (v->packet.payload > 1 && own->next - 1 == v->packet.sequence);
	if (!is_fast(v) && is_overtaken(v)) {
		own->out_of_order++;
	} else if (!v->advances || is_spurious(v)) {
		own->retransmitted++;
		own->retransmitted_octets += v->packet.payload;
	}
}

/* Segments wait for their acknowledgement. A repeated one keeps its first time. */
static void remember_segment(const struct view *v)
{
	struct sf_tcp_side *own = v->own;
	const uint32_t end = end_of(v);

	if (!has_data(v) || own->segment_count == SF_TCP_SEGMENTS)
		return;
	for (unsigned i = 0; i < own->segment_count; i++)
		if (own->end[i] == end)
			return;
	own->end[own->segment_count] = end;
	own->sent_us[own->segment_count++] = (uint32_t)((uint64_t)v->time / 1000);
}

static void count_round_trip(struct sf_tcp_side *side, uint32_t us)
{
	if (!side->rtt_count || us < side->rtt_min)
		side->rtt_min = us;
	if (us > side->rtt_max)
		side->rtt_max = us;
	side->rtt_sum += us;
	side->rtt_count++;
}

/*
 * The segments that the packet acknowledges no longer wait; of one that ends
 * there the round trip is known.
 */
static void acknowledge(const struct view *v)
{
	struct sf_tcp_side *other = v->other;
	const uint32_t ack = v->packet.acknowledgement;
	const uint32_t now_us = (uint32_t)((uint64_t)v->time / 1000);
	unsigned kept = 0;

	for (unsigned i = 0; i < other->segment_count; i++) {
		/* packets with equal time stamps give no round trip */
		if (other->end[i] == ack && is_before(other->sent_us[i], now_us))
			count_round_trip(other, now_us - other->sent_us[i]);
		if (is_before(ack, other->end[i])) {
			other->end[kept] = other->end[i];
			other->sent_us[kept++] = other->sent_us[i];
		}
	}
	other->segment_count = (uint8_t)kept;
}

/* What the next packets are judged by. */
static void remember(const struct view *v, uint8_t kind)
{
	struct sf_tcp_side *own = v->own;
	const uint32_t end = end_of(v);

	if (!(own->state & SF_TCP_SENT) || (is_before(own->next, end) && !(kind & SF_TCP_PROBE))) {
		own->next = end;
		own->next_ns = v->time;
	}
	own->last_window = v->packet.window;
	own->last_ack = v->packet.acknowledgement;
	own->ack_ns = v->time;
	own->state &= (uint8_t) ~(SF_TCP_KEEP_ALIVE | SF_TCP_PROBE);
	own->state |= SF_TCP_SENT | SF_TCP_ACKED | kind;
	own->sack_count = v->packet.sack_count;
	for (unsigned i = 0; i < own->sack_count; i++)
		memcpy(own->sacks[i], v->packet.sacks[i], sizeof(own->sacks[i]));
}

void sf_tcp_watch(uint8_t *own, uint8_t *other, const struct sf_facts *facts, const uint8_t *packet)
{
	struct view v = {
		.own = (struct sf_tcp_side *)(void *)own,
		.other = (struct sf_tcp_side *)(void *)other,
		.flags = facts->tcp_flags,
		.time = facts->time_ns,
	};
	uint8_t kind;

	memcpy(&v.packet, packet, sizeof(v.packet));
	if (!v.packet.known)
		return;
	begin(&v);
	shake_hands(&v);
	kind = judge_acknowledgement(&v);
	if (v.packet.acknowledgement != v.own->last_ack)
		v.own->duplicates = 0;
	judge_segment(&v, kind);
	remember_segment(&v);
	remember(&v, kind);
	if (v.flags & ACK)
		acknowledge(&v);
}

void sf_tcp_cut(uint8_t *side)
{
	memset(side, 0, offsetof(struct sf_tcp_side, sequence));
}

enum sf_tcp_begins sf_tcp_begins(
	const uint8_t *side, const struct sf_facts *facts, const uint8_t *packet)
{
	const struct sf_tcp_side *own = (const struct sf_tcp_side *)(const void *)side;
	struct sf_tcp_packet p;

	memcpy(&p, packet, sizeof(p));
	if (!p.known || (facts->tcp_flags & (SYN | ACK)) != SYN || !(own->state & SF_TCP_BEGUN))
		return SF_TCP_BEGINS_NOTHING;
	return own->sequence == p.sequence ? SF_TCP_BEGINS_AGAIN : SF_TCP_BEGINS_OTHER;
}
