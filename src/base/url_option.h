/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options that follow a destination's URL or path after commas, as data (url_options.def):
 *
 *	for (unsigned i = 0; i < SF_URL_OPTIONS; i++)
 *		if (sf_url_options[i].applies & SF_URL_TO_FILE)
 *			printf("%s=%s\n", sf_url_options[i].name, sf_url_options[i].value);
 */
#ifndef SPANFLOW_BASE_URL_OPTION_H
#define SPANFLOW_BASE_URL_OPTION_H

#include <stdbool.h>

/* Kinds of destination. */
enum sf_url_to {
	SF_URL_TO_IPFIX = 1, /* over UDP */
	SF_URL_TO_NETFLOW9 = 2,
	SF_URL_TO_NETFLOW5 = 4,
	SF_URL_TO_FILE = 8,
	SF_URL_TO_TCP = 16, /* IPFIX over a connection */
	SF_URL_TO_TLS = 32,
	SF_URL_TO_KAFKA = 64,
	SF_URL_TO_DTLS = 128,
	SF_URL_TO_SCTP = 256,
	SF_URL_TO_UDP = SF_URL_TO_IPFIX | SF_URL_TO_NETFLOW9 | SF_URL_TO_NETFLOW5,
	SF_URL_TO_COLLECTORS = SF_URL_TO_UDP | SF_URL_TO_TCP,
};

/* A row; the members are explained in url_options.def. */
struct sf_url_option {
	const char *name;
	const char *value;
	unsigned applies; /* SF_URL_TO_… ored */
	bool adjusts;
	const char *allowed;
	const char *help;
};

enum {
#define URL_OPTION(id, ...) SF_URL_OPTION_##id,
#include "base/url_options.def"
	SF_URL_OPTIONS
};

extern const struct sf_url_option sf_url_options[SF_URL_OPTIONS];

/*
 * The comma where the options of a path begin: the first one with "name=" behind it, because a path
 * may have other commas. NULL: there are no options. Any thread.
 *
 *	sf_url_options_of("a,b.ipfix,biflow=yes")	",biflow=yes"
 */
const char *sf_url_options_of(const char *path);

#endif
