/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of a driver that is a module. The module is loaded as soon as a source is to be opened,
 * or asked whether it could be opened. What opens is the module's: captures have the module's table.
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
