/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can be asked of a flow record: fields by their short names ("src", "bytes") and information
 * elements by their IANA names ("octetDeltaCount"), and their values.
 *
 *	struct sf_ask_field field;
 *	struct sf_ask_value value;
 *
 *	if (sf_ask_field_find(&field, "sport", SF_ASK_UNIFLOW, &error) == 0 &&
 *		sf_ask_read(&field, &row, &value))
 *		printf("%" PRIu64 "\n", value.number);
 *
 * A row is one direction of a flow, or a whole conversation. A biflow (RFC 5103) is two rows of one
 * direction each, so a question has the same answer whether an exporter sends uniflows or biflows;
 * with SF_ASK_CONVERSATION it is one row, whose source is the initiator and whose bytes and packets
 * are those of both directions.
 *
 * No I/O, no clock, no globals.
 */
#ifndef SPANFLOW_ASK_FIELD_H
#define SPANFLOW_ASK_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/collect.h>
#include <spanflow/enrich.h>
#include <spanflow/error.h>
#include <spanflow/field.h>
#include <spanflow/flow.h>

/* How the rows are made and where they come from: ored. */
#define SF_ASK_UNIFLOW      0u
#define SF_ASK_CONVERSATION 1u /* one row for both directions of a flow */
#define SF_ASK_METERED      2u /* flows of a meter: they have the fields of encode/fields.def */
#define SF_ASK_TUNNELS      4u /* with SF_ASK_METERED: and the tunnel around their packets */
/* with SF_ASK_METERED: and what an enricher gives, SF_EXTRA_… */
#define SF_ASK_GIVES(extra) ((unsigned)(extra) << 8)

struct sf_ask_row {
	const struct sf_flow *flow;
	const struct sf_collected *record; /* what the flow was collected from; NULL: of a meter */
	unsigned d;                        /* direction; 0 of a conversation */
	const struct sf_extra *extra;      /* of a meter's flow; NULL: nothing is asked of it */
	/*
	 * of a meter's flow: SF_FIELD_BYTES_MAX bytes for a value of
	 * SF_READ_FIELD; NULL: there is none
	 */
	uint8_t *room;
};

enum sf_ask_type {
	SF_ASK_NUMBER,
	SF_ASK_SIGNED,   /* value.number is the two's complement */
	SF_ASK_REAL,     /* value.number holds the bits of a double */
	SF_ASK_DURATION, /* ns */
	SF_ASK_TIME,     /* ns since 1970 */
	SF_ASK_ADDRESS,  /* value.bytes: 4 or 16 bytes */
	SF_ASK_MAC,      /* as a number of 48 bits */
	SF_ASK_FLAGS,    /* of TCP */
	SF_ASK_PROTOCOL,
	SF_ASK_TUNNEL, /* a kind of tunnel: enum sf_tunnel_kind */
	SF_ASK_TEXT,
	SF_ASK_OCTETS, /* of an element without a known type; a number as well if at most 8 */
};

struct sf_ask_value {
	uint64_t number;
	const uint8_t *bytes; /* ADDRESS, TEXT, OCTETS: lent by the record */
	size_t length;
	unsigned bits; /* ADDRESS: all of them; of a folded record those of its network */
};

/* How a field is read. */
enum sf_ask_read {
	SF_READ_8, /* a member of the flow, of that many bits */
	SF_READ_16,
	SF_READ_32,
	SF_READ_64,
	SF_READ_ADDRESS,
	SF_READ_MAC, /* a fact of base/facts.def, whose number `offset` is; as the next one */
	SF_READ_FLOW_LABEL,
	SF_READ_PORT,      /* absent of protocols without ports */
	SF_READ_ICMP_TYPE, /* absent of everything else, as the next two */
	SF_READ_ICMP_CODE,
	SF_READ_ICMP,
	SF_READ_FLAGS, /* absent of what is known not to be TCP */
	SF_READ_START, /* of a conversation: of both directions, as those below */
	SF_READ_END,
	SF_READ_DURATION,
	SF_READ_BYTES,
	SF_READ_PACKETS,
	SF_READ_BPS,
	SF_READ_PPS,
	SF_READ_BPP,
	SF_READ_EGRESS,
	SF_READ_DIRECTION,
	SF_READ_EXPORT_TIME,
	SF_READ_EXPORTER,
	SF_READ_DOMAIN,
	SF_READ_ELEMENT, /* of the record's fields */
	SF_READ_FIELD, /* of a meter's flow: a row of encode/fields.def, whose number `offset` is */
	SF_READ_EXTRA_AS, /* of what the enricher gives, as those below; half: which side */
	SF_READ_EXTRA_COUNTRY,
	SF_READ_EXTRA_INGRESS, /* half: which direction, as the next two */
	SF_READ_EXTRA_EGRESS,
	SF_READ_EXTRA_DIRECTION,
};

#define SF_ASK_TUNNEL_KIND                                                                         \
	16 /* element of SF_PEN_SPANFLOW: the kind of the tunnel around the packets */

/* A field, ready to be read. `offset` and `half` are those of rows of direction 0 and 1. */
struct sf_ask_field {
	char name[48];          /* as it was asked for */
	const char *element[2]; /* the IANA name, of IPv4 and of IPv6 records; NULL: none */
	uint8_t type;           /* enum sf_ask_type */
	uint8_t read;           /* enum sf_ask_read */
	uint16_t has;           /* SF_HAS_… that the flow must have; 0: none */
	bool reverse;           /* of the other direction, if the flow has that */
	bool conversation;      /* of both directions together */
	bool whole;             /* flags of a conversation: those of both directions */
	uint8_t half[2];        /* whose `known` tells whether the exporter sent it */
	uint16_t offset[2];     /* in struct sf_flow */
	uint32_t known;         /* SF_KNOWN_…; 0: always known */
	uint32_t pen;           /* of an element that is read from the record's fields */
	uint16_t id[2];
	uint8_t wire_type; /* enum sf_type of that element */
};

/*
 * The value is a list (RFC 6313): its bytes are those of the wire,
 * and conditions compare its text.
 */
static inline bool sf_ask_is_list(const struct sf_ask_field *field)
{
	return field->wire_type == SF_TYPE_BASIC_LIST;
}

/*
 * Finds a field by name: a short name or an information element, perhaps with the prefix "reverse".
 * `mode`: SF_ASK_… . 0, or SF_EUSAGE with the reason and the nearest name in `error`.
 */
int sf_ask_field_find(
	struct sf_ask_field *field, const char *name, unsigned mode, struct sf_error *error);

/*
 * How many flows a row is the sum of: several of folded records, and of
 * groups that were written as records.
 */
static inline uint64_t sf_ask_flows(const struct sf_ask_row *row)
{
	if (row->record)
		return row->record->known[0] & SF_KNOWN_FLOWS ? row->record->flows : 1;
	return row->flow && row->flow->folded ? row->flow->folded : 1;
}

/* False: the exporter did not send it, or there is no such thing in this flow. */
static inline bool sf_ask_has(const struct sf_ask_field *field, const struct sf_ask_row *row)
{
	unsigned half = field->half[row->d];

	if (row->record && (row->record->known[half] & ~row->record->wide[half] & field->known) !=
				   field->known)
		return false;
	if (field->has & ~row->flow->has)
		return false;
	return !field->reverse || (row->flow->directions >> (row->d ^ 1) & 1);
}

/* How many bits of the address of a side the row tells. */
static inline unsigned sf_ask_bits(const struct sf_ask_row *row, unsigned side)
{
	const struct sf_flow *flow = row->flow;

	if (row->record ? row->record->known[side] & SF_KNOWN_PREFIX : flow->folded)
		return flow->prefix_length[side];
	return flow->ip_version == 6 ? 128 : 32;
}

/* sf_ask_read() of what is not a plain member of the flow. */
bool sf_ask_read_other(
	const struct sf_ask_field *field, const struct sf_ask_row *row, struct sf_ask_value *value);

/* The value of a row. False: the record has none. */
static inline bool sf_ask_read(
	const struct sf_ask_field *field, const struct sf_ask_row *row, struct sf_ask_value *value)
{
	const uint8_t *member = (const uint8_t *)row->flow + field->offset[row->d];

	if (!sf_ask_has(field, row))
		return false;
	switch (field->read) {
	case SF_READ_8:
		value->number = *member;
		return true;
	case SF_READ_16:
		value->number = *(const uint16_t *)(const void *)member;
		return true;
	case SF_READ_32:
		value->number = *(const uint32_t *)(const void *)member;
		return true;
	case SF_READ_64:
		value->number = *(const uint64_t *)(const void *)member;
		return true;
	case SF_READ_ADDRESS:
		value->bytes = member;
		value->length = row->flow->ip_version == 6 ? 16 : 4;
		value->bits = sf_ask_bits(row, field->half[row->d]);
		return true;
	default:
		return sf_ask_read_other(field, row, value);
	}
}

/* The short names with what they mean, in the order of the help; NULL ends. */
const char *sf_ask_field_name(unsigned i, const char **help);

/* The names of all fields and elements, for sf_suggest(): NULL ends. */
const char *sf_ask_any_name(const void *unused, unsigned i);

/* Names of IP protocols in lower case: "tcp". NULL: none, and false. */
const char *sf_ask_protocol_name(uint8_t protocol);
bool sf_ask_protocol_number(const char *name, size_t length, uint8_t *protocol);

/* The same of any type whose numbers have names, such as "vxlan" of SF_ASK_TUNNEL. */
const char *sf_ask_number_name(unsigned type, uint64_t number);
bool sf_ask_named_number(unsigned type, const char *name, size_t length, uint64_t *number);

/* What questions look for in records. */
#define SF_ASK_ELEMENTS_MAX 32

struct sf_ask_elements {
	const char *names[SF_ASK_ELEMENTS_MAX]; /* of elements */
	/*
	 * of the element and of the other side's; id 0: whether records have it is
	 * the question, or is always known
	 */
	uint32_t pen[SF_ASK_ELEMENTS_MAX];
	uint16_t id[SF_ASK_ELEMENTS_MAX][2];
	unsigned count;
	/* flowDirection, which records of both directions have of the first one only */
	bool direction;
};

/* Adds the field, unless it is among them or is always there. `valued`: its value is looked at. */
void sf_ask_elements_add(
	struct sf_ask_elements *elements, const struct sf_ask_field *field, bool valued);

/*
 * What makes flows of captures have the element, if something must that
 * `mode` does not say is there; NULL.
 */
const char *sf_ask_element_needs(const char *element, unsigned mode);

/* A number of up to 8 bytes in network order. */
uint64_t sf_ask_number(const uint8_t *bytes, size_t length);

#endif
