/* SPDX-License-Identifier: BSD-2-Clause */
/* The subcommands: each takes the parsed options and returns the exit status of the program. */
#ifndef SPANFLOW_CLI_COMMAND_H
#define SPANFLOW_CLI_COMMAND_H

#include <stdio.h>

#include "options/options.h"

/* Exit statuses. */
enum {
	SF_EXIT_OK = 0,
	SF_EXIT_FAILED = 1, /* the run failed, or records were lost */
	SF_EXIT_USAGE = 2,  /* the command line or the configuration file is wrong */
	SF_EXIT_BLIND = 2,  /* check: no packets could be read, so there is no verdict */
	SF_EXIT_LOSS = 3,   /* --fail-on-loss: the run succeeded, but something was lost */
};

int sf_cmd_list(struct sf_options *options);
int sf_cmd_ask(struct sf_options *options);
int sf_cmd_show(struct sf_options *options);
int sf_cmd_collect(struct sf_options *options);
int sf_cmd_meter(struct sf_options *options);
int sf_cmd_check(struct sf_options *options);
int sf_cmd_report(struct sf_options *options);

/* Prints "spanflow: …" to standard error. */
void sf_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* After printing to standard output: SF_EXIT_OK, or says why it could not be written. */
int sf_exit_printed(void);

struct sf_metrics;

/* Says where the metrics are, if there are any; unless --quiet. */
void sf_tell_metrics(const struct sf_metrics *metrics, const struct sf_options *options);

/* Says what became of a SIGHUP, if one came. By the main thread. */
void sf_answer_hangup(void);

/* Prints the error; returns the exit status that belongs to it. */
int sf_exit_error(const struct sf_error *error);

#endif
