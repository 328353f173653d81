/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands for the driver in libspanflow. The driver needs libbpf and libxdp, which programs that
 * meter capture files have no use for, so in libspanflow it is a module. The program spanflow links
 * it.
 */
#include "base/proxy.h"

#include "af_xdp/driver.h"

SF_PROXY_DRIVER(sf_driver_af_xdp, SF_XDP_NAME, SF_XDP_SUMMARY, "sf_driver_af_xdp")
