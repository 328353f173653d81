/* SPDX-License-Identifier: BSD-2-Clause */
/* Captures of tunnels in tunnels, of the same addresses in several of them, and of what only looks like one. */
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

/* ----------------------------------------------------------------------------- files */

static void tunnel_nested(struct cw *cw)
{
	struct trace trace = { 0 };

	SEND(&trace, 53500, { nested_ip_gre, BOTH }, { nested_gre_vxlan, BOTH },
		{ nested_vxlan_gtp, BOTH }, { nested_vxlan_pppoe, BOTH },
		{ nested_erspan_vxlan, BOTH }, { nested_erspan_mpls_gre, BOTH },
		{ nested_ah_gre, BOTH }, { nested_6in4_vxlan, BOTH }, { nested_l2tp_gre, BOTH },
		{ nested_8, ONLY4 }, { nested_10, ONLY4 });
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
	{ NULL },
};
