/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The headers of tunnels and mirrors, for captures made by the tests. TUNNEL makes a function of
 * type link_writer, which writes the headers before the inner packet, from the outermost on.
 *
 *	TUNNEL(gre_key, outer4(pb, from); gre(pb, KEY, 4711))
 *	SEND(&trace, 53000, { gre_key, BOTH });	a DNS query and its answer, over IPv4 and IPv6
 */
#ifndef TESTS_TUNNEL_BUILD_H
#define TESTS_TUNNEL_BUILD_H

#include <stddef.h>
#include <string.h>

#include "base/wire.h"
#include "trace.h"

typedef void (*link_writer)(struct pb *pb, const struct talk *talk, enum talk_end from);

#define BYTES(pb, ...)                                                                             \
	pb_bytes(pb, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* A function that writes what stands before the inner packet; `from` sends. */
#define TUNNEL(name, ...)                                                                          \
	static void name(struct pb *pb, const struct talk *talk, enum talk_end from)               \
	{                                                                                          \
		(void)talk;                                                                        \
		__VA_ARGS__;                                                                       \
	}

static inline bool is_v6(const struct talk *talk)
{
	return strchr(talk->address[CLIENT], ':');
}

/* --------------------------------------------------------------------- the outer packet */

static const char *const ends4[] = { "203.0.113.1", "203.0.113.2" };
static const char *const ends6[] = { "2001:db8:ffff::1", "2001:db8:ffff::2" };

static inline void frame(struct pb *pb, enum talk_end from)
{
	pb_ethernet(pb, from == CLIENT ? 0xa1 : 0xa2, from == CLIENT ? 0xa2 : 0xa1);
}

static inline void outer4(struct pb *pb, enum talk_end from)
{
	frame(pb, from);
	pb_ip(pb, ends4[from], ends4[!from]);
}

static inline void outer6(struct pb *pb, enum talk_end from)
{
	frame(pb, from);
	pb_ip(pb, ends6[from], ends6[!from]);
}

static inline void outer_udp(struct pb *pb, enum talk_end from, uint16_t port)
{
	outer4(pb, from);
	pb_udp(pb, from == CLIENT ? 51000 : 52000, port);
}

/* The frame inside, from other stations. */
static inline void inner_frame(struct pb *pb, enum talk_end from)
{
	pb_ethernet(pb, from == CLIENT ? 1 : 2, from == CLIENT ? 2 : 1);
}

/* ------------------------------------------------------------------------ GRE */

enum { CHECKSUM = 0x8000, KEY = 0x2000, SEQUENCE = 0x1000 };

/* What follows is named by the type. */
static inline void gre(struct pb *pb, uint16_t flags, uint32_t key)
{
	size_t at = pb->length;

	pb_protocol(pb, 47);
	pb_be16(pb, flags);
	pb_be16(pb, 0);
	if (flags & CHECKSUM)
		pb_be32(pb, 0);
	if (flags & KEY)
		pb_be32(pb, key);
	if (flags & SEQUENCE)
		pb_be32(pb, 7);
	pb->next = PB_NEXT_ETHERTYPE;
	pb->next_at = at + 2;
}

/* GRE with a type whose header pb does not know. */
static inline void gre_type(struct pb *pb, uint16_t flags, uint32_t key, uint16_t type)
{
	gre(pb, flags, key);
	sf_store_be16(pb->data + pb->next_at, type);
	pb->next = PB_NEXT_NONE;
}

static inline void next_ppp(struct pb *pb)
{
	pb_be16(pb, 0);
	pb->next = PB_NEXT_PPP;
	pb->next_at = pb->length - 2;
}

/* -------------------------------------------------------------------- mirrors */

static inline void erspan2(struct pb *pb, unsigned removed, uint16_t vlan)
{
	gre_type(pb, SEQUENCE, 0, 0x88be);
	pb_be16(pb, (uint16_t)(0x1000 | vlan));
	pb_be16(pb, (uint16_t)(removed << 11 | 101));
	pb_be32(pb, 0x15);
}

static inline void erspan3(struct pb *pb, bool more)
{
	gre_type(pb, SEQUENCE, 0, 0x22eb);
	pb_be16(pb, 0x2000 | 50);
	pb_be16(pb, 102);
	pb_be32(pb, 123456);
	BYTES(pb, 0, 0, 0x80, more);
	if (more)
		BYTES(pb, 0x0c, 0, 0, 0, 0, 0, 0, 0);
}

/* 802.11 data from a station to the access point, LLC behind it. */
static inline void radio_frame(struct pb *pb, enum talk_end from, bool swapped)
{
	pb_be16(pb, swapped ? 0x0108 : 0x0801);
	pb_be16(pb, 0);
	pb_mac(pb, 9);
	pb_mac(pb, from == CLIENT ? 1 : 2);
	pb_mac(pb, from == CLIENT ? 2 : 1);
	pb_be16(pb, 0);
	pb->next = PB_NEXT_NONE;
	pb_llc_snap(pb);
}

/* ----------------------------------------------------------- VXLAN and GENEVE */

static inline void vxlan_header(struct pb *pb, uint8_t flags, uint8_t protocol, uint32_t id)
{
	BYTES(pb, flags, 0, 0, protocol);
	pb_be32(pb, id << 8);
}

/* Options in units of four octets follow. */
static inline void geneve_header(struct pb *pb, uint8_t options, uint32_t id)
{
	size_t at = pb->length;

	BYTES(pb, options, 0, 0, 0);
	pb_be32(pb, id << 8);
	for (unsigned i = 0; i < options; i++)
		pb_be32(pb, i == 0 ? 0x01080101 : 0x11223344);
	pb->next = PB_NEXT_ETHERTYPE;
	pb->next_at = at + 2;
}

/* --------------------------------------------------------------------- others */

/* `more`: octets behind the first eight: sequence, N-PDU, extension headers. */
static inline void gtp(struct pb *pb, const struct talk *talk, uint8_t flags, uint32_t id,
	const uint8_t *more, size_t length)
{
	BYTES(pb, flags, 0xff);
	pb_be16(pb, (uint16_t)(length + (is_v6(talk) ? 40 : 20) + 8 + 33));
	pb_be32(pb, id);
	pb_bytes(pb, more, length);
}

/* A segment routing header with one segment (RFC 8754). */
static inline void segment_routing(struct pb *pb)
{
	uint8_t header[22] = { 4, 0, 0, 0, 0, 0, 0x20, 1, 0x0d, 0xb8, 0, 9 };

	pb_extension(pb, 43, header, sizeof(header));
}

/* ------------------------------------------------------------------- captures */

enum { BOTH, ONLY4, ONLY6 };

struct tunnel {
	link_writer link;
	int versions; /* of IP inside */
};

static inline void send_tunnels(
	struct trace *trace, const struct tunnel *tunnels, size_t count, uint16_t port)
{
	static const char *const addresses[2][2] = {
		{ "192.0.2.10", "198.51.100.53" },
		{ "2001:db8:1::10", "2001:db8:2::53" },
	};

	for (size_t i = 0; i < count; i++)
		for (unsigned v6 = 0; v6 < 2; v6++) {
			struct talk talk = {
				.trace = trace,
				.link = tunnels[i].link,
				.address = { addresses[v6][0], addresses[v6][1] },
				.port = { (uint16_t)(port + i), 53 },
				.time = TRACE_START + (int64_t)(i + 1) * SECOND + v6 * 500 * MS,
			};

			if (tunnels[i].versions != (v6 ? ONLY4 : ONLY6))
				talk_dns(&talk, "www.example.net", (uint16_t)(1000 + i));
		}
}

#define SEND(trace, port, ...)                                                                     \
	do {                                                                                       \
		const struct tunnel list[] = { __VA_ARGS__ };                                      \
		send_tunnels(trace, list, sizeof(list) / sizeof(list[0]), port);                   \
	} while (0)

#endif
