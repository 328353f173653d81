/* SPDX-License-Identifier: BSD-2-Clause */
/* Which values of a collected record are shown, for text.c and table.c. */
#ifndef SPANFLOW_TEXT_CELL_H
#define SPANFLOW_TEXT_CELL_H

#include <stdbool.h>

#include <spanflow/collect.h>
#include <spanflow/field.h>

#include "encode/template.h"

/* The exporter told this of direction `half`, and the flow has it. */
static inline bool sf_cell_known(const struct sf_collected *record, unsigned half, uint32_t known)
{
	return (record->known[half] & ~record->wide[half] & known) != 0;
}

struct sf_cell {
	enum {
		SF_CELL_ABSENT, /* the record does not say it */
		SF_CELL_FLOW,   /* it is in the flow */
		SF_CELL_VALUE,  /* `value`, as it was sent */
	} kind;
	struct sf_field_value value;
	uint8_t number[4]; /* what value.data may point to */
};

/*
 * Finds the value of an element in the row of direction `d`. `each`: each direction has a value of
 * its own.
 */
void sf_cell_find(struct sf_cell *cell, const struct sf_collected *record,
	const struct sf_spec *spec, bool each, unsigned d);

/* True if the element's value is looked for in the flow: it has a member for it. */
bool sf_cell_is_of_flow(uint32_t pen, uint16_t id);

/* The first field of that element, those of the origin included; NULL: there is none. */
const struct sf_field_value *sf_cell_field(
	const struct sf_collected *record, uint32_t pen, uint16_t id);

#endif
