/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions of the command line (--where, --by, --sum, --top …), compiled, and their answer. */
#ifndef SPANFLOW_CLI_ASKED_H
#define SPANFLOW_CLI_ASKED_H

#include <spanflow/export.h>

#include "ask/groups.h"
#include "ask/where.h"
#include "options/options.h"

struct sf_asked {
	struct sf_where *where;   /* conditions; NULL: none */
	struct sf_groups *groups; /* NULL: the records themselves are asked for */
	enum sf_output form;      /* of the groups */
	bool failed;              /* no more groups could be taken: `error` says why */
	struct sf_error error;
	char remark[200]; /* about a condition that perhaps no record can meet; "": none */
};

/* The options ask for groups. */
bool sf_asked_groups(const struct sf_options *options);

/* Questions that contradict themselves, or NULL. */
const char *sf_asked_contradiction(const struct sf_options *options);

/* Files of `in FILE` are read, and now is the time of the call. 0 or an error. */
int sf_asked_open(struct sf_asked *asked, const struct sf_options *options, struct sf_error *error);
void sf_asked_close(struct sf_asked *asked);

/* No record has met the conditions: tells what may be wrong with them. */
void sf_asked_tell_nothing(const struct sf_asked *asked);

/*
 * Which directions of a flow meet the conditions; they are added to the groups, if there are any.
 * 0: none, or asked->failed.
 */
unsigned sf_asked_flow(
	struct sf_asked *asked, const struct sf_flow *flow, const struct sf_collected *record);

/*
 * Prints the groups, and puts them into `exporter`, which takes collected records; NULL: the groups
 * are printed only. Returns 0, or a negative error of the stream.
 */
int sf_asked_answer(struct sf_asked *asked, FILE *stream, struct sf_exporter *exporter);

/* Compiles --where alone; without it *where is NULL. `mode`: SF_ASK_… . 0 or an error. */
int sf_asked_where(struct sf_where **where, const struct sf_options *options, unsigned mode,
	struct sf_error *error);

/*
 * Makes a chooser of the conditions in `text`; with NULL all members of the chooser are 0.
 * `option`: how messages begin, such as "--where"; or NULL.
 */
int sf_asked_chooser(struct sf_chooser *chooser, const struct sf_options *options,
	const char *option, const char *text, unsigned mode, struct sf_error *error);

#endif
