/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chooses packets before they are parsed (spanflow/sampling.h). The state belongs to who reads the
 * packets of a source in their order: so files give the same packets for any number of workers.
 *
 *	struct sf_sampler sampler = { 0 };
 *	if (sf_sampler_takes(&sampler, &sampling, &packet))
 *		…
 */
#ifndef SPANFLOW_METER_SAMPLE_H
#define SPANFLOW_METER_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>

#include <spanflow/packet.h>
#include <spanflow/sampling.h>

struct sf_sampler {
	uint64_t place;  /* COUNT: packets so far, modulo `of` */
	uint64_t left;   /* RANDOM: packets of the present group that are still to come, */
	uint64_t wanted; /* and how many of those are to be taken */
	uint64_t random; /* state of the generator; any value begins a sequence */
};

/*
 * True if the packet, the next one of its source, is metered.
 * `sampling` is the same in all calls.
 */
bool sf_sampler_takes(struct sf_sampler *sampler, const struct sf_sampling *sampling,
	const struct sf_packet *packet);

/* The hash of RFC 5475, appendix A.2 (BOB). */
uint32_t sf_sample_bob(const uint8_t *bytes, size_t length, uint32_t initial);

/*
 * Copies the bytes of a packet that are hashed, at most `size`. Returns their
 * number; 0: no IP packet was found.
 */
size_t sf_sample_bytes(const struct sf_packet *packet, uint8_t *bytes, size_t size);

/* Most bytes of a packet that are hashed. */
#define SF_SAMPLE_BYTES 64

#endif
