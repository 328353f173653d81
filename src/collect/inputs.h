/* SPDX-License-Identifier: BSD-2-Clause */
/* The files that names on the command line stand for, and what each of them is. */
#ifndef SPANFLOW_COLLECT_INPUTS_H
#define SPANFLOW_COLLECT_INPUTS_H

#include "base/file_list.h"

enum sf_found {
	SF_FOUND_FLOWS, /* or a file of no known kind that the user has named: reading it fails */
	SF_FOUND_CAPTURE,
	SF_FOUND_FOREIGN, /* a file in a directory with neither flows nor packets */
	SF_FOUND_PARTIAL, /* a file in a directory that a run has not completed */
};

struct sf_inputs {
	struct sf_list list;
	char **problems; /* names that do not exist, in words */
	unsigned problem_count;
};

/* `inputs` is zeroed before. 0 or -ENOMEM; to be freed by sf_inputs_fini() in both cases. */
int sf_inputs_make(struct sf_inputs *inputs, const char *const *names, unsigned count);
void sf_inputs_fini(struct sf_inputs *inputs);

/* Reads the first bytes of the file; of a pipe with a name, which can be opened once only, none. */
enum sf_found sf_found_kind(const struct sf_listed *file);

#endif
