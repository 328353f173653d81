/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's place in libspanflow. The driver needs libbpf and libxdp, which programs that meter
 * capture files do not want, so it is a module there. The program spanflow has it linked in.
 */
#include "base/proxy.h"

#include "af_xdp/driver.h"

SF_PROXY_DRIVER(sf_driver_af_xdp, SF_XDP_NAME, SF_XDP_SUMMARY, "sf_driver_af_xdp")
