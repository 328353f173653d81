/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading routes. A file is read whole or not at all: a mistake in it is an error that names the
 * place. The kind of a file is known by its first bytes, not by its name.
 */
#ifndef SPANFLOW_ENRICH_LOAD_H
#define SPANFLOW_ENRICH_LOAD_H

#include <spanflow/error.h>

#include "enrich/intake.h"
#include "enrich/routes.h"

/*
 * The routes of a file. 0 or an error, whose text begins with the path; -ECANCELED
 * soon after *stop has become true.
 */
int sf_load_file_until(struct sf_routes **routes, const char *path, const atomic_bool *stop,
	struct sf_error *error);

static inline int sf_load_file(struct sf_routes **routes, const char *path, struct sf_error *error)
{
	return sf_load_file_until(routes, path, NULL, error);
}

/*
 * Which of SF_EXTRA_… a file gives that takes long to read: an MRT dump, which may take minutes. 0:
 * the file is of another kind, or cannot be opened.
 */
uint32_t sf_load_is_long(const char *path);

/*
 * text.c: lines "PREFIX AS [NEXT-HOP [BGP-NEXT-HOP]] [COUNTRY]":
 *
 *	192.0.2.0/24    64500  203.0.113.1  DE	# a comment
 *	2001:db8::/32   AS64500
 *	198.51.100.0/24 -      203.0.113.9	# - : not known
 */
int sf_load_text(struct sf_draft *draft, struct sf_intake *intake, struct sf_error *error);

/* mrt.c: TABLE_DUMP_V2 (RFC 6396, RFC 8050), as BIRD, FRR, RouteViews and RIPE RIS write it. */
bool sf_mrt_is(const uint8_t *bytes, size_t count);
int sf_load_mrt(struct sf_draft *draft, struct sf_intake *intake, struct sf_error *error);

/* mmdb.c: MaxMind DB files, version 2. The whole file is in memory. */
int sf_load_mmdb(struct sf_draft *draft, const char *path, const uint8_t *file, size_t size,
	struct sf_error *error);

/* An error at a place of a binary file. */
int sf_load_damaged(const struct sf_intake *intake, const char *what, struct sf_error *error);

/* An error of sf_draft_add(). */
int sf_load_failed(const char *path, int code, struct sf_error *error);

#endif
