/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IP packets that carry other packets. Kinds of tunnel are rows of a table
 * (include/spanflow/tunnel.h). struct sf_tunnels says which kinds are opened; the facts of an
 * opened tunnel are those of the packet inside.
 *
 *	struct sf_tunnels tunnels;
 *	struct sf_tunnel_options options = { .mode[SF_TUNNEL_GRE] = SF_TUNNEL_INNER };
 *
 *	sf_tunnels_init(&tunnels, &options);
 *	result = sf_parse_tunnels(packet, &tunnels, &facts);
 *
 * An IP protocol or a UDP port is only a hint: a packet whose header is not one of the tunnel's, or
 * whose inside is no packet, is metered as the outer one. Mirrors are an exception: the mirrored
 * frame is what was observed, also if it is ARP or was cut.
 */
#ifndef SPANFLOW_PARSE_TUNNEL_H
#define SPANFLOW_PARSE_TUNNEL_H

#include <stdbool.h>
#include <stdint.h>

#include <spanflow/packet.h>
#include <spanflow/tunnel.h>

#include "base/facts.h"

/* Most tunnels around one packet. */
#define SF_TUNNEL_DEPTH 8

/* UDP ports that are looked at without any option: those of kinds that always are mirrors. */
#define SF_PORT_ARUBA_ERM 5555
#define SF_PORT_TZSP      37008

#define SF_TUNNEL_ROWS_MAX (SF_TUNNEL_PORTS_MAX + 16)

struct sf_tunnels {
	/* by kind: 1 << enum sf_tunnel_kind */
	uint32_t open;
	uint32_t always;    /* of these, the ones that always carry mirrored frames */
	uint32_t sometimes; /* kinds that carry mirrored frames here, but not within such frames */
	uint32_t both;      /* of these, the ones around which the outer packet is metered too */
	bool only;          /* sf_tunnel_options.only */
	bool udp; /* one of them has UDP ports other than SF_PORT_ARUBA_ERM and SF_PORT_TZSP */
	uint32_t port_bits[8]; /* bit port % 256: a row below may have that port */
	unsigned row_count;
	struct sf_tunnel_port {
		uint16_t port;
		uint8_t kind;
		bool either;    /* the tunnel's port may be that of the sender */
		uint8_t header; /* which function reads what is behind it */
	} rows[SF_TUNNEL_ROWS_MAX];
};

/* `options`: NULL is the default. */
void sf_tunnels_init(struct sf_tunnels *tunnels, const struct sf_tunnel_options *options);

/* The kind that has this UDP port, by the options or as it was assigned; SF_TUNNEL_COUNT: none. */
enum sf_tunnel_kind sf_tunnel_of_port(const struct sf_tunnel_options *options, uint16_t port);

/* True if facts may tell which tunnel a packet was in: a kind is opened that is no mirror. */
static inline bool sf_tunnels_tell(const struct sf_tunnels *tunnels)
{
	return tunnels->open & ~tunnels->always;
}

/* What sf_parse_tunnels() has found beside the packet that it returns. */
enum sf_around {
	SF_AROUND_NONE,
	SF_AROUND_PAIR, /* the outer packet, which is to be metered as well */
	/* the outer packet, which is the first fragment of its datagram: not to be metered */
	SF_AROUND_FRAGMENT,
};

/*
 * As sf_parse(), but opens tunnels. *found says which packet's facts `around` has: the packet
 * around the first tunnel of a kind that `both` has; else the first packet around the one inside
 * that was a first fragment. With SF_AROUND_PAIR the function may return a reason, which is that of
 * the packet inside.
 */
int sf_parse_tunnels(const struct sf_packet *packet, const struct sf_tunnels *tunnels,
	struct sf_facts *facts, struct sf_facts *around, enum sf_around *found);

/*
 * The kind of tunnel that a parsed packet begins, by its header; SF_TUNNEL_COUNT: none. `facts`: of
 * the outer packet, whose payload is the `left` captured bytes at `payload`. Not for later
 * fragments.
 */
enum sf_tunnel_kind sf_tunnel_recognise(const struct sf_tunnels *tunnels,
	const struct sf_packet *packet, const struct sf_facts *facts, const uint8_t *payload,
	size_t left);

/* True if an Ethernet frame with an IP packet begins at `p`. */
bool sf_looks_like_frame(const uint8_t *p, size_t left);

/*
 * True if a packet with these UDP ports may be a tunnel that is opened; `ports` as in the facts, in
 * either order.
 */
static inline bool sf_tunnels_may_be(const struct sf_tunnels *tunnels, uint32_t ports)
{
	const uint32_t *bits = tunnels->port_bits;

	return (bits[ports >> 5 & 7] >> (ports & 31) |
		       bits[ports >> 21 & 7] >> (ports >> 16 & 31)) &
	       1;
}

/* The same without any option. */
static inline bool sf_is_mirror_port(uint16_t port)
{
	return port == SF_PORT_TZSP || port == SF_PORT_ARUBA_ERM;
}

#endif
