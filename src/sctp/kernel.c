/* SPDX-License-Identifier: BSD-2-Clause */
/* SCTP by the kernel: one-to-one sockets, RFC 6458. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sctp.h>
#include <linux/sock_diag.h>

#include "sctp/sctp.h"

#define SEND_BUFFER (1 << 20)
#define RTO_MAX_MS  20000
#define REPEATS     8 /* of a packet, before the association is given up */

struct association {
	struct sf_sctp sctp;
	uint64_t waiting; /* bytes, when the association was last there */
	int ended;        /* enum sf_sctp_news or an error; -EAGAIN: it is there */
	bool in_notice;
};

static struct association *of(struct sf_sctp *sctp)
{
	return (struct association *)sctp;
}

/* [RFC7011-9.2-1] [RFC7011-10.1-1] */
/* 0 or -errno. What an old kernel does not know is not needed. */
static int set_options(int fd)
{
	static const uint16_t events[] = { SCTP_ASSOC_CHANGE, SCTP_SHUTDOWN_EVENT,
		SCTP_SEND_FAILED_EVENT, SCTP_PARTIAL_DELIVERY_EVENT };
	const int on = 1, size = SEND_BUFFER;
	const struct sctp_initmsg init = {
		.sinit_num_ostreams = SF_SCTP_STREAMS,
		.sinit_max_instreams = UINT16_MAX,
	};
	const struct sctp_rtoinfo timeouts = { .srto_max = RTO_MAX_MS };
	const struct sctp_assocparams limits = { .sasoc_asocmaxrxt = REPEATS };

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(fd, IPPROTO_SCTP, SCTP_RTOINFO, &timeouts, sizeof(timeouts));
	setsockopt(fd, IPPROTO_SCTP, SCTP_ASSOCINFO, &limits, sizeof(limits));
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		const struct sctp_event event = {
			.se_assoc_id = SCTP_FUTURE_ASSOC, .se_type = events[i], .se_on = 1
		};

		if (setsockopt(fd, IPPROTO_SCTP, SCTP_EVENT, &event, sizeof(event)) < 0)
			return -errno;
	}
	if (setsockopt(fd, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof(on)) < 0 ||
		setsockopt(fd, IPPROTO_SCTP, SCTP_RECVRCVINFO, &on, sizeof(on)) < 0 ||
		setsockopt(fd, IPPROTO_SCTP, SCTP_INITMSG, &init, sizeof(init)) < 0)
		return -errno;
	return 0;
}

static struct association *enter(int fd)
{
	struct association *association = calloc(1, sizeof(*association));

	if (!association)
		return NULL;
	association->sctp.fd = fd;
	association->ended = -EAGAIN;
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

	if (of(sctp)->ended != -EAGAIN)
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
 * The socket's send buffer, in which each part of a message takes more than its bytes. Its size is read first: when the
 * association is lost the buffer is empty, too.
 */
static uint64_t kernel_waiting(struct sf_sctp *sctp)
{
	struct association *association = of(sctp);
	uint32_t memory[SK_MEMINFO_VARS] = { 0 };
	struct sctp_status status;
	socklen_t size = sizeof(memory);

	if (association->ended == -EAGAIN &&
		getsockopt(sctp->fd, SOL_SOCKET, SO_MEMINFO, memory, &size) == 0 &&
		is_there(sctp->fd, &status))
		association->waiting = memory[SK_MEMINFO_WMEM_QUEUED];
	return association->waiting;
}

static uint32_t kernel_window(struct sf_sctp *sctp)
{
	struct sctp_status status;

	return is_there(sctp->fd, &status) ? status.sstat_rwnd : UINT32_MAX;
}

/* ---------------------------------------------------------------- what comes */

static int take_change(struct association *association, const struct sctp_assoc_change *change)
{
	switch (change->sac_state) {
	case SCTP_COMM_UP:
		return SF_SCTP_OTHER;
	case SCTP_SHUTDOWN_COMP:
		association->waiting = 0;
		return SF_SCTP_CLOSED;
	case SCTP_CANT_STR_ASSOC:
		return -ECONNREFUSED;
	default:
		/* the peer has begun anew, or the association is lost */
		return -ECONNRESET;
	}
}

static int take_notice(struct association *association, const uint8_t *bytes, size_t length,
	struct sf_sctp_arrival *arrival)
{
	struct sctp_assoc_change change;
	struct sctp_send_failed_event failed;
	uint16_t type;

	if (length < sizeof(type))
		return SF_SCTP_OTHER;
	memcpy(&type, bytes, sizeof(type));
	if (type == SCTP_ASSOC_CHANGE && length >= sizeof(change)) {
		memcpy(&change, bytes, sizeof(change));
		return take_change(association, &change);
	}
	if (type == SCTP_SHUTDOWN_EVENT)
		return SF_SCTP_CLOSED;
	/* there is one indication, SCTP_PARTIAL_DELIVERY_ABORTED (RFC 6458 §6.1.7) */
	if (type == SCTP_PARTIAL_DELIVERY_EVENT)
		return SF_SCTP_BROKEN;
	if (type == SCTP_SEND_FAILED_EVENT && length >= sizeof(failed)) {
		memcpy(&failed, bytes, sizeof(failed));
		arrival->label = failed.ssfe_info.snd_context;
		return SF_SCTP_ABANDONED;
	}
	return SF_SCTP_OTHER;
}

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
	struct association *association = of(sctp);
	union {
		struct cmsghdr header;
		uint8_t bytes[CMSG_SPACE(sizeof(struct sctp_rcvinfo)) + 64];
	} control;
	struct iovec iov = { .iov_base = bytes, .iov_len = size };
	struct msghdr header = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	bool continued;
	ssize_t n;
	int news;

	if (association->ended != -EAGAIN)
		return association->ended;
	n = recvmsg(sctp->fd, &header, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (n <= 0)
		return association->ended = n < 0 ? -errno : SF_SCTP_CLOSED;
	if (header.msg_flags & MSG_NOTIFICATION) {
		continued = association->in_notice;
		association->in_notice = !(header.msg_flags & MSG_EOR);
		if (continued)
			return SF_SCTP_OTHER;
		news = take_notice(association, bytes, (size_t)n, arrival);
		if (news < 0 || news == SF_SCTP_CLOSED)
			association->ended = news;
		return news;
	}
	arrival->length = (size_t)n;
	arrival->stream = stream_of(&header);
	arrival->ends = header.msg_flags & MSG_EOR;
	return SF_SCTP_DATA;
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

static struct sf_sctp *kernel_adopt(int fd)
{
	struct association *association;
	int code = set_options(fd);

	if (code < 0) {
		errno = -code;
		return NULL;
	}
	association = enter(fd);
	return association ? &association->sctp : NULL;
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
		.finish = kernel_finish,
		.close = kernel_close,
		.adopt = kernel_adopt,
	};

	return &ops;
}
