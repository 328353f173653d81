/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of text output share: all that an exporter writes for some flows. */
#ifndef TESTS_TEXT_SUPPORT_H
#define TESTS_TEXT_SUPPORT_H

#include "export_support.h"

static char output[1 << 20];

/* All that an exporter with one text destination writes for these flows. */
static inline const char *fields_of(const struct sf_text_options *options, const char *fields,
	const struct sf_flow *flows, unsigned count)
{
	const struct sf_exporter_options how = { .fields = fields };
	struct sf_text_options text = *options;
	struct sf_exporter *exporter;
	struct sf_destination_stats stats;
	struct sf_error error;

	memset(output, 0, sizeof(output));
	text.stream = fmemopen(output, sizeof(output), "w");
	ck_assert_int_eq(sf_exporter_new(&exporter, &how, &error), 0);
	ck_assert_int_eq(sf_exporter_add_text(exporter, &text, &error), 0);
	sf_exporter_put(exporter, flows, count);
	sf_exporter_finish(exporter);
	stats = stats_of(exporter, 0);
	ck_assert(sf_destination_balanced(&stats));
	ck_assert_uint_eq(stats.sent.records, stats.offered.records);
	ck_assert_str_eq(stats.kind, "text");
	sf_exporter_free(exporter);
	fclose(text.stream);
	return output;
}

static inline const char *text_of(
	const struct sf_text_options *options, const struct sf_flow *flows, unsigned count)
{
	return fields_of(options, NULL, flows, count);
}

#endif
