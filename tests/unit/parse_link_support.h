/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames of Ethernet for tests of the parser. */
#ifndef TESTS_PARSE_LINK_SUPPORT_H
#define TESTS_PARSE_LINK_SUPPORT_H

#include "base/ethertype.h"
#include "check_main.h"
#include "parse_bytes.h"

#define ETH(type_high, type_low) MACS, type_high, type_low
#define ETH4                     ETH(0x08, 0x00)
#define MAC_FLAG                 SF_FACT_MAC
#define LABEL                    0, 1, 1, 64 /* of MPLS */

#define A1                   0x02, 0, 0, 0, 0, 1
#define A2                   0x02, 0, 0, 0, 0, 2
#define A3                   0x02, 0, 0, 0, 0, 3
#define A4                   0x02, 0, 0, 0, 0, 4
#define WLAN(subtype, flags) subtype, flags, 0, 0, A1, A2, A3, 0, 0
#define SNAP4                0xaa, 0xaa, 3, 0, 0, 0, 8, 0, UDP4

/* The last packet was UDP4 or UDP6, `offset` octets into the frame, below `flags`. */
static inline void check_udp_at(unsigned version, unsigned offset, unsigned flags)
{
	ck_assert_int_eq(result, SF_PARSED);
	ck_assert_uint_eq(facts.version, version);
	ck_assert_uint_eq(facts.l3_offset, offset);
	ck_assert_uint_eq(facts.flags, flags);
	ck_assert_uint_eq(facts.protocol, 17);
	ck_assert_uint_eq(facts.address, version == 4 ? ADDRESS : 0);
	ck_assert_uint_eq(facts.ports, UDP_PORTS);
	ck_assert_uint_eq(facts.octets, version == 4 ? 28 : 48);
	ck_assert_uint_eq(facts.tos, 0xb8);
	ck_assert_uint_eq(facts.ttl, 64);
	ck_assert_uint_eq(facts.flow_label, version == 4 ? 0 : 0x12345);
	ck_assert_uint_eq(facts.tcp_flags, 0);
	ck_assert_int_eq(facts.time_ns, 77);
}

#endif
