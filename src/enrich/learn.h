/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Behind which interface a MAC address was seen, as a switch learns it: from the source addresses
 * of records. The table has a fixed size; in a full bucket the address that was not seen for the
 * longest time makes room. What was not seen for five minutes is not known any more.
 */
#ifndef SPANFLOW_ENRICH_LEARN_H
#define SPANFLOW_ENRICH_LEARN_H

#include <stdint.h>

#include "base/hash.h"

#define SF_LEARN_BUCKETS 4096
#define SF_LEARN_WAYS    4
#define SF_LEARN_AGE_NS  INT64_C(300000000000)

struct sf_learned {
	uint64_t mac; /* + 1 << 48; 0: free */
	int64_t seen_ns;
	uint32_t interface;
};

struct sf_learn {
	uint64_t key[2];
	struct sf_learned entries[SF_LEARN_BUCKETS][SF_LEARN_WAYS];
};

/* `learn` is all zero. 0 or a negative errno value. */
int sf_learn_init(struct sf_learn *learn);

/* A packet from this address came in by an interface. Group addresses and zeros are not learned. */
void sf_learn_add(struct sf_learn *learn, const uint8_t *mac, uint32_t interface, int64_t seen_ns);

/*
 * The interface behind which the address was seen at most SF_LEARN_AGE_NS before `now_ns`; 0: none.
 */
uint32_t sf_learn_find(const struct sf_learn *learn, const uint8_t *mac, int64_t now_ns);

#endif
