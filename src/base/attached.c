/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/attached.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_BYTES 16384

union answer {
	struct nlmsghdr header;
	char bytes[ANSWER_BYTES];
};

/* Sends a request and receives the kernel's answer, on a new socket. Bytes or -errno. */
static ssize_t ask(const struct nlmsghdr *request, union answer *answer)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = send(fd, request, request->nlmsg_len, 0);
	if (n >= 0)
		n = recv(fd, answer, sizeof(*answer), 0);
	n = n < 0 ? -errno : n;
	close(fd);
	if (n >= 0 && !NLMSG_OK(&answer->header, (size_t)n))
		return -EPROTO;
	if (n >= 0 && answer->header.nlmsg_type == NLMSG_ERROR)
		return ((const struct nlmsgerr *)NLMSG_DATA(&answer->header))->error;
	return n;
}

/* The attribute of this type among `length` bytes, or NULL. */
static const struct rtattr *find(const struct rtattr *attribute, int length, unsigned type)
{
	for (; RTA_OK(attribute, length); attribute = RTA_NEXT(attribute, length))
		if ((attribute->rta_type & ~NLA_F_NESTED) == type)
			return attribute;
	return NULL;
}

int sf_attached_read(struct sf_attached *attached, unsigned index)
{
	const struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
	} get = {
		.header = { .nlmsg_len = sizeof(get),
			.nlmsg_type = RTM_GETLINK,
			.nlmsg_flags = NLM_F_REQUEST },
		.info = { .ifi_index = (int)index },
	};
	union answer answer;
	ssize_t n = ask(&get.header, &answer);
	const struct rtattr *xdp, *mode, *id;

	*attached = (struct sf_attached){ 0 };
	if (n < 0)
		return (int)n;
	if (answer.header.nlmsg_type != RTM_NEWLINK)
		return -EPROTO;
	attached->index = index;
	xdp = find(IFLA_RTA((const struct ifinfomsg *)NLMSG_DATA(&answer.header)),
		(int)IFLA_PAYLOAD(&answer.header), IFLA_XDP);
	if (!xdp)
		return 0;
	mode = find(RTA_DATA(xdp), (int)RTA_PAYLOAD(xdp), IFLA_XDP_ATTACHED);
	id = find(RTA_DATA(xdp), (int)RTA_PAYLOAD(xdp), IFLA_XDP_PROG_ID);
	if (mode && RTA_PAYLOAD(mode) >= sizeof(attached->mode))
		memcpy(&attached->mode, RTA_DATA(mode), sizeof(attached->mode));
	if (id && RTA_PAYLOAD(id) >= sizeof(attached->id))
		memcpy(&attached->id, RTA_DATA(id), sizeof(attached->id));
	return 0;
}

int sf_attached_restore(const struct sf_attached *before)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
		struct rtattr xdp, fd;
		int32_t none;
		struct rtattr flags;
		uint32_t mode;
	} set = {
		.header = { .nlmsg_len = sizeof(set),
			.nlmsg_type = RTM_SETLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.info = { .ifi_index = (int)before->index },
		.xdp = { .rta_len = sizeof(set) - offsetof(__typeof__(set), xdp),
			.rta_type = IFLA_XDP | NLA_F_NESTED },
		.fd = { .rta_len = RTA_LENGTH(sizeof(set.none)), .rta_type = IFLA_XDP_FD },
		.none = -1,
		.flags = { .rta_len = RTA_LENGTH(sizeof(set.mode)), .rta_type = IFLA_XDP_FLAGS },
	};
	union answer answer;
	struct sf_attached now;
	ssize_t n;
	int result;

	if (before->index == 0 || before->id != 0)
		return 0;
	result = sf_attached_read(&now, before->index);
	if (result < 0 || now.id == 0)
		return result;
	set.mode = now.mode == XDP_ATTACHED_SKB ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	n = ask(&set.header, &answer);
	return n < 0 ? (int)n : 0;
}
