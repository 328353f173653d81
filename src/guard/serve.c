/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The monitor: one thread that polls two descriptors. It ends when the channel is closed (by the
 * kernel, when the metering process ends in any way), and restores settings that are still changed
 * then. It ignores signals that are meant for the run.
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

#include "base/attached.h"
#include "guard/monitor.h"
#include "guard/sandbox.h"

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1) /* Linux 5.14 */
#endif

struct served {
	struct sf_netdev netdev; /* fd < 0: no request named the interface yet */
	struct sf_ethtool_saved saved;
	struct sf_attached before; /* permits with `detach`: the XDP program at the start */
};

struct server {
	const struct sf_monitor *monitor;
	const struct sf_capture_ops *xdp; /* or NULL */
	int channel, listener;
	struct served served[SF_PERMITS_MAX];
};

/* Opens the interface, or reads it again: it may be another one of the same name. 0 or -errno. */
static int refresh(struct server *server, unsigned number)
{
	struct served *served = &server->served[number];
	struct sf_error error;

	if (served->netdev.fd >= 0)
		return sf_netdev_refresh(&served->netdev);
	return sf_netdev_open(&served->netdev, server->monitor->permits.rows[number].name, &error);
}

/* A request while it is served. */
struct work {
	struct server *server;
	const struct sf_request *request;
	const struct sf_permit *permit; /* of the interface that the request names */
	struct served *served;
	struct sf_answer answer;
	int fds[SF_XDP_FDS];
};

static bool may_prepare(const struct work *work)
{
	return (work->request->what & ~work->permit->settings) == 0;
}

/* A request that names no settings changes nothing: its answer shows that the monitor works. */
static int prepare(struct work *work)
{
	int result = refresh(work->server, work->request->interface);

	if (result == 0 && work->request->what)
		sf_ethtool_prepare(&work->served->saved, &work->served->netdev, work->request->what,
			&work->answer.outcome);
	return result;
}

static int restore(struct work *work)
{
	if (work->served->netdev.fd >= 0)
		sf_ethtool_restore(&work->served->saved, &work->served->netdev);
	return 0;
}

static bool may_xdp(const struct work *work)
{
	return work->permit->xdp && work->server->xdp && work->server->xdp->privileged;
}

static int attach(struct work *work)
{
	int result = refresh(work->server, work->request->interface);

	return result ? result
		      : work->server->xdp->privileged->attach(&work->served->netdev,
				&work->request->xdp, &work->answer.xdp, work->fds);
}

/* Kinds of requests about an interface. */
static const struct {
	bool (*may)(const struct work *work); /* NULL: always */
	int (*serve)(struct work *work);      /* 0 or -errno */
	unsigned fds;                         /* number of descriptors in the answer */
} kinds[] = {
	[SF_REQUEST_PREPARE] = { may_prepare, prepare, 0 },
	[SF_REQUEST_RESTORE] = { NULL, restore, 0 },
	[SF_REQUEST_XDP] = { may_xdp, attach, SF_XDP_FDS },
};

static void answer(struct server *server, const struct sf_request *request)
{
	struct work work = { server, request, NULL, NULL,
		{ .sequence = request->sequence, .result = -EINVAL }, { 0 } };
	unsigned count = 0;

	if (request->interface < server->monitor->permits.count &&
		request->kind < sizeof(kinds) / sizeof(kinds[0]) && kinds[request->kind].serve) {
		work.permit = &server->monitor->permits.rows[request->interface];
		work.served = &server->served[request->interface];
		work.answer.result = kinds[request->kind].may && !kinds[request->kind].may(&work)
					     ? -EPERM
					     : kinds[request->kind].serve(&work);
		count = work.answer.result == 0 ? kinds[request->kind].fds : 0;
	}
	sf_message_send(server->channel, &work.answer, sizeof(work.answer), work.fds, count);
	while (count > 0)
		close(work.fds[--count]);
}

/* Receives and serves one request. False: the metering process has ended. */
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

/* True if the call makes a socket that a source of this run may need. */
static bool may_have_socket(const struct server *server, const struct seccomp_data *call)
{
	int type = (int)call->args[1] & ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
	bool packets = false, xdp = false;

	for (unsigned i = 0; i < server->monitor->permits.count; i++) {
		packets |= server->monitor->permits.rows[i].packets;
		xdp |= server->monitor->permits.rows[i].xdp;
	}
	return call->nr == SYS_socket &&
	       ((packets && call->args[0] == AF_PACKET &&
			(type == SOCK_RAW || type == SOCK_DGRAM)) ||
		       (xdp && call->args[0] == AF_XDP && type == SOCK_RAW));
}

/* Completes a suspended system call of the metering process: with a socket, or with EPERM. */
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
	if (may_have_socket(server, data))
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

/* Restores settings that the metering process changed and did not restore itself. */
static void restore_all(struct server *server)
{
	for (unsigned i = 0; i < server->monitor->permits.count; i++) {
		struct served *served = &server->served[i];

		if (served->netdev.fd >= 0)
			sf_ethtool_restore(&served->saved, &served->netdev);
		sf_attached_restore(&served->before);
	}
}

/* Keeps the channel as descriptor 3 and closes all others; 0, 1 and 2 are /dev/null. */
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
	for (unsigned i = 0; i < monitor->permits.count; i++)
		if (monitor->permits.rows[i].detach && refresh(&server, i) == 0)
			sf_attached_read(&server.served[i].before, server.served[i].netdev.index);
	serve(&server);
	restore_all(&server);
	_exit(0);
}
