/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time stamps that switches and taps write into frames (parse/stamp.c), and what of them is taken
 * (meter/stamp.c).
 */
#include "check_main.h"
#include "meter/stamp.h"
#include "packet_build.h"
#include "parse/parse.h"

#define SECONDS 1700000000
#define NOW     (SECONDS * SF_NS_PER_S)
#define NONE    INT64_MIN

#define SUBTYPE      0, 1
#define TAI_64       0, 0x10
#define UTC_64       1, 0x10
#define UTC_64_R3    1, 0x11
#define UTC_48       1, 0x20
#define BE16(n)      (uint8_t)((n) >> 8), (uint8_t)(n)
#define BE32(n)      BE16((uint32_t)(n) >> 16), BE16(n)
#define LITERAL(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

static struct pb pb;

static struct sf_packet built(void)
{
	return (struct sf_packet){
		.data = pb.data,
		.captured = (uint32_t)pb.length,
		.wire = (uint32_t)pb.length,
		.link = SF_LINK_ETHERNET,
		.time_ns = NOW,
	};
}

static int64_t stamp_of(const struct sf_packet *packet)
{
	int64_t stamp;

	return sf_parse_stamp(packet, &stamp) ? stamp : NONE;
}

/* A frame with Arista's header of these bytes, behind `tags` tags. */
static struct sf_packet with_header(const uint8_t *bytes, size_t length, unsigned tags)
{
	pb_start(&pb);
	pb_ethernet(&pb, 1, 2);
	for (unsigned i = 0; i < tags; i++)
		pb_vlan(&pb, 0x8100, 7);
	pb_shim(&pb, 0xd28b, bytes, length);
	pb_ip(&pb, "192.0.2.1", "192.0.2.2");
	pb_udp(&pb, 100, 200);
	pb_finish(&pb);
	return built();
}

static int64_t header(const uint8_t *bytes, size_t length)
{
	const struct sf_packet packet = with_header(bytes, length, 0);

	return stamp_of(&packet);
}

static int64_t header_near(const uint8_t *bytes, size_t length, int64_t near)
{
	struct sf_packet packet = with_header(bytes, length, 0);

	packet.time_ns = near;
	return stamp_of(&packet);
}

START_TEST(header_of_64_bits)
{
	ck_assert_int_eq(header(LITERAL(SUBTYPE, UTC_64, BE32(SECONDS), BE32(5))), NOW + 5);
	ck_assert_int_eq(header(LITERAL(SUBTYPE, UTC_64_R3, BE32(SECONDS), BE32(5))), NOW + 5);
	ck_assert_int_eq(header(LITERAL(SUBTYPE, UTC_64, BE32(UINT32_MAX), BE32(999999999))),
		(UINT32_MAX + INT64_C(1)) * SF_NS_PER_S - 1);
	/* TAI that is meant, and UTC that is called TAI */
	ck_assert_int_eq(header(LITERAL(SUBTYPE, TAI_64, BE32(SECONDS + 37), BE32(5))), NOW + 5);
	ck_assert_int_eq(header(LITERAL(SUBTYPE, TAI_64, BE32(SECONDS), BE32(5))), NOW + 5);
}
END_TEST

/* The seconds begin again every 18 hours. */
START_TEST(header_of_48_bits)
{
	const int64_t wrap = (SECONDS / 65536 + 1) * 65536 * SF_NS_PER_S;

	ck_assert_int_eq(
		header(LITERAL(SUBTYPE, UTC_48, BE16(SECONDS & 0xffff), BE32(5))), NOW + 5);
	ck_assert_int_eq(
		header_near(LITERAL(SUBTYPE, UTC_48, BE16(0), BE32(5)), wrap - 1000), wrap + 5);
	ck_assert_int_eq(header_near(LITERAL(SUBTYPE, UTC_48, BE16(65535), BE32(5)), wrap + 1000),
		wrap - SF_NS_PER_S + 5);
	/* times that are no dates */
	ck_assert_int_eq(header_near(LITERAL(SUBTYPE, UTC_48, BE16(1), BE32(0)), 0), SF_NS_PER_S);
	ck_assert_int_ne(header_near(LITERAL(SUBTYPE, UTC_48, BE16(1), BE32(0)), INT64_MAX), NONE);
	ck_assert_int_ne(
		header_near(LITERAL(SUBTYPE, UTC_48, BE16(1), BE32(0)), INT64_MIN + 1), NONE);
}
END_TEST

START_TEST(headers_that_are_no_stamp)
{
	ck_assert_int_eq(header(LITERAL(0, 2, UTC_64, BE32(SECONDS), BE32(5))), NONE);
	ck_assert_int_eq(header(LITERAL(SUBTYPE, 2, 0x10, BE32(SECONDS), BE32(5))), NONE);
	ck_assert_int_eq(header(LITERAL(SUBTYPE, 1, 0x30, BE32(SECONDS), BE32(5))), NONE);
	ck_assert_int_eq(header(LITERAL(SUBTYPE, UTC_64, BE32(SECONDS), BE32(1000000000))), NONE);
}
END_TEST

/* Taps and switches may put tags in front; a frame that was cut inside the header has no stamp. */
START_TEST(place_of_the_header)
{
	for (unsigned tags = 0; tags <= 5; tags++) {
		struct sf_packet packet =
			with_header(LITERAL(SUBTYPE, UTC_64, BE32(SECONDS), BE32(5)), tags);

		ck_assert_int_eq(stamp_of(&packet), tags <= 4 ? NOW + 5 : NONE);
		packet.captured = 12 + 4 * tags + 2 + 12;
		ck_assert_int_eq(stamp_of(&packet), tags <= 4 ? NOW + 5 : NONE);
		while (packet.captured-- > 0)
			ck_assert_int_eq(stamp_of(&packet), NONE);
	}
}
END_TEST

/*
 * Behind a packet, with or without tags and a new check sequence, also of MPLS; not inside of it.
 */
START_TEST(trailers)
{
	static const uint8_t trailer[] = { 1, 2, 3, 4, BE32(SECONDS), BE32(5), 1, BE16(7), 3 };

	for (unsigned way = 0; way < 8; way++) {
		struct sf_packet packet;

		pb_start(&pb);
		pb_ethernet(&pb, 1, 2);
		if (way & 1)
			pb_vlan(&pb, 0x8100, 7);
		if (way & 2)
			pb_mpls(&pb, 16, 0, true, 64);
		pb_ip(&pb, "192.0.2.1", "192.0.2.2");
		pb_udp(&pb, 100, 200);
		pb_finish(&pb);
		pb_bytes(&pb, trailer, sizeof(trailer));
		if (way & 4)
			pb_fill(&pb, 4);
		packet = built();
		ck_assert_int_eq(stamp_of(&packet), NOW + 5);
		packet.captured--;
		ck_assert_int_eq(stamp_of(&packet), NONE);
	}
	pb_start(&pb);
	pb_ethernet(&pb, 1, 2);
	pb_ip(&pb, "192.0.2.1", "192.0.2.2");
	pb_udp(&pb, 100, 200);
	pb_bytes(&pb, trailer, sizeof(trailer));
	pb_finish(&pb);
	ck_assert_int_eq(stamp_of(&(struct sf_packet){ built().data, NOW, built().captured,
				 built().wire, SF_LINK_ETHERNET, 0, 0, 0 }),
		NONE);
}
END_TEST

/*
 * Nearer than the limit: taken. Else the packet keeps its time. Frames without a stamp do not
 * count.
 */
START_TEST(limit)
{
	static const int64_t offsets[] = { 0, 1, 1000, 1001, -1000, -1001, 3600 * SF_NS_PER_S };
	struct sf_stamp_counts counts = { 0 };

	for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		struct sf_packet packet =
			with_header(LITERAL(SUBTYPE, UTC_64, BE32(SECONDS), BE32(0)), 0);
		bool near = offsets[i] >= -1000 && offsets[i] <= 1000;

		packet.time_ns = NOW + offsets[i];
		sf_stamp_batch(&packet, 1, 1000, &counts);
		ck_assert_int_eq(packet.time_ns, near ? NOW : NOW + offsets[i]);
	}
	ck_assert_uint_eq(counts.taken, 4);
	ck_assert_uint_eq(counts.refused, 3);
	{
		struct sf_packet packet = built();

		packet.captured = 20;
		packet.time_ns = INT64_MIN;
		sf_stamp_batch(&packet, 1, 1000, &counts);
		packet = built();
		packet.time_ns = INT64_MIN;
		sf_stamp_batch(&packet, 1, 1000, &counts);
		ck_assert_int_eq(packet.time_ns, INT64_MIN);
	}
	ck_assert_uint_eq(counts.taken, 4);
	ck_assert_uint_eq(counts.refused, 4);
}
END_TEST

CHECK_MAIN("stamp", header_of_64_bits, header_of_48_bits, headers_that_are_no_stamp,
	place_of_the_header, trailers, limit)
