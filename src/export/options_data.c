/* SPDX-License-Identifier: BSD-2-Clause */
/* Options data about the exporter: sampling, totals, interfaces. The table is in options.c. */
#include <string.h>

#include "base/wire.h"
#include "export/options.h"

static uint64_t ms(int64_t time_ns)
{
	return time_ns > 0 ? (uint64_t)time_ns / 1000000 : 0;
}

void sf_options_put_sampler(struct sf_control *control)
{
	const struct sf_sampling sampling = sf_options_sampling(control);

	/* mode: 1 deterministic, 2 random */
	sf_options_numbers(control, SF_KIND_SAMPLER,
		(const uint64_t[]){ sf_control_is_ipfix(control) ? SF_EXPORTING_PROCESS_ID
								 : control->stream->domain,
			SF_SAMPLER_ID, sampling.kind == SF_SAMPLE_COUNT ? 1 : 2,
			sf_sampling_interval(&sampling) });
}

/* selectorAlgorithm is the kind of sampling. */

void sf_options_put_count_selector(struct sf_control *control)
{
	const struct sf_sampling sampling = sf_options_sampling(control);

	sf_options_numbers(control, SF_KIND_SELECTOR,
		(const uint64_t[]){
			SF_SAMPLER_ID, sampling.kind, sampling.take, sampling.of - sampling.take });
}

void sf_options_put_time_selector(struct sf_control *control)
{
	const struct sf_sampling sampling = sf_options_sampling(control);

	sf_options_numbers(control, SF_KIND_TIME_SELECTOR,
		(const uint64_t[]){ SF_SAMPLER_ID, sampling.kind, sampling.take / 1000,
			(sampling.of - sampling.take) / 1000 });
}

void sf_options_put_random_selector(struct sf_control *control)
{
	const struct sf_sampling sampling = sf_options_sampling(control);

	sf_options_numbers(control, SF_KIND_RANDOM_SELECTOR,
		(const uint64_t[]){ SF_SAMPLER_ID, sampling.kind, sampling.take, sampling.of });
}

void sf_options_put_uniform_selector(struct sf_control *control)
{
	const struct sf_sampling sampling = sf_options_sampling(control);
	double probability = (double)sampling.take / (double)sampling.of;
	uint64_t bits;

	memcpy(&bits, &probability, sizeof(bits));
	sf_options_numbers(control, SF_KIND_UNIFORM_SELECTOR,
		(const uint64_t[]){ SF_SAMPLER_ID, sampling.kind, bits });
}

/* 20 bytes of the payload are hashed (src/meter/sample.c); 2: there is no digest in records. */
void sf_options_put_hash_selector(struct sf_control *control)
{
	const struct sf_sampling sampling = sf_options_sampling(control);

	sf_options_numbers(control, SF_KIND_HASH_SELECTOR,
		(const uint64_t[]){ SF_SAMPLER_ID, sampling.kind, 0, 20, 0, UINT32_MAX, 0,
			sf_sampling_hash_last(&sampling), 2, 0 });
}

/* A selector of its own; algorithm 4: each flow with the same probability. */
void sf_options_put_flow_selector(struct sf_control *control)
{
	double probability = 1.0 / control->session->options.sample_flows;
	uint64_t bits;

	memcpy(&bits, &probability, sizeof(bits));
	sf_options_numbers(
		control, SF_KIND_FLOW_SELECTOR, (const uint64_t[]){ SF_SAMPLER_ID + 1, 4, bits });
}

void sf_options_put_exported(struct sf_control *control)
{
	const struct sf_session *session = control->session;
	const struct sf_destination_stats *stats = &session->destination.stats;

	sf_options_numbers(control, SF_KIND_EXPORTED,
		(const uint64_t[]){ control->stream->domain, stats->messages, session->flow_records,
			stats->message_octets });
}

void sf_options_put_ignored(struct sf_control *control)
{
	const struct sf_shared *shared = control->session->destination.shared;

	/* their bytes are not known: what is dropped before the meter has no length */
	sf_options_numbers(control, SF_KIND_IGNORED,
		(const uint64_t[]){ control->stream->domain, shared->ignored_packets, 0,
			ms(shared->ignored.first_ns), ms(shared->ignored.last_ns) });
}

/* RFC 7011 §4.3: records that were made, and lost here or on their way here. */
void sf_options_put_not_sent(struct sf_control *control)
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
	sf_options_numbers(control, SF_KIND_NOT_SENT,
		(const uint64_t[]){ SF_EXPORTING_PROCESS_ID, lost.records, lost.packets,
			lost.octets, ms(losses.first_ns), ms(losses.last_ns) });
}

/* Of fixed length, zero-filled. RFC 7011 §6.1.6 asks for UTF-8: ASCII is, the rest becomes '?'. */
/* [RFC7011-6.1.6-1] [RFC7011-6.1.6-2] */
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
	bool speed = sf_options_has(control, SF_KIND_INTERFACE_SPEED);
	uint8_t *p = sf_control_room(control,
		sf_options_id(speed ? SF_KIND_INTERFACE_SPEED : SF_KIND_INTERFACE),
		4 + SF_OPTIONS_NAME + SF_OPTIONS_DESCRIPTION + (speed ? 8 : 0));

	if (!p)
		return false;
	p = sf_store_be32(p, info->number);
	p = store_string(p, info->name, SF_OPTIONS_NAME);
	p = store_string(
		p, *info->description ? info->description : info->name, SF_OPTIONS_DESCRIPTION);
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

/*
 * Capture ports, unless the enricher has other words for their numbers,
 * and the interfaces that it names.
 */
void sf_options_put_interfaces(struct sf_control *control)
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

/* In seconds, rounded up; 65535 is never, or longer than can be told. */
static uint64_t timeout_seconds(int64_t ns)
{
	const int64_t s = ns / 1000000000 + (ns % 1000000000 != 0);

	return s < UINT16_MAX ? (uint64_t)s : UINT16_MAX;
}

void sf_options_put_timeouts(struct sf_control *control)
{
	const struct sf_exporter_options *options = &control->session->destination.shared->options;

	sf_options_numbers(control, SF_KIND_TIMEOUTS,
		(const uint64_t[]){ control->stream->domain,
			timeout_seconds(options->active_timeout_ns),
			timeout_seconds(options->idle_timeout_ns) });
}

void sf_options_put_start(struct sf_control *control)
{
	sf_options_numbers(control, SF_KIND_START,
		(const uint64_t[]){ SF_EXPORTING_PROCESS_ID, ms(control->session->init_ns) });
}
