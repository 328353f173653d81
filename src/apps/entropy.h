/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shannon entropy of the first octets of a payload: what a sender wrote as text has some 4 bits per
 * octet, what is encrypted or compressed some 7 (256 octets of random numbers have 7.2 on average,
 * not 8).
 */
#ifndef SPANFLOW_APPS_ENTROPY_H
#define SPANFLOW_APPS_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

#define SF_ENTROPY_OCTETS 256 /* that are counted at most */

/* n log2 n for each number of octets, in units of 2^-40. */
struct sf_entropy {
	uint64_t terms[SF_ENTROPY_OCTETS + 1];
};

void sf_entropy_init(struct sf_entropy *entropy);

/* In thousandths of a bit per octet, rounded: 0 … 8000. `length`: at least 1. */
uint16_t sf_entropy_of(const struct sf_entropy *entropy, const uint8_t *bytes, size_t length);

#endif
