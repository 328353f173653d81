/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/sock_diag.h>

#include "base/rights.h"
#include "base/steer.h"
#include "socket/socket.h"

#define DEFAULT_BUFFER (32U << 20)

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* What is wanted with each datagram. All of it is there in every kernel that spanflow runs on. */
static int ask(int fd, bool ipv6, bool udp)
{
	int result = set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);

	if (result == 0 && ipv6) {
		result = set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
		set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
		set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	} else if (result == 0) {
		result = set(fd, IPPROTO_IP, IP_PKTINFO, 1);
	}
	/* raw sockets of IPv4 deliver the header; UDP sockets of IPv6 may take IPv4 */
	if (udp) {
		set(fd, IPPROTO_IP, IP_RECVTTL, 1);
		set(fd, IPPROTO_IP, IP_RECVTOS, 1);
	}
	return result;
}

unsigned sf_socket_buffer(int fd)
{
	int bytes = 0;
	socklen_t size = sizeof(bytes);

	getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &size);
	return (unsigned)bytes;
}

uint32_t sf_socket_drops(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t size = sizeof(info);

	getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size);
	return info[SK_MEMINFO_DROPS];
}

/* The kernel doubles what is asked for. Without CAP_NET_ADMIN net.core.rmem_max is the limit. */
static void set_buffer(int fd, const struct sf_socket_name *name,
	const struct sf_capture_options *options, struct sf_error *warning)
{
	unsigned wanted = options->ring_bytes ? options->ring_bytes : DEFAULT_BUFFER;

	if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, (int)(wanted / 2)) == 0)
		return;
	set(fd, SOL_SOCKET, SO_RCVBUF, (int)(wanted / 2));
	if (sf_socket_buffer(fd) < wanted)
		sf_error_set(warning, 1,
			"%s: the receive buffer is %u KiB instead of %u KiB, so packets of bursts "
			"may be dropped: sysctl -w net.core.rmem_max=%u",
			name->text, sf_socket_buffer(fd) >> 10, wanted >> 10, wanted / 2);
}

static int explain(const struct sf_socket_name *name, int code, struct sf_error *error)
{
	char cure[256];

	switch (code) {
	case -EADDRINUSE:
		return sf_error_set(error, code,
			"%s: another program or a tunnel interface of this host has the port: see "
			"'ss -ulnp sport = :%u' and 'ip -d link show type vxlan'",
			name->text, name->port);
	case -EADDRNOTAVAIL:
		return sf_error_set(error, code,
			"%s: this host does not have the address: see 'ip address'", name->text);
	case -EACCES:
		return sf_error_set(error, code,
			"%s: ports below 1024 need root, or CAP_NET_BIND_SERVICE", name->text);
	case -EPERM:
		sf_rights_explain(cure, sizeof(cure), SF_RIGHT_NET_RAW);
		return sf_error_set(
			error, code, "%s: no permission for a raw socket: %s", name->text, cure);
	case -EAFNOSUPPORT:
		return sf_error_set(
			error, code, "%s: the kernel of this host has no IPv6", name->text);
	default:
		return sf_error_set(error, code, "%s: %s", name->text, sf_strerror(code));
	}
}

/* With options->wait an address that the host does not have yet is bound to all the same. */
static int bind_to(int fd, const struct sf_socket_name *name,
	const struct sf_capture_options *options, struct sf_error *warning)
{
	bool ipv6 = name->address.any.sa_family == AF_INET6;
	socklen_t size = ipv6 ? sizeof(name->address.in6) : sizeof(name->address.in);

	if (bind(fd, &name->address.any, size) == 0)
		return 0;
	if (errno != EADDRNOTAVAIL || !options->wait)
		return -errno;
	set(fd, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, ipv6 ? IPV6_FREEBIND : IP_FREEBIND, 1);
	if (bind(fd, &name->address.any, size) < 0)
		return -errno;
	sf_error_set(warning, 1,
		"%s: this host does not have the address yet; packets come when it has",
		name->text);
	return 0;
}

static int open_one(const struct sf_socket_name *name, const struct sf_capture_options *options,
	bool first, struct sf_error *warning)
{
	bool ipv6 = name->address.any.sa_family == AF_INET6, udp = name->port != 0;
	int fd = socket(name->address.any.sa_family,
		(udp ? SOCK_DGRAM : SOCK_RAW) | SOCK_CLOEXEC | SOCK_NONBLOCK,
		udp ? IPPROTO_UDP : IPPROTO_GRE);
	int result = fd < 0 ? -errno : 0;

	if (result == 0)
		result = ask(fd, ipv6, udp);
	if (result == 0 && ipv6 && udp)
		result = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	/*
	 * The first socket of a port is bound alone, so that another program's socket is an error
	 * even if that one would share the port too.
	 */
	if (result == 0 && !first)
		result = set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (result == 0)
		set_buffer(fd, name, options, warning);
	if (result == 0)
		result = bind_to(fd, name, options, warning);
	if (result == 0 && first && options->queues > 1 && udp)
		result = set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (result < 0 && fd >= 0)
		close(fd);
	return result < 0 ? result : fd;
}

/* Chooses how the sockets share the datagrams. */
static void share(const int *fds, unsigned count, const struct sf_socket_name *name,
	const struct sf_capture_options *options, struct sf_error *warning)
{
	static const uint32_t any_key[SF_STEER_WORDS] = { 1, 3, 5, 7 };
	const uint32_t *key = options->steer_key ? options->steer_key : any_key;
	int result = count > 1 ? sf_socket_steer(fds[0], name, key, count) : 0;

	if (result < 0)
		sf_error_set(warning, 1,
			"%s: the kernel takes no program that chooses the socket of a packet (%s), "
			"so all packets that come from one address and port go to one worker's "
			"socket",
			name->text, sf_strerror(result));
}

int sf_socket_open(int *fds, unsigned count, const struct sf_socket_name *name,
	const struct sf_capture_options *options, struct sf_error *warning, struct sf_error *error)
{
	struct sf_socket_name used = *name;

	for (unsigned i = 0; i < count; i++) {
		fds[i] = open_one(&used, options, i == 0, warning);
		if (fds[i] == -EAFNOSUPPORT && used.every && i == 0) {
			/* a kernel without IPv6 */
			used.address.in = (struct sockaddr_in){ .sin_family = AF_INET,
				.sin_port = htons(name->port) };
			fds[i] = open_one(&used, options, true, warning);
		}
		if (fds[i] < 0) {
			int code = fds[i];

			while (i-- > 0)
				close(fds[i]);
			return explain(name, code, error);
		}
	}
	share(fds, count, &used, options, warning);
	return 0;
}
