/* SPDX-License-Identifier: BSD-2-Clause */
/* Hellos of TLS that cannot be read are counted by their reason; those of QUIC: test_quic.c. */
#include <stdlib.h>
#include <string.h>

#include "apps/apps.h"
#include "apps/pieces.h"
#include "base/annex.h"
#include "base/wire.h"
#include "check_main.h"

enum { HEADERS = 40 };

static struct sf_apps *apps;
static uint8_t hello[8192];
static size_t hello_length;

/* A client's hello in a record of this many bytes, at least 80. */
static void make_hello(size_t length)
{
	uint8_t *p = hello;

	hello_length = length;
	memset(hello, 0, sizeof(hello));
	memcpy(p, "\x16\x03\x01", 3);
	sf_store_be16(p + 3, (uint16_t)(length - 5));
	p[5] = 1;
	sf_store_be16(p + 7, (uint16_t)(length - 9));
	memcpy(p + 9, "\x03\x03", 2);
	p += 11 + 32 + 1;
	memcpy(p, "\0\x02\x13\x01\x01\0", 6);
	p = sf_store_be16(p + 6, (uint16_t)(length - (size_t)(p + 8 - hello)));
	p = sf_store_be16(p, 21); /* padding */
	sf_store_be16(p, (uint16_t)(length - (size_t)(p + 2 - hello)));
}

static void begin(void)
{
	ck_assert_int_eq(sf_apps_new(&apps, SF_FACT_SET(app) | SF_FACT_SET(tls)), 0);
}

/* The hello's bytes from … to-1, of which `captured` were captured. */
static void send_part(unsigned flow, size_t from, size_t to, size_t captured, int64_t time_ns)
{
	uint8_t *bytes = calloc(1, HEADERS + captured);
	struct sf_packet packet = { .data = bytes, .captured = (uint32_t)(HEADERS + captured) };
	struct sf_facts facts = { .version = 4,
		.protocol = 6,
		.address = 1,
		.ports = (1000 + flow) << 16 | 443,
		.octets = (uint32_t)(HEADERS + to - from),
		.time_ns = time_ns };

	ck_assert_ptr_nonnull(bytes);
	bytes[0] = 0x45;
	bytes[32] = 0x50;
	sf_store_be32(bytes + 24, (uint32_t)from);
	memcpy(bytes + HEADERS, hello + from, captured);
	sf_apps_look(apps, &packet, &facts);
	free(bytes);
}

static void send_whole(unsigned flow, size_t from, size_t to, int64_t time_ns)
{
	send_part(flow, from, to, to - from, time_ns);
}

/* All counters: `begun`, those that were read, and `count` of one reason. */
static void expect(uint64_t begun, uint64_t read, enum sf_unread reason, uint64_t count)
{
	const struct sf_hellos hellos = sf_apps_hellos(apps);

	ck_assert_uint_eq(hellos.begun, begun);
	ck_assert_uint_eq(hellos.read, read);
	for (unsigned i = 0; i < SF_UNREAD_COUNT; i++)
		ck_assert_uint_eq(hellos.unread[i], i == reason ? count : 0);
}

START_TEST(at_once)
{
	begin();
	make_hello(300);
	send_whole(1, 0, hello_length, 1);
	expect(1, 1, SF_UNREAD_cut, 0);
	/* the capture has less than the packet */
	send_part(2, 0, hello_length, 200, 1);
	expect(2, 1, SF_UNREAD_cut, 1);
	sf_apps_free(apps);
	begin();
	make_hello(5000);
	send_whole(1, 0, 1400, 1);
	expect(1, 0, SF_UNREAD_tooLong, 1);
	sf_apps_free(apps);
	begin();
	make_hello(300);
	hello[50]++; /* bytes of compression methods */
	hello[51] = 200;
	send_whole(1, 0, hello_length, 1);
	expect(1, 0, SF_UNREAD_malformed, 1);
	/* in pieces, too */
	send_whole(2, 0, 100, 1);
	expect(2, 0, SF_UNREAD_malformed, 1);
	send_whole(2, 100, hello_length, 1);
	expect(2, 0, SF_UNREAD_malformed, 2);
	sf_apps_free(apps);
	/* nothing is looked for */
	ck_assert_uint_eq(sf_apps_hellos(NULL).begun, 0);
}
END_TEST

START_TEST(pieces)
{
	begin();
	make_hello(2000);
	send_whole(1, 0, 1000, 1);
	expect(1, 0, SF_UNREAD_incomplete, 0); /* it waits */
	send_whole(1, 1000, hello_length, 2);
	expect(1, 1, SF_UNREAD_incomplete, 0);
	/* the second piece comes too late */
	send_whole(2, 0, 1000, 1);
	send_whole(2, 1000, hello_length, 2 * SF_PIECES_WAIT);
	expect(2, 1, SF_UNREAD_incomplete, 1);
	/* the connection begins anew, after the wait */
	send_whole(3, 0, 1000, 1);
	send_whole(3, 0, 1000, 2 * SF_PIECES_WAIT);
	expect(4, 1, SF_UNREAD_incomplete, 2);
	send_whole(3, 1000, hello_length, 2 * SF_PIECES_WAIT);
	expect(4, 2, SF_UNREAD_incomplete, 2);
	sf_apps_free(apps);
	/* every other byte */
	begin();
	send_whole(1, 0, 100, 1);
	for (unsigned i = 0; i < SF_PIECES_RANGES; i++)
		send_whole(1, 101 + 2 * i, 102 + 2 * i, 1);
	expect(1, 0, SF_UNREAD_scattered, 0);
	send_whole(1, 1000, 1100, 1);
	expect(1, 0, SF_UNREAD_scattered, 1);
	sf_apps_free(apps);
}
END_TEST

/*
 * More beginnings than places: newer ones take the places of others, of which those that are late
 * are incomplete.
 */
START_TEST(a_crowd)
{
	enum { FLOWS = 8 * SF_PIECES_PLACES };
	struct sf_hellos hellos;

	make_hello(2000);
	for (unsigned late = 0; late < 2; late++) {
		begin();
		for (unsigned i = 0; i < FLOWS; i++)
			send_whole(i, 0, 1000, i + 1);
		hellos = sf_apps_hellos(apps);
		expect(FLOWS, 0, SF_UNREAD_crowded, FLOWS - SF_PIECES_PLACES);
		for (unsigned i = 0; i < FLOWS; i++)
			send_whole(FLOWS + i, 0, 1000, i + (late ? 2 * SF_PIECES_WAIT : 2));
		hellos = sf_apps_hellos(apps);
		ck_assert_uint_eq(hellos.unread[SF_UNREAD_incomplete], late ? SF_PIECES_PLACES : 0);
		ck_assert_uint_eq(
			hellos.unread[SF_UNREAD_incomplete] + hellos.unread[SF_UNREAD_crowded],
			2 * FLOWS - SF_PIECES_PLACES);
		sf_apps_free(apps);
	}
}
END_TEST

CHECK_MAIN("hellos", at_once, pieces, a_crowd)
