/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records as GoFlow2's FlowMessage (protocol buffers, pb/flow.proto of GoFlow2 2.x), each behind
 * its length as a varint: what consumers of GoFlow2's topics and ClickHouse's format Protobuf read.
 * Example:
 *
 *	struct sf_flowmessage message = { .received_ns = now, .sampling_rate = 1 };
 *
 *	end = sf_flowmessage_write(&message, p, flow, 0, sf_extra_of(flow, context));
 *	message.sequence++;
 *
 * Values that are 0 or not known are left out, as proto3 does.
 */
#ifndef SPANFLOW_ENCODE_FLOWMESSAGE_H
#define SPANFLOW_ENCODE_FLOWMESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <spanflow/enrich.h>
#include <spanflow/flow.h>

#include "encode/anonymize.h"

#define SF_FLOWMESSAGE_MAX 512 /* a message is never longer */

/* What all messages of a destination have in common. */
struct sf_flowmessage {
	uint64_t received_ns; /* time_received_ns */
	uint64_t sampling_rate;
	uint32_t sequence;
	uint8_t sampler[16]; /* address of this exporter */
	uint8_t sampler_length;
	bool has_way;                           /* the enricher tells interfaces */
	const struct sf_anonymizer *anonymizer; /* changes the addresses; NULL: none */
};

/* Direction d of the flow; returns the end. `extra`: what the enricher gave, or zeros. */
uint8_t *sf_flowmessage_write(const struct sf_flowmessage *message, uint8_t *p,
	const struct sf_flow *flow, unsigned d, const struct sf_extra *extra);

/* The facts on request that a FlowMessage has, as sf_exporter_wants(). */
uint64_t sf_flowmessage_facts(void);

#endif
