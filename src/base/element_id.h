/* SPDX-License-Identifier: BSD-2-Clause */
/* The numbers of the IANA information elements by their names: SF_IE_octetDeltaCount is 1. */
#ifndef SPANFLOW_BASE_ELEMENT_ID_H
#define SPANFLOW_BASE_ELEMENT_ID_H

#include <spanflow/field.h>

enum sf_element_id {
/* clang-format off */
#define X(element_id, element_name, element_type) SF_IE_##element_name = element_id,
#include "base/elements.def"
	/* clang-format on */
};

/*
 * Changes the element to the one that says the same of the other direction (RFC 5103 §6.1).
 * Examples: 0/1 and 29305/1 become each other, and 32473/84 and 32473/16468.
 */
static inline void sf_element_turn(uint32_t *pen, uint16_t *id)
{
	if (*pen == 0 || *pen == SF_PEN_REVERSE)
		*pen = SF_PEN_REVERSE - *pen;
	else if (*pen != SF_PEN_NETFLOW9)
		*id ^= SF_REVERSE_BIT;
}

#endif
