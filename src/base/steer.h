/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which of several queues a packet belongs to: a keyed hash of its (outer) address pair, without
 * ports, and so the same for both directions and for every fragment. It consists of 32-bit
 * multiplications, additions, shifts and exclusive-ors only, so that the kernel can compute it in a
 * classic BPF program (base/steer_bpf.h) and deliver packets to the right queue.
 *
 * The four words of an endpoint (IPv4: three zeros and the address) are folded by a multilinear
 * hash with odd secret factors, and mixed. The results of both endpoints are added: the order of
 * the endpoints has no effect on a sum.
 */
#ifndef SPANFLOW_BASE_STEER_H
#define SPANFLOW_BASE_STEER_H

#include <stdint.h>

#include "base/facts.h"
#include "base/wire.h"

#define SF_STEER_WORDS 4 /* words of a key */
#define SF_STEER_MIX_1 0x85ebca6bU
#define SF_STEER_MIX_2 0xc2b2ae35U

static inline uint32_t sf_steer_mix(uint32_t endpoint)
{
	endpoint ^= endpoint >> 16;
	endpoint *= SF_STEER_MIX_1;
	return endpoint ^ endpoint >> 13;
}

static inline uint32_t sf_steer_join(uint32_t a, uint32_t b)
{
	uint32_t sum = (sf_steer_mix(a) + sf_steer_mix(b)) * SF_STEER_MIX_2;

	return sum ^ sum >> 16;
}

static inline uint32_t sf_steer_fold6(const uint8_t address[16], const uint32_t *key)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < SF_STEER_WORDS; i++)
		sum += sf_load_be32(address + 4 * i) * (key[i] | 1);
	return sum;
}

/* The hash of parsed facts; queue or worker number = hash % their number. Thread: any. */
static inline uint32_t sf_steer_hash(const struct sf_facts *facts, const uint32_t *key)
{
	uint32_t last = key[SF_STEER_WORDS - 1] | 1;

	if (facts->version == 6)
		return sf_steer_join(sf_steer_fold6(facts->address6[0], key),
			sf_steer_fold6(facts->address6[1], key));
	return sf_steer_join(
		(uint32_t)(facts->address >> 32) * last, (uint32_t)facts->address * last);
}

#endif
