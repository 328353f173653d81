/* SPDX-License-Identifier: BSD-2-Clause */
#include "apps/entropy.h"

#include <math.h>

#define UNIT 40 /* bits behind the point; 1000 terms of 256 octets fit into 64 bits */

void sf_entropy_init(struct sf_entropy *entropy)
{
	entropy->terms[0] = 0;
	for (unsigned n = 1; n <= SF_ENTROPY_OCTETS; n++)
		entropy->terms[n] = (uint64_t)llround(ldexp(n * log2(n), UNIT));
}

/*
 * H = log2 n - (sum of c log2 c) / n, where c are the counts of the octets' values. The sum grows
 * with each octet, so there is no second loop over 256 counts.
 */
uint16_t sf_entropy_of(const struct sf_entropy *entropy, const uint8_t *bytes, size_t length)
{
	const unsigned n = length < SF_ENTROPY_OCTETS ? (unsigned)length : SF_ENTROPY_OCTETS;
	uint16_t counts[256] = { 0 };
	uint64_t sum = 0, scaled;

	for (unsigned i = 0; i < n; i++) {
		const uint64_t *term = &entropy->terms[counts[bytes[i]]++];

		sum += term[1] - term[0];
	}
	scaled = (entropy->terms[n] - sum) * 1000 / n;
	return (uint16_t)((scaled + (UINT64_C(1) << (UNIT - 1))) >> UNIT);
}
