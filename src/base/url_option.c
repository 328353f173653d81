/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/url_option.h"

const struct sf_url_option sf_url_options[SF_URL_OPTIONS] = {
#define URL_OPTION(id, ...) { __VA_ARGS__ },
#include "base/url_options.def"
};
