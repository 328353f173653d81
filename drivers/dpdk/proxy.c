/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's place in the program. DPDK is two dozen libraries that do work when they are loaded,
 * so the driver is a module.
 */
#include "base/proxy.h"

#include "dpdk/driver.h"

SF_PROXY_DRIVER(sf_driver_dpdk, SF_DPDK_NAME, SF_DPDK_SUMMARY, "sf_dpdk_ops")
