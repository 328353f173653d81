/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a router would know of a flow, and an exporter does not: AS numbers, next hops, prefix
 * lengths, countries, the interfaces of the switch, the direction. These values come from files and
 * from the kernel's routes, and are put beside the records of a batch just before the batch is
 * encoded (spanflow/enrich.h).
 *
 *	struct sf_enrich *enrich;
 *	const char *sources[] = { "table.txt", "country.mmdb,what=country", "fib" };
 *	struct sf_enrich_options options = {
 *		.sources = sources, .source_count = 3, .map = "map.txt" };
 *
 *	sf_enrich_new(&enrich, &options, &error);	reads all of them
 *	exporter_options.enricher = sf_enrich_enricher(enrich);
 *	…
 *	sf_enrich_reload(enrich);			reads them again, in a thread of its own
 *	while (sf_enrich_look(enrich, text, sizeof(text)))
 *		…					what a person should know
 *	sf_enrich_free(enrich);				after the exporter
 *
 * Of several sources the first one that knows a fact gives it.
 *
 * Tables are exchanged while records are looked up: `tables` is one atomic pointer, and `batches`
 * is odd while a batch is worked on. The thread that exchanged the pointer waits until that batch
 * has ended, and frees the old tables (docs/design.md §2, "Shared words").
 */
#ifndef SPANFLOW_ENRICH_ENRICH_H
#define SPANFLOW_ENRICH_ENRICH_H

#include <stdbool.h>
#include <stddef.h>

#include <spanflow/enrich.h>
#include <spanflow/error.h>

#define SF_ENRICH_SOURCES_MAX 16

struct sf_enrich;

/* The egress interface of a flow for which no rule of the map decides. */
enum sf_enrich_egress {
	SF_ENRICH_EGRESS_SAME, /* the ingress interface: a mirror port has one */
	SF_ENRICH_EGRESS_NONE, /* 0 */
	/* where the destination's MAC address was seen as a source; else 0 */
	SF_ENRICH_EGRESS_LEARN,
	SF_ENRICH_EGRESS_FIB, /* of the kernel's route to the destination; else 0 */
};

/* All zero: nothing but what the record says. Copied. */
struct sf_enrich_options {
	/* "FILE" or "fib", perhaps with ",what=as+hop+bgp-hop+mask+country" behind it */
	const char *const *sources;
	unsigned source_count;
	const char *map;   /* file of the interface map; NULL: there is none */
	const char *local; /* own network: prefixes with commas; NULL: private and unique-local */
	enum sf_enrich_egress egress;
	/*
	 * MRT dumps, which may take minutes, are read in a thread that sf_enrich_look() starts;
	 * until then records go without them. Otherwise all is read by sf_enrich_new().
	 */
	bool patient;
};

/* SF_EUSAGE for words that make no sense; other errors come from files. */
int sf_enrich_new(
	struct sf_enrich **enrich, const struct sf_enrich_options *options, struct sf_error *error);

/* Stops what is being read, and frees. NULL is allowed. */
void sf_enrich_free(struct sf_enrich *enrich);

/* What sf_exporter_options.enricher takes; valid until sf_enrich_free(). */
const struct sf_enricher *sf_enrich_enricher(const struct sf_enrich *enrich);

/* The path of source `index`, "" for fib; NULL past the end. */
const char *sf_enrich_path(const struct sf_enrich *enrich, unsigned index);

/* Reads the files again. One thread calls this and sf_enrich_look(). */
void sf_enrich_reload(struct sf_enrich *enrich);

/*
 * To be called now and then: reads the kernel's routes again when they changed. True: `text` has a
 * message, and there may be more.
 */
bool sf_enrich_look(struct sf_enrich *enrich, char *text, size_t size);

/* True: no source is being read. For tests. */
bool sf_enrich_idle(struct sf_enrich *enrich);

#endif
