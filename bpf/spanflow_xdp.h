/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * What the XDP program and the AF_XDP driver agree on. Included by both, so nothing but
 * fixed-size types; padding is explicit.
 */
#ifndef SPANFLOW_XDP_H
#define SPANFLOW_XDP_H

#include <linux/types.h>

/* The program counts per processor, each on cache lines of its own. */
#define SF_XDP_CPUS 256 /* a power of two; processors beyond it share */

struct sf_xdp_counters {
	__u64 passed;   /* unicast to the interface itself: left to the host, not metered */
	__u64 unserved; /* no socket for the receive queue: left to the host, not metered */
	__u64 reserved[6];
};

/* `flags` of the metadata */
#define SF_XDP_MARK        0x5f000000U /* always, where there is metadata at all */
#define SF_XDP_DEVICE_TIME 0x00000001U
#define SF_XDP_VLAN        0x00000002U
#define SF_XDP_ARRIVAL     0x00000004U

/* Directly before the packet's bytes, when the program knows something of it. */
struct sf_xdp_metadata {
	__u64 device_time; /* of the device's clock, ns */
	__u64 arrival;     /* when the program ran: monotonic clock, ns */
	__u16 vlan_tpid;   /* network order */
	__u16 vlan_tci;    /* host order */
	__u32 flags;       /* SF_XDP_… */
};

_Static_assert(sizeof(struct sf_xdp_counters) == 64, "one cache line");
_Static_assert(sizeof(struct sf_xdp_metadata) == 24, "metadata must be a multiple of 4");

#endif
