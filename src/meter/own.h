/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recognises this process's own export traffic on the mirror port: the sockets of its collectors,
 * in either direction. One thread adds to the list, others may search it meanwhile.
 */
#ifndef SPANFLOW_METER_OWN_H
#define SPANFLOW_METER_OWN_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/facts.h"

#define SF_OWN_MAX 64

struct sockaddr;

struct sf_own {
	atomic_uint count; /* release by sf_own_add(), acquire by sf_own_search(): see session[] */
	struct sf_facts
		session[SF_OWN_MAX]; /* address, ports, protocol, version, address6 are used */
};

/*
 * Adds a session between two AF_INET or AF_INET6 addresses (v4-mapped ones count as IPv4).
 * Returns 0, also if it is there already, or SF_EUNSUPPORTED for another family, -ENOSPC when the
 * list is full.
 */
int sf_own_add(
	struct sf_own *own, const struct sockaddr *a, const struct sockaddr *b, uint8_t protocol);

/* Outlined part of sf_own_match(). */
bool sf_own_search(const struct sf_own *own, const struct sf_facts *facts);

/* Does this packet belong to one of the sessions? */
static inline bool sf_own_match(const struct sf_own *own, const struct sf_facts *facts)
{
	return atomic_load_explicit(&own->count, memory_order_relaxed) && sf_own_search(own, facts);
}

#endif
