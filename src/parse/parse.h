/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packet bytes to facts. Pure: no state, no allocation, no clock; reads no byte outside
 * packet->data[0 … captured-1], whatever the bytes are, and reports no field it did not see whole.
 */
#ifndef SPANFLOW_PARSE_PARSE_H
#define SPANFLOW_PARSE_PARSE_H

#include <spanflow/meter.h>
#include <spanflow/packet.h>

#include "base/facts.h"

#define SF_PARSED (-1)

/*
 * Fills all of `facts` that has a meaning for the packet, except scope (0) and the interface base
 * (interface is the packet's slot); clock_ns as if the packet were not late. address6 of an IPv4
 * packet is left as it was.
 * Returns SF_PARSED, or the reason why the frame is not metered: facts are then undefined, but for
 * the ethertype of a frame that is nonIp.
 */
int sf_parse(const struct sf_packet *packet, struct sf_facts *facts);

#endif
