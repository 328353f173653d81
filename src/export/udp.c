/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP to one collector. The socket is connected, so that what ICMP answers to a datagram (port
 * unreachable, prohibited by a firewall …) comes back as the error of a later call: that call has
 * sent nothing, and what the last successful call sent did not arrive. A batch goes out as one
 * UDP_SEGMENT send (one trip through the stack for up to 64 datagrams); where the route or the
 * kernel does not do that, as single sends. sendmmsg is not used: it swallows the error that
 * follows a partial success.
 */
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "export/transport.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define IPV4_HEADERS 28
#define IPV6_HEADERS 48
#define DEFAULT_MTU  1500 /* RFC 7011 §10.3.3: never above what is known to pass */

/*
 * On this host the path's MTU is known, and RFC 7011 §10 has collectors take messages of 65535
 * octets; the buffers of those in use begin at 9000. A datagram of this size is the largest that
 * the kernel keeps in 8 KiB, so that a receive buffer holds 1.4 times the records that it holds in
 * datagrams of 1500.
 */
#define LARGE_MTU 7680

/* Octets of one segmented send: below the IPv4 limit, with room for the headers. */
#define GSO_OCTETS_MAX 65000

/* A burst when a rate is kept: less than a tenth of a default receive buffer. */
#define PACED_OCTETS_MAX   (2 * LARGE_MTU)
#define PACED_MESSAGES_MAX 8

struct udp {
	struct sf_transport transport;
	int fd;
	bool segmentation;
	bool patient, waits; /* struct sf_udp_options */
};

/* One system call for messages from … from+count-1; returns 0 or a negative error. */
static int send_once(
	struct udp *udp, const uint8_t *bytes, size_t length, uint16_t segment, unsigned count)
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

/* Of the way that the socket knows to its peer; 0: it knows none. */
static unsigned path_mtu(const struct udp *udp)
{
	bool six = udp->transport.peer.ss_family == AF_INET6;
	int mtu = 0;
	socklen_t size = sizeof(mtu);

	if (getsockopt(udp->fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_MTU : IP_MTU, &mtu,
		    &size) < 0 ||
		mtu < 0)
		return 0;
	return (unsigned)mtu;
}

/*
 * The errors that ICMP makes of a connected socket's calls (in Linux icmp_err_convert[] and
 * icmpv6_err_convert(), the fatal ones). Some of them a call also meets by itself where there is
 * no route: then the socket has lost its way, because a route is looked up before anything else.
 */
static bool is_answer(const struct udp *udp, int code)
{
	switch (-code) {
	case ECONNREFUSED:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EPROTO:
	case EMSGSIZE: /* a router has told of a smaller MTU */
		return true;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EACCES:
		return path_mtu(udp) != 0;
	}
	return false;
}

/* In front of a message in its datagram. */
static unsigned headers(const struct udp *udp)
{
	return udp->transport.peer.ss_family == AF_INET6 ? IPV6_HEADERS : IPV4_HEADERS;
}

static void set_fate(struct sf_batch *batch, unsigned from, unsigned count, enum sf_fate fate)
{
	for (unsigned i = from; i < from + count; i++)
		batch->messages[i].fate = (uint8_t)fate;
}

/* What the last successful call took has been refused; messages before `end` have their fates. */
static void refuse_last_call(struct sf_batch *batch, unsigned end)
{
	if (batch->last_call_from == batch->count) {
		batch->earlier_refused = true;
		return;
	}
	for (unsigned i = batch->last_call_from; i < end; i++)
		if (batch->messages[i].fate == SF_FATE_SENT)
			batch->messages[i].fate = SF_FATE_unreachable;
}

/*
 * Sends messages from … from+count-1 with patience; returns their fate. Switches segmentation off
 * where it is that which is refused: then nothing was sent.
 */
static enum sf_fate send_patiently(struct udp *udp, struct sf_batch *batch, const uint8_t *bytes,
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
			/* this call was only told of the one before, and is made again */
			answered = true;
			udp->transport.error = code;
			refuse_last_call(batch, from);
			continue;
		}
		if (count > 1 && refuses_segmentation(code)) {
			udp->segmentation = false;
			return SF_FATE_send;
		}
		udp->transport.error = code;
		if (answer)
			return SF_FATE_unreachable;
		if (code == -EINTR || (must_wait(code) && sf_hurry_level(udp->transport.hurry)))
			return SF_FATE_stopped;
		if (!must_wait(code) || waits-- == 0)
			return SF_FATE_send;
		nanosleep(&pause, NULL);
	}
}

static void send_singly(struct udp *udp, struct sf_batch *batch)
{
	const uint8_t *bytes = batch->bytes;

	for (unsigned i = 0; i < batch->count; bytes += batch->messages[i].length, i++)
		batch->messages[i].fate =
			(uint8_t)send_patiently(udp, batch, bytes, batch->messages[i].length, i, 1);
}

/*
 * Are the batch's messages to leave by one call? Each segment must fit the route, which may have
 * changed: the kernel's word for one that does not would look like a router's.
 */
static bool leaves_at_once(const struct udp *udp, const struct sf_batch *batch)
{
	return batch->count > 1 && udp->segmentation &&
	       batch->messages[0].length + headers(udp) <= path_mtu(udp);
}

static void udp_send(struct sf_transport *transport, struct sf_batch *batch)
{
	struct udp *udp = (struct udp *)transport;
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

static bool udp_refused(struct sf_transport *transport)
{
	struct udp *udp = (struct udp *)transport;
	int code = 0;
	socklen_t size = sizeof(code);

	/* whatever waits there came from outside */
	if (getsockopt(udp->fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0 || code == 0)
		return false;
	transport->error = -code;
	return true;
}

static int64_t udp_ready(struct sf_transport *transport, int64_t mono, int *fd)
{
	struct udp *udp = (struct udp *)transport;
	struct pollfd out = { .fd = udp->fd, .events = POLLOUT };

	*fd = -1;
	/* half of the send buffer is free, or the send has an error to tell */
	if (poll(&out, 1, 0) == 1)
		return mono;
	*fd = udp->fd;
	return INT64_MAX;
}

static int udp_end(struct sf_transport *transport)
{
	(void)transport;
	return 0;
}

static void udp_free(struct sf_transport *transport)
{
	struct udp *udp = (struct udp *)transport;

	close(udp->fd);
	free(udp);
}

static const struct sf_transport_ops udp_ops = {
	.send = udp_send,
	.ready = udp_ready,
	.refused = udp_refused,
	.end = udp_end,
	.free = udp_free,
};

bool sf_udp_stays_here(const struct sf_transport *transport)
{
	const struct sockaddr *peer = (const struct sockaddr *)&transport->peer;

	if (peer->sa_family == AF_INET) {
		const struct sockaddr_in *from = (const struct sockaddr_in *)&transport->local;
		const struct sockaddr_in *to = (const struct sockaddr_in *)peer;

		return from->sin_addr.s_addr == to->sin_addr.s_addr ||
		       ntohl(to->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	}
	return !memcmp(&((const struct sockaddr_in6 *)&transport->local)->sin6_addr,
		&((const struct sockaddr_in6 *)peer)->sin6_addr, sizeof(struct in6_addr));
}

/* The largest datagram when nobody has said one. */
static unsigned default_mtu(const struct udp *udp, unsigned route, bool large)
{
	unsigned mtu = large && sf_udp_stays_here(&udp->transport) ? LARGE_MTU : DEFAULT_MTU;

	if (route == 0)
		return DEFAULT_MTU;
	return route < mtu ? route : mtu;
}

/* Largest message: datagram less headers; and how many of them leave at once. */
static void limit_messages(struct udp *udp, const struct sf_udp_options *options)
{
	unsigned mtu =
		options->mtu ? options->mtu : default_mtu(udp, path_mtu(udp), options->large);
	unsigned octets = options->paced ? PACED_OCTETS_MAX : GSO_OCTETS_MAX;
	unsigned most = options->paced ? PACED_MESSAGES_MAX : SF_MESSAGES_MAX;
	struct sf_transport *transport = &udp->transport;

	transport->max_message = mtu > headers(udp) ? mtu - headers(udp) : 0;
	transport->max_messages = octets / (transport->max_message + 1);
	if (transport->max_messages > most)
		transport->max_messages = most;
	if (transport->max_messages == 0)
		transport->max_messages = 1;
	/* bursts that keep a rate are small anyway, and captures then show datagrams as they are */
	udp->segmentation = !options->paced;
}

static int udp_connect(struct udp *udp, const struct addrinfo *address)
{
	const struct timeval patience = { .tv_sec = 1 };
	struct sf_transport *transport = &udp->transport;
	int code;

	udp->fd = socket(address->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (udp->fd < 0)
		return -errno;
	transport->local_size = sizeof(transport->local);
	transport->peer_size = sizeof(transport->peer);
	/* a send never waits for ever */
	if (setsockopt(udp->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0 &&
		connect(udp->fd, address->ai_addr, address->ai_addrlen) == 0 &&
		getsockname(udp->fd, (struct sockaddr *)&transport->local,
			&transport->local_size) == 0 &&
		getpeername(udp->fd, (struct sockaddr *)&transport->peer, &transport->peer_size) ==
			0)
		return 0;
	code = -errno;
	close(udp->fd);
	return code;
}

int sf_udp_open(struct sf_transport **transport, const struct sf_udp_options *options,
	struct sf_error *error)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *addresses, *address;
	struct udp *udp;
	int code = getaddrinfo(options->host, options->port, &hints, &addresses);

	if (code != 0)
		return sf_error_set(error, SF_ERESOLVE, "collector name %s does not resolve: %s",
			options->host, gai_strerror(code));
	udp = calloc(1, sizeof(*udp));
	code = udp ? -EADDRNOTAVAIL : -ENOMEM;
	for (address = addresses; udp && address; address = address->ai_next) {
		code = udp_connect(udp, address);
		if (code == 0)
			break;
	}
	if (code == 0) {
		udp->transport.ops = &udp_ops;
		udp->transport.traits = (struct sf_traits){
			.datagrams = true,
			.live = true,
			.cannot = "cannot send to",
			.failure = SF_FATE_send,
			.unready = SF_FATE_unreachable,
		};
		udp->patient = options->patient;
		udp->waits = options->waits;
		limit_messages(udp, options);
		*transport = &udp->transport;
	} else {
		sf_error_set(error, code, "no way to collector %s port %s: %s", options->host,
			options->port, sf_strerror(code));
		free(udp);
	}
	freeaddrinfo(addresses);
	return code;
}
