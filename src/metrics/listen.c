/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hostport.h"
#include "metrics/http.h"
#include "metrics/listen.h"

#define LOOPBACK "127.0.0.1"
#define KIND     (SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)

static int open_socket(const struct sockaddr *address, socklen_t size)
{
	int fd = socket(address->sa_family, KIND, 0), on = 1, off = 0, result;

	if (fd < 0)
		return -errno;
	if (address->sa_family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, address, size) == 0 && listen(fd, SF_HTTP_CONNECTIONS) == 0)
		return fd;
	result = -errno;
	close(fd);
	return result;
}

/* A Unix socket in the file system that nobody listens at. */
static bool is_left_behind(const struct sockaddr_un *address)
{
	struct stat status;
	bool refused;
	int fd;

	if (lstat(address->sun_path, &status) || !S_ISSOCK(status.st_mode))
		return false;
	fd = socket(AF_UNIX, KIND, 0);
	refused = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
		  errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	return refused;
}

static int listen_unix(struct sf_http_socket *socket, const char *path, struct sf_error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return sf_error_set(error, SF_EUSAGE,
			"--metrics %s: the path of a Unix socket has at most %zu bytes", path,
			sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, path);
	if (is_left_behind(&address))
		unlink(path);
	socket->fd = open_socket((const struct sockaddr *)&address, sizeof(address));
	if (socket->fd == -EADDRINUSE)
		return sf_error_set(error, socket->fd,
			"--metrics %s: there is a file of this name, or another process listens "
			"there",
			path);
	if (socket->fd < 0)
		return sf_error_set(
			error, socket->fd, "--metrics %s: %s", path, sf_strerror(socket->fd));
	strcpy(socket->path, path);
	snprintf(socket->name, sizeof(socket->name), "unix:%s", path);
	return 0;
}

static int listen_any(const char *port)
{
	struct addrinfo hints = {
		.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM,
		.ai_family = AF_INET6,
	};
	struct addrinfo *info;
	int result = -EAFNOSUPPORT;

	/* one socket takes both IPv6 and IPv4, unless this host has no IPv6 */
	for (int i = 0; i < 2; i++, hints.ai_family = AF_INET) {
		if (getaddrinfo(NULL, port, &hints, &info))
			continue;
		result = open_socket(info->ai_addr, info->ai_addrlen);
		freeaddrinfo(info);
		if (result != -EAFNOSUPPORT && result != -EADDRNOTAVAIL)
			break;
	}
	return result;
}

static int listen_host(
	const char *where, const char *host, const char *port, struct sf_error *error)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
	struct addrinfo *infos;
	int result = getaddrinfo(host, port, &hints, &infos);

	if (result)
		return sf_error_set(error, SF_ERESOLVE, "--metrics %s: %s: %s", where, host,
			gai_strerror(result));
	result = open_socket(infos->ai_addr, infos->ai_addrlen);
	freeaddrinfo(infos);
	return result;
}

static int listen_tcp(struct sf_http_socket *socket, const char *where, struct sf_error *error)
{
	struct sockaddr_storage own = { 0 };
	socklen_t size = sizeof(own);
	char host[256] = LOOPBACK, name[SF_HOSTPORT_NAME];
	const char *port = where;

	if (!sf_hostport_is_port(where) && (!sf_hostport_split(where, host, sizeof(host), &port) ||
						   !port || !sf_hostport_is_port(port)))
		return sf_error_set(error, SF_EUSAGE,
			"--metrics %s: expected PORT, ADDRESS:PORT or the path of a Unix socket, "
			"as in 9469, 192.0.2.1:9469, [::1]:9469, :9469 (all addresses) or "
			"/run/spanflow/metrics",
			where);
	socket->fd = *host ? listen_host(where, host, port, error) : listen_any(port);
	if (socket->fd == SF_ERESOLVE)
		return socket->fd;
	if (socket->fd < 0)
		return sf_error_set(
			error, socket->fd, "--metrics %s: %s", where, sf_strerror(socket->fd));
	getsockname(socket->fd, (struct sockaddr *)&own, &size);
	sf_hostport_name(&own, name);
	snprintf(socket->name, sizeof(socket->name), "http://%s", name);
	return 0;
}

int sf_http_listen(struct sf_http_socket *socket, const char *where, struct sf_error *error)
{
	*socket = (struct sf_http_socket){ .fd = -1 };
	return strchr(where, '/') ? listen_unix(socket, where, error)
				  : listen_tcp(socket, where, error);
}
