/* SPDX-License-Identifier: BSD-2-Clause */
/* Members that the proxy's table (proxy.c) and the module's table (dpdk.c) both have. */
#ifndef SPANFLOW_DRIVERS_DPDK_DRIVER_H
#define SPANFLOW_DRIVERS_DPDK_DRIVER_H

#include <spanflow/capture.h>

#include "base/module.h"

#define SF_DPDK_NAME "dpdk"
#define SF_DPDK_SUMMARY                                                                            \
	"DPDK ports by PCI address or virtual device; takes the port away from the host"

/* Exists in the module only. */
extern const struct sf_capture_ops sf_dpdk_ops SF_MODULE_OBJECT;

#endif
