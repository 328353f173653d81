/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/sampled.h"

#include <string.h>

#include "base/element_id.h"
#include "base/wire.h"

#define NAMED                                                                                      \
	(sizeof(((struct sf_sampled *)NULL)->seen) / sizeof(((struct sf_sampled *)NULL)->seen[0]))

/* The number of the element, a float as what it is; 0: the record does not have it. */
static double number_of(const struct sf_collected *record, uint16_t id)
{
	for (unsigned i = 0; i < record->field_count; i++) {
		const struct sf_field_value *field = &record->fields[i];
		uint64_t bits = 0;
		double real;

		if (field->id != id || field->pen || field->length == 0 || field->length > 8)
			continue;
		for (unsigned k = 0; k < field->length; k++)
			bits = bits << 8 | field->data[k];
		if (id != SF_IE_samplingProbability)
			return (double)bits;
		memcpy(&real, &bits, sizeof(real));
		return field->length == 8 ? real : 0;
	}
	return 0;
}

static void add(struct sf_sampled_rate *rate, double rate_of_record)
{
	/* also not of a number that is none */
	if (!(rate_of_record >= 1 && rate_of_record < 1e12))
		return;
	if (rate->most == 0 || rate_of_record < rate->least)
		rate->least = rate_of_record;
	if (rate_of_record > rate->most)
		rate->most = rate_of_record;
}

/* `taken` of each `taken` + `left`. */
static void add_share(struct sf_sampled_rate *rate, double taken, double left)
{
	if (taken > 0)
		add(rate, (taken + left) / taken);
}

static void add_hash(struct sf_sampled_rate *rate, const struct sf_collected *record)
{
	double all = number_of(record, SF_IE_hashOutputRangeMax) -
		     number_of(record, SF_IE_hashOutputRangeMin) + 1;
	double taken = number_of(record, SF_IE_hashSelectedRangeMax) -
		       number_of(record, SF_IE_hashSelectedRangeMin) + 1;

	if (all > 1 && taken >= 1)
		add(rate, all / taken);
}

/* What the record says of sampling. */
static void look(struct sf_sampled *sampled, const struct sf_collected *record)
{
	const bool of_flows = number_of(record, SF_IE_flowSelectorAlgorithm) > 0;
	struct sf_sampled_rate *rate = of_flows ? &sampled->flows : &sampled->packets;
	const double size = number_of(record, SF_IE_samplingSize);
	const double probability = number_of(record, SF_IE_samplingProbability);

	add(&sampled->packets, number_of(record, SF_IE_samplingInterval));
	add(&sampled->packets, number_of(record, SF_IE_samplerRandomInterval));
	add_share(&sampled->packets, number_of(record, SF_IE_samplingPacketInterval),
		number_of(record, SF_IE_samplingPacketSpace));
	add_share(&sampled->packets, number_of(record, SF_IE_samplingTimeInterval),
		number_of(record, SF_IE_samplingTimeSpace));
	add_share(&sampled->flows, number_of(record, SF_IE_samplingFlowInterval),
		number_of(record, SF_IE_samplingFlowSpacing));
	if (size > 0)
		add(rate, number_of(record, SF_IE_samplingPopulation) / size);
	if (probability > 0)
		add(rate, 1 / probability);
	add_hash(rate, record);
}

static bool is_of_sampling(const struct sf_field_value *field)
{
	switch (field->pen ? 0 : field->id) {
	case SF_IE_samplingInterval:
	case SF_IE_samplerRandomInterval:
	case SF_IE_samplingPacketInterval:
	case SF_IE_samplingTimeInterval:
	case SF_IE_samplingFlowInterval:
	case SF_IE_samplingSize:
	case SF_IE_samplingProbability:
	case SF_IE_hashSelectedRangeMax:
		return true;
	default:
		return false;
	}
}

static bool tells(const struct sf_collected *record)
{
	for (unsigned i = 0; i < record->field_count; i++)
		if (is_of_sampling(&record->fields[i]))
			return true;
	return false;
}

void sf_sampled_look(struct sf_sampled *sampled, const struct sf_collected *record)
{
	const uint32_t template = record->template_id | (uint32_t)record->version << 16;
	const size_t place = (record->template_id ^ (uintptr_t)record->exporter >> 4) % NAMED;
	struct sf_sampled_template *seen = &sampled->seen[place];

	if (record->options) {
		look(sampled, record);
		return;
	}
	if (seen->exporter != record->exporter || seen->template != template ||
		seen->field_count != record->field_count) {
		seen->exporter = record->exporter;
		seen->template = template;
		seen->field_count = record->field_count;
		seen->tells = tells(record);
	}
	if (seen->tells)
		look(sampled, record);
}

/* "1 in 10", "2 in 7" */
static size_t put_rate(char *text, size_t size, double rate)
{
	for (unsigned taken = 1; taken < 100; taken++) {
		const double of = rate * taken, whole = (double)(uint64_t)(of + 0.5);

		if (of - whole < 1e-6 * of && whole - of < 1e-6 * of)
			return (size_t)snprintf(text, size, "%u in %.0f", taken, whole);
	}
	return (size_t)snprintf(text, size, "1 in %.4g", rate);
}

static size_t put_sample(
	char *text, size_t size, const char *what, const struct sf_sampled_rate *rate)
{
	const bool varies = rate->most > rate->least;
	size_t used = (size_t)snprintf(text, size, "%s are a ", what);

	if (varies) {
		used += put_rate(text + used, size - used, rate->least);
		used += (size_t)snprintf(text + used, size - used, " to ");
	}
	used += put_rate(text + used, size - used, rate->most);
	return used + (size_t)snprintf(text + used, size - used, " sample%s",
			      varies ? " (exporters differ)" : "");
}

bool sf_sampled_text(const struct sf_sampled *sampled, char *text, size_t size)
{
	const bool packets = sampled->packets.most > 1, flows = sampled->flows.most > 1;
	const bool varies = (packets && sampled->packets.most > sampled->packets.least) ||
			    (flows && sampled->flows.most > sampled->flows.least);
	const double factor =
		(packets ? sampled->packets.most : 1) * (flows ? sampled->flows.most : 1);
	size_t used = 0;

	if (!packets && !flows)
		return false;
	if (packets)
		used = put_sample(text, size, "packets", &sampled->packets);
	if (packets && flows)
		used += (size_t)snprintf(text + used, size - used, ", ");
	if (flows)
		used += put_sample(text + used, size - used, "flows", &sampled->flows);
	used += (size_t)snprintf(text + used, size - used, ": counts are of what was seen");
	if (!varies)
		snprintf(text + used, size - used,
			"; for the whole multiply %spackets and bytes by %.4g",
			packets ? "" : "flows, ", factor);
	return true;
}

void sf_sampled_json(const struct sf_sampled *sampled, FILE *stream)
{
	fprintf(stream,
		"{\"packets\":{\"least\":%.9g,\"most\":%.9g},"
		"\"flows\":{\"least\":%.9g,\"most\":%.9g}}",
		sampled->packets.most ? sampled->packets.least : 1,
		sampled->packets.most ? sampled->packets.most : 1,
		sampled->flows.most ? sampled->flows.least : 1,
		sampled->flows.most ? sampled->flows.most : 1);
}
