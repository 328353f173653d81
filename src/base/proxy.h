/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table that stands for the table of a driver in a module. Its functions load the module when a
 * source is opened (open) or `spanflow list drivers` asks whether the driver would work (probe),
 * and call the module's function. An open capture has the module's table.
 *
 *	SF_PROXY_DRIVER(sf_driver_dpdk, SF_DPDK_NAME, SF_DPDK_SUMMARY, "sf_dpdk_ops")
 *
 * defines sf_driver_dpdk, which stands for the object sf_dpdk_ops of module "dpdk".
 */
#ifndef SPANFLOW_BASE_PROXY_H
#define SPANFLOW_BASE_PROXY_H

#include <spanflow/capture.h>

#include "base/module.h"

#define SF_PROXY_DRIVER(driver, driver_name, driver_summary, symbol)                               \
	static int open_capture(struct sf_capture **capture,                                       \
		const struct sf_capture_options *options, struct sf_error *error)                  \
	{                                                                                          \
		const struct sf_capture_ops *ops = sf_module_load(driver_name, symbol, error);     \
                                                                                                   \
		return ops ? ops->open(capture, options, error) : SF_EUNSUPPORTED;                 \
	}                                                                                          \
                                                                                                   \
	static int probe(struct sf_error *error)                                                   \
	{                                                                                          \
		const struct sf_capture_ops *ops = sf_module_load(driver_name, symbol, error);     \
                                                                                                   \
		if (!ops)                                                                          \
			return SF_EUNSUPPORTED;                                                    \
		return ops->probe ? ops->probe(error) : 0;                                         \
	}                                                                                          \
                                                                                                   \
	extern const struct sf_capture_ops driver;                                                 \
	const struct sf_capture_ops driver = {                                                     \
		.name = driver_name,                                                               \
		.summary = driver_summary,                                                         \
		.open = open_capture,                                                              \
		.probe = probe,                                                                    \
	};

#endif
