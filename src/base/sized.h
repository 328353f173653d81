/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Public structures that a caller made with an older or newer header: the caller says how large the
 * structure is there. See docs/library.md.
 */
#ifndef SPANFLOW_BASE_SIZED_H
#define SPANFLOW_BASE_SIZED_H

#include <stddef.h>

#include <spanflow/error.h>

/*
 * Copies the options of a caller, `given_size` bytes, to `options`: members that the caller's header
 * does not have become 0. Returns 0, or SF_EUSAGE: members that this library does not have are not 0.
 */
int sf_sized_options(
	void *options, size_t size, const void *given, size_t given_size, struct sf_error *error);

/* Copies counters to a caller whose structure has `given_size` bytes; what is missing becomes 0. */
void sf_sized_counters(void *given, size_t given_size, const void *counters, size_t size);

#endif
