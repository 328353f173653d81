/* SPDX-License-Identifier: BSD-2-Clause */
/* Readers of payload: messages that are whole, cut anywhere, of other protocols, and hostile ones. */
#include <stdlib.h>
#include <string.h>

#include "apps/apps.h"
#include "apps/reader.h"
#include "base/annex.h"
#include "check_main.h"

static struct sf_app app;

/* Reads a copy that ends where its allocation ends, so that AddressSanitizer sees reads beyond it. */
static bool read_bytes(sf_app_reader *reader, const void *bytes, size_t length, size_t wire,
	uint16_t port, bool tcp)
{
	uint8_t *copy = malloc(length ? length : 1);
	struct sf_payload payload = { copy, length, wire, { 40000, port }, tcp };
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
	/* a fragment is not read */
	packet.data = bytes;
	facts.tcp_flags = 0;
	facts.flags = SF_FACT_FRAGMENT;
	sf_apps_look(apps, &packet, &facts);
	ck_assert_uint_eq(facts.tcp_flags, 0);
	sf_apps_free(apps);
}
END_TEST

CHECK_MAIN("apps", dns_messages_are_read, the_content_decides_what_is_dns, hostile_dns_is_harmless,
	payload_is_found_in_packets)
