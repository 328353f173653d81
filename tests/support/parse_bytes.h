/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Literal packets for tests of the parser. Every packet goes through sf_parse() and the other ways
 * through the parser, which must agree, and lies in an allocation of its own size.
 *
 *	PARSE(SF_LINK_RAW, IPV4(17, 28), UDP_HEADER);
 *	ck_assert_uint_eq(facts.octets, 28);
 */
#ifndef TESTS_PARSE_BYTES_H
#define TESTS_PARSE_BYTES_H

#include <stdlib.h>
#include <string.h>

#include "check_quiet.h"

#define same ck_assert
#include "parse_contract.h"

/* Of the last PARSE…(). */
static struct sf_facts facts;
static int result;

static void parse_packet(struct sf_packet packet)
{
	uint8_t *copy = malloc(packet.captured ? packet.captured : 1);

	memcpy(copy, packet.data, packet.captured);
	packet.data = copy;
	memset(&facts, 0, sizeof(facts));
	result = sf_parse(&packet, &facts);
	check_ways(&packet, result, &facts);
	free(copy);
}

#define BYTES(...)                                                                                 \
	.data = (const uint8_t[]){ __VA_ARGS__ },                                                  \
	.captured = sizeof((const uint8_t[]){ __VA_ARGS__ }),                                      \
	.wire = sizeof((const uint8_t[]){ __VA_ARGS__ })

#define PARSE(link_type, ...)                                                                      \
	parse_packet((struct sf_packet){ BYTES(__VA_ARGS__), .link = (link_type), .time_ns = 77 })

/* A frame that is refused, with the reason. */
#define REFUSED(why, link_type, ...)                                                               \
	do {                                                                                       \
		PARSE(link_type, __VA_ARGS__);                                                     \
		ck_assert_int_eq(result, SF_IGNORED_##why);                                        \
	} while (0)

#define MACS 0x02, 0, 0, 0, 0, 0xd1, 0x02, 0, 0, 0, 0, 0x51 /* destination, source */

/* 192.0.2.1 → 192.0.2.2, TOS 0xb8, TTL 64; the options or payload follow */
#define IPV4(protocol, length)                                                                     \
	0x45, 0xb8, (length) >> 8, (length)&0xff, 0x12, 0x34, 0x00, 0x00, 64, (protocol), 0, 0,    \
		192, 0, 2, 1, 192, 0, 2, 2
#define IPV4_FRAGMENT(protocol, length, flags_offset)                                              \
	0x45, 0xb8, (length) >> 8, (length)&0xff, 0x12, 0x34, (flags_offset) >> 8,                 \
		(flags_offset)&0xff, 64, (protocol), 0, 0, 192, 0, 2, 1, 192, 0, 2, 2
/* 2001:db8::1 → 2001:db8::2, class 0xb8, label 0x12345, hop limit 64 */
#define IPV6(next_header, payload)                                                                 \
	0x6b, 0x81, 0x23, 0x45, (payload) >> 8, (payload)&0xff, (next_header), 64, 0x20, 0x01,     \
		0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0,   \
		0, 0, 0, 0, 0, 0, 0, 0, 2
#define UDP_HEADER 0x10, 0x00, 0x00, 0x35, 0, 8, 0, 0 /* 4096 → 53 */
#define TCP_HEADER 0x10, 0x00, 0x00, 0x50, 0, 0, 0, 1, 0, 0, 0, 0, 0x51, 0x12, 0x20, 0, 0, 0, 0, 0

#define UDP_PORTS 0x10000035u /* in the order sent: 192.0.2.1 is the smaller address */
#define TCP_PORTS 0x10000050u
#define ADDRESS   UINT64_C(0xc0000201c0000202)

#define UDP4 IPV4(17, 28), UDP_HEADER
#define UDP6 IPV6(17, 8), UDP_HEADER

#endif
