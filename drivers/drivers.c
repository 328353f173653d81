/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of capture drivers in this build. */
#include <stddef.h>
#include <string.h>

#include <spanflow/capture.h>

#include "base/sized.h"

#include "spanflow_config.h"

extern const struct sf_capture_ops sf_driver_file, sf_driver_pcap, sf_driver_af_xdp, sf_driver_dpdk,
	sf_driver_udp, sf_driver_gre;

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
#ifdef HAVE_DRIVER_SOCKET
	&sf_driver_udp,
	&sf_driver_gre,
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

int sf_capture_open_sized(struct sf_capture **capture, const char *driver,
	const struct sf_capture_options *options, size_t size, struct sf_error *error)
{
	const struct sf_capture_ops *ops = sf_capture_driver(driver);
	struct sf_capture_options known;
	int code = sf_sized_options(&known, sizeof(known), options, size, error);

	if (code < 0)
		return code;
	if (!ops)
		return sf_error_set(error, SF_EUNSUPPORTED,
			"this libspanflow was built without a driver named '%s'; 'spanflow list "
			"drivers' tells which there are",
			driver);
	return ops->open(capture, &known, error);
}

void sf_capture_close(struct sf_capture *capture)
{
	if (capture)
		capture->ops->close(capture);
}

void sf_capture_stats_sized(struct sf_capture *capture, struct sf_capture_stats *stats, size_t size)
{
	struct sf_capture_stats known = { 0 };

	capture->ops->stats(capture, &known);
	sf_sized_counters(stats, size, &known, sizeof(known));
}
