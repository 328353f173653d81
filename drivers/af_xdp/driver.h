/* SPDX-License-Identifier: BSD-2-Clause */
/* What the driver's table (af_xdp.c) and the table that stands for it (proxy.c) have in common. */
#ifndef SPANFLOW_DRIVERS_AF_XDP_DRIVER_H
#define SPANFLOW_DRIVERS_AF_XDP_DRIVER_H

#define SF_XDP_NAME "xdp"
#define SF_XDP_SUMMARY                                                                             \
	"AF_XDP sockets with an XDP program of their own; takes the frames away from the host"

#endif
