/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads and detaches the XDP program of an interface, by rtnetlink. Needed for DPDK's net_af_xdp,
 * which attaches a program and at the end of the run has no privilege to detach it.
 */
#ifndef SPANFLOW_BASE_ATTACHED_H
#define SPANFLOW_BASE_ATTACHED_H

#include <stdint.h>

struct sf_attached {
	unsigned index; /* of the interface */
	uint32_t id;    /* of the program; 0: none is attached */
	uint8_t mode;   /* XDP_ATTACHED_… */
};

/* Reads which program is attached now. 0 or -errno; `attached` is zeroed then. */
int sf_attached_read(struct sf_attached *attached, unsigned index);

/*
 * Detaches the present program, if none was attached when `before` was read and the interface is
 * still the same. 0 or -errno.
 */
int sf_attached_restore(const struct sf_attached *before);

#endif
