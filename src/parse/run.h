/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs of the plainest packets, with vector instructions: Ethernet with one 802.1Q tag that has a
 * VLAN id, or none, IPv4 without options or fragments, IPv6 without extension headers, TCP or UDP,
 * captured up to TCP's flags at least, all from one interface. Facts are bytes of these headers in
 * another order, which shuffles bring into it; plain.h gets there with shifts.
 *
 * Which endpoint comes first chooses between two orders, so nothing branches on it.
 */
#ifndef SPANFLOW_PARSE_RUN_H
#define SPANFLOW_PARSE_RUN_H

#include <spanflow/packet.h>

#include "base/facts.h"

/*
 * Facts of packets[0 … n), as sf_parse() gives them but for the rare ones, with scope and interface
 * base put in, up to the first packet that is none of these; returns n. `count` > 0.
 */
typedef unsigned sf_parse_run(const struct sf_packet *packets, unsigned count,
	struct sf_facts *facts, uint16_t scope, uint16_t interface_base);

/* The one for this processor, or NULL: nothing here is faster than sf_parse_plain(). Any thread. */
sf_parse_run *sf_parse_run_here(void);

#endif
