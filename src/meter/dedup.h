/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds copies of packets: a switch that mirrors a packet at ingress and at egress delivers it
 * twice within a short time. Two packets are copies of each other if
 *
 * - all bytes from the IP header on agree, to the last captured byte that both packets have, except
 *   fields that routers change: TOS or traffic class, TTL or hop limit, and the checksum of an IPv4
 *   header. Headers before IP (MAC addresses, VLAN tags, MPLS labels) and padding do not count.
 * - their times differ by no more than the window, in either direction.
 *
 * Captured lengths may differ: of two copies cut at the same snap length, one with a VLAN tag has
 * four bytes of IP less. Copies are found up to a difference of SF_DEDUP_STEM bytes.
 *
 * To drop copies, every packet is examined. To estimate their share, a sample is examined, chosen
 * by content, so that either both copies are in it or none.
 */
#ifndef SPANFLOW_METER_DEDUP_H
#define SPANFLOW_METER_DEDUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SF_DEDUP_WINDOW_NS INT64_C(10000000) /* 10 ms: above any mirror's delay, below any RTO */
#define SF_DEDUP_SAMPLE    64                /* the sample is one packet in this many */
#define SF_DEDUP_STEM      32                /* largest difference of captured lengths, bytes */

struct sf_dedup {
	struct sf_dedup_slot *slots;
	struct sf_dedup_stem *stems;
	uint64_t secret[4];
	int64_t window_ns;
	uint32_t slot_mask, stem_mask;
	bool sampling;       /* estimate only: examine one packet in SF_DEDUP_SAMPLE */
	uint64_t last_cut;   /* value of `examined` at the last packet that was cut */
	uint64_t examined;   /* packets examined; written by the meter's thread */
	uint64_t duplicates; /* packets examined that are copies of an earlier one */
};

/*
 * `drop`: examines every packet (4 MiB of memory, 15 MiB for captures with cut packets); else the
 * sample (0.2 MiB). `window_ns` > 0. `secret`: random, so that nobody can build packets that are
 * taken for copies. Returns 0 or -ENOMEM.
 */
int sf_dedup_init(struct sf_dedup *dedup, bool drop, int64_t window_ns, uint64_t secret);
void sf_dedup_fini(struct sf_dedup *dedup);

/*
 * True when this IP packet is a copy of one seen before. `ip`: `length` captured bytes from the IP
 * header on, without padding (sf_facts_captured()), which the parser has accepted as IPv4 or IPv6:
 * the fixed header is there. time_ns may be any number.
 */
bool sf_dedup_seen(struct sf_dedup *dedup, const uint8_t *ip, size_t length, int64_t time_ns);

#endif
