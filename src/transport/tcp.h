/* SPDX-License-Identifier: BSD-2-Clause */
/* Parts of struct sf_connection_ops over TCP, for links on top of it. */
#ifndef SPANFLOW_TRANSPORT_TCP_H
#define SPANFLOW_TRANSPORT_TCP_H

#include "transport/connection.h"

/* Each as the member of struct sf_connection_ops with that name. */
int sf_tcp_connect(struct sf_connection *link, const struct sf_peer *peer, unsigned index);
int sf_tcp_progress(struct sf_connection *link);
ssize_t sf_tcp_write(struct sf_connection *link, const uint8_t *bytes, size_t length);
int sf_tcp_check(struct sf_connection *link);
uint64_t sf_tcp_acknowledged(struct sf_connection *link);
bool sf_tcp_stands(struct sf_connection *link);
void sf_tcp_finish(struct sf_connection *link);
void sf_tcp_close(struct sf_connection *link);
int64_t sf_tcp_now(struct sf_connection *link);
void sf_tcp_wait(struct sf_connection *link, int64_t ns);
void sf_tcp_free(struct sf_connection *link);

/* Members of struct sf_connection_ops for a link that only connects and writes in its own way. */
#define SF_TCP_OPS                                                                                 \
	.progress = sf_tcp_progress, .acknowledged = sf_tcp_acknowledged, .stands = sf_tcp_stands, \
	.check = sf_tcp_check, .finish = sf_tcp_finish, .close = sf_tcp_close, .now = sf_tcp_now,  \
	.wait = sf_tcp_wait, .free = sf_tcp_free

#endif
