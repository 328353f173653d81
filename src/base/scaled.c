/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/scaled.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

const struct sf_unit sf_units_count[] = {
	{ "", 1 },
	{ "k", 1000 },
	{ "K", 1000 },
	{ "M", 1000000 },
	{ "G", 1000000000 },
	{ NULL },
};

/* Bytes: k, M and G as for any number, KiB, MiB and GiB as memory is made. */
const struct sf_unit sf_units_bytes[] = {
	{ "", 1 },
	{ "k", 1000 },
	{ "K", 1000 },
	{ "kB", 1000 },
	{ "M", 1000000 },
	{ "MB", 1000000 },
	{ "G", 1000000000 },
	{ "GB", 1000000000 },
	{ "KiB", UINT64_C(1) << 10 },
	{ "MiB", UINT64_C(1) << 20 },
	{ "GiB", UINT64_C(1) << 30 },
	{ NULL },
};

const struct sf_unit sf_units_time[] = {
	{ "", 1000000000 },
	{ "ms", 1000000 },
	{ "s", 1000000000 },
	{ "m", UINT64_C(60) * 1000000000 },
	{ "h", UINT64_C(3600) * 1000000000 },
	{ "d", UINT64_C(86400) * 1000000000 },
	{ NULL },
};

bool sf_scaled_parse(const char *text, const struct sf_unit *units, uint64_t *value)
{
	uint64_t whole = 0, fraction = 0, scale = 1;
	const char *p = text;

	if (!isdigit((unsigned char)*p))
		return false;
	for (; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
			__builtin_add_overflow(whole, (uint64_t)(*p - '0'), &whole))
			return false;
	if (*p == '.') {
		for (p++; isdigit((unsigned char)*p); p++) {
			if (scale == 1000000000)
				return false;
			fraction = fraction * 10 + (uint64_t)(*p - '0');
			scale *= 10;
		}
		if (scale == 1)
			return false;
	}
	for (const struct sf_unit *unit = units; unit->name; unit++) {
		unsigned __int128 total;

		if (strcmp(unit->name, p) != 0)
			continue;
		total = (unsigned __int128)whole * unit->factor +
			(unsigned __int128)fraction * unit->factor / scale;
		if (total > UINT64_MAX || (unsigned __int128)fraction * unit->factor % scale)
			return false;
		*value = (uint64_t)total;
		return true;
	}
	return false;
}
