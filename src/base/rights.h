/* SPDX-License-Identifier: BSD-2-Clause */
/* Message for a call that was refused: which privileges are missing, and how to get them. */
#ifndef SPANFLOW_BASE_RIGHTS_H
#define SPANFLOW_BASE_RIGHTS_H

#include <stddef.h>

/* Capabilities, ored. */
enum {
	SF_RIGHT_NET_RAW = 1,
	SF_RIGHT_NET_ADMIN = 2,
	SF_RIGHT_BPF = 4,
	SF_RIGHT_PERFMON = 8,
	SF_RIGHTS_PACKETS = SF_RIGHT_NET_RAW | SF_RIGHT_NET_ADMIN,
	SF_RIGHTS_XDP = SF_RIGHTS_PACKETS | SF_RIGHT_BPF | SF_RIGHT_PERFMON,
};

/*
 * Writes the message. For a user: "needs root, or CAP_NET_RAW, CAP_NET_ADMIN: setcap …". For root,
 * as in a container: the capabilities in `needed` that root does not have there.
 */
void sf_rights_explain(char *text, size_t size, unsigned needed);

#endif
