/* SPDX-License-Identifier: BSD-2-Clause */
#include "receive/path.h"

#include <string.h>

ssize_t sf_path_answer(struct sf_path *path, const uint8_t *bytes, size_t length)
{
	struct iovec iov = { .iov_base = (void *)bytes, .iov_len = length };
	const struct msghdr header = {
		.msg_name = &path->peer,
		.msg_namelen = path->peer_size,
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = path->control_length ? path->control : NULL,
		.msg_controllen = path->control_length,
	};

	sendmsg(path->fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
	return (ssize_t)length;
}

size_t sf_path_id(const struct sockaddr_storage *peer, uint8_t id[SF_PATH_ID])
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)peer;
	const struct sockaddr_in *four = (const struct sockaddr_in *)peer;

	if (peer->ss_family == AF_INET6) {
		memcpy(id, &six->sin6_addr, 16);
		memcpy(id + 16, &six->sin6_port, 2);
		return 18;
	}
	memcpy(id, &four->sin_addr, 4);
	memcpy(id + 4, &four->sin_port, 2);
	return 6;
}
