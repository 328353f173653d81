/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests of a driver to a privileged process, for a driver whose process has given up its
 * privileges (docs/design.md §10). Drivers get the helper in sf_capture_options.helper; NULL there:
 * the driver's process has the privileges and does these things itself. Only interfaces named on
 * the command line can be asked for.
 */
#ifndef SPANFLOW_BASE_HELPER_H
#define SPANFLOW_BASE_HELPER_H

#include <stdint.h>

#include "base/ethtool.h"

/* Descriptors of an XDP program that is attached. */
enum { SF_XDP_FD_LINK, SF_XDP_FD_SOCKETS, SF_XDP_FD_COUNTERS, SF_XDP_FDS };

/* Request for an XDP program (drivers/af_xdp), and the reply. Plain data, sent in messages. */
struct sf_xdp_wish {
	uint32_t mode, fragments, queues;
};
struct sf_xdp_grant {
	uint32_t metadata, timestamp, vlan_tag;
};

/* What the privileged process does for one driver (sf_capture_ops.privileged). */
struct sf_privileged {
	/* Attaches the XDP program to the interface and hands out its descriptors. 0 or -errno. */
	int (*grant)(const struct sf_netdev *netdev, const struct sf_xdp_wish *wish,
		struct sf_xdp_grant *grant, int *fds);
};

/* Any thread. All return 0 or -errno; -EPERM when the helper is gone. */
struct sf_helper {
	/* sf_ethtool_prepare(); the helper keeps the old values. */
	int (*prepare)(const struct sf_helper *helper, const char *interface, unsigned what,
		struct sf_ethtool_outcome *outcome);
	/*
	 * Restores what prepare() changed. The helper also does so when this process ends in any
	 * way.
	 */
	int (*restore)(const struct sf_helper *helper, const char *interface);
	/* Attaches the XDP program; the descriptors become the caller's. */
	int (*xdp)(const struct sf_helper *helper, const char *interface,
		const struct sf_xdp_wish *wish, struct sf_xdp_grant *grant, int fds[SF_XDP_FDS]);
};

#endif
