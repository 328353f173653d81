/* SPDX-License-Identifier: BSD-2-Clause */
/* How a datagram has come: an answer goes back the same way. */
#ifndef SPANFLOW_RECEIVE_PATH_H
#define SPANFLOW_RECEIVE_PATH_H

#include <netinet/in.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#define SF_PATH_CONTROL                                                                            \
	(CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo)))
#define SF_PATH_ID 20 /* size of an id */

struct sf_path {
	int fd;
	struct sockaddr_storage peer;
	socklen_t peer_size;
	/* as ancillary data: the address of this host that the peer has sent to; 0: any */
	size_t control_length;
	alignas(struct cmsghdr) uint8_t control[SF_PATH_CONTROL];
};

/*
 * Sends a datagram to the peer of `path`. Returns `length`: what cannot be
 * sent is lost, as datagrams may be.
 */
ssize_t sf_path_answer(struct sf_path *path, const uint8_t *bytes, size_t length);

/* What tells peers apart: address and port. Returns the length. */
size_t sf_path_id(const struct sockaddr_storage *peer, uint8_t id[SF_PATH_ID]);

#endif
