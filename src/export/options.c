/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of kinds of options data (RFC 7011 §4, RFC 3954 §6): what the exporter tells about
 * itself. A kind that NetFlow v9 has no element for is left out there.
 */
#include <assert.h>
#include <string.h>

#include "base/wire.h"
#include "export/options.h"

#define SCOPE_SYSTEM    1 /* scope field types of NetFlow v9, RFC 3954 §6.1 */
#define SCOPE_INTERFACE 2

#define FIRST_ID 65000 /* template ids: above all that flow templates use */

struct sf_sampling sf_options_sampling(const struct sf_control *control)
{
	const struct sf_exporter_options *options = &control->session->destination.shared->options;

	if (options->sampling && options->sampling->kind)
		return *options->sampling;
	if (options->sampling_interval > 1)
		return (struct sf_sampling){ SF_SAMPLE_RANDOM, 0, 1, options->sampling_interval };
	/* every packet: one is taken, none is left out */
	return (struct sf_sampling){ SF_SAMPLE_COUNT, 0, 1, 1 };
}

/* The sampler tells one of N only. */
static bool uses_selectors(const struct sf_control *control)
{
	const struct sf_sampling sampling = sf_options_sampling(control);

	return sf_control_is_ipfix(control) &&
	       (control->session->options.sampling == SF_SAMPLING_SELECTOR ||
		       sf_sampling_interval(&sampling) == 0);
}

static bool is_sampler(const struct sf_control *control)
{
	const struct sf_sampling sampling = sf_options_sampling(control);

	if (control->session->options.sampling == SF_SAMPLING_WHEN_SAMPLED &&
		sf_sampling_interval(&sampling) == 1)
		return false;
	return !uses_selectors(control);
}

#define IS_SELECTOR(name, value)                                                                   \
	static bool is_##name##_selector(const struct sf_control *control)                         \
	{                                                                                          \
		return uses_selectors(control) && sf_options_sampling(control).kind == (value);    \
	}
IS_SELECTOR(count, SF_SAMPLE_COUNT)
IS_SELECTOR(time, SF_SAMPLE_TIME)
IS_SELECTOR(random, SF_SAMPLE_RANDOM)
IS_SELECTOR(uniform, SF_SAMPLE_UNIFORM)
IS_SELECTOR(hash, SF_SAMPLE_HASH)

/* Interfaces have a speed: only the interface map knows it, and only IPFIX has a place for it. */
static bool has_speed(const struct sf_control *control)
{
	return sf_control_is_ipfix(control) && control->session->when & SF_WHEN_INTERFACES &&
	       !control->session->options.no_enterprise;
}

static bool samples_flows(const struct sf_control *control)
{
	return control->session->options.sample_flows != 0;
}

static bool is_anonymized(const struct sf_control *control)
{
	return control->session->anonymizer != NULL;
}

/* The caller of the exporter knows those of the meter. */
static bool has_timeouts(const struct sf_control *control)
{
	return control->session->destination.shared->options.active_timeout_ns != 0;
}

static bool names_applications(const struct sf_control *control)
{
	return sf_control_is_ipfix(control) && sf_options_has_applications(control);
}

static bool names_applications_in_v9(const struct sf_control *control)
{
	return !sf_control_is_ipfix(control) && sf_options_has_applications(control);
}

static bool has_no_speed(const struct sf_control *control)
{
	return !has_speed(control);
}

/* clang-format off */
/*
 * [RFC7011-3.4.2.1-1] [RFC7011-3.4.2.2-2] [RFC7011-4.1-1] [RFC7011-4.2-1]
 * [RFC7011-4.3-1] [RFC7011-4.4-1]
 */
const struct sf_options_kind sf_options_kinds[SF_KIND_COUNT] = {
	/* sampling, also when every packet is taken: collectors refuse flows without a rate */
	[SF_KIND_SAMPLER] = { SF_OPTIONS(sampling), SCOPE_SYSTEM, true, 1, 4,
		{ { 0, 144, 4 }, { 0, 48, 1 }, { 0, 49, 1 }, { 0, 50, 4 } },
		is_sampler, sf_options_put_sampler },
	/*
	 * RFC 5476 §6.5.2.1: selector, algorithm, packets taken in a row, packets left out in a row
	 */
	[SF_KIND_SELECTOR] = { SF_OPTIONS(sampling), 0, true, 1, 4,
		{ { 0, 302, 8 }, { 0, 304, 2 }, { 0, 305, 4 }, { 0, 306, 4 } },
		is_count_selector, sf_options_put_count_selector },
	/* RFC 5476 §6.5.2.3: selector, algorithm, n of n-out-of-N, N */
	[SF_KIND_RANDOM_SELECTOR] = { SF_OPTIONS(sampling), 0, true, 1, 4,
		{ { 0, 302, 8 }, { 0, 304, 2 }, { 0, 309, 4 }, { 0, 310, 4 } },
		is_random_selector, sf_options_put_random_selector },
	/* RFC 7011 §4.1: exported messages, flow records, bytes */
	[SF_KIND_EXPORTED] = { SF_OPTIONS(statistics), SCOPE_SYSTEM, false, 1, 4,
		{ { 0, 149, 4 }, { 0, 41, 8 }, { 0, 42, 8 }, { 0, 40, 8 } },
		NULL, sf_options_put_exported },
	/* since when the totals count */
	[SF_KIND_START] = { SF_OPTIONS(statistics), 0, true, 1, 2,
		{ { 0, 144, 4 }, { 0, 160, 8 } },
		NULL, sf_options_put_start },
	/* RFC 7011 §4.2: ignored packets, bytes, time of the first and the last */
	[SF_KIND_IGNORED] = { SF_OPTIONS(reliability), 0, false, 1, 5,
		{ { 0, 149, 4 }, { 0, 164, 8 }, { 0, 165, 8 }, { 0, 323, 8 }, { 0, 323, 8 } },
		NULL, sf_options_put_ignored },
	/* RFC 7011 §4.3: records, packets, bytes not sent, time of the first and the last */
	[SF_KIND_NOT_SENT] = { SF_OPTIONS(reliability), 0, false, 1, 6,
		{ { 0, 144, 4 }, { 0, 166, 8 }, { 0, 167, 8 }, { 0, 168, 8 }, { 0, 323, 8 },
			{ 0, 323, 8 } },
		NULL, sf_options_put_not_sent },
	[SF_KIND_INTERFACE] = { SF_OPTIONS(interfaces), SCOPE_INTERFACE, true, 1, 3,
		{ { 0, 10, 4 }, { 0, 82, SF_OPTIONS_NAME }, { 0, 83, SF_OPTIONS_DESCRIPTION } },
		has_no_speed, sf_options_put_interfaces },
	[SF_KIND_INTERFACE_SPEED] = { SF_OPTIONS(interfaces), 0, true, 1, 4,
		{ { 0, 10, 4 }, { 0, 82, SF_OPTIONS_NAME }, { 0, 83, SF_OPTIONS_DESCRIPTION },
			{ SF_PEN_SPANFLOW, 5, 8 } },
		has_speed, sf_options_put_interfaces },
	/* RFC 7011 §4.4: which fields of a template are the flow key */
	[SF_KIND_FLOW_KEY] = { SF_OPTIONS(flowkeys), 0, true, 1, 2,
		{ { 0, 145, 2 }, { 0, 173, 8 } },
		NULL, sf_options_put_flow_keys },
	/* RFC 5610 §3.9: element and enterprise, type, semantics, name, description */
	[SF_KIND_ELEMENT] = { SF_OPTIONS(types), 0, true, 2, 6,
		{ { 0, 303, 2 }, { 0, 346, 4 }, { 0, 339, 1 }, { 0, 344, 1 },
			{ 0, 341, SF_LENGTH_VARIABLE }, { 0, 340, SF_LENGTH_VARIABLE } },
		sf_options_has_own_elements, sf_options_put_elements },
	/* RFC 6235 §5.3: template, element and enterprise, technique, flags */
	[SF_KIND_ANONYMIZED] = { SF_OPTIONS_ALL, 0, true, 3, 5,
		{ { 0, 145, 2 }, { 0, 303, 2 }, { 0, 346, 4 }, { 0, 286, 2 }, { 0, 285, 2 } },
		is_anonymized, sf_options_put_anonymized },
	/* RFC 5476 §6.5.2.2: µs in which packets are taken, and left out */
	[SF_KIND_TIME_SELECTOR] = { SF_OPTIONS(sampling), 0, true, 1, 4,
		{ { 0, 302, 8 }, { 0, 304, 2 }, { 0, 307, 4 }, { 0, 308, 4 } },
		is_time_selector, sf_options_put_time_selector },
	/* RFC 5476 §6.5.2.4: probability */
	[SF_KIND_UNIFORM_SELECTOR] = { SF_OPTIONS(sampling), 0, true, 1, 3,
		{ { 0, 302, 8 }, { 0, 304, 2 }, { 0, 311, 8 } },
		is_uniform_selector, sf_options_put_uniform_selector },
	/*
	 * RFC 5476 §6.5.2.6: part of the payload, range of the hash, what is
	 * taken of it, digest, initial value
	 */
	[SF_KIND_HASH_SELECTOR] = { SF_OPTIONS(sampling), 0, true, 1, 10,
		{ { 0, 302, 8 }, { 0, 304, 2 }, { 0, 327, 8 }, { 0, 328, 8 }, { 0, 329, 8 },
			{ 0, 330, 8 }, { 0, 331, 8 }, { 0, 332, 8 }, { 0, 333, 1 }, { 0, 334, 8 } },
		is_hash_selector, sf_options_put_hash_selector },
	/* RFC 7014 §8.1: selector of flows, its algorithm, probability */
	[SF_KIND_FLOW_SELECTOR] = { SF_OPTIONS(sampling), 0, true, 1, 3,
		{ { 0, 302, 8 }, { 0, 390, 2 }, { 0, 311, 8 } },
		samples_flows, sf_options_put_flow_selector },
	/* flowActiveTimeout, flowIdleTimeout; RFC 3954 §8 has them as well */
	[SF_KIND_TIMEOUTS] = { SF_OPTIONS(timeouts), SCOPE_SYSTEM, true, 1, 3,
		{ { 0, 149, 4 }, { 0, 36, 2 }, { 0, 37, 2 } },
		has_timeouts, sf_options_put_timeouts },
	/*
	 * RFC 6759 §4.3: names and descriptions of applications; of fixed
	 * length, as most collectors want them
	 */
	[SF_KIND_APPLICATION] = { SF_OPTIONS(applications), 0, true, 1, 3,
		{ { 0, 95, SF_APPLICATION_ID }, { 0, 96, SF_APPLICATION_NAME },
			{ 0, 94, SF_APPLICATION_DESCRIPTION } },
		names_applications, sf_options_put_applications },
	/* NetFlow v9 has no such scope */
	[SF_KIND_APPLICATION_V9] = { SF_OPTIONS(applications), SCOPE_SYSTEM, true, 1, 4,
		{ { 0, 144, 4 }, { 0, 95, SF_APPLICATION_ID }, { 0, 96, SF_APPLICATION_NAME },
			{ 0, 94, SF_APPLICATION_DESCRIPTION } },
		names_applications_in_v9, sf_options_put_applications },
};
/* clang-format on */

static_assert(
	FIRST_ID + SF_KIND_COUNT <= SF_RELIABILITY_ID, "ids of options templates are distinct");

uint16_t sf_options_id(enum sf_options_kind_id kind)
{
	return (uint16_t)(FIRST_ID + kind);
}

bool sf_options_has(const struct sf_control *control, enum sf_options_kind_id id)
{
	const struct sf_options_kind *kind = &sf_options_kinds[id];

	return kind->group & control->session->options.options_data &&
	       (sf_control_is_ipfix(control) || kind->v9_scope) &&
	       (!kind->applies || kind->applies(control));
}

void sf_options_templates(struct sf_control *control)
{
	for (unsigned id = 0; id < SF_KIND_COUNT; id++) {
		const struct sf_options_kind *kind = &sf_options_kinds[id];
		struct sf_spec specs[SF_OPTIONS_SPECS];

		if (!sf_options_has(control, id))
			continue;
		memcpy(specs, kind->specs, sizeof(specs));
		if (!sf_control_is_ipfix(control))
			specs[0].id = kind->v9_scope;
		sf_control_template(control, sf_options_id(id), specs, kind->count, kind->scopes);
	}
}

void sf_options_numbers(
	struct sf_control *control, enum sf_options_kind_id id, const uint64_t *values)
{
	const struct sf_options_kind *kind = &sf_options_kinds[id];
	size_t length = 0;
	uint8_t *p;

	for (unsigned i = 0; i < kind->count; i++)
		length += kind->specs[i].length;
	p = sf_control_room(control, sf_options_id(id), length);
	if (!p)
		return;
	for (unsigned i = 0; i < kind->count; i++)
		for (unsigned shift = 8 * kind->specs[i].length; shift; shift -= 8)
			p = sf_store_u8(p, (uint8_t)(values[i] >> (shift - 8)));
	control->message.p = p;
	control->message.data_records++;
}

void sf_options_data(struct sf_control *control, bool final)
{
	bool live = control->session->transport->traits.live;

	for (unsigned id = 0; id < SF_KIND_COUNT; id++)
		if (sf_options_has(control, id) &&
			(live || sf_options_kinds[id].at_start == !final))
			sf_options_kinds[id].put(control);
}
