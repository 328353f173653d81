/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Groups as flow records again, aggregated ones in the sense of RFC 7015: keys and sums are
 * information elements. What has no element is refused before anything is written.
 */
#include <stdio.h>
#include <string.h>

#include <spanflow/field.h>

#include "ask/answer.h"
#include "ask/group.h"
#include "base/element_id.h"
#include "base/value.h"

#define NS_PER_MS 1000000

/* ---------------------------------------------------------------- which elements */

static bool is_binned(const struct sf_groups *groups)
{
	return groups->options.every_ns != 0;
}

/*
 * Elements of a network: prefix and its length, of IPv4 and of IPv6; of
 * the source, of the destination.
 */
static const uint16_t networks[2][4] = {
	{ SF_IE_sourceIPv4Prefix, SF_IE_sourceIPv4PrefixLength, SF_IE_sourceIPv6Prefix,
		SF_IE_sourceIPv6PrefixLength },
	{ SF_IE_destinationIPv4Prefix, SF_IE_destinationIPv4PrefixLength,
		SF_IE_destinationIPv6Prefix, SF_IE_destinationIPv6PrefixLength },
};

/* The elements of the networks of a key; NULL: its field has none. */
static const uint16_t *prefix_elements(const struct sf_key *key)
{
	const char *name = key->field.element[0];

	if (!name || key->field.reverse)
		return NULL;
	return strcmp(name, "sourceIPv4Address") == 0        ? networks[0]
	       : strcmp(name, "destinationIPv4Address") == 0 ? networks[1]
							     : NULL;
}

/* The element of a plain field; NULL: there is none. */
static const struct sf_element *field_element(const struct sf_ask_field *field, bool wide)
{
	if (field->reverse)
		return NULL;
	if (field->element[wide])
		return sf_element_find_name(field->element[wide]);
	return NULL;
}

/* The element of a sum, or 0. */
static uint16_t sum_element(const struct sf_groups *groups, const struct sf_sum *sum)
{
	const struct sf_element *element;
	const char *of;

	switch (sum->kind) {
	case SF_SUM_FLOWS:
		return SF_IE_deltaFlowCount;
	case SF_SUM_PACKETS:
		return SF_IE_packetDeltaCount;
	case SF_SUM_BYTES:
		return SF_IE_octetDeltaCount;
	case SF_SUM_FIRST:
		return is_binned(groups) ? SF_IE_minFlowStartMilliseconds
					 : SF_IE_flowStartMilliseconds;
	case SF_SUM_LAST:
		return is_binned(groups) ? SF_IE_maxFlowEndMilliseconds : SF_IE_flowEndMilliseconds;
	case SF_SUM_SPAN:
		return SF_IE_flowDurationMilliseconds;
	case SF_SUM_DISTINCT:
		of = sum->key.kind == SF_KEY_FIELD && !sum->key.field.reverse
			     ? sum->key.field.element[0]
			     : NULL;
		return !of                                    ? 0
		       : strcmp(of, "sourceIPv4Address") == 0 ? SF_IE_distinctCountOfSourceIPAddress
		       : strcmp(of, "destinationIPv4Address") == 0
			       ? SF_IE_distinctCountOfDestinationIPAddress
			       : 0;
	case SF_SUM_SUM:
		element = field_element(&sum->field, false);
		return element && element->pen == 0 ? element->id : 0;
	default:
		return 0;
	}
}

static bool key_has_elements(const struct sf_key *key)
{
	switch (key->kind) {
	case SF_KEY_BIN:
	case SF_KEY_PAIR:
		return true;
	case SF_KEY_NETWORK:
		return prefix_elements(key) != NULL;
	case SF_KEY_FIELD:
		return key->field.read == SF_READ_EXPORTER || field_element(&key->field, false);
	default:
		return false;
	}
}

int sf_answer_records_check(const struct sf_groups *groups, struct sf_error *error)
{
	for (unsigned k = 0; k < groups->column_count; k++) {
		unsigned column = groups->columns[k], sum = column - groups->key_count;
		bool is_key = column < groups->key_count;

		if (is_key ? key_has_elements(&groups->keys[column])
			   : sum >= groups->sum_count || sum_element(groups, &groups->sums[sum]))
			continue;
		return sf_error_set(error, SF_EUSAGE,
			"-w: no information element stands for '%s': IPFIX records have fields "
			"with an element, networks, pair, flows, packets, bytes, first, last, "
			"span, distinct(src) and distinct(dst)",
			is_key ? groups->keys[column].name : groups->sums[sum].name);
	}
	return 0;
}

/* ---------------------------------------------------------------- values */

static unsigned width_of(unsigned type)
{
	switch (type) {
	case SF_TYPE_U8:
	case SF_TYPE_S8:
	case SF_TYPE_BOOLEAN:
		return 1;
	case SF_TYPE_U16:
	case SF_TYPE_S16:
		return 2;
	case SF_TYPE_U32:
	case SF_TYPE_S32:
	case SF_TYPE_F32:
	case SF_TYPE_SECONDS:
		return 4;
	case SF_TYPE_MAC:
		return 6;
	default:
		return 8;
	}
}

/* A number of a group (times in ns, reals as bits of a double) as the element has it. */
static uint64_t as_element(unsigned type, uint64_t number)
{
	double real;
	float single;
	uint32_t bits;

	switch (type) {
	case SF_TYPE_SECONDS:
		return number / (1000 * NS_PER_MS);
	case SF_TYPE_MILLISECONDS:
		return number / NS_PER_MS;
	case SF_TYPE_MICROSECONDS:
		return sf_ntp_microseconds((int64_t)number);
	case SF_TYPE_NANOSECONDS:
		return sf_ntp_nanoseconds((int64_t)number);
	case SF_TYPE_F32:
		memcpy(&real, &number, sizeof(real));
		single = (float)real;
		memcpy(&bits, &single, sizeof(bits));
		return bits;
	default:
		return number;
	}
}

static void put(struct sf_answer_record *answer, uint32_t pen, uint16_t id, const void *bytes,
	size_t length, bool variable)
{
	unsigned i = answer->record.field_count;

	if (i == SF_ANSWER_FIELDS_MAX)
		return;
	answer->fields[i] = (struct sf_field_value){ pen, id, (uint16_t)length, bytes };
	answer->lengths[i] = variable ? SF_LENGTH_VARIABLE : (uint16_t)length;
	answer->record.field_count++;
}

static void put_number(
	struct sf_answer_record *answer, const struct sf_element *element, uint64_t number)
{
	uint8_t *bytes = answer->bytes[answer->record.field_count % SF_ANSWER_FIELDS_MAX];
	unsigned width = width_of(element->type);
	uint64_t value = as_element(element->type, number);
	bool is_unsigned = element->type >= SF_TYPE_U8 && element->type <= SF_TYPE_U32;

	/* sums of many records may not fit: the largest value stands for more */
	if (is_unsigned && value >> (8 * width))
		value = (UINT64_C(1) << (8 * width)) - 1;
	for (unsigned i = 0; i < width; i++)
		bytes[i] = (uint8_t)(value >> (8 * (width - 1 - i)));
	put(answer, element->pen, element->id, bytes, width, false);
}

static void put_iana(struct sf_answer_record *answer, uint16_t id, uint64_t number)
{
	put_number(answer, sf_element_find(0, id), number);
}

static void put_text(struct sf_answer_record *answer, const struct sf_groups *groups,
	const struct sf_key *key, uint64_t slot)
{
	const struct sf_text *text = &groups->texts.items[(uint32_t)slot];
	const struct sf_element *element;
	size_t length = text->length < UINT16_MAX ? text->length : UINT16_MAX - 1;

	if (key->field.read != SF_READ_EXPORTER) {
		element = field_element(&key->field, false);
		put(answer, element->pen, element->id, text->bytes, length, true);
	} else if (slot >> 32) { /* an address; the name of a file has no element */
		put(answer, 0, length == 4 ? SF_IE_exporterIPv4Address : SF_IE_exporterIPv6Address,
			text->bytes, length, false);
	}
}

/* `bits`: of a slot that does not tell them. */
static void put_network(struct sf_answer_record *answer, const uint16_t *elements, unsigned kind,
	const uint64_t *slot, unsigned bits)
{
	const unsigned wide = kind & SF_SLOT_V6 ? 2 : 0, i = answer->record.field_count;
	uint8_t *octets = answer->bytes[i % SF_ANSWER_FIELDS_MAX];
	const unsigned own = sf_slot_address(slot, kind, octets);

	if (kind & SF_SLOT_NET)
		bits = own;
	put(answer, 0, elements[wide], octets, wide ? 16 : 4, false);
	put_iana(answer, elements[wide + 1], bits);
}

/* The address of a host or of a network; `side`: 0 the source. */
static void put_address(
	struct sf_answer_record *answer, unsigned kind, unsigned side, const uint64_t *slot)
{
	static const uint16_t hosts[2][2] = { { SF_IE_sourceIPv4Address, SF_IE_sourceIPv6Address },
		{ SF_IE_destinationIPv4Address, SF_IE_destinationIPv6Address } };

	if (kind & SF_SLOT_NET)
		put_network(answer, networks[side], kind, slot, 0);
	else
		put(answer, 0, hosts[side][kind == SF_SLOT_V6], slot, kind, false);
}

static void put_key(struct sf_answer_record *answer, const struct sf_groups *groups, unsigned i,
	const uint64_t *entry)
{
	const struct sf_key *key = &groups->keys[i];
	unsigned kind = sf_group_kind(entry, i);
	const uint64_t *slot = sf_group_slot(groups, entry, i);
	const struct sf_element *element;

	if (key->kind == SF_KEY_BIN) {
		put_iana(answer, SF_IE_flowStartMilliseconds, slot[0]);
		put_iana(answer, SF_IE_flowEndMilliseconds,
			slot[0] + (uint64_t)groups->options.every_ns);
	} else if (!kind) {
		return; /* the group has no such value */
	} else if (key->kind == SF_KEY_PAIR) {
		put_address(answer, sf_pair_kind(kind, 0), 0, slot);
		put_address(answer, sf_pair_kind(kind, 1), 1, slot + 2);
	} else if (key->kind == SF_KEY_NETWORK || (kind & SF_SLOT_NET && prefix_elements(key))) {
		put_network(answer, prefix_elements(key), kind, slot,
			key->bits[(kind & SF_SLOT_V6) != 0]);
	} else if (kind == SF_SLOT_TEXT) {
		put_text(answer, groups, key, slot[0]);
	} else {
		element = field_element(&key->field, (kind & SF_SLOT_V6) != 0);
		if (kind == SF_SLOT_NUMBER)
			put_number(answer, element, slot[0]);
		else
			put(answer, element->pen, element->id, slot,
				kind & (SF_SLOT_V4 | SF_SLOT_V6), false);
	}
}

const struct sf_collected *sf_answer_record(const struct sf_groups *groups, size_t i,
	int64_t export_time_ns, struct sf_answer_record *answer)
{
	const uint64_t *entry = sf_group_entry(groups, groups->shown[i]);

	answer->record = (struct sf_collected){
		.exporter = "",
		.version = 10,
		.template_id = 256,
		.export_time_ns = export_time_ns,
		.fields = answer->fields,
		.lengths = answer->lengths,
	};
	for (unsigned k = 0; k < groups->column_count; k++) {
		unsigned column = groups->columns[k];
		const struct sf_sum *sum;
		uint64_t number;

		if (column < groups->key_count)
			put_key(answer, groups, column, entry);
		/* shares are no part of records */
		if (column < groups->key_count || column - groups->key_count >= groups->sum_count)
			continue;
		sum = &groups->sums[column - groups->key_count];
		if (!sf_sum_number(sum, entry + sum->at, &number))
			continue;
		/* a duration in ns */
		put_iana(answer, sum_element(groups, sum),
			sum->kind == SF_SUM_SPAN ? number / NS_PER_MS : number);
	}
	return &answer->record;
}
