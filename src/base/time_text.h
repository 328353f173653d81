/* SPDX-License-Identifier: BSD-2-Clause */
/* Dates and times as people type them. */
#ifndef SPANFLOW_BASE_TIME_TEXT_H
#define SPANFLOW_BASE_TIME_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * ns since 1970 of one of these, in UTC or, with `local`, in local time unless it ends with a zone:
 *
 *	2025-11-20                      midnight
 *	2025-11-20T08:00                also with a space instead of T, and seconds
 *	2025-11-20T08:00:04.647Z        a fraction of up to nine digits; Z, +01:00, +0100 or +01
 *	@1763625604.647                 seconds since 1970
 *
 * False: not of that form, or not in 1970 … 2116.
 */
bool sf_time_parse(const char *text, bool local, int64_t *ns);

#endif
