/* SPDX-License-Identifier: BSD-2-Clause */
/* The parser from the first byte of a frame to the IP header. */
#include "parse_link_support.h"

START_TEST(ethernet_reports_addresses_as_sent)
{
	static const uint8_t source[] = { 0x02, 0, 0, 0, 0, 0x51 };
	static const uint8_t destination[] = { 0x02, 0, 0, 0, 0, 0xd1 };

	PARSE(SF_LINK_ETHERNET, ETH4, UDP4);
	check_udp_at(4, 14, MAC_FLAG);
	ck_assert_mem_eq(facts.src_mac, source, 6);
	ck_assert_mem_eq(facts.dst_mac, destination, 6);
	PARSE(SF_LINK_ETHERNET, ETH(0x86, 0xdd), UDP6);
	check_udp_at(6, 14, MAC_FLAG);
}
END_TEST

/* Trust the IP length, padding to the minimum frame is not IP. */
START_TEST(ethernet_padding_is_not_counted)
{
	PARSE(SF_LINK_ETHERNET, ETH4, UDP4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	check_udp_at(4, 14, MAC_FLAG);
}
END_TEST

START_TEST(ethernet_without_ip)
{
	REFUSED(nonIp, SF_LINK_ETHERNET, ETH(0x08, 0x06), 0, 1, 8, 0, 6, 4, 0, 1);
	REFUSED(nonIp, SF_LINK_ETHERNET, ETH(0x88, 0xcc), 2, 7, 4);
	/* 1501 … 1535 are neither a length nor an ethertype */
	REFUSED(nonIp, SF_LINK_ETHERNET, ETH(0x05, 0xdd), 0xaa, 0xaa, 3, 0, 0, 0, 8, 0, UDP4);
	REFUSED(nonIp, SF_LINK_ETHERNET, ETH(0x88, 0x63), 0x11, 9, 0, 0, 0, 0);
	REFUSED(truncated, SF_LINK_ETHERNET, MACS, 0x08);
	REFUSED(truncated, SF_LINK_ETHERNET, ETH4);
}
END_TEST

/* IEEE 802.1Q §9: one tag of any of the tag types is the outer VLAN. */
START_TEST(vlan_tag_types)
{
	static const uint16_t types[] = { 0x8100, 0x88a8, 0x9100, 0x9200, 0x9300 };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		uint8_t high = (uint8_t)(types[i] >> 8), low = (uint8_t)types[i];

		/* priority 7 and drop eligible are not part of the id */
		PARSE(SF_LINK_ETHERNET, MACS, high, low, 0xf1, 0x23, 8, 0, UDP4);
		check_udp_at(4, 18, MAC_FLAG | SF_FACT_VLAN);
		ck_assert_uint_eq(facts.tags, 0x123u << 20);
	}
}
END_TEST

START_TEST(vlan_stack_keeps_the_two_outermost)
{
	PARSE(SF_LINK_ETHERNET, ETH(0x88, 0xa8), 0, 100, 0x81, 0, 0, 7, 0x86, 0xdd, UDP6);
	check_udp_at(6, 22, MAC_FLAG | SF_FACT_VLAN);
	ck_assert_uint_eq(facts.tags, 100u << 20 | 7u << 8);
	PARSE(SF_LINK_ETHERNET, ETH(0x91, 0), 0, 1, 0x91, 0, 0, 2, 0x81, 0, 0, 3, 8, 0, UDP4);
	check_udp_at(4, 26, MAC_FLAG | SF_FACT_VLAN);
	ck_assert_uint_eq(facts.tags, 1u << 20 | 2u << 8);
}
END_TEST

/* IEEE 802.1Q table 9-2: VLAN id 0 carries priority only. */
START_TEST(vlan_priority_tag_names_no_vlan)
{
	PARSE(SF_LINK_ETHERNET, ETH(0x81, 0), 0xe0, 0, 8, 0, UDP4);
	check_udp_at(4, 18, MAC_FLAG);
	ck_assert_uint_eq(facts.tags, 0);
	PARSE(SF_LINK_ETHERNET, ETH(0x81, 0), 0xe0, 0, 0x81, 0, 0, 5, 8, 0, UDP4);
	check_udp_at(4, 22, MAC_FLAG | SF_FACT_VLAN);
	ck_assert_uint_eq(facts.tags, 5u << 20);
}
END_TEST

/* Live capture may deliver the outer tag beside the bytes. */
START_TEST(vlan_out_of_band_tag_is_the_outer_one)
{
	struct sf_packet packet = { BYTES(ETH(0x81, 0), 0, 7, 8, 0, UDP4), .link = SF_LINK_ETHERNET,
		.time_ns = 77, .flags = SF_PACKET_VLAN | SF_PACKET_VLAN_AD, .vlan_tci = 0x6064 };

	parse_packet(packet);
	check_udp_at(4, 18, MAC_FLAG | SF_FACT_VLAN);
	ck_assert_uint_eq(facts.tags, 100u << 20 | 7u << 8);
}
END_TEST

START_TEST(vlan_stack_is_bounded)
{
	uint8_t frame[14 + 4 * 300] = { 0 };
	struct sf_packet packet = {
		.data = frame, .captured = sizeof(frame), .wire = sizeof(frame), .link = 1
	};

	for (size_t at = 12; at < sizeof(frame) - 2; at += 4)
		memcpy(frame + at, (const uint8_t[]){ 0x81, 0, 0, 1 }, 4);
	parse_packet(packet);
	ck_assert_int_eq(result, SF_IGNORED_nonIp);
}
END_TEST

/* One bound for both readings of a pseudowire: each tag here is a tag in either reading. */
START_TEST(vlan_stack_of_a_pseudowire_is_bounded)
{
	static const uint8_t ip[] = { 0x08, 0, UDP4 };
	uint8_t frame[16 + 4 * 300 + sizeof(ip)] = { 0, 1, 1, 64 };
	struct sf_packet packet = { .data = frame,
		.captured = sizeof(frame),
		.wire = sizeof(frame),
		.link = SF_LINK_MPLS };

	for (size_t at = 16; at < sizeof(frame) - sizeof(ip); at += 4)
		memcpy(frame + at, (const uint8_t[]){ 0x81, 0, 0, 1 }, 4);
	memcpy(frame + sizeof(frame) - sizeof(ip), ip, sizeof(ip));
	parse_packet(packet);
	ck_assert_int_eq(result, SF_IGNORED_nonIp);
}
END_TEST

/* IEEE 802.3: a length of up to 1500 in the type field means 802.2 follows (RFC 1042). */
START_TEST(llc_snap)
{
	PARSE(SF_LINK_ETHERNET, ETH(0, 36), 0xaa, 0xaa, 3, 0, 0, 0, 8, 0, UDP4);
	check_udp_at(4, 22, MAC_FLAG);
	/* bridge tunnel encapsulation; longest length */
	PARSE(SF_LINK_ETHERNET, ETH(5, 0xdc), 0xaa, 0xaa, 3, 0, 0, 0xf8, 0x86, 0xdd, UDP6);
	check_udp_at(6, 22, MAC_FLAG);
	/* tagged */
	PARSE(SF_LINK_ETHERNET, ETH(0x81, 0), 0, 9, 0, 36, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0, UDP4);
	check_udp_at(4, 26, MAC_FLAG | SF_FACT_VLAN);
	/* a SAP of its own */
	PARSE(SF_LINK_ETHERNET, ETH(0, 31), 6, 6, 3, UDP4);
	check_udp_at(4, 17, MAC_FLAG);
	/* jumbo LLC */
	PARSE(SF_LINK_ETHERNET, ETH(0x88, 0x70), 0xaa, 0xaa, 3, 0, 0, 0, 8, 0, UDP4);
	check_udp_at(4, 22, MAC_FLAG);
	REFUSED(nonIp, SF_LINK_ETHERNET, ETH(0, 38), 0x42, 0x42, 3, 0, 0, 0);
	REFUSED(nonIp, SF_LINK_ETHERNET, ETH(0, 3), 0x42, 0x42, 3);
	REFUSED(truncated, SF_LINK_ETHERNET, ETH(0, 3), 0x42, 0x42);
	REFUSED(nonIp, SF_LINK_ETHERNET, ETH(0, 36), 0xaa, 0xaa, 3, 0, 0, 0x0c, 1, 0xb, 0, 0);
	REFUSED(truncated, SF_LINK_ETHERNET, ETH(0, 36), 0xaa, 0xaa, 3, 0, 0, 0, 8);
}
END_TEST

/* RFC 2684 §5.2: bridged Ethernet, two octets of padding before the inner frame. */
START_TEST(llc_snap_bridged)
{
	static const uint8_t source[] = { 0x02, 0, 0, 0, 0, 0x51 };

	PARSE(SF_LINK_ETHERNET, ETH(0, 52), 0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 7, 0, 0, 4, 0, 0, 0, 0,
		1, 4, 0, 0, 0, 0, 2, 8, 0, UDP4);
	check_udp_at(4, 38, MAC_FLAG);
	ck_assert_mem_eq(facts.src_mac, source, 6);
	REFUSED(nonIp, SF_LINK_ETHERNET, ETH(0, 52), 0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 14, 0, 0);
}
END_TEST

START_TEST(transparent_ethernet_bridging)
{
	PARSE(SF_LINK_ETHERNET, ETH(0x65, 0x58), ETH4, UDP4);
	check_udp_at(4, 28, MAC_FLAG);
}
END_TEST

/* RFC 3032 §2.1: label 20 bits, traffic class 3, bottom of stack 1, TTL 8. */
START_TEST(mpls_reports_the_top_entry)
{
	PARSE(SF_LINK_ETHERNET, ETH(0x88, 0x47), 0x12, 0x34, 0x5b, 64, UDP4);
	check_udp_at(4, 18, MAC_FLAG | SF_FACT_MPLS);
	ck_assert_uint_eq(facts.mpls, 0x12345b);
	PARSE(SF_LINK_ETHERNET, ETH(0x88, 0x48), 0, 1, 0, 64, 0, 0x02, 0x01, 63, UDP6);
	check_udp_at(6, 22, MAC_FLAG | SF_FACT_MPLS);
	ck_assert_uint_eq(facts.mpls, 0x000100);
	PARSE(SF_LINK_MPLS, 0, 1, 1, 64, UDP4);
	check_udp_at(4, 4, SF_FACT_MPLS);
	REFUSED(truncated, SF_LINK_MPLS, 0, 1, 0, 64, 0, 1, 1);
	REFUSED(truncated, SF_LINK_MPLS, 0, 1, 1, 64);
}
END_TEST

/* RFC 4448 §4.6 and RFC 4385 §3: pseudowire without and with a control word. */
START_TEST(mpls_pseudowire)
{
	static const uint8_t inner[] = { 0x02, 0, 0, 0, 0, 0x51 };

	PARSE(SF_LINK_MPLS, 0, 1, 1, 64, 0x90, 0, 0, 0, 0, 0xd1, 2, 0, 0, 0, 0, 0x51, 8, 0, UDP4);
	check_udp_at(4, 18, SF_FACT_MPLS | MAC_FLAG);
	PARSE(SF_LINK_MPLS, 0, 1, 1, 64, 0, 0, 0, 1, ETH4, UDP4);
	check_udp_at(4, 22, SF_FACT_MPLS | MAC_FLAG);
	ck_assert_mem_eq(facts.src_mac, inner, 6);
	/* an address that begins like a control word */
	PARSE(SF_LINK_MPLS, 0, 1, 1, 64, ETH4, UDP4);
	check_udp_at(4, 18, SF_FACT_MPLS | MAC_FLAG);
	ck_assert_mem_eq(facts.src_mac, inner, 6);
	/* customer tag within the provider's one */
	PARSE(SF_LINK_ETHERNET, ETH(0x81, 0), 0, 10, 0x88, 0x47, 0, 1, 1, 64, 0, 0, 0, 0,
		ETH(0x81, 0), 0, 20, 8, 0, UDP4);
	check_udp_at(4, 44, SF_FACT_MPLS | MAC_FLAG | SF_FACT_VLAN);
	ck_assert_uint_eq(facts.tags, 10u << 20 | 20u << 8);
	/* neither reading finds IP: the first one's reason */
	REFUSED(nonIp, SF_LINK_MPLS, 0, 1, 1, 64, 0, 0, 0, 0, ETH(0x08, 0x06), 0, 1, 8, 0);
}
END_TEST

/* 192.0.2.1 → 192.0.2.2, 28 octets, with the right checksum */
#define IPV4_SUMMED                                                                                \
	0x45, 0xb8, 0, 28, 0x12, 0x34, 0, 0, 64, 17, 0xe3, 0xe1, 192, 0, 2, 1, 192, 0, 2, 2,       \
		UDP_HEADER

static void check_pseudowire(const uint8_t *frame, uint32_t captured, uint32_t wire)
{
	parse_packet((struct sf_packet){ .data = frame,
		.captured = captured,
		.wire = wire,
		.link = SF_LINK_MPLS,
		.time_ns = 77 });
}

/* Any address of the customer, with and without tag, whole and cut behind the IP header. */
START_TEST(pseudowire_of_any_address)
{
	static const uint8_t rests[][5] = { { 0, 0, 0, 0, 0 }, { 0, 0x5e, 0, 0x53, 1 },
		{ 0, 0, 28, 0x12, 0x34 }, { 0, 0, 60, 0, 0 }, { 0xff, 0xff, 0xff, 0xff, 0xff },
		{ 0xb8, 0, 46, 0, 8 } };
	static uint8_t plain[] = { LABEL, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0x51, 8, 0,
		IPV4_SUMMED },
		       tagged[] = { LABEL, ETH(0x81, 0), 0, 7, 8, 0, IPV4_SUMMED },
		       six[] = { LABEL, ETH(0x86, 0xdd), UDP6 };

	for (unsigned first = 0; first < 256; first++)
		for (size_t i = 0; i < sizeof(rests) / sizeof(rests[0]); i++) {
			plain[4] = tagged[4] = six[4] = (uint8_t)first;
			memcpy(plain + 5, rests[i], 5);
			memcpy(tagged + 5, rests[i], 5);
			memcpy(six + 5, rests[i], 5);
			check_pseudowire(plain, sizeof(plain), sizeof(plain));
			check_udp_at(4, 18, SF_FACT_MPLS | MAC_FLAG);
			check_pseudowire(plain, 18 + 20, sizeof(plain));
			ck_assert_int_eq(result, SF_PARSED);
			ck_assert_uint_eq(facts.l3_offset, 18);
			check_pseudowire(tagged, sizeof(tagged), sizeof(tagged));
			check_udp_at(4, 22, SF_FACT_MPLS | MAC_FLAG | SF_FACT_VLAN);
			check_pseudowire(six, sizeof(six), sizeof(six));
			check_udp_at(6, 18, SF_FACT_MPLS | MAC_FLAG);
		}
}
END_TEST

/* An address as above in front of what is not IP. */
START_TEST(pseudowire_without_ip)
{
	static const uint8_t firsts[] = { 0x02, 0x40, 0x44, 0x45, 0x4f, 0x60, 0x6f, 0xd0 };
	static uint8_t arp[] = { LABEL, ETH(0x08, 0x06), 0, 1, 8, 0, 6, 4, 0, 1, [45] = 0 },
		       llc[] = { LABEL, ETH(0, 38), 0x42, 0x42, 3, [55] = 0 };

	for (size_t i = 0; i < sizeof(firsts); i++) {
		arp[4] = llc[4] = firsts[i];
		check_pseudowire(arp, sizeof(arp), sizeof(arp));
		ck_assert_int_eq(result, SF_IGNORED_nonIp);
		check_pseudowire(llc, sizeof(llc), sizeof(llc));
		ck_assert_int_eq(result, SF_IGNORED_nonIp);
	}
}
END_TEST

static void sum_ipv4(uint8_t *p)
{
	uint32_t sum = 0;

	p[10] = p[11] = 0;
	for (unsigned i = 0; i < 20; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16));
	p[10] = (uint8_t)(sum >> 8);
	p[11] = (uint8_t)sum;
}

static void check_ip_behind_labels(const uint8_t *frame, uint32_t captured, uint32_t wire)
{
	check_pseudowire(frame, captured, wire);
	ck_assert_msg(result == SF_PARSED && facts.l3_offset == 4,
		"%u of %u bytes, type 0x%02x%02x: result %d", captured, wire, frame[16], frame[17],
		result);
}

/* IP behind the labels stays IP, whatever its checksum and addresses. */
START_TEST(ip_behind_labels)
{
	static const uint8_t firsts[] = { 0, 8, 0x88, 0x81, 192 };

	for (unsigned n = 0; n < 5 * 256; n++) {
		uint8_t four[] = { LABEL, IPV4_SUMMED }, six[] = { LABEL, UDP6 };

		/* where a frame has its type */
		four[4 + 12] = six[4 + 12] = firsts[n / 256];
		four[4 + 13] = six[4 + 13] = (uint8_t)n;
		check_ip_behind_labels(four, sizeof(four), sizeof(four)); /* a wrong checksum */
		sum_ipv4(four + 4);
		check_ip_behind_labels(four, sizeof(four), sizeof(four));
		/* cut: by the capture, and by the switch that mirrors it */
		check_ip_behind_labels(four, 24, sizeof(four));
		check_ip_behind_labels(four, 24, 24);
		four[4 + 10] = four[4 + 11] = 0; /* left to checksum offload */
		check_ip_behind_labels(four, sizeof(four), sizeof(four));
		check_ip_behind_labels(six, sizeof(six), sizeof(six));
		check_ip_behind_labels(six, 44, sizeof(six));
	}
}
END_TEST

/* Frame Relay, ATM, PPP and others in a pseudowire are shorter than an Ethernet header may be. */
START_TEST(pseudowire_of_another_kind)
{
	REFUSED(nonIp, SF_LINK_MPLS, LABEL, 0, 0, 0, 0, 0xff, 3, 0xc0, 0x21, 9, 1, 0, 8);
	REFUSED(nonIp, SF_LINK_MPLS, LABEL, 0, 0, 0, 0, 0xff, 3, 0xc0, 0x21, 9, 1, 0, 8, 0, 0, 0,
		0);
	REFUSED(nonIp, SF_LINK_MPLS, LABEL, 0x10, 0, 0, 7);
	REFUSED(nonIp, SF_LINK_MPLS, LABEL, 0xff, 3, 0xc0, 0x21);
	/* cut off it may be anything */
	check_pseudowire((const uint8_t[]){ LABEL, 0, 0, 0, 0, 2, 0, 0, 0 }, 12, 64);
	ck_assert_int_eq(result, SF_IGNORED_truncated);
}
END_TEST

/* RFC 2516 §4 and the protocols of RFC 1332, RFC 5072. */
START_TEST(pppoe_session)
{
	PARSE(SF_LINK_ETHERNET, ETH(0x88, 0x64), 0x11, 0, 0, 1, 0, 30, 0, 0x21, UDP4);
	check_udp_at(4, 22, MAC_FLAG);
	PARSE(SF_LINK_PPP_ETHER, 0x11, 0, 0, 1, 0, 50, 0, 0x57, UDP6);
	check_udp_at(6, 8, 0);
	REFUSED(nonIp, SF_LINK_ETHERNET, ETH(0x88, 0x64), 0x11, 0, 0, 1, 0, 4, 0xc0, 0x21, 1, 1);
	REFUSED(nonIp, SF_LINK_ETHERNET, ETH(0x88, 0x64), 0x21, 0, 0, 1, 0, 30, 0, 0x21, UDP4);
	REFUSED(nonIp, SF_LINK_ETHERNET, ETH(0x88, 0x64), 0x11, 9, 0, 1, 0, 30, 0, 0x21, UDP4);
	REFUSED(truncated, SF_LINK_ETHERNET, ETH(0x88, 0x64), 0x11, 0, 0, 1, 0, 30, 0);
}
END_TEST

/* RFC 1662 §3.1, RFC 1661 §6.5 and 6.6: address, control and half the protocol may be left out. */
START_TEST(ppp_framing)
{
	PARSE(SF_LINK_PPP, 0xff, 3, 0, 0x21, UDP4);
	check_udp_at(4, 4, 0);
	PARSE(SF_LINK_PPP_HDLC, 0xff, 3, 0x21, UDP4);
	check_udp_at(4, 3, 0);
	PARSE(SF_LINK_PPP, 0x57, UDP6);
	check_udp_at(6, 1, 0);
	PARSE(SF_LINK_PPP, 0xff, 3, 2, 0x81, 0, 1, 1, 64, UDP4);
	check_udp_at(4, 8, SF_FACT_MPLS);
	PARSE(SF_LINK_PPP, 0xff, 3, 2, 0x83, 0, 1, 1, 64, UDP4);
	check_udp_at(4, 8, SF_FACT_MPLS);
	/* Cisco framing on a link marked as PPP */
	PARSE(SF_LINK_PPP_HDLC, 0x0f, 0, 8, 0, UDP4);
	check_udp_at(4, 4, 0);
	PARSE(SF_LINK_PPP_WITH_DIR, 1, 0xff, 3, 0, 0x21, UDP4);
	check_udp_at(4, 5, 0);
	PARSE(SF_LINK_PPP_PPPD, 0, 3, 0, 0x21, UDP4);
	check_udp_at(4, 4, 0);
	REFUSED(nonIp, SF_LINK_PPP, 0xff, 3, 0xc0, 0x21, 1, 1, 0, 4);
	REFUSED(truncated, SF_LINK_PPP, 0xff, 3, 0);
	REFUSED(truncated, SF_LINK_PPP, 0xff, 3);
	REFUSED(truncated, SF_LINK_PPP_PPPD, 0);
}
END_TEST

START_TEST(cisco_hdlc)
{
	PARSE(SF_LINK_C_HDLC, 0x0f, 0, 8, 0, UDP4);
	check_udp_at(4, 4, 0);
	PARSE(SF_LINK_C_HDLC, 0x8f, 0, 0x86, 0xdd, UDP6);
	check_udp_at(6, 4, 0);
	PARSE(SF_LINK_C_HDLC, 0x0f, 0, 0x88, 0x47, 0, 1, 1, 64, UDP4);
	check_udp_at(4, 8, SF_FACT_MPLS);
	REFUSED(nonIp, SF_LINK_C_HDLC, 0x8f, 0, 0x80, 0x35, 0, 0, 0, 2);
	REFUSED(truncated, SF_LINK_C_HDLC, 0x0f, 0, 8);
}
END_TEST

/* RFC 2427 §3 … §4.2 */
START_TEST(frame_relay)
{
	PARSE(SF_LINK_FRELAY, 0x18, 0x41, 3, 0xcc, UDP4);
	check_udp_at(4, 4, 0);
	PARSE(SF_LINK_FRELAY, 0x18, 0x41, 3, 0, 0x8e, UDP6); /* with padding */
	check_udp_at(6, 5, 0);
	PARSE(SF_LINK_FRELAY, 0x18, 0x40, 0x40, 0x41, 3, 0xcc, UDP4); /* four octets of address */
	check_udp_at(4, 6, 0);
	PARSE(SF_LINK_FRELAY, 0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 8, 0, UDP4);
	check_udp_at(4, 10, 0);
	PARSE(SF_LINK_FRELAY, 0x18, 0x41, 3, 0, 0x80, 0, 0x80, 0xc2, 0, 7, ETH4, UDP4);
	check_udp_at(4, 24, MAC_FLAG);
	PARSE(SF_LINK_FRELAY, 0x18, 0x41, 8, 0, UDP4); /* Cisco */
	check_udp_at(4, 4, 0);
	REFUSED(nonIp, SF_LINK_FRELAY, 0, 1, 3, 8, 0, 0x75, 1, 1);
	REFUSED(truncated, SF_LINK_FRELAY, 0x18, 0x41, 3, 0);
	REFUSED(truncated, SF_LINK_FRELAY, 0x18);
}
END_TEST

/* The captures of each operating system know AF_INET6 by another number, in their own order. */
START_TEST(null_and_loop)
{
	static const uint8_t families[] = { 10, 23, 24, 28, 30 };

	PARSE(SF_LINK_NULL, 2, 0, 0, 0, UDP4);
	check_udp_at(4, 4, 0);
	PARSE(SF_LINK_NULL, 0, 0, 0, 2, UDP4);
	check_udp_at(4, 4, 0);
	PARSE(SF_LINK_LOOP, 0, 0, 0, 2, UDP4);
	check_udp_at(4, 4, 0);
	for (size_t i = 0; i < sizeof(families); i++) {
		PARSE(SF_LINK_NULL, families[i], 0, 0, 0, UDP6);
		check_udp_at(6, 4, 0);
		PARSE(SF_LINK_LOOP, 0, 0, 0, families[i], UDP6);
		check_udp_at(6, 4, 0);
	}
	REFUSED(nonIp, SF_LINK_NULL, 7, 0, 0, 0, 1, 2, 3, 4);
	REFUSED(malformed, SF_LINK_NULL, 2, 0, 0, 0, UDP6);
	REFUSED(truncated, SF_LINK_NULL, 2, 0, 0);
}
END_TEST

START_TEST(raw_by_version_nibble)
{
	static const uint16_t links[] = { 12, 14, 101 };

	for (size_t i = 0; i < 3; i++) {
		PARSE(links[i], UDP4);
		check_udp_at(4, 0, 0);
		PARSE(links[i], UDP6);
		check_udp_at(6, 0, 0);
	}
	PARSE(SF_LINK_IPV4, UDP4);
	check_udp_at(4, 0, 0);
	PARSE(SF_LINK_IPV6, UDP6);
	check_udp_at(6, 0, 0);
	REFUSED(malformed, SF_LINK_IPV4, UDP6);
	REFUSED(malformed, SF_LINK_IPV6, UDP4);
	REFUSED(malformed, SF_LINK_RAW, 0x50, UDP4);
}
END_TEST

START_TEST(linux_cooked)
{
#define SLL 0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 0x51, 0, 0
	PARSE(SF_LINK_LINUX_SLL, SLL, 8, 0, UDP4);
	check_udp_at(4, 16, 0);
	PARSE(SF_LINK_LINUX_SLL, SLL, 0x81, 0, 0, 5, 0x86, 0xdd, UDP6);
	check_udp_at(6, 20, SF_FACT_VLAN);
	PARSE(SF_LINK_LINUX_SLL, SLL, 0, 4, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0, UDP4);
	check_udp_at(4, 24, 0);
	REFUSED(nonIp, SF_LINK_LINUX_SLL, SLL, 0, 1, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0, UDP4);
	REFUSED(truncated, SF_LINK_LINUX_SLL, SLL, 8);
#define SLL2 0, 0, 0, 0, 0, 2, 0, 1, 4, 6, 2, 0, 0, 0, 0, 0x51, 0, 0
	PARSE(SF_LINK_LINUX_SLL2, 8, 0, SLL2, UDP4);
	check_udp_at(4, 20, 0);
	PARSE(SF_LINK_LINUX_SLL2, 0x86, 0xdd, SLL2, UDP6);
	check_udp_at(6, 20, 0);
	REFUSED(nonIp, SF_LINK_LINUX_SLL2, 8, 6, SLL2, 0, 1);
	REFUSED(truncated, SF_LINK_LINUX_SLL2, 8, 0, 0, 0);
}
END_TEST

START_TEST(fddi)
{
	PARSE(SF_LINK_FDDI, 0x50, MACS, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0, UDP4);
	check_udp_at(4, 21, MAC_FLAG);
	PARSE(SF_LINK_FDDI, 0x57, MACS, 0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd, UDP6);
	check_udp_at(6, 21, MAC_FLAG);
	REFUSED(nonIp, SF_LINK_FDDI, 0x41, MACS, 0, 0, 0);
	REFUSED(truncated, SF_LINK_FDDI, 0x50, 1, 2, 3);
}
END_TEST

START_TEST(nflog_items)
{
	/* hook and prefix before the payload; the last item is padded, not the packet */
	PARSE(SF_LINK_NFLOG, 2, 0, 0, 1, 8, 0, 1, 0, 8, 0, 1, 0, 5, 0, 10, 0, 0, 0, 0, 0, 32, 0, 9,
		0, UDP4);
	check_udp_at(4, 24, 0);
	/* from a machine of the other byte order */
	PARSE(SF_LINK_NFLOG, 10, 0, 0, 0, 0, 8, 0, 1, 8, 0, 1, 0, 0, 52, 0, 9, UDP6);
	check_udp_at(6, 16, 0);
	/* RFC 791 total length 0: the payload item tells the length, its padding does not count */
	PARSE(SF_LINK_NFLOG, 2, 0, 0, 0, 33, 0, 9, 0, IPV4(17, 0), UDP_HEADER, 1, 0, 0, 0);
	ck_assert_uint_eq(facts.octets, 29);
	REFUSED(nonIp, SF_LINK_NFLOG, 7, 0, 0, 0, 32, 0, 9, 0, UDP4);
	REFUSED(nonIp, SF_LINK_NFLOG, 2, 1, 0, 0, 32, 0, 9, 0, UDP4);
	REFUSED(nonIp, SF_LINK_NFLOG, 2, 0, 0, 0, 3, 0, 1, 0, 32, 0, 9, 0, UDP4);
	REFUSED(truncated, SF_LINK_NFLOG, 2, 0, 0, 0, 8, 0, 1, 0, 1, 2, 3);
	REFUSED(truncated, SF_LINK_NFLOG, 2, 0, 0, 0);
	REFUSED(truncated, SF_LINK_NFLOG, 2, 0, 0);
}
END_TEST

START_TEST(per_packet_information)
{
	PARSE(SF_LINK_PPI, 0, 0, 8, 0, 1, 0, 0, 0, ETH4, UDP4);
	check_udp_at(4, 22, MAC_FLAG);
	PARSE(SF_LINK_PPI, 0, 0, 12, 0, 101, 0, 0, 0, 1, 2, 3, 4, UDP6);
	check_udp_at(6, 12, 0);
	PARSE(SF_LINK_PPI, 0, 0, 8, 0, 105, 0, 0, 0, WLAN(8, 2), SNAP4);
	check_udp_at(4, 40, MAC_FLAG);
	REFUSED(nonIp, SF_LINK_PPI, 0, 0, 8, 0, 192, 0, 0, 0, 0, 0, 8, 0, 1, 0, 0, 0, ETH4, UDP4);
	REFUSED(nonIp, SF_LINK_PPI, 0, 0, 8, 0, 147, 0, 0, 0, ETH4, UDP4);
	REFUSED(nonIp, SF_LINK_PPI, 0, 0, 7, 0, 1, 0, 0, 0, ETH4, UDP4);
	REFUSED(nonIp, SF_LINK_PPI, 1, 0, 8, 0, 1, 0, 0, 0, ETH4, UDP4);
	REFUSED(truncated, SF_LINK_PPI, 0, 0, 40, 0, 1, 0, 0, 0, ETH4);
	REFUSED(truncated, SF_LINK_PPI, 0, 0, 8, 0);
}
END_TEST

START_TEST(multilink_frame_relay)
{
	PARSE(SF_LINK_MFR, 0xc0, 1, 0x18, 0x41, 3, 0xcc, UDP4);
	check_udp_at(4, 6, 0);
	/* the first fragment has the headers, others have none */
	PARSE(SF_LINK_MFR, 0x80, 1, 0x18, 0x41, 3, 0x8e, UDP6);
	check_udp_at(6, 6, 0);
	REFUSED(nonIp, SF_LINK_MFR, 0x40, 2, 0x18, 0x41, 3, 0xcc, UDP4);
	REFUSED(nonIp, SF_LINK_MFR, 0, 2, 0x18, 0x41, 3, 0xcc, UDP4);
	REFUSED(nonIp, SF_LINK_MFR, 0xe0, 0, 1, 1, 2); /* control */
	REFUSED(truncated, SF_LINK_MFR, 0xc0);
}
END_TEST

/* A frame that is not IP is counted by its innermost type. */
START_TEST(ethertypes_of_what_is_not_ip)
{
	REFUSED(nonIp, SF_LINK_ETHERNET, ETH(8, 6), 0, 1, 8, 0);
	ck_assert_uint_eq(facts.ethertype, 0x0806);
	REFUSED(nonIp, SF_LINK_ETHERNET, ETH(0x81, 0), 0, 7, 0x88, 0xcc);
	ck_assert_uint_eq(facts.ethertype, 0x88cc);
	REFUSED(nonIp, SF_LINK_ETHERNET, ETH(0, 38), 0x42, 0x42, 3);
	ck_assert_uint_eq(facts.ethertype, SF_ETHERTYPE_LLC);
	REFUSED(nonIp, SF_LINK_ETHERNET, ETH(0, 38), 0xaa, 0xaa, 3, 0, 0, 0, 0x88, 0xcc);
	ck_assert_uint_eq(facts.ethertype, 0x88cc);
	REFUSED(nonIp, SF_LINK_PPP, 0xff, 3, 0xc0, 0x21);
	ck_assert_uint_eq(facts.ethertype, 0);
}
END_TEST

START_TEST(unknown_link_type)
{
	REFUSED(unsupportedLinkType, 147, UDP4);
	REFUSED(unsupportedLinkType, 0xffff, UDP4);
}
END_TEST

CHECK_MAIN("parse_link", ethernet_reports_addresses_as_sent, ethernet_padding_is_not_counted,
	ethernet_without_ip, vlan_tag_types, vlan_stack_keeps_the_two_outermost,
	vlan_priority_tag_names_no_vlan, vlan_out_of_band_tag_is_the_outer_one,
	vlan_stack_is_bounded, vlan_stack_of_a_pseudowire_is_bounded, llc_snap, llc_snap_bridged,
	transparent_ethernet_bridging, mpls_reports_the_top_entry, mpls_pseudowire,
	pseudowire_of_any_address, pseudowire_without_ip, ip_behind_labels,
	pseudowire_of_another_kind, pppoe_session, ppp_framing, cisco_hdlc, frame_relay,
	null_and_loop, raw_by_version_nibble, linux_cooked, fddi, nflog_items,
	per_packet_information, multilink_frame_relay, ethertypes_of_what_is_not_ip,
	unknown_link_type)
