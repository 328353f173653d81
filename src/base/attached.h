/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The XDP program of an interface, by rtnetlink. For drivers of other projects that attach one and
 * have no right to take it off when the run ends (DPDK's net_af_xdp).
 */
#ifndef SPANFLOW_BASE_ATTACHED_H
#define SPANFLOW_BASE_ATTACHED_H

#include <stdint.h>

struct sf_attached {
	unsigned index; /* of the interface */
	uint32_t id;    /* of the program; 0: there is none */
	uint8_t mode;   /* XDP_ATTACHED_… */
};

/* What is attached now. 0 or -errno; a zeroed `attached` then. */
int sf_attached_read(struct sf_attached *attached, unsigned index);

/*
 * Takes off what is attached now, if nothing was when `before` was read and the interface is still
 * the same. 0 or -errno.
 */
int sf_attached_restore(const struct sf_attached *before);

#endif
