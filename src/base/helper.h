/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests to a privileged process, from a driver whose process has given up its privileges
 * (docs/design.md §10). Example, in a driver that finds that its interface came back:
 *
 *	if (options->helper)
 *		result = options->helper->prepare(
 *			options->helper, "eth1", SF_ETHTOOL_MERGING, &outcome);
 *	else
 *		sf_ethtool_prepare(&saved, &netdev, SF_ETHTOOL_MERGING, &outcome);
 *
 * sf_capture_options.helper is NULL if the driver's own process has the privileges. The helper
 * refuses interfaces that the command line does not name.
 */
#ifndef SPANFLOW_BASE_HELPER_H
#define SPANFLOW_BASE_HELPER_H

#include <stdint.h>

#include "base/ethtool.h"

/* Descriptors of an XDP program that is attached. */
enum { SF_XDP_FD_LINK, SF_XDP_FD_SOCKETS, SF_XDP_FD_COUNTERS, SF_XDP_FDS };

/* Request for an XDP program (drivers/af_xdp), and the reply. Plain data, sent in messages. */
struct sf_xdp_request {
	uint32_t mode, fragments, queues;
};
struct sf_xdp_reply {
	uint32_t metadata, timestamp, vlan_tag;
};

/* Functions of a driver that the privileged process calls (sf_capture_ops.privileged). */
struct sf_privileged {
	/* Attaches the XDP program to the interface and returns its descriptors. 0 or -errno. */
	int (*attach)(const struct sf_netdev *netdev, const struct sf_xdp_request *request,
		struct sf_xdp_reply *reply, int *fds);
};

/* For any thread. All functions return 0 or -errno; -EPERM if the helper has ended. */
struct sf_helper {
	/* Calls sf_ethtool_prepare(); the helper keeps the old values. */
	int (*prepare)(const struct sf_helper *helper, const char *interface, unsigned what,
		struct sf_ethtool_outcome *outcome);
	/*
	 * Restores what prepare() changed. The helper also does so when this process ends in any
	 * way.
	 */
	int (*restore)(const struct sf_helper *helper, const char *interface);
	/* Attaches the XDP program. The caller closes the descriptors. */
	int (*xdp)(const struct sf_helper *helper, const char *interface,
		const struct sf_xdp_request *request, struct sf_xdp_reply *reply,
		int fds[SF_XDP_FDS]);
};

#endif
