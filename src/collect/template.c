/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads template sets (RFC 7011 §3.4, §8; RFC 3954 §5.2, §6.1) and stores templates.
 *
 * A template is one allocation: the structure, then its fields, offsets, steps, lengths and copies.
 * It belongs to one session, and is found in the collector's bucket of (session, id). A new
 * template with the same id replaces the old one at once, over UDP and in files.
 *
 * A template is refused if no data record can be read with it: it has no field, only fields of
 * length 0, no scope where one is needed, or more than SF_COLLECT_FIELDS_MAX fields. It is also
 * refused if there are too many templates. Refused templates are counted, and the first one of each
 * session is described. Its length is known, so the templates behind it are read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/element_id.h"
#include "base/wire.h"
#include "collect/gather.h"
#include "collect/internal.h"

/* Largest number of steps: one for each slot and direction, two for each field. */
#define STEPS_MAX       128
#define STEPS_PER_FIELD 2 /* ipTTL fills smallest and largest TTL */

static uint32_t template_bucket(
	const struct sf_collector *c, const struct sf_collect_session *session, uint16_t id)
{
	uint64_t hash = (c->seed ^ (uintptr_t)session) + id * UINT64_C(0x100000001b3);

	hash *= UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(hash >> 32) & c->mask;
}

/*
 * [RFC7011-3.4.1-1] [RFC7011-3.4.2.2-1] [RFC6526-4.5.2-2] [RFC7011-8-1] [RFC7011-8-5] [RFC7011-8-6]
 * [RFC3954-5.3-1] [RFC3954-6.2-1] [RFC3954-7-1] [RFC3954-9-1]
 */
struct sf_collect_template *sf_collect_template_find(
	const struct sf_collector *c, const struct sf_collect_session *session, uint16_t id)
{
	struct sf_collect_template *template = c->template_buckets[template_bucket(c, session, id)];

	while (template && (template->session != session || template->id != id))
		template = template->hash_next;
	return template;
}

struct sf_collect_template *sf_collect_template_new(unsigned count, unsigned constants)
{
	unsigned steps = count < STEPS_MAX / STEPS_PER_FIELD ? count * STEPS_PER_FIELD : STEPS_MAX;
	struct sf_collect_template *template = calloc(
		1, sizeof(*template) + count * sizeof(*template->fields) +
			   steps * sizeof(*template->steps) + count * sizeof(*template->offsets) +
			   count * sizeof(*template->lengths) +
			   steps * sizeof(*template->plan.copies));

	if (!template)
		return NULL;
	template->field_count = (uint16_t)(count - constants);
	template->fields = (struct sf_field_value *)(template + 1);
	template->offsets = (uint32_t *)(template->fields + count);
	template->steps = (struct sf_collect_step *)(template->offsets + count);
	template->lengths = (uint16_t *)(template->steps + steps);
	template->plan.copies = (struct sf_collect_copy *)(template->lengths + count);
	return template;
}

void sf_collect_template_drop(struct sf_collector *c, struct sf_collect_template *template)
{
	struct sf_collect_template **link =
		&c->template_buckets[template_bucket(c, template->session, template->id)];

	while (*link != template)
		link = &(*link)->hash_next;
	*link = template->hash_next;
	link = &template->session->templates;
	while (*link != template)
		link = &(*link)->session_next;
	*link = template->session_next;
	c->template_count--;
	c->field_count -= template->field_count;
	free(template);
}

/* Counts a refused template, and describes the first one of a session. */
static void template_refuse(struct sf_collect_message *message, unsigned id, const char *reason)
{
	struct sf_collector *c = message->collector;
	char text[160];

	c->stats.templates_refused++;
	if (message->session && message->session->refusal_told)
		return;
	if (message->session)
		message->session->refusal_told = true;
	if (!c->options.refused)
		return;
	snprintf(text, sizeof(text), "template %u of domain %u is refused: %s", id,
		message->out.domain, reason);
	c->options.refused(c->options.context, message->out.exporter, text);
}

/* Stores `template`, or frees it if there is no room. */
/*
 * [RFC7011-8.4-5] [RFC5655-7.1-3] [RFC5655-7.1-5] [RFC5655-7.1-6] [RFC3954-7-3]
 * [RFC3954-9-4]
 */
static void template_insert(
	struct sf_collect_message *message, struct sf_collect_template *template)
{
	struct sf_collector *c = message->collector;
	struct sf_collect_session *session = message->session;
	struct sf_collect_template *old = sf_collect_template_find(c, session, template->id),
				   **bucket;
	uint64_t most = (uint64_t)c->options.max_templates * SF_COLLECT_FIELDS_MEAN;

	if (old)
		sf_collect_template_drop(c, old);
	if (c->template_count >= c->options.max_templates ||
		c->field_count + template->field_count > most) {
		template_refuse(message, template->id,
			"too many templates are known, those of all exporters together");
		free(template);
		return;
	}
	bucket = &c->template_buckets[template_bucket(c, session, template->id)];
	template->session = session;
	template->hash_next = *bucket;
	*bucket = template;
	template->session_next = session->templates;
	session->templates = template;
	c->template_count++;
	c->field_count += template->field_count;
	c->stats.templates++;
}

/*
 * The IPFIX element for a scope of NetFlow v9 (RFC 3954 §6.1): System, Interface, Line Card, Cache,
 * Template.
 */
static uint16_t scope_element(uint16_t scope)
{
	static const uint16_t elements[] = { 0, SF_IE_exportingProcessId, SF_IE_ingressInterface,
		SF_IE_lineCardId, SF_IE_meteringProcessId, SF_IE_templateId };

	return scope < sizeof(elements) / sizeof(elements[0]) ? elements[scope] : scope;
}

/*
 * Reads `count` field specifiers at *p into `template`, or skips them if that is NULL.
 * False: they do not fit before `end`.
 */
static bool specifiers_read(struct sf_collect_message *message, const uint8_t **p,
	const uint8_t *end, unsigned count, struct sf_collect_template *template)
{
	bool ipfix = message->out.version == SF_IPFIX;

	for (unsigned i = 0; i < count; i++) {
		struct sf_field_value field = { 0 };
		uint16_t length;

		if (end - *p < 4)
			return false;
		field.id = sf_load_be16(*p);
		length = sf_load_be16(*p + 2);
		*p += 4;
		/* the high bit announces a PEN: RFC 7011 §3.2; v9 has no PENs: RFC 3954 §5.2 */
		if (ipfix && field.id & 0x8000) {
			if (end - *p < 4)
				return false;
			field.id &= 0x7fff;
			field.pen = sf_load_be32(*p);
			*p += 4;
		}
		if (!template)
			continue;
		if (!ipfix && i < template->scope_count)
			field.id = scope_element(field.id);
		template->fields[i] = field;
		template->lengths[i] = length;
	}
	return true;
}

/* Why a template cannot be used, judged without its fields; NULL: it can. */
static const char *unacceptable(const struct sf_collect_message *message, unsigned id,
	unsigned count, unsigned scopes, bool options)
{
	if (!message->session)
		return "too many exporters are known";
	if (id < SF_SET_ID_DATA)
		return "its number is below 256";
	if (count == 0)
		return "it has no fields";
	if (count > SF_COLLECT_FIELDS_MAX)
		return "it has more than 512 fields";
	if (scopes > count)
		return "it has more scope fields than fields";
	/* RFC 7011 §3.4.2.2: an options template needs a scope; in v9 it does not */
	if (options && scopes == 0 && message->out.version == SF_IPFIX)
		return "it is an options template without a scope";
	return NULL;
}

/* Where the element is noted: NULL: it is not. */
static const uint64_t *note_of(const struct sf_collector *c, uint32_t pen, uint16_t id)
{
	if (id >= SF_COLLECT_ELEMENTS || (pen && pen != SF_PEN_REVERSE && pen != SF_PEN_SPANFLOW))
		return NULL;
	return &c->elements[pen == SF_PEN_SPANFLOW][id / 64];
}

void sf_collect_note_elements(struct sf_collector *c, const struct sf_collect_template *template)
{
	for (unsigned i = 0; !template->options && i < template->field_count; i++) {
		const struct sf_field_value *field = &template->fields[i];
		uint64_t *note = (uint64_t *)note_of(c, field->pen, field->id);

		if (note)
			*note |= UINT64_C(1) << field->id % 64;
	}
}

bool sf_collector_has_element(const struct sf_collector *collector, uint32_t pen, uint16_t id)
{
	const uint64_t *note = note_of(collector, pen, id);

	return !note || *note >> id % 64 & 1;
}

/* Reads the fields of a template record at *p, or skips and counts it. False: it is cut off. */
static bool template_read(struct sf_collect_message *message, const uint8_t **p, const uint8_t *end,
	uint16_t id, unsigned count, unsigned scopes, bool options)
{
	struct sf_collect_template *template = NULL;
	const char *problem = unacceptable(message, id, count, scopes, options);

	if (!problem) {
		template = sf_collect_template_new(count, 0);
		if (!template)
			sf_collect_no_memory(message);
	}
	if (template) {
		template->id = id;
		template->options = options;
		template->scope_count = (uint16_t)scopes;
	}
	if (!specifiers_read(message, p, end, count, template)) {
		free(template);
		return false;
	}
	if (template)
		sf_collect_template_compile(template);
	if (template && template->min_length == 0)
		problem = "all its fields have the length 0";
	if (problem) {
		/* if there was no memory for the session, that has been reported */
		if (!message->no_memory)
			template_refuse(message, id, problem);
		free(template);
	} else if (template) {
		sf_collect_note_elements(message->collector, template);
		template_insert(message, template);
	}
	return true;
}

static void withdraw_all(struct sf_collector *c, struct sf_collect_session *session, bool options)
{
	struct sf_collect_template *template = session->templates, *next;

	for (; template; template = next) {
		next = template->session_next;
		if (template->options == options)
			sf_collect_template_drop(c, template);
	}
}

/*
 * Withdraws templates. Withdrawals are for streams and files; over UDP they must not be sent and
 * are ignored (RFC 7011 §8.1, §8.4). One for an unknown template is ignored too.
 */
/* [RFC7011-8.1-1] [RFC7011-8.1-3] [RFC7011-8.4-4] [RFC5655-7.1-3] [RFC5655-7.1-7] */
static void template_withdraw(struct sf_collect_message *message, uint16_t id, bool options)
{
	struct sf_collector *c = message->collector;
	struct sf_collect_template *template;

	if (!message->withdrawals) {
		c->stats.withdrawals_ignored++;
		return;
	}
	if (!message->session)
		return;
	if (id == (options ? 3 : 2)) {
		withdraw_all(c, message->session, options);
		return;
	}
	template = sf_collect_template_find(c, message->session, id);
	if (template && template->options == options)
		sf_collect_template_drop(c, template);
}

/*
 * Reads the header of a template record at *p: id, number of fields and, of options templates, how
 * many of them are scope fields. 1: read; 0: only padding is left; SF_ECORRUPT.
 */
/* [RFC7011-9-3] [RFC3954-9-5] */
static int header_read(struct sf_collect_message *message, const uint8_t **p, const uint8_t *end,
	bool options, unsigned *id, unsigned *count, unsigned *scopes)
{
	const uint8_t *at = *p;
	bool ipfix = message->out.version == SF_IPFIX;

	/* padding is shorter than a record: RFC 7011 §3.3.1, RFC 3954 §6.1 */
	if (end - at < 4)
		return 0;
	*id = sf_load_be16(at);
	*count = sf_load_be16(at + 2);
	*scopes = 0;
	*p = at + 4;
	/* some exporters pad template sets with more zeros */
	if (*id == 0 && sf_collect_all_zero(at, end))
		return 0;
	/* a withdrawal has no scope count: RFC 7011 §8.1, figure T */
	if (!options || (ipfix && *count == 0))
		return 1;
	if (end - *p < 2)
		return sf_collect_malformed(message, at, "options template %u is cut off", *id);
	*scopes = sf_load_be16(*p);
	*p += 2;
	if (ipfix)
		return 1;
	/* v9 has lengths of the scope and option fields in bytes, not counts: RFC 3954 §6.1 */
	if (*count % 4 || *scopes % 4)
		return sf_collect_malformed(message, at + 2,
			"lengths %u and %u of options template %u are no multiples of 4", *count,
			*scopes, *id);
	*count /= 4;
	*scopes /= 4;
	/* the first length is that of scope fields, the second that of option fields */
	*count += *scopes;
	*scopes = *count - *scopes;
	return 1;
}

int sf_collect_template_set(struct sf_collect_message *message, const uint8_t *end, bool options)
{
	const uint8_t *p = message->p;

	while (p < end) {
		const uint8_t *at = p;
		unsigned id, count, scopes;
		int result = header_read(message, &p, end, options, &id, &count, &scopes);

		if (result <= 0)
			return result;
		if (message->out.version == SF_IPFIX && count == 0)
			template_withdraw(message, (uint16_t)id, options);
		else if (!template_read(message, &p, end, (uint16_t)id, count, scopes, options))
			return sf_collect_malformed(message, at,
				"template %u has %u fields, more than its set holds", id, count);
	}
	return 0;
}
