/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers with a unit, as people write them: "64k", "1.5MiB", "500ms". */
#ifndef SPANFLOW_BASE_SCALED_H
#define SPANFLOW_BASE_SCALED_H

#include <stdbool.h>
#include <stdint.h>

struct sf_unit {
	const char *name;
	uint64_t factor;
};

/*
 * Tables of units, which end with a NULL name: counts have k, M, G; bytes
 * KiB, MiB, GiB too; times are ns.
 */
extern const struct sf_unit sf_units_count[], sf_units_bytes[], sf_units_time[];

/*
 * Reads a number with a unit: digits, perhaps a decimal fraction, which must be a whole number of
 * the smallest unit, and the unit. False: the text has another form.
 */
bool sf_scaled_parse(const char *text, const struct sf_unit *units, uint64_t *value);

#endif
