/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Internal header: struct sf_http_ops hides libmicrohttpd, which a module links (microhttpd.c). The
 * module is loaded when a run has --metrics (http.c, base/module.h). All calls belong to one
 * thread, and none waits.
 */
#ifndef SPANFLOW_METRICS_SERVER_H
#define SPANFLOW_METRICS_SERVER_H

#include "metrics/http.h"

struct sf_http_server {
	int epoll; /* readable when there is something to do */
};

struct sf_http_ops {
	/*
	 * Answers clients of the listening socket `fd` by `handler`; stop() closes the socket.
	 * NULL: no memory or descriptors; the socket stays the caller's.
	 */
	struct sf_http_server *(*start)(int fd, sf_http_handler *handler, void *context);
	void (*stop)(struct sf_http_server *server);
	/* As sf_http_serve() and sf_http_has_clients(). */
	void (*serve)(struct sf_http_server *server, int64_t mono);
	bool (*has_clients)(const struct sf_http_server *server);
};

#endif
