/* SPDX-License-Identifier: BSD-2-Clause */
/* SCTP by the kernel: one-to-one sockets, RFC 6458. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sock_diag.h>

#include "sctp/association.h"

#define SEND_BUFFER (1 << 20)

struct association {
	struct sf_sctp sctp;
	struct sf_sctp_state state;
};

static struct association *of(struct sf_sctp *sctp)
{
	return (struct association *)sctp;
}

static int set_option(void *fd, int name, const void *value, socklen_t size)
{
	return setsockopt(*(const int *)fd, IPPROTO_SCTP, name, value, size) < 0 ? -errno : 0;
}

/* 0 or a negative error. Without the first three the kernel's own times and sizes hold. */
static int set_options(int fd)
{
	const int size = SEND_BUFFER;
	const struct sctp_rtoinfo timeouts = { .srto_max = SF_SCTP_RTO_MAX_MS };
	const struct sctp_assocparams limits = { .sasoc_asocmaxrxt = SF_SCTP_REPEATS };

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	set_option(&fd, SCTP_RTOINFO, &timeouts, sizeof(timeouts));
	set_option(&fd, SCTP_ASSOCINFO, &limits, sizeof(limits));
	return sf_sctp_set_options(set_option, &fd);
}

static struct association *enter(int fd)
{
	struct association *association = calloc(1, sizeof(*association));

	if (!association)
		return NULL;
	association->sctp.fd = fd;
	association->state.ended = -EAGAIN;
	return association;
}

static int kernel_connect(struct sf_sctp **sctp, const struct sf_sctp_start *start)
{
	struct association *association;
	int code = set_options(start->fd);

	if (code < 0)
		return code;
	if (connect(start->fd, start->peer, start->peer_size) < 0 && errno != EINPROGRESS)
		return -errno;
	association = enter(start->fd);
	if (!association)
		return -ENOMEM;
	*sctp = &association->sctp;
	return 0;
}

static int kernel_progress(struct sf_sctp *sctp)
{
	struct pollfd out = { .fd = sctp->fd, .events = POLLOUT };
	int code = 0;
	socklen_t size = sizeof(code);

	if (poll(&out, 1, 0) == 0)
		return -EAGAIN;
	if (getsockopt(sctp->fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0)
		return -errno;
	return -code;
}

/* ---------------------------------------------------------------- what goes */

static void put_control(struct msghdr *header, int type, const void *value, size_t size)
{
	struct cmsghdr *control =
		(struct cmsghdr *)((uint8_t *)header->msg_control + header->msg_controllen);

	control->cmsg_level = IPPROTO_SCTP;
	control->cmsg_type = type;
	control->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(control), value, size);
	header->msg_controllen += CMSG_SPACE(size);
}

static ssize_t kernel_send(struct sf_sctp *sctp, const uint8_t *bytes, size_t length,
	const struct sf_sctp_sending *sending)
{
	const struct sctp_sndinfo how = { .snd_sid = sending->stream,
		.snd_context = sending->label };
	const struct sctp_prinfo limit = { .pr_policy = SCTP_PR_SCTP_TTL,
		.pr_value = sending->lifetime_ms };
	union {
		struct cmsghdr header;
		uint8_t bytes[CMSG_SPACE(sizeof(how)) + CMSG_SPACE(sizeof(limit))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)bytes, .iov_len = length };
	struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control };
	ssize_t n;

	if (of(sctp)->state.ended != -EAGAIN)
		return -ECONNRESET;
	put_control(&header, SCTP_SNDINFO, &how, sizeof(how));
	if (sending->lifetime_ms)
		put_control(&header, SCTP_PRINFO, &limit, sizeof(limit));
	do {
		n = sendmsg(sctp->fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EWOULDBLOCK || errno == ENOBUFS ? -EAGAIN : -errno;
	return n;
}

static bool is_there(int fd, struct sctp_status *status)
{
	socklen_t size = sizeof(*status);

	memset(status, 0, sizeof(*status));
	return getsockopt(fd, IPPROTO_SCTP, SCTP_STATUS, status, &size) == 0;
}

/*
 * The octets that the socket's send buffer holds: more than the bytes of the messages, because the
 * kernel adds its own for each part. The size is read before the state of the association: when an
 * association is lost its buffer is empty, too, and must not count as acknowledged.
 */
static uint64_t kernel_waiting(struct sf_sctp *sctp)
{
	struct sf_sctp_state *state = &of(sctp)->state;
	uint32_t memory[SK_MEMINFO_VARS] = { 0 };
	struct sctp_status status;
	socklen_t size = sizeof(memory);

	if (state->ended == -EAGAIN &&
		getsockopt(sctp->fd, SOL_SOCKET, SO_MEMINFO, memory, &size) == 0 &&
		is_there(sctp->fd, &status))
		state->waiting = memory[SK_MEMINFO_WMEM_QUEUED];
	return state->waiting;
}

static uint32_t kernel_window(struct sf_sctp *sctp)
{
	struct sctp_status status;

	return is_there(sctp->fd, &status) ? status.sstat_rwnd : UINT32_MAX;
}

static uint16_t kernel_streams(struct sf_sctp *sctp)
{
	struct sctp_status status;

	return is_there(sctp->fd, &status) ? status.sstat_outstrms : 1;
}

/* ---------------------------------------------------------------- what comes */

static uint16_t stream_of(struct msghdr *header)
{
	struct sctp_rcvinfo info;

	for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at; at = CMSG_NXTHDR(header, at))
		if (at->cmsg_level == IPPROTO_SCTP && at->cmsg_type == SCTP_RCVINFO &&
			at->cmsg_len >= CMSG_LEN(sizeof(info))) {
			memcpy(&info, CMSG_DATA(at), sizeof(info));
			return info.rcv_sid;
		}
	return 0;
}

static int kernel_receive(
	struct sf_sctp *sctp, uint8_t *bytes, size_t size, struct sf_sctp_arrival *arrival)
{
	struct sf_sctp_state *state = &of(sctp)->state;
	union {
		struct cmsghdr header;
		uint8_t bytes[CMSG_SPACE(sizeof(struct sctp_rcvinfo)) + 64];
	} control;
	struct iovec iov = { .iov_base = bytes, .iov_len = size };
	struct msghdr header = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n;

	if (state->ended != -EAGAIN)
		return state->ended;
	n = recvmsg(sctp->fd, &header, MSG_DONTWAIT);
	if (n < 0)
		return sf_sctp_take(state, -errno, bytes, 0, 0, arrival);
	return sf_sctp_take(state, n, bytes, header.msg_flags, stream_of(&header), arrival);
}

/* ---------------------------------------------------------------- the end */

static void kernel_finish(struct sf_sctp *sctp)
{
	shutdown(sctp->fd, SHUT_WR);
}

static void kernel_close(struct sf_sctp *sctp, bool cut)
{
	const struct linger at_once = { .l_onoff = 1 };

	if (cut)
		setsockopt(sctp->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(sctp->fd);
	free(sctp);
}

static int kernel_adopt(struct sf_sctp **sctp, int fd)
{
	struct association *association;
	int code = set_options(fd);

	if (code < 0)
		return code;
	association = enter(fd);
	if (!association)
		return -ENOMEM;
	*sctp = &association->sctp;
	return 0;
}

const struct sf_sctp_ops *sf_sctp_kernel(void)
{
	static const struct sf_sctp_ops ops = {
		.connect = kernel_connect,
		.progress = kernel_progress,
		.send = kernel_send,
		.receive = kernel_receive,
		.waiting = kernel_waiting,
		.window = kernel_window,
		.streams = kernel_streams,
		.finish = kernel_finish,
		.close = kernel_close,
		.adopt = kernel_adopt,
	};

	return &ops;
}
