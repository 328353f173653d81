/* SPDX-License-Identifier: BSD-2-Clause */
/* Captures of each link layer: the same short exchange over IPv4 and IPv6 below it. */
#include <stddef.h>
#include <string.h>

#include <spanflow/packet.h>

#include "base/wire.h"
#include "captures.h"
#include "trace.h"

typedef void (*link_writer)(struct pb *pb, const struct talk *talk, enum talk_end from);

static bool is_v6(const struct talk *talk)
{
	return strchr(talk->address[CLIENT], ':');
}

/* Two queries and their answers, over both IP versions. */
static void exchange(struct trace *trace, link_writer link, int64_t time, uint16_t port)
{
	static const char *const addresses[2][2] = {
		{ "192.0.2.10", "198.51.100.53" },
		{ "2001:db8:1::10", "2001:db8:2::53" },
	};

	for (uint16_t v6 = 0; v6 < 2; v6++) {
		struct talk talk = {
			.trace = trace,
			.link = link,
			.address = { addresses[v6][0], addresses[v6][1] },
			.port = { port, 53 },
			.time = time + v6 * 5 * MS,
		};

		talk_dns(&talk, "www.example.net", port);
		talk_dns(&talk, "ftp.example.net", port + 1);
	}
}

static void write_link(struct cw *cw, uint16_t link_type, link_writer link)
{
	struct trace trace = { 0 };

	exchange(&trace, link, TRACE_START, 50000);
	trace_pcap(&trace, cw, link_type, 0);
}

/* One exchange for each of `links`, a second apart. */
static void write_links(struct cw *cw, uint16_t link_type, const link_writer *links, size_t count)
{
	struct trace trace = { 0 };

	for (size_t i = 0; i < count; i++)
		exchange(&trace, links[i], TRACE_START + (int64_t)i * SECOND,
			(uint16_t)(50000 + 10 * i));
	trace_pcap(&trace, cw, link_type, 0);
}

#define WRITE_LINKS(cw, link_type, links)                                                          \
	write_links(cw, link_type, links, sizeof(links) / sizeof(links[0]))

#define LITERAL(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

/* ---------------------------------------------------------------- Ethernet and on it */

static void stations(struct pb *pb, enum talk_end from)
{
	pb_ethernet(pb, from == CLIENT ? 1 : 2, from == CLIENT ? 2 : 1);
}

#define ETHERNET_LINK(name, ...)                                                                   \
	static void name(struct pb *pb, const struct talk *talk, enum talk_end from)               \
	{                                                                                          \
		(void)talk;                                                                        \
		stations(pb, from);                                                                \
		__VA_ARGS__;                                                                       \
	}

ETHERNET_LINK(untagged, (void)0)
ETHERNET_LINK(tag_7, pb_vlan(pb, 0x8100, 7))
ETHERNET_LINK(tag_8_priority_5, pb_vlan(pb, 0x8100, 5 << 13 | 8))
ETHERNET_LINK(priority_tag, pb_vlan(pb, 0x8100, 3 << 13))
ETHERNET_LINK(service_tag, pb_vlan(pb, 0x88a8, 100))
ETHERNET_LINK(qinq, pb_vlan(pb, 0x88a8, 100); pb_vlan(pb, 0x8100, 7))
ETHERNET_LINK(qinq_9100, pb_vlan(pb, 0x9100, 200); pb_vlan(pb, 0x8100, 7))
ETHERNET_LINK(qinq_8100, pb_vlan(pb, 0x8100, 300); pb_vlan(pb, 0x8100, 7))
ETHERNET_LINK(three_tags, pb_vlan(pb, 0x9200, 1); pb_vlan(pb, 0x88a8, 2); pb_vlan(pb, 0x8100, 3))

static void vlan(struct cw *cw)
{
	static const link_writer links[] = { untagged, tag_7, tag_8_priority_5, priority_tag };

	WRITE_LINKS(cw, SF_LINK_ETHERNET, links);
}

static void vlan_stacks(struct cw *cw)
{
	static const link_writer links[] = { service_tag, qinq, qinq_9100, qinq_8100, three_tags };

	WRITE_LINKS(cw, SF_LINK_ETHERNET, links);
}

ETHERNET_LINK(one_label, pb_mpls(pb, 1000, 5, true, 62))
ETHERNET_LINK(two_labels, pb_mpls(pb, 2000, 0, false, 62); pb_mpls(pb, 16, 0, true, 62))
ETHERNET_LINK(pseudowire, pb_mpls(pb, 3000, 0, true, 62); pb_ethernet(pb, 0x11, 0x12))
ETHERNET_LINK(pseudowire_control_word, pb_mpls(pb, 4000, 0, true, 62); pb_be32(pb, 1);
	      pb_ethernet(pb, 0x11, 0x12); pb_vlan(pb, 0x8100, 9))

static void mpls(struct cw *cw)
{
	static const link_writer links[] = { one_label, two_labels, pseudowire,
		pseudowire_control_word };

	WRITE_LINKS(cw, SF_LINK_ETHERNET, links);
}

ETHERNET_LINK(pppoe_session, pb_pppoe(pb, 77))
ETHERNET_LINK(pppoe_tagged, pb_vlan(pb, 0x8100, 7); pb_pppoe(pb, 78))

static void pppoe(struct cw *cw)
{
	static const link_writer links[] = { pppoe_session, pppoe_tagged };

	WRITE_LINKS(cw, SF_LINK_ETHERNET, links);
}

ETHERNET_LINK(snap, pb_llc_snap(pb))
ETHERNET_LINK(snap_tagged, pb_vlan(pb, 0x8100, 7); pb_llc_snap(pb))
ETHERNET_LINK(bridged, pb_llc_bridged(pb); pb_ethernet(pb, 0x11, 0x12))
ETHERNET_LINK(transparent_bridging, pb_ethernet(pb, 0x11, 0x12))

static void llc(struct cw *cw)
{
	static const link_writer links[] = { snap, snap_tagged, bridged, transparent_bridging };

	WRITE_LINKS(cw, SF_LINK_ETHERNET, links);
}

/* ------------------------------------------------------ what switches put before IP */

ETHERNET_LINK(security_group, pb_shim(pb, 0x8909, LITERAL(1, 1, 0, 1, 0, 9)))
ETHERNET_LINK(vn_tag, pb_shim(pb, 0x8926, LITERAL(0x80, 1, 0, 2)); pb_vlan(pb, 0x8100, 7))
ETHERNET_LINK(e_tag, pb_vlan(pb, 0x88a8, 100); pb_shim(pb, 0x893f, LITERAL(0, 1, 0, 2, 0, 0)))
ETHERNET_LINK(cisco_ttag, pb_shim(pb, 0x8988, LITERAL(1, 2, 3, 4, 5, 6)))
ETHERNET_LINK(hsr_tag, pb_shim(pb, 0x892f, LITERAL(0x10, 0x40, 0, 1)))
ETHERNET_LINK(redundancy_tag, pb_shim(pb, 0xf1c1, LITERAL(0, 0, 0, 1)))
ETHERNET_LINK(arista_64, pb_shim(pb, 0xd28b, LITERAL(0, 1, 0, 0x10, 1, 2, 3, 4, 5, 6, 7, 8)))
ETHERNET_LINK(arista_48, pb_shim(pb, 0xd28b, LITERAL(0, 1, 1, 0x20, 1, 2, 3, 4, 5, 6)))
ETHERNET_LINK(realtek_4, pb_shim(pb, 0x8899, LITERAL(0xa0, 1)))
ETHERNET_LINK(realtek_8, pb_shim(pb, 0x8899, LITERAL(4, 0, 0, 0, 0, 1)))
ETHERNET_LINK(edsa, pb_shim(pb, 0xdada, LITERAL(0, 0, 0xe0, 0x08, 0, 7)))
ETHERNET_LINK(tags_of_all_kinds, pb_vlan(pb, 0x8100, 7);
	      pb_shim(pb, 0x8909, LITERAL(1, 1, 0, 1, 0, 9)); pb_vlan(pb, 0x8100, 8);
	      pb_shim(pb, 0x8988, LITERAL(1, 2, 3, 4, 5, 6)); pb_mpls(pb, 1000, 0, true, 62))
ETHERNET_LINK(backbone_service, pb_shim_frame(pb, 0x88e7, LITERAL(0, 0, 0x12, 0x34));
	      pb_ethernet(pb, 0x11, 0x12))
ETHERNET_LINK(fabric_path, pb_shim_frame(pb, 0x8903, LITERAL(0, 0x60)); pb_ethernet(pb, 0x11, 0x12))
ETHERNET_LINK(trill, pb_shim_frame(pb, 0x22f3, LITERAL(0, 0x45, 0, 1, 0, 2, 0, 0, 0, 0));
	      pb_ethernet(pb, 0x11, 0x12))
ETHERNET_LINK(service_header, pb_shim_frame(pb, 0x894f, LITERAL(0x0f, 0xc2, 2, 3, 0, 0, 0x20, 1));
	      pb_ethernet(pb, 0x11, 0x12))

static void switch_tags(struct cw *cw)
{
	static const link_writer links[] = { security_group, vn_tag, e_tag, cisco_ttag, hsr_tag,
		redundancy_tag, arista_64, arista_48, realtek_4, realtek_8, edsa, tags_of_all_kinds,
		backbone_service, fabric_path, trill, service_header };

	WRITE_LINKS(cw, SF_LINK_ETHERNET, links);
}

ETHERNET_LINK(macsec, pb_shim(pb, 0x88e5, LITERAL(0x00, 0, 0, 0, 0, 1)))
ETHERNET_LINK(
	macsec_channel, pb_shim(pb, 0x88e5, LITERAL(0x20, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0, 1)))
ETHERNET_LINK(
	macsec_encrypted, pb_shim(pb, 0x88e5, LITERAL(0x2c, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0, 1)))

/* Integrity without encryption, without and with the channel; and encryption. */
static void macsec_frames(struct cw *cw)
{
	static const link_writer links[] = { macsec, macsec_channel, macsec_encrypted };

	WRITE_LINKS(cw, SF_LINK_ETHERNET, links);
}

/* The header of 26 octets, VLAN 20; its length is not read. */
static void isl_header(struct pb *pb)
{
	pb_bytes(pb, LITERAL(1, 0, 0x0c, 0, 0, 0, 2, 0, 0, 0, 0, 9, 0, 100, 0xaa, 0xaa, 3, 2, 0, 0,
			     0, 20 << 1, 0, 1, 0, 0));
}

static void isl_frame(struct pb *pb, const struct talk *talk, enum talk_end from)
{
	(void)talk;
	isl_header(pb);
	stations(pb, from);
}

static void isl_frame_tagged(struct pb *pb, const struct talk *talk, enum talk_end from)
{
	isl_frame(pb, talk, from);
	pb_vlan(pb, 0x8100, 7);
}

static void isl(struct cw *cw)
{
	static const link_writer links[] = { isl_frame, isl_frame_tagged };

	WRITE_LINKS(cw, SF_LINK_ETHERNET, links);
}

/* A switch's tag behind the addresses. */
static void switch_tag(struct pb *pb, enum talk_end from, const void *bytes, size_t length)
{
	pb_mac(pb, from == CLIENT ? 2 : 1);
	pb_mac(pb, from == CLIENT ? 1 : 2);
	pb_link(pb, bytes, length);
}

#define SWITCH_TAG(name, ...)                                                                      \
	static void name(struct pb *pb, const struct talk *talk, enum talk_end from)               \
	{                                                                                          \
		(void)talk;                                                                        \
		switch_tag(pb, from, LITERAL(__VA_ARGS__));                                        \
	}

SWITCH_TAG(dsa_untagged, 0xc0, 0x08, 0, 7, 0, 0)
SWITCH_TAG(dsa_tagged, 0xe0, 0x08, 0, 7, 0, 0)
SWITCH_TAG(edsa_tagged, 0xda, 0xda, 0, 0, 0xe0, 0x08, 0, 7, 0, 0)
SWITCH_TAG(broadcom, 0x20, 0, 0, 1, 0, 0)

static void broadcom_prepend(struct pb *pb, const struct talk *talk, enum talk_end from)
{
	(void)talk;
	pb_bytes(pb, LITERAL(0x20, 0, 0, 1));
	stations(pb, from);
}

static void dsa(struct cw *cw)
{
	static const link_writer links[] = { dsa_untagged, dsa_tagged };

	WRITE_LINKS(cw, SF_LINK_DSA_TAG_DSA, links);
}

static void dsa_ethertype(struct cw *cw)
{
	write_link(cw, SF_LINK_DSA_TAG_EDSA, edsa_tagged);
}

static void dsa_broadcom(struct cw *cw)
{
	write_link(cw, SF_LINK_DSA_TAG_BRCM, broadcom);
}

static void dsa_broadcom_prepend(struct cw *cw)
{
	write_link(cw, SF_LINK_DSA_TAG_BRCM_PREPEND, broadcom_prepend);
}

/* -------------------------------------------------------------------- point to point */

#define LINK(name, ...)                                                                            \
	static void name(struct pb *pb, const struct talk *talk, enum talk_end from)               \
	{                                                                                          \
		(void)talk;                                                                        \
		(void)from;                                                                        \
		__VA_ARGS__;                                                                       \
	}

LINK(ppp_framed, pb_ppp(pb))
LINK(ppp_compressed, pb_bytes(pb, is_v6(talk) ? "\x57" : "\x21", 1))
LINK(ppp_mpls, pb_ppp(pb); pb_mpls(pb, 1000, 0, true, 62))
LINK(hdlc, pb_link(pb, LITERAL(0x0f, 0, 0, 0)))
LINK(relay, pb_link_nlpid(pb, LITERAL(0x18, 0x41, 3, 0)))
LINK(relay_snap, pb_link(pb, LITERAL(0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 0, 0)))
LINK(relay_cisco, pb_link(pb, LITERAL(0x18, 0x41, 0, 0)))
LINK(relay_multilink, pb_link_nlpid(pb, LITERAL(0xc0, 1, 0x18, 0x41, 3, 0)))
LINK(no_link, (void)pb)
LINK(loopback, pb_bytes(pb, (const uint8_t[]){ is_v6(talk) ? 30 : 2, 0, 0, 0 }, 4))
LINK(loopback_network_order, pb_be32(pb, is_v6(talk) ? 24 : 2))

static void ppp(struct cw *cw)
{
	static const link_writer links[] = { ppp_framed, ppp_compressed, ppp_mpls };

	WRITE_LINKS(cw, SF_LINK_PPP, links);
}

static void cisco_hdlc(struct cw *cw)
{
	write_link(cw, SF_LINK_C_HDLC, hdlc);
}

static void frame_relay(struct cw *cw)
{
	static const link_writer links[] = { relay, relay_snap, relay_cisco };

	WRITE_LINKS(cw, SF_LINK_FRELAY, links);
}

/* Whole frames, and a fragment behind the first one. */
static void frame_relay_multilink(struct cw *cw)
{
	struct trace trace = { 0 };
	static struct pb pb;

	exchange(&trace, relay_multilink, TRACE_START, 50000);
	pb_start(&pb);
	pb_bytes(&pb, LITERAL(0x40, 2, 'r', 'e', 's', 't'));
	trace_add(&trace, TRACE_START + SECOND, &pb);
	trace_pcap(&trace, cw, SF_LINK_MFR, 0);
}

static void raw(struct cw *cw)
{
	write_link(cw, SF_LINK_RAW, no_link);
}

static void null(struct cw *cw)
{
	write_link(cw, SF_LINK_NULL, loopback);
}

static void loop(struct cw *cw)
{
	write_link(cw, SF_LINK_LOOP, loopback_network_order);
}

/* ------------------------------------------------------------------------ Linux, FDDI */

static void cooked(struct pb *pb, const struct talk *talk, enum talk_end from)
{
	uint8_t header[16] = { 0, from == CLIENT ? 4 : 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1 };

	(void)talk;
	pb_link(pb, header, sizeof(header));
}

static void linux_sll(struct cw *cw)
{
	write_link(cw, SF_LINK_LINUX_SLL, cooked);
}

static void cooked2(struct pb *pb, const struct talk *talk, enum talk_end from)
{
	uint8_t header[20] = { 0, 0, 0, 0, 0, 0, 0, 3, 0, 1, from == CLIENT ? 4 : 0, 6, 2, 0, 0, 0,
		0, 1 };

	sf_store_be16(header, is_v6(talk) ? 0x86dd : 0x0800);
	pb_bytes(pb, header, sizeof(header));
}

static void linux_sll2(struct cw *cw)
{
	write_link(cw, SF_LINK_LINUX_SLL2, cooked2);
}

static void fddi_frame(struct pb *pb, const struct talk *talk, enum talk_end from)
{
	(void)talk;
	pb_bytes(pb, "\x50", 1);
	pb_mac(pb, from == CLIENT ? 2 : 1);
	pb_mac(pb, from == CLIENT ? 1 : 2);
	pb_llc_snap(pb);
}

static void fddi(struct cw *cw)
{
	write_link(cw, SF_LINK_FDDI, fddi_frame);
}

/* As FreeBSD writes it: 61 octets and three of padding. */
static void pflog_header(struct pb *pb, const struct talk *talk, enum talk_end from)
{
	uint8_t header[64] = { 61, is_v6(talk) ? 28 : 2, 0, 0, 'e', 'm', '0' };

	header[60] = from == CLIENT ? 1 : 2;
	pb_bytes(pb, header, sizeof(header));
}

static void pflog(struct cw *cw)
{
	write_link(cw, SF_LINK_PFLOG, pflog_header);
}

/*
 * Items in the little-endian order of the machine: packet header, prefix, then the payload, whose
 * length is known at the end only. So the packets are built without and wrapped afterwards.
 */
static void nflog(struct cw *cw)
{
	static const uint8_t prefix[] = { 6, 0, 10, 0, 'i', 0, 0, 0 };
	struct trace inner = { 0 }, trace = { 0 };
	static struct pb pb;

	exchange(&inner, no_link, TRACE_START, 50000);
	for (uint32_t i = 0; i < inner.count; i++) {
		const struct trace_packet *packet = &inner.packets[i];
		uint32_t length = packet->captured + 4;
		bool v6 = packet->data[0] >> 4 == 6;

		pb_start(&pb);
		pb_bytes(&pb, LITERAL(v6 ? 10 : 2, 0, 0, 5));
		pb_bytes(&pb, LITERAL(8, 0, 1, 0));
		pb_be16(&pb, v6 ? 0x86dd : 0x0800);
		pb_be16(&pb, 1 << 8);
		pb_bytes(&pb, prefix, sizeof(prefix));
		pb_bytes(&pb, LITERAL((uint8_t)length, (uint8_t)(length >> 8), 9, 0));
		pb_bytes(&pb, packet->data, packet->captured);
		pb_pad(&pb, (pb.length + 3) / 4 * 4);
		trace_add(&trace, packet->time_ns, &pb);
	}
	trace_free(&inner);
	trace_pcap(&trace, cw, SF_LINK_NFLOG, 0);
}

/* --------------------------------------------------------------------------- wireless */

/* To and from an access point (station 9). */
static void data_frame(struct pb *pb, enum talk_end from, bool qos)
{
	bool to_network = from == CLIENT;

	pb_bytes(pb, LITERAL(qos ? 0x88 : 0x08, to_network ? 1 : 2, 0, 0));
	pb_mac(pb, to_network ? 9 : 1);
	pb_mac(pb, to_network ? 1 : 9);
	pb_mac(pb, 2);
	pb_be16(pb, 0x10);
	if (qos)
		pb_be16(pb, 0);
}

LINK(wlan_data, data_frame(pb, from, false); pb_llc_snap(pb))
LINK(wlan_qos, data_frame(pb, from, true); pb_llc_snap(pb))
LINK(wlan_bridge, pb_bytes(pb, LITERAL(0x08, 3, 0, 0)); pb_mac(pb, 8); pb_mac(pb, 9);
	pb_mac(pb, from == CLIENT ? 2 : 1); pb_be16(pb, 0x20); pb_mac(pb, from == CLIENT ? 1 : 2);
	pb_llc_snap(pb))
LINK(radiotap_qos, pb_bytes(pb, LITERAL(0, 0, 8, 0, 0, 0, 0, 0)); data_frame(pb, from, true);
	pb_llc_snap(pb))
/* timestamp and flags, which say that the header is padded to four octets */
LINK(radiotap_padded, pb_bytes(pb, LITERAL(0, 0, 17, 0, 3, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x20));
	data_frame(pb, from, true); pb_be16(pb, 0); pb_llc_snap(pb))

/* Beacon, acknowledgement, null and protected frames. */
static void management(struct trace *trace, const uint8_t *radio, size_t length)
{
	static const uint8_t controls[][2] = { { 0x80, 0 }, { 0xd4, 0 }, { 0x48, 1 },
		{ 0x88, 0x41 } };
	static struct pb pb;

	for (size_t i = 0; i < 4; i++) {
		pb_start(&pb);
		pb_bytes(&pb, radio, length);
		pb_bytes(&pb, controls[i], 2);
		pb_be16(&pb, 0);
		for (uint32_t station = 1; station < 4; station++)
			pb_mac(&pb, station);
		pb_fill(&pb, 24);
		trace_add(trace, TRACE_START + 10 * SECOND + (int64_t)i * MS, &pb);
	}
}

static void wlan(struct cw *cw)
{
	struct trace trace = { 0 };

	exchange(&trace, wlan_data, TRACE_START, 50000);
	exchange(&trace, wlan_qos, TRACE_START + SECOND, 50010);
	exchange(&trace, wlan_bridge, TRACE_START + 2 * SECOND, 50020);
	management(&trace, NULL, 0);
	trace_pcap(&trace, cw, SF_LINK_IEEE802_11, 0);
}

static void radiotap(struct cw *cw)
{
	struct trace trace = { 0 };

	exchange(&trace, radiotap_qos, TRACE_START, 50000);
	exchange(&trace, radiotap_padded, TRACE_START + SECOND, 50010);
	management(&trace, LITERAL(0, 0, 8, 0, 0, 0, 0, 0));
	trace_pcap(&trace, cw, SF_LINK_IEEE802_11_RADIOTAP, 0);
}

LINK(ppi_qos, pb_bytes(pb, LITERAL(0, 0, 8, 0, 105, 0, 0, 0)); data_frame(pb, from, true);
	pb_llc_snap(pb))
LINK(ppi_fields, pb_bytes(pb, LITERAL(0, 0, 16, 0, 105, 0, 0, 0, 0x30, 0x75, 4, 0, 1, 2, 3, 4));
	data_frame(pb, from, false); pb_llc_snap(pb))
LINK(ppi_ethernet, pb_bytes(pb, LITERAL(0, 0, 8, 0, 1, 0, 0, 0)); stations(pb, from))

static void ppi(struct cw *cw)
{
	static const link_writer links[] = { ppi_qos, ppi_fields, ppi_ethernet };

	WRITE_LINKS(cw, SF_LINK_PPI, links);
}

const struct capture captures_link[] = {
	{ "vlan.pcap", vlan },
	{ "vlan-stacks.pcap", vlan_stacks },
	{ "mpls.pcap", mpls },
	{ "pppoe.pcap", pppoe },
	{ "llc.pcap", llc },
	{ "switch-tags.pcap", switch_tags },
	{ "isl.pcap", isl },
	{ "macsec.pcap", macsec_frames },
	{ "dsa.pcap", dsa },
	{ "dsa-ethertype.pcap", dsa_ethertype },
	{ "dsa-broadcom.pcap", dsa_broadcom },
	{ "dsa-broadcom-prepend.pcap", dsa_broadcom_prepend },
	{ "ppp.pcap", ppp },
	{ "cisco-hdlc.pcap", cisco_hdlc },
	{ "frame-relay.pcap", frame_relay },
	{ "frame-relay-multilink.pcap", frame_relay_multilink },
	{ "raw.pcap", raw },
	{ "null.pcap", null },
	{ "loop.pcap", loop },
	{ "linux-sll.pcap", linux_sll },
	{ "linux-sll2.pcap", linux_sll2 },
	{ "fddi.pcap", fddi },
	{ "nflog.pcap", nflog },
	{ "pflog.pcap", pflog },
	{ "wlan.pcap", wlan },
	{ "radiotap.pcap", radiotap },
	{ "ppi.pcap", ppi },
	{ NULL, NULL },
};
