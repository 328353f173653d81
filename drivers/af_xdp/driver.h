/* SPDX-License-Identifier: BSD-2-Clause */
/* Members of the driver's table (af_xdp.c) that its proxy (proxy.c) has too. */
#ifndef SPANFLOW_DRIVERS_AF_XDP_DRIVER_H
#define SPANFLOW_DRIVERS_AF_XDP_DRIVER_H

#define SF_XDP_NAME "xdp"
#define SF_XDP_SUMMARY                                                                             \
	"AF_XDP sockets with an XDP program of their own; takes the frames away from the host"

#endif
