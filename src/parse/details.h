/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Header fields that few runs want (struct sf_details), read from the packet's bytes once more when
 * the packet has been parsed. So the parser does not pay for them, and there is one reader for
 * every link layer and tunnel.
 *
 *	sf_parse_tunnels(packet, tunnels, &facts);
 *	sf_details_read(packet, &facts, SF_DETAILS_IP | SF_DETAILS_OPTIONS);
 *
 * A header that was not captured counts as absent; so does an option whose length byte is missing.
 */
#ifndef SPANFLOW_PARSE_DETAILS_H
#define SPANFLOW_PARSE_DETAILS_H

#include <spanflow/packet.h>

#include "base/facts.h"

/*
 * Sets the groups (SF_DETAILS_…) of facts->details. `facts`: as parsed, nothing of it changed yet.
 */
void sf_details_read(const struct sf_packet *packet, struct sf_facts *facts, unsigned groups);

#endif
