/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Data sets: records back to back, then padding shorter than a record (RFC 7011 §3.3.1).
 *
 * A template with fixed lengths is decoded by adding its offsets to the record's place; one with
 * variable lengths is walked. Either way the template's own array of fields gets its data
 * pointers, and is what the callback sees.
 */
#include <string.h>

#include "base/wire.h"
#include "collect/internal.h"

#define SYSTEM_INIT_TIME 160

void sf_collect_template_compile(struct sf_collect_template *template)
{
	uint32_t offset = 0;

	template->fixed = true;
	for (unsigned i = 0; i < template->field_count; i++) {
		template->offsets[i] = offset;
		if (template->lengths[i] == SF_LENGTH_VARIABLE) {
			template->fixed = false;
			offset += 1; /* the shortest: a length octet of 0 */
		} else {
			template->fields[i].length = template->lengths[i];
			offset += template->lengths[i];
		}
	}
	template->min_length = offset;
	sf_collect_convert_compile(template);
}

/*
 * Sets the data pointers of a record at `p` that has variable lengths (RFC 7011 §7). Returns its
 * end, or NULL with the index of the field that does not fit in *bad.
 */
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

/*
 * systemInitTimeMilliseconds in options data dates the uptimes of this session's records: what
 * follows in this message, and the messages after it. v9 has the time in each header.
 */
static void options_note(struct sf_collect_message *message)
{
	for (unsigned i = 0; i < message->out.field_count; i++) {
		const struct sf_field_value *field = &message->out.fields[i];

		if (field->pen == 0 && field->id == SYSTEM_INIT_TIME && field->length == 8) {
			uint64_t value = sf_load_be64(field->data);

			message->session->init_valid = value <= INT64_MAX / 1000000;
			message->session->init_time_ms = (int64_t)value;
			if (message->session->init_valid && message->out.version == SF_IPFIX)
				sf_collect_init_time(message, (int64_t)value);
		}
	}
}

static void record_deliver(struct sf_collect_message *message, struct sf_collect_template *template)
{
	struct sf_collector *c = message->collector;
	struct sf_collected *out = &message->out;

	message->records++;
	c->stats.records++;
	if (template->options) {
		c->stats.options_records++;
		memset(&out->flow, 0, sizeof(out->flow));
		if (message->session)
			options_note(message);
	} else {
		sf_collect_convert(message, template);
		c->stats.packets += sf_flow_packets(&out->flow);
		c->stats.octets += sf_flow_octets(&out->flow);
	}
	if (c->options.record)
		c->options.record(c->options.context, out);
}

int sf_collect_data_set(struct sf_collect_message *message, struct sf_collect_template *template,
	const uint8_t *end)
{
	const uint8_t *p = message->p;

	message->out.template_id = template->id;
	message->out.options = template->options;
	message->out.scope_count = template->scope_count;
	message->out.field_count = template->field_count;
	message->out.fields = template->fields;
	while ((size_t)(end - p) >= template->min_length && !message->collector->stopped) {
		if (template->fixed) {
			for (unsigned i = 0; i < template->field_count; i++)
				template->fields[i].data = p + template->offsets[i];
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
		record_deliver(message, template);
	}
	return 0;
}
