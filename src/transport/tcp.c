/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP: RFC 7011 §10.4. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/sockios.h>
#include <linux/tcp.h>

#include "base/clock.h"
#include "transport/tcp.h"

/*
 * A connection whose peer has acknowledged nothing for this time is given up. If there are no data,
 * probes begin after 30 s of silence.
 */
#define SILENCE_MS 120000
#define IDLE_S     30

/* The first bytes of a TLS record with an alert. */
#define TLS_ALERT 21
#define TLS_MAJOR 3

static int set_options(int fd)
{
	static const struct {
		int level, name, value;
	} settings[] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, IDLE_S },
		{ IPPROTO_TCP, TCP_KEEPINTVL, IDLE_S },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, SILENCE_MS },
		/* messages are whole: what is written leaves at once */
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (setsockopt(fd, settings[i].level, settings[i].name, &settings[i].value,
			    sizeof(int)) < 0)
			return -errno;
	return 0;
}

int sf_tcp_connect(struct sf_connection *link, const struct sf_peer *peer, unsigned index)
{
	const struct sf_addresses *found = &peer->found;
	int code, fd = sf_peer_socket(peer, index, SOCK_STREAM | SOCK_NONBLOCK, 0);

	link->trouble[0] = '\0';
	link->written = 0;
	link->most_window = 0;
	link->wants_read = link->answers = false;
	if (fd < 0)
		return fd;
	code = set_options(fd);
	if (code == 0 &&
		connect(fd, (const struct sockaddr *)&found->addresses[index],
			found->sizes[index]) < 0 &&
		errno != EINPROGRESS)
		code = -errno;
	if (code < 0) {
		close(fd);
		return code;
	}
	link->fd = fd;
	return 0;
}

int sf_tcp_progress(struct sf_connection *link)
{
	struct pollfd out = { .fd = link->fd, .events = POLLOUT };
	int code = 0;
	socklen_t size = sizeof(code);

	if (poll(&out, 1, 0) == 0)
		return -EAGAIN;
	if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0)
		return -errno;
	return -code;
}

ssize_t sf_tcp_write(struct sf_connection *link, const uint8_t *bytes, size_t length)
{
	ssize_t n;

	do {
		n = send(link->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	link->written += (uint64_t)n;
	return n;
}

uint64_t sf_tcp_acknowledged(struct sf_connection *link)
{
	int waiting = 0; /* bytes that are not sent, or not acknowledged */

	if (ioctl(link->fd, SIOCOUTQ, &waiting) < 0 || waiting < 0)
		return 0;
	return link->written > (uint64_t)waiting ? link->written - (uint64_t)waiting : 0;
}

/* The receive window is what the peer's buffer has room for. */
bool sf_tcp_stands(struct sf_connection *link)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof(info);

	if (getsockopt(link->fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 ||
		size < offsetof(struct tcp_info, tcpi_snd_wnd) + sizeof(info.tcpi_snd_wnd))
		return false; /* a kernel that does not tell */
	if (info.tcpi_snd_wnd > link->most_window)
		link->most_window = info.tcpi_snd_wnd;
	return info.tcpi_snd_wnd < link->most_window / 2;
}

static int say_trouble(struct sf_connection *link, int code, const char *words)
{
	snprintf(link->trouble, sizeof(link->trouble), "%s", words);
	return code;
}

/*
 * A collector sends nothing (RFC 7011 §10.4). A peer that sends bytes and then closes the
 * connection has refused what it received: a TLS server sends an alert (RFC 8446 §6), a web server
 * an error page.
 */
int sf_tcp_check(struct sf_connection *link)
{
	uint8_t bytes[256];

	for (unsigned i = 0; i < 16; i++) {
		ssize_t n = recv(link->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		/* a peer that closes with bytes unread sends RST, which is an error here */
		if (n == 0 && link->answers)
			return say_trouble(link, -ECONNRESET,
				"it answered, as no IPFIX collector does, and closed the "
				"connection");
		if (n == 0)
			return SF_EOF;
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		if (!link->answers && n >= 2 && bytes[0] == TLS_ALERT && bytes[1] == TLS_MAJOR)
			return say_trouble(
				link, -EPROTO, "it expects TLS: write tls:// instead of tcp://");
		link->answers = true;
	}
	return 0;
}

void sf_tcp_finish(struct sf_connection *link)
{
	shutdown(link->fd, SHUT_WR);
}

void sf_tcp_close(struct sf_connection *link)
{
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
}

int64_t sf_tcp_now(struct sf_connection *link)
{
	(void)link;
	return sf_clock_read(CLOCK_MONOTONIC);
}

void sf_tcp_wait(struct sf_connection *link, int64_t ns)
{
	struct pollfd in = { .fd = link->fd, .events = POLLIN };

	ppoll(&in, 1, &(struct timespec){ ns / 1000000000, ns % 1000000000 }, NULL);
}

void sf_tcp_free(struct sf_connection *link)
{
	sf_tcp_close(link);
	free(link);
}

static const struct sf_connection_ops tcp_ops = {
	.connect = sf_tcp_connect,
	.write = sf_tcp_write,
	SF_TCP_OPS,
};

struct sf_connection *sf_tcp_new(void)
{
	struct sf_connection *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	link->ops = &tcp_ops;
	link->protocol = IPPROTO_TCP;
	link->fd = -1;
	return link;
}
