/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Converts records to flow records field by field: convert.c reads the fields one by one, settle.c
 * then fills in what depends on more than one field.
 */
#ifndef SPANFLOW_COLLECT_CONVERT_H
#define SPANFLOW_COLLECT_CONVERT_H

#include <assert.h>

#include "collect/internal.h"

#define SF_NS_PER_MS INT64_C(1000000)

/* What fields fill. For each direction, at most one field of a record fills a slot. */
enum slot {
	SLOT_INIT, /* first, because uptimes are converted with it */
	SLOT_START,
	SLOT_END,
	SLOT_DURATION_MS,
	SLOT_DURATION_US,
	SLOT_REVERSE_DELAY,
	SLOT_OCTETS,
	SLOT_PACKETS,
	SLOT_INGRESS,
	SLOT_EGRESS,
	SLOT_DIRECTION,
	SLOT_MPLS,
	SLOT_FLOW_LABEL,
	SLOT_TCP_FLAGS,
	SLOT_TOS,
	SLOT_TTL_MIN,
	SLOT_TTL_MAX,
	SLOT_SRC_MAC,
	SLOT_DST_MAC,
	SLOT_SRC4,
	SLOT_DST4,
	SLOT_SRC6,
	SLOT_DST6,
	SLOT_VERSION,
	SLOT_SPORT,
	SLOT_DPORT,
	SLOT_PROTOCOL,
	SLOT_VLAN,
	SLOT_CVLAN,
	SLOT_ID,
	SLOT_END_REASON,
	SLOT_FLOWS,
	SLOT_FRAGMENT_FLAGS,
	SLOT_FRAGMENT_OFFSET,
	SLOT_ICMP4,
	SLOT_ICMP4_TYPE,
	SLOT_ICMP4_CODE,
	SLOT_ICMP6,
	SLOT_ICMP6_TYPE,
	SLOT_ICMP6_CODE,
	SLOTS
};

static_assert(SLOTS <= 64, "a template keeps the slots it fills in one word");

/* Values of a record that settle.c needs. */
struct sf_collect_notes {
	uint64_t slots[2]; /* slots that were filled, of each direction */
	/* SLOT_START or SLOT_END: `value` is an uptime whose time is unknown */
	uint64_t uptimes[2];
	uint64_t value[SLOTS][2];
	const uint8_t *address[4]; /* of SLOT_SRC4 … SLOT_DST6, if they were filled */
};

static inline bool sf_collect_noted(
	const struct sf_collect_notes *notes, unsigned half, enum slot slot)
{
	return notes->slots[half] >> slot & 1;
}

/* `value` units as ns, at most INT64_MAX. */
static inline int64_t sf_collect_time(uint64_t value, int64_t unit_ns)
{
	return value > (uint64_t)(INT64_MAX / unit_ns) ? INT64_MAX : (int64_t)value * unit_ns;
}

/* ---- settle.c */

/*
 * The time at which the exporter of this record had the uptime
 * `uptime` (ms). False: it is not known.
 */
bool sf_collect_uptime(const struct sf_collect_message *message,
	const struct sf_collect_template *template, uint32_t uptime, int64_t *ns);

/* Fills in members that depend on more than one field: addresses, times, ICMP, directions. */
void sf_collect_settle(struct sf_collect_message *message, const struct sf_collect_notes *notes);

/* Finds out which addresses of a settled record are those of networks (SF_KNOWN_PREFIX). */
void sf_collect_networks(struct sf_collected *record);

#endif
