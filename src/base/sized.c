/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/sized.h"

#include <string.h>

int sf_sized_options(
	void *options, size_t size, const void *given, size_t given_size, struct sf_error *error)
{
	const unsigned char *bytes = given;

	for (size_t i = size; i < given_size; i++)
		if (bytes[i])
			return sf_error_set(error, SF_EUSAGE,
				"options of %zu bytes have members that this libspanflow does not "
				"know (it knows %zu bytes): install the one of the headers that "
				"the "
				"program was compiled with",
				given_size, size);
	sf_sized_counters(options, size, given, given_size);
	return 0;
}

void sf_sized_counters(void *given, size_t given_size, const void *counters, size_t size)
{
	size_t common = given_size < size ? given_size : size;

	memcpy(given, counters, common);
	memset((char *)given + common, 0, given_size - common);
}
