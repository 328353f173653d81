/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the parser: a function for the header of each kind of tunnel. It reads the header at w->p
 * (w->end is the end of the captured bytes), moves w->p to what is inside and returns the kind of
 * that (NEXT_TRANSPORT: the next header of the same packet). NEXT_DONE: it is no tunnel, or the
 * header is not captured whole.
 */
#ifndef SPANFLOW_PARSE_TUNNEL_HEADER_H
#define SPANFLOW_PARSE_TUNNEL_HEADER_H

#include "parse/tunnel.h"
#include "parse/walk.h"

enum {
	PROTOCOL_IPIP = 4,
	PROTOCOL_IPV6 = 41,
	PROTOCOL_GRE = 47,
	PROTOCOL_ETHERIP = 97,
	PROTOCOL_L2TP = 115,
	PROTOCOL_MPLS = 137,
	PROTOCOL_ETHERNET = 143,
	UDP_HEADER = 8,
};

struct tunnel {
	uint8_t kind;  /* enum sf_tunnel_kind */
	uint16_t port; /* UDP: the port that named it */
	bool hinted;   /* only a UDP port named it: other packets may have that port too */
	uint32_t id;   /* VNI, GRE key, TEID, session; 0: none */
	struct sf_mirror_facts mirror; /* if it carries mirrored frames; `id` is the one above */
};

typedef enum next sf_tunnel_header(struct walk *w, struct tunnel *tunnel);

/* tunnel_ip.c: named by the IP protocol */
sf_tunnel_header sf_header_ipip;
sf_tunnel_header sf_header_ipv6;
sf_tunnel_header sf_header_gre;
sf_tunnel_header sf_header_ah;
sf_tunnel_header sf_header_etherip;
sf_tunnel_header sf_header_l2tp_ip;
sf_tunnel_header sf_header_mpls;
sf_tunnel_header sf_header_ethernet;

/* tunnel_udp.c: named by a UDP port */
sf_tunnel_header sf_header_vxlan;
sf_tunnel_header sf_header_geneve;
sf_tunnel_header sf_header_gtp_u;
sf_tunnel_header sf_header_gtp_0;
sf_tunnel_header sf_header_ayiya;
sf_tunnel_header sf_header_l2tp_udp;
sf_tunnel_header sf_header_teredo;
sf_tunnel_header sf_header_lisp;
sf_tunnel_header sf_header_capwap;
sf_tunnel_header sf_header_tzsp;
sf_tunnel_header sf_header_aruba_erm;
sf_tunnel_header sf_header_hpe_erm;

/* A packet by the first digit of its header: IPv4 or IPv6. NEXT_DONE: neither. */
static inline enum next next_ip(const struct walk *w)
{
	if (walk_left(w) < 1)
		return NEXT_DONE;
	return w->p[0] >> 4 == 4 ? NEXT_IPV4 : w->p[0] >> 4 == 6 ? NEXT_IPV6 : NEXT_DONE;
}

/* PPP with or without address and control field (RFC 1661, RFC 1662 §3.1). */
static inline enum next next_ppp(struct walk *w)
{
	if (walk_left(w) >= 2 && w->p[0] == 0xff && w->p[1] == 0x03)
		w->p += 2;
	return walk_left(w) ? NEXT_PPP : NEXT_DONE;
}

#endif
