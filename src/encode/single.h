/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The value of one field of a flow, without a template: what conditions of a meter look at.
 *
 *	uint8_t bytes[SF_FIELD_BYTES_MAX];
 *	int field = sf_field_find(SF_PEN_SPANFLOW, 80);	dnsQueryName
 *	size_t length;
 *
 *	if (sf_field_read((unsigned)field, flow, d, false, bytes, &length))
 *		fwrite(bytes, 1, length, stdout);
 */
#ifndef SPANFLOW_ENCODE_SINGLE_H
#define SPANFLOW_ENCODE_SINGLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/flow.h>

#include "base/application.h"

#define SF_FIELD_BYTES_MAX 256

/* The first row of fields.def with that element, or -1. */
int sf_field_find(uint32_t pen, uint16_t id);

/*
 * Writes the value of direction d, as a data record has it but without the byte that tells its
 * length. `two_way`: of a record of both directions. False: such a record has no such field.
 */
bool sf_field_read(unsigned field, const struct sf_flow *flow, unsigned d, bool two_way,
	uint8_t *bytes, size_t *length);

/*
 * Name i that applicationName can have with the classifier's table, or
 * without one (NULL); NULL ends.
 */
const char *sf_field_application_name(const void *table, unsigned i);

#endif
