/* SPDX-License-Identifier: BSD-2-Clause */
/* What a file is, and which files a list of names stands for. */
#ifndef SPANFLOW_BASE_FILE_KIND_H
#define SPANFLOW_BASE_FILE_KIND_H

#include <stdbool.h>

#include <spanflow/error.h>

enum sf_file_kind { SF_FILE_OTHER, SF_FILE_FLOWS, SF_FILE_CAPTURE, SF_FILE_EMPTY };

/*
 * By the first bytes of the file; "-" is standard input, of which nothing is consumed. Negative: it
 * cannot be read, with the reason in `error`.
 */
int sf_file_kind(const char *path, struct sf_error *error);

struct sf_file_names {
	char **items;
	unsigned count;
};

/*
 * Adds the regular files below a directory in the order of their names. 0, -ENOMEM, or what kept it
 * from being read, with the reason in `error`.
 */
int sf_file_names_below(struct sf_file_names *names, const char *directory, struct sf_error *error);
int sf_file_names_add(struct sf_file_names *names, const char *path);
void sf_file_names_free(struct sf_file_names *names);

#endif
