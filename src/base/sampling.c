/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <spanflow/sampling.h>

#include "base/scaled.h"

/* samplingTimeInterval and samplingTimeSpace have 4 bytes of microseconds */
#define TIME_UNIT UINT64_C(1000)
#define TIME_MOST (UINT32_MAX * TIME_UNIT)

static const struct {
	const char *name;
	enum sf_sampling_kind kind;
} kinds[] = {
	{ "count:", SF_SAMPLE_COUNT },
	{ "time:", SF_SAMPLE_TIME },
	{ "random:", SF_SAMPLE_RANDOM },
	{ "uniform:", SF_SAMPLE_UNIFORM },
	{ "hash:", SF_SAMPLE_HASH },
};

/* "K/N", or "N" for 1 of N. */
static bool read_ratio(struct sf_sampling *sampling, const char *text)
{
	const bool time = sampling->kind == SF_SAMPLE_TIME;
	const struct sf_unit *units = time ? sf_units_time : sf_units_count;
	const uint64_t most = time ? TIME_MOST : UINT32_MAX;
	const char *slash = strchr(text, '/');
	char take[32];

	sampling->take = 1;
	if (slash) {
		if ((size_t)(slash - text) >= sizeof(take))
			return false;
		snprintf(take, sizeof(take), "%.*s", (int)(slash - text), text);
		if (!sf_scaled_parse(take, units, &sampling->take))
			return false;
	}
	if ((!slash && time) || !sf_scaled_parse(slash ? slash + 1 : text, units, &sampling->of))
		return false;
	if (time && (sampling->take % TIME_UNIT || sampling->of % TIME_UNIT))
		return false;
	return sampling->take > 0 && sampling->take <= sampling->of && sampling->of <= most;
}

int sf_sampling_parse(struct sf_sampling *sampling, const char *text, struct sf_error *error)
{
	struct sf_sampling read = { 0 };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t length = strlen(kinds[i].name);

		read.kind = kinds[i].kind;
		if (strncmp(text, kinds[i].name, length) != 0 || !read_ratio(&read, text + length))
			continue;
		*sampling = read;
		return 0;
	}
	return sf_error_set(error, SF_EUSAGE,
		"'%s' is no sampling (allowed: count:N, random:N, uniform:N, hash:N for one packet "
		"of N, with K/N for K of N; time:SPAN/PERIOD such as time:10ms/1s, from 0.001ms to "
		"4294.967295s in steps of 0.001ms)",
		text);
}

uint32_t sf_sampling_interval(const struct sf_sampling *sampling)
{
	if (sampling->kind == SF_SAMPLE_ALL)
		return 1;
	if (sampling->kind == SF_SAMPLE_TIME || sampling->of % sampling->take)
		return 0;
	return (uint32_t)(sampling->of / sampling->take);
}

uint32_t sf_sampling_hash_last(const struct sf_sampling *sampling)
{
	uint64_t values = (sampling->take << 32) / sampling->of;

	return values ? (uint32_t)(values - 1) : 0;
}
