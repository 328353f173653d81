/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/captures.h"

#include <string.h>

#include "cli/command.h"
#include "query/query.h"

#define ACTIVE_NS (60 * INT64_C(1000000000)) /* the defaults of the option table */
#define IDLE_NS   (15 * INT64_C(1000000000))

int sf_captures_open(struct sf_captures *captures, const struct sf_options *options, bool local,
	struct sf_error *error)
{
	const struct sf_enrich_options enrich = {
		.sources = options->enrich.items,
		.source_count = options->enrich.count,
		.map = options->interface_map,
		.local = options->local_net,
		.egress = (enum sf_enrich_egress)options->egress,
	};

	if (!enrich.source_count && !enrich.map && !enrich.egress && !(local && enrich.local))
		return 0;
	return sf_enrich_new(&captures->enrich, &enrich, error);
}

/* From the option, where 0 is never, to the meter, where 0 is the default. */
static int64_t timeout(int64_t ns, int64_t initial)
{
	return ns == initial ? 0 : ns ? ns : SF_TIMEOUT_NEVER;
}

struct sf_gather_metering sf_captures_metering(
	const struct sf_captures *captures, const struct sf_options *options)
{
	return (struct sf_gather_metering){
		.tunnels = options->tunnels,
		.split_fragments = options->fragments == SF_FRAGMENTS_SPLIT,
		.active_timeout_ns = timeout(options->active_timeout_ns, ACTIVE_NS),
		.idle_timeout_ns = timeout(options->idle_timeout_ns, IDLE_NS),
		.enricher = captures->enrich ? sf_enrich_enricher(captures->enrich) : NULL,
		.elements = captures->elements.names,
		.element_count = captures->elements.count,
		.fields = options->fields,
		.applications = (enum sf_applications)options->applications,
	};
}

/* What the options add to flows of captures: SF_ASK_… */
static unsigned given(const struct sf_captures *captures, const struct sf_options *options)
{
	unsigned mode = captures->enrich ? SF_ASK_GIVES(UINT16_MAX) : 0;

	for (unsigned kind = 0; kind < SF_TUNNEL_COUNT; kind++)
		if (options->tunnels.mode[kind] >= SF_TUNNEL_INNER)
			mode |= SF_ASK_TUNNELS;
	return mode;
}

void sf_captures_tell(const struct sf_captures *captures, const struct sf_collector *collector,
	const struct sf_options *options)
{
	uint32_t told = 0;
	char text[512];

	while (!options->quiet && sf_query_missing(&captures->elements, collector,
					  given(captures, options), &told, text, sizeof(text)))
		sf_complain("%s", text);
}

void sf_captures_close(struct sf_captures *captures)
{
	sf_enrich_free(captures->enrich);
}
