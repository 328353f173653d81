/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the two halves of the conversion share: convert.c reads the fields of a record one by one,
 * settle.c does what depends on more than one of them.
 */
#ifndef SPANFLOW_COLLECT_CONVERT_H
#define SPANFLOW_COLLECT_CONVERT_H

#include <assert.h>

#include "collect/internal.h"

#define SF_NS_PER_MS INT64_C(1000000)

/* Each is filled by one field of a record at most, for each direction. */
enum slot {
	SLOT_INIT, /* before the times that need it */
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

/* What was read of a record besides the flow itself. */
struct sf_collect_notes {
	uint64_t slots[2];   /* which of the template's slots could be filled */
	uint64_t uptimes[2]; /* start or end: `value` is an uptime that could not be dated */
	uint64_t value[SLOTS][2];
	const uint8_t *address[4]; /* of SLOT_SRC4 … SLOT_DST6, where noted */
};

static inline bool sf_collect_noted(
	const struct sf_collect_notes *notes, unsigned half, enum slot slot)
{
	return notes->slots[half] >> slot & 1;
}

/* A number of units as ns: INT64_MAX when it is more than that. */
static inline int64_t sf_collect_time(uint64_t value, int64_t unit_ns)
{
	return value > (uint64_t)(INT64_MAX / unit_ns) ? INT64_MAX : (int64_t)value * unit_ns;
}

/* ---- settle.c */

/* When the exporter of this record had been up for `uptime` ms; false: that is not known. */
bool sf_collect_uptime(const struct sf_collect_message *message,
	const struct sf_collect_template *template, uint32_t uptime, int64_t *ns);

/* Fills in what depends on more than one field: addresses, times, ICMP, directions. */
void sf_collect_settle(struct sf_collect_message *message, const struct sf_collect_notes *notes);

#endif
