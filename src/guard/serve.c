/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The monitor's side: one thread, two descriptors to look at. It ends when the channel does, which
 * the kernel closes with the metering process, and puts back what is still changed then; signals
 * meant for the run do not reach it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include <spanflow/capture.h>

#include "guard/monitor.h"
#include "guard/sandbox.h"

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1) /* Linux 5.14 */
#endif

struct served {
	struct sf_netdev netdev; /* fd < 0: nothing was asked about it yet */
	struct sf_ethtool_saved saved;
};

struct server {
	const struct sf_monitor *monitor;
	const struct sf_capture_ops *xdp; /* or NULL */
	int channel, listener;
	struct served served[SF_PERMITS_MAX];
};

/* The interface as it is now: it may be another one of the same name. 0 or -errno. */
static int look_at(struct server *server, unsigned number)
{
	struct served *served = &server->served[number];
	struct sf_error error;

	if (served->netdev.fd >= 0)
		return sf_netdev_refresh(&served->netdev);
	return sf_netdev_open(&served->netdev, server->monitor->permits.names[number], &error);
}

static void answer(struct server *server, const struct sf_request *request)
{
	struct sf_answer answer = { .sequence = request->sequence, .result = -EINVAL };
	struct served *served;
	unsigned count = 0;
	int fds[SF_XDP_FDS];

	if (request->interface >= server->monitor->permits.count)
		goto send;
	served = &server->served[request->interface];
	switch (request->kind) {
	case SF_REQUEST_PREPARE:
		answer.result = look_at(server, request->interface);
		if (answer.result == 0)
			sf_ethtool_prepare(
				&served->saved, &served->netdev, request->what, &answer.outcome);
		break;
	case SF_REQUEST_RESTORE:
		answer.result = 0;
		if (served->netdev.fd >= 0)
			sf_ethtool_restore(&served->saved, &served->netdev);
		break;
	case SF_REQUEST_XDP:
		if (!server->xdp || !server->xdp->grant)
			break;
		answer.result = look_at(server, request->interface);
		if (answer.result == 0)
			answer.result = server->xdp->grant(
				&served->netdev, &request->wish, &answer.grant, fds);
		count = answer.result == 0 ? SF_XDP_FDS : 0;
		break;
	}
send:
	sf_message_send(server->channel, &answer, sizeof(answer), fds, count);
	while (count > 0)
		close(fds[--count]);
}

/* False: the metering process has gone. */
static bool serve_request(struct server *server)
{
	struct sf_request request;
	unsigned count;
	int fd, n = sf_message_receive(server->channel, &request, sizeof(request), &fd, 1, &count);

	if (n <= 0)
		return false;
	if (n != (int)sizeof(request) || (count && request.kind != SF_REQUEST_LISTENER)) {
		if (count)
			close(fd);
	} else if (request.kind != SF_REQUEST_LISTENER) {
		answer(server, &request);
	} else if (count && server->listener < 0) {
		server->listener = fd;
	} else if (count) {
		close(fd);
	}
	return true;
}

static bool is_packet_socket(const struct seccomp_data *call)
{
	int type = (int)call->args[1] & ~(SOCK_CLOEXEC | SOCK_NONBLOCK);

	return call->nr == SYS_socket &&
	       ((call->args[0] == AF_PACKET && (type == SOCK_RAW || type == SOCK_DGRAM)) ||
		       (call->args[0] == AF_XDP && type == SOCK_RAW));
}

/* A system call of the metering process is suspended: a socket is its result, or EPERM. */
static void serve_call(struct server *server)
{
	union {
		struct seccomp_notif call;
		uint8_t room[256]; /* the kernel's may be longer than the header's */
	} notice = { 0 };
	union {
		struct seccomp_notif_resp response;
		uint8_t room[256];
	} refusal = { 0 };
	struct seccomp_notif_addfd socket_for = { .flags = SECCOMP_ADDFD_FLAG_SEND };
	const struct seccomp_data *data = &notice.call.data;
	int fd = -1;

	if (ioctl(server->listener, SECCOMP_IOCTL_NOTIF_RECV, &notice) < 0)
		return;
	if (is_packet_socket(data))
		fd = socket((int)data->args[0], (int)data->args[1], (int)data->args[2]);
	if (fd >= 0) {
		int result;

		socket_for.id = notice.call.id;
		socket_for.srcfd = (uint32_t)fd;
		socket_for.newfd_flags = data->args[1] & SOCK_CLOEXEC ? O_CLOEXEC : 0;
		result = ioctl(server->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &socket_for);
		close(fd);
		if (result >= 0)
			return;
	}
	refusal.response.id = notice.call.id;
	refusal.response.error = -EPERM;
	ioctl(server->listener, SECCOMP_IOCTL_NOTIF_SEND, &refusal);
}

static void serve(struct server *server)
{
	for (;;) {
		struct pollfd polls[] = { { .fd = server->channel, .events = POLLIN },
			{ .fd = server->listener, .events = POLLIN } };

		if (poll(polls, 2, -1) < 0)
			continue;
		if (polls[1].revents & POLLIN)
			serve_call(server);
		else if (polls[1].revents) {
			close(server->listener);
			server->listener = -1;
		}
		if (polls[0].revents && !serve_request(server))
			return;
	}
}

/* Keeps the channel as descriptor 3, nothing else; writes go nowhere. */
static int close_all(int channel)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		dup2(null, fd);
	if (channel != 3)
		channel = dup3(channel, 3, O_CLOEXEC);
	close_range(4, ~0U, 0);
	return channel;
}

void sf_monitor_serve(const struct sf_monitor *monitor, int channel)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1,
		SIGUSR2 };
	static struct server server;

	for (unsigned i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	prctl(PR_SET_NAME, "spanflow-monitor", 0, 0, 0);
	server.monitor = monitor;
	server.xdp = sf_capture_driver("xdp");
	server.channel = close_all(channel);
	server.listener = -1;
	for (unsigned i = 0; i < SF_PERMITS_MAX; i++)
		server.served[i].netdev.fd = server.served[i].netdev.netlink =
			server.served[i].netdev.promiscuous = -1;
	sf_sandbox_enter_monitor();
	serve(&server);
	for (unsigned i = 0; i < monitor->permits.count; i++)
		if (server.served[i].netdev.fd >= 0)
			sf_ethtool_restore(&server.served[i].saved, &server.served[i].netdev);
	_exit(0);
}
