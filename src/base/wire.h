/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes in network order. The loads and stores do no bounds check: the caller has compared the
 * length before, in the form `end - p < n`.
 */
#ifndef SPANFLOW_BASE_WIRE_H
#define SPANFLOW_BASE_WIRE_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/branch.h"

static inline uint16_t sf_load_be16(const uint8_t *p)
{
	uint16_t value;

	memcpy(&value, p, sizeof(value));
	return be16toh(value);
}

static inline uint32_t sf_load_be32(const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return be32toh(value);
}

static inline uint64_t sf_load_be64(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return be64toh(value);
}

/* An unsigned number of 0 … 8 bytes: reduced-size encoding, RFC 7011 §6.2. */
static inline uint64_t sf_load_be(const uint8_t *p, size_t length)
{
	uint64_t value = 0;

	for (size_t i = 0; i < length; i++)
		value = value << 8 | p[i];
	return value;
}

/* Stores return the next position. */
static inline uint8_t *sf_store_u8(uint8_t *p, uint8_t value)
{
	*p = value;
	return p + 1;
}

/* [RFC7011-6.1.1-1] [RFC3954-4-1] */
static inline uint8_t *sf_store_be16(uint8_t *p, uint16_t value)
{
	value = htobe16(value);
	memcpy(p, &value, sizeof(value));
	return p + sizeof(value);
}

static inline uint8_t *sf_store_be32(uint8_t *p, uint32_t value)
{
	value = htobe32(value);
	memcpy(p, &value, sizeof(value));
	return p + sizeof(value);
}

static inline uint8_t *sf_store_be64(uint8_t *p, uint64_t value)
{
	value = htobe64(value);
	memcpy(p, &value, sizeof(value));
	return p + sizeof(value);
}

/* Inlined in any case: with a constant length it is one move. */
static sf_always_inline uint8_t *sf_store_bytes(uint8_t *p, const void *bytes, size_t length)
{
	memcpy(p, bytes, length);
	return p + length;
}

#endif
