/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hellos of TLS over TCP: records (RFC 8446 §5.1) with the beginning of a handshake. A hello may be longer than
 * a segment, and may be split over records.
 */
#include "apps/hello.h"
#include "base/branch.h"
#include "base/wire.h"

enum { RECORD_HEADER = 5, RECORD_MAX = 16384 + 256, HANDSHAKE = 22, LEAST = 2 + 32 + 1 + 2 + 1 };

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

/* Copies the handshake's bytes out of the records, at most `wanted`. Returns how many there are. */
static size_t unwrap(const struct sf_payload *payload, uint8_t *to, size_t wanted)
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
	return have;
}

static bool read_tls(const struct sf_payload *payload, bool ja4, struct sf_app *app)
{
	const uint8_t *hello = payload->bytes + RECORD_HEADER;
	uint8_t buffer[SF_HELLO_MAX];
	size_t length;

	if (sf_likely(!is_hello(payload, &length)))
		return false;
	if (length <= sf_load_be16(payload->bytes + 3) &&
		RECORD_HEADER + length <= payload->length) {
		if (sf_hello_read(hello, length, SF_APP_TLS, ja4, app))
			return true;
	} else if (length <= sizeof(buffer) && unwrap(payload, buffer, length) == length) {
		if (sf_hello_read(buffer, length, SF_APP_TLS, ja4, app))
			return true;
	} else {
		sf_app_begin(app, SF_APP_TLS, SF_APP_NAMED);
		app->flags = hello[0] == SF_HELLO_SERVER ? SF_APP_ANSWER : 0;
		/* it may be whole with the next segments */
		app->flags |= length <= sizeof(buffer) ? SF_APP_MORE : 0;
		return true;
	}
	sf_app_begin(app, SF_APP_TLS, SF_APP_NAMED);
	return true;
}

bool sf_app_tls(const struct sf_payload *payload, struct sf_app *app)
{
	return read_tls(payload, false, app);
}

bool sf_app_tls_ja4(const struct sf_payload *payload, struct sf_app *app)
{
	return read_tls(payload, true, app);
}
