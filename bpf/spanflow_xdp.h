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
	__u64 homeless; /* no socket for the receive queue: left to the host, not metered */
	__u64 reserved[6];
};

/* `flags` of the metadata */
#define SF_XDP_TIMESTAMP 0x5f000001U /* high half: written by this program */
#define SF_XDP_VLAN      0x5f000002U

/* Directly before the packet's bytes, when the program with metadata runs. */
struct sf_xdp_metadata {
	__u64 timestamp; /* of the device, ns */
	__u16 vlan_tpid; /* network order */
	__u16 vlan_tci;  /* host order */
	__u32 flags;     /* 0: nothing is known */
};

_Static_assert(sizeof(struct sf_xdp_counters) == 64, "one cache line");
_Static_assert(sizeof(struct sf_xdp_metadata) == 16, "metadata must be a multiple of 4");

#endif
