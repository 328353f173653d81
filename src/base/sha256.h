/* SPDX-License-Identifier: BSD-2-Clause */
/* SHA-256 (FIPS 180-4 §6.2) of a text that comes in pieces; no allocation. */
#ifndef SPANFLOW_BASE_SHA256_H
#define SPANFLOW_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SF_SHA256_BYTES 32
#define SF_SHA256_BLOCK 64

struct sf_sha256 {
	uint32_t hash[8];
	uint8_t block[SF_SHA256_BLOCK];
	uint64_t length; /* bytes so far */
};

void sf_sha256_init(struct sf_sha256 *sha);
void sf_sha256_add(struct sf_sha256 *sha, const void *bytes, size_t length);
void sf_sha256_end(struct sf_sha256 *sha, uint8_t digest[SF_SHA256_BYTES]);

#endif
