/* SPDX-License-Identifier: BSD-2-Clause */
/* "ipfix://host:port,option=value…" and "path,option=value…" in their parts. */
#ifndef SPANFLOW_EXPORT_URL_H
#define SPANFLOW_EXPORT_URL_H

#include "export/destination.h"

/* Limits of a queue, in bytes. */
#define SF_QUEUE_OCTETS_MIN (UINT64_C(64) << 10)
#define SF_QUEUE_OCTETS_MAX (UINT64_C(64) << 30)

struct sf_url {
	char target[4096]; /* host name or address without brackets, or the path */
	char port[8];
	unsigned mtu; /* 0: not given */
	struct sf_session_options session;
};

/*
 * Fills `url` with what is given and the defaults for the rest. SF_EUSAGE names the option, its
 * value and what is allowed.
 */
int sf_url_collector(struct sf_url *url, const char *text, struct sf_error *error);
int sf_url_file(struct sf_url *url, const char *text, struct sf_error *error);

#endif
