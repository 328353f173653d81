/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <spanflow/error.h>

const char *sf_strerror(int code)
{
	switch (code) {
	case SF_OK:
		return "success";
	case SF_EOF:
		return "end of input";
	case SF_ECORRUPT:
		return "corrupt or cut-off input";
	case SF_EUNSUPPORTED:
		return "not supported here";
	case SF_EUSAGE:
		return "wrong option or argument";
	case SF_ERESOLVE:
		return "name does not resolve";
	default: {
		const char *text = code < 0 ? strerrordesc_np(-code) : NULL;
		return text ? text : "unknown error";
	}
	}
}

/*
 * Texts tell what is wrong in files, names and messages, with their own words: those must not move
 * the terminal's cursor, nor say something in its colours. Control characters are those of ASCII
 * but for the end of a line, and U+0080 to U+009F.
 */
static void replace_controls(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++) {
		const bool wide = p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;

		if ((*p < 0x20 && *p != '\n') || *p == 0x7f || wide)
			*p = '?';
		if (wide)
			*++p = '?';
	}
}

int sf_error_set(struct sf_error *error, int code, const char *format, ...)
{
	if (error) {
		va_list arguments;

		error->code = code;
		va_start(arguments, format);
		vsnprintf(error->text, sizeof(error->text), format, arguments);
		va_end(arguments);
		replace_controls(error->text);
	}
	return code;
}
