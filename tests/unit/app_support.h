/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of applications for tests: DNS, hellos of TLS. */
#ifndef TESTS_APP_SUPPORT_H
#define TESTS_APP_SUPPORT_H

#include <stdlib.h>
#include <string.h>

#include "apps/apps.h"
#include "apps/pieces.h"
#include "apps/reader.h"
#include "base/annex.h"
#include "base/wire.h"
#include "check_main.h"

static struct sf_app app;
static bool ja4 = true; /* is wanted */

/*
 * Reads a copy that ends where its allocation ends, so that AddressSanitizer sees reads beyond it.
 */
static inline bool read_bytes(sf_app_reader *reader, const void *bytes, size_t length, size_t wire,
	uint16_t port, bool tcp)
{
	uint8_t *copy = malloc(length ? length : 1);
	struct sf_payload payload = { .bytes = copy,
		.length = length,
		.wire = wire,
		.ports = { 40000, port },
		.tcp = tcp,
		.ja4 = ja4 };
	bool is;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, bytes, length);
	memset(&app, 0xa5, sizeof(app));
	is = reader(&payload, &app);
	free(copy);
	return is;
}

static inline const char *text(unsigned i)
{
	static char buffer[256];
	const uint8_t *p = sf_app_text(&app, i);

	memcpy(buffer, p + 1, *p);
	buffer[*p] = 0;
	return buffer;
}

#define BYTES(...)   ((const uint8_t[]){ __VA_ARGS__ }), sizeof((const uint8_t[]){ __VA_ARGS__ })
#define QUERY_HEADER 0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0
#define EXAMPLE_COM  7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'c', 'o', 'm', 0
#define QUERY        QUERY_HEADER, EXAMPLE_COM, 0, 28, 0, 1
/* a name for the name, then an address */
#define ANSWER                                                                                     \
	0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0, EXAMPLE_COM, 0, 1, 0, 1, 0xc0, 12, 0, 5,   \
		0, 1, 0, 0, 0, 60, 0, 4, 1, 'x', 0xc0, 20, 0xc0, 41, 0, 1, 0, 1, 0, 0, 0, 60, 0,   \
		4, 192, 0, 2, 7

/* Makes client hellos of lists. */
struct maker {
	uint8_t bytes[8192];
	size_t length;
};

static struct maker made;

static inline void put16(unsigned value)
{
	made.bytes[made.length++] = (uint8_t)(value >> 8);
	made.bytes[made.length++] = (uint8_t)value;
}

static inline void put_list(const uint16_t *values, size_t count)
{
	put16((unsigned)(2 * count));
	for (size_t i = 0; i < count; i++)
		put16(values[i]);
}

static inline void set16(size_t at, size_t value)
{
	made.bytes[at] = (uint8_t)(value >> 8);
	made.bytes[at + 1] = (uint8_t)value;
}

static const uint16_t algorithms[] = { 0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806,
	0x0601 };

static inline void put_extension(uint16_t type, const char *name, const char *alpn, size_t padding)
{
	size_t at;

	put16(type);
	at = made.length;
	put16(0);
	if (type == 0 && name) {
		put16((unsigned)strlen(name) + 3);
		made.bytes[made.length++] = 0;
		put16((unsigned)strlen(name));
		memcpy(made.bytes + made.length, name, strlen(name));
		made.length += strlen(name);
	} else if (type == 13) {
		put_list(algorithms, sizeof(algorithms) / sizeof(algorithms[0]));
	} else if (type == 16) {
		put16((unsigned)strlen(alpn) + 1);
		made.bytes[made.length++] = (uint8_t)strlen(alpn);
		memcpy(made.bytes + made.length, alpn, strlen(alpn));
		made.length += strlen(alpn);
	} else if (type == 43) {
		made.bytes[made.length++] = 6;
		put16(0x2a2a);
		put16(0x0303);
		put16(0x0304);
	} else if (type == 21) {
		memset(made.bytes + made.length, 0, padding);
		made.length += padding;
	}
	set16(at, made.length - at - 2);
}

/* The example of JA4's specification: Chrome, with GREASE, its extensions in some order. */
static inline void make_hello(const char *name, const char *alpn, size_t padding)
{
	static const uint16_t ciphers[] = { 0x0a0a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c,
		0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035 };
	static const uint16_t extensions[] = { 0x4a4a, 0, 23, 0xff01, 10, 11, 35, 16, 5, 13, 18, 51,
		45, 43, 27, 0x4469, 0xfafa, 21 };
	size_t at;

	made.length = 0;
	memcpy(made.bytes, "\x16\x03\x01\0\0\x01\0\0\0\x03\x03", 11);
	made.length = 11 + 32;
	memset(made.bytes + 11, 0x55, 32);
	made.bytes[made.length++] = 32;
	memset(made.bytes + made.length, 0x66, 32);
	made.length += 32;
	put_list(ciphers, sizeof(ciphers) / sizeof(ciphers[0]));
	made.bytes[made.length++] = 1;
	made.bytes[made.length++] = 0;
	at = made.length;
	put16(0);
	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++)
		if (extensions[i] != 16 || alpn)
			put_extension(extensions[i], name, alpn, padding);
	set16(at, made.length - at - 2);
	set16(3, made.length - 5);
	set16(7, made.length - 9);
}

#define CHROME "t13d1516h2_8daaf6152771_e5627efa2ab1"

#endif
