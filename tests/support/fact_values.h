/* SPDX-License-Identifier: BSD-2-Clause */
/* Facts of base/facts.def in tests: of records as plain values, and records that have some. */
#ifndef TESTS_FACT_VALUES_H
#define TESTS_FACT_VALUES_H

#include <string.h>

#include "base/annex.h"

/* A value of every fact, of one direction. */
struct fact_values {
#define FACT(name, form, bytes, ...) uint8_t name[bytes];
#include "base/facts.def"
};

/* What the record has; zeros for what it does not have. */
static inline void fact_values_of(struct fact_values values[2], const struct sf_flow *flow)
{
	memset(values, 0, 2 * sizeof(*values));
	for (unsigned d = 0; d < 2; d++) {
#define FACT(name, form, bytes, ...)                                                               \
	/* those made of records have tests of their own */                                        \
	if (sf_fact_row(SF_FACT_##name)->merge != SF_FACT_MERGE_MADE)                              \
		memcpy(values[d].name, sf_fact_of(flow, SF_FACT_##name, d), bytes);
#include "base/facts.def"
	}
}

/* An annex with all facts, for records that a test makes: all zeros, then set_fact(). */
struct full_annex {
	struct sf_annex_layout layout;
	union {
		struct sf_annex annex;
		uint8_t bytes[4096];
	};
};

static inline void give_annex(struct sf_flow *flow, struct full_annex *full)
{
	memset(full, 0, sizeof(*full));
	sf_annex_layout_init(&full->layout, UINT64_MAX);
	full->annex.layout = &full->layout;
	flow->annex = &full->annex;
}

/* `value` in the form of the fact: a number in host order, or octets. */
static inline void set_fact(
	struct full_annex *full, enum sf_fact fact, unsigned d, const void *value)
{
	/* the layout knows where, and this test owns the memory */
	memcpy((uint8_t *)(uintptr_t)sf_fact_of(
		       &(struct sf_flow){ .annex = &full->annex }, fact, d),
		value, sf_fact_row(fact)->bytes);
}

static inline void set_number(
	struct full_annex *full, enum sf_fact fact, unsigned d, uint64_t value)
{
	const uint8_t u8 = (uint8_t)value;
	const uint16_t u16 = (uint16_t)value;
	const uint32_t u32 = (uint32_t)value;
	const void *const of[] = { NULL, &u8, &u16, NULL, &u32, NULL, NULL, NULL, &value };

	set_fact(full, fact, d, of[sf_fact_row(fact)->bytes]);
}

#endif
