/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies public structures of callers that were compiled with an older or newer header. Each such
 * structure begins with its size in the caller's header (docs/library.md).
 */
#ifndef SPANFLOW_BASE_SIZED_H
#define SPANFLOW_BASE_SIZED_H

#include <stddef.h>

#include <spanflow/error.h>

/*
 * Copies the options of a caller, `given_size` bytes, to `options`. Members that the caller's
 * header does not have become 0. Returns 0, or SF_EUSAGE if a member that this library does not
 * have is not 0.
 */
int sf_sized_options(
	void *options, size_t size, const void *given, size_t given_size, struct sf_error *error);

/*
 * Copies counters to a caller's structure of `given_size` bytes. Members
 * beyond this library's become 0.
 */
void sf_sized_counters(void *given, size_t given_size, const void *counters, size_t size);

#endif
