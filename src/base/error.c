/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
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

int sf_error_set(struct sf_error *error, int code, const char *format, ...)
{
	if (error) {
		va_list arguments;

		error->code = code;
		va_start(arguments, format);
		vsnprintf(error->text, sizeof(error->text), format, arguments);
		va_end(arguments);
	}
	return code;
}
