/* SPDX-License-Identifier: BSD-2-Clause */
/* The parser through what radios and switches put around a packet: 802.11, shims, tags, ISL. */
#include "parse_link_support.h"

/* IEEE 802.11-2020 table 9-60 */
START_TEST(wireless_addresses)
{
	PARSE(SF_LINK_IEEE802_11, WLAN(8, 0), SNAP4);
	check_udp_at(4, 32, MAC_FLAG);
	ck_assert_uint_eq(facts.dst_mac[5] << 4 | facts.src_mac[5], 0x12);
	PARSE(SF_LINK_IEEE802_11, WLAN(8, 1), SNAP4); /* to the distribution system */
	check_udp_at(4, 32, MAC_FLAG);
	ck_assert_uint_eq(facts.dst_mac[5] << 4 | facts.src_mac[5], 0x32);
	PARSE(SF_LINK_IEEE802_11, WLAN(8, 2), SNAP4); /* from it */
	check_udp_at(4, 32, MAC_FLAG);
	ck_assert_uint_eq(facts.dst_mac[5] << 4 | facts.src_mac[5], 0x13);
	PARSE(SF_LINK_IEEE802_11, WLAN(8, 3), A4, SNAP4); /* four addresses */
	check_udp_at(4, 38, MAC_FLAG);
	ck_assert_uint_eq(facts.dst_mac[5] << 4 | facts.src_mac[5], 0x34);
}
END_TEST

START_TEST(wireless_qos_and_order)
{
	PARSE(SF_LINK_IEEE802_11, WLAN(0x88, 1), 0, 0, SNAP4);
	check_udp_at(4, 34, MAC_FLAG);
	PARSE(SF_LINK_IEEE802_11, WLAN(0x88, 0x81), 0, 0, 1, 2, 3, 4, SNAP4); /* HT control */
	check_udp_at(4, 38, MAC_FLAG);
	PARSE(SF_LINK_IEEE802_11, WLAN(0x88, 3), A4, 0, 0, SNAP4);
	check_udp_at(4, 40, MAC_FLAG);
}
END_TEST

START_TEST(wireless_without_a_readable_packet)
{
	REFUSED(nonIp, SF_LINK_IEEE802_11, WLAN(0x80, 0), 1, 2, 3, 4); /* beacon */
	REFUSED(nonIp, SF_LINK_IEEE802_11, WLAN(0x08, 0x41), SNAP4);   /* protected */
	REFUSED(nonIp, SF_LINK_IEEE802_11, WLAN(0x48, 1), SNAP4);      /* null */
	REFUSED(nonIp, SF_LINK_IEEE802_11, WLAN(0xc8, 1), 0, 0, SNAP4);
	REFUSED(nonIp, SF_LINK_IEEE802_11, WLAN(0x88, 1), 0x80, 0, SNAP4); /* A-MSDU */
	/* control frames are short: acknowledgement, CTS, RTS, block ack; and a beacon cut off */
	REFUSED(nonIp, SF_LINK_IEEE802_11, 0xd4, 0, 0, 0, A1);
	REFUSED(nonIp, SF_LINK_IEEE802_11, 0xc4, 0, 0, 0, A1);
	REFUSED(nonIp, SF_LINK_IEEE802_11, 0xb4, 0, 0, 0, A1, A2);
	REFUSED(nonIp, SF_LINK_IEEE802_11, 0x94, 0, 0, 0, A1, A2, 5, 0, 0, 0);
	REFUSED(nonIp, SF_LINK_IEEE802_11, 0xa4, 0, 1, 0xc0, A1, A2);
	REFUSED(nonIp, SF_LINK_IEEE802_11, 0x80, 0, 0);
	REFUSED(nonIp, SF_LINK_IEEE802_11, 0x48, 1, 0, 0, A1, A2);
	REFUSED(nonIp, SF_LINK_IEEE802_11_RADIOTAP, 0, 0, 8, 0, 0, 0, 0, 0, 0xd4, 0, 0, 0, A1);
	REFUSED(truncated, SF_LINK_IEEE802_11, 0xd4);
	REFUSED(truncated, SF_LINK_IEEE802_11, 8, 0, 0, 0, A1, A2);
	REFUSED(truncated, SF_LINK_IEEE802_11, WLAN(0x88, 1), 0);
}
END_TEST

START_TEST(radiotap)
{
	PARSE(SF_LINK_IEEE802_11_RADIOTAP, 0, 0, 8, 0, 0, 0, 0, 0, WLAN(8, 0), SNAP4);
	check_udp_at(4, 40, MAC_FLAG);
	/* flags field says that the 802.11 header is padded: 26 → 28 octets */
	PARSE(SF_LINK_IEEE802_11_RADIOTAP, 0, 0, 9, 0, 2, 0, 0, 0, 0x20, WLAN(0x88, 1), 0, 0, 0, 0,
		SNAP4);
	check_udp_at(4, 45, MAC_FLAG);
	/* it stands behind a second presence word and the timestamp, which is aligned */
	PARSE(SF_LINK_IEEE802_11_RADIOTAP, 0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2,
		3, 4, 5, 6, 7, 8, 0x20, WLAN(0x88, 1), 0, 0, 0, 0, SNAP4);
	check_udp_at(4, 61, MAC_FLAG);
	REFUSED(nonIp, SF_LINK_IEEE802_11_RADIOTAP, 1, 0, 8, 0, 0, 0, 0, 0, WLAN(8, 0), SNAP4);
	REFUSED(nonIp, SF_LINK_IEEE802_11_RADIOTAP, 0, 0, 7, 0, 0, 0, 0, 0, WLAN(8, 0), SNAP4);
	REFUSED(truncated, SF_LINK_IEEE802_11_RADIOTAP, 0, 0, 99, 0, 0, 0, 0, 0, WLAN(8, 0));
}
END_TEST

#define SHIM(high, low, ...) ETH(high, low), __VA_ARGS__
#define SHIM_CMD             0x89, 0x09, 1, 1, 0, 1, 0, 9

/* Headers of switches between Ethernet and IP: each whole, and each cut is `truncated`. */
START_TEST(shims)
{
	PARSE(SF_LINK_ETHERNET, SHIM(0x89, 0x09, 1, 1, 0, 1, 0, 9), 8, 0, UDP4);
	check_udp_at(4, 22, MAC_FLAG);
	PARSE(SF_LINK_ETHERNET, SHIM(0x89, 0x09, 1, 2, 0, 1, 0, 9, 0, 2, 0, 9), 8, 0, UDP4);
	check_udp_at(4, 26, MAC_FLAG);
	PARSE(SF_LINK_ETHERNET, SHIM(0x89, 0x26, 0x80, 1, 0, 2), 0x86, 0xdd, UDP6);
	check_udp_at(6, 20, MAC_FLAG);
	PARSE(SF_LINK_ETHERNET, SHIM(0x89, 0x3f, 0, 1, 0, 2, 0, 0), 8, 0, UDP4);
	check_udp_at(4, 22, MAC_FLAG);
	PARSE(SF_LINK_ETHERNET, SHIM(0x89, 0x88, 1, 2, 3, 4, 5, 6), 8, 0, UDP4);
	check_udp_at(4, 22, MAC_FLAG);
	PARSE(SF_LINK_ETHERNET, SHIM(0x89, 0x2f, 0x10, 0x40, 0, 1), 8, 0, UDP4);
	check_udp_at(4, 20, MAC_FLAG);
	PARSE(SF_LINK_ETHERNET, SHIM(0xf1, 0xc1, 0, 0, 0, 1), 8, 0, UDP4);
	check_udp_at(4, 20, MAC_FLAG);
	PARSE(SF_LINK_ETHERNET, SHIM(0x88, 0x99, 0xa0, 1), 8, 0, UDP4);
	check_udp_at(4, 18, MAC_FLAG);
	PARSE(SF_LINK_ETHERNET, SHIM(0x88, 0x99, 4, 0, 0, 0, 0, 1), 8, 0, UDP4);
	check_udp_at(4, 22, MAC_FLAG);
	PARSE(SF_LINK_ETHERNET, SHIM(0xda, 0xda, 0, 0, 0xe0, 8, 0, 7), 8, 0, UDP4);
	check_udp_at(4, 22, MAC_FLAG | SF_FACT_VLAN);
	ck_assert_uint_eq(facts.tags, 7u << 20);
	for (unsigned version = 0; version < 2; version++) {
		PARSE(SF_LINK_ETHERNET,
			SHIM(0xd2, 0x8b, 0, 1, (uint8_t)version, 0x10, 1, 2, 3, 4, 5, 6, 7, 8), 8,
			0, UDP4);
		check_udp_at(4, 28, MAC_FLAG);
		PARSE(SF_LINK_ETHERNET,
			SHIM(0xd2, 0x8b, 0, 1, (uint8_t)version, 0x20, 1, 2, 3, 4, 5, 6), 8, 0,
			UDP4);
		check_udp_at(4, 26, MAC_FLAG);
	}
	REFUSED(truncated, SF_LINK_ETHERNET, SHIM(0x89, 0x26, 0x80, 1, 0, 2), 8);
	REFUSED(truncated, SF_LINK_ETHERNET, SHIM(0x89, 0x09, 1));
	REFUSED(truncated, SF_LINK_ETHERNET, SHIM(0xd2, 0x8b, 0, 1, 0));
}
END_TEST

/* In any order with tags and labels, and more than one of them. */
START_TEST(shims_among_tags_and_labels)
{
	PARSE(SF_LINK_ETHERNET, ETH(0x81, 0), 0, 7, SHIM_CMD, 0x81, 0, 0, 8, 0x89, 0x88, 1, 2, 3, 4,
		5, 6, 0x88, 0x47, LABEL, UDP4);
	check_udp_at(4, 42, MAC_FLAG | SF_FACT_VLAN | SF_FACT_MPLS);
	ck_assert_uint_eq(facts.tags, 7u << 20 | 8u << 8);
	PARSE(SF_LINK_ETHERNET, SHIM(0x89, 0x26, 0x80, 1, 0, 2), 0x88, 0x64, 0x11, 0, 0, 1, 0, 30,
		0, 0x21, UDP4);
	check_udp_at(4, 28, MAC_FLAG);
	PARSE(SF_LINK_LINUX_SLL, 0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, SHIM_CMD, 8, 0, UDP4);
	check_udp_at(4, 24, 0);
	PARSE(SF_LINK_ETHERNET, SHIM(0x88, 0xe5, 0x00, 0, 0, 0, 0, 1), 8, 0, UDP4);
	check_udp_at(4, 22, MAC_FLAG);
	PARSE(SF_LINK_ETHERNET, SHIM(0x88, 0xe5, 0x20, 0, 0, 0, 0, 1), 1, 2, 3, 4, 5, 6, 0, 1, 8, 0,
		UDP4);
	check_udp_at(4, 30, MAC_FLAG);
}
END_TEST

/* … and those in front of another Ethernet header; the outer addresses are reported. */
START_TEST(shims_around_frames)
{
	PARSE(SF_LINK_ETHERNET, SHIM(0x88, 0xe7, 0, 0, 1, 2), ETH4, UDP4);
	check_udp_at(4, 32, MAC_FLAG);
	PARSE(SF_LINK_ETHERNET, SHIM(0x89, 0x03, 0, 0x60), ETH(0x81, 0), 0, 7, 8, 0, UDP4);
	check_udp_at(4, 34, MAC_FLAG | SF_FACT_VLAN);
	PARSE(SF_LINK_ETHERNET, SHIM(0x22, 0xf3, 0, 5, 0, 1, 0, 2), ETH4, UDP4);
	check_udp_at(4, 34, MAC_FLAG);
	PARSE(SF_LINK_ETHERNET, SHIM(0x22, 0xf3, 0, 0x45, 0, 1, 0, 2, 9, 9, 9, 9), ETH4, UDP4);
	check_udp_at(4, 38, MAC_FLAG);
	PARSE(SF_LINK_ETHERNET, SHIM(0x89, 0x4f, 0x0f, 0xc2, 2, 3, 0, 0, 0x20, 1), ETH4, UDP4);
	check_udp_at(4, 36, MAC_FLAG);
	PARSE(SF_LINK_ETHERNET, SHIM(0x89, 0x4f, 0x0f, 0xc2, 2, 1, 0, 0, 0x20, 1), UDP4);
	check_udp_at(4, 22, MAC_FLAG);
	PARSE(SF_LINK_ETHERNET, SHIM(0x89, 0x4f, 0x0f, 0xc2, 2, 2, 0, 0, 0x20, 1), UDP6);
	check_udp_at(6, 22, MAC_FLAG);
	PARSE(SF_LINK_ETHERNET, SHIM(0x89, 0x4f, 0x0f, 0xc2, 2, 5, 0, 0, 0x20, 1), LABEL, UDP4);
	check_udp_at(4, 26, MAC_FLAG | SF_FACT_MPLS);
}
END_TEST

/* Bytes that only look like such a tag; and MACsec with encryption. */
START_TEST(shims_that_are_none)
{
	REFUSED(nonIp, SF_LINK_ETHERNET, SHIM(0x89, 0x09, 2, 1, 0, 1, 0, 9), 8, 0, UDP4);
	REFUSED(nonIp, SF_LINK_ETHERNET, SHIM(0xd2, 0x8b, 0, 2, 0, 0x10), UDP4);
	REFUSED(nonIp, SF_LINK_ETHERNET, SHIM(0xd2, 0x8b, 0, 1, 0, 0x30), UDP4);
	REFUSED(nonIp, SF_LINK_ETHERNET, SHIM(0x88, 0x99, 0x23, 0), UDP4);
	REFUSED(nonIp, SF_LINK_ETHERNET, SHIM(0x89, 0x4f, 0x0f, 0xc1, 2, 1, 0, 0, 0, 0), UDP4);
	REFUSED(nonIp, SF_LINK_ETHERNET, SHIM(0x89, 0x4f, 0x0f, 0xc2, 2, 4, 0, 0, 0, 0), UDP4);
	REFUSED(nonIp, SF_LINK_ETHERNET, SHIM(0x88, 0xe5, 0x2c, 0, 0, 0, 0, 1), UDP4);
	ck_assert_uint_eq(facts.ethertype, 0x88e5);
}
END_TEST

#define ISL(type, vlan)                                                                            \
	1, 0, 0x0c, 0, 0, (type) << 4, 2, 0, 0, 0, 0, 9, 0, 100, 0xaa, 0xaa, 3, 2, 0, 0,           \
		(vlan) >> 7 & 0xff, (vlan) << 1 & 0xff, 0, 1, 0, 0

START_TEST(inter_switch_link)
{
	static const uint8_t inner[] = { 0x02, 0, 0, 0, 0, 0x51 };

	PARSE(SF_LINK_ETHERNET, ISL(0, 1002), ETH4, UDP4);
	check_udp_at(4, 40, MAC_FLAG | SF_FACT_VLAN);
	ck_assert_uint_eq(facts.tags, 1002u << 20);
	ck_assert_mem_eq(facts.src_mac, inner, 6);
	PARSE(SF_LINK_ETHERNET, ISL(0, 20), ETH(0x81, 0), 0, 7, 0x86, 0xdd, UDP6);
	check_udp_at(6, 44, MAC_FLAG | SF_FACT_VLAN);
	ck_assert_uint_eq(facts.tags, 20u << 20 | 7u << 8);
	/* ISL within ISL */
	PARSE(SF_LINK_ETHERNET, ISL(0, 20), ISL(0, 21), ETH4, UDP4);
	check_udp_at(4, 66, MAC_FLAG | SF_FACT_VLAN);
	REFUSED(nonIp, SF_LINK_ETHERNET, ISL(1, 20), ETH4, UDP4);
	REFUSED(truncated, SF_LINK_ETHERNET, 1, 0, 0x0c, 0, 0, 0, 2, 0, 0, 0, 0, 9, 0, 100, 0xaa,
		0xaa, 3, 2, 0);
	/* the address alone is that of other protocols of Cisco too */
	REFUSED(nonIp, SF_LINK_ETHERNET, 1, 0, 0x0c, 0, 0, 0, 2, 0, 0, 0, 0, 9, 0, 100, 0xe0, 0xe0,
		3, UDP4);
}
END_TEST

/* Tags between a switch and its processor. */
START_TEST(switch_tags)
{
	PARSE(SF_LINK_DSA_TAG_BRCM, MACS, 0x20, 0, 0, 1, 8, 0, UDP4);
	check_udp_at(4, 18, MAC_FLAG);
	PARSE(SF_LINK_DSA_TAG_BRCM_PREPEND, 0x20, 0, 0, 1, ETH4, UDP4);
	check_udp_at(4, 18, MAC_FLAG);
	PARSE(SF_LINK_DSA_TAG_DSA, MACS, 0xc0, 8, 0, 7, 8, 0, UDP4);
	check_udp_at(4, 18, MAC_FLAG);
	PARSE(SF_LINK_DSA_TAG_DSA, MACS, 0xe0, 8, 0, 7, 0x81, 0, 0, 9, 8, 0, UDP4);
	check_udp_at(4, 22, MAC_FLAG | SF_FACT_VLAN);
	ck_assert_uint_eq(facts.tags, 7u << 20 | 9u << 8);
	PARSE(SF_LINK_DSA_TAG_EDSA, MACS, 0xda, 0xda, 0, 0, 0xe0, 8, 0, 7, 8, 0, UDP4);
	check_udp_at(4, 22, MAC_FLAG | SF_FACT_VLAN);
	REFUSED(truncated, SF_LINK_DSA_TAG_BRCM, MACS, 0x20, 0, 0, 1, 8);
	REFUSED(truncated, SF_LINK_DSA_TAG_DSA, MACS, 0xc0, 8, 0);
	REFUSED(truncated, SF_LINK_DSA_TAG_BRCM_PREPEND, 0x20, 0, 0);
}
END_TEST

CHECK_MAIN("parse_shim", wireless_addresses, wireless_qos_and_order,
	wireless_without_a_readable_packet, radiotap, shims, shims_among_tags_and_labels,
	shims_around_frames, shims_that_are_none, inter_switch_link, switch_tags)
