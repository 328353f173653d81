/* SPDX-License-Identifier: BSD-2-Clause */
/* The page docs/metrics.md, from the table of counters. */
#include <string.h>

#include "metrics/counters.h"

static const char *label_of(const struct sf_counter *counter)
{
	return counter->scope == SF_SCOPE_SOURCE || counter->scope == SF_SCOPE_CAUSES ? "source"
	       : counter->scope == SF_SCOPE_DESTINATION ? "destination"
	       : counter->kind == SF_COUNTER_INFO       ? "version"
							: "";
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
		counter->kind >= SF_COUNTER_GAUGE ? "gauge" : "counter", label,
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
		if (sf_counter_is_first(i) &&
			collect == (sf_counters[i].scope >= SF_SCOPE_RECEIVED))
			print_row(&sf_counters[i], stream);
}

static void print_reasons(FILE *stream)
{
	fputs("| metric | reason | meaning |\n|---|---|---|\n", stream);
	for (unsigned i = 0; i < sf_counter_count; i++)
		if (sf_counters[i].metric && sf_counters[i].reason && *sf_counters[i].reason)
			fprintf(stream, "| `%s` | `%s` | %s |\n", sf_counters[i].metric,
				sf_counters[i].reason, sf_counters[i].text);
}

void sf_counters_page(FILE *stream)
{
	fputs("<!-- Made by scripts/update-docs from src/base/counters.def and src/metrics/page.c: "
	      "change those. -->\n"
	      "# Counters and metrics\n"
	      "\n"
	      "What spanflow counts, by the name of the metric for Prometheus and by the path in "
	      "the line of `--stats json`.\n"
	      "A path with `sources[]` or `destinations[]` has one value for each source, or for "
	      "each entry of `collectors` and\n"
	      "`outputs`; those of a source without it are summed over all sources.\n"
	      "\n"
	      "`spanflow meter --metrics 9469` and `spanflow collect --metrics 9469` serve the "
	      "metrics at\n"
	      "`http://127.0.0.1:9469/metrics`, as Prometheus text or, for who asks for it, as "
	      "OpenMetrics. `/healthz` answers\n"
	      "`200` as long as the run goes on. `/readyz` answers `200` when packets can come, "
	      "and `503` with the reason when they\n"
	      "cannot or the run is about to end. Other addresses: `--metrics 192.0.2.1:9469`, "
	      "`--metrics :9469` (all of them), or the\n"
	      "path of a Unix socket, `--metrics /run/spanflow/metrics`, whose mode is 0777 less "
	      "the umask. There is no password\n"
	      "and no encryption: whoever reaches the address reads the numbers and the names of "
	      "sources and collectors.\n"
	      "\n"
	      "    scrape_configs:\n"
	      "      - job_name: spanflow\n"
	      "        static_configs: [{ targets: ['127.0.0.1:9469'] }]\n"
	      "\n"
	      "Counters of the flow tables are at most a second old; those of sources and "
	      "destinations are read when they are asked for.\n"
	      "Labels are `source`, `destination` and `reason` alone: their values come from the "
	      "command line and from the tables below,\n"
	      "so the number of time series does not grow while a run goes on. A source or "
	      "destination that is given twice has ` #2`\n"
	      "behind its name.\n"
	      "\n"
	      "[prometheus/spanflow.rules.yml](prometheus/spanflow.rules.yml) has alerts, "
	      "[grafana/spanflow.json](grafana/spanflow.json)\n"
	      "is a dashboard.\n"
	      "\n"
	      "## spanflow meter\n"
	      "\n",
		stream);
	print_table(false, stream);
	fputs("\n"
	      "## spanflow collect\n"
	      "\n"
	      "The metrics of the program and of destinations above are there too (`-w`, tables "
	      "and CSV).\n"
	      "\n",
		stream);
	print_table(true, stream);
	fputs("\n"
	      "## Reasons\n"
	      "\n",
		stream);
	print_reasons(stream);
}
