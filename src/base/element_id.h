/* SPDX-License-Identifier: BSD-2-Clause */
/* The numbers of the IANA information elements by their names: SF_IE_octetDeltaCount is 1. */
#ifndef SPANFLOW_BASE_ELEMENT_ID_H
#define SPANFLOW_BASE_ELEMENT_ID_H

enum sf_element_id {
/* clang-format off */
#define X(element_id, element_name, element_type) SF_IE_##element_name = element_id,
#include "base/elements.def"
	/* clang-format on */
};

#endif
