/* SPDX-License-Identifier: BSD-2-Clause */
/* The socket is ours; what answers there is a module (server.h). */
#include "metrics/http.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/module.h"
#include "metrics/listen.h"
#include "metrics/server.h"

#include "spanflow_config.h"

struct sf_http {
	const struct sf_http_ops *ops;
	struct sf_http_server *server;
	struct sf_http_socket socket;
};

static int load(const struct sf_http_ops **ops, const char *where, struct sf_error *error)
{
#ifdef HAVE_MICROHTTPD
	(void)where;
	*ops = sf_module_load("http", "sf_http_microhttpd", error);
	return *ops ? 0 : SF_EUNSUPPORTED;
#else
	(void)ops;
	return sf_error_set(error, SF_EUSAGE,
		"--metrics %s: this build has no metrics (install libmicrohttpd-dev, then "
		"build anew after meson setup --wipe)",
		where);
#endif
}

static int start(
	struct sf_http *http, sf_http_handler *handler, void *context, struct sf_error *error)
{
	http->server = http->ops->start(http->socket.fd, handler, context);
	if (http->server)
		return 0;
	close(http->socket.fd);
	return sf_error_set(error, -ENOMEM,
		"--metrics: libmicrohttpd does not start (no memory or descriptors)");
}

int sf_http_open(struct sf_http **http, const char *where, sf_http_handler *handler, void *context,
	struct sf_error *error)
{
	struct sf_http *made = calloc(1, sizeof(*made));
	int result;

	if (!made)
		return sf_error_set(error, -ENOMEM, "out of memory");
	result = load(&made->ops, where, error);
	if (result == 0)
		result = sf_http_listen(&made->socket, where, error);
	if (result == 0)
		result = start(made, handler, context, error);
	if (result == 0)
		*http = made;
	else
		free(made);
	return result;
}

void sf_http_close(struct sf_http *http)
{
	if (!http)
		return;
	http->ops->stop(http->server);
	if (*http->socket.path)
		unlink(http->socket.path);
	free(http);
}

const char *sf_http_name(const struct sf_http *http)
{
	return http->socket.name;
}

int sf_http_fd(const struct sf_http *http)
{
	return http->server->epoll;
}

void sf_http_serve(struct sf_http *http, int64_t mono)
{
	http->ops->serve(http->server, mono);
}

bool sf_http_has_clients(const struct sf_http *http)
{
	return http->ops->has_clients(http->server);
}
