/* SPDX-License-Identifier: BSD-2-Clause */
/* "ipfix://host:port,option=value…" and "path,option=value…" in their parts. */
#ifndef SPANFLOW_EXPORT_URL_H
#define SPANFLOW_EXPORT_URL_H

#include "export/destination.h"
#include "tls/tls.h"

/* Limits of a queue, in bytes. */
#define SF_QUEUE_OCTETS_MIN (UINT64_C(64) << 10)
#define SF_QUEUE_OCTETS_MAX (UINT64_C(64) << 30)

enum sf_url_transport { SF_URL_UDP, SF_URL_TCP, SF_URL_TLS };

struct sf_url {
	enum sf_url_transport transport;
	char target[4096]; /* host name or address without brackets, or the path */
	char port[8];
	unsigned mtu;            /* 0: not given */
	const char *source;      /* address of this host, within `options`; or NULL */
	int dscp;                /* 0: not given */
	int64_t retry_ns;        /* 0: not given */
	struct sf_tls_files tls; /* within `options` */
	bool has_fields;         /* its own options say which fields: fields= or profile= */
	const char *list;        /* of fields=, within `options`; or NULL */
	struct sf_fields fields; /* what session.fields points to when there is a list */
	struct sf_session_options session;
	char options[4096];
};

/*
 * Fills `url` with what is given and the defaults for the rest. SF_EUSAGE names the option, its
 * value and what is allowed.
 */
int sf_url_collector_with(
	struct sf_url *url, const char *text, uint64_t extra, struct sf_error *error);
int sf_url_file_with(struct sf_url *url, const char *text, uint64_t extra, struct sf_error *error);

/* The same without an enricher. */
static inline int sf_url_collector(struct sf_url *url, const char *text, struct sf_error *error)
{
	return sf_url_collector_with(url, text, 0, error);
}

static inline int sf_url_file(struct sf_url *url, const char *text, struct sf_error *error)
{
	return sf_url_file_with(url, text, 0, error);
}

/*
 * Chooses the fields of `list` for the destination. `left_out` and `what` as in sf_fields_choose().
 * After it session.fields points into `url`.
 */
int sf_url_choose(struct sf_url *url, const char *list, char *left_out, const char *what,
	struct sf_error *error);

#endif
