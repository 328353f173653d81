/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP to one collector. The socket is connected, so that an ICMP answer to a datagram (port
 * unreachable, prohibited by a firewall …) is returned as the error of a later call: that call has
 * sent nothing, and the datagrams of the last successful call did not arrive. A batch is sent by
 * one UDP_SEGMENT send (one pass through the stack for up to 64 datagrams); if the route or the
 * kernel does not support that, by single sends. sendmmsg is not used: it hides the error after a
 * partial success.
 */
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "transport/udp.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

/* One system call for messages from … from+count-1; returns 0 or a negative error. */
static int send_once(
	struct sf_udp *udp, const uint8_t *bytes, size_t length, uint16_t segment, unsigned count)
{
	struct iovec iov = { .iov_base = (void *)bytes, .iov_len = length };
	union {
		char space[CMSG_SPACE(sizeof(uint16_t))];
		struct cmsghdr align;
	} control = { 0 };
	struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (count > 1) {
		struct cmsghdr *cmsg;

		header.msg_control = control.space;
		header.msg_controllen = sizeof(control.space);
		cmsg = CMSG_FIRSTHDR(&header);
		cmsg->cmsg_level = SOL_UDP;
		cmsg->cmsg_type = UDP_SEGMENT;
		cmsg->cmsg_len = CMSG_LEN(sizeof(segment));
		memcpy(CMSG_DATA(cmsg), &segment, sizeof(segment));
	}
	return sendmsg(udp->fd, &header, MSG_NOSIGNAL | (udp->waits ? 0 : MSG_DONTWAIT)) < 0
		       ? -errno
		       : 0;
}

static bool must_wait(int code)
{
	return code == -EAGAIN || code == -ENOBUFS || code == -ENOMEM;
}

static bool refuses_segmentation(int code)
{
	return code == -EINVAL || code == -EIO || code == -EOPNOTSUPP || code == -EMSGSIZE;
}

unsigned sf_udp_path_mtu(const struct sf_udp *udp)
{
	return sf_peer_path_mtu(udp->fd, udp->transport.peer.ss_family);
}

/*
 * True for errors that ICMP causes in calls of a connected socket (in Linux the fatal ones of
 * icmp_err_convert[] and icmpv6_err_convert()). A call returns some of them also if there is no
 * route: then the kernel knows no MTU, because a route is looked up before anything else.
 */
static bool is_answer(const struct sf_udp *udp, int code)
{
	switch (-code) {
	case ECONNREFUSED:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EPROTO:
	case EMSGSIZE: /* a router has reported a smaller MTU */
		return true;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EACCES:
		return sf_udp_path_mtu(udp) != 0;
	}
	return false;
}

unsigned sf_udp_headers(const struct sf_udp *udp)
{
	return sf_peer_udp_headers(udp->transport.peer.ss_family);
}

static void set_fate(struct sf_batch *batch, unsigned from, unsigned count, enum sf_fate fate)
{
	for (unsigned i = from; i < from + count; i++)
		batch->messages[i].fate = (uint8_t)fate;
}

/* The datagrams of the last successful call were refused; messages before `end` have fates. */
static void refuse_last_call(struct sf_batch *batch, unsigned end)
{
	if (batch->last_call_from == batch->count) {
		batch->earlier_refused = true;
		return;
	}
	for (unsigned i = batch->last_call_from; i < end; i++)
		if (batch->messages[i].fate == SF_FATE_SENT)
			batch->messages[i].fate = SF_FATE_LOST_unreachable;
}

/*
 * Sends messages from … from+count-1, repeats the call as necessary, and returns their fate. If the
 * kernel refuses segmentation, switches it off; then nothing was sent.
 */
static enum sf_fate send_patiently(struct sf_udp *udp, struct sf_batch *batch, const uint8_t *bytes,
	size_t length, unsigned from, unsigned count)
{
	unsigned waits = udp->patient ? 1000 : udp->waits ? 10 : 0;
	const struct timespec pause = { .tv_nsec = 1000000 };
	bool answered = false;

	for (;;) {
		int code = send_once(
			udp, bytes, length, (uint16_t)batch->messages[from].length, count);
		bool answer = code != 0 && is_answer(udp, code);

		if (code == 0) {
			batch->last_call_from = from;
			return SF_FATE_SENT;
		}
		if (code == -EINTR && !sf_hurry_level(udp->transport.hurry))
			continue;
		if (answer && !answered) {
			/* the error belongs to the last successful call: repeat this one */
			answered = true;
			udp->transport.error = code;
			refuse_last_call(batch, from);
			continue;
		}
		if (count > 1 && refuses_segmentation(code)) {
			udp->segmentation = false;
			return SF_FATE_LOST_send;
		}
		udp->transport.error = code;
		if (answer)
			return SF_FATE_LOST_unreachable;
		if (code == -EINTR || (must_wait(code) && sf_hurry_level(udp->transport.hurry)))
			return SF_FATE_LOST_stopped;
		if (udp->late && sf_udp_may_pass(code))
			sf_udp_lose_way(udp, code);
		if (!must_wait(code) || waits-- == 0)
			return SF_FATE_LOST_send;
		nanosleep(&pause, NULL);
	}
}

static void send_singly(struct sf_udp *udp, struct sf_batch *batch)
{
	const uint8_t *bytes = batch->bytes;

	for (unsigned i = 0; i < batch->count; bytes += batch->messages[i].length, i++)
		batch->messages[i].fate =
			(uint8_t)send_patiently(udp, batch, bytes, batch->messages[i].length, i, 1);
}

/*
 * True if the messages of a batch are sent by one call. Each segment must fit the route, which may
 * have changed: otherwise the kernel's error would look like one from a router.
 */
static bool leaves_at_once(const struct sf_udp *udp, const struct sf_batch *batch)
{
	return batch->count > 1 && udp->segmentation &&
	       batch->messages[0].length + sf_udp_headers(udp) <= sf_udp_path_mtu(udp);
}

void sf_udp_send(struct sf_transport *transport, struct sf_batch *batch)
{
	struct sf_udp *udp = (struct sf_udp *)transport;
	enum sf_fate fate;
	size_t length = 0;

	batch->earlier_refused = false;
	batch->last_call_from = batch->count;
	if (!leaves_at_once(udp, batch)) {
		send_singly(udp, batch);
		return;
	}
	for (unsigned i = 0; i < batch->count; i++)
		length += batch->messages[i].length;
	fate = send_patiently(udp, batch, batch->bytes, length, 0, batch->count);
	if (udp->segmentation)
		set_fate(batch, 0, batch->count, fate);
	else
		send_singly(udp, batch);
}

bool sf_udp_refused(struct sf_transport *transport)
{
	struct sf_udp *udp = (struct sf_udp *)transport;
	int code = 0;
	socklen_t size = sizeof(code);

	/* a pending error comes from ICMP */
	if (getsockopt(udp->fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0 || code == 0)
		return false;
	transport->error = -code;
	return true;
}
