/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a driver asks a privileged process for, when its own has given up its rights (DESIGN §10).
 * Lent to drivers through sf_capture_options.helper; NULL there: the process has the rights itself
 * and does these things directly. Interfaces are those named on the command line, and nothing else
 * can be asked for.
 */
#ifndef SPANFLOW_BASE_HELPER_H
#define SPANFLOW_BASE_HELPER_H

#include <stdint.h>

#include "base/ethtool.h"

/* Descriptors of an XDP program that is attached. */
enum { SF_XDP_FD_LINK, SF_XDP_FD_SOCKETS, SF_XDP_FD_COUNTERS, SF_XDP_FDS };

/* Which program (drivers/af_xdp), and what became of it. Plain data that travels in messages. */
struct sf_xdp_wish {
	uint32_t mode, fragments, queues;
};
struct sf_xdp_grant {
	uint32_t metadata, timestamp, vlan_tag;
};

/* Any thread. All return 0 or -errno; -EPERM when the helper is gone. */
struct sf_helper {
	/* As sf_ethtool_prepare(), remembering what was changed. */
	int (*prepare)(const struct sf_helper *helper, const char *interface, unsigned what,
		struct sf_ethtool_outcome *outcome);
	/* Puts back what prepare changed. Also done when this process ends, however it does. */
	int (*restore)(const struct sf_helper *helper, const char *interface);
	/* Attaches the XDP program; the descriptors become the caller's. */
	int (*xdp)(const struct sf_helper *helper, const char *interface,
		const struct sf_xdp_wish *wish, struct sf_xdp_grant *grant, int fds[SF_XDP_FDS]);
};

#endif
