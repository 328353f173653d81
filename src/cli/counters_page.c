/* SPDX-License-Identifier: BSD-2-Clause */
/* The page docs/metrics.md, from the table of counters. */
#include <string.h>

#include "cli/counters.h"

static const char *label_of(const struct sf_counter *counter)
{
	return counter->scope == SF_SCOPE_SOURCE        ? "source"
	       : counter->scope == SF_SCOPE_DESTINATION ? "destination"
							: "";
}

/* The first row of its metric. */
static bool is_first(unsigned i)
{
	return sf_counters[i].metric &&
	       (i == 0 || !sf_counters[i - 1].metric ||
		       strcmp(sf_counters[i - 1].metric, sf_counters[i].metric) != 0);
}

/* The path in JSON; that of all reasons ends with an asterisk. */
static void print_path(const struct sf_counter *counter, FILE *stream)
{
	size_t length;

	if (!counter->json)
		return;
	length = counter->reason ? (size_t)(strrchr(counter->json, '.') + 1 - counter->json)
				 : strlen(counter->json);
	fprintf(stream, "`%.*s%s`", (int)length, counter->json, counter->reason ? "*" : "");
}

static void print_row(const struct sf_counter *counter, FILE *stream)
{
	const char *label = label_of(counter);

	fprintf(stream, "| `%s` | %s | %s%s%s | ", counter->metric,
		counter->kind == SF_COUNTER_GAUGE ? "gauge" : "counter", label,
		*label && counter->reason ? ", " : "", counter->reason ? "reason" : "");
	print_path(counter, stream);
	fprintf(stream, " | %s%s |\n", counter->help,
		counter->kind == SF_COUNTER_FAULT ? " Should stay 0." : "");
}

static void print_table(bool collect, FILE *stream)
{
	fputs("| metric | type | labels | path in JSON | meaning |\n|---|---|---|---|---|\n",
		stream);
	for (unsigned i = 0; i < sf_counter_count; i++)
		if (is_first(i) && collect == (sf_counters[i].scope >= SF_SCOPE_RECEIVED))
			print_row(&sf_counters[i], stream);
}

static void print_reasons(FILE *stream)
{
	fputs("| metric | reason | meaning |\n|---|---|---|\n", stream);
	for (unsigned i = 0; i < sf_counter_count; i++)
		if (sf_counters[i].metric && sf_counters[i].reason)
			fprintf(stream, "| `%s` | `%s` | %s |\n", sf_counters[i].metric,
				sf_counters[i].reason, sf_counters[i].text);
}

void sf_counters_page(FILE *stream)
{
	fputs("<!-- Made by scripts/update-docs from src/base/counters.def: change that. -->\n"
	      "# Counters\n\n"
	      "What spanflow counts, by the name of the metric for Prometheus and by the path in "
	      "the line "
	      "of `--stats json`.\n"
	      "A path with `sources[]` or `destinations[]` has one value for each source, or for "
	      "each "
	      "entry of `collectors` and\n`outputs`; those of a source without it are summed over "
	      "all "
	      "sources.\n\n"
	      "## spanflow meter\n\n",
		stream);
	print_table(false, stream);
	fputs("\n## spanflow collect\n\n"
	      "The metrics of destinations above are there too, for `-w` and for tables and "
	      "CSV.\n\n",
		stream);
	print_table(true, stream);
	fputs("\n## Reasons\n\n", stream);
	print_reasons(stream);
}
