/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of capture drivers in this build. */
#include <stddef.h>
#include <string.h>

#include <spanflow/capture.h>

#include "spanflow_config.h"

extern const struct sf_capture_ops sf_driver_file, sf_driver_pcap, sf_driver_af_xdp, sf_driver_dpdk;

const struct sf_capture_ops *const sf_capture_drivers[] = {
#ifdef HAVE_DRIVER_FILE
	&sf_driver_file,
#endif
#ifdef HAVE_DRIVER_PCAP
	&sf_driver_pcap,
#endif
#ifdef HAVE_DRIVER_AF_XDP
	&sf_driver_af_xdp,
#endif
#ifdef HAVE_DRIVER_DPDK
	&sf_driver_dpdk,
#endif
	NULL,
};

const struct sf_capture_ops *sf_capture_driver(const char *name)
{
	for (const struct sf_capture_ops *const *ops = sf_capture_drivers; *ops; ops++)
		if (strcmp((*ops)->name, name) == 0)
			return *ops;
	return NULL;
}
