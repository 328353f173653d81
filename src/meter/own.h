/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recognises the export traffic of this process on the mirror port: packets of the sessions with
 * its collectors, in either direction. One thread adds sessions while others search.
 */
#ifndef SPANFLOW_METER_OWN_H
#define SPANFLOW_METER_OWN_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/facts.h"

#define SF_OWN_MAX 64

struct sockaddr;

struct sf_own {
	atomic_uint count; /* release in sf_own_add(), acquire in sf_own_search(): for session[] */
	struct sf_facts session[SF_OWN_MAX]; /* address, ports, protocol, version, address6 */
};

/*
 * Adds a session between two AF_INET or AF_INET6 addresses (v4-mapped ones count as IPv4).
 * Returns 0, also if it is there already, or SF_EUNSUPPORTED for another family, -ENOSPC when the
 * list is full.
 */
int sf_own_add(
	struct sf_own *own, const struct sockaddr *a, const struct sockaddr *b, uint8_t protocol);

/* Slow part of sf_own_match(). */
bool sf_own_search(const struct sf_own *own, const struct sf_facts *facts);

/* True if the packet belongs to one of the sessions. */
static inline bool sf_own_match(const struct sf_own *own, const struct sf_facts *facts)
{
	return atomic_load_explicit(&own->count, memory_order_relaxed) && sf_own_search(own, facts);
}

#endif
