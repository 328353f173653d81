/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors: every function that can fail returns 0 (or a count) or a negative code from here. */
#ifndef SPANFLOW_ERROR_H
#define SPANFLOW_ERROR_H

#include <errno.h>
#include <stddef.h>

#include <spanflow/declare.h>

SF_BEGIN_PUBLIC

/* System errors keep their number (-ENOMEM …); spanflow's own begin at -1000. */
enum sf_err {
	SF_OK = 0,
	SF_EOF = -1000,          /* end of input: not a failure */
	SF_ECORRUPT = -1001,     /* input is cut off or does not follow its format */
	SF_EUNSUPPORTED = -1002, /* valid, but this build or this kernel cannot do it */
	SF_EUSAGE = -1003,       /* an option or argument is wrong */
	SF_ERESOLVE = -1004,     /* a host name did not resolve */
};

/*
 * What went wrong, in words, for a person: names the object (file, option, interface), the place
 * (byte offset) and what to do. Caller-owned; may be NULL wherever it is a parameter.
 */
struct sf_error {
	int code;
	char text[512];
};

/* The words for a code alone. Static storage; any thread. */
const char *sf_strerror(int code);

/*
 * Fills in `error`, unless it is NULL, with a text that is made as by printf(), cut to its size.
 * Returns `code`, so that a caller can write `return sf_error_set(…)`. Any thread.
 */
int sf_error_set(struct sf_error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

SF_END_PUBLIC

#endif
