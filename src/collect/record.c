/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads data sets: records back to back, then padding that is shorter
 * than a record (RFC 7011 §3.3.1).
 *
 * If all lengths are fixed, the fields of a record are found by the template's offsets; otherwise
 * the record is walked from field to field. The data pointers are stored in the template's array of
 * fields, which the callback gets.
 */
#include <string.h>

#include "base/element_id.h"
#include "base/wire.h"
#include "collect/internal.h"

/* Index of the first field with this element and length, or SF_COLLECT_NO_FIELD. */
static uint16_t find_field(const struct sf_collect_template *template, uint16_t id, uint16_t length)
{
	for (uint16_t i = 0; i < template->field_count; i++)
		if (template->fields[i].pen == 0 && template->fields[i].id == id &&
			template->lengths[i] == length)
			return i;
	return SF_COLLECT_NO_FIELD;
}

void sf_collect_template_compile(struct sf_collect_template *template)
{
	uint32_t offset = 0;

	template->exporter_field = find_field(template, SF_IE_exporterIPv4Address, 4);
	if (template->exporter_field == SF_COLLECT_NO_FIELD)
		template->exporter_field = find_field(template, SF_IE_exporterIPv6Address, 16);
	template->domain_field = find_field(template, SF_IE_observationDomainId, 4);
	template->fixed = true;
	for (unsigned i = 0; i < template->field_count; i++) {
		template->offsets[i] = offset;
		if (template->lengths[i] == SF_LENGTH_VARIABLE) {
			template->fixed = false;
			offset += 1; /* the shortest value: a length byte of 0 */
		} else {
			template->fields[i].length = template->lengths[i];
			template->empty_count += template->lengths[i] == 0;
			offset += template->lengths[i];
		}
	}
	template->min_length = offset;
	sf_collect_convert_compile(template);
}

/*
 * Sets the data pointers of a record at `p` with variable lengths (RFC 7011 §7). Returns the end of
 * the record; NULL: field *bad does not fit.
 */
/* [RFC7011-7-2] [RFC7011-7-3] */
static const uint8_t *record_walk(
	struct sf_collect_template *template, const uint8_t *p, const uint8_t *end, unsigned *bad)
{
	for (unsigned i = 0; i < template->field_count; i++) {
		size_t length = template->lengths[i];

		*bad = i;
		if (length == SF_LENGTH_VARIABLE) {
			if (end - p < 1)
				return NULL;
			length = *p++;
			if (length == 255) {
				if (end - p < 2)
					return NULL;
				length = sf_load_be16(p);
				p += 2;
			}
		}
		if ((size_t)(end - p) < length)
			return NULL;
		template->fields[i].length = (uint16_t)length;
		template->fields[i].data = p;
		p += length;
	}
	return p;
}

static void init_time_note(struct sf_collect_message *message,
	const struct sf_collect_template *template, uint64_t init_time_ms)
{
	struct sf_collect_session *session = message->session;
	const struct sf_field_value *exporter =
		template->exporter_field == SF_COLLECT_NO_FIELD
			? NULL
			: &template->fields[template->exporter_field];

	session->init_valid = init_time_ms <= INT64_MAX / 1000000;
	session->init_time_ms = (int64_t)init_time_ms;
	session->init_exporter_length = 0;
	if (exporter) {
		session->init_exporter_length = (uint8_t)exporter->length;
		memcpy(session->init_exporter, exporter->data, exporter->length);
	}
	if (session->init_valid && message->out.version == SF_IPFIX)
		sf_collect_init_time(message, session->init_time_ms);
}

/*
 * Reads systemInitTimeMilliseconds from options data. Uptimes in the later records of this session
 * become times by it. (v9 has the time in each header.)
 */
static void options_note(
	struct sf_collect_message *message, const struct sf_collect_template *template)
{
	for (unsigned i = 0; i < message->out.field_count; i++) {
		const struct sf_field_value *field = &message->out.fields[i];

		if (field->pen == 0 && field->id == SF_IE_systemInitTimeMilliseconds &&
			field->length == 8)
			init_time_note(message, template, sf_load_be64(field->data));
	}
}

/* True if the record has a field with the same value as that origin field. */
static bool field_says(const struct sf_collect_template *template, uint16_t index,
	const struct sf_field_value *origin)
{
	const struct sf_field_value *field;

	if (index == SF_COLLECT_NO_FIELD)
		return false;
	field = &template->fields[index];
	return field->id == origin->id && memcmp(field->data, origin->data, origin->length) == 0;
}

/* Adds exporter and domain to a record that does not have them as fields. */
static void record_origin(
	struct sf_collect_message *message, const struct sf_collect_template *template)
{
	const struct sf_field_value *exporter = &message->origin[0], *domain = &message->origin[1];
	bool has_exporter =
		exporter->length == 0 || field_says(template, template->exporter_field, exporter);
	bool has_domain = field_says(template, template->domain_field, domain);

	message->out.origin = has_exporter ? domain : exporter;
	message->out.origin_count = (unsigned)!has_exporter + (unsigned)!has_domain;
}

/* True if records of the template may have exporter or domain as fields. */
static bool says_origin(const struct sf_collect_template *template)
{
	return template->exporter_field != SF_COLLECT_NO_FIELD ||
	       template->domain_field != SF_COLLECT_NO_FIELD;
}

/* Sets exporter and domain of all records of a set, if the template has no such fields. */
static void origin_of_set(
	struct sf_collect_message *message, const struct sf_collect_template *template)
{
	if (!says_origin(template))
		record_origin(message, template);
}

/*
 * Sets the data pointers of a record with fixed lengths. If the template has a plan, no other code
 * changes them, so from the second record of a set on they are only moved on by the length of a
 * record.
 */
static void fields_point(struct sf_collect_template *template, const uint8_t *record, bool first)
{
	struct sf_field_value *fields = template->fields;
	const uint32_t *offsets = template->offsets;
	const unsigned count = template->field_count;
	const size_t length = template->min_length;

	if (template->plan.usable && !first) {
#pragma GCC unroll 8
		for (unsigned i = 0; i < count; i++)
			fields[i].data += length;
		return;
	}
	for (unsigned i = 0; i < count; i++)
		fields[i].data = record + offsets[i];
}

/*
 * True if another record of this template may be handed over. Fields of length 0 cost a sender
 * nothing and the receiver some work. So a message may have as many of them as it has bytes, and
 * those of one record more.
 */
static bool record_affordable(
	struct sf_collect_message *message, const struct sf_collect_template *template)
{
	if (message->empty_left < template->empty_count) {
		message->collector->stats.sets_cut++;
		message->countable = false;
		return false;
	}
	message->empty_left -= template->empty_count;
	return true;
}

static void flow_fill(struct sf_collect_message *message, struct sf_collect_template *template,
	const uint8_t *record)
{
	if (template->plan.usable) {
		if (message->unprepared)
			sf_collect_plan_prepare(message, template);
		message->unprepared = false;
		if (sf_collect_plan_run(&message->out, template, record))
			return;
	}
	sf_collect_convert(message, template);
	message->unprepared = true;
}

static void record_deliver(struct sf_collect_message *message, struct sf_collect_template *template,
	const uint8_t *record)
{
	struct sf_collector *c = message->collector;
	struct sf_collected *out = &message->out;

	message->records++;
	if (c->others) {
		if (message->session)
			options_note(message, template);
		return;
	}
	c->stats.records++;
	if (says_origin(template))
		record_origin(message, template);
	if (template->options) {
		c->stats.options_records++;
		memset(&out->flow, 0, sizeof(out->flow));
		memset(out->known, 0, sizeof(out->known));
		if (message->session)
			options_note(message, template);
	} else {
		flow_fill(message, template, record);
		c->stats.packets += sf_flow_packets(&out->flow);
		c->stats.octets += sf_flow_octets(&out->flow);
	}
	if (c->options.record)
		c->options.record(c->options.context, out);
}

/* Another collector's: only its sequence number goes on. */
static void count_records(struct sf_collect_message *message,
	const struct sf_collect_template *template, const uint8_t *end)
{
	if (template->fixed)
		message->records += (uint32_t)((size_t)(end - message->p) / template->min_length);
	else
		message->countable = false;
}

int sf_collect_data_set(struct sf_collect_message *message, struct sf_collect_template *template,
	const uint8_t *end)
{
	const uint8_t *p = message->p, *const first = p;

	if (message->collector->others && !template->options) {
		count_records(message, template, end);
		return 0;
	}
	message->out.template_id = template->id;
	message->out.options = template->options;
	message->out.scope_count = template->scope_count;
	message->out.field_count = template->field_count + template->constant_count;
	message->out.fields = template->fields;
	message->out.lengths = template->lengths;
	message->unprepared = true;
	origin_of_set(message, template);
	while ((size_t)(end - p) >= template->min_length && !message->collector->stopped) {
		const uint8_t *record = p;

		if (!record_affordable(message, template))
			return 0;
		if (template->fixed) {
			fields_point(template, p, p == first);
			p += template->min_length;
		} else {
			unsigned bad = 0;
			const uint8_t *next = record_walk(template, p, end, &bad);

			if (!next)
				return sf_collect_malformed(message, p,
					"field %u of a record of template %u exceeds its set",
					bad + 1, template->id);
			p = next;
		}
		record_deliver(message, template, record);
	}
	return 0;
}
