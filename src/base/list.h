/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists of values of one element: basicList of RFC 6313 §4.5.1. On the wire a list is a semantic (1
 * byte), the element's id (2), the length of each value (2; 65535: each value tells its own), an
 * enterprise number (4) if the highest bit of the id is set, and the values.
 */
#ifndef SPANFLOW_BASE_LIST_H
#define SPANFLOW_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/value.h"

/* RFC 6313 §4.4 */
#define SF_LIST_NONE_OF     0
#define SF_LIST_EXACTLY_ONE 1
#define SF_LIST_ONE_OR_MORE 2
#define SF_LIST_ALL_OF      3
#define SF_LIST_ORDERED     4
#define SF_LIST_UNDEFINED   255

/* A list of numbers that is to be exported: of an element of IANA, each in `width` bytes. */
#define SF_LIST_MAX                 16
#define SF_LIST_BYTES(width, count) (5 + (width) * (count))
struct sf_basic_list {
	uint16_t element;
	uint8_t width, count;
	uint32_t numbers[SF_LIST_MAX];
};

/* The last number of a list; 0: it is empty. */
static inline uint32_t sf_list_last(struct sf_basic_list list)
{
	return list.count ? list.numbers[list.count - 1] : 0;
}

/*
 * Writes the `length` bytes of a basicList as text into `size` (> 0) bytes, with a final NUL: the
 * values as sf_value_write() has them, in JSON [840,17742], else 840,17742. Semantics that deny or
 * choose stand in front: {"noneOf":[840]} and noneOf(840). Values that do not fit are left out at
 * the end. Lists inside a list are bytes. Sets *written to the length without the NUL. False: it is
 * no list that is whole; nothing was written. Any thread.
 */
bool sf_list_write(enum sf_value_form form, const uint8_t *data, size_t length, char *text,
	size_t size, size_t *written);

#endif
