/* SPDX-License-Identifier: BSD-2-Clause */
#include "apps/hello.h"

#include "base/wire.h"

enum {
	EXTENSIONS_MAX = 128, /* looked at */
	EXTENSION_NAME = 0,
	EXTENSION_ALGORITHMS = 13,
	EXTENSION_ALPN = 16,
	EXTENSION_VERSIONS = 43,
	NAME_MOST = 253,
	ALPN_MOST = 32,
};

/* RFC 6066 §3: the first host name of the list. */
static void read_name(struct sf_client_hello *hello, struct sf_bytes body)
{
	struct sf_bytes list, type, name;

	hello->has_name = true;
	if (sf_bytes_take_counted(&body, 2, &list) && sf_bytes_take(&list, 1, &type) &&
		*type.p == 0 && sf_bytes_take_counted(&list, 2, &name))
		hello->name = name;
}

/* RFC 7301 §3.1: the first protocol of the list. */
static struct sf_bytes first_protocol(struct sf_bytes body)
{
	struct sf_bytes list, protocol;

	if (sf_bytes_take_counted(&body, 2, &list) && sf_bytes_take_counted(&list, 1, &protocol))
		return protocol;
	return (struct sf_bytes){ 0 };
}

static void read_extension(struct sf_client_hello *hello, uint16_t type, struct sf_bytes body)
{
	switch (type) {
	case EXTENSION_NAME:
		read_name(hello, body);
		break;
	case EXTENSION_ALPN:
		hello->alpn = first_protocol(body);
		break;
	case EXTENSION_VERSIONS:
		sf_bytes_take_counted(&body, 1, &hello->versions);
		break;
	case EXTENSION_ALGORITHMS:
		sf_bytes_take_counted(&body, 2, &hello->algorithms);
		break;
	}
}

bool sf_client_hello_read(struct sf_client_hello *hello, const uint8_t *p, size_t length)
{
	struct sf_bytes left = { p, length }, head, part, extensions;

	memset(hello, 0, sizeof(*hello));
	if (!sf_bytes_take(&left, SF_HELLO_HEADER, &head) || head.p[0] != SF_HELLO_CLIENT ||
		!sf_bytes_take(&left, 2 + 32, &part))
		return false;
	hello->version = sf_load_be16(part.p);
	if (!sf_bytes_take_counted(&left, 1, &part) || part.length > 32 ||
		!sf_bytes_take_counted(&left, 2, &hello->ciphers) ||
		!sf_bytes_take_counted(&left, 1, &part))
		return false;
	if (!left.length) /* up to TLS 1.2 there may be no extensions */
		return true;
	if (!sf_bytes_take_counted(&left, 2, &hello->extensions))
		return false;
	extensions = hello->extensions;
	for (unsigned n = 0; n < EXTENSIONS_MAX && extensions.length; n++) {
		if (!sf_bytes_take(&extensions, 2, &head) ||
			!sf_bytes_take_counted(&extensions, 2, &part))
			return false;
		read_extension(hello, sf_load_be16(head.p), part);
	}
	return true;
}

uint16_t sf_client_hello_version(const struct sf_client_hello *hello)
{
	uint16_t most = 0;

	for (size_t i = 0; i + 2 <= hello->versions.length; i += 2) {
		uint16_t version = sf_load_be16(hello->versions.p + i);

		if (!sf_is_grease(version) && version > most)
			most = version;
	}
	return most ? most : hello->version;
}

static bool read_client(const uint8_t *p, size_t length, char carrier, bool ja4, struct sf_app *app)
{
	struct sf_app_writer writer = { .app = app };
	struct sf_client_hello hello;
	char fingerprint[SF_JA4_LENGTH] = "";

	if (!sf_client_hello_read(&hello, p, length))
		return false;
	app->number[0] = sf_client_hello_version(&hello);
	sf_app_put(&writer, hello.name.p, hello.name.length, NAME_MOST);
	sf_app_put(&writer, hello.alpn.p, hello.alpn.length, ALPN_MOST);
	if (ja4)
		sf_ja4(&hello, carrier, fingerprint);
	sf_app_put(&writer, fingerprint, ja4 ? SF_JA4_LENGTH : 0, SF_JA4_LENGTH);
	return true;
}

static bool read_server(const uint8_t *p, size_t length, struct sf_app *app)
{
	struct sf_bytes left = { p, length }, head, part, extensions, alpn = { 0 };
	struct sf_app_writer writer = { .app = app };

	if (!sf_bytes_take(&left, SF_HELLO_HEADER + 2 + 32, &head))
		return false;
	app->number[0] = sf_load_be16(head.p + SF_HELLO_HEADER);
	if (!sf_bytes_take_counted(&left, 1, &part) || part.length > 32 ||
		!sf_bytes_take(&left, 3, &part))
		return false;
	app->number[1] = sf_load_be16(part.p);
	if (!sf_bytes_take_counted(&left, 2, &extensions))
		extensions.length = 0;
	for (unsigned n = 0; n < EXTENSIONS_MAX && extensions.length; n++) {
		if (!sf_bytes_take(&extensions, 2, &head) ||
			!sf_bytes_take_counted(&extensions, 2, &part))
			return false;
		if (sf_load_be16(head.p) == EXTENSION_VERSIONS && part.length == 2)
			app->number[0] = sf_load_be16(part.p);
		else if (sf_load_be16(head.p) == EXTENSION_ALPN)
			alpn = first_protocol(part);
	}
	app->flags = SF_APP_ANSWER;
	sf_app_put(&writer, NULL, 0, 0);
	sf_app_put(&writer, alpn.p, alpn.length, ALPN_MOST);
	return true;
}

bool sf_hello_read(
	const uint8_t *p, size_t length, enum sf_app_kind kind, bool ja4, struct sf_app *app)
{
	sf_app_begin(app, kind, SF_APP_READ);
	if (p[0] == SF_HELLO_CLIENT)
		return read_client(p, length, kind == SF_APP_QUIC ? 'q' : 't', ja4, app);
	return p[0] == SF_HELLO_SERVER && read_server(p, length, app);
}
