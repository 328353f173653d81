/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs of plain packets, parsed with vector instructions: Ethernet with at most one 802.1Q tag,
 * IPv4 without options or fragments, IPv6 without extension headers, TCP or UDP, captured up to the
 * TCP flags at least, not to a port of mirrors, all from one interface. Facts are bytes of these
 * headers in another order: a few shuffles make them, where plain.h needs many shifts.
 *
 * Which endpoint comes first selects one of two shuffle masks, so no branch depends on it.
 */
#ifndef SPANFLOW_PARSE_RUN_H
#define SPANFLOW_PARSE_RUN_H

#include <spanflow/packet.h>

#include "base/facts.h"
#include "parse/tunnel.h"

/*
 * Writes the facts of packets[0 … n-1] and returns n: packets[n] is the first packet that is not
 * plain, or n == count. As sf_parse(), but without the optional facts, and with scope and interface
 * base. `count` > 0.
 */
typedef unsigned sf_parse_run(const struct sf_packet *packets, unsigned count,
	struct sf_facts *facts, uint16_t scope, uint16_t interface_base);

/*
 * A packet to one of the ports of mirrors may hold a frame that tunnel.c opens, so it is not plain.
 * One comparison tests for both ports, in the bits in which they agree; so 62 other ports are not
 * plain either, and cost more.
 */
#define SF_MIRROR_PORT_BITS  (0xffff & ~(SF_PORT_TZSP ^ SF_PORT_ARUBA_ERM))
#define SF_MIRROR_PORT_VALUE (SF_MIRROR_PORT_BITS & SF_PORT_TZSP)

/* The function for this processor; NULL: it has none that is faster than sf_parse_plain(). */
sf_parse_run *sf_parse_run_here(void);

#endif
