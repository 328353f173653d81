/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/url_option.h"

#include <string.h>

const struct sf_url_option sf_url_options[SF_URL_OPTIONS] = {
#define URL_OPTION(id, ...) { __VA_ARGS__ },
#include "base/url_options.def"
};

const char *sf_url_options_of(const char *path)
{
	for (const char *comma = strchr(path, ','); comma; comma = strchr(comma + 1, ',')) {
		size_t length = strspn(comma + 1, "abcdefghijklmnopqrstuvwxyz-");

		if (length && comma[1 + length] == '=')
			return comma;
	}
	return NULL;
}
