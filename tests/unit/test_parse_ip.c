/* SPDX-License-Identifier: BSD-2-Clause */
/* The parser from the IP header on: lengths, fragments, extension headers, ports, key order. */
#include "check_main.h"
#include "parse_bytes.h"

#define ETH4  MACS, 0x08, 0x00
#define ETH6  MACS, 0x86, 0xdd
#define ZERO8 0, 0, 0, 0, 0, 0, 0, 0

static void check_ports(unsigned protocol, uint32_t ports)
{
	ck_assert_int_eq(result, SF_PARSED);
	ck_assert_uint_eq(facts.protocol, protocol);
	ck_assert_uint_eq(facts.ports, ports);
}

/* RFC 9293 §3.1: twelve bits of flags, here NS (now a reserved bit), SYN and ACK. */
START_TEST(tcp_flags_are_twelve_bits)
{
	PARSE(SF_LINK_ETHERNET, ETH4, IPV4(6, 40), TCP_HEADER);
	check_ports(6, TCP_PORTS);
	ck_assert_uint_eq(facts.tcp_flags, 0x112);
	ck_assert_uint_eq(facts.flags, SF_FACT_MAC | SF_FACT_TCP);
	PARSE(SF_LINK_ETHERNET, ETH6, IPV6(6, 20), TCP_HEADER);
	check_ports(6, TCP_PORTS);
	ck_assert_uint_eq(facts.tcp_flags, 0x112);
	/* an IP length that ends before them */
	PARSE(SF_LINK_ETHERNET, ETH4, IPV4(6, 33), TCP_HEADER);
	check_ports(6, TCP_PORTS);
	ck_assert_uint_eq(facts.flags, SF_FACT_MAC);
	ck_assert_uint_eq(facts.tcp_flags, 0);
	PARSE(SF_LINK_ETHERNET, ETH6, IPV6(6, 13), TCP_HEADER);
	check_ports(6, TCP_PORTS);
	ck_assert_uint_eq(facts.flags, SF_FACT_MAC);
}
END_TEST

/* Both directions have the same key words; the flag tells which one it is. */
START_TEST(key_order_by_address_then_port)
{
#define FROM_2_TO_1(length, protocol)                                                              \
	0x45, 0, 0, length, 0, 0, 0, 0, 64, protocol, 0, 0, 192, 0, 2, 2, 192, 0, 2, 1
#define SAME_HOST 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 9, 192, 0, 2, 9
	PARSE(SF_LINK_RAW, FROM_2_TO_1(28, 17), 0, 53, 0x10, 0, 0, 8, 0, 0);
	check_ports(17, UDP_PORTS);
	ck_assert_uint_eq(facts.address, ADDRESS);
	ck_assert_uint_eq(facts.flags, SF_FACT_SWAPPED);
	PARSE(SF_LINK_ETHERNET, ETH4, FROM_2_TO_1(40, 6), 0, 0x50, 0x10, 0, ZERO8, 0x50, 0x10, 0, 0,
		0, 0, 0, 0);
	check_ports(6, TCP_PORTS);
	ck_assert_uint_eq(facts.address, ADDRESS);
	ck_assert_uint_eq(facts.flags, SF_FACT_SWAPPED | SF_FACT_MAC | SF_FACT_TCP);
	PARSE(SF_LINK_RAW, SAME_HOST, 0x10, 0, 0, 53, 0, 8, 0, 0);
	check_ports(17, 0x00351000);
	ck_assert_uint_eq(facts.flags, SF_FACT_SWAPPED);
	PARSE(SF_LINK_RAW, SAME_HOST, 0, 53, 0x10, 0, 0, 8, 0, 0);
	check_ports(17, 0x00351000);
	ck_assert_uint_eq(facts.flags, 0);
	PARSE(SF_LINK_RAW, SAME_HOST, 0, 53, 0, 53, 0, 8, 0, 0);
	ck_assert_uint_eq(facts.flags, 0);
}
END_TEST

START_TEST(key_order_ipv6)
{
	uint8_t packet[48] = { IPV6(17, 8), UDP_HEADER };
	const struct sf_packet raw = { .data = packet, .captured = 48, .wire = 48, .link = 101 };
	uint8_t low[16], high[16];

	memcpy(low, packet + 8, 16);
	memcpy(high, packet + 24, 16);
	parse_packet(raw);
	ck_assert_uint_eq(facts.flags, 0);
	ck_assert_mem_eq(facts.address6[0], low, 16);
	ck_assert_mem_eq(facts.address6[1], high, 16);
	memcpy(packet + 8, high, 16);
	memcpy(packet + 24, low, 16);
	parse_packet(raw);
	check_ports(17, 0x00351000);
	ck_assert_uint_eq(facts.flags, SF_FACT_SWAPPED);
	ck_assert_mem_eq(facts.address6[0], low, 16);
	ck_assert_mem_eq(facts.address6[1], high, 16);
	packet[8 + 7] = 1; /* decided in the upper half */
	memcpy(low, packet + 24, 16);
	parse_packet(raw);
	ck_assert_uint_eq(facts.flags, SF_FACT_SWAPPED);
	ck_assert_mem_eq(facts.address6[0], low, 16);
	memcpy(packet + 8, packet + 24, 16); /* decided by the ports */
	parse_packet(raw);
	check_ports(17, 0x00351000);
	ck_assert_uint_eq(facts.flags, SF_FACT_SWAPPED);
}
END_TEST

/* RFC 791 §3.1. */
START_TEST(ipv4_header_that_contradicts_itself)
{
	REFUSED(malformed, SF_LINK_ETHERNET, ETH4, UDP6); /* version */
	REFUSED(malformed, SF_LINK_RAW, 0x44, UDP4);      /* header length 16 */
	REFUSED(malformed, SF_LINK_ETHERNET, ETH4, IPV4(17, 19), UDP_HEADER);
	REFUSED(malformed, SF_LINK_RAW, 0x46, 0, 0, 23, 0, 0, 0, 0, 64, 17, 0, 0, 1, 2, 3, 4, 5, 6,
		7, 8, 0, 0, 0, 0);
	REFUSED(truncated, SF_LINK_RAW, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 1, 2, 3, 4, 5, 6,
		7);
	REFUSED(truncated, SF_LINK_RAW, 0x45);
}
END_TEST

START_TEST(ipv4_options_are_skipped)
{
	PARSE(SF_LINK_RAW, 0x47, 0, 0, 36, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
		0x94, 4, 0, 0, 0x83, 4, 0, 0, UDP_HEADER);
	check_ports(17, UDP_PORTS);
	ck_assert_uint_eq(facts.octets, 36);
	/* options not captured: metered all the same */
	PARSE(SF_LINK_RAW, 0x47, 0, 0, 36, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
		0x94, 4, 0, 0);
	check_ports(17, 0);
	ck_assert_uint_eq(facts.octets, 36);
}
END_TEST

/* A length beyond the captured bytes counts as claimed. */
START_TEST(length_counts_as_claimed)
{
	PARSE(SF_LINK_RAW, IPV4(17, 1500), UDP_HEADER);
	check_ports(17, UDP_PORTS);
	ck_assert_uint_eq(facts.octets, 1500);
	PARSE(SF_LINK_RAW, IPV6(17, 65535), UDP_HEADER);
	check_ports(17, UDP_PORTS);
	ck_assert_uint_eq(facts.octets, 65575);
}
END_TEST

/* docs/design.md §4: total length 0 comes from segmentation offload. */
START_TEST(ipv4_length_zero_is_the_wire_length)
{
	struct sf_packet packet = { BYTES(ETH4, IPV4(17, 0), UDP_HEADER), .link = 1 };

	packet.wire = 9014;
	parse_packet(packet);
	check_ports(17, UDP_PORTS);
	ck_assert_uint_eq(facts.octets, 9000);
	packet.wire = 0; /* a source that does not tell */
	parse_packet(packet);
	ck_assert_uint_eq(facts.octets, 28);
	/* options that would not fit */
	REFUSED(malformed, SF_LINK_RAW, 0x46, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 1, 2, 3, 4, 5, 6,
		7, 8);
}
END_TEST

START_TEST(ports_need_to_be_inside_packet_and_capture)
{
	PARSE(SF_LINK_RAW, IPV4(17, 28), 0x10, 0, 0);
	check_ports(17, 0);
	ck_assert_uint_eq(facts.octets, 28);
	PARSE(SF_LINK_ETHERNET, ETH4, IPV4(17, 23), UDP_HEADER, ZERO8, ZERO8); /* in the padding */
	check_ports(17, 0);
	ck_assert_uint_eq(facts.octets, 23);
	PARSE(SF_LINK_ETHERNET, ETH4, IPV4(17, 24), UDP_HEADER, ZERO8, ZERO8);
	check_ports(17, UDP_PORTS);
	PARSE(SF_LINK_ETHERNET, ETH6, IPV6(17, 3), UDP_HEADER, ZERO8, ZERO8);
	check_ports(17, 0);
	PARSE(SF_LINK_ETHERNET, ETH6, IPV6(17, 4), UDP_HEADER, ZERO8, ZERO8);
	check_ports(17, UDP_PORTS);
}
END_TEST

/* TCP, UDP, DCCP, SCTP and UDP-Lite have their ports in the same place. */
START_TEST(protocols_with_and_without_ports)
{
	static const uint8_t with[] = { 17, 33, 132, 136 };
	static const uint8_t without[] = { 0, 2, 4, 41, 46, 47, 50, 51, 59, 88, 89, 103, 112, 115,
		137, 253, 255 };

	for (size_t i = 0; i < sizeof(with); i++) {
		PARSE(SF_LINK_ETHERNET, ETH4, IPV4(with[i], 28), UDP_HEADER, ZERO8);
		check_ports(with[i], UDP_PORTS);
		PARSE(SF_LINK_ETHERNET, ETH6, IPV6(with[i], 8), UDP_HEADER, ZERO8);
		check_ports(with[i], UDP_PORTS);
	}
	for (size_t i = 0; i < sizeof(without); i++) {
		PARSE(SF_LINK_ETHERNET, ETH4, IPV4(without[i], 28), UDP_HEADER, ZERO8);
		check_ports(without[i], 0);
		ck_assert_uint_eq(facts.flags, SF_FACT_MAC);
	}
}
END_TEST

/* RFC 791 §3.2: a later fragment has no transport header, the first one has. */
START_TEST(ipv4_fragments)
{
	PARSE(SF_LINK_ETHERNET, ETH4, IPV4_FRAGMENT(17, 28, 0x2000), UDP_HEADER, ZERO8);
	check_ports(17, UDP_PORTS);
	ck_assert_uint_eq(facts.flags, SF_FACT_MAC | SF_FACT_FRAGMENT);
	PARSE(SF_LINK_ETHERNET, ETH4, IPV4_FRAGMENT(17, 28, 0x2001), UDP_HEADER, ZERO8);
	check_ports(17, 0);
	ck_assert_uint_eq(facts.flags, SF_FACT_MAC | SF_FACT_FRAGMENT);
	PARSE(SF_LINK_ETHERNET, ETH4, IPV4_FRAGMENT(6, 40, 0x1fff), TCP_HEADER);
	check_ports(6, 0);
	ck_assert_uint_eq(facts.flags, SF_FACT_MAC | SF_FACT_FRAGMENT);
	ck_assert_uint_eq(facts.tcp_flags, 0);
	PARSE(SF_LINK_ETHERNET, ETH4, IPV4_FRAGMENT(17, 28, 0xc000), UDP_HEADER, ZERO8);
	check_ports(17, UDP_PORTS); /* don't fragment and the reserved bit */
	ck_assert_uint_eq(facts.flags, SF_FACT_MAC);
}
END_TEST

#define FRAGMENT6(next_header, offset_more)                                                        \
	next_header, 0, (offset_more) >> 8, (offset_more)&0xff, 0, 0, 0, 1

/* RFC 8200 §4.5, and RFC 6946 for the atomic fragment */
START_TEST(ipv6_fragments)
{
	PARSE(SF_LINK_RAW, IPV6(44, 16), FRAGMENT6(17, 1), UDP_HEADER);
	check_ports(17, UDP_PORTS);
	ck_assert_uint_eq(facts.flags, SF_FACT_FRAGMENT);
	PARSE(SF_LINK_RAW, IPV6(44, 16), FRAGMENT6(17, 8), UDP_HEADER);
	check_ports(17, 0);
	ck_assert_uint_eq(facts.flags, SF_FACT_FRAGMENT);
	PARSE(SF_LINK_RAW, IPV6(44, 16), FRAGMENT6(17, 0), UDP_HEADER);
	check_ports(17, UDP_PORTS);
	ck_assert_uint_eq(facts.flags, 0);
	/* what follows in a later fragment is data, whatever the next header says */
	PARSE(SF_LINK_RAW, IPV6(44, 24), FRAGMENT6(60, 8), 17, 0, 1, 4, 0, 0, 0, 0, UDP_HEADER);
	check_ports(60, 0);
	/* cut off: as much is known as was captured */
	PARSE(SF_LINK_RAW, IPV6(44, 16), 17, 0, 0, 8, 0, 0, 0);
	check_ports(17, 0);
	ck_assert_uint_eq(facts.flags, SF_FACT_FRAGMENT);
	PARSE(SF_LINK_RAW, IPV6(44, 16), 17, 0, 0, 1);
	check_ports(17, 0);
	ck_assert_uint_eq(facts.flags, SF_FACT_FRAGMENT);
	PARSE(SF_LINK_RAW, IPV6(44, 16), 17, 0, 0);
	check_ports(17, 0);
	ck_assert_uint_eq(facts.flags, 0);
	PARSE(SF_LINK_RAW, IPV6(44, 16), 17);
	check_ports(17, 0);
	PARSE(SF_LINK_RAW, IPV6(44, 16));
	check_ports(44, 0);
}
END_TEST

/* RFC 8200 §4.1: in any order and number; §4.8 length in units of eight octets less the first. */
START_TEST(ipv6_extension_headers)
{
	PARSE(SF_LINK_ETHERNET, ETH6, IPV6(0, 16), 17, 0, 1, 4, 0, 0, 0, 0, UDP_HEADER);
	check_ports(17, UDP_PORTS);
	ck_assert_uint_eq(facts.octets, 56);
	PARSE(SF_LINK_RAW, IPV6(43, 48), 60, 2, 0, 1, 0, 0, 0, 0, ZERO8, ZERO8, 60, 0, 1, 4, 0, 0,
		0, 0, 17, 0, 1, 4, 0, 0, 0, 0, UDP_HEADER);
	check_ports(17, UDP_PORTS);
	/* RFC 4302 §2.2: the authentication header counts fours less two */
	PARSE(SF_LINK_RAW, IPV6(51, 32), 17, 4, 0, 0, 0, 0, 0, 1, ZERO8, ZERO8, UDP_HEADER);
	check_ports(17, UDP_PORTS);
	/* ESP is opaque; mobility, HIP and Shim6 are protocols; nothing follows 59 */
	PARSE(SF_LINK_RAW, IPV6(50, 8), UDP_HEADER);
	check_ports(50, 0);
	PARSE(SF_LINK_RAW, IPV6(135, 8), 59, 0, 0, 0, 0, 0, 0, 0);
	check_ports(135, 0);
	PARSE(SF_LINK_RAW, IPV6(139, 8), 59, 0, 0, 0, 0, 0, 0, 0);
	check_ports(139, 0);
	PARSE(SF_LINK_RAW, IPV6(140, 8), 59, 0, 0, 0, 0, 0, 0, 0);
	check_ports(140, 0);
	PARSE(SF_LINK_RAW, IPV6(60, 16), 59, 0, 1, 4, 0, 0, 0, 0, UDP_HEADER);
	check_ports(59, 0);
}
END_TEST

START_TEST(ipv6_extension_headers_cut_off)
{
	/* the next header is known as soon as its octet is there */
	PARSE(SF_LINK_RAW, IPV6(60, 24), 17, 1, 1, 4);
	check_ports(17, 0);
	PARSE(SF_LINK_RAW, IPV6(60, 24), 17);
	check_ports(17, 0);
	PARSE(SF_LINK_RAW, IPV6(51, 24), 6);
	check_ports(6, 0);
	PARSE(SF_LINK_RAW, IPV6(60, 24));
	check_ports(60, 0);
	/* a header that reaches beyond the IP length */
	PARSE(SF_LINK_RAW, IPV6(60, 8), 17, 1, 1, 4, 0, 0, 0, 0, ZERO8, UDP_HEADER);
	check_ports(17, 0);
}
END_TEST

/* A bound on the work: 300 headers are more than anything sends. */
START_TEST(ipv6_extension_chain_is_bounded)
{
	uint8_t packet[40 + 300 * 8] = { IPV6(60, 300 * 8) };

	for (size_t at = 40; at < sizeof(packet); at += 8)
		packet[at] = 60;
	parse_packet((struct sf_packet){
		.data = packet, .captured = sizeof(packet), .wire = sizeof(packet), .link = 101 });
	check_ports(60, 0);
	ck_assert_uint_eq(facts.octets, sizeof(packet));
	for (size_t at = 40; at < 40 + 180 * 8; at += 8)
		packet[at] = at == 40 + 179 * 8 ? 17 : 60;
	memcpy(packet + 40 + 180 * 8, (const uint8_t[]){ UDP_HEADER }, 8);
	parse_packet((struct sf_packet){
		.data = packet, .captured = sizeof(packet), .wire = sizeof(packet), .link = 101 });
	check_ports(17, UDP_PORTS);
	/* fragment headers, atomic ones: all is in this packet */
	packet[6] = 44;
	for (size_t at = 40; at < 40 + 179 * 8; at += 8)
		packet[at] = 44;
	parse_packet((struct sf_packet){
		.data = packet, .captured = sizeof(packet), .wire = sizeof(packet), .link = 101 });
	check_ports(17, UDP_PORTS);
	ck_assert_uint_eq(facts.flags & SF_FACT_FRAGMENT, 0);
	/* the last one that says so: a first fragment, then a later one */
	packet[40 + 3 * 8 + 3] = 1;
	packet[40 + 178 * 8 + 3] = 1;
	packet[40 + 178 * 8 + 7] = 9;
	parse_packet((struct sf_packet){
		.data = packet, .captured = sizeof(packet), .wire = sizeof(packet), .link = 101 });
	check_ports(17, UDP_PORTS);
	ck_assert_uint_eq(facts.flags & SF_FACT_FRAGMENT, SF_FACT_FRAGMENT);
	ck_assert_uint_eq(facts.fragment_id, 0);
	packet[40 + 5 * 8 + 3] = 8;
	parse_packet((struct sf_packet){
		.data = packet, .captured = sizeof(packet), .wire = sizeof(packet), .link = 101 });
	check_ports(44, 0);
	ck_assert_uint_eq(facts.fragment, 1);
}
END_TEST

START_TEST(ipv6_header_that_contradicts_itself)
{
	REFUSED(malformed, SF_LINK_ETHERNET, ETH6, UDP4);
	REFUSED(truncated, SF_LINK_RAW, 0x60, 0, 0, 0, 0, 8, 17, 64, ZERO8, ZERO8, ZERO8, 0, 0, 0);
	REFUSED(truncated, SF_LINK_ETHERNET, ETH6);
}
END_TEST

/* A jumbogram as `bytes` give it, `wire` bytes on the wire. */
static void parse_jumbo(uint32_t wire, const uint8_t *bytes, uint32_t length)
{
	parse_packet((struct sf_packet){
		.data = bytes, .captured = length, .wire = wire, .link = SF_LINK_RAW });
}

/*
 * RFC 2675 §2: hop-by-hop option 194 with the payload length; §3: not below 65,536. It counts as
 * far as the wire goes.
 */
START_TEST(ipv6_jumbogram)
{
	static const uint8_t first[] = { IPV6(0, 0), 17, 0, 0xc2, 4, 0, 1, 0, 0, UDP_HEADER };
	/* behind other options */
	static const uint8_t behind[] = { IPV6(0, 0), 17, 1, 0, 1, 2, 9, 9, 0xc2, 4, 0x7f, 0xff,
		0xff, 0xff, 0, 0, 0, UDP_HEADER };
	static const uint8_t most[] = { IPV6(0, 0), 17, 0, 0xc2, 4, 0xff, 0xff, 0xff, 0xff,
		UDP_HEADER };

	parse_jumbo(100000, first, sizeof(first));
	check_ports(17, UDP_PORTS);
	ck_assert_uint_eq(facts.octets, 65536 + 40);
	parse_jumbo(65536 + 39, first, sizeof(first));
	ck_assert_uint_eq(facts.octets, 65536 + 39);
	parse_jumbo(sizeof(first), first, sizeof(first));
	check_ports(17, UDP_PORTS);
	ck_assert_uint_eq(facts.octets, sizeof(first));
	parse_jumbo(UINT32_MAX, behind, sizeof(behind));
	check_ports(17, UDP_PORTS);
	ck_assert_uint_eq(facts.octets, 0x7fffffffu + 40);
	parse_jumbo(sizeof(behind), behind, sizeof(behind));
	ck_assert_uint_eq(facts.octets, sizeof(behind));
	parse_jumbo(UINT32_MAX, most, sizeof(most));
	ck_assert_uint_eq(facts.octets, UINT32_MAX);
	parse_jumbo(0, most, sizeof(most)); /* a source that does not know the wire's length */
	ck_assert_uint_eq(facts.octets, sizeof(most));
	REFUSED(malformed, SF_LINK_RAW, IPV6(0, 0), 17, 0, 0xc2, 4, 0, 0, 0xff, 0xff, UDP_HEADER);
	/* a payload length that is there stands */
	PARSE(SF_LINK_RAW, IPV6(0, 16), 17, 0, 0xc2, 4, 0, 1, 0, 0, UDP_HEADER);
	ck_assert_uint_eq(facts.octets, 56);
}
END_TEST

/* docs/design.md §4: payload length 0 with data comes from segmentation offload. */
START_TEST(ipv6_length_zero)
{
	struct sf_packet packet = { BYTES(ETH6, IPV6(17, 0), UDP_HEADER), .link = 1 };

	packet.wire = 200014;
	parse_packet(packet);
	check_ports(17, UDP_PORTS);
	ck_assert_uint_eq(facts.octets, 200000);
	/* nothing but the padding of a minimum frame; and no next header at all */
	PARSE(SF_LINK_ETHERNET, ETH6, IPV6(17, 0), 0, 0, 0, 0, 0, 0);
	check_ports(17, 0);
	ck_assert_uint_eq(facts.octets, 40);
	PARSE(SF_LINK_ETHERNET, ETH6, IPV6(59, 0), ZERO8, ZERO8);
	check_ports(59, 0);
	ck_assert_uint_eq(facts.octets, 40);
}
END_TEST

/* docs/design.md §4: the request on one side, the answer on the other, in both directions. */
START_TEST(icmp_pairs)
{
	static const uint8_t pairs[][2] = { { 8, 0 }, { 13, 14 }, { 15, 16 }, { 17, 18 },
		{ 10, 9 } };

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		uint8_t request = pairs[i][0], answer = pairs[i][1];
		uint32_t ports = (uint32_t)request << 24 | (uint32_t)answer << 8;

		PARSE(SF_LINK_RAW, IPV4(1, 28), request, 0, ZERO8);
		check_ports(1, ports);
		ck_assert_uint_eq(facts.flags, 0);
		PARSE(SF_LINK_RAW, FROM_2_TO_1(28, 1), answer, 0, ZERO8);
		check_ports(1, ports);
		ck_assert_uint_eq(
			facts.flags, SF_FACT_SWAPPED | (answer == 9 ? 0 : SF_FACT_ANSWER));
	}
	/* an error is its own counterpart; the code stays */
	PARSE(SF_LINK_RAW, IPV4(1, 56), 3, 13, 0, 0, 0, 0, 0, 0, UDP4);
	check_ports(1, 0x030d030d);
	PARSE(SF_LINK_RAW, IPV4(1, 28), 3);
	check_ports(1, 0);
	/* what begins a later fragment is no type */
	PARSE(SF_LINK_RAW, IPV4_FRAGMENT(1, 28, 185), 0, 0, ZERO8);
	check_ports(1, 0);
	ck_assert_uint_eq(facts.flags, SF_FACT_FRAGMENT);
}
END_TEST

START_TEST(icmpv6_pairs)
{
	static const uint8_t pairs[][2] = { { 128, 129 }, { 133, 134 }, { 135, 136 } };

	for (size_t i = 0; i < 3; i++) {
		uint8_t request = pairs[i][0], answer = pairs[i][1];

		PARSE(SF_LINK_RAW, IPV6(58, 8), request, 0, 0, 0, 0, 0, 0, 0);
		check_ports(58, (uint32_t)request << 24 | (uint32_t)answer << 8);
		PARSE(SF_LINK_RAW, IPV6(58, 8), answer, 0, 0, 0, 0, 0, 0, 0);
		check_ports(58, (uint32_t)answer << 24 | (uint32_t)request << 8);
		ck_assert_uint_eq(facts.flags, answer == 129 ? SF_FACT_ANSWER : 0);
	}
	PARSE(SF_LINK_RAW, IPV6(58, 8), 1, 4, 0, 0, 0, 0, 0, 0);
	check_ports(58, 0x01040104);
	/* each ICMP belongs to its own version */
	PARSE(SF_LINK_RAW, IPV6(1, 8), 8, 0, 0, 0, 0, 0, 0, 0);
	check_ports(1, 0);
	PARSE(SF_LINK_RAW, IPV4(58, 28), 128, 0, 0, 0, 0, 0, 0, 0);
	check_ports(58, 0);
}
END_TEST

/* Nothing is left over from an earlier packet in the same place. */
START_TEST(every_fact_is_written)
{
	const struct sf_packet packets[] = {
		{ BYTES(ETH4, IPV4(17, 28), UDP_HEADER, ZERO8), .link = 1, .interface = 4 },
		{ BYTES(ETH6, IPV6(17, 8), UDP_HEADER, ZERO8), .link = 1, .interface = 4 },
		{ BYTES(UDP4), .link = 101, .interface = 4 },
		{ BYTES(UDP6), .link = 101, .interface = 4 },
	};

	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
		struct sf_facts zero, ones;

		memset(&zero, 0, sizeof(zero));
		memset(&ones, 0xff, sizeof(ones));
		ck_assert_int_eq(sf_parse(&packets[i], &zero), SF_PARSED);
		ck_assert_int_eq(sf_parse(&packets[i], &ones), SF_PARSED);
		ck_assert_uint_eq(ones.interface, 4);
		if (zero.version == 4)
			memcpy(ones.address6, zero.address6, sizeof(zero.address6));
		/* what lies behind it has a meaning with some flags only */
		ck_assert_mem_eq(&ones, &zero, offsetof(struct sf_facts, ethertype));
	}
}
END_TEST

CHECK_MAIN("parse_ip", tcp_flags_are_twelve_bits, key_order_by_address_then_port, key_order_ipv6,
	ipv4_header_that_contradicts_itself, ipv4_options_are_skipped, length_counts_as_claimed,
	ipv4_length_zero_is_the_wire_length, ports_need_to_be_inside_packet_and_capture,
	protocols_with_and_without_ports, ipv4_fragments, ipv6_fragments, ipv6_extension_headers,
	ipv6_extension_headers_cut_off, ipv6_extension_chain_is_bounded,
	ipv6_header_that_contradicts_itself, ipv6_jumbogram, ipv6_length_zero, icmp_pairs,
	icmpv6_pairs, every_fact_is_written)
