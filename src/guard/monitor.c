/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starts the monitor and sends it requests. The channel keeps message boundaries (SOCK_SEQPACKET).
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard/monitor.h"

#define ANSWER_MS 5000 /* time limit for an answer: loading an XDP program takes 100 ms */
#define WAIT_MS   2    /* interval of checks whether the monitor has ended */
#define SHORT_MS  200  /* time limit after a request without an answer */

int sf_message_send(int channel, const void *data, size_t size, const int *fds, unsigned count)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int) * SF_XDP_FDS)];
	} control = { 0 };
	struct iovec part = { (void *)(uintptr_t)data, size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t n;

	if (count > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * count);
	}
	do
		n = sendmsg(channel, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : (int)n;
}

int sf_message_receive(
	int channel, void *data, size_t size, int *fds, unsigned max, unsigned *count)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int) * SF_XDP_FDS)];
	} control = { 0 };
	struct iovec part = { data, size };
	struct msghdr message = { .msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n;

	*count = 0;
	do
		n = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	for (struct cmsghdr *part_of = CMSG_FIRSTHDR(&message); part_of;
		part_of = CMSG_NXTHDR(&message, part_of)) {
		size_t carried = (part_of->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (part_of->cmsg_level != SOL_SOCKET || part_of->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < carried; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(part_of) + i * sizeof(int), sizeof(fd));
			if (*count < max)
				fds[(*count)++] = fd;
			else
				close(fd);
		}
	}
	return (int)n;
}

/* Sets the time limit of send and receive on the channel. */
static void set_time_limit(int channel, long ms)
{
	const struct timeval limit = { ms / 1000, ms % 1000 * 1000 };

	setsockopt(channel, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(channel, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

/* Sends a request and waits for its answer. > 0: bytes; 0: the monitor has ended; -errno. */
static int exchange(struct sf_monitor *monitor, struct sf_request *request,
	struct sf_answer *answer, int *fds, unsigned wanted, unsigned *count)
{
	int n;

	request->sequence = ++monitor->sequence;
	n = sf_message_send(monitor->channel, request, sizeof(*request), NULL, 0);
	while (n > 0) {
		n = sf_message_receive(
			monitor->channel, answer, sizeof(*answer), fds, wanted, count);
		if (n == (int)sizeof(*answer) && answer->sequence == request->sequence)
			break;
		/* an answer to an earlier request, which came after the time limit */
		while (*count > 0)
			close(fds[--*count]);
	}
	if (monitor->silent != (n == -EAGAIN)) {
		monitor->silent = n == -EAGAIN;
		set_time_limit(monitor->channel, monitor->silent ? SHORT_MS : ANSWER_MS);
	}
	return n;
}

static int ask(struct sf_monitor *monitor, struct sf_request *request, struct sf_answer *answer,
	int *fds, unsigned wanted)
{
	unsigned count = 0;
	int n;

	pthread_mutex_lock(&monitor->lock);
	n = exchange(monitor, request, answer, fds, wanted, &count);
	pthread_mutex_unlock(&monitor->lock);
	if (n <= 0)
		return n == -EAGAIN ? -ETIMEDOUT : -EPERM;
	if (answer->result == 0 && count == wanted)
		return 0;
	while (count > 0)
		close(fds[--count]);
	return answer->result < 0 ? answer->result : -EPROTO;
}

static struct sf_monitor *of(const struct sf_helper *helper)
{
	return (struct sf_monitor *)(uintptr_t)helper;
}

/* Index of a name, or UINT32_MAX, which the monitor refuses. */
static uint32_t index_of(const struct sf_monitor *monitor, const char *name)
{
	for (unsigned i = 0; i < monitor->permits.count; i++)
		if (strcmp(monitor->permits.rows[i].name, name) == 0)
			return i;
	return UINT32_MAX;
}

static int ask_prepare(const struct sf_helper *helper, const char *interface, unsigned what,
	struct sf_ethtool_outcome *outcome)
{
	struct sf_request request = { .kind = SF_REQUEST_PREPARE,
		.interface = index_of(of(helper), interface),
		.what = what };
	struct sf_answer answer;
	int result = ask(of(helper), &request, &answer, NULL, 0);

	if (result == 0)
		*outcome = answer.outcome;
	return result;
}

static int ask_restore(const struct sf_helper *helper, const char *interface)
{
	struct sf_request request = { .kind = SF_REQUEST_RESTORE,
		.interface = index_of(of(helper), interface) };
	struct sf_answer answer;

	return ask(of(helper), &request, &answer, NULL, 0);
}

static int ask_xdp(const struct sf_helper *helper, const char *interface,
	const struct sf_xdp_request *wanted, struct sf_xdp_reply *reply, int fds[SF_XDP_FDS])
{
	struct sf_request request = {
		.kind = SF_REQUEST_XDP, .interface = index_of(of(helper), interface), .xdp = *wanted
	};
	struct sf_answer answer;
	int result = ask(of(helper), &request, &answer, fds, SF_XDP_FDS);

	if (result == 0)
		*reply = answer.xdp;
	return result;
}

int sf_monitor_give_listener(struct sf_monitor *monitor, int listener)
{
	struct sf_request request = { .kind = SF_REQUEST_LISTENER };
	int result = sf_message_send(monitor->channel, &request, sizeof(request), &listener, 1);

	close(listener);
	return result < 0 ? result : 0;
}

int sf_monitor_start(
	struct sf_monitor *monitor, const struct sf_permits *permits, struct sf_error *error)
{
	int ends[2], result;

	*monitor = (struct sf_monitor){
		.helper = { ask_prepare, ask_restore, ask_xdp },
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.permits = *permits,
	};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return sf_error_set(error, -errno, "socketpair: %s", sf_strerror(-errno));
	set_time_limit(ends[0], ANSWER_MS);
	monitor->pid = fork();
	if (monitor->pid == 0)
		sf_monitor_serve(monitor, ends[1]);
	close(ends[1]);
	monitor->channel = ends[0];
	if (monitor->pid > 0)
		return 0;
	result = -errno;
	close(ends[0]);
	monitor->pid = 0;
	return sf_error_set(error, result, "cannot start the monitor: %s", sf_strerror(result));
}

bool sf_monitor_ended(const struct sf_monitor *monitor)
{
	struct pollfd channel = { .fd = monitor->channel };

	return monitor->pid > 0 && poll(&channel, 1, 0) == 1 && channel.revents & POLLHUP;
}

bool sf_monitor_stop(struct sf_monitor *monitor)
{
	int left_ms = monitor->silent ? SHORT_MS : ANSWER_MS;
	pid_t result = 0;

	if (monitor->pid <= 0)
		return true;
	close(monitor->channel);
	for (; result == 0 && left_ms > 0; left_ms -= WAIT_MS) {
		result = waitpid(monitor->pid, NULL, WNOHANG);
		if (result == 0)
			usleep(WAIT_MS * 1000);
	}
	monitor->pid = 0;
	return result != 0;
}
