/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a reader of src/apps found in the payload of a packet: a structure of fixed size without
 * pointers, which travels in the packet's annex, is kept for each direction of a flow, and is read
 * for the record's fields. Texts lie one behind the other, each with its length in front;
 * sf_app_text() finds them.
 *
 *	kind   number[0]        number[1]      texts
 *	DNS    type             response code  name, first answer
 *	TLS    version          cipher         server name, ALPN, JA4, names in the server's
 *	       certificate;
 *	                                       QUIC likewise
 *	HTTP   status                          host, method, target, user agent
 *	SSH                                    identification
 */
#ifndef SPANFLOW_BASE_APP_H
#define SPANFLOW_BASE_APP_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum sf_app_kind {
	SF_APP_NONE,
	SF_APP_DNS,
	SF_APP_TLS,
	SF_APP_QUIC,
	SF_APP_HTTP,
	SF_APP_SSH,
	SF_APP_KINDS,
};

/*
 * What is better replaces what is worse, in the direction of a flow:
 * the first octet of struct sf_app.
 */
enum sf_app_rank {
	SF_APP_ABSENT,
	SF_APP_NAMED, /* the protocol is known, but its message is cut or not complete */
	SF_APP_READ,
	/* and so is what follows the message: the certificate behind a server's hello */
	SF_APP_READ_ON,
};

/* Bits of `flags`. */
#define SF_APP_ANSWER 0x01 /* the message answers one of the other direction */
/* further packets may have the rest of the message, or what follows it */
#define SF_APP_MORE 0x02

#define SF_APP_NUMBERS 2
#define SF_APP_BYTES   512

struct sf_app {
	uint8_t rank, kind, flags;
	uint8_t unread; /* enum sf_unread, of a hello with SF_APP_NAMED without SF_APP_MORE */
	uint16_t number[SF_APP_NUMBERS];
	uint8_t text[SF_APP_BYTES - 4 - 2 * SF_APP_NUMBERS];
};

static_assert(sizeof(struct sf_app) == SF_APP_BYTES, "the value of the fact");

enum sf_app_dns { SF_APP_DNS_NAME, SF_APP_DNS_ANSWER };
enum sf_app_http { SF_APP_HTTP_HOST, SF_APP_HTTP_METHOD, SF_APP_HTTP_TARGET, SF_APP_HTTP_AGENT };
enum sf_app_tls {
	SF_APP_TLS_NAME,
	SF_APP_TLS_ALPN,
	SF_APP_TLS_JA4,
	SF_APP_TLS_COMMON_NAME, /* of the server's certificate; SF_APP_READ_ON */
	SF_APP_TLS_DNS_NAME,
};

/* Text i, its length first; texts that were not written are empty. */
static inline const uint8_t *sf_app_text(const struct sf_app *app, unsigned i)
{
	const uint8_t *p = app->text;

	for (; i; i--)
		p += 1 + *p;
	return p;
}

/* Writes texts in their order, each cut to `most` bytes and to what there is room for. */
struct sf_app_writer {
	struct sf_app *app;
	unsigned used;
};

static inline void sf_app_put(
	struct sf_app_writer *writer, const void *bytes, size_t length, size_t most)
{
	/* the texts behind it, if they are empty, take a byte each */
	enum { OTHERS = 8 };
	const size_t end = sizeof(writer->app->text) - OTHERS, next = writer->used + 1u;
	const size_t room = next < end ? end - next : 0;

	length = length < most ? length : most;
	length = length < room ? length : room;
	writer->app->text[writer->used] = (uint8_t)length;
	if (length)
		memcpy(writer->app->text + writer->used + 1, bytes, length);
	writer->used += 1 + (unsigned)length;
}

/* A writer of text i, behind those that were written. */
static inline struct sf_app_writer sf_app_writer_at(struct sf_app *app, unsigned i)
{
	return (struct sf_app_writer){ app, (unsigned)(sf_app_text(app, i) - app->text) };
}

#endif
