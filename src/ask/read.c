/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading a field of a row: a member of the flow, an amount made of several, or an element. */
#include <string.h>

#include "ask/field.h"
#include "base/annex.h"
#include "base/element_id.h"
#include "base/value.h"
#include "encode/single.h"

uint64_t sf_ask_number(const uint8_t *bytes, size_t length)
{
	uint64_t value = 0;

	for (size_t i = 0; i < length; i++)
		value = value << 8 | bytes[i];
	return value;
}

static const struct sf_field_value *find_field(
	const struct sf_field_value *fields, unsigned count, uint32_t pen, uint16_t id)
{
	for (unsigned i = 0; i < count; i++)
		if (fields[i].id == id && fields[i].pen == pen)
			return &fields[i];
	return NULL;
}

static int64_t time_of(const struct sf_field_value *field, unsigned wire_type)
{
	uint64_t number = sf_ask_number(field->data, field->length);

	switch (wire_type) {
	case SF_TYPE_SECONDS:
		return (int64_t)(number * 1000000000);
	case SF_TYPE_MILLISECONDS:
		return number > INT64_MAX / 1000000 ? INT64_MAX : (int64_t)(number * 1000000);
	case SF_TYPE_MICROSECONDS:
		return sf_ntp_to_ns(number, 1000);
	default:
		return sf_ntp_to_ns(number, 1);
	}
}

/* A float of 4 or 8 bytes as the bits of a double. */
static uint64_t real_bits(const struct sf_field_value *field)
{
	uint64_t bits = sf_ask_number(field->data, field->length);
	uint32_t narrow = (uint32_t)bits;
	double wide;
	float single;

	if (field->length == 8)
		return bits;
	memcpy(&single, &narrow, sizeof(single));
	wide = (double)single;
	memcpy(&bits, &wide, sizeof(bits));
	return bits;
}

static bool take_value(const struct sf_ask_field *ask, const struct sf_field_value *field,
	struct sf_ask_value *value)
{
	value->bytes = field->data;
	value->length = field->length;
	value->bits = 8 * field->length;
	value->number = 0;
	/* an exporter that knows no text of a fixed length sends zeros */
	if (ask->type == SF_ASK_TEXT)
		return sf_ask_is_list(ask) || field->length == 0 || field->data[0] != 0;
	if (ask->type == SF_ASK_OCTETS) {
		if (field->length <= 8)
			value->number = sf_ask_number(field->data, field->length);
		return true;
	}
	if (ask->type == SF_ASK_ADDRESS)
		return field->length == (ask->wire_type == SF_TYPE_IPV4 ? 4 : 16);
	if (field->length == 0 || field->length > 8)
		return false;
	if (ask->type == SF_ASK_TIME)
		value->number = (uint64_t)time_of(field, ask->wire_type);
	else if (ask->type == SF_ASK_REAL)
		value->number = real_bits(field);
	else
		value->number = sf_ask_number(field->data, field->length);
	if (ask->type == SF_ASK_SIGNED && field->length < 8) {
		unsigned shift = 64 - 8 * (unsigned)field->length;

		value->number = (uint64_t)((int64_t)(value->number << shift) >> shift);
	}
	return ask->type != SF_ASK_REAL || field->length == 4 || field->length == 8;
}

/*
 * An element of the record. A row of direction 1 has the reverse element. Where the record has no
 * reverse element the value belongs to both directions, or to the other side (the source AS number
 * of the answer is the destination AS number of the record).
 */
static bool read_element(
	const struct sf_ask_field *field, const struct sf_ask_row *row, struct sf_ask_value *value)
{
	const struct sf_collected *record = row->record;
	uint32_t pen = field->pen;
	uint16_t id = field->id[0];
	const struct sf_field_value *found = NULL;

	if (!record)
		return false;
	if (row->d == 1 || field->reverse) {
		sf_element_turn(&pen, &id);
		found = find_field(record->fields, record->field_count, pen, id);
	}
	if (field->reverse ? found && row->d == 1 : !found)
		found = find_field(
			record->fields, record->field_count, field->pen, field->id[row->d]);
	if (!found && !field->reverse)
		found = find_field(record->origin, record->origin_count, field->pen, field->id[0]);
	return found && take_value(field, found, value);
}

/*
 * A MAC address, a fact of base/facts.def. Records with both directions often have the MAC
 * addresses of the first one only: the answer is sent from the address that the first direction is
 * sent to.
 */
static bool read_mac(
	const struct sf_ask_field *field, const struct sf_ask_row *row, struct sf_ask_value *value)
{
	const struct sf_collected *record = row->record;
	unsigned half = field->half[row->d];
	bool source = field->offset[row->d] == SF_FACT_src_mac;

	if (record && !(record->known[half] & (source ? SF_KNOWN_SRC_MAC : SF_KNOWN_DST_MAC))) {
		source = !source;
		half = !half;
		if (!sf_flow_two_way(row->flow) ||
			!(record->known[half] & (source ? SF_KNOWN_SRC_MAC : SF_KNOWN_DST_MAC)))
			return false;
	}
	value->number = sf_ask_number(source ? sf_fact_get_src_mac(row->flow, half)
					     : sf_fact_get_dst_mac(row->flow, half),
		6);
	return true;
}

static bool read_exporter(const struct sf_ask_row *row, struct sf_ask_value *value)
{
	const struct sf_collected *record = row->record;
	static const uint16_t ids[] = { SF_IE_exporterIPv4Address, SF_IE_exporterIPv6Address };

	if (!record)
		return false;
	for (unsigned i = 0; i < 2; i++) {
		const struct sf_field_value *found =
			find_field(record->fields, record->field_count, 0, ids[i]);

		if (!found)
			found = find_field(record->origin, record->origin_count, 0, ids[i]);
		if (found && found->length == (i ? 16 : 4)) {
			value->bytes = found->data;
			value->length = found->length;
			value->bits = 8 * found->length;
			value->number = 1; /* an address */
			return true;
		}
	}
	value->bytes = (const uint8_t *)record->exporter;
	value->length = strlen(record->exporter);
	value->number = 0;
	return true;
}

/* First and last packet of the row. */
static int64_t first_of(const struct sf_ask_field *field, const struct sf_ask_row *row)
{
	const struct sf_flow_half *halves = row->flow->half;
	unsigned half = field->half[row->d];

	if (field->conversation && sf_flow_two_way(row->flow) &&
		halves[!half].start_ns < halves[half].start_ns)
		half = !half;
	return halves[half].start_ns;
}

static int64_t last_of(const struct sf_ask_field *field, const struct sf_ask_row *row)
{
	const struct sf_flow_half *halves = row->flow->half;
	unsigned half = field->half[row->d];

	if (field->conversation && sf_flow_two_way(row->flow) &&
		halves[!half].end_ns > halves[half].end_ns)
		half = !half;
	return halves[half].end_ns;
}

static uint64_t octets_of(const struct sf_ask_field *field, const struct sf_ask_row *row)
{
	return field->conversation ? sf_flow_octets(row->flow)
				   : row->flow->half[field->half[row->d]].octets;
}

static uint64_t packets_of(const struct sf_ask_field *field, const struct sf_ask_row *row)
{
	return field->conversation ? sf_flow_packets(row->flow)
				   : row->flow->half[field->half[row->d]].packets;
}

/* `amount` per second. Of a flow without duration no rate is known. */
static bool rate(const struct sf_ask_field *field, const struct sf_ask_row *row, double amount,
	struct sf_ask_value *value)
{
	int64_t ns = last_of(field, row) - first_of(field, row);
	double per_second;

	if (ns <= 0)
		return false;
	per_second = amount * 1e9 / (double)ns;
	value->number = per_second >= 1.8e19 ? UINT64_MAX : (uint64_t)per_second;
	return true;
}

static bool read_amount(
	const struct sf_ask_field *field, const struct sf_ask_row *row, struct sf_ask_value *value)
{
	uint64_t packets;

	switch (field->read) {
	case SF_READ_START:
		value->number = (uint64_t)first_of(field, row);
		return true;
	case SF_READ_END:
		value->number = (uint64_t)last_of(field, row);
		return true;
	case SF_READ_DURATION:
		value->number = (uint64_t)(last_of(field, row) - first_of(field, row));
		return true;
	case SF_READ_BYTES:
		value->number = octets_of(field, row);
		return true;
	case SF_READ_PACKETS:
		value->number = packets_of(field, row);
		return true;
	case SF_READ_BPS:
		return rate(field, row, 8.0 * (double)octets_of(field, row), value);
	case SF_READ_PPS:
		return rate(field, row, (double)packets_of(field, row), value);
	default:
		packets = packets_of(field, row);
		value->number = packets ? octets_of(field, row) / packets : 0;
		return packets > 0;
	}
}

/* An exporter that sends ports and no protocol means a protocol with ports. */
static bool has_ports(const struct sf_ask_row *row)
{
	uint8_t protocol = row->flow->protocol;

	return protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132 ||
	       protocol == 136 || (row->record && !(row->record->known[0] & SF_KNOWN_PROTOCOL));
}

/* Ports, or ICMP type and code, which have the same place. */
static bool read_port(
	const struct sf_ask_field *field, const struct sf_ask_row *row, struct sf_ask_value *value)
{
	bool icmp = sf_flow_is_icmp(row->flow);

	value->number = *(
		const uint16_t *)(const void *)((const uint8_t *)row->flow + field->offset[row->d]);
	if (field->read == SF_READ_PORT)
		return has_ports(row);
	if (!icmp || !sf_flow_has_icmp_type(row->flow))
		return false;
	if (field->read == SF_READ_ICMP_TYPE)
		value->number >>= 8;
	else if (field->read == SF_READ_ICMP_CODE)
		value->number &= 0xff;
	return true;
}

static bool read_flags(
	const struct sf_ask_field *field, const struct sf_ask_row *row, struct sf_ask_value *value)
{
	const struct sf_flow *flow = row->flow;
	bool protocol_known = !row->record || row->record->known[0] & SF_KNOWN_PROTOCOL;

	value->number = flow->half[field->half[row->d]].tcp_flags;
	if (field->whole && sf_flow_two_way(flow))
		value->number |= flow->half[1].tcp_flags;
	return flow->protocol == 6 || !protocol_known;
}

/* A field of a meter's flow that is no member of it. */
static bool read_field(
	const struct sf_ask_field *field, const struct sf_ask_row *row, struct sf_ask_value *value)
{
	bool two_way = field->conversation && sf_flow_two_way(row->flow);
	struct sf_field_value found = { .data = row->room };
	size_t length;

	if (!row->room || !sf_field_read(field->offset[0], row->flow, field->half[row->d], two_way,
				  row->room, &length))
		return false;
	found.length = (uint16_t)length;
	return take_value(field, &found, value);
}

/* What the enricher of a meter gives. */
static bool read_extra(
	const struct sf_ask_field *field, const struct sf_ask_row *row, struct sf_ask_value *value)
{
	const struct sf_extra *extra = row->extra;
	unsigned half = field->half[row->d];

	if (!extra)
		return false;
	switch (field->read) {
	case SF_READ_EXTRA_AS:
		value->number = extra->side[half].as;
		return true;
	case SF_READ_EXTRA_COUNTRY:
		value->bytes = (const uint8_t *)extra->side[half].country;
		value->length = sizeof(extra->side[half].country);
		value->number = 0;
		return value->bytes[0] != 0;
	case SF_READ_EXTRA_INGRESS:
		value->number = extra->way[half].ingress;
		return true;
	case SF_READ_EXTRA_EGRESS:
		value->number = extra->way[half].egress;
		return true;
	default:
		value->number = extra->way[half].direction;
		return true;
	}
}

bool sf_ask_read_other(
	const struct sf_ask_field *field, const struct sf_ask_row *row, struct sf_ask_value *value)
{
	const struct sf_flow *flow = row->flow;
	unsigned half = field->half[row->d];

	switch (field->read) {
	case SF_READ_MAC:
		return read_mac(field, row, value);
	case SF_READ_FLOW_LABEL:
		value->number = sf_fact_get_flow_label(flow, half);
		return true;
	case SF_READ_PORT:
	case SF_READ_ICMP_TYPE:
	case SF_READ_ICMP_CODE:
	case SF_READ_ICMP:
		return read_port(field, row, value);
	case SF_READ_FLAGS:
		return read_flags(field, row, value);
	case SF_READ_EGRESS:
		value->number = row->record ? row->record->egress[half] : flow->half[half].ingress;
		return true;
	case SF_READ_DIRECTION:
		value->number = row->record ? row->record->flow_direction[half] : 0;
		return true;
	case SF_READ_EXPORT_TIME:
		value->number = row->record ? (uint64_t)row->record->export_time_ns : 0;
		return row->record != NULL;
	case SF_READ_DOMAIN:
		value->number = flow->domain;
		return true;
	case SF_READ_EXPORTER:
		return read_exporter(row, value);
	case SF_READ_ELEMENT:
		return read_element(field, row, value);
	case SF_READ_FIELD:
		return read_field(field, row, value);
	case SF_READ_EXTRA_AS:
	case SF_READ_EXTRA_COUNTRY:
	case SF_READ_EXTRA_INGRESS:
	case SF_READ_EXTRA_EGRESS:
	case SF_READ_EXTRA_DIRECTION:
		return read_extra(field, row, value);
	default:
		return read_amount(field, row, value);
	}
}
