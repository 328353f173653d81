/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Templates by variant. A variant is the set of conditions (SF_WHEN_…) in which a record differs
 * from others of its session, such as IPv6 | ICMP. Whatever belongs to one variant (the slot of a
 * session, the columns of text) begins with a struct sf_variant and is made when the first record
 * of it comes:
 *
 *	struct slot { struct sf_variant variant; … };
 *	struct slot *slot = (struct slot *)sf_variants_find(&variants, when);
 *
 *	if (!slot && (slot = calloc(1, sizeof(*slot))))
 *		sf_variants_add(&variants, &slot->variant, when);
 */
#ifndef SPANFLOW_ENCODE_VARIANT_H
#define SPANFLOW_ENCODE_VARIANT_H

#include <stddef.h>
#include <stdint.h>

#define SF_VARIANT_BUCKETS 64

struct sf_variant {
	struct sf_variant *next;      /* the next larger `when` */
	struct sf_variant *hash_next; /* in the same bucket */
	uint64_t when;
};

/* All zero: there are none. */
struct sf_variants {
	struct sf_variant *first; /* ordered by `when` */
	struct sf_variant *buckets[SF_VARIANT_BUCKETS];
};

static inline unsigned sf_variant_bucket(uint64_t when)
{
	return (unsigned)(when * UINT64_C(0x9e3779b97f4a7c15) >> 58);
}

/* The variant with this `when`; NULL: there is none. */
static inline struct sf_variant *sf_variants_find(const struct sf_variants *variants, uint64_t when)
{
	struct sf_variant *variant = variants->buckets[sf_variant_bucket(when)];

	while (variant && variant->when != when)
		variant = variant->hash_next;
	return variant;
}

/* Adds a variant. There must be none with this `when` yet. */
static inline void sf_variants_add(
	struct sf_variants *variants, struct sf_variant *variant, uint64_t when)
{
	struct sf_variant **bucket = &variants->buckets[sf_variant_bucket(when)];
	struct sf_variant **at = &variants->first;

	while (*at && (*at)->when < when)
		at = &(*at)->next;
	*variant = (struct sf_variant){ .next = *at, .hash_next = *bucket, .when = when };
	*at = *bucket = variant;
}

#endif
