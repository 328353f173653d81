/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include <spanflow/field.h>

#include "base/value.h"
#include "base/wire.h"
#include "check_main.h"

#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

static const char *json(uint32_t pen, uint16_t id, const uint8_t *data, size_t length)
{
	static char text[256];
	struct sf_field_value value = { pen, id, (uint16_t)length, data };
	size_t n = sf_field_json(&value, text, sizeof(text));

	ck_assert_uint_eq(n, strlen(text));
	return text;
}

static const char *text_of(uint16_t id, const uint8_t *data, size_t length)
{
	static char text[256];
	struct sf_field_value value = { 0, id, (uint16_t)length, data };
	size_t n = sf_field_text(&value, text, sizeof(text));

	ck_assert_uint_eq(n, strlen(text));
	return text;
}

static const char *name_of(uint32_t pen, uint16_t id)
{
	static char text[64];

	ck_assert_uint_eq(sf_field_name(pen, id, text, sizeof(text)), strlen(text));
	return text;
}

START_TEST(elements_are_found_by_number_and_name)
{
	const struct sf_element *element = sf_element_find(0, 152);

	ck_assert_ptr_nonnull(element);
	ck_assert_str_eq(element->name, "flowStartMilliseconds");
	ck_assert_uint_eq(element->type, SF_TYPE_MILLISECONDS);
	ck_assert_uint_eq(element->id, 152);
	ck_assert_ptr_eq(sf_element_find_name("flowStartMilliseconds"), element);
	/* RFC 5103 §6.1: a reverse element is the forward one under PEN 29305 */
	ck_assert_ptr_eq(sf_element_find(SF_PEN_REVERSE, 152), element);
	ck_assert_uint_eq(sf_element_find(SF_PEN_CERT, 21)->type, SF_TYPE_U32);
	ck_assert_ptr_null(sf_element_find(0, 0));
	ck_assert_ptr_null(sf_element_find(0, 416)); /* withdrawn */
	ck_assert_ptr_null(sf_element_find(0, 32767));
	ck_assert_ptr_null(sf_element_find(9, 1));
	ck_assert_ptr_null(sf_element_find_name("noSuchElement"));
}
END_TEST

/* [RFC7011-9-2] */
START_TEST(names_tell_reverse_and_unknown_elements)
{
	ck_assert_str_eq(name_of(0, 1), "octetDeltaCount");
	ck_assert_str_eq(name_of(SF_PEN_REVERSE, 1), "reverseOctetDeltaCount");
	ck_assert_str_eq(name_of(0, 32000), "ie32000");
	ck_assert_str_eq(name_of(SF_PEN_CERT, 40), "pen6871ie40");
	ck_assert_str_eq(name_of(SF_PEN_REVERSE, 32000), "pen29305ie32000");
	/* every name fits the 64 octets that field.h promises, prefix included */
	for (uint16_t id = 0; id < 1000; id++)
		ck_assert_uint_lt(strlen(name_of(SF_PEN_REVERSE, id)), 63);
}
END_TEST

/* RFC 7011 §6.1 and §6.2: numbers of any allowed length. */
/* [RFC7011-6.1.3-1] [RFC7011-6.1.4-1] [RFC7011-6.2-1] [RFC5471-3.3.2-1] */
START_TEST(numbers_are_bare_and_may_be_reduced)
{
	ck_assert_str_eq(json(0, 1, BYTES(0, 0, 0, 1, 0, 0, 0, 0)), "4294967296");
	ck_assert_str_eq(json(0, 1, BYTES(0x12, 0x34, 0x56)), "1193046");
	ck_assert_str_eq(
		json(0, 1, BYTES(255, 255, 255, 255, 255, 255, 255, 255)), "18446744073709551615");
	ck_assert_str_eq(json(0, 4, BYTES(0)), "0");
	ck_assert_str_eq(json(0, 6, BYTES(0xd2)), "210");
	ck_assert_str_eq(json(0, 6, BYTES(0x01, 0x1b)), "283");
	ck_assert_str_eq(json(0, 434, BYTES(0xff, 0xfe)), "-2");
	ck_assert_str_eq(json(0, 434, BYTES(0x80, 0, 0, 0)), "-2147483648");
	ck_assert_str_eq(
		json(0, 311, BYTES(0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a)), "0.1");
	ck_assert_str_eq(json(0, 311, BYTES(0x3d, 0xcc, 0xcc, 0xcd)), "0.1");
	ck_assert_str_eq(json(0, 311, BYTES(0x7f, 0xc0, 0, 0)), "null");
	ck_assert_str_eq(json(0, 515, BYTES(0, 0, 0, 0, 0, 0, 0, 0, 0, 7)), "7");
	ck_assert_str_eq(json(0, 515, BYTES(1, 0, 0, 0, 0, 0, 0, 0, 0)), "\"010000000000000000\"");
}
END_TEST

/*
 * RFC 3954 leaves the lengths of NetFlow v9 to the exporter: samplerId comes in 1, 2 or 4 octets.
 */
START_TEST(numbers_longer_than_their_element_are_numbers)
{
	ck_assert_str_eq(json(0, 48, BYTES(0, 0, 0, 10)), "10");
	ck_assert_str_eq(json(0, 4, BYTES(1, 2)), "258");
	ck_assert_str_eq(text_of(4, BYTES(1, 2)), "258");
	ck_assert_str_eq(json(0, 7, BYTES(0, 0, 0x01, 0xbb)), "443");
	ck_assert_str_eq(json(0, 10, BYTES(0, 0, 0, 0, 0, 0, 0, 9)), "9");
	ck_assert_str_eq(json(0, 1, BYTES(0, 0, 0, 0, 0, 0, 0, 0, 0, 7)), "7");
	ck_assert_str_eq(json(0, 434, BYTES(0xff, 0xff, 0xff, 0xff, 0xff, 0xfe)), "-2");
	ck_assert_str_eq(json(0, 276, BYTES(0, 1)), "1");
	ck_assert_str_eq(json(0, 150, BYTES(0, 0, 0, 0, 0, 0, 0, 5)), "\"1970-01-01T00:00:05Z\"");
}
END_TEST

/* RFC 7011 §6.1.9: a collector ignores the 11 lowest bits of microseconds. */
/* [RFC7011-6.1.9-1] */
START_TEST(unused_bits_of_microseconds_are_ignored)
{
	/* 4292900 / 2^32 s are 999.52 us, without the unused bits 999.45 us */
	ck_assert_int_eq(
		sf_ntp_to_ns(UINT64_C(0xe3088e8000418124), 1000), INT64_C(1600000000000999000));
	ck_assert_str_eq(json(0, 154, BYTES(0xe3, 0x08, 0x8e, 0x80, 0x00, 0x41, 0x81, 0x24)),
		"\"2020-09-13T12:26:40.000999Z\"");
}
END_TEST

/* A length that cannot be the value's says nothing about it: octets. */
START_TEST(wrong_lengths_are_written_as_octets)
{
	ck_assert_str_eq(json(0, 8, BYTES(10, 0, 1)), "\"0a0001\"");
	ck_assert_str_eq(json(0, 152, BYTES(0, 0, 0, 1)), "\"00000001\"");
	ck_assert_str_eq(json(0, 1, BYTES(1, 2, 3, 4, 5, 6, 7, 8, 9)), "\"010203040506070809\"");
	/* no octets: an empty string, but no number */
	ck_assert_str_eq(json(0, 82, NULL, 0), "\"\"");
	ck_assert_str_eq(json(0, 1, NULL, 0), "null");
	ck_assert_str_eq(json(0, 8, NULL, 0), "null");
	ck_assert_str_eq(json(0, 32000, BYTES(0xde, 0xad)), "\"dead\"");
	ck_assert_str_eq(text_of(32000, BYTES(0xde, 0xad)), "dead");
}
END_TEST

/* RFC 7011 §6.1.5 */
START_TEST(boolean_two_is_false)
{
	ck_assert_str_eq(json(0, 276, BYTES(1)), "true");
	ck_assert_str_eq(json(0, 276, BYTES(2)), "false");
	ck_assert_str_eq(json(0, 276, BYTES(0)), "0");
}
END_TEST

START_TEST(addresses_read_as_people_write_them)
{
	static const struct {
		uint8_t address[16];
		const char *text;
	} cases[] = {
		{ { 0 }, "::" },
		{ { [15] = 1 }, "::1" },
		{ { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 }, "2001:db8::1" },
		{ { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1 },
			"2001:db8:0:1:1:1:1:1" },
		{ { 0x20, 0x01, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1 }, "2001:0:0:1::1" },
		{ { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1 },
			"2001:db8::1:0:0:1" },
		{ { 0xfe, 0x80 }, "fe80::" },
		{ { [10] = 0xff, 0xff, 192, 0, 2, 1 }, "::ffff:192.0.2.1" },
		{ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			  0xff, 0xff, 0xff },
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_str_eq(text_of(27, cases[i].address, 16), cases[i].text);
	ck_assert_str_eq(json(0, 8, BYTES(192, 0, 2, 255)), "\"192.0.2.255\"");
	ck_assert_str_eq(json(0, 56, BYTES(2, 0, 0, 0xab, 0, 1)), "\"02:00:00:ab:00:01\"");
}
END_TEST

START_TEST(times_have_the_digits_of_their_type)
{
	/* 2005-07-06T10:47:29.123Z */
	ck_assert_str_eq(json(0, 152, BYTES(0, 0, 1, 0x04, 0xeb, 0xc1, 0xe2, 0x63)),
		"\"2005-07-06T10:47:29.123Z\"");
	ck_assert_str_eq(json(0, 150, BYTES(0x42, 0xcb, 0xb6, 0xd1)), "\"2005-07-06T10:47:45Z\"");
	ck_assert_str_eq(text_of(152, BYTES(0, 0, 0, 0, 0, 0, 0, 0)), "1970-01-01T00:00:00.000Z");
	ck_assert_str_eq(text_of(150, BYTES(0x38, 0xbc, 0x5d, 0x80)), "2000-03-01T00:00:00Z");
	ck_assert_str_eq(text_of(150, BYTES(0x38, 0xbc, 0x5d, 0x7f)), "2000-02-29T23:59:59Z");
	ck_assert_str_eq(text_of(150, BYTES(255, 255, 255, 255)), "2106-02-07T06:28:15Z");
	/* The same instant rounded up (µs) and truncated (ns) */
	ck_assert_str_eq(text_of(154, BYTES(0xe3, 0x08, 0x8e, 0x80, 0x1f, 0x9a, 0xd0, 0)),
		"2020-09-13T12:26:40.123456Z");
	ck_assert_str_eq(text_of(156, BYTES(0xe3, 0x08, 0x8e, 0x80, 0x1f, 0x9a, 0xcf, 0xfa)),
		"2020-09-13T12:26:40.123456000Z");
	/* beyond what a date can say */
	ck_assert_str_eq(json(0, 152, BYTES(255, 0, 0, 0, 0, 0, 0, 0)), "\"ff00000000000000\"");
}
END_TEST

/* RFC 7011 §6.1.9, §6.1.10, §5.2 */
START_TEST(ntp_times_read_back_exactly)
{
	ck_assert_uint_eq(sf_ntp_microseconds(0) >> 32, 0x83aa7e80);
	ck_assert_uint_eq(
		sf_ntp_microseconds(INT64_C(1600000000123456000)), UINT64_C(0xe3088e801f9ad000));
	ck_assert_uint_eq(sf_ntp_nanoseconds(INT64_C(2085978495000000000)) >> 32, 0xffffffff);
	ck_assert_uint_eq(sf_ntp_nanoseconds(INT64_C(2085978496000000000)) >> 32, 0);
	ck_assert_int_eq(sf_ntp_to_ns(0, 1), INT64_C(2085978496000000000));
	for (int64_t us = 0; us < 1000000; us++) {
		int64_t ns = INT64_C(1600000000000000000) + us * 1000;
		uint64_t ntp = sf_ntp_microseconds(ns);

		if ((ntp & 0x7ff) != 0 || sf_ntp_to_ns(ntp, 1000) != ns ||
			(int64_t)((ntp & UINT32_MAX) * 1000000 >> 32) != us)
			ck_abort_msg("%d us does not read back", (int)us);
	}
	for (int64_t i = 0; i < 1000000; i++) {
		int64_t ns = INT64_C(1600000000000000000) + i * 999 + 7;
		uint64_t ntp = sf_ntp_nanoseconds(ns);

		if (sf_ntp_to_ns(ntp, 1) != ns ||
			(int64_t)((ntp & UINT32_MAX) * 1000000000 >> 32) != ns % 1000000000)
			ck_abort_msg("%lld ns does not read back", (long long)ns);
	}
}
END_TEST

/* RFC 7011 §6.1.6: strings are UTF-8; what is not must not reach JSON readers. */
START_TEST(strings_are_escaped_and_repaired)
{
	ck_assert_str_eq(json(0, 82, BYTES('e', 't', 'h', '0', 0, 0)), "\"eth0\"");
	ck_assert_str_eq(json(0, 82, BYTES('"', '\\', '\n', 0x7f)), "\"\\\"\\\\\\u000a\\u007f\"");
	ck_assert_str_eq(text_of(82, BYTES('"', '\\', '\n')), "\"\\\xef\xbf\xbd");
	/* U+0080 and U+009F, between them what terminals take for ESC [; U+00A0 is none of them */
	ck_assert_str_eq(json(0, 82, BYTES(0xc2, 0x80, 0xc2, 0x9b, 0xc2, 0x9f, 0xc2, 0xa0)),
		"\"\\u0080\\u009b\\u009f\xc2\xa0\"");
	ck_assert_str_eq(text_of(82, BYTES('a', 0xc2, 0x9b, '2', 'J', 0xc2, 0xa0)), "a\xef\xbf\xbd"
										    "2J\xc2\xa0");
	ck_assert_str_eq(
		json(0, 82, BYTES(0xc3, 0xa4, 0xe2, 0x82, 0xac)), "\"\xc3\xa4\xe2\x82\xac\"");
	ck_assert_str_eq(json(0, 82, BYTES(0xc0, 0x80, 'x')),
		"\"\xef\xbf\xbd\xef\xbf\xbdx\""); /* overlong */
	ck_assert_str_eq(
		json(0, 82, BYTES('a', 0xe2, 0x82)), "\"a\xef\xbf\xbd\xef\xbf\xbd\""); /* cut off */
	ck_assert_str_eq(json(0, 82, BYTES(0xed, 0xa0, 0x80)),
		"\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""); /* surrogate */
	ck_assert_str_eq(json(0, 82, NULL, 0), "\"\"");
}
END_TEST

#define LIST(semantic, id, width, ...)                                                             \
	BYTES(semantic, (id) >> 8, (id)&255, (width) >> 8, (width)&255, ##__VA_ARGS__)

/* RFC 6313 §4.5.1 */
START_TEST(lists_are_written_by_the_element_of_their_values)
{
	ck_assert_str_eq(json(0, 523, LIST(3, 521, 2, 0x03, 0x48, 0x45, 0x4e)), "[840,17742]");
	ck_assert_str_eq(text_of(523, LIST(3, 521, 2, 0x03, 0x48, 0x45, 0x4e)), "840,17742");
	ck_assert_str_eq(json(0, 524, LIST(4, 522, 4, 0xe2, 0xd4, 0xc3, 0xd9)), "[3805594585]");
	ck_assert_str_eq(json(0, 291, LIST(255, 8, 4, 192, 0, 2, 1, 192, 0, 2, 2)),
		"[\"192.0.2.1\",\"192.0.2.2\"]");
	ck_assert_str_eq(json(0, 291, LIST(3, 10, 1, 7, 8)), "[7,8]"); /* reduced size */
	/* no value */
	ck_assert_str_eq(json(0, 523, LIST(3, 521, 2)), "[]");
	ck_assert_str_eq(text_of(523, LIST(3, 521, 2)), "");
	ck_assert_str_eq(json(0, 523, LIST(3, 521, 0)), "[]");
	/* values that tell their length, in one byte and in three */
	ck_assert_str_eq(json(0, 291, LIST(3, 82, 65535, 2, 'e', '"', 0, 255, 0, 1, 'x')),
		"[\"e\\\"\",\"\",\"x\"]");
	/* semantics under which the values say something else */
	ck_assert_str_eq(json(0, 291, LIST(0, 7, 2, 0, 80)), "{\"noneOf\":[80]}");
	ck_assert_str_eq(json(0, 291, LIST(1, 7, 2, 0, 80)), "{\"exactlyOneOf\":[80]}");
	ck_assert_str_eq(text_of(291, LIST(2, 7, 2, 0, 80, 1, 187)), "oneOrMoreOf(80,443)");
	/* elements of enterprises; of an unknown one, and of lists in lists, the bytes */
	ck_assert_str_eq(
		json(0, 291, LIST(3, 0x8000 | 21, 4, 0, 0, 0x1a, 0xd7, 0, 0, 1, 0)), "[256]");
	ck_assert_str_eq(
		json(0, 291, LIST(3, 0x8000 | 21, 1, 0, 0, 0, 9, 1, 2)), "[\"01\",\"02\"]");
	ck_assert_str_eq(
		json(0, 291, LIST(3, 291, 65535, 6, 3, 0, 4, 0, 1, 6)), "[\"030004000106\"]");
}
END_TEST

/* What is no list that is whole: bytes, as they came. */
START_TEST(broken_lists_are_written_as_octets)
{
	ck_assert_str_eq(json(0, 291, NULL, 0), "\"\"");
	ck_assert_str_eq(json(0, 523, BYTES(3, 2, 9, 0)), "\"03020900\"");
	ck_assert_str_eq(json(0, 523, LIST(3, 521, 2, 1)), "\"030209000201\"");
	ck_assert_str_eq(json(0, 523, LIST(3, 521, 0, 1)), "\"030209000001\"");
	ck_assert_str_eq(json(0, 523, LIST(5, 521, 2, 1, 2)), "\"05020900020102\""); /* semantic */
	ck_assert_str_eq(json(0, 291, LIST(3, 0x8000 | 21, 4, 0, 0, 1)), "\"0380150004000001\"");
	ck_assert_str_eq(json(0, 291, LIST(3, 82, 65535, 2, 'e')), "\"030052ffff0265\"");
	ck_assert_str_eq(json(0, 291, LIST(3, 82, 65535, 255, 0)), "\"030052ffffff00\"");
	ck_assert_str_eq(text_of(523, LIST(3, 521, 2, 1)), "030209000201");
}
END_TEST

/* A list ends with the last value that has room, and JSON stays JSON. */
START_TEST(long_lists_are_cut_behind_a_value)
{
	static const uint8_t list[5 + 100] = { 2, 0, 7, 0, 2, 1, 187, 1, 187 };
	const struct sf_field_value value = { 0, 291, sizeof(list), list };

	for (size_t size = 20; size < 300; size++) {
		char *text = malloc(size); /* exact, for AddressSanitizer */
		size_t length = sf_field_json(&value, text, size);

		ck_assert_uint_lt(length, size);
		ck_assert_int_eq(strncmp(text, "{\"oneOrMoreOf\":[", 16), 0);
		ck_assert_str_eq(text + length - 2, "]}");
		ck_assert_int_ne(text[length - 3], ',');
		/* nothing is left out that would fit */
		ck_assert(length + 4 >= size || length == 16 + 2 * 4 + 48 * 2 - 1 + 2);
		length = sf_field_text(&value, text, size);
		ck_assert_uint_lt(length, size);
		ck_assert_int_eq(text[length - 1], ')');
		free(text);
	}
}
END_TEST

START_TEST(writing_stops_at_the_end_of_the_buffer)
{
	static const uint8_t bytes[200] = { [0 ... 199] = 0xab };
	struct sf_field_value values[] = { { 0, 82, 200, bytes }, { 0, 32000, 200, bytes },
		{ 0, 27, 16, bytes }, { 0, 1, 8, bytes }, { 0, 152, 4, bytes },
		{ 0, 291, 200, bytes } };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		for (size_t size = 1; size < 130; size++) {
			char *text = malloc(size); /* exact, for AddressSanitizer */

			ck_assert_uint_lt(sf_field_json(&values[i], text, size), size);
			ck_assert_uint_lt(sf_field_text(&values[i], text, size), size);
			ck_assert_uint_eq(text[strlen(text)], 0);
			free(text);
		}
	}
}
END_TEST

CHECK_MAIN("field", elements_are_found_by_number_and_name, names_tell_reverse_and_unknown_elements,
	numbers_are_bare_and_may_be_reduced, numbers_longer_than_their_element_are_numbers,
	unused_bits_of_microseconds_are_ignored, wrong_lengths_are_written_as_octets,
	boolean_two_is_false, addresses_read_as_people_write_them,
	times_have_the_digits_of_their_type, ntp_times_read_back_exactly,
	strings_are_escaped_and_repaired, lists_are_written_by_the_element_of_their_values,
	broken_lists_are_written_as_octets, long_lists_are_cut_behind_a_value,
	writing_stops_at_the_end_of_the_buffer)
