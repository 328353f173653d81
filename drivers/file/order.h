/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads numbers of a capture file. `swapped`: the file has the opposite byte order. No bounds
 * check, as in base/wire.h.
 */
#ifndef SPANFLOW_FILE_ORDER_H
#define SPANFLOW_FILE_ORDER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t sf_load16(const uint8_t *p, bool swapped)
{
	uint16_t value;

	memcpy(&value, p, sizeof(value));
	return swapped ? __builtin_bswap16(value) : value;
}

static inline uint32_t sf_load32(const uint8_t *p, bool swapped)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return swapped ? __builtin_bswap32(value) : value;
}

static inline uint64_t sf_load64(const uint8_t *p, bool swapped)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return swapped ? __builtin_bswap64(value) : value;
}

#endif
