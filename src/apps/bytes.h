/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking parts from the front of bytes that anybody may have sent: each
 * length is checked before it is used.
 */
#ifndef SPANFLOW_APPS_BYTES_H
#define SPANFLOW_APPS_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/wire.h"

struct sf_bytes {
	const uint8_t *p;
	size_t length;
};

/* Takes `count` bytes from the front. False: there are fewer. */
static inline bool sf_bytes_take(struct sf_bytes *from, size_t count, struct sf_bytes *part)
{
	if (from->length < count)
		return false;
	*part = (struct sf_bytes){ from->p, count };
	from->p += count;
	from->length -= count;
	return true;
}

/* Takes bytes whose number stands in front of them, in `width` bytes. */
static inline bool sf_bytes_take_counted(
	struct sf_bytes *from, unsigned width, struct sf_bytes *part)
{
	struct sf_bytes count;

	return sf_bytes_take(from, width, &count) &&
	       sf_bytes_take(from, sf_load_be(count.p, width), part);
}

#endif
