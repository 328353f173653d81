/* SPDX-License-Identifier: BSD-2-Clause */
#include <stddef.h>

#include "base/icmp.h"

static const struct sf_icmp_pair pairs[] = {
	{ 4, 8, 0, true },      /* echo */
	{ 4, 10, 9, false },    /* router solicitation, advertisement (RFC 1256) */
	{ 4, 13, 14, true },    /* timestamp */
	{ 4, 15, 16, true },    /* information */
	{ 4, 17, 18, true },    /* address mask */
	{ 6, 128, 129, true },  /* echo */
	{ 6, 133, 134, false }, /* router solicitation, advertisement (RFC 4861) */
	{ 6, 135, 136, false }, /* neighbour solicitation, advertisement */
};

const struct sf_icmp_pair *sf_icmp_pair(uint8_t version, uint8_t type)
{
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (pairs[i].version == version &&
			(pairs[i].request == type || pairs[i].reply == type))
			return &pairs[i];
	return NULL;
}
