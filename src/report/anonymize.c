/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses without their owners: each bit is flipped or not, by a keyed hash of all bits before
 * it. So networks stay together, and without the key, which is never stored, nothing leads back.
 * Multicast stays multicast, and no other address becomes multicast: the ones that IPv4 (111) and
 * IPv6 (11111111) multicast addresses begin with are not flipped behind nothing but ones.
 */
#include <string.h>

#include "report/internal.h"

void sf_page_anonymize(
	const struct sf_hash_key *key, const uint8_t *address, unsigned length, uint8_t *result)
{
	uint64_t words[3] = { length, 0, 0 };
	unsigned fixed = length == 4 ? 3 : 8; /* bits that tell multicast */
	bool ones = true;                     /* all bits before this one */
	uint8_t prefix[16] = { 0 };

	memset(result, 0, length);
	for (unsigned bit = 0; bit < 8 * length; bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);
		unsigned flip;

		memcpy(&words[1], prefix, sizeof(prefix));
		words[0] = (uint64_t)length << 32 | bit;
		flip = !(ones && bit < fixed) && sf_hash_strong(key, words, 3) & 1 ? mask : 0;
		ones = ones && address[bit / 8] & mask;
		result[bit / 8] |= (address[bit / 8] & mask) ^ flip;
		prefix[bit / 8] |= address[bit / 8] & mask;
	}
}
