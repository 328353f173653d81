/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hellos of TLS (RFC 8446 §4.1, RFC 5246 §7.4.1), wherever they were carried: in records
 * over TCP or in frames of QUIC.
 */
#ifndef SPANFLOW_APPS_HELLO_H
#define SPANFLOW_APPS_HELLO_H

#include "apps/bytes.h"
#include "apps/reader.h"

#define SF_HELLO_CLIENT 1
#define SF_HELLO_SERVER 2
#define SF_HELLO_HEADER 4
#define SF_HELLO_MAX    4096 /* bytes of a hello that is read, with its header */

/* What JA4 is made of; the lists are as sent. */
struct sf_client_hello {
	uint16_t version;     /* of the hello itself */
	bool has_name;        /* a server's name, or at least the extension for it */
	struct sf_bytes name; /* the first host name */
	struct sf_bytes alpn; /* the first protocol */
	struct sf_bytes ciphers, extensions, versions, algorithms;
};

/* The handshake message at `p`, whole. False: it is no client hello. */
bool sf_client_hello_read(struct sf_client_hello *hello, const uint8_t *p, size_t length);

/* The highest version that the client offers, without those of GREASE (RFC 8701). */
uint16_t sf_client_hello_version(const struct sf_client_hello *hello);

#define SF_JA4_LENGTH 36

/* JA4 of the hello: "t13d1516h2_8daaf6152771_e5627efa2ab1". `carrier`: 't' TCP, 'q' QUIC. */
void sf_ja4(const struct sf_client_hello *hello, char carrier, char text[SF_JA4_LENGTH]);

/*
 * Fills *app from a whole hello of client or server. `ja4`: with JA4
 * of a client. False: it is none.
 */
bool sf_hello_read(
	const uint8_t *p, size_t length, enum sf_app_kind kind, bool ja4, struct sf_app *app);

static inline bool sf_is_grease(uint16_t value)
{
	return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}

#endif
