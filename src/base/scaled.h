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

/* Each ends with a NULL name. Counts: k, M, G. Bytes: KiB, MiB, GiB, too. Times: in ns. */
extern const struct sf_unit sf_units_count[], sf_units_bytes[], sf_units_time[];

/* Digits, an optional decimal fraction (exact in the unit) and a unit. False: not of that form. */
bool sf_scaled_parse(const char *text, const struct sf_unit *units, uint64_t *value);

#endif
