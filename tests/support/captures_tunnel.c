/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Captures of tunnels and remote mirrors. Each kind of tunnel carries a DNS query and its answer,
 * over IPv4 and, where it can, over IPv6; the port of the client tells kinds apart.
 */
#include <stddef.h>
#include <string.h>

#include <spanflow/packet.h>

#include "base/wire.h"
#include "captures.h"
#include "tunnel_build.h"

/* ------------------------------------------------------------------------------- GRE */

TUNNEL(gre_ip, outer4(pb, from); gre(pb, 0, 0))
TUNNEL(gre_over_ipv6, outer6(pb, from); gre(pb, 0, 0))
TUNNEL(gre_key, outer4(pb, from); gre(pb, KEY, 4711))
TUNNEL(gre_all, outer4(pb, from); gre(pb, CHECKSUM | KEY | SEQUENCE, 4712))
TUNNEL(gre_ethernet, outer4(pb, from); gre(pb, 0, 0); inner_frame(pb, from);
	pb_vlan(pb, 0x8100, 40))
TUNNEL(gre_mpls, outer4(pb, from); gre(pb, 0, 0); pb_mpls(pb, 500, 0, true, 60))
TUNNEL(gre_pptp, outer4(pb, from); gre_type(pb, 0x3001, 0x00400009, 0x880b); BYTES(pb, 0xff, 3);
	next_ppp(pb))
TUNNEL(gre_nsh, outer4(pb, from); gre_type(pb, 0, 0, 0x894f);
	BYTES(pb, 0x0f, 0xc2, 2, 3, 0, 0, 9, 0xff); inner_frame(pb, from))
TUNNEL(nvgre, outer4(pb, from); gre(pb, KEY, 0x00abcd01); inner_frame(pb, from))
TUNNEL(gre_security_group, outer4(pb, from); gre_type(pb, 0, 0, 0x8909);
	pb_be16(pb, is_v6(talk) ? 0x86dd : 0x0800); BYTES(pb, 1, 1, 0, 1, 0, 5))
/* version 1 of WCCP has no header of its own, version 2 has four bytes */
TUNNEL(gre_wccp_1, outer4(pb, from); gre_type(pb, 0, 0, 0x883e))
TUNNEL(gre_wccp_2, outer4(pb, from); gre_type(pb, 0, 0, 0x883e); BYTES(pb, 0, 51, 0, 1))

/* ------------------------------------------------------------------------- mirrors */

/* What an access point of Aruba sends to its controller. */
TUNNEL(gre_aruba, outer4(pb, from); gre_type(pb, 0, 0, 0x8210); radio_frame(pb, from, false))

/* The length is of a frame with a query over IPv4 or IPv6: it must be that of the datagram. */
static void aruba(struct pb *pb, const struct talk *talk, enum talk_end from)
{
	uint32_t query = 12 + 17 + 4, answer = from == SERVER ? 16 : 0;
	uint32_t length = 24 + 8 + (is_v6(talk) ? 40 : 20) + 8 + query + answer;

	outer_udp(pb, from, 5555);
	pb_be32(pb, 1704067200);
	pb_be32(pb, 500000);
	pb_be32(pb, length);
	pb_be32(pb, length);
	radio_frame(pb, from, false);
}

TUNNEL(erspan_1, outer4(pb, from); gre_type(pb, 0, 0, 0x88be); inner_frame(pb, from))
TUNNEL(erspan_2, outer4(pb, from); erspan2(pb, 0, 0); inner_frame(pb, from))
TUNNEL(erspan_2_tag_removed, outer4(pb, from); erspan2(pb, 2, 30); inner_frame(pb, from))
TUNNEL(erspan_2_tag_in_frame, outer4(pb, from); erspan2(pb, 3, 31); inner_frame(pb, from);
	pb_vlan(pb, 0x8100, 31))
TUNNEL(erspan_3, outer4(pb, from); erspan3(pb, false); inner_frame(pb, from))
TUNNEL(erspan_3_long, outer6(pb, from); erspan3(pb, true); inner_frame(pb, from))
TUNNEL(tzsp, outer_udp(pb, from, 37008); BYTES(pb, 1, 0, 0, 1, 1); inner_frame(pb, from))
TUNNEL(tzsp_radio, outer_udp(pb, from, 37008);
	BYTES(pb, 1, 0, 0, 18, 0, 10, 1, 0xc4, 0x29, 4, 0, 0, 0, 1, 1);
	radio_frame(pb, from, false))
TUNNEL(hpe, outer_udp(pb, from, 7932); BYTES(pb, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	inner_frame(pb, from))

/* ----------------------------------------------------------------- VXLAN and GENEVE */

TUNNEL(vxlan, outer_udp(pb, from, 4789); vxlan_header(pb, 8, 0, 5000); inner_frame(pb, from))
TUNNEL(vxlan_tag, outer_udp(pb, from, 4789); vxlan_header(pb, 8, 0, 5001); inner_frame(pb, from);
	pb_vlan(pb, 0x8100, 41))
TUNNEL(vxlan_linux, outer_udp(pb, from, 8472); vxlan_header(pb, 8, 0, 5002); inner_frame(pb, from))
TUNNEL(vxlan_over_ipv6, outer6(pb, from); pb_udp(pb, 51000, 4789); vxlan_header(pb, 8, 0, 5003);
	inner_frame(pb, from))
TUNNEL(vxlan_gpe_ip, outer_udp(pb, from, 4790); vxlan_header(pb, 0x0c, is_v6(talk) ? 2 : 1, 5004))
TUNNEL(vxlan_gpe_frame, outer_udp(pb, from, 4790); vxlan_header(pb, 0x0c, 3, 5005);
	inner_frame(pb, from))
TUNNEL(vxlan_gpe_nsh, outer_udp(pb, from, 4790); vxlan_header(pb, 0x0c, 4, 5006);
	BYTES(pb, 0x0f, 0xc2, 2, 3, 0, 0, 9, 0xff); inner_frame(pb, from))
TUNNEL(vxlan_gpe_mpls, outer_udp(pb, from, 4790); vxlan_header(pb, 0x0c, 5, 5007);
	pb_mpls(pb, 604, 0, true, 60))
TUNNEL(geneve, outer_udp(pb, from, 6081); geneve_header(pb, 0, 6000); inner_frame(pb, from))
TUNNEL(geneve_options, outer_udp(pb, from, 6081); geneve_header(pb, 8, 6001))
/*
 * as a gateway load balancer of AWS sends it: endpoint, attachment and flow, in options of class
 * 0x0108
 */
TUNNEL(geneve_gateway, outer_udp(pb, from, 6081); geneve_header(pb, 8, 0); pb->length -= 32;
	BYTES(pb, 1, 8, 1, 2, 0, 1, 2, 3, 4, 5, 6, 7, 1, 8, 2, 2, 0, 9, 8, 7, 6, 5, 4, 3);
	BYTES(pb, 1, 8, 3, 1, 0xc0, 0xff, 0xee, 1))

/* ------------------------------------------------------------------------- GTP-U */

static const uint8_t gtp_sequence[] = { 0, 5, 0, 0 };
static const uint8_t gtp_container[] = { 0, 5, 0, 0x85, 1, 0x10, 9, 0 };
static const uint8_t gtp_two[] = { 0, 5, 0, 0xc0, 1, 0, 1, 0x85, 2, 0x10, 9, 0, 0, 0, 0, 0 };

TUNNEL(gtp_plain, outer_udp(pb, from, 2152); gtp(pb, talk, 0x30, from == CLIENT ? 1 : 101, NULL, 0))
TUNNEL(gtp_numbered, outer_udp(pb, from, 2152);
	gtp(pb, talk, 0x32, from == CLIENT ? 2 : 102, gtp_sequence, sizeof(gtp_sequence)))
TUNNEL(gtp_5g, outer_udp(pb, from, 2152);
	gtp(pb, talk, 0x34, from == CLIENT ? 3 : 103, gtp_container, sizeof(gtp_container)))
TUNNEL(gtp_extended, outer_udp(pb, from, 2152);
	gtp(pb, talk, 0x36, from == CLIENT ? 4 : 104, gtp_two, sizeof(gtp_two)))

TUNNEL(gtp_version_0, outer_udp(pb, from, 3386); BYTES(pb, 0x1e, 0xff);
	pb_be16(pb, (uint16_t)((is_v6(talk) ? 40 : 20) + 8 + 33)); BYTES(pb, 0, 1);
	pb_be16(pb, from == CLIENT ? 7 : 8);
	BYTES(pb, 0xff, 0xff, 0xff, 0xff, 0x21, 0x43, 0x65, 0x87, 0x09, 0x21, 0x43, 0xf5))

/* ---------------------------------------------------------------- IP in IP and others */

TUNNEL(ip_in_ipv4, outer4(pb, from))
TUNNEL(ip_in_ipv6, outer6(pb, from))
TUNNEL(srv6, outer6(pb, from); segment_routing(pb))
TUNNEL(srv6_frame, outer6(pb, from); segment_routing(pb); pb_protocol(pb, 143);
	inner_frame(pb, from))
TUNNEL(etherip, outer4(pb, from); pb_protocol(pb, 97); BYTES(pb, 0x30, 0); inner_frame(pb, from))
TUNNEL(ah, outer4(pb, from); pb_authentication(pb, 0x3001, 1))
TUNNEL(mpls_ip, outer4(pb, from); pb_mpls(pb, 600, 0, true, 60))
TUNNEL(mpls_udp, outer_udp(pb, from, 6635); pb_mpls(pb, 601, 0, false, 60);
	pb_mpls(pb, 602, 0, true, 60))
TUNNEL(mpls_udp_pseudowire, outer_udp(pb, from, 6635); pb_mpls(pb, 603, 0, true, 60);
	pb_be32(pb, 1); inner_frame(pb, from))
/* without control word: the address begins with an even byte that is no IP version */
TUNNEL(mpls_udp_pseudowire_bare, outer_udp(pb, from, 6635); pb_mpls(pb, 605, 0, true, 60);
	inner_frame(pb, from))
TUNNEL(lisp, outer_udp(pb, from, 4341); BYTES(pb, 0x88, 0, 0, 1, 0, 0, 77, 0))
TUNNEL(l2tp, outer_udp(pb, from, 1701); BYTES(pb, 0x02, 2, 0, 20, 0, 21, 0, 2, 0, 0);
	BYTES(pb, 0xff, 3); next_ppp(pb))
TUNNEL(l2tp3_ip, outer4(pb, from); pb_protocol(pb, 115); pb_be32(pb, 3001); pb_be32(pb, 0xc00c1e01);
	inner_frame(pb, from))
TUNNEL(l2tp3_udp, outer_udp(pb, from, 1701); pb_be32(pb, 0x00030000); pb_be32(pb, 3002);
	inner_frame(pb, from))
TUNNEL(l2tp3_ppp, outer4(pb, from); pb_protocol(pb, 115); pb_be32(pb, 3003); BYTES(pb, 0xff, 3);
	next_ppp(pb))
TUNNEL(capwap, outer_udp(pb, from, 5247); BYTES(pb, 0, 0x10, 0x02, 0, 0, 1, 0, 0);
	inner_frame(pb, from))
TUNNEL(capwap_radio, outer_udp(pb, from, 5247); BYTES(pb, 0, 0x10, 0x03, 0, 0, 1, 0, 0);
	radio_frame(pb, from, true))
TUNNEL(teredo, outer_udp(pb, from, 3544))
TUNNEL(teredo_long, outer_udp(pb, from, 3544); BYTES(pb, 0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0);
	BYTES(pb, 0, 0, 0xf1, 0xf2, 0x34, 0xff, 0x8e, 0xfe))

/* an identity of 16 octets, a signature of 20 */
TUNNEL(ayiya, outer_udp(pb, from, 5072); BYTES(pb, 0x41, 0x52, 0x11, is_v6(talk) ? 41 : 4);
	pb_be32(pb, 1704067200); pb_fill(pb, 36))

/* ARP inside: a mirror's frame is not IP, a tunnel's packet is the outer one. */
static void send_arp(struct trace *trace, link_writer link, int64_t time)
{
	struct talk talk = {
		.trace = trace, .address = { "192.0.2.10", "198.51.100.53" }, .time = time
	};
	struct pb *pb = talk_begin(&talk, CLIENT);

	pb_start(pb);
	link(pb, &talk, CLIENT);
	sf_store_be16(pb->data + pb->next_at, 0x0806);
	pb->next = PB_NEXT_NONE;
	BYTES(pb, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0, 2, 10, 0, 0, 0, 0, 0, 0, 192, 0,
		2, 53);
	talk_send(&talk, pb);
}

/* --------------------------------------------------- tunnels whose outer packet is fragmented */

TUNNEL(ip_and_gre, outer4(pb, from); pb_ip(pb, "198.18.0.1", "198.18.0.2"); gre(pb, 0, 0))

/* The Ethernet frame `whole`, which has a plain IP header, as fragment `i` of three. */
static void piece_of(struct pb *pb, const struct pb *whole, unsigned i, uint16_t id)
{
	const uint8_t *packet = whole->data + 14;
	const bool v6 = packet[0] >> 4 == 6;
	const size_t head = v6 ? 40 : 20, each = (whole->length - 14 - head) / 24 * 8;
	const size_t length = i < 2 ? each : whole->length - 14 - head - 2 * each;
	struct pb_ip ip = { .version = v6 ? 6 : 4,
		.ttl = 64,
		.id = id,
		.fragment = (uint16_t)(i * each / 8 | (i < 2 ? 0x2000 : 0)) };

	memcpy(ip.address[0], packet + (v6 ? 8 : 12), v6 ? 16 : 4);
	memcpy(ip.address[1], packet + (v6 ? 24 : 16), v6 ? 16 : 4);
	pb_start(pb);
	pb_ethernet(pb, 0xa1, 0xa2);
	pb_ip_header(pb, &ip);
	if (v6)
		pb_fragment6(pb, (uint16_t)(i * each), i < 2, id);
	pb_protocol(pb, packet[v6 ? 6 : 9]);
	pb_bytes(pb, packet + head + i * each, length);
}

/*
 * A datagram of 900 octets in this tunnel, as three fragments in this order; fragment 3 does not
 * exist: the one whose place it takes is lost.
 */
static void send_pieces(
	struct trace *trace, link_writer link, uint16_t port, const unsigned order[3])
{
	static struct pb whole, part;
	struct talk talk = { .trace = trace,
		.link = link,
		.address = { "192.0.2.10", "198.51.100.53" },
		.port = { port, 53 },
		.time = TRACE_START + (port - 53900) * SECOND / 4,
		.step = MS };
	struct pb *pb = talk_begin(&talk, CLIENT);

	pb_udp(pb, port, 53);
	pb_fill(pb, 900);
	pb_finish(pb);
	whole = *pb;
	for (unsigned n = 0; n < 3; n++) {
		if (order[n] == 3)
			continue;
		piece_of(&part, &whole, order[n], port);
		talk_send(&talk, &part);
	}
}

/* A datagram in this tunnel that is fragmented before it enters the tunnel. */
static void send_pieces_inside(struct trace *trace, link_writer link, uint16_t port, int64_t time)
{
	struct talk talk = { .trace = trace,
		.link = link,
		.address = { "192.0.2.10", "198.51.100.53" },
		.time = time,
		.step = MS };

	for (unsigned i = 0; i < 2; i++) {
		struct pb_ip ip = { .version = 4, .ttl = 64, .id = port };
		struct pb *pb = talk_begin(&talk, CLIENT);

		pb_start(pb);
		link(pb, &talk, CLIENT);
		pb_address(&ip, talk.address[0], talk.address[1]);
		ip.id = port;
		ip.fragment = i ? 408 / 8 : 0x2000;
		pb_ip_header(pb, &ip);
		pb_protocol(pb, 17);
		if (i == 0) {
			pb_be16(pb, port);
			pb_be16(pb, 53);
			pb_be16(pb, 808);
			pb_be16(pb, 0);
		}
		pb_fill(pb, 400);
		talk_send(&talk, pb);
	}
}

/* ----------------------------------------------------------------------------- files */

static void tunnel_gre(struct cw *cw)
{
	struct trace trace = { 0 };

	SEND(&trace, 53000, { gre_ip, BOTH }, { gre_over_ipv6, BOTH }, { gre_key, BOTH },
		{ gre_all, BOTH }, { gre_ethernet, BOTH }, { gre_mpls, BOTH }, { gre_pptp, BOTH },
		{ gre_nsh, BOTH }, { nvgre, BOTH }, { gre_security_group, BOTH },
		{ gre_wccp_1, BOTH }, { gre_wccp_2, BOTH }, { gre_aruba, BOTH });
	trace_pcap(&trace, cw, SF_LINK_ETHERNET, 0);
}

static void tunnel_mirror(struct cw *cw)
{
	struct trace trace = { 0 };

	SEND(&trace, 53100, { erspan_1, BOTH }, { erspan_2, BOTH }, { erspan_2_tag_removed, BOTH },
		{ erspan_2_tag_in_frame, BOTH }, { erspan_3, BOTH }, { erspan_3_long, BOTH },
		{ tzsp, BOTH }, { tzsp_radio, BOTH }, { aruba, BOTH }, { hpe, BOTH });
	send_arp(&trace, erspan_2, TRACE_START);
	send_arp(&trace, tzsp, TRACE_START + MS);
	trace_pcap(&trace, cw, SF_LINK_ETHERNET, 0);
}

static void tunnel_vxlan(struct cw *cw)
{
	struct trace trace = { 0 };

	SEND(&trace, 53200, { vxlan, BOTH }, { vxlan_tag, BOTH }, { vxlan_linux, BOTH },
		{ vxlan_over_ipv6, BOTH }, { vxlan_gpe_ip, BOTH }, { vxlan_gpe_frame, BOTH },
		{ vxlan_gpe_nsh, BOTH }, { geneve, BOTH }, { geneve_options, BOTH },
		{ vxlan_gpe_mpls, BOTH }, { geneve_gateway, BOTH });
	send_arp(&trace, vxlan, TRACE_START);
	trace_pcap(&trace, cw, SF_LINK_ETHERNET, 0);
}

static void tunnel_mobile(struct cw *cw)
{
	struct trace trace = { 0 };

	SEND(&trace, 53300, { gtp_plain, BOTH }, { gtp_numbered, BOTH }, { gtp_5g, BOTH },
		{ gtp_extended, BOTH }, { gtp_version_0, BOTH });
	trace_pcap(&trace, cw, SF_LINK_ETHERNET, 0);
}

static void tunnel_ip(struct cw *cw)
{
	struct trace trace = { 0 };

	SEND(&trace, 53400, { ip_in_ipv4, BOTH }, { ip_in_ipv6, BOTH }, { srv6, BOTH },
		{ srv6_frame, BOTH }, { etherip, BOTH }, { ah, ONLY4 }, { mpls_ip, BOTH },
		{ mpls_udp, BOTH }, { mpls_udp_pseudowire, BOTH }, { lisp, BOTH }, { l2tp, BOTH },
		{ l2tp3_ip, BOTH }, { l2tp3_udp, BOTH }, { capwap, BOTH }, { capwap_radio, BOTH },
		{ teredo, ONLY6 }, { teredo_long, ONLY6 }, { ayiya, BOTH },
		{ mpls_udp_pseudowire_bare, BOTH }, { l2tp3_ppp, BOTH });
	trace_pcap(&trace, cw, SF_LINK_ETHERNET, 0);
}

/* Every cut from within the outer header to behind the inner one, in a mirror and in a tunnel. */
static void tunnel_cut(struct cw *cw)
{
	struct trace trace = { 0 };
	struct talk a = { .trace = &trace,
		.link = erspan_2,
		.address = { "192.0.2.10", "198.51.100.53" },
		.port = { 53700, 53 },
		.time = TRACE_START };
	struct talk b = a;

	b.link = vxlan;
	b.time += 5 * MS;
	for (uint32_t cut = 30; cut <= 110; cut += 4) {
		trace.snaplen = cut;
		talk_udp(&a, CLIENT, 60);
		talk_udp(&b, CLIENT, 60);
	}
	trace_pcap(&trace, cw, SF_LINK_ETHERNET, 0);
}

static void tunnel_fragments(struct cw *cw)
{
	static const link_writer links[] = { vxlan, vxlan_over_ipv6, gre_key, gre_over_ipv6,
		ip_in_ipv4, erspan_2, ip_and_gre };
	/*
	 * in order, the other way round, with copies, without the last one, without the first one
	 */
	static const unsigned orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 0, 1, 1 }, { 0, 1, 3 },
		{ 3, 1, 2 } };
	struct trace trace = { 0 };
	uint16_t port = 53900;

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		for (size_t k = 0; k < sizeof(orders) / sizeof(orders[0]); k++)
			send_pieces(&trace, links[i], port++, orders[k]);
	send_pieces_inside(&trace, vxlan, 53990, TRACE_START + MS);
	send_pieces_inside(&trace, gre_key, 53991, TRACE_START + 2 * MS);
	trace_pcap(&trace, cw, SF_LINK_ETHERNET, 0);
}

const struct capture captures_tunnel[] = {
	{ "tunnel-gre.pcap", tunnel_gre },
	{ "tunnel-mirror.pcap", tunnel_mirror },
	{ "tunnel-vxlan.pcap", tunnel_vxlan },
	{ "tunnel-mobile.pcap", tunnel_mobile },
	{ "tunnel-ip.pcap", tunnel_ip },
	{ "tunnel-cut.pcap", tunnel_cut },
	{ "tunnel-fragments.pcap", tunnel_fragments },
	{ NULL },
};
