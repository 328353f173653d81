/* SPDX-License-Identifier: BSD-2-Clause */
#include "enrich/fib.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER   (64 * 1024)
#define ATTEMPTS 5 /* a dump during which routes changed is asked for again */

/* A dump being read. */
struct dump {
	struct sf_draft *draft;
	bool interrupted, done;
	int code;
	struct {
		uint8_t address[16];
		int length; /* -1: there is none */
		uint32_t table;
	} last;
};

/* What a route message says. */
struct found {
	uint8_t destination[16];
	uint32_t table;
	struct sf_route_facts facts;
};

int sf_fib_open(struct sf_fib *fib, struct sf_error *error)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE };
	const struct timeval limit = { .tv_sec = 5 };

	fib->sequence = 0;
	fib->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	fib->events = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (fib->fd >= 0 && fib->events >= 0 &&
		setsockopt(fib->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0 &&
		bind(fib->events, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return 0;
	sf_error_set(error, -errno, "the kernel's routes: %s", sf_strerror(-errno));
	sf_fib_close(fib);
	return error ? error->code : -EIO;
}

void sf_fib_close(struct sf_fib *fib)
{
	if (fib->fd >= 0)
		close(fib->fd);
	if (fib->events >= 0)
		close(fib->events);
	fib->fd = fib->events = -1;
}

/* The gateway, if it has an address of the route's family. */
static void take_gateway(struct found *found, const struct rtattr *attribute, size_t size)
{
	if (RTA_PAYLOAD(attribute) == size)
		memcpy(found->facts.hops.next, RTA_DATA(attribute), size);
}

/* The first of several next hops. */
static void take_multipath(struct found *found, const struct rtattr *attribute, size_t size)
{
	const struct rtnexthop *hop = RTA_DATA(attribute);
	const struct rtattr *inner;
	int left;

	if (RTA_PAYLOAD(attribute) < sizeof(*hop) || hop->rtnh_len < sizeof(*hop) ||
		hop->rtnh_len > RTA_PAYLOAD(attribute))
		return;
	found->facts.egress = (uint32_t)hop->rtnh_ifindex;
	left = hop->rtnh_len - (int)sizeof(*hop);
	for (inner = RTNH_DATA(hop); RTA_OK(inner, left); inner = RTA_NEXT(inner, left))
		if (inner->rta_type == RTA_GATEWAY)
			take_gateway(found, inner, size);
}

static void read_attributes(struct found *found, const struct nlmsghdr *header, size_t size)
{
	const struct rtmsg *route = NLMSG_DATA(header);
	const struct rtattr *attribute = RTM_RTA(route);
	int left = (int)RTM_PAYLOAD(header);

	found->table = route->rtm_table;
	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
		size_t length = RTA_PAYLOAD(attribute);

		switch (attribute->rta_type) {
		case RTA_DST:
			if (length == size)
				memcpy(found->destination, RTA_DATA(attribute), size);
			break;
		case RTA_GATEWAY:
			take_gateway(found, attribute, size);
			break;
		case RTA_OIF:
			if (length == sizeof(found->facts.egress))
				memcpy(&found->facts.egress, RTA_DATA(attribute), length);
			break;
		case RTA_TABLE:
			if (length == sizeof(found->table))
				memcpy(&found->table, RTA_DATA(attribute), length);
			break;
		case RTA_MULTIPATH:
			take_multipath(found, attribute, size);
			break;
		}
	}
}

/* Of several routes to a prefix the kernel names that of the best metric first. */
static void add_route(struct dump *dump, const struct nlmsghdr *header)
{
	const struct rtmsg *route = NLMSG_DATA(header);
	bool ipv6 = route->rtm_family == AF_INET6;
	struct found found = { 0 };

	if (header->nlmsg_type != RTM_NEWROUTE ||
		header->nlmsg_len < NLMSG_LENGTH(sizeof(*route)) ||
		route->rtm_dst_len > (ipv6 ? 128 : 32) || route->rtm_flags & RTM_F_CLONED)
		return;
	read_attributes(&found, header, ipv6 ? 16 : 4);
	/* addresses of this host are in a table of their own, which the kernel asks first */
	if (found.table == RT_TABLE_LOCAL
			? route->rtm_type != RTN_LOCAL
			: found.table != RT_TABLE_MAIN || route->rtm_type == RTN_MULTICAST)
		return;
	if ((route->rtm_dst_len == dump->last.length &&
		    !memcmp(found.destination, dump->last.address, sizeof(found.destination))) &&
		found.table == dump->last.table)
		return;
	memcpy(dump->last.address, found.destination, sizeof(found.destination));
	dump->last.length = route->rtm_dst_len;
	dump->last.table = found.table;
	found.facts.length = route->rtm_dst_len;
	dump->code = sf_draft_add(
		dump->draft, ipv6, found.destination, route->rtm_dst_len, &found.facts);
}

static void read_answer(
	struct dump *dump, const struct nlmsghdr *header, size_t left, uint32_t sequence)
{
	for (; NLMSG_OK(header, left) && dump->code == 0; header = NLMSG_NEXT(header, left)) {
		if (header->nlmsg_seq != sequence)
			continue;
		dump->interrupted |= (header->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
		if (header->nlmsg_type == NLMSG_DONE)
			dump->done = true;
		else if (header->nlmsg_type == NLMSG_ERROR)
			dump->code = ((const struct nlmsgerr *)NLMSG_DATA(header))->error;
		else
			add_route(dump, header);
	}
}

static int dump_family(struct sf_fib *fib, struct dump *dump, unsigned char family)
{
	static _Thread_local union {
		struct nlmsghdr header;
		char bytes[ANSWER];
	} answer;
	const struct {
		struct nlmsghdr header;
		struct rtmsg route;
	} get = {
		.header = { .nlmsg_len = sizeof(get),
			.nlmsg_type = RTM_GETROUTE,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			.nlmsg_seq = ++fib->sequence },
		.route = { .rtm_family = family, .rtm_table = RT_TABLE_MAIN },
	};

	dump->done = false;
	dump->last.length = -1;
	if (send(fib->fd, &get, sizeof(get), 0) < 0)
		return -errno;
	while (!dump->done && dump->code == 0) {
		ssize_t n = recv(fib->fd, &answer, sizeof(answer), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		read_answer(dump, &answer.header, (size_t)n, fib->sequence);
	}
	return dump->code;
}

int sf_fib_load(struct sf_fib *fib, struct sf_routes **routes, struct sf_error *error)
{
	struct sf_draft draft;
	struct dump dump = { .draft = &draft, .interrupted = true };
	int code = 0;

	for (unsigned i = 0; code == 0 && dump.interrupted && i < ATTEMPTS; i++) {
		if (i)
			sf_draft_fini(&draft);
		dump.interrupted = false;
		code = sf_draft_init(&draft);
		if (code == 0)
			code = dump_family(fib, &dump, AF_INET);
		if (code == 0)
			code = dump_family(fib, &dump, AF_INET6);
	}
	if (code == 0)
		code = sf_draft_finish(&draft, routes);
	else
		sf_draft_fini(&draft);
	return code == 0 ? 0
			 : sf_error_set(error, code, "the kernel's routes: %s", sf_strerror(code));
}

bool sf_fib_changed(struct sf_fib *fib)
{
	char bytes[4096];
	bool changed = false;
	ssize_t n;

	/* with ENOBUFS notifications were lost: something has changed */
	while ((n = recv(fib->events, bytes, sizeof(bytes), 0)) > 0 || (n < 0 && errno == ENOBUFS))
		changed = true;
	return changed;
}
