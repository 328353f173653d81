/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wire values as text, by abstract data type. sf_field_json() and sf_field_text() use these
 * functions; callers that know the type already call them directly. No allocation; any thread.
 */
#ifndef SPANFLOW_BASE_VALUE_H
#define SPANFLOW_BASE_VALUE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <spanflow/field.h>

/* Longest text of a value of a fixed-length type, with quotes and the final NUL. */
#define SF_VALUE_MAX 96

/*
 * The same of a value of variable length that has at most 254
 * bytes, each of which may be escaped.
 */
#define SF_VALUE_VARIABLE_MAX 1536

enum sf_value_form {
	SF_VALUE_TEXT, /* without quotes; control characters are replaced */
	SF_VALUE_JSON, /* strings, addresses, times and bytes quoted */
};

/*
 * Writes the value of `length` bytes at `data` as text, with a final NUL. Returns the length of the
 * text without the NUL; truncates it to `size` (> 0).
 */
size_t sf_value_write(enum sf_type type, enum sf_value_form form, const uint8_t *data,
	size_t length, char *text, size_t size);

/*
 * Prints a JSON string, with its quotes. Control characters and bytes that are not UTF-8 are
 * escaped. A text longer than PATH_MAX may be truncated.
 */
void sf_json_string(FILE *stream, const char *text);

/* These write without a NUL and return the next position. */
char *sf_text_u64(char *p, uint64_t value);
char *sf_text_ipv4(char *p, const uint8_t *address);                     /* <= 15 bytes */
char *sf_text_ipv6(char *p, const uint8_t *address);                     /* RFC 5952; <= 39 */
char *sf_text_time(char *p, int64_t seconds, uint32_t ns, int decimals); /* <= 30: "…:29.123" */

/*
 * Converts the NTP format of RFC 7011 §6.1.9 and §6.1.10 to ns since 1970, rounded to the nearest
 * unit (1000 for microseconds, 1 for nanoseconds). Era by RFC 7011 §5.2: seconds that would lie
 * before 1970 count from 2036 on.
 */
int64_t sf_ntp_to_ns(uint64_t ntp, uint32_t unit_ns);

/*
 * Converts ns since 1970 to NTP format. The fraction is rounded up, so that a reader that truncates
 * and one that rounds both get the same value. Microseconds have the low 11 bits clear.
 */
uint64_t sf_ntp_microseconds(int64_t time_ns);
uint64_t sf_ntp_nanoseconds(int64_t time_ns);

#endif
