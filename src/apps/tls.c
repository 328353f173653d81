/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hellos of TLS over TCP: records (RFC 8446 §5.1) with the beginning of a handshake. A hello may be
 * longer than a segment, and may be split over records; so may the certificate behind a server's
 * hello.
 */
#include <spanflow/meter.h>

#include "apps/certificate.h"
#include "apps/hello.h"
#include "base/branch.h"
#include "base/wire.h"

enum {
	RECORD_HEADER = 5,
	RECORD_MAX = 16384 + 256,
	HANDSHAKE = 22,
	LEAST = 2 + 32 + 1 + 2 + 1,
	TLS13 = 0x0304,
	COMMON_NAME_MOST = 128,
	DNS_NAME_MOST = 253,
};

static bool is_record(const uint8_t *p)
{
	unsigned length = sf_load_be16(p + 3);

	return p[0] == HANDSHAKE && p[1] == 3 && p[2] <= 4 && length && length <= RECORD_MAX;
}

/* The payload begins with a hello: its record, its kind, its length and its version say so. */
static bool is_hello(const struct sf_payload *payload, size_t *length)
{
	const uint8_t *p = payload->bytes, *hello = p + RECORD_HEADER;

	if (sf_likely(payload->length < RECORD_HEADER + SF_HELLO_HEADER + 2 || p[0] != HANDSHAKE) ||
		!is_record(p) || (hello[0] != SF_HELLO_CLIENT && hello[0] != SF_HELLO_SERVER))
		return false;
	*length = SF_HELLO_HEADER + sf_load_be(hello + 1, 3);
	return hello[1] == 0 && *length >= SF_HELLO_HEADER + LEAST && hello[4] == 3 &&
	       hello[5] <= 4;
}

/*
 * Copies the handshake's bytes out of the records, at most `wanted`. Returns how many there are;
 * *more: the next segments may have further ones.
 */
static size_t unwrap(const struct sf_payload *payload, uint8_t *to, size_t wanted, bool *more)
{
	const uint8_t *p = payload->bytes, *end = p + payload->length;
	size_t have = 0;

	while (have < wanted && end - p > RECORD_HEADER && is_record(p)) {
		size_t part = sf_load_be16(p + 3);

		p += RECORD_HEADER;
		part = part < (size_t)(end - p) ? part : (size_t)(end - p);
		p += part;
		memcpy(to + have, p - part, part < wanted - have ? part : wanted - have);
		have += part < wanted - have ? part : wanted - have;
	}
	*more = p == end || (*p == HANDSHAKE && end - p <= RECORD_HEADER);
	return have;
}

/*
 * The certificate message behind a server's hello of `hello` bytes (RFC 5246 §7.4.2): kind, length,
 * length of the list, length of the server's own certificate, which is the first one.
 */
static void read_certificate(const struct sf_payload *payload, size_t hello, struct sf_app *app)
{
	enum { CERTIFICATE = 11, MESSAGE = 4, LENGTH = 3, HEAD = MESSAGE + 2 * LENGTH };
	struct sf_app_writer writer = sf_app_writer_at(app, SF_APP_TLS_JA4);
	struct sf_certificate_names names;
	uint8_t buffer[SF_HELLO_MAX];
	const uint8_t *message;
	size_t have, length;
	bool more;

	/* the hello leaves no room */
	if (hello + HEAD > sizeof(buffer))
		return;
	have = unwrap(payload, buffer, sizeof(buffer), &more);
	message = buffer + hello;
	/* a session that goes on has none */
	if (have > hello && *message != CERTIFICATE)
		return;
	if (have < hello + HEAD) {
		app->flags |= more ? SF_APP_MORE : 0;
		return;
	}
	length = sf_load_be(message + MESSAGE + LENGTH, LENGTH);
	if (sf_load_be(message + 1, LENGTH) < LENGTH + sf_load_be(message + MESSAGE, LENGTH) ||
		sf_load_be(message + MESSAGE, LENGTH) < LENGTH + length)
		return;
	have -= hello + HEAD;
	if (have < length && hello + HEAD + have < sizeof(buffer)) {
		app->flags |= more ? SF_APP_MORE : 0;
		return;
	}
	if (!sf_certificate_read(&names,
		    (struct sf_bytes){ message + HEAD, have < length ? have : length },
		    have < length))
		return;
	app->rank = SF_APP_READ_ON;
	sf_app_put(&writer, NULL, 0, 0);
	sf_app_put(&writer, names.common.p, names.common.length, COMMON_NAME_MOST);
	sf_app_put(&writer, names.dns.p, names.dns.length, DNS_NAME_MOST);
}

/* The hello, whole. */
static bool read_hello(
	const struct sf_payload *payload, const uint8_t *hello, size_t length, struct sf_app *app)
{
	if (!sf_hello_read(hello, length, SF_APP_TLS, payload->ja4, app))
		return false;
	/* TLS 1.3 encrypts certificates */
	if (payload->certificate && app->flags & SF_APP_ANSWER && app->number[0] < TLS13)
		read_certificate(payload, length, app);
	return true;
}

bool sf_app_tls(const struct sf_payload *payload, struct sf_app *app)
{
	const uint8_t *hello = payload->bytes + RECORD_HEADER;
	uint8_t buffer[SF_HELLO_MAX];
	size_t length;
	bool more;

	if (sf_likely(!is_hello(payload, &length)))
		return false;
	if (length <= sf_load_be16(payload->bytes + 3) &&
		RECORD_HEADER + length <= payload->length) {
		if (read_hello(payload, hello, length, app))
			return true;
	} else if (length <= sizeof(buffer) && unwrap(payload, buffer, length, &more) == length) {
		if (read_hello(payload, buffer, length, app))
			return true;
	} else {
		sf_app_begin(app, SF_APP_TLS, SF_APP_NAMED);
		app->unread = SF_UNREAD_tooLong;
		app->flags = hello[0] == SF_HELLO_SERVER ? SF_APP_ANSWER : 0;
		/* it may be whole with the next segments */
		app->flags |= length <= sizeof(buffer) ? SF_APP_MORE : 0;
		return true;
	}
	sf_app_begin(app, SF_APP_TLS, SF_APP_NAMED);
	app->unread = SF_UNREAD_malformed;
	return true;
}
