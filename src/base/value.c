/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wire values as text. Values of fixed-length types are written into SF_VALUE_MAX bytes without
 * further checks, through a buffer of that size if the caller's is smaller. Strings and byte
 * arrays may have any length; room is checked for each character.
 */
#include "base/value.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/wire.h"

#define NTP_EPOCH  UINT32_C(2208988800) /* 1970 in seconds since 1900 */
#define YEAR_10000 INT64_C(253402300800)
/* [RFC7011-6.1.9-1] */
/* RFC 7011 §6.1.9: an exporter clears these bits of a fraction, a collector ignores them */
#define MICROSECONDS_UNUSED UINT64_C(0x7ff)

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
				  "25262728293031323334353637383940414243444546474849"
				  "50515253545556575859606162636465666768697071727374"
				  "75767778798081828384858687888990919293949596979899";
static const char hex_digits[] = "0123456789abcdef";

char *sf_text_u64(char *p, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	while (value >= 100) {
		at -= 2;
		memcpy(digits + at, digit_pairs + value % 100 * 2, 2);
		value /= 100;
	}
	if (value >= 10) {
		at -= 2;
		memcpy(digits + at, digit_pairs + value * 2, 2);
	} else {
		digits[--at] = (char)('0' + value);
	}
	memcpy(p, digits + at, sizeof(digits) - at);
	return p + sizeof(digits) - at;
}

static char *two_digits(char *p, unsigned value)
{
	memcpy(p, digit_pairs + value * 2, 2);
	return p + 2;
}

char *sf_text_ipv4(char *p, const uint8_t *address)
{
	for (int i = 0; i < 4; i++) {
		if (i)
			*p++ = '.';
		p = sf_text_u64(p, address[i]);
	}
	return p;
}

/* RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups. */
char *sf_text_ipv6(char *p, const uint8_t *address)
{
	uint16_t group[8];
	int best = -1, best_length = 1;

	for (int i = 0; i < 8; i++)
		group[i] = sf_load_be16(address + 2 * i);
	for (int i = 0; i < 8; i++) {
		int end = i;

		while (end < 8 && group[end] == 0)
			end++;
		if (end - i > best_length) {
			best = i;
			best_length = end - i;
		}
		i = end > i ? end : i;
	}
	/* RFC 5952 §5: IPv4-mapped addresses end in dotted form */
	if (best == 0 && best_length == 5 && group[5] == 0xffff) {
		memcpy(p, "::ffff:", 7);
		return sf_text_ipv4(p + 7, address + 12);
	}
	for (int i = 0; i < 8; i++) {
		if (i == best) {
			memcpy(p, "::", 2);
			p += 2;
			i += best_length - 1;
			continue;
		}
		if (i && i != best + best_length)
			*p++ = ':';
		if (group[i] >= 0x1000)
			*p++ = hex_digits[group[i] >> 12];
		if (group[i] >= 0x100)
			*p++ = hex_digits[group[i] >> 8 & 15];
		if (group[i] >= 0x10)
			*p++ = hex_digits[group[i] >> 4 & 15];
		*p++ = hex_digits[group[i] & 15];
	}
	return p;
}

/* Days since 1970 to a proleptic Gregorian date, by 400-year eras that begin on 1 March. */
static char *write_date(char *p, int64_t days)
{
	int64_t shifted = days + 719468;
	int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	unsigned day_of_era = (unsigned)(shifted - era * 146097);
	unsigned year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	unsigned day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned month = (5 * day_of_year + 2) / 153;
	unsigned day = day_of_year - (153 * month + 2) / 5 + 1;
	unsigned year = (unsigned)(era * 400) + year_of_era + (month >= 10);

	p = two_digits(p, year / 100);
	p = two_digits(p, year % 100);
	*p++ = '-';
	p = two_digits(p, month < 10 ? month + 3 : month - 9);
	*p++ = '-';
	return two_digits(p, day);
}

char *sf_text_time(char *p, int64_t seconds, uint32_t ns, int decimals)
{
	int64_t days = seconds / 86400;
	unsigned rest;

	if (seconds % 86400 < 0)
		days--;
	rest = (unsigned)(seconds - days * 86400);
	p = write_date(p, days);
	*p++ = 'T';
	p = two_digits(p, rest / 3600);
	*p++ = ':';
	p = two_digits(p, rest / 60 % 60);
	*p++ = ':';
	p = two_digits(p, rest % 60);
	if (decimals > 0) {
		uint32_t scale = 100000000;

		*p++ = '.';
		for (int i = 0; i < decimals; i++, scale /= 10)
			*p++ = (char)('0' + ns / scale % 10);
	}
	return p;
}

int64_t sf_ntp_to_ns(uint64_t ntp, uint32_t unit_ns)
{
	/* RFC 7011 §5.2: the era is implicit */
	uint32_t seconds = (uint32_t)(ntp >> 32) - NTP_EPOCH;
	uint64_t units_per_second = 1000000000 / unit_ns;
	uint64_t fraction =
		ntp & (unit_ns == 1000 ? UINT32_MAX & ~MICROSECONDS_UNUSED : UINT32_MAX);
	uint64_t units = (fraction * units_per_second + (UINT64_C(1) << 31)) >> 32;

	return (int64_t)seconds * 1000000000 + (int64_t)(units * unit_ns);
}

static uint64_t to_ntp(int64_t time_ns, uint64_t units, uint64_t units_per_second, uint64_t clear)
{
	uint64_t seconds = (uint32_t)(time_ns / 1000000000) + (uint64_t)NTP_EPOCH;
	uint64_t fraction = ((units << 32) + units_per_second - 1) / units_per_second;

	fraction = (fraction + clear) & ~clear;
	return (seconds << 32) + fraction;
}

uint64_t sf_ntp_microseconds(int64_t time_ns)
{
	return to_ntp(time_ns, (uint64_t)(time_ns / 1000 % 1000000), 1000000, MICROSECONDS_UNUSED);
}

uint64_t sf_ntp_nanoseconds(int64_t time_ns)
{
	return to_ntp(time_ns, (uint64_t)(time_ns % 1000000000), 1000000000, 0);
}

/* ---------------------------------------------------------------- values of any length */

struct out {
	char *p, *end; /* end leaves room for the NUL */
};

static void put(struct out *out, const char *bytes, size_t length)
{
	size_t room = (size_t)(out->end - out->p);

	/* a character is written whole or not at all; after one that did not fit, none is */
	if (length > room) {
		out->end = out->p;
		return;
	}
	memcpy(out->p, bytes, length);
	out->p += length;
}

/* Bytes of the well-formed UTF-8 character at p (Unicode table 3-7); 0: ill-formed. */
static size_t utf8_length(const uint8_t *p, size_t left)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t length = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (p[0] >= 0x80 && (p[0] < 0xc2 || p[0] > 0xf4))
		return 0;
	if (length > left)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < length; i++, low = 0x80, high = 0xbf)
		if (p[i] < low || p[i] > high)
			return 0;
	return length;
}

#define REPLACEMENT "\xef\xbf\xbd"

/*
 * The number of the control character at p (well-formed UTF-8); -1: it is none. Terminals interpret
 * U+0080 … U+009F like ESC and a letter: U+009B is ESC [.
 */
static int control_character(const uint8_t *p)
{
	if (p[0] < 0x20 || p[0] == 0x7f)
		return p[0];
	return p[0] == 0xc2 && p[1] < 0xa0 ? p[1] : -1;
}

static void put_character(struct out *out, enum sf_value_form form, const uint8_t *p, size_t length)
{
	int control = length ? control_character(p) : -1;
	char escaped[8];

	if (length == 0) {
		put(out, REPLACEMENT, 3);
	} else if (control < 0) {
		if (form == SF_VALUE_JSON && (*p == '"' || *p == '\\')) {
			escaped[0] = '\\';
			escaped[1] = (char)*p;
			put(out, escaped, 2);
		} else {
			put(out, (const char *)p, length);
		}
	} else if (form == SF_VALUE_JSON) {
		put(out, escaped,
			(size_t)snprintf(escaped, sizeof(escaped), "\\u%04x", (unsigned)control));
	} else {
		put(out, REPLACEMENT, 3);
	}
}

static void put_string(struct out *out, enum sf_value_form form, const uint8_t *data, size_t length)
{
	/* fixed-length strings are padded with zeros (RFC 6759 §4.2) */
	while (length && data[length - 1] == 0)
		length--;
	while (length) {
		size_t n = utf8_length(data, length);

		put_character(out, form, data, n);
		data += n ? n : 1;
		length -= n ? n : 1;
	}
}

static void put_hex(struct out *out, const uint8_t *data, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		char pair[2] = { hex_digits[data[i] >> 4], hex_digits[data[i] & 15] };

		put(out, pair, 2);
	}
}

static bool may_be_empty(enum sf_type type)
{
	return type == SF_TYPE_STRING || type == SF_TYPE_OCTETS || type == SF_TYPE_BASIC_LIST ||
	       type == SF_TYPE_SUBTEMPLATE_LIST || type == SF_TYPE_SUBTEMPLATE_MULTILIST;
}

/* Writes strings, bytes and lists, and values that have a wrong length for their type as bytes. */
static size_t write_long(enum sf_type type, enum sf_value_form form, const uint8_t *data,
	size_t length, char *text, size_t size)
{
	struct out out = { text, text + size - 1 };

	/* a field without bytes: a string may be empty, any other value is not there */
	if (form == SF_VALUE_JSON && length == 0 && !may_be_empty(type)) {
		put(&out, "null", 4);
		*out.p = 0;
		return (size_t)(out.p - text);
	}
	if (form == SF_VALUE_JSON) {
		/* keep room for the closing quote */
		if (size < 3) {
			*text = 0;
			return 0;
		}
		out.end--;
		put(&out, "\"", 1);
	}
	if (type == SF_TYPE_STRING)
		put_string(&out, form, data, length);
	else
		put_hex(&out, data, length);
	if (form == SF_VALUE_JSON)
		*out.p++ = '"';
	*out.p = 0;
	return (size_t)(out.p - text);
}

/* ---------------------------------------------------------------- values of fixed length */

static char *write_signed(char *p, const uint8_t *data, size_t length)
{
	uint64_t value = sf_load_be(data, length);
	unsigned unused = 64 - 8 * (unsigned)length;
	int64_t number = (int64_t)(value << unused) >> unused;

	if (number >= 0)
		return sf_text_u64(p, (uint64_t)number);
	*p++ = '-';
	return sf_text_u64(p, -(uint64_t)number);
}

/* The shortest decimal form that reads back as the same number; JSON knows no NaN. */
static char *write_float(char *p, const uint8_t *data, size_t length)
{
	union {
		uint32_t bits32;
		float single;
		uint64_t bits64;
		double number;
	} value;
	double number;

	if (length == 4) {
		value.bits32 = sf_load_be32(data);
		number = value.single;
	} else {
		value.bits64 = sf_load_be64(data);
		number = value.number;
	}
	if (!isfinite(number)) {
		memcpy(p, "null", 4);
		return p + 4;
	}
	for (int digits = length == 4 ? 6 : 15;; digits++) {
		int n = snprintf(p, SF_VALUE_MAX - 2, "%.*g", digits, number);
		bool same =
			length == 4 ? strtof(p, NULL) == (float)number : strtod(p, NULL) == number;

		if (same || digits == 17)
			return p + n;
	}
}

/* NULL when the number does not fit into 64 bits. */
static char *write_unsigned(char *p, const uint8_t *data, size_t length)
{
	for (; length > 8; data++, length--)
		if (*data)
			return NULL;
	return sf_text_u64(p, sf_load_be(data, length));
}

static char *write_boolean(char *p, const uint8_t *data, size_t length)
{
	uint8_t value = data[length - 1];

	/* RFC 7011 §6.1.5: 1 is true, 2 is false */
	if (length > 1 || (value != 1 && value != 2))
		return write_unsigned(p, data, length);
	memcpy(p, value == 1 ? "true" : "false", 5);
	return p + (value == 1 ? 4 : 5);
}

static char *write_mac(char *p, const uint8_t *data)
{
	for (int i = 0; i < 6; i++) {
		if (i)
			*p++ = ':';
		*p++ = hex_digits[data[i] >> 4];
		*p++ = hex_digits[data[i] & 15];
	}
	return p;
}

/* A time, or NULL when it lies beyond the year 9999. */
static char *write_time(char *p, enum sf_type type, const uint8_t *data, size_t length)
{
	int64_t ns;

	if (type == SF_TYPE_SECONDS) {
		uint64_t seconds = sf_load_be(data, length);

		if (seconds >= (uint64_t)YEAR_10000)
			return NULL;
		p = sf_text_time(p, (int64_t)seconds, 0, 0);
	} else if (type == SF_TYPE_MILLISECONDS) {
		uint64_t ms = sf_load_be64(data);

		if (ms >= (uint64_t)YEAR_10000 * 1000)
			return NULL;
		p = sf_text_time(p, (int64_t)(ms / 1000), (uint32_t)(ms % 1000) * 1000000, 3);
	} else if (type == SF_TYPE_MICROSECONDS) {
		ns = sf_ntp_to_ns(sf_load_be64(data), 1000);
		p = sf_text_time(p, ns / 1000000000, (uint32_t)(ns % 1000000000), 6);
	} else {
		ns = sf_ntp_to_ns(sf_load_be64(data), 1);
		p = sf_text_time(p, ns / 1000000000, (uint32_t)(ns % 1000000000), 9);
	}
	*p++ = 'Z';
	return p;
}

/*
 * Lengths that a type may have on the wire: RFC 7011 §6.1 and reduced size §6.2. A number may also
 * be longer than its element: RFC 3954 leaves the lengths of NetFlow v9 to the exporter, and
 * samplerId comes in 1, 2 or 4 bytes.
 */
static bool length_allowed(enum sf_type type, size_t length)
{
	switch (type) {
	case SF_TYPE_U8:
	case SF_TYPE_U16:
	case SF_TYPE_U32:
	case SF_TYPE_U64:
	case SF_TYPE_U256:
	case SF_TYPE_BOOLEAN:
		return length >= 1 && length <= 32;
	case SF_TYPE_S8:
	case SF_TYPE_S16:
	case SF_TYPE_S32:
	case SF_TYPE_S64:
		return length >= 1 && length <= 8;
	case SF_TYPE_IPV4:
		return length == 4;
	case SF_TYPE_SECONDS:
	/* [RFC7011-6.1.3-1] [RFC7011-6.1.4-1] [RFC7011-6.2-1] */
	case SF_TYPE_F32:
	case SF_TYPE_F64:
		return length == 4 || length == 8;
	case SF_TYPE_MAC:
		return length == 6;
	case SF_TYPE_MILLISECONDS:
	case SF_TYPE_MICROSECONDS:
	case SF_TYPE_NANOSECONDS:
		return length == 8;
	case SF_TYPE_IPV6:
		return length == 16;
	case SF_TYPE_OCTETS:
	case SF_TYPE_STRING:
	case SF_TYPE_BASIC_LIST:
	case SF_TYPE_SUBTEMPLATE_LIST:
	case SF_TYPE_SUBTEMPLATE_MULTILIST:
		break;
	}
	return false;
}

/* Quoted types: the text between the quotes, or NULL when it cannot be written. */
static char *write_quoted(char *p, enum sf_type type, const uint8_t *data, size_t length)
{
	switch (type) {
	case SF_TYPE_MAC:
		return write_mac(p, data);
	case SF_TYPE_IPV4:
		return sf_text_ipv4(p, data);
	case SF_TYPE_IPV6:
		return sf_text_ipv6(p, data);
	default:
		return write_time(p, type, data, length);
	}
}

/* At most SF_VALUE_MAX - 1 bytes; NULL when the value has to be written as bytes. */
static char *write_fixed(
	char *p, enum sf_type type, enum sf_value_form form, const uint8_t *data, size_t length)
{
	if (!length_allowed(type, length))
		return NULL;
	switch (type) {
	case SF_TYPE_U8:
	case SF_TYPE_U16:
	case SF_TYPE_U32:
	case SF_TYPE_U64:
	case SF_TYPE_U256:
		return write_unsigned(p, data, length);
	case SF_TYPE_S8:
	case SF_TYPE_S16:
	case SF_TYPE_S32:
	case SF_TYPE_S64:
		return write_signed(p, data, length);
	case SF_TYPE_F32:
	case SF_TYPE_F64:
		return write_float(p, data, length);
	case SF_TYPE_BOOLEAN:
		return write_boolean(p, data, length);
	default:
		if (form == SF_VALUE_JSON)
			*p++ = '"';
		p = write_quoted(p, type, data, length);
		if (p && form == SF_VALUE_JSON)
			*p++ = '"';
		return p;
	}
}

size_t sf_value_write(enum sf_type type, enum sf_value_form form, const uint8_t *data,
	size_t length, char *text, size_t size)
{
	char buffer[SF_VALUE_MAX];
	char *start = size < sizeof(buffer) ? buffer : text;
	char *end = write_fixed(start, type, form, data, length);

	if (!end && type == SF_TYPE_BASIC_LIST &&
		sf_list_write(form, data, length, text, size, &length))
		return length;
	if (!end)
		return write_long(type, form, data, length, text, size);
	length = (size_t)(end - start);
	if (start == buffer) {
		length = length < size ? length : size - 1;
		memcpy(text, buffer, length);
	}
	text[length] = 0;
	return length;
}

void sf_json_string(FILE *stream, const char *text)
{
	char quoted[6 * PATH_MAX]; /* a path whose characters are all escaped */

	sf_value_write(SF_TYPE_STRING, SF_VALUE_JSON, (const uint8_t *)text, strlen(text), quoted,
		sizeof(quoted));
	fputs(quoted, stream);
}
