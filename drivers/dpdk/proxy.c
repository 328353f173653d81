/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands for the driver in the program. DPDK's two dozen libraries take milliseconds when they are
 * loaded, so the driver is a module.
 */
#include "base/proxy.h"

#include "dpdk/driver.h"

SF_PROXY_DRIVER(sf_driver_dpdk, SF_DPDK_NAME, SF_DPDK_SUMMARY, "sf_dpdk_ops")
