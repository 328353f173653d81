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

/* -------------------------------------------------------------------- point to point */

#define LINK(name, ...)                                                                            \
	static void name(struct pb *pb, const struct talk *talk, enum talk_end from)               \
	{                                                                                          \
		(void)talk;                                                                        \
		(void)from;                                                                        \
		__VA_ARGS__;                                                                       \
	}
#define LITERAL(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

LINK(ppp_framed, pb_ppp(pb))
LINK(ppp_compressed, pb_bytes(pb, is_v6(talk) ? "\x57" : "\x21", 1))
LINK(ppp_mpls, pb_ppp(pb); pb_mpls(pb, 1000, 0, true, 62))
LINK(hdlc, pb_link(pb, LITERAL(0x0f, 0, 0, 0)))
LINK(relay, pb_link_nlpid(pb, LITERAL(0x18, 0x41, 3, 0)))
LINK(relay_snap, pb_link(pb, LITERAL(0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 0, 0)))
LINK(relay_cisco, pb_link(pb, LITERAL(0x18, 0x41, 0, 0)))
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

const struct capture captures_link[] = {
	{ "vlan.pcap", vlan },
	{ "vlan-stacks.pcap", vlan_stacks },
	{ "mpls.pcap", mpls },
	{ "pppoe.pcap", pppoe },
	{ "llc.pcap", llc },
	{ "ppp.pcap", ppp },
	{ "cisco-hdlc.pcap", cisco_hdlc },
	{ "frame-relay.pcap", frame_relay },
	{ "raw.pcap", raw },
	{ "null.pcap", null },
	{ "loop.pcap", loop },
	{ "linux-sll.pcap", linux_sll },
	{ "linux-sll2.pcap", linux_sll2 },
	{ "fddi.pcap", fddi },
	{ "nflog.pcap", nflog },
	{ "wlan.pcap", wlan },
	{ "radiotap.pcap", radiotap },
	{ NULL, NULL },
};
