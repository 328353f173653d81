/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes "HOST:PORT", as people write it, apart, and names addresses like that. */
#ifndef SPANFLOW_BASE_HOSTPORT_H
#define SPANFLOW_BASE_HOSTPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Room for the name of an address: "192.0.2.1:40000", "[2001:db8::1]:40000". */
#define SF_HOSTPORT_NAME 64

/*
 * Takes "host:port", "[host]:port", ":port" or "host" apart: the host without brackets, which may
 * be empty, and the port, which points into the text, or NULL if there is none. False: the text has
 * another form, such as an IPv6 address without brackets, or the host is too long.
 */
bool sf_hostport_split(const char *text, char *host, size_t size, const char **port);

/* A decimal number up to 65535. */
bool sf_hostport_is_port(const char *text);

/* Writes an address as text. An IPv4 address that is mapped to IPv6 is written as IPv4. */
void sf_hostport_name(const struct sockaddr_storage *address, char name[SF_HOSTPORT_NAME]);

#endif
