/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libmicrohttpd in its external mode: one epoll descriptor tells that something is to be done, and
 * MHD_run() does it in the calling thread. MHD closes connections that are silent for CONNECTION_S
 * seconds; the deadline here is for those that send a byte now and then, or read an answer like
 * that.
 */
#include <microhttpd.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/module.h"
#include "metrics/server.h"

#define MEMORY       8192 /* of a connection, for what is asked and the header of the answer */
#define CONNECTION_S 5
#define ROUNDS       4 /* of MHD_run() in one call: accept, read, answer, close */

struct http {
	struct sf_http_server server;
	struct MHD_Daemon *daemon;
	sf_http_handler *handler;
	void *context;
	int64_t mono; /* of the call that is in progress */
	struct {
		bool used;
		int fd;
		int64_t until; /* monotonic ns */
	} connections[SF_HTTP_CONNECTIONS];
};

/* A connection begins or ends. */
static void note_connection(void *context, struct MHD_Connection *connection, void **slot,
	enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct http *http = context;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*slot)
			http->connections[(intptr_t)*slot - 1].used = false;
		*slot = NULL;
		return;
	}
	for (intptr_t i = 0; info && i < SF_HTTP_CONNECTIONS; i++)
		if (!http->connections[i].used) {
			http->connections[i].used = true;
			http->connections[i].fd = info->connect_fd;
			http->connections[i].until = http->mono + SF_HTTP_DEADLINE_NS;
			*slot = (void *)(i + 1);
			return;
		}
}

/* MHD notices that nothing can be read or written any more and closes the connection. */
static void end_overdue(struct http *http)
{
	for (unsigned i = 0; i < SF_HTTP_CONNECTIONS; i++)
		if (http->connections[i].used && http->mono >= http->connections[i].until)
			shutdown(http->connections[i].fd, SHUT_RDWR);
}

static enum MHD_Result send_page(
	struct MHD_Connection *connection, const struct sf_http_page *page, bool wrong_method)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(page->length, page->text, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result result;

	if (!response) {
		free(page->text);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, page->type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (wrong_method)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(connection, page->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *path,
	const char *method, const char *version, const char *upload, size_t *upload_size,
	void **request_context)
{
	const char *accept =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	const struct sf_http_request request = {
		.path = path,
		.openmetrics = accept && strstr(accept, "application/openmetrics-text"),
	};
	struct sf_http_page page = { .type = "text/plain; charset=utf-8" };
	bool known = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
	struct http *http = context;

	(void)version;
	(void)upload;
	(void)upload_size;
	(void)request_context;
	if (known) {
		http->handler(http->context, &request, &page);
	} else {
		page.status = MHD_HTTP_METHOD_NOT_ALLOWED;
		page.text = strdup("only GET and HEAD\n");
		page.length = page.text ? strlen(page.text) : 0;
	}
	return page.text ? send_page(connection, &page, !known) : MHD_NO;
}

static struct sf_http_server *start(int fd, sf_http_handler *handler, void *context)
{
	struct http *http = calloc(1, sizeof(*http));
	const union MHD_DaemonInfo *info;

	if (!http)
		return NULL;
	http->handler = handler;
	http->context = context;
	http->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer, http,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)SF_HTTP_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)CONNECTION_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY,
		MHD_OPTION_NOTIFY_CONNECTION, note_connection, http, MHD_OPTION_END);
	if (!http->daemon) {
		free(http);
		return NULL;
	}
	info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	http->server.epoll = info ? info->epoll_fd : -1;
	return &http->server;
}

static void stop(struct sf_http_server *server)
{
	struct http *http = (struct http *)server;

	MHD_stop_daemon(http->daemon);
	free(http);
}

static void serve(struct sf_http_server *server, int64_t mono)
{
	struct http *http = (struct http *)server;

	http->mono = mono;
	end_overdue(http);
	for (unsigned i = 0; i < ROUNDS; i++)
		MHD_run(http->daemon);
}

static bool has_clients(const struct sf_http_server *server)
{
	const struct http *http = (const struct http *)server;

	for (unsigned i = 0; i < SF_HTTP_CONNECTIONS; i++)
		if (http->connections[i].used)
			return true;
	return false;
}

extern const struct sf_http_ops sf_http_microhttpd;

SF_MODULE_OBJECT const struct sf_http_ops sf_http_microhttpd = {
	.start = start,
	.stop = stop,
	.serve = serve,
	.has_clients = has_clients,
};
