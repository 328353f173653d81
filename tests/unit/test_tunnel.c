/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which tunnels are opened, how options say so, and how far the parser goes. What each kind gives
 * is in the golden files of pcaps/tunnel-*.pcap.
 */
#include "check_main.h"
#include "packet_build.h"
#include "parse/run.h"
#include "parse/walk.h"

static struct pb pb;

static struct sf_packet built(void)
{
	pb_finish(&pb);
	return (struct sf_packet){
		.data = pb.data,
		.captured = (uint32_t)pb.length,
		.wire = (uint32_t)pb.length,
		.link = SF_LINK_ETHERNET,
		.time_ns = 5,
	};
}

/* The source port of the packet that is metered with these options. */
static unsigned metered(const struct sf_packet *packet, const struct sf_tunnel_options *options)
{
	struct sf_tunnels tunnels;
	struct sf_facts facts;
	enum sf_around found;

	sf_tunnels_init(&tunnels, options);
	ck_assert_int_eq(sf_parse_tunnels(packet, &tunnels, &facts, NULL, &found), SF_PARSED);
	return facts.flags & SF_FACT_SWAPPED ? facts.ports & 0xffff : facts.ports >> 16;
}

static void outer(uint16_t port)
{
	pb_start(&pb);
	pb_ethernet(&pb, 1, 2);
	pb_ip(&pb, "203.0.113.1", "203.0.113.2");
	pb_udp(&pb, 51000, port);
}

static void inner(void)
{
	pb_ip(&pb, "192.0.2.1", "192.0.2.2");
	pb_udp(&pb, 100, 200);
	pb_fill(&pb, 20);
}

/* A VXLAN packet to this port. */
static struct sf_packet vxlan(uint16_t port)
{
	outer(port);
	pb_be32(&pb, 0x08000000);
	pb_be32(&pb, 0x00000100);
	pb_ethernet(&pb, 3, 4);
	inner();
	return built();
}

static struct sf_packet tzsp(uint16_t port)
{
	outer(port);
	pb_bytes(&pb, (const uint8_t[]){ 1, 0, 0, 1, 1 }, 5);
	pb_ethernet(&pb, 3, 4);
	inner();
	return built();
}

START_TEST(only_mirrors_are_opened_by_default)
{
	struct sf_tunnel_options options = { 0 };
	struct sf_packet packet = vxlan(4789);

	ck_assert_uint_eq(metered(&packet, NULL), 51000);
	ck_assert_uint_eq(metered(&packet, &options), 51000);
	options.mirror = true;
	ck_assert_uint_eq(metered(&packet, &options), 100);
	packet = tzsp(37008);
	ck_assert_uint_eq(metered(&packet, NULL), 100);
	options.mode[SF_TUNNEL_TZSP] = SF_TUNNEL_OUTER;
	ck_assert_uint_eq(metered(&packet, &options), 51000);
}
END_TEST

static int add(struct sf_tunnel_options *options, const char *text)
{
	struct sf_error error;

	return sf_tunnel_options_add(options, text, &error);
}

START_TEST(words_choose_kinds)
{
	struct sf_tunnel_options options = { 0 };

	ck_assert_int_eq(add(&options, "inner"), 0);
	ck_assert_uint_eq(options.mode[SF_TUNNEL_GRE], SF_TUNNEL_INNER);
	ck_assert_uint_eq(options.mode[SF_TUNNEL_AH], SF_TUNNEL_INNER);
	ck_assert_uint_eq(options.mode[SF_TUNNEL_ERSPAN], SF_TUNNEL_DEFAULT);
	ck_assert_int_eq(add(&options, "vxlan=outer,erspan=outer"), 0);
	ck_assert_uint_eq(options.mode[SF_TUNNEL_VXLAN], SF_TUNNEL_OUTER);
	ck_assert_uint_eq(options.mode[SF_TUNNEL_ERSPAN], SF_TUNNEL_OUTER);
	ck_assert_uint_eq(options.mode[SF_TUNNEL_GENEVE], SF_TUNNEL_INNER);
	/* gre means nvgre too, unless that is named */
	options = (struct sf_tunnel_options){ 0 };
	ck_assert_int_eq(add(&options, "gre=inner"), 0);
	ck_assert_uint_eq(options.mode[SF_TUNNEL_NVGRE], SF_TUNNEL_INNER);
	ck_assert_int_eq(add(&options, "nvgre=outer,gre=inner"), 0);
	ck_assert_uint_eq(options.mode[SF_TUNNEL_NVGRE], SF_TUNNEL_OUTER);
}
END_TEST

START_TEST(wrong_words_are_refused)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "innner", "is no mode (allowed: outer, inner or both" },
		{ "", "is no mode (allowed: outer, inner or both" },
		{ "gre", "is no mode (allowed: outer, inner or both" },
		{ "gre=", "is no mode (allowed: outer, inner or both" },
		{ "gre=inner,", "is no mode (allowed: outer, inner or both" },
		{ "vxlam=inner", "did you mean vxlan?" },
		{ "=inner", "no kind of tunnel" },
	};
	struct sf_tunnel_options options = { 0 };
	struct sf_error error;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_int_eq(sf_tunnel_options_add(&options, rows[i].text, &error), SF_EUSAGE);
		ck_assert_msg(strstr(error.text, rows[i].says) && strstr(error.text, "--tunnel"),
			"%s: %s", rows[i].text, error.text);
	}
}
END_TEST

START_TEST(ports_can_be_added)
{
	static const char *const wrong[] = { "vxlan", "vxlan=", "vxlan=0", "vxlan=65536",
		"vxlan=1x", "gre=47", "vxlam=1", "vxlan=-1" };
	struct sf_tunnel_options options = { 0 };
	struct sf_packet packet = vxlan(8473);
	struct sf_error error;

	ck_assert_int_eq(add(&options, "vxlan=inner"), 0);
	ck_assert_uint_eq(metered(&packet, &options), 51000);
	ck_assert_int_eq(sf_tunnel_options_add_port(&options, "vxlan=8473", &error), 0);
	ck_assert_uint_eq(metered(&packet, &options), 100);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_int_eq(sf_tunnel_options_add_port(&options, wrong[i], &error), SF_EUSAGE);
		ck_assert_ptr_nonnull(strstr(error.text, "--tunnel-port"));
	}
	while (options.port_count < SF_TUNNEL_PORTS_MAX)
		ck_assert_int_eq(sf_tunnel_options_add_port(&options, "gtp-u=1", &error), 0);
	ck_assert_int_eq(sf_tunnel_options_add_port(&options, "gtp-u=1", &error), SF_EUSAGE);
}
END_TEST

/* The vector parser leaves the ports of mirrors, and no other ports of note, to the others. */
START_TEST(runs_leave_mirrors_alone)
{
	static const uint16_t others[] = { 53, 80, 443, 123, 161, 500, 514, 1900, 4500, 5060, 5353,
		51820 };
	sf_parse_run *run = sf_parse_run_here();
	struct sf_facts facts;
	struct sf_packet packet;

	if (!run)
		return;
	packet = tzsp(SF_PORT_TZSP);
	ck_assert_uint_eq(run(&packet, 1, &facts, 0, 0), 0);
	packet = tzsp(SF_PORT_ARUBA_ERM);
	ck_assert_uint_eq(run(&packet, 1, &facts, 0, 0), 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		packet = tzsp(others[i]);
		ck_assert_uint_eq(run(&packet, 1, &facts, 0, 0), 1);
	}
}
END_TEST

/* Facts of the packet inside, with all mirrors opened. */
static struct sf_facts mirrored(struct sf_packet packet)
{
	const struct sf_tunnel_options options = { .mirror = true };
	struct sf_tunnels tunnels;
	enum sf_around found;
	struct sf_facts facts;

	memset(&facts, 0xff, sizeof(facts));
	sf_tunnels_init(&tunnels, &options);
	ck_assert_int_eq(sf_parse_tunnels(&packet, &tunnels, &facts, NULL, &found), SF_PARSED);
	return facts;
}

/* ERSPAN: `header` is what follows GRE. */
static struct sf_packet erspan(uint16_t type, const uint8_t *header, size_t length)
{
	pb_start(&pb);
	pb_ethernet(&pb, 1, 2);
	pb_ip(&pb, "203.0.113.1", "203.0.113.2");
	pb_protocol(&pb, 47);
	pb_be16(&pb, 0x1000);
	pb_be16(&pb, type);
	pb_be32(&pb, 9);
	pb_bytes(&pb, header, length);
	pb_ethernet(&pb, 3, 4);
	inner();
	return built();
}

START_TEST(erspan_tells_session_port_and_direction)
{
	static const struct {
		uint16_t type;
		uint8_t length, header[20];
		struct sf_mirror_facts says;
	} rows[] = {
		{ 0x88be, 8, { 0x10, 0, 0, 100, 0xff, 0xf1, 0x23, 0x45 },
			{ 100, 0x12345, 0, 0, SF_MIRROR_SESSION | SF_MIRROR_PORT } },
		{ 0x22eb, 12, { 0x20, 0, 3, 0xff },
			{ 1023, 0, 0, 0, SF_MIRROR_SESSION | SF_MIRROR_INGRESS } },
		{ 0x22eb, 12, { 0x20, 0, 0, 1, [11] = 0x08 },
			{ 1, 0, 0, 0, SF_MIRROR_SESSION | SF_MIRROR_EGRESS } },
		/* platforms */
		{ 0x22eb, 20, { 0x20, 0, 0, 1, [11] = 0x09, 1 << 2, 0, 0, 9, 1, 2, 3, 4 },
			{ 1, 0x01020304, 0, 0,
				SF_MIRROR_SESSION | SF_MIRROR_EGRESS | SF_MIRROR_PORT } },
		{ 0x22eb, 20, { 0x20, 0, 0, 1, [11] = 0x01, 3 << 2 | 3, 0xff, 0xff, 0xfe },
			{ 1, 0x3ffe, 0, 0,
				SF_MIRROR_SESSION | SF_MIRROR_INGRESS | SF_MIRROR_PORT } },
		{ 0x22eb, 20, { 0x20, 0, 0, 1, [11] = 0x01, 5 << 2 | 3, 0xff, 0x12, 0x34 },
			{ 1, 0x1234, 0, 0,
				SF_MIRROR_SESSION | SF_MIRROR_INGRESS | SF_MIRROR_PORT } },
		{ 0x22eb, 20, { 0x20, 0, 0, 1, [11] = 0x01, 7 << 2 | 3, 0xff, 0x12, 0x34 },
			{ 1, 0xf1234, 0, 0,
				SF_MIRROR_SESSION | SF_MIRROR_INGRESS | SF_MIRROR_PORT } },
		{ 0x22eb, 20, { 0x20, 0, 0, 1, [11] = 0x01, 4 << 2, 0, 0x12, 0x34 },
			{ 1, 0, 0, 0, SF_MIRROR_SESSION | SF_MIRROR_INGRESS } },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sf_facts facts =
			mirrored(erspan(rows[i].type, rows[i].header, rows[i].length));

		ck_assert_uint_eq(facts.mirror.id, rows[i].says.id);
		ck_assert_uint_eq(facts.mirror.port, rows[i].says.port);
		ck_assert_uint_eq(facts.mirror.known, rows[i].says.known);
	}
}
END_TEST

START_TEST(other_mirrors_tell_their_network)
{
	struct sf_facts facts = mirrored(vxlan(4789));

	ck_assert_uint_eq(facts.mirror.id, 1);
	ck_assert_uint_eq(facts.mirror.known, SF_MIRROR_VNI);
	facts = mirrored(tzsp(37008));
	ck_assert_uint_eq(facts.mirror.known, 0);
	/* plain packets, which take other ways through the parser */
	pb_start(&pb);
	pb_ethernet(&pb, 1, 2);
	inner();
	ck_assert_uint_eq(mirrored(built()).mirror.known, 0);
}
END_TEST

/* A frame with `padding` bytes behind its packet, the trailer of a tap, and `behind` bytes. */
static struct sf_facts with_trailer(const uint8_t trailer[16], unsigned padding, unsigned behind)
{
	struct sf_packet packet;
	struct sf_facts facts;

	pb_start(&pb);
	pb_ethernet(&pb, 1, 2);
	inner();
	pb_finish(&pb);
	pb_fill(&pb, padding);
	pb_bytes(&pb, trailer, 16);
	pb_fill(&pb, behind);
	packet = (struct sf_packet){ .data = pb.data,
		.captured = (uint32_t)pb.length,
		.wire = (uint32_t)pb.length,
		.link = SF_LINK_ETHERNET,
		.time_ns = 1700000000 * SF_NS_PER_S };
	ck_assert_int_eq(sf_parse(&packet, &facts), SF_PARSED);
	sf_parse_trailer(&packet, &facts);
	return facts;
}

START_TEST(trailers_of_taps)
{
	/* seconds 1700000000, nanoseconds, flags, device 0x1234, port 7 */
	static const uint8_t good[16] = { 1, 2, 3, 4, 0x65, 0x53, 0xf1, 0x00, 0, 0, 0, 5, 1, 0x12,
		0x34, 7 };
	uint8_t bad[16];
	struct sf_facts facts;

	for (unsigned behind = 0; behind <= 4; behind += 4)
		for (unsigned padding = 0; padding <= 6; padding += 6) {
			facts = with_trailer(good, padding, behind);
			ck_assert_uint_eq(facts.mirror.known, SF_MIRROR_DEVICE);
			ck_assert_uint_eq(facts.mirror.device, 0x1234);
			ck_assert_uint_eq(facts.mirror.device_port, 7);
		}
	/* not at its place, too far off in time, reserved flags, too many nanoseconds */
	ck_assert_uint_eq(with_trailer(good, 0, 2).mirror.known, 0);
	for (unsigned i = 0; i < 3; i++) {
		memcpy(bad, good, sizeof(bad));
		bad[(const uint8_t[]){ 5, 12, 8 }[i]] |= 0xf0;
		bad[5] = i == 0 ? 0x50 : bad[5];
		ck_assert_uint_eq(with_trailer(bad, 0, 0).mirror.known, 0);
	}
}
END_TEST

/* What belongs to the packet is no trailer, and of a frame that was cut the end is not known. */
START_TEST(trailers_lie_behind_the_packet)
{
	static const uint8_t good[16] = { 1, 2, 3, 4, 0x65, 0x53, 0xf1, 0x00, 0, 0, 0, 5, 1, 0x12,
		0x34, 7 };
	struct sf_packet packet;
	struct sf_facts facts;

	pb_start(&pb);
	pb_ethernet(&pb, 1, 2);
	pb_ip(&pb, "192.0.2.1", "192.0.2.2");
	pb_udp(&pb, 100, 200);
	pb_bytes(&pb, good, 16);
	packet = built();
	packet.time_ns = 1700000000 * SF_NS_PER_S;
	ck_assert_int_eq(sf_parse(&packet, &facts), SF_PARSED);
	sf_parse_trailer(&packet, &facts);
	ck_assert_uint_eq(facts.mirror.known, 0);
	pb_bytes(&pb, good, 16);
	packet.captured += 16;
	packet.wire += 20;
	sf_parse_trailer(&packet, &facts);
	ck_assert_uint_eq(facts.mirror.known, 0);
	packet.wire -= 4;
	sf_parse_trailer(&packet, &facts);
	ck_assert_uint_eq(facts.mirror.known, SF_MIRROR_DEVICE);
}
END_TEST

/* Records that were written have these numbers for the kinds: docs/tunnels.md. */
START_TEST(numbers_of_kinds_stay)
{
	ck_assert_uint_eq(SF_TUNNEL_ERSPAN, 0);
	ck_assert_uint_eq(SF_TUNNEL_VXLAN, 4);
	ck_assert_uint_eq(SF_TUNNEL_GTP_U, 8);
	ck_assert_uint_eq(SF_TUNNEL_AH, 17);
}
END_TEST

START_TEST(every_kind_has_names)
{
	for (unsigned kind = 0; kind < SF_TUNNEL_COUNT; kind++) {
		ck_assert_uint_gt(strlen(sf_tunnel_name(kind)), 0);
		ck_assert_uint_gt(strlen(sf_tunnel_text(kind)), 0);
	}
	ck_assert(sf_tunnel_has_port(SF_TUNNEL_HPE_ERM) && !sf_tunnel_has_port(SF_TUNNEL_GRE));
}
END_TEST

CHECK_MAIN("tunnel", only_mirrors_are_opened_by_default, words_choose_kinds,
	wrong_words_are_refused, ports_can_be_added, runs_leave_mirrors_alone,
	erspan_tells_session_port_and_direction, other_mirrors_tell_their_network, trailers_of_taps,
	trailers_lie_behind_the_packet, numbers_of_kinds_stay, every_kind_has_names)
