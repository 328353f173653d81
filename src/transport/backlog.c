/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads how full the receive buffer of a collector on this host is, by the kernel's socket
 * diagnosis (sock_diag(7), no privilege needed). UDP has no flow control; with this the sender can
 * wait for the collector instead of guessing a rate.
 */
#include "transport/backlog.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
	struct nlmsghdr header;
	struct inet_diag_req_v2 diag;
};

struct sf_backlog {
	int fd;
	struct request request;
};

static void fill_request(
	struct request *request, const struct sockaddr *local, const struct sockaddr *peer)
{
	struct inet_diag_sockid *id = &request->diag.id;

	request->header.nlmsg_len = sizeof(*request);
	request->header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	request->header.nlmsg_flags = NLM_F_REQUEST;
	request->diag.sdiag_family = (uint8_t)peer->sa_family;
	request->diag.sdiag_protocol = IPPROTO_UDP;
	request->diag.idiag_ext = 1 << (INET_DIAG_SKMEMINFO - 1);
	request->diag.idiag_states = ~0u;
	id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	/* the receiver of a datagram from `src` to `dst` */
	if (peer->sa_family == AF_INET) {
		const struct sockaddr_in *from = (const struct sockaddr_in *)local;
		const struct sockaddr_in *to = (const struct sockaddr_in *)peer;

		id->idiag_sport = from->sin_port;
		id->idiag_dport = to->sin_port;
		memcpy(id->idiag_src, &from->sin_addr, sizeof(from->sin_addr));
		memcpy(id->idiag_dst, &to->sin_addr, sizeof(to->sin_addr));
	} else {
		const struct sockaddr_in6 *from = (const struct sockaddr_in6 *)local;
		const struct sockaddr_in6 *to = (const struct sockaddr_in6 *)peer;

		id->idiag_sport = from->sin6_port;
		id->idiag_dport = to->sin6_port;
		memcpy(id->idiag_src, &from->sin6_addr, sizeof(from->sin6_addr));
		memcpy(id->idiag_dst, &to->sin6_addr, sizeof(to->sin6_addr));
	}
}

/* Fills used and size of the receive buffer; returns 0 or a negative error. */
static int ask(struct sf_backlog *backlog, uint32_t *used, uint32_t *size)
{
	union {
		struct nlmsghdr header;
		char bytes[1024];
	} reply;
	struct rtattr *attribute;
	ssize_t n;
	int length;

	backlog->request.header.nlmsg_seq++;
	if (send(backlog->fd, &backlog->request, sizeof(backlog->request), 0) < 0)
		return -errno;
	/* skips an answer to an earlier request, which came after the time limit */
	do
		n = recv(backlog->fd, &reply, sizeof(reply), 0);
	while ((n < 0 && errno == EINTR) ||
		(n >= (ssize_t)sizeof(reply.header) &&
			reply.header.nlmsg_seq != backlog->request.header.nlmsg_seq));
	if (n < (ssize_t)NLMSG_LENGTH(sizeof(struct inet_diag_msg)) ||
		!NLMSG_OK(&reply.header, (unsigned)n) ||
		reply.header.nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return -ENOENT;
	attribute = (struct rtattr *)((char *)NLMSG_DATA(&reply.header) +
				      NLMSG_ALIGN(sizeof(struct inet_diag_msg)));
	length = (int)(reply.header.nlmsg_len - NLMSG_LENGTH(sizeof(struct inet_diag_msg)));
	for (; RTA_OK(attribute, length); attribute = RTA_NEXT(attribute, length)) {
		const uint32_t *memory = RTA_DATA(attribute);

		if (attribute->rta_type != INET_DIAG_SKMEMINFO ||
			RTA_PAYLOAD(attribute) < 2 * sizeof(*memory))
			continue;
		*used = memory[SK_MEMINFO_RMEM_ALLOC];
		*size = memory[SK_MEMINFO_RCVBUF];
		return 0;
	}
	return -ENOENT;
}

struct sf_backlog *sf_backlog_open(const struct sockaddr *local, const struct sockaddr *peer)
{
	const struct timeval patience = { .tv_sec = 1 };
	struct sf_backlog *backlog;
	uint32_t used, size;

	backlog = calloc(1, sizeof(*backlog));
	if (!backlog)
		return NULL;
	fill_request(&backlog->request, local, peer);
	backlog->fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (backlog->fd >= 0 &&
		setsockopt(backlog->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ==
			0 &&
		ask(backlog, &used, &size) == 0)
		return backlog;
	sf_backlog_close(backlog);
	return NULL;
}

void sf_backlog_close(struct sf_backlog *backlog)
{
	if (backlog && backlog->fd >= 0)
		close(backlog->fd);
	free(backlog);
}

bool sf_backlog_is_long(struct sf_backlog *backlog, uint32_t *used)
{
	uint32_t size;

	/* no answer: no socket is there, and the next send reports that */
	return ask(backlog, used, &size) == 0 && *used >= size / 2;
}
