/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which tunnels are opened, how options say so, and how far the parser goes. What each kind gives is in
 * the golden files of pcaps/tunnel-*.pcap.
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
		{ "innner", "not outer, inner or both" },
		{ "", "not outer, inner or both" },
		{ "gre", "not outer, inner or both" },
		{ "gre=", "not outer, inner or both" },
		{ "gre=inner,", "not outer, inner or both" },
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

/* Who has written records tells kinds by these numbers: docs/tunnels.md. */
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
	numbers_of_kinds_stay, every_kind_has_names)
