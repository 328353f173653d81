/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/captures.h"

#include <assert.h>
#include <string.h>

#include "cli/command.h"

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

/* The time as an option has it, 0 for never, as the meter takes it; 0 is the default then. */
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

static bool is_missing(
	const struct sf_ask_elements *elements, unsigned i, const struct sf_collector *collector)
{
	bool missing = elements->id[i][0] != 0;

	for (unsigned side = 0; side < 2; side++)
		missing &= !sf_collector_has_element(
			collector, elements->pen[i], elements->id[i][side]);
	return missing;
}

/* One line for those that need the same: "sourceCountry, destinationCountry: no record has them". */
static void tell(const struct sf_ask_elements *elements, uint32_t missing, const char *needs)
{
	char names[400] = "";
	unsigned count = 0;

	for (unsigned i = 0; i < elements->count; i++) {
		size_t length = strlen(names);

		if (missing >> i & 1)
			snprintf(names + length, sizeof(names) - length, "%s%s", count++ ? ", " : "",
				elements->names[i]);
	}
	sf_complain("%s: no record has %s%s%s", names, count == 1 ? "it" : "them",
		needs ? "; flows of captures have that with " : "", needs ? needs : "");
}

/* What the options give to flows of captures: SF_ASK_… */
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
	const unsigned mode = given(captures, options);
	const struct sf_ask_elements *elements = &captures->elements;
	struct sf_collector_stats stats;
	uint32_t missing = 0, same;

	static_assert(SF_ASK_ELEMENTS_MAX <= 32, "a word has a bit for each");
	sf_collector_stats(collector, &stats);
	if (options->quiet || stats.templates + stats.records == 0)
		return;
	for (unsigned i = 0; i < elements->count; i++)
		missing |= (uint32_t)is_missing(elements, i, collector) << i;
	for (unsigned i = 0; i < elements->count; i++, missing &= ~same) {
		const char *needs = sf_ask_element_needs(elements->names[i], mode);

		same = 0;
		for (unsigned k = i; missing >> i & 1 && k < elements->count; k++)
			if (missing >> k & 1 && sf_ask_element_needs(elements->names[k], mode) == needs)
				same |= 1u << k;
		if (same)
			tell(elements, same, needs);
	}
}

void sf_captures_close(struct sf_captures *captures)
{
	sf_enrich_free(captures->enrich);
}
