/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options data (RFC 7011 §4, RFC 3954 §6): what the exporter tells about itself. One table of
 * kinds; a kind that NetFlow v9 has no element for has a scope of 0 there and is left out.
 */
#include <string.h>

#include "base/wire.h"
#include "export/session.h"

#define EXPORTING_PROCESS_ID 1

#define SCOPE_SYSTEM    1 /* scope field types of NetFlow v9, RFC 3954 §6.1 */
#define SCOPE_INTERFACE 2

#define FIRST_ID 65000 /* template ids: above all that flow templates use */

#define NAME_LENGTH        32
#define DESCRIPTION_LENGTH 64
#define SPEED_ID           (FIRST_ID + KIND_COUNT) /* of interfaces with their speed */

enum kind {
	KIND_SAMPLING,
	KIND_EXPORTED,
	KIND_IGNORED,
	KIND_NOT_SENT,
	KIND_INTERFACE,
	KIND_START,
	KIND_COUNT
};

/*
 * The first spec is the scope. An even number of kinds of options templates needs no padding in
 * IPFIX, which some readers cannot skip.
 */
static const struct {
	uint16_t v9_scope; /* 0: not in NetFlow v9 */
	bool at_start;     /* known from the start; the others are totals, in files at the end */
	uint8_t count;
	struct sf_spec specs[6];
} kinds[KIND_COUNT] = {
	/* sampling, also when every packet is taken: collectors refuse flows without a rate */
	[KIND_SAMPLING] = { SCOPE_SYSTEM, true, 4,
		{ { 0, 144, 4 }, { 0, 48, 1 }, { 0, 49, 1 }, { 0, 50, 4 } } },
	/* RFC 7011 §4.1: exported messages, flow records, bytes */
	[KIND_EXPORTED] = { SCOPE_SYSTEM, false, 4,
		{ { 0, 149, 4 }, { 0, 41, 8 }, { 0, 42, 8 }, { 0, 40, 8 } } },
	/* RFC 7011 §4.2: ignored packets, bytes, time of the first and the last */
	[KIND_IGNORED] = { 0, false, 5,
		{ { 0, 149, 4 }, { 0, 164, 8 }, { 0, 165, 8 }, { 0, 323, 8 }, { 0, 323, 8 } } },
	/* RFC 7011 §4.3: records, packets, bytes not sent, time of the first and the last */
	[KIND_NOT_SENT] = { 0, false, 6,
		{ { 0, 144, 4 }, { 0, 166, 8 }, { 0, 167, 8 }, { 0, 168, 8 }, { 0, 323, 8 },
			{ 0, 323, 8 } } },
	[KIND_INTERFACE] = { SCOPE_INTERFACE, true, 3,
		{ { 0, 10, 4 }, { 0, 82, NAME_LENGTH }, { 0, 83, DESCRIPTION_LENGTH } } },
	/* since when the totals count */
	[KIND_START] = { 0, true, 2, { { 0, 144, 4 }, { 0, 160, 8 } } },
};

static bool is_ipfix(const struct sf_control *control)
{
	return control->session->options.dialect == &sf_ipfix;
}

static bool has_kind(const struct sf_control *control, enum kind kind)
{
	return is_ipfix(control) || kinds[kind].v9_scope;
}

/* Interfaces have a speed: only the interface map knows it, and only IPFIX has a place for it. */
static bool has_speed(const struct sf_control *control)
{
	return is_ipfix(control) && control->session->when & SF_WHEN_INTERFACES;
}

void sf_options_templates(struct sf_control *control)
{
	for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
		struct sf_spec specs[6];

		if (!has_kind(control, kind))
			continue;
		memcpy(specs, kinds[kind].specs, sizeof(specs));
		if (kind == KIND_INTERFACE && has_speed(control)) {
			specs[3] = (struct sf_spec){ SF_PEN_SPANFLOW, 5, 8 };
			sf_control_template(control, SPEED_ID, specs, 4, 1);
			continue;
		}
		if (!is_ipfix(control))
			specs[0].id = kinds[kind].v9_scope;
		sf_control_template(
			control, (uint16_t)(FIRST_ID + kind), specs, kinds[kind].count, 1);
	}
}

/* A record of numbers, each in the bytes that the kind's specs say. */
static void put_numbers(struct sf_control *control, enum kind kind, const uint64_t *values)
{
	const struct sf_spec *specs = kinds[kind].specs;
	size_t length = 0;
	uint8_t *p;

	for (unsigned i = 0; i < kinds[kind].count; i++)
		length += specs[i].length;
	p = sf_control_room(control, (uint16_t)(FIRST_ID + kind), length);
	if (!p)
		return;
	for (unsigned i = 0; i < kinds[kind].count; i++)
		for (unsigned shift = 8 * specs[i].length; shift; shift -= 8)
			p = sf_store_u8(p, (uint8_t)(values[i] >> (shift - 8)));
	control->message.p = p;
	control->message.data_records++;
}

static uint64_t ms(int64_t time_ns)
{
	return time_ns > 0 ? (uint64_t)time_ns / 1000000 : 0;
}

static void put_sampling(struct sf_control *control)
{
	uint32_t interval = control->session->destination.shared->options.sampling_interval;

	/* mode: 1 deterministic (every packet), 2 random */
	put_numbers(control, KIND_SAMPLING,
		(const uint64_t[]){
			is_ipfix(control) ? EXPORTING_PROCESS_ID : control->stream->domain,
			SF_SAMPLER_ID, interval > 1 ? 2 : 1, interval > 1 ? interval : 1 });
}

static void put_exported(struct sf_control *control)
{
	const struct sf_session *session = control->session;
	const struct sf_destination_stats *stats = &session->destination.stats;

	put_numbers(control, KIND_EXPORTED,
		(const uint64_t[]){ control->stream->domain, stats->messages, session->flow_records,
			stats->message_octets });
}

static void put_ignored(struct sf_control *control)
{
	const struct sf_shared *shared = control->session->destination.shared;

	/* their bytes are not known: what is dropped before the meter has no length */
	put_numbers(control, KIND_IGNORED,
		(const uint64_t[]){ control->stream->domain, shared->ignored_packets, 0,
			ms(shared->ignored.first_ns), ms(shared->ignored.last_ns) });
}

/* RFC 7011 §4.3: records that were made, and lost here or on their way here. */
static void put_not_sent(struct sf_control *control)
{
	const struct sf_session *session = control->session;
	const struct sf_destination_stats *stats = &session->destination.stats;
	const struct sf_shared *shared = session->destination.shared;
	struct sf_destination_count lost = shared->refused;
	struct sf_losses losses = session->losses;

	if (shared->refusals.first_ns) {
		if (losses.first_ns == 0 || shared->refusals.first_ns < losses.first_ns)
			losses.first_ns = shared->refusals.first_ns;
		if (shared->refusals.last_ns > losses.last_ns)
			losses.last_ns = shared->refusals.last_ns;
	}
#define X(name, text) sf_count_add(&lost, &stats->lost_##name);
	SF_LOST_REASONS(X)
#undef X
	put_numbers(control, KIND_NOT_SENT,
		(const uint64_t[]){ EXPORTING_PROCESS_ID, lost.records, lost.packets, lost.octets,
			ms(losses.first_ns), ms(losses.last_ns) });
}

/* Of fixed length, zero-filled. RFC 7011 §6.1.6 asks for UTF-8: ASCII is, the rest becomes '?'. */
static uint8_t *store_string(uint8_t *p, const char *text, size_t size)
{
	size_t length = strnlen(text, size);

	memset(p, 0, size);
	for (size_t i = 0; i < length; i++) {
		uint8_t c = (uint8_t)text[i];

		p[i] = c >= 0x20 && c < 0x7f ? c : '?';
	}
	return p + size;
}

/* False: no message has room for it. */
static bool put_interface(struct sf_control *control, const struct sf_interface_info *info)
{
	bool speed = has_speed(control);
	uint8_t *p = sf_control_room(control, speed ? SPEED_ID : FIRST_ID + KIND_INTERFACE,
		4 + NAME_LENGTH + DESCRIPTION_LENGTH + (speed ? 8 : 0));

	if (!p)
		return false;
	p = sf_store_be32(p, info->number);
	p = store_string(p, info->name, NAME_LENGTH);
	p = store_string(
		p, *info->description ? info->description : info->name, DESCRIPTION_LENGTH);
	if (speed)
		p = sf_store_be64(p, info->speed);
	control->message.p = p;
	control->message.data_records++;
	return true;
}

/* The next interface that the enricher names, from `slot` on; `number` UINT32_MAX: any. */
static bool next_named(const struct sf_control *control, unsigned *slot, uint32_t number,
	struct sf_interface_info *info)
{
	const struct sf_enricher *enricher = control->session->destination.shared->options.enricher;

	if (!(control->session->when & SF_WHEN_INTERFACES))
		return false;
	while (enricher->interface(enricher->context, (*slot)++, info))
		if (number == UINT32_MAX || info->number == number)
			return true;
	return false;
}

/* Capture ports, unless the enricher has other words for their numbers, and the interfaces that it names. */
static void put_interfaces(struct sf_control *control)
{
	const struct sf_exporter_options *options = &control->session->destination.shared->options;
	struct sf_interface_info info;
	const char *name;
	uint32_t number;

	for (unsigned slot = 0, other = 0;
		options->interfaces &&
		options->interfaces(options->interfaces_context, slot, &number, &name);
		slot++, other = 0) {
		if (!*name || next_named(control, &other, number, &info))
			continue;
		info = (struct sf_interface_info){ .number = number };
		memcpy(info.name, name, strnlen(name, sizeof(info.name)));
		memcpy(info.description, name, strnlen(name, sizeof(info.description)));
		if (!put_interface(control, &info))
			return;
	}
	for (unsigned slot = 0; next_named(control, &slot, UINT32_MAX, &info);)
		if ((*info.name || *info.description || info.speed) &&
			!put_interface(control, &info))
			return;
}

static void put_start(struct sf_control *control)
{
	put_numbers(control, KIND_START,
		(const uint64_t[]){ EXPORTING_PROCESS_ID, ms(control->session->init_ns) });
}

void sf_options_data(struct sf_control *control, bool final)
{
	static void (*const put[KIND_COUNT])(struct sf_control *) = {
		[KIND_SAMPLING] = put_sampling,
		[KIND_EXPORTED] = put_exported,
		[KIND_IGNORED] = put_ignored,
		[KIND_NOT_SENT] = put_not_sent,
		[KIND_INTERFACE] = put_interfaces,
		[KIND_START] = put_start,
	};
	bool live = control->session->transport->traits.live;

	for (enum kind kind = 0; kind < KIND_COUNT; kind++)
		if (has_kind(control, kind) && (live || kinds[kind].at_start == !final))
			put[kind](control);
}
