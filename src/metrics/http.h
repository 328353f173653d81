/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small HTTP server for pages that are made when they are asked for, by libmicrohttpd, which is
 * loaded when the server is opened. It has no thread: everything happens in sf_http_serve(), which
 * never waits.
 *
 *	sf_http_open(&http, "127.0.0.1:9469", page, context, &error);
 *	loop:
 *		poll sf_http_fd(http) for POLLIN, 100 ms at most
 *		sf_http_serve(http, mono);
 *	sf_http_close(http);
 *
 * Work and memory are bounded whatever clients do: SF_HTTP_CONNECTIONS at a time, 8 KiB for what
 * each asks, SF_HTTP_DEADLINE_NS from begin to end of each, one answer for each.
 */
#ifndef SPANFLOW_METRICS_HTTP_H
#define SPANFLOW_METRICS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/error.h>

#define SF_HTTP_CONNECTIONS 32
#define SF_HTTP_DEADLINE_NS INT64_C(10000000000)

struct sf_http;

/* What a client asks for. */
struct sf_http_request {
	const char *path; /* without the part behind '?' */
	bool openmetrics; /* it takes application/openmetrics-text */
};

/* The answer. */
struct sf_http_page {
	unsigned status;  /* 200 … */
	const char *type; /* Content-Type; static storage */
	char *text;       /* from malloc(); the server frees it. NULL: there is no memory */
	size_t length;
};

typedef void sf_http_handler(
	void *context, const struct sf_http_request *request, struct sf_http_page *page);

/*
 * Listens at `where`: "PORT" (of 127.0.0.1), "HOST:PORT", "[HOST]:PORT", ":PORT" (all addresses),
 * or the path of a Unix socket, which has a slash in it. Port 0: any that is free. A Unix socket
 * that a run left behind is replaced. SF_EUSAGE, SF_ERESOLVE or a system error; `error` says what
 * to do. Fails with SF_EUSAGE in a build without libmicrohttpd, with SF_EUNSUPPORTED if the module
 * with it does not load. Call it before the process gives up its privileges.
 */
int sf_http_open(struct sf_http **http, const char *where, sf_http_handler *handler, void *context,
	struct sf_error *error);

/* NULL is fine. Removes a Unix socket, where the process still may. */
void sf_http_close(struct sf_http *http);

/* Where it really listens: "http://127.0.0.1:9469", "unix:/run/spanflow/metrics". */
const char *sf_http_name(const struct sf_http *http);

/* Readable when there is something to do. */
int sf_http_fd(const struct sf_http *http);

/* Accepts, reads and answers what is there. `mono`: monotonic time in ns. */
void sf_http_serve(struct sf_http *http, int64_t mono);

/*
 * True while a client is connected: then sf_http_serve() has to be called
 * now and then, for its deadline.
 */
bool sf_http_has_clients(const struct sf_http *http);

#endif
