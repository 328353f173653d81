/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMP messages that belong together: a request and its reply are
 * the two directions of one flow.
 */
#ifndef SPANFLOW_BASE_ICMP_H
#define SPANFLOW_BASE_ICMP_H

#include <stdbool.h>
#include <stdint.h>

struct sf_icmp_pair {
	uint8_t version, request, reply; /* IP version, types */
	bool asked_for;                  /* a reply is sent only after a request, to its sender */
};

/* The pair that a message of this type belongs to; NULL: there is none. Static storage. */
const struct sf_icmp_pair *sf_icmp_pair(uint8_t version, uint8_t type);

/* The other type of the pair that `type` belongs to; `type` itself if `pair` is NULL. */
static inline uint8_t sf_icmp_other(const struct sf_icmp_pair *pair, uint8_t type)
{
	return !pair ? type : type == pair->request ? pair->reply : pair->request;
}

#endif
