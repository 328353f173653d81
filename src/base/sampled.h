/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the flows of collected records are a sample, as their exporters say: in options records
 * (samplerRandomInterval, selectors of RFC 5476, flow selectors of RFC 7014) or in the flow records
 * themselves (samplingInterval).
 *
 *	struct sf_sampled sampled = { 0 };
 *
 *	sf_sampled_look(&sampled, record);	for each record
 *	if (sf_sampled_text(&sampled, text, sizeof(text)))
 *		puts(text);	"packets are a 1 in 10 sample: ..."
 */
#ifndef SPANFLOW_BASE_SAMPLED_H
#define SPANFLOW_BASE_SAMPLED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <spanflow/collect.h>

#define SF_SAMPLED_TEXT_MAX 256

/*
 * How many there were for each one in the records: of the exporter with the lowest, with
 * the highest rate. 0: nobody says.
 */
struct sf_sampled_rate {
	double least, most;
};

struct sf_sampled {
	struct sf_sampled_rate packets, flows;
	struct sf_sampled_template {
		const void *exporter;
		uint32_t template;
		unsigned field_count;
		bool tells; /* its records have elements of sampling */
	} seen[64];         /* each place has the last template that fell there */
};

/* Options records tell rates, and flow records whose templates have elements of sampling. */
void sf_sampled_look(struct sf_sampled *sampled, const struct sf_collected *record);

/*
 * A sentence without an end of line; false: nothing was sampled.
 * `size`: SF_SAMPLED_TEXT_MAX will do.
 */
bool sf_sampled_text(const struct sf_sampled *sampled, char *text, size_t size);

/* {"packets":{"least":10,"most":10},"flows":{"least":1,"most":1}} */
void sf_sampled_json(const struct sf_sampled *sampled, FILE *stream);

#endif
