/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Captures of tunnels in tunnels, of several tunnels with the same addresses inside, and of packets
 * that only look like tunnels.
 */
#include <spanflow/packet.h>

#include "captures.h"
#include "tunnel_build.h"

/* --------------------------------------------------------------------- nesting orders */

TUNNEL(nested_ip_gre, outer4(pb, from); pb_ip(pb, "198.18.0.1", "198.18.0.2"); gre(pb, 0, 0))
TUNNEL(nested_gre_vxlan, outer4(pb, from); gre(pb, 0, 0); pb_ip(pb, "198.18.0.1", "198.18.0.2");
	pb_udp(pb, 51000, 4789); vxlan_header(pb, 8, 0, 5010); inner_frame(pb, from))
TUNNEL(nested_vxlan_gtp, outer_udp(pb, from, 4789); vxlan_header(pb, 8, 0, 5011); frame(pb, from);
	pb_ip(pb, "198.18.0.1", "198.18.0.2"); pb_udp(pb, 2152, 2152);
	gtp(pb, talk, 0x30, 9, NULL, 0))
TUNNEL(nested_vxlan_pppoe, outer_udp(pb, from, 4789); vxlan_header(pb, 8, 0, 5012);
	inner_frame(pb, from); pb_vlan(pb, 0x8100, 42); pb_pppoe(pb, 12))
TUNNEL(nested_erspan_vxlan, outer4(pb, from); erspan2(pb, 3, 0); frame(pb, from);
	pb_vlan(pb, 0x8100, 43); pb_ip(pb, "198.18.0.1", "198.18.0.2"); pb_udp(pb, 51000, 4789);
	vxlan_header(pb, 8, 0, 5013); inner_frame(pb, from))
TUNNEL(nested_erspan_mpls_gre, outer4(pb, from); erspan2(pb, 3, 0); frame(pb, from);
	pb_mpls(pb, 700, 0, true, 60); pb_be32(pb, 0); frame(pb, from);
	pb_ip(pb, "198.18.0.1", "198.18.0.2"); gre(pb, KEY, 4713))
TUNNEL(nested_ah_gre, outer4(pb, from); pb_authentication(pb, 0x3002, 1); gre(pb, 0, 0))
TUNNEL(nested_6in4_vxlan, outer4(pb, from); pb_ip(pb, "2001:db8:18::1", "2001:db8:18::2");
	pb_udp(pb, 51000, 4789); vxlan_header(pb, 8, 0, 5014); inner_frame(pb, from))
TUNNEL(nested_l2tp_gre, outer_udp(pb, from, 1701); BYTES(pb, 0, 2, 0, 21, 0, 22); next_ppp(pb);
	pb_ip(pb, "198.18.0.1", "198.18.0.2"); gre(pb, 0, 0))
/* mirrors of clouds, of hosts with tunnels, of access points; mirrors that cross a tunnel */
TUNNEL(nested_geneve_vxlan, outer_udp(pb, from, 6081); geneve_header(pb, 8, 0);
	pb_ip(pb, "198.18.0.1", "198.18.0.2"); pb_udp(pb, 51000, 4789);
	vxlan_header(pb, 8, 0, 5015); inner_frame(pb, from))
TUNNEL(nested_tzsp_gre, outer_udp(pb, from, 37008); BYTES(pb, 1, 0, 0, 1, 1); frame(pb, from);
	pb_ip(pb, "198.18.0.1", "198.18.0.2"); gre(pb, KEY, 4714))
TUNNEL(nested_hpe_vxlan, outer_udp(pb, from, 7932); BYTES(pb, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	frame(pb, from); pb_ip(pb, "198.18.0.1", "198.18.0.2"); pb_udp(pb, 51000, 4789);
	vxlan_header(pb, 8, 0, 5016); inner_frame(pb, from))
TUNNEL(nested_vxlan_erspan, outer_udp(pb, from, 4789); vxlan_header(pb, 8, 0, 5017);
	frame(pb, from); pb_ip(pb, "198.18.0.1", "198.18.0.2"); erspan2(pb, 0, 0);
	inner_frame(pb, from))
TUNNEL(nested_erspan_backbone, outer4(pb, from); erspan3(pb, false); frame(pb, from);
	pb_shim_frame(pb, 0x88e7, (const uint8_t[]){ 0, 0, 0x12, 0x34 }, 4); inner_frame(pb, from))
TUNNEL(nested_capwap_ip, outer_udp(pb, from, 5247); BYTES(pb, 0, 0x10, 0x02, 0, 0, 1, 0, 0);
	frame(pb, from); pb_ip(pb, "198.18.0.1", "198.18.0.2"))
/* mobile networks over SRv6, MPLS and GRE; tunnels of GTP that carry tunnels */
TUNNEL(nested_srv6_gtp, outer6(pb, from); segment_routing(pb);
	pb_ip(pb, "198.18.0.1", "198.18.0.2"); pb_udp(pb, 2152, 2152);
	gtp(pb, talk, 0x30, 10, NULL, 0))
TUNNEL(nested_mpls_gtp, outer_udp(pb, from, 6635); pb_mpls(pb, 701, 0, true, 60);
	pb_ip(pb, "198.18.0.1", "198.18.0.2"); pb_udp(pb, 2152, 2152);
	gtp(pb, talk, 0x30, 11, NULL, 0))
TUNNEL(nested_lisp_gre, outer_udp(pb, from, 4341); BYTES(pb, 0x88, 0, 0, 1, 0, 0, 77, 0);
	pb_ip(pb, "198.18.0.1", "198.18.0.2"); gre(pb, 0, 0))
TUNNEL(nested_teredo_gre, outer_udp(pb, from, 3544); pb_ip(pb, "2001:db8:18::1", "2001:db8:18::2");
	gre(pb, 0, 0))
/* PPPoE in all that carries frames */
TUNNEL(pppoe_gre, outer4(pb, from); gre(pb, 0, 0); inner_frame(pb, from); pb_pppoe(pb, 13))
TUNNEL(pppoe_geneve, outer_udp(pb, from, 6081); geneve_header(pb, 0, 6002); inner_frame(pb, from);
	pb_pppoe(pb, 14))
TUNNEL(pppoe_etherip, outer4(pb, from); pb_protocol(pb, 97); BYTES(pb, 0x30, 0);
	inner_frame(pb, from); pb_pppoe(pb, 15))
TUNNEL(pppoe_pseudowire, outer_udp(pb, from, 6635); pb_mpls(pb, 702, 0, true, 60); pb_be32(pb, 1);
	inner_frame(pb, from); pb_pppoe(pb, 16))
TUNNEL(pppoe_l2tp3, outer4(pb, from); pb_protocol(pb, 115); pb_be32(pb, 3004);
	inner_frame(pb, from); pb_pppoe(pb, 17))
TUNNEL(pppoe_erspan, outer4(pb, from); erspan2(pb, 3, 0); inner_frame(pb, from); pb_pppoe(pb, 18))
/* as deep as tunnels are opened, and deeper */
TUNNEL(nested_8, outer4(pb, from);
	for (unsigned i = 0; i < 7; i++) pb_ip(pb, "198.18.1.1", "198.18.1.2"))
TUNNEL(nested_10, outer4(pb, from);
	for (unsigned i = 0; i < 9; i++) pb_ip(pb, "198.18.2.1", "198.18.2.2"))

/* ------------------------------------------------- the same addresses in several tunnels */

TUNNEL(overlap_vxlan_1, outer_udp(pb, from, 4789); vxlan_header(pb, 8, 0, 1); inner_frame(pb, from);
	pb_vlan(pb, 0x8100, 50))
TUNNEL(overlap_vxlan_2, outer_udp(pb, from, 4789); vxlan_header(pb, 8, 0, 2); inner_frame(pb, from);
	pb_vlan(pb, 0x8100, 50))
TUNNEL(overlap_vxlan_2_vlan, outer_udp(pb, from, 4789); vxlan_header(pb, 8, 0, 2);
	inner_frame(pb, from); pb_vlan(pb, 0x88a8, 50); pb_vlan(pb, 0x8100, 51))
TUNNEL(overlap_other_ends, frame(pb, from); pb_ip(
	pb, from == CLIENT ? ends4[0] : "203.0.113.3", from == CLIENT ? "203.0.113.3" : ends4[0]);
	pb_udp(pb, 51000, 4789); vxlan_header(pb, 8, 0, 2); inner_frame(pb, from);
	pb_vlan(pb, 0x8100, 50))
TUNNEL(overlap_key_1, outer4(pb, from); gre(pb, KEY, 1))
TUNNEL(overlap_key_2, outer4(pb, from); gre(pb, KEY, 2))
TUNNEL(overlap_none, inner_frame(pb, from); pb_vlan(pb, 0x8100, 50))

/* ------------------------------------------------------- no tunnels, whatever they look like */

TUNNEL(not_vxlan, outer_udp(pb, from, 4789); vxlan_header(pb, 0x40, 0, 1); inner_frame(pb, from))
TUNNEL(not_geneve, outer_udp(pb, from, 6081); BYTES(pb, 0xc0, 0, 0x65, 0x58, 0, 0, 1, 0);
	inner_frame(pb, from))
TUNNEL(not_geneve_management, outer_udp(pb, from, 6081); BYTES(pb, 0, 0x80, 0x65, 0x58, 0, 0, 1, 0);
	inner_frame(pb, from))
TUNNEL(not_gtp, outer_udp(pb, from, 2152); BYTES(pb, 0x30, 1, 0, 4, 0, 0, 0, 0))
TUNNEL(not_gtp_extension, outer_udp(pb, from, 2152);
	BYTES(pb, 0x34, 0xff, 0, 40, 0, 0, 0, 1, 0, 0, 0, 0x85, 0, 0, 0, 0))
TUNNEL(not_gre_routing, outer4(pb, from); gre_type(pb, 0x4000, 0, is_v6(talk) ? 0x86dd : 0x0800);
	pb_be32(pb, 0))
TUNNEL(not_gre_version, outer4(pb, from); gre_type(pb, 2, 0, is_v6(talk) ? 0x86dd : 0x0800))
TUNNEL(not_gre_keepalive, outer4(pb, from); gre_type(pb, 0, 0, 0))
TUNNEL(not_tzsp, outer_udp(pb, from, 37008); BYTES(pb, 2, 0, 0, 1, 1); inner_frame(pb, from))
TUNNEL(not_etherip, outer4(pb, from); pb_protocol(pb, 97); BYTES(pb, 0x20, 0);
	inner_frame(pb, from))
TUNNEL(not_l2tp, outer_udp(pb, from, 1701); BYTES(pb, 0xc8, 2, 0, 60, 0, 1, 0, 1))

TUNNEL(vxlan_frame, outer_udp(pb, from, 4789); vxlan_header(pb, 8, 0, 5000); inner_frame(pb, from))

/* A packet inside claims to be longer than the datagram around it: no VXLAN. */
static void send_too_long(struct trace *trace, int64_t time)
{
	struct talk talk = { .trace = trace,
		.link = vxlan_frame,
		.address = { "192.0.2.10", "198.51.100.53" },
		.port = { 53999, 53 },
		.time = time };
	struct pb *pb = talk_begin(&talk, CLIENT);
	size_t at = pb->length - 20;

	pb_udp(pb, 53999, 53);
	pb_fill(pb, 20);
	pb_finish(pb);
	sf_store_be16(pb->data + at + 2, 600);
	talk_send(&talk, pb);
}

/* ------------------------------------------------------------ IPsec, which stays closed */

/* ESP with this SPI: what follows looks like noise. */
static void esp(struct pb *pb, uint32_t spi)
{
	pb_be32(pb, spi);
	pb_be32(pb, 1);
	pb_fill(pb, 64);
}

/* Two packets, one each way. `udp`: in UDP, whose zero in place of the SPI would be IKE. */
static void send_esp(struct trace *trace, link_writer link, uint32_t spi, bool udp)
{
	for (unsigned from = CLIENT; from <= SERVER; from++) {
		struct talk talk = { .trace = trace,
			.time = TRACE_START + (int64_t)spi * MS + from * MS / 2 };
		struct pb *pb = talk_begin(&(struct talk){ .trace = trace,
						   .address = { "192.0.2.10", "198.51.100.53" } },
			CLIENT);

		pb_start(pb);
		link(pb, &talk, (enum talk_end)from);
		if (udp)
			pb_udp(pb, 4500, 4500);
		else
			pb_protocol(pb, 50);
		esp(pb, spi + from * 100);
		talk_send(&talk, pb);
	}
}

TUNNEL(outer_ipv4, outer4(pb, from))
TUNNEL(outer_ipv6, outer6(pb, from))
TUNNEL(esp_gre, outer4(pb, from); gre(pb, KEY, 4715); pb_ip(pb,
	from == CLIENT ? "198.18.0.1" : "198.18.0.2", from == CLIENT ? "198.18.0.2" : "198.18.0.1"))
TUNNEL(esp_vxlan, outer_udp(pb, from, 4789); vxlan_header(pb, 8, 0, 5018); inner_frame(pb, from);
	pb_ip(pb, from == CLIENT ? "198.18.0.1" : "198.18.0.2",
		from == CLIENT ? "198.18.0.2" : "198.18.0.1"))

static void tunnel_ipsec(struct cw *cw)
{
	static const link_writer links[] = { outer_ipv4, outer_ipv6, esp_gre, esp_vxlan };
	struct trace trace = { 0 };

	for (unsigned i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		send_esp(&trace, links[i], 1001 + 2 * i, false);
		send_esp(&trace, links[i], 1002 + 2 * i, true);
	}
	trace_pcap(&trace, cw, SF_LINK_ETHERNET, 0);
}

/* ----------------------------------------------------------------------------- files */

static void tunnel_nested(struct cw *cw)
{
	struct trace trace = { 0 };

	SEND(&trace, 53500, { nested_ip_gre, BOTH }, { nested_gre_vxlan, BOTH },
		{ nested_vxlan_gtp, BOTH }, { nested_vxlan_pppoe, BOTH },
		{ nested_erspan_vxlan, BOTH }, { nested_erspan_mpls_gre, BOTH },
		{ nested_ah_gre, BOTH }, { nested_6in4_vxlan, BOTH }, { nested_l2tp_gre, BOTH },
		{ nested_8, ONLY4 }, { nested_10, ONLY4 }, { nested_geneve_vxlan, BOTH },
		{ nested_tzsp_gre, BOTH }, { nested_hpe_vxlan, BOTH },
		{ nested_vxlan_erspan, BOTH }, { nested_erspan_backbone, BOTH },
		{ nested_capwap_ip, BOTH }, { nested_srv6_gtp, BOTH }, { nested_mpls_gtp, BOTH },
		{ nested_lisp_gre, BOTH }, { nested_teredo_gre, BOTH }, { pppoe_gre, BOTH },
		{ pppoe_geneve, BOTH }, { pppoe_etherip, BOTH }, { pppoe_pseudowire, BOTH },
		{ pppoe_l2tp3, BOTH }, { pppoe_erspan, BOTH });
	trace_pcap(&trace, cw, SF_LINK_ETHERNET, 0);
}

/* One conversation, by its addresses and ports, in each of them. */
static void tunnel_overlap(struct cw *cw)
{
	static const link_writer links[] = { overlap_vxlan_1, overlap_vxlan_2, overlap_vxlan_2_vlan,
		overlap_other_ends, overlap_key_1, overlap_key_2, overlap_none };
	struct trace trace = { 0 };

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		const struct tunnel tunnel = { links[i], BOTH };

		send_tunnels(&trace, &tunnel, 1, 53800);
	}
	trace_pcap(&trace, cw, SF_LINK_ETHERNET, 0);
}

static void tunnel_not(struct cw *cw)
{
	struct trace trace = { 0 };

	SEND(&trace, 53600, { not_vxlan, BOTH }, { not_geneve, BOTH },
		{ not_geneve_management, BOTH }, { not_gtp, BOTH }, { not_gtp_extension, BOTH },
		{ not_gre_routing, BOTH }, { not_gre_version, BOTH }, { not_gre_keepalive, BOTH },
		{ not_tzsp, BOTH }, { not_etherip, BOTH }, { not_l2tp, BOTH });
	send_too_long(&trace, TRACE_START);
	trace_pcap(&trace, cw, SF_LINK_ETHERNET, 0);
}

const struct capture captures_nested[] = {
	{ "tunnel-nested.pcap", tunnel_nested },
	{ "tunnel-overlap.pcap", tunnel_overlap },
	{ "tunnel-not.pcap", tunnel_not },
	{ "tunnel-ipsec.pcap", tunnel_ipsec },
	{ NULL },
};
