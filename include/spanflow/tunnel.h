/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tunnels: IP packets that carry other packets. A meter opens the kinds that it is told to; of the
 * others the outer packet is metered.
 *
 *	struct sf_tunnel_options tunnels = { .mode[SF_TUNNEL_GRE] = SF_TUNNEL_INNER };
 *	struct sf_meter_options options = { …, .tunnels = &tunnels };
 *
 * Any thread may call the functions.
 */
#ifndef SPANFLOW_TUNNEL_H
#define SPANFLOW_TUNNEL_H

#include <stdbool.h>
#include <stdint.h>

#include <spanflow/declare.h>
#include <spanflow/error.h>

SF_BEGIN_PUBLIC

/*
 * X(id, name, text, mirror): name as in --tunnel, text for people; mirror: switches, access points
 * or clouds send mirrored frames in this encapsulation, ALWAYS or only on networks where the user
 * says so (SOMETIMES).
 */
#define SF_TUNNEL_KINDS(X)                                                                         \
	X(ERSPAN, "erspan", "ERSPAN", SF_TUNNEL_MIRRORS_ALWAYS)                                    \
	X(TZSP, "tzsp", "TZSP", SF_TUNNEL_MIRRORS_ALWAYS)                                          \
	X(HPE_ERM, "hpe-erm", "HPE ERM", SF_TUNNEL_MIRRORS_ALWAYS)                                 \
	X(ARUBA_ERM, "aruba-erm", "Aruba ERM", SF_TUNNEL_MIRRORS_ALWAYS)                           \
	X(VXLAN, "vxlan", "VXLAN", SF_TUNNEL_MIRRORS_SOMETIMES)                                    \
	X(GENEVE, "geneve", "GENEVE", SF_TUNNEL_MIRRORS_SOMETIMES)                                 \
	X(GRE, "gre", "GRE", SF_TUNNEL_MIRRORS_SOMETIMES)                                          \
	X(NVGRE, "nvgre", "NVGRE", SF_TUNNEL_MIRRORS_SOMETIMES)                                    \
	X(GTP_U, "gtp-u", "GTP-U", SF_TUNNEL_MIRRORS_NEVER)                                        \
	X(MPLS, "mpls-udp", "MPLS over UDP", SF_TUNNEL_MIRRORS_NEVER)                              \
	X(L2TP, "l2tp", "L2TP", SF_TUNNEL_MIRRORS_NEVER)                                           \
	X(IP_IN_IP, "ipip", "IP in IP", SF_TUNNEL_MIRRORS_NEVER)                                   \
	X(SRV6, "srv6", "SRv6", SF_TUNNEL_MIRRORS_NEVER)                                           \
	X(ETHER_IP, "etherip", "EtherIP", SF_TUNNEL_MIRRORS_NEVER)                                 \
	X(TEREDO, "teredo", "Teredo", SF_TUNNEL_MIRRORS_NEVER)                                     \
	X(LISP, "lisp", "LISP", SF_TUNNEL_MIRRORS_NEVER)                                           \
	X(CAPWAP, "capwap", "CAPWAP", SF_TUNNEL_MIRRORS_NEVER)                                     \
	X(AH, "ah", "AH", SF_TUNNEL_MIRRORS_NEVER)                                                 \
	X(AYIYA, "ayiya", "AYIYA", SF_TUNNEL_MIRRORS_NEVER)                                        \
	X(GTP_0, "gtp-v0", "GTP version 0", SF_TUNNEL_MIRRORS_NEVER)

enum sf_tunnel_kind {
#define X(id, name, text, mirror) SF_TUNNEL_##id,
	SF_TUNNEL_KINDS(X)
#undef X
		SF_TUNNEL_COUNT
};

enum sf_tunnel_mirrors {
	SF_TUNNEL_MIRRORS_NEVER,
	SF_TUNNEL_MIRRORS_SOMETIMES,
	SF_TUNNEL_MIRRORS_ALWAYS,
};

/* What is metered of a tunnel of one kind. */
enum sf_tunnel_mode {
	SF_TUNNEL_DEFAULT, /* INNER for kinds that always are mirrors, OUTER for all others */
	SF_TUNNEL_OUTER,   /* the outer packet */
	SF_TUNNEL_INNER,   /* the inner packet */
	SF_TUNNEL_BOTH,    /* both of them: two flows, which name each other */
};

#define SF_TUNNEL_PORTS_MAX 16

/* Zeros: the default. */
struct sf_tunnel_options {
	uint8_t mode[32]; /* enum sf_tunnel_mode, by enum sf_tunnel_kind */
	bool mirror;      /* VXLAN, GENEVE, GRE and NVGRE carry mirrored frames */
	/* UDP ports beside the assigned ones, `port_count` of them */
	struct {
		uint16_t port;
		uint8_t kind; /* enum sf_tunnel_kind; one that UDP carries */
	} ports[SF_TUNNEL_PORTS_MAX];
	unsigned port_count;
	bool only; /* packets that carry no other packet are left out: the source is a socket */
};

/* The name as in --tunnel, and the name for people. Static storage. */
const char *sf_tunnel_name(enum sf_tunnel_kind kind);
const char *sf_tunnel_text(enum sf_tunnel_kind kind);

/* Whether mirrored frames come in this encapsulation. */
enum sf_tunnel_mirrors sf_tunnel_mirrors(enum sf_tunnel_kind kind);

/*
 * True if UDP carries tunnels of this kind, so that it may have other ports than the assigned ones.
 */
bool sf_tunnel_has_port(enum sf_tunnel_kind kind);

/*
 * sf_tunnel_options_add() changes `options` as --tunnel does: "inner" is for all kinds that are not
 * mirrors always, "gre=inner,vxlan=outer" for these kinds. sf_tunnel_options_add_port() adds a UDP
 * port: "vxlan=8473". Both return 0, or SF_EUSAGE with the reason in `error`; `options` may have
 * changed in part then.
 */
SF_CHECKED int sf_tunnel_options_add(
	struct sf_tunnel_options *options, const char *text, struct sf_error *error);
SF_CHECKED int sf_tunnel_options_add_port(
	struct sf_tunnel_options *options, const char *text, struct sf_error *error);

/*
 * Changes `options` for packets of a socket of this host that mirrored frames are sent to: the
 * tunnel that begins at this UDP port (0: GRE) is opened, unless its mode is OUTER. `kind`: name of
 * the kind; "": the port says it. `source`: what messages call the socket. 0, or SF_EUSAGE with
 * what to do in `error`.
 */
SF_CHECKED int sf_tunnel_options_add_socket(struct sf_tunnel_options *options, uint16_t port,
	const char *kind, const char *source, struct sf_error *error);

SF_END_PUBLIC

#endif
