/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routes: prefixes of both families and what is known of each. They are gathered in a draft, which
 * becomes a table that does not change any more:
 *
 *	struct sf_draft draft;
 *	sf_draft_init(&draft);
 *	value = sf_draft_route(&draft, &(struct sf_route_facts){ .as = 64500 });
 *	sf_draft_prefix(&draft, false, address, 24, value);
 *	sf_draft_finish(&draft, &routes);		frees the draft
 *	sf_routes_free(routes);
 */
#ifndef SPANFLOW_ENRICH_ROUTES_H
#define SPANFLOW_ENRICH_ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "enrich/lpm.h"

/* What is known of a prefix; 0: not known. */
struct sf_route {
	uint32_t as;
	uint32_t hops;   /* number of its struct sf_hops */
	uint32_t egress; /* interface of this host towards it */
	char country[2];
	uint8_t length; /* of the prefix; 0 for sources whose prefixes are no routes */
	uint8_t reserved;
};

/* Network order; IPv4 in the first 4 bytes; 0: not known. */
struct sf_hops {
	uint8_t next[16];
	uint8_t bgp[16];
};

struct sf_route_facts {
	uint32_t as, egress;
	char country[2];
	uint8_t length;
	struct sf_hops hops;
};

struct sf_routes {
	struct sf_lpm *lpm; /* values are numbers of `routes` */
	struct sf_route *routes;
	struct sf_hops *hops;
	uint32_t gives; /* SF_EXTRA_…: what is known of some prefix */
	size_t ipv4_count, ipv6_count, memory;
};

void sf_routes_free(struct sf_routes *routes);

/* Rows of equal size, each stored once. Row 0 is all zero. */
struct sf_rows {
	uint8_t *rows;
	uint32_t *index; /* open addressing: number of the row, 0: free */
	size_t size;     /* of a row; a multiple of 8 */
	uint32_t count, max, mask;
};

struct sf_draft_prefixes {
	struct sf_lpm_prefix *prefixes;
	size_t count, max;
};

struct sf_draft {
	struct sf_hash_key key;
	struct sf_rows routes, hops;
	struct sf_draft_prefixes ipv4, ipv6;
	uint32_t gives;
};

/* 0 or -ENOMEM. */
int sf_draft_init(struct sf_draft *draft);
void sf_draft_fini(struct sf_draft *draft);

/*
 * The number of the route with these facts, the same for equal ones; 0: nothing is known; -ENOMEM.
 */
int64_t sf_draft_route(struct sf_draft *draft, const struct sf_route_facts *facts);

/* Adds a prefix: `address` has 4 or 16 bytes. 0, -ENOMEM or -E2BIG. */
int sf_draft_prefix(
	struct sf_draft *draft, bool ipv6, const uint8_t *address, unsigned length, uint32_t route);

/* Both of these. */
int sf_draft_add(struct sf_draft *draft, bool ipv6, const uint8_t *address, unsigned length,
	const struct sf_route_facts *facts);

/* Makes the table. Frees the draft in any case. 0 or -ENOMEM. */
int sf_draft_finish(struct sf_draft *draft, struct sf_routes **routes);

#endif
