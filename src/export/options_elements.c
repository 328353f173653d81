/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options data about templates and elements: which fields of a template are the flow key (RFC 7011
 * §4.4), what applications are called (RFC 6759), and what spanflow's own elements are called and
 * hold (RFC 5610). The table is in options.c.
 */
#include <string.h>

#include "base/element_id.h"
#include "base/wire.h"
#include "export/options.h"

/* ---------------------------------------------------------------- flow keys */

/* The part of the flow key (SF_KEY_…) that an element tells; 0: it is no part of a key. */
static const struct {
	uint32_t pen;
	uint16_t id;
	uint16_t part;
} key_elements[] = {
	{ 0, SF_IE_sourceIPv4Address, SF_KEY_ADDRESS },
	{ 0, SF_IE_destinationIPv4Address, SF_KEY_ADDRESS },
	{ 0, SF_IE_sourceIPv6Address, SF_KEY_ADDRESS },
	{ 0, SF_IE_destinationIPv6Address, SF_KEY_ADDRESS },
	{ 0, SF_IE_ipVersion, SF_KEY_ADDRESS },
	{ 0, SF_IE_sourceTransportPort, SF_KEY_PORT },
	{ 0, SF_IE_destinationTransportPort, SF_KEY_PORT },
	{ 0, SF_IE_icmpTypeCodeIPv4, SF_KEY_PORT },
	{ 0, SF_IE_icmpTypeCodeIPv6, SF_KEY_PORT },
	{ 0, SF_IE_protocolIdentifier, SF_KEY_PROTOCOL },
	{ 0, SF_IE_vlanId, SF_KEY_VLAN },
	{ 0, SF_IE_dot1qVlanId, SF_KEY_VLAN },
	{ 0, SF_IE_dot1qCustomerVlanId, SF_KEY_VLAN },
	{ 0, SF_IE_ipClassOfService, SF_KEY_TOS },
	{ 0, SF_IE_ingressInterface, SF_KEY_INTERFACE },
	{ 0, SF_IE_greKey, SF_KEY_TUNNEL },
	{ 0, SF_IE_layer2SegmentId, SF_KEY_TUNNEL },
	{ 0, SF_IE_gtpuTEid, SF_KEY_TUNNEL },
	{ SF_PEN_SPANFLOW, 16, SF_KEY_TUNNEL }, /* tunnelKind, tunnelId, the addresses around */
	{ SF_PEN_SPANFLOW, 17, SF_KEY_TUNNEL },
	{ SF_PEN_SPANFLOW, 18, SF_KEY_TUNNEL },
	{ SF_PEN_SPANFLOW, 19, SF_KEY_TUNNEL },
	{ SF_PEN_SPANFLOW, 20, SF_KEY_TUNNEL },
	{ SF_PEN_SPANFLOW, 21, SF_KEY_TUNNEL },
};

static bool is_key(const struct sf_spec *spec, uint32_t key)
{
	for (size_t i = 0; i < sizeof(key_elements) / sizeof(key_elements[0]); i++)
		if (key_elements[i].pen == spec->pen && key_elements[i].id == spec->id)
			return key_elements[i].part & key;
	return false;
}

/* Prefix lengths are a part of the key of folded records; in other records they describe routes. */
static bool is_prefix_length(const struct sf_spec *spec)
{
	return spec->pen == 0 && (spec->id == SF_IE_sourceIPv4PrefixLength ||
					 spec->id == SF_IE_destinationIPv4PrefixLength ||
					 spec->id == SF_IE_sourceIPv6PrefixLength ||
					 spec->id == SF_IE_destinationIPv6PrefixLength);
}

/*
 * flowKeyIndicator: bit n is set when field n of the template is part
 * of the key; 64 fields at most.
 */
static uint64_t key_indicator(const struct sf_template *template, uint32_t key)
{
	const bool folded = template->variant & SF_WHEN_FOLDED;
	uint64_t indicator = 0;

	for (unsigned i = 0; i < template->field_count && i < 64; i++)
		if (is_key(&template->specs[i], key) ||
			(folded && is_prefix_length(&template->specs[i])))
			indicator |= UINT64_C(1) << i;
	return indicator;
}

void sf_options_flow_key(struct sf_control *control, const struct sf_slot *slot)
{
	uint32_t key = control->session->destination.shared->options.key;

	/* a template that is not sent: it has no fields, or no message has room for it */
	if (slot->template.field_count == 0 || !slot->announced ||
		!sf_options_has(control, SF_KIND_FLOW_KEY))
		return;
	sf_options_numbers(control, SF_KIND_FLOW_KEY,
		(const uint64_t[]){ slot->template.id,
			key_indicator(&slot->template, key ? key : SF_KEY_DEFAULT) });
}

void sf_options_put_flow_keys(struct sf_control *control)
{
	for (struct sf_slot *slot = sf_stream_first_slot(control->stream); slot;
		slot = sf_slot_next(slot))
		sf_options_flow_key(control, slot);
}

/* ---------------------------------------------------------------- anonymised elements */

void sf_options_anonymized(struct sf_control *control, const struct sf_slot *slot)
{
	const struct sf_template *template = &slot->template;

	if (template->field_count == 0 || !slot->announced ||
		!sf_options_has(control, SF_KIND_ANONYMIZED))
		return;
	for (unsigned i = 0; i < template->field_count; i++) {
		const struct sf_spec *spec = &template->specs[i];
		uint16_t technique, flags;

		if (sf_anonymize_technique(control->session->anonymizer, spec, &technique, &flags))
			sf_options_numbers(control, SF_KIND_ANONYMIZED,
				(const uint64_t[]){
					template->id, spec->id, spec->pen, technique, flags });
	}
}

void sf_options_put_anonymized(struct sf_control *control)
{
	for (struct sf_slot *slot = sf_stream_first_slot(control->stream); slot;
		slot = sf_slot_next(slot))
		sf_options_anonymized(control, slot);
}

/* ---------------------------------------------------------------- applications */

bool sf_options_has_applications(const struct sf_control *control)
{
	const struct sf_fields *fields = &control->session->fields;

	if (!control->session->destination.shared->applications)
		return false;
	for (unsigned i = 0; i < fields->count; i++) {
		const struct sf_field_row *row = sf_field_row(fields->items[i].field);

		if (!row->pen && row->id == SF_IE_applicationId &&
			sf_field_is_possible(&fields->items[i], control->session->when))
			return true;
	}
	return false;
}

/* Of fixed length, zero-filled. */
static uint8_t *store_padded(uint8_t *p, const uint8_t *text, size_t size)
{
	memset(p, 0, size);
	memcpy(p, text + 1, text[0]);
	return p + size;
}

void sf_options_put_applications(struct sf_control *control)
{
	const struct sf_application_table *table =
		control->session->destination.shared->applications;
	const bool v9 = !sf_control_is_ipfix(control);

	for (unsigned i = 0; i < table->count; i++) {
		const struct sf_application_row *row = &table->rows[i];
		uint8_t *p = sf_control_room(control,
			sf_options_id(v9 ? SF_KIND_APPLICATION_V9 : SF_KIND_APPLICATION),
			(v9 ? 4 : 0) + SF_APPLICATION_ID + SF_APPLICATION_NAME +
				SF_APPLICATION_DESCRIPTION);

		if (!p)
			return;
		if (v9)
			p = sf_store_be32(p, control->stream->domain);
		p = sf_store_bytes(p, row->id, SF_APPLICATION_ID);
		p = store_padded(p, row->name, SF_APPLICATION_NAME);
		p = store_padded(p, row->description, SF_APPLICATION_DESCRIPTION);
		control->message.p = p;
		control->message.data_records++;
	}
}

/* ---------------------------------------------------------------- spanflow's own elements */

/*
 * The next element of spanflow's own that templates of the session may have, from item `*next` of
 * its fields on; the row of a field that has it, for its help text. NULL: there are no more.
 */
static const struct sf_field_row *next_own(const struct sf_control *control, unsigned *next)
{
	const struct sf_fields *fields = &control->session->fields;

	while (*next < fields->count) {
		const struct sf_field_item *item = &fields->items[(*next)++];
		const struct sf_field_row *row = sf_field_row(item->field);

		if (row->pen == SF_PEN_SPANFLOW && !item->reverse &&
			sf_field_is_possible(item, control->session->when))
			return row;
	}
	return NULL;
}

bool sf_options_has_own_elements(const struct sf_control *control)
{
	unsigned next = 0;

	return sf_options_has(control, SF_KIND_INTERFACE_SPEED) || next_own(control, &next);
}

/* A string of variable length (RFC 7011 §7), below 255 bytes. */
static uint8_t *store_text(uint8_t *p, const char *text, size_t length)
{
	p = sf_store_u8(p, (uint8_t)length);
	return sf_store_bytes(p, text, length);
}

static size_t text_length(const char *text)
{
	return strnlen(text, 254);
}

/* RFC 5610 §3.9. The semantics are the default ones: the name and the description say the rest. */
static void put_element(struct sf_control *control, uint16_t id, const char *description)
{
	const struct sf_element *element = sf_element_find(SF_PEN_SPANFLOW, id);
	uint8_t *p = NULL;

	if (element)
		p = sf_control_room(control, sf_options_id(SF_KIND_ELEMENT),
			2 + 4 + 1 + 1 + 1 + text_length(element->name) + 1 +
				text_length(description));
	if (!p)
		return;
	p = sf_store_be16(p, id);
	p = sf_store_be32(p, SF_PEN_SPANFLOW);
	p = sf_store_u8(p, element->type);
	p = sf_store_u8(p, 0);
	p = store_text(p, element->name, text_length(element->name));
	p = store_text(p, description, text_length(description));
	control->message.p = p;
	control->message.data_records++;
}

void sf_options_put_elements(struct sf_control *control)
{
	const struct sf_field_row *row;

	if (sf_options_has(control, SF_KIND_INTERFACE_SPEED))
		put_element(control, 5, "speed of the interface in bit/s");
	for (unsigned next = 0; (row = next_own(control, &next));)
		put_element(control, row->id, row->help);
}
