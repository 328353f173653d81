/* SPDX-License-Identifier: BSD-2-Clause */
/* What the payload of packets says: where it begins, and messages that come in several pieces. */
#include "app_support.h"

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

/* The tunnel around the packets of look(); 0: none. */
static uint32_t vni;

/*
 * A segment of TCP over IPv4 from address .1, port 40000 + flow, with bytes of `made` from `at` on.
 */
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

/*
 * Bytes at the place of earlier ones, below what is whole and behind a gap, change nothing, and
 * tell nothing.
 */
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
	/*
	 * the same place, shorter, and one that covers the piece behind the gap but in its middle
	 */
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

CHECK_MAIN("app_pieces", payload_is_found_in_packets, hellos_in_several_segments_are_read,
	first_bytes_stay, other_flows_say_nothing, tunnels_have_their_own_pieces,
	a_flood_of_beginnings_is_bounded)
