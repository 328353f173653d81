/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside src/apps. A reader is a pure function: the captured bytes of a packet's payload in, a
 * struct sf_app out. It looks at the bytes alone, checks every length, and does an amount of work
 * that has a bound. Most payload is of another protocol, so the first thing a reader does is to
 * compare a few bytes. A new protocol is a file with its reader and a row in the table of apps.c.
 */
#ifndef SPANFLOW_APPS_READER_H
#define SPANFLOW_APPS_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/app.h"

struct sf_payload {
	const uint8_t *transport; /* the TCP or UDP header in front, captured whole */
	const uint8_t *bytes;
	size_t length; /* captured */
	size_t wire;   /* in the packet, as its headers say: >= length */
	uint32_t seq;  /* TCP: sequence number of the first byte */
	uint16_t ports[2];
	bool tcp; /* else UDP */
	/*
	 * what is wanted besides: JA4 of a client's hello, names in
	 * the certificate behind a server's
	 */
	bool ja4, certificate;
};

/* False: the payload is of another protocol, and *app is undefined. */
typedef bool sf_app_reader(const struct sf_payload *payload, struct sf_app *app);

sf_app_reader sf_app_dns;  /* RFC 1035, also over TCP, and multicast DNS */
sf_app_reader sf_app_tls;  /* hellos of TLS over TCP */
sf_app_reader sf_app_http; /* requests and status of HTTP/1.x */
sf_app_reader sf_app_ssh;  /* identifications */

/* One of the ports is this one. */
static inline bool sf_payload_port(const struct sf_payload *payload, uint16_t port)
{
	return payload->ports[0] == port || payload->ports[1] == port;
}

static inline void sf_app_begin(struct sf_app *app, enum sf_app_kind kind, enum sf_app_rank rank)
{
	memset(app, 0, sizeof(*app));
	app->kind = (uint8_t)kind;
	app->rank = (uint8_t)rank;
}

#endif
