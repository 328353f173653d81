/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Readers of payload: messages that are whole, cut anywhere, of other protocols, and hostile ones.
 */
#include "app_support.h"

/* ---------------------------------------------------------------- DNS */

static bool dns(const uint8_t *bytes, size_t length, uint16_t port)
{
	return read_bytes(sf_app_dns, bytes, length, length, port, false);
}

START_TEST(dns_messages_are_read)
{
	ck_assert(dns(BYTES(QUERY), 53));
	ck_assert_uint_eq(app.kind, SF_APP_DNS);
	ck_assert_uint_eq(app.flags, 0);
	ck_assert_uint_eq(app.number[0], 28);
	ck_assert_str_eq(text(SF_APP_DNS_NAME), "example.com");
	ck_assert_str_eq(text(SF_APP_DNS_ANSWER), "");
	ck_assert(dns(BYTES(ANSWER), 53));
	ck_assert_uint_eq(app.flags, SF_APP_ANSWER);
	ck_assert_uint_eq(app.number[0], 1);
	ck_assert_uint_eq(app.number[1], 0);
	ck_assert_str_eq(text(SF_APP_DNS_NAME), "example.com");
	ck_assert_str_eq(text(SF_APP_DNS_ANSWER), "192.0.2.7");
	/* NXDOMAIN without answers; the root; over TCP */
	ck_assert(
		dns(BYTES(1, 2, 0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0, EXAMPLE_COM, 0, 1, 0, 1), 53));
	ck_assert_uint_eq(app.number[1], 3);
	ck_assert(dns(BYTES(QUERY_HEADER, 0, 0, 2, 0, 1), 53));
	ck_assert_str_eq(text(SF_APP_DNS_NAME), ".");
	ck_assert(read_bytes(sf_app_dns, BYTES(0, 29, QUERY), 31, 4000, true));
	ck_assert_str_eq(text(SF_APP_DNS_NAME), "example.com");
}
END_TEST

START_TEST(the_content_decides_what_is_dns)
{
	ck_assert(dns(BYTES(QUERY), 4000));
	/* behind the question there is something that the header does not promise */
	ck_assert(!dns(BYTES(QUERY, 0), 4000));
	ck_assert(dns(BYTES(QUERY, 0), 53));
	/* NetBIOS asks for "CKAAA…", type 32 */
	ck_assert(!dns(BYTES(QUERY_HEADER, 32, 'C', 'K', 'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A',
			       'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A',
			       'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A', 0, 0, 32, 0, 1),
		137));
	/* a class that there is not, an opcode that there is not, two questions in a response */
	ck_assert(!dns(BYTES(QUERY_HEADER, EXAMPLE_COM, 0, 1, 0, 9), 53));
	ck_assert(!dns(BYTES(1, 2, 0x79, 0, 0, 1, 0, 0, 0, 0, 0, 0, EXAMPLE_COM, 0, 1, 0, 1), 53));
	ck_assert(!dns(BYTES(1, 2, 0x80, 0, 0, 2, 0, 0, 0, 0, 0, 0, EXAMPLE_COM, 0, 1, 0, 1), 53));
}
END_TEST

START_TEST(hostile_dns_is_harmless)
{
	static const uint8_t answer[] = { ANSWER };
	uint8_t long_name[12 + 4 * 64 + 5] = { QUERY_HEADER };

	for (size_t length = 0; length < sizeof(answer); length++)
		read_bytes(sf_app_dns, answer, length, sizeof(answer), 53, false);
	/* a pointer to itself, a pointer forward, pointers in a ring */
	ck_assert(!dns(BYTES(QUERY_HEADER, 0xc0, 12, 0, 1, 0, 1), 53));
	ck_assert(!dns(BYTES(QUERY_HEADER, 0xc0, 14, 0, 0, 1, 0, 1), 53));
	ck_assert(!dns(BYTES(QUERY_HEADER, 1, 'a', 0xc0, 12, 0, 1, 0, 1), 53));
	/* a name of 256 octets, a label of 64 */
	for (unsigned i = 0; i < 4; i++)
		long_name[12 + 64 * i] = 63;
	long_name[sizeof(long_name) - 3] = long_name[sizeof(long_name) - 1] = 1;
	ck_assert(!dns(long_name, sizeof(long_name), 53));
	ck_assert(!dns(BYTES(QUERY_HEADER, 64, 'a', 0, 1, 0, 1), 53));
	/* octets that are not printable */
	ck_assert(dns(BYTES(QUERY_HEADER, 6, 'a', '.', '"', 0, 0xff, '\\', 0, 0, 1, 0, 1), 53));
	ck_assert_str_eq(text(SF_APP_DNS_NAME), "a\\.\"\\000\\255\\\\");
}
END_TEST

/* ---------------------------------------------------------------- TLS */

static bool tls(const uint8_t *bytes, size_t length)
{
	return read_bytes(sf_app_tls, bytes, length, length, 443, true);
}

START_TEST(client_hellos_are_read)
{
	uint8_t old[5 + 45];

	make_hello("www.example.com", "h2", 100);
	ck_assert(tls(made.bytes, made.length));
	ck_assert_uint_eq(app.kind, SF_APP_TLS);
	ck_assert_uint_eq(app.rank, SF_APP_READ);
	ck_assert_uint_eq(app.flags, 0);
	ck_assert_uint_eq(app.number[0], 0x0304);
	ck_assert_str_eq(text(SF_APP_TLS_NAME), "www.example.com");
	ck_assert_str_eq(text(SF_APP_TLS_ALPN), "h2");
	ck_assert_str_eq(text(SF_APP_TLS_JA4), CHROME);
	ja4 = false;
	ck_assert(tls(made.bytes, made.length));
	ck_assert_str_eq(text(SF_APP_TLS_JA4), "");
	ja4 = true;
	/* first and last character; of what is not text, first and last digit; none */
	make_hello("a", "http/1.1", 0);
	ck_assert(tls(made.bytes, made.length));
	ck_assert_int_eq(memcmp(text(SF_APP_TLS_JA4), "t13d1516h1_", 11), 0);
	make_hello("a", "\xab-x\xcd", 0);
	ck_assert(tls(made.bytes, made.length));
	ck_assert_int_eq(memcmp(text(SF_APP_TLS_JA4), "t13d1516ad_", 11), 0);
	make_hello("a", NULL, 0);
	ck_assert(tls(made.bytes, made.length));
	ck_assert_int_eq(memcmp(text(SF_APP_TLS_JA4), "t13d151500_", 11), 0);
	/* SSL 3.0 without extensions */
	memset(old, 0, sizeof(old));
	memcpy(old, "\x16\x03\0\0\x2d\x01\0\0\x29\x03", 10);
	memcpy(old + sizeof(old) - 6, "\0\x02\0\x05\x01", 5);
	ck_assert(tls(old, sizeof(old)));
	ck_assert_int_eq(memcmp(text(SF_APP_TLS_JA4), "ts3i010000_", 11), 0);
	ck_assert_str_eq(text(SF_APP_TLS_JA4) + 24, "000000000000");
}
END_TEST

START_TEST(server_hellos_are_read)
{
	static const uint8_t hello[] = { 22, 3, 3, 0, 61, 2, 0, 0, 57, 3, 3, 1, 2, 3, 4, 5, 6, 7, 8,
		9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
		30, 31, 32, 0, 0xc0, 0x2f, 0, 0, 17, 0, 16, 0, 5, 0, 3, 2, 'h', '2', 0, 23, 0, 0, 0,
		43, 0, 0 };
	uint8_t copy[sizeof(hello)];

	ck_assert(tls(hello, sizeof(hello)));
	ck_assert_uint_eq(app.flags, SF_APP_ANSWER);
	ck_assert_uint_eq(app.number[0], 0x0303);
	ck_assert_uint_eq(app.number[1], 0xc02f);
	ck_assert_str_eq(text(SF_APP_TLS_ALPN), "h2");
	ck_assert_str_eq(text(SF_APP_TLS_NAME), "");
	for (size_t length = 0; length < sizeof(hello); length++)
		if (tls(hello, length))
			ck_assert_uint_eq(app.rank, SF_APP_NAMED);
	/* any octet may be any other one */
	for (size_t i = 0; i < sizeof(hello); i++)
		for (unsigned value = 0; value < 256; value += 5) {
			memcpy(copy, hello, sizeof(hello));
			copy[i] = (uint8_t)value;
			tls(copy, sizeof(copy));
		}
}
END_TEST

START_TEST(hostile_hellos_are_harmless)
{
	static uint8_t whole[sizeof(made.bytes)];
	size_t length;

	make_hello("www.example.com", "h2", 100);
	length = made.length;
	memcpy(whole, made.bytes, length);
	for (size_t i = 0; i < length; i++) {
		if (tls(whole, i)) {
			ck_assert_uint_eq(app.rank, SF_APP_NAMED);
			ck_assert_uint_eq(app.flags, SF_APP_MORE);
		}
		whole[i] ^= 0xff;
		tls(whole, length);
		whole[i] ^= 0xff;
	}
	/* a name of 3000 bytes is cut, one with octets that are no text is kept */
	memset(whole, 'x', 3000);
	whole[3000] = 0;
	make_hello((const char *)whole, "h2", 0);
	ck_assert(tls(made.bytes, made.length));
	ck_assert_uint_eq(strlen(text(SF_APP_TLS_NAME)), 253);
	make_hello("\x01\xff\"", "h2", 0);
	ck_assert(tls(made.bytes, made.length));
	ck_assert_str_eq(text(SF_APP_TLS_NAME), "\x01\xff\"");
	/* too long to be waited for */
	make_hello("www.example.com", "h2", 4096);
	ck_assert(tls(made.bytes, made.length));
	ck_assert_uint_eq(app.rank, SF_APP_READ);
	ck_assert(tls(made.bytes, made.length - 1));
	ck_assert_uint_eq(app.rank, SF_APP_NAMED);
	ck_assert_uint_eq(app.flags, 0);
}
END_TEST

/* ---------------------------------------------------------------- HTTP, SSH */

static bool http(const char *message)
{
	return read_bytes(sf_app_http, message, strlen(message), strlen(message), 80, true);
}

START_TEST(http_is_read)
{
	ck_assert(http(
		"GET /a?b HTTP/1.1\r\nuser-agent: curl \t\r\nHOST:\twww.example.com \r\n\r\nHost: x"));
	ck_assert_uint_eq(app.rank, SF_APP_READ);
	ck_assert_str_eq(text(SF_APP_HTTP_HOST), "www.example.com");
	ck_assert_str_eq(text(SF_APP_HTTP_METHOD), "GET");
	ck_assert_str_eq(text(SF_APP_HTTP_TARGET), "/a?b");
	ck_assert_str_eq(text(SF_APP_HTTP_AGENT), "curl");
	ck_assert(http("PROPFIND / HTTP/1.0\n\nHost: x\n"));
	ck_assert_str_eq(text(SF_APP_HTTP_HOST), "");
	ck_assert(http("HTTP/1.1 404 Not Found\r\n"));
	ck_assert_uint_eq(app.flags, SF_APP_ANSWER);
	ck_assert_uint_eq(app.number[0], 404);
	/* longer than the segment */
	ck_assert(http("GET /very/long"));
	ck_assert_uint_eq(app.rank, SF_APP_NAMED);
	ck_assert_str_eq(text(SF_APP_HTTP_TARGET), "/very/long");
	ck_assert(!http("GET / HTTP/2.0\r\n"));
	ck_assert(!http("get / HTTP/1.1\r\n"));
	ck_assert(!http("OPTIONS sip:a@b SIP/2.0\r\n"));
	ck_assert(!http("XYZ HTTP/1.1\r\n"));
	ck_assert(!http("HTTP/1.1 4x4 \r\n"));
	ck_assert(!http("EHLO mail.example.org\r\n"));
	ck_assert(!http("GET / HTTP/1.1"));
}
END_TEST

START_TEST(ssh_is_read)
{
	static const char banner[] = "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n";

	ck_assert(read_bytes(sf_app_ssh, banner, sizeof(banner) - 1, sizeof(banner) - 1, 22, true));
	ck_assert_str_eq(text(0), "SSH-2.0-OpenSSH_9.2p1 Debian-2");
	ck_assert_uint_eq(app.rank, SF_APP_READ);
	ck_assert(read_bytes(sf_app_ssh, banner, 12, sizeof(banner) - 1, 22, true));
	ck_assert_uint_eq(app.rank, SF_APP_NAMED);
	ck_assert(!read_bytes(sf_app_ssh, "SSH-", 4, 4, 22, true));
	ck_assert(!read_bytes(sf_app_ssh, "SSH-9.0-abc\n", 12, 12, 22, true));
}
END_TEST

CHECK_MAIN("apps", dns_messages_are_read, the_content_decides_what_is_dns, hostile_dns_is_harmless,
	client_hellos_are_read, server_hellos_are_read, hostile_hellos_are_harmless, http_is_read,
	ssh_is_read)
