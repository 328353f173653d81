/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Information elements (RFC 7012, IANA "IPFIX Entities"): names, types, and values as text. All
 * output in JSON, CSV and tables uses these functions, so `meter`, `show` and `collect` print the
 * same value alike. Any thread may call them.
 */
#ifndef SPANFLOW_FIELD_H
#define SPANFLOW_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/declare.h>

SF_BEGIN_PUBLIC

#define SF_PEN_REVERSE 29305 /* RFC 5103 §6.1 */
#define SF_PEN_CERT    6871
/*
 * Elements of an enterprise have their reverse elements themselves: the same number with this bit,
 * as CERT does it. Example: 6871/14 is initialTCPFlags, 6871/16398 reverseInitialTCPFlags.
 */
#define SF_REVERSE_BIT 0x4000
/*
 * spanflow's own elements (docs/enrich.md). The number is the one that RFC 5612 keeps for
 * documentation and examples: spanflow has none of its own at IANA.
 */
#define SF_PEN_SPANFLOW 32473
/*
 * No enterprise: in IPFIX, field types of NetFlow v9 from 32768 on, whose high bit would say that
 * an enterprise number follows. Their numbers are less by 32768. sf_field_name() writes "ie33000".
 */
#define SF_PEN_NETFLOW9 UINT32_C(0xfffffffe)

#define SF_LENGTH_VARIABLE 65535

/* Abstract data types with the numbers of RFC 5610 §3.1. */
enum sf_type {
	SF_TYPE_OCTETS = 0,
	SF_TYPE_U8 = 1,
	SF_TYPE_U16 = 2,
	SF_TYPE_U32 = 3,
	SF_TYPE_U64 = 4,
	SF_TYPE_S8 = 5,
	SF_TYPE_S16 = 6,
	SF_TYPE_S32 = 7,
	SF_TYPE_S64 = 8,
	SF_TYPE_F32 = 9,
	SF_TYPE_F64 = 10,
	SF_TYPE_BOOLEAN = 11,
	SF_TYPE_MAC = 12,
	SF_TYPE_STRING = 13,
	SF_TYPE_SECONDS = 14,
	SF_TYPE_MILLISECONDS = 15,
	SF_TYPE_MICROSECONDS = 16, /* NTP format: RFC 7011 §6.1.9 */
	SF_TYPE_NANOSECONDS = 17,
	SF_TYPE_IPV4 = 18,
	SF_TYPE_IPV6 = 19,
	SF_TYPE_BASIC_LIST = 20,
	SF_TYPE_SUBTEMPLATE_LIST = 21,
	SF_TYPE_SUBTEMPLATE_MULTILIST = 22,
	SF_TYPE_U256 = 23,
};

struct sf_element {
	uint32_t pen; /* 0: IANA */
	uint16_t id;
	uint8_t type;     /* enum sf_type */
	const char *name; /* IANA name; reverse elements are named by the caller's prefix */
};

/*
 * The element with this number, or of this name; NULL: it is not known. A reverse element (pen
 * 29305, RFC 5103) gives the row of the forward element. Static storage.
 */
const struct sf_element *sf_element_find(uint32_t pen, uint16_t id);
const struct sf_element *sf_element_find_name(const char *name);

/* One field of a record: its specifier and its value in wire form. */
struct sf_field_value {
	uint32_t pen;
	uint16_t id;
	uint16_t length;     /* octets at data */
	const uint8_t *data; /* network order; lent */
};

/*
 * Writes the name of an element to `text`: "octetDeltaCount", "reverseOctetDeltaCount"; of unknown
 * ones "ie500", "pen6871ie40". `size` is 64 or more. Returns the length, which is less than `size`.
 */
size_t sf_field_name(uint32_t pen, uint16_t id, char *text, size_t size);

/*
 * Writes the value to `text` as JSON: numbers bare, times as "2005-07-06T10:47:29.123Z" with as
 * many digits as the type has (RFC 7011 §6.1), addresses as strings, octets in hexadecimal digits;
 * ill-formed UTF-8 is replaced. A value whose length the type does not allow is written as octets.
 * A basicList (RFC 6313) becomes an array of its values, or an object that names its semantic:
 * {"noneOf":[80]}. Returns the length. What does not fit into `size` is cut off; a list is cut
 * behind a value.
 */
size_t sf_field_json(const struct sf_field_value *value, char *text, size_t size);

/* The same without quotes, for CSV and tables; lists as 80,443 or noneOf(80,443). */
size_t sf_field_text(const struct sf_field_value *value, char *text, size_t size);

SF_END_PUBLIC

#endif
