/* SPDX-License-Identifier: BSD-2-Clause */
/* Readers of payload: messages that are whole, cut anywhere, of other protocols, and hostile ones. */
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

/* Reads a copy that ends where its allocation ends, so that AddressSanitizer sees reads beyond it. */
static bool read_bytes(sf_app_reader *reader, const void *bytes, size_t length, size_t wire,
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

static const char *text(unsigned i)
{
	static char buffer[256];
	const uint8_t *p = sf_app_text(&app, i);

	memcpy(buffer, p + 1, *p);
	buffer[*p] = 0;
	return buffer;
}

/* ---------------------------------------------------------------- DNS */

#define BYTES(...)   ((const uint8_t[]){ __VA_ARGS__ }), sizeof((const uint8_t[]){ __VA_ARGS__ })
#define QUERY_HEADER 0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0
#define EXAMPLE_COM  7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'c', 'o', 'm', 0
#define QUERY        QUERY_HEADER, EXAMPLE_COM, 0, 28, 0, 1
/* a name for the name, then an address */
#define ANSWER                                                                                     \
	0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0, EXAMPLE_COM, 0, 1, 0, 1, 0xc0, 12, 0, 5,   \
		0, 1, 0, 0, 0, 60, 0, 4, 1, 'x', 0xc0, 20, 0xc0, 41, 0, 1, 0, 1, 0, 0, 0, 60, 0,   \
		4, 192, 0, 2, 7

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

/* Makes client hellos of lists. */
struct maker {
	uint8_t bytes[8192];
	size_t length;
};

static struct maker made;

static void put16(unsigned value)
{
	made.bytes[made.length++] = (uint8_t)(value >> 8);
	made.bytes[made.length++] = (uint8_t)value;
}

static void put_list(const uint16_t *values, size_t count)
{
	put16((unsigned)(2 * count));
	for (size_t i = 0; i < count; i++)
		put16(values[i]);
}

static void set16(size_t at, size_t value)
{
	made.bytes[at] = (uint8_t)(value >> 8);
	made.bytes[at + 1] = (uint8_t)value;
}

static const uint16_t algorithms[] = { 0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806,
	0x0601 };

static void put_extension(uint16_t type, const char *name, const char *alpn, size_t padding)
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
static void make_hello(const char *name, const char *alpn, size_t padding)
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

/* ---------------------------------------------------------------- packets */

/* A frame of UDP over IPv6 with a destination header in front, then over IPv4. */
START_TEST(payload_is_found_in_packets)
{
	static const uint8_t query[] = { QUERY };
	uint8_t bytes[128] = { 0 };
	struct sf_packet packet = { .data = bytes };
	struct sf_facts facts = { .protocol = 17, .version = 6 };
	struct sf_apps *apps;

	ck_assert_int_eq(sf_apps_new(&apps, SF_FACT_SET(mpls)), 0);
	ck_assert_ptr_null(apps);
	ck_assert_int_eq(sf_apps_new(&apps, SF_FACT_SET(app) | SF_FACT_SET(dns)), 0);
	bytes[6] = 60;
	bytes[40] = 17;
	bytes[51] = 53;
	bytes[53] = 8 + sizeof(query);
	memcpy(bytes + 56, query, sizeof(query));
	facts.octets = packet.captured = 56 + sizeof(query);
	sf_apps_look(apps, &packet, &facts);
	ck_assert_uint_eq(facts.tcp_flags, SF_TCP_FLAGS_APP);
	ck_assert_uint_eq(facts.app->kind, SF_APP_DNS);
	memset(bytes, 0, sizeof(bytes));
	bytes[0] = 0x45;
	bytes[23] = 53;
	bytes[25] = 8 + sizeof(query);
	memcpy(bytes + 28, query, sizeof(query));
	facts = (struct sf_facts){ .protocol = 17, .version = 4, .octets = 28 + sizeof(query) };
	/* cut off anywhere nothing is read behind the end, and what is cut is not told */
	for (packet.captured = 20; packet.captured <= facts.octets; packet.captured++) {
		uint8_t *copy = malloc(packet.captured);

		memcpy(copy, bytes, packet.captured);
		packet.data = copy;
		facts.tcp_flags = 0;
		sf_apps_look(apps, &packet, &facts);
		ck_assert_uint_eq(
			facts.tcp_flags, packet.captured == facts.octets ? SF_TCP_FLAGS_APP : 0);
		free(copy);
	}
	/* behind AH of an opened tunnel, also one that is cut */
	memmove(bytes + 44, bytes + 20, 8 + sizeof(query));
	memset(bytes + 20, 0, 24);
	bytes[9] = 51;
	bytes[20] = 17;
	bytes[21] = 4;
	facts.octets = 52 + sizeof(query);
	for (packet.captured = 20; packet.captured <= facts.octets; packet.captured++) {
		uint8_t *copy = malloc(packet.captured);

		memcpy(copy, bytes, packet.captured);
		packet.data = copy;
		facts.tcp_flags = 0;
		sf_apps_look(apps, &packet, &facts);
		ck_assert_uint_eq(
			facts.tcp_flags, packet.captured == facts.octets ? SF_TCP_FLAGS_APP : 0);
		free(copy);
	}
	packet.captured = facts.octets;
	/* a fragment is not read */
	packet.data = bytes;
	facts.tcp_flags = 0;
	facts.flags = SF_FACT_FRAGMENT;
	sf_apps_look(apps, &packet, &facts);
	ck_assert_uint_eq(facts.tcp_flags, 0);
	sf_apps_free(apps);
}
END_TEST

/* ---------------------------------------------------------------- pieces */

/* The tunnel around the packets of look(); 0: none. */
static uint32_t vni;

/* A segment of TCP over IPv4 from address .1, port 40000 + flow, with bytes of `made` from `at` on. */
static void look(struct sf_apps *apps, unsigned flow, size_t at, size_t length, int64_t time_ns,
	struct sf_facts *facts)
{
	uint8_t *bytes = calloc(1, 40 + length);
	struct sf_packet packet = { .data = bytes, .captured = (uint32_t)(40 + length) };

	ck_assert_ptr_nonnull(bytes);
	*facts = (struct sf_facts){ .version = 4,
		.protocol = 6,
		.address = 0x0a000001ull << 32 | 0x0a000002,
		.ports = (40000 + flow) << 16 | 443,
		.octets = (uint32_t)(40 + length),
		.time_ns = time_ns,
		.flags = vni ? SF_FACT_TUNNEL : 0,
		.tunnel = { .kind = 1, .id = vni } };
	bytes[0] = 0x45;
	bytes[32] = 0x50;
	/* sequence numbers begin shortly before they start again at 0 */
	sf_store_be32(bytes + 24, (uint32_t)(at - 700));
	memcpy(bytes + 40, made.bytes + at, length);
	sf_apps_look(apps, &packet, facts);
	free(bytes);
}

static bool told(const struct sf_facts *facts, enum sf_app_rank rank)
{
	return facts->tcp_flags & SF_TCP_FLAGS_APP && facts->app->rank == rank;
}

static bool is_chrome(const struct sf_facts *facts)
{
	return told(facts, SF_APP_READ) &&
	       !memcmp(sf_app_text(facts->app, SF_APP_TLS_JA4) + 1, CHROME, 36);
}

START_TEST(hellos_in_several_segments_are_read)
{
	struct sf_facts facts;
	struct sf_apps *apps;

	ck_assert_int_eq(
		sf_apps_new(&apps, SF_FACT_SET(app) | SF_FACT_SET(tls) | SF_FACT_SET(ja4)), 0);
	make_hello("www.example.com", "h2", 1400);
	/* cut in two anywhere behind what says that it is a hello */
	for (size_t cut = 11; cut < made.length; cut += 7) {
		look(apps, (unsigned)cut, 0, cut, 1, &facts);
		ck_assert(told(&facts, SF_APP_NAMED));
		look(apps, (unsigned)cut, cut, made.length - cut, 2, &facts);
		ck_assert(is_chrome(&facts));
		/* later segments are nothing */
		look(apps, (unsigned)cut, cut, made.length - cut, 3, &facts);
		ck_assert(!told(&facts, SF_APP_READ));
	}
	/* three, of which the last two come in the wrong order, and one twice */
	look(apps, 1, 0, 500, 1, &facts);
	look(apps, 1, 1000, made.length - 1000, 2, &facts);
	look(apps, 1, 0, 500, 3, &facts);
	ck_assert(!told(&facts, SF_APP_READ));
	look(apps, 1, 400, 700, 4, &facts);
	ck_assert(is_chrome(&facts));
	/* another flow's segment, and one that comes too late */
	look(apps, 1, 0, 500, 1, &facts);
	look(apps, 2, 500, made.length - 500, 2, &facts);
	ck_assert(!(facts.tcp_flags & SF_TCP_FLAGS_APP));
	look(apps, 1, 500, made.length - 500, 1 + 2 * SF_PIECES_WAIT, &facts);
	ck_assert(!(facts.tcp_flags & SF_TCP_FLAGS_APP));
	sf_apps_free(apps);
}
END_TEST

/* Bytes at the place of earlier ones, below what is whole and behind a gap, change nothing, and tell nothing. */
START_TEST(first_bytes_stay)
{
	struct sf_facts facts;
	struct sf_apps *apps;
	static struct maker hello;

	ck_assert_int_eq(
		sf_apps_new(&apps, SF_FACT_SET(app) | SF_FACT_SET(tls) | SF_FACT_SET(ja4)), 0);
	make_hello("www.example.com", "h2", 1400);
	hello = made;
	look(apps, 1, 0, 300, 1, &facts);
	look(apps, 1, 600, 300, 1, &facts);
	memset(made.bytes, 'G', made.length);
	/* the same place, shorter, and one that covers the piece behind the gap but in its middle */
	look(apps, 1, 0, 300, 2, &facts);
	look(apps, 1, 0, 1, 2, &facts);
	ck_assert(!(facts.tcp_flags & SF_TCP_FLAGS_APP));
	look(apps, 1, 610, 280, 2, &facts);
	made = hello;
	memset(made.bytes + 600, 'G', 300);
	look(apps, 1, 200, 1000, 3, &facts);
	made = hello;
	look(apps, 1, 1200, made.length - 1200, 4, &facts);
	ck_assert(is_chrome(&facts));
	ck_assert_int_eq(
		memcmp(sf_app_text(facts.app, SF_APP_TLS_NAME), "\x0fwww.example.com", 16), 0);
	sf_apps_free(apps);
}
END_TEST

/* What the packet of another flow said is not told for a segment in between. */
START_TEST(other_flows_say_nothing)
{
	static const uint8_t query[] = { 0, 29, QUERY };
	static struct maker hello;
	struct sf_facts facts;
	struct sf_apps *apps;

	ck_assert_int_eq(
		sf_apps_new(&apps, SF_FACT_SET(app) | SF_FACT_SET(tls) | SF_FACT_SET(dns)), 0);
	make_hello("www.example.com", "h2", 1400);
	look(apps, 1, 0, 300, 1, &facts);
	hello = made;
	memcpy(made.bytes, query, sizeof(query));
	look(apps, 2, 0, sizeof(query), 2, &facts);
	ck_assert(told(&facts, SF_APP_READ));
	made.bytes[0] = 'G';
	look(apps, 1, 0, 1, 3, &facts);
	ck_assert(!(facts.tcp_flags & SF_TCP_FLAGS_APP));
	made = hello;
	look(apps, 1, 300, made.length - 300, 4, &facts);
	ck_assert(told(&facts, SF_APP_READ));
	sf_apps_free(apps);
}
END_TEST

/* The same conversation in two tunnels has two hellos. */
START_TEST(tunnels_have_their_own_pieces)
{
	struct sf_facts facts;
	struct sf_apps *apps;

	ck_assert_int_eq(
		sf_apps_new(&apps, SF_FACT_SET(app) | SF_FACT_SET(tls) | SF_FACT_SET(ja4)), 0);
	make_hello("www.example.com", "h2", 1400);
	for (vni = 1; vni <= 2; vni++)
		look(apps, 1, 0, 500, 1, &facts);
	for (vni = 1; vni <= 2; vni++) {
		look(apps, 1, 500, made.length - 500, 2, &facts);
		ck_assert(is_chrome(&facts));
	}
	vni = 0;
	sf_apps_free(apps);
}
END_TEST

/* Of more beginnings than there is room for the oldest are given up; memory is what it was. */
START_TEST(a_flood_of_beginnings_is_bounded)
{
	struct sf_facts facts;
	struct sf_apps *apps;
	unsigned whole = 0;

	ck_assert_int_eq(
		sf_apps_new(&apps, SF_FACT_SET(app) | SF_FACT_SET(tls) | SF_FACT_SET(ja4)), 0);
	make_hello("www.example.com", "h2", 1400);
	for (unsigned flow = 0; flow < 20 * SF_PIECES_PLACES; flow++)
		look(apps, flow, 0, 500, flow, &facts);
	for (unsigned flow = 0; flow < 20 * SF_PIECES_PLACES; flow++) {
		look(apps, flow, 500, made.length - 500, 30 * SF_PIECES_PLACES, &facts);
		whole += is_chrome(&facts);
	}
	ck_assert_uint_le(whole, SF_PIECES_PLACES);
	ck_assert_uint_gt(whole, SF_PIECES_PLACES / 2);
	sf_apps_free(apps);
}
END_TEST

CHECK_MAIN("apps", dns_messages_are_read, the_content_decides_what_is_dns, hostile_dns_is_harmless,
	client_hellos_are_read, server_hellos_are_read, hostile_hellos_are_harmless, http_is_read,
	ssh_is_read, payload_is_found_in_packets, hellos_in_several_segments_are_read,
	first_bytes_stay, other_flows_say_nothing, tunnels_have_their_own_pieces,
	a_flood_of_beginnings_is_bounded)
