/* SPDX-License-Identifier: BSD-2-Clause */
/* The socket that the HTTP server listens on. */
#ifndef SPANFLOW_METRICS_LISTEN_H
#define SPANFLOW_METRICS_LISTEN_H

#include <sys/un.h>

#include <spanflow/error.h>

struct sf_http_socket {
	int fd;
	char name[sizeof(struct sockaddr_un) + 16];             /* as sf_http_name() */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* of a Unix socket, or "" */
};

/* `where` as for sf_http_open(). 0, or an error with its text. */
int sf_http_listen(struct sf_http_socket *socket, const char *where, struct sf_error *error);

#endif
