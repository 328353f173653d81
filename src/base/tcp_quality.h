/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the TCP packets of a flow say about the quality of its connection: lost and repeated
 * segments, round trips, windows. A packet is judged by the packets of both directions before it,
 * in the order in which they arrive; the rules are those of Wireshark's analysis, so that both name
 * the same packets (docs/facts.md tells the differences).
 *
 *	sf_tcp_watch(own, other, &facts, packet);     for each packet; `own`: the side that sent it
 *	sf_tcp_cut(own);                              the record ends, the flow goes on
 *
 * A side has a fixed size. Of the segments that wait for an acknowledgement it knows
 * SF_TCP_SEGMENTS: with more under way, some of the others have no round trip, and nothing else
 * changes.
 */
#ifndef SPANFLOW_BASE_TCP_QUALITY_H
#define SPANFLOW_BASE_TCP_QUALITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/facts.h"

#define SF_TCP_SEGMENTS 16

/* One direction of a flow. All zeros: no packet was seen. */
struct sf_tcp_side {
	/* of the record */
	uint64_t retransmitted_octets;
	uint64_t rtt_sum; /* µs */
	uint32_t rtt_count, rtt_min, rtt_max;
	uint32_t retransmitted, out_of_order, duplicate_acks, zero_windows;
	/* the side that answered a SYN: SYN to SYN+ACK, 1 at least; 0: not seen */
	uint32_t server_us;
	uint32_t client_us; /* the side that began: SYN+ACK to ACK, likewise */
	/* of the flow's first packet, of its SYN if that was seen */
	uint32_t sequence;
	uint16_t window, mss; /* mss: 0 not told */
	uint8_t scale;        /* of the window; 0 not told */
	uint8_t sack_permitted;
	/* what the next packets are judged by */
	uint8_t state;      /* SF_TCP_BEGUN, … */
	uint8_t duplicates; /* acknowledgements that repeated last_ack */
	uint16_t last_window;
	uint8_t sack_count;
	uint8_t segment_count;
	uint32_t next; /* sequence number behind all that was sent */
	uint32_t last_ack;
	int64_t next_ns, ack_ns; /* when `next` and `last_ack` were sent */
	int64_t syn_ns;          /* of the latest SYN, or the first SYN+ACK */
	/* from SYN to the first answer or ACK; 0: not known, UINT32_MAX: as long or longer */
	uint32_t initial_ns;
	uint32_t sacks[4][2]; /* what the latest acknowledgement with SACK blocks told */
	/* segments that wait for their acknowledgement, in the order of being sent */
	uint32_t end[SF_TCP_SEGMENTS], sent_us[SF_TCP_SEGMENTS];
};

#define SF_TCP_BEGUN      0x01u /* a packet was seen */
#define SF_TCP_SENT       0x02u /* `next` is known */
#define SF_TCP_ACKED      0x04u /* `last_ack` is known */
#define SF_TCP_KEEP_ALIVE 0x08u /* the latest packet was a keep-alive */
#define SF_TCP_PROBE      0x10u /* the latest packet was a probe of a window of 0 */
#define SF_TCP_SYN_SEEN   0x20u
#define SF_TCP_SYN_ACKED  0x40u /* this side answered a SYN, and is not answered yet */
#define SF_TCP_ASKED      0x80u /* this side sent a SYN without ACK */

/*
 * `packet`: struct sf_tcp_packet, at any address. Both sides: struct
 * sf_tcp_side, at multiples of 8.
 */
void sf_tcp_watch(
	uint8_t *own, uint8_t *other, const struct sf_facts *facts, const uint8_t *packet);

/* Empties what belongs to a record. */
void sf_tcp_cut(uint8_t *side);

/*
 * Whether a packet begins a connection: a SYN without ACK begins another one (OTHER) if its
 * sequence number differs from that of its side's earlier packets, else the same one again (AGAIN).
 */
enum sf_tcp_begins { SF_TCP_BEGINS_NOTHING, SF_TCP_BEGINS_OTHER, SF_TCP_BEGINS_AGAIN };
enum sf_tcp_begins sf_tcp_begins(
	const uint8_t *side, const struct sf_facts *facts, const uint8_t *packet);

#endif
