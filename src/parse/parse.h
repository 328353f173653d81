/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packet bytes to facts. Pure: no state, no allocation, no clock; reads no byte outside
 * packet->data[0 … captured-1], whatever the bytes are, and reports no field that was cut.
 */
#ifndef SPANFLOW_PARSE_PARSE_H
#define SPANFLOW_PARSE_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include <spanflow/meter.h>
#include <spanflow/packet.h>

#include "base/facts.h"

#define SF_PARSED (-1)

/*
 * Sets all members of `facts` that have a meaning for the packet; scope is 0, interface is the
 * packet's slot (without an interface base), and clock_ns is the packet's time. address6 of an IPv4
 * packet is left as it was.
 * Returns SF_PARSED, or the reason why the frame is not metered (enum sf_ignored). Facts are then
 * undefined, except the ethertype of a nonIp frame.
 */
int sf_parse(const struct sf_packet *packet, struct sf_facts *facts);

/*
 * Sets facts->mirror from the trailer that a tap has added behind the frame, if there is one. The
 * packet has been parsed, and its facts have their tail.
 */
void sf_parse_trailer(const struct sf_packet *packet, struct sf_facts *facts);

/* True if there is such a trailer, with its time in *time_ns; facts as for sf_parse_trailer(). */
bool sf_parse_trailer_time(
	const struct sf_packet *packet, const struct sf_facts *facts, int64_t *time_ns);

/*
 * True if a switch or tap has written a time stamp into the frame, with *time_ns set, in ns since
 * 1970: Arista's header of Ethernet type 0xd28b, or the trailer. The frame may lack parts of the
 * time (upper bits of the seconds, whether TAI is meant): these are chosen so that the time is
 * nearest to the packet's own.
 */
bool sf_parse_stamp(const struct sf_packet *packet, int64_t *time_ns);

#endif
