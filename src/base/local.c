/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/local.h"

/* RFC 1918: 10/8, 172.16/12, 192.168/16 */
#define PRIVATE                                                                                    \
	[0x0a00 / 32 ... 0x0aff / 32] = UINT32_MAX, [0xac10 / 32] = 0xffff0000,                    \
				  [0xc0a8 / 32] = 1u << 0xc0a8 % 32

const uint32_t sf_local_private[65536 / 32] = { PRIVATE };

/* 0/8, 127/8, 169.254/16, 224/4 and what follows it */
const uint32_t sf_local_inside[65536 / 32] = {
	PRIVATE,
	[0 ... 0x00ff / 32] = UINT32_MAX,
	[0x7f00 / 32 ... 0x7fff / 32] = UINT32_MAX,
	[0xa9fe / 32] = 1u << 0xa9fe % 32,
	[0xe000 / 32 ... 0xffff / 32] = UINT32_MAX,
};
