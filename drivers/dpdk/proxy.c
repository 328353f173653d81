/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's place in the program. DPDK is two dozen libraries that do work when they are loaded,
 * so the driver is a module, and this table loads it as soon as a source is to be opened, or asked
 * whether it could be. What opens is the module's: its captures have the module's table.
 */
#include "dpdk/driver.h"

extern const struct sf_capture_ops sf_driver_dpdk;

static const struct sf_capture_ops *load(struct sf_error *error)
{
	return sf_module_load(SF_DPDK_NAME, "sf_dpdk_ops", error);
}

static int open_capture(struct sf_capture **capture, const struct sf_capture_options *options,
	struct sf_error *error)
{
	const struct sf_capture_ops *ops = load(error);

	return ops ? ops->open(capture, options, error) : SF_EUNSUPPORTED;
}

static int probe(struct sf_error *error)
{
	return load(error) ? 0 : SF_EUNSUPPORTED;
}

const struct sf_capture_ops sf_driver_dpdk = {
	.name = SF_DPDK_NAME,
	.summary = SF_DPDK_SUMMARY,
	.open = open_capture,
	.probe = probe,
};
