/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Duplicates as SPAN sessions make them: a switch that mirrors a packet at ingress and at egress
 * delivers it twice within a short time. Two packets are the same when everything from the IP
 * header on that a switch or a router on the way leaves alone is the same: lengths,
 * identification, fragment words, addresses and the first octets behind the header; not TOS,
 * TTL, header checksum, MAC addresses and VLAN tags.
 *
 * To drop copies every packet is looked at. To estimate their share, a sample is, chosen by content,
 * so that both copies are in it or neither.
 */
#ifndef SPANFLOW_METER_DEDUP_H
#define SPANFLOW_METER_DEDUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SF_DEDUP_WINDOW_NS INT64_C(10000000) /* 10 ms: above any mirror's delay, below any RTO */
#define SF_DEDUP_SAMPLE    64                /* one in so many is looked at for the estimate */

struct sf_dedup {
	struct sf_dedup_slot *slots;
	uint64_t secret[2];
	int64_t window_ns;
	uint32_t mask;
	bool sampling;       /* estimate only: look at one in SF_DEDUP_SAMPLE */
	uint64_t examined;   /* packets looked at; one writer, the meter's thread */
	uint64_t duplicates; /* of those, copies of an earlier one */
};

/*
 * drop: every packet is examined (2 MiB of memory), else the sample (16 KiB). window_ns > 0.
 * Returns 0 or -ENOMEM.
 */
int sf_dedup_init(struct sf_dedup *dedup, bool drop, int64_t window_ns, uint64_t secret);
void sf_dedup_fini(struct sf_dedup *dedup);

/*
 * True when this IP packet is a copy of one seen at most the window ago. `ip`: `length` captured
 * octets from the IP header on, without padding (sf_facts_captured()), which the parser has accepted
 * as IPv4 or IPv6.
 */
bool sf_dedup_seen(struct sf_dedup *dedup, const uint8_t *ip, size_t length, int64_t time_ns);

#endif
