/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --on-file: a process that runs a command for each output file that is complete, one after
 * another. It is forked before anything is open, because the process that meters can start no
 * program later. The command runs as the user of the run: `sh -c 'COMMAND "$@"' spanflow PATH`. A
 * request is a path. Refused are paths that do not begin like an output file of the run, and paths
 * with ".." in them.
 *
 *	const char *files[] = { "flows/%H.ipfix" };
 *
 *	sf_spawner_start(&spawner, "gzip -9", files, 1, NULL, &error);
 *	options.on_file = &spawner.hook;
 *	while (sf_spawner_news(&spawner, text, sizeof(text)))	now and then, from the same thread
 *		puts(text);
 *	sf_spawner_end(&spawner);				no files follow
 *	sf_spawner_wait(&spawner, 5000);
 *	sf_spawner_fini(&spawner);
 */
#ifndef SPANFLOW_GUARD_SPAWNER_H
#define SPANFLOW_GUARD_SPAWNER_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include <spanflow/export.h>

struct sf_spawned;

/* True if the path may be that of a file of one of these outputs (files of -w). */
bool sf_spawner_allows(const char *path, const char *const *files, unsigned count);

struct sf_spawner {
	struct sf_file_hook hook; /* first member */
	pid_t pid;                /* 0: there is none */
	int channel;
	struct sf_spawned *shared; /* memory that both processes have */
	const char *command;
	_Atomic uint64_t refused; /* files whose command was not started: too many waited */
	uint64_t told, told_refused;
};

/* The user that commands run as; NULL: the present user. */
struct sf_spawner_user {
	uid_t uid;
	gid_t gid;
};

/* `files`: the output files, with their options; lent until sf_spawner_fini(). 0 or an error. */
int sf_spawner_start(struct sf_spawner *spawner, const char *command, const char *const *files,
	unsigned count, const struct sf_spawner_user *user, struct sf_error *error);

/*
 * Describes a command that failed, or could not be started, since the last call; false: there is
 * none.
 */
bool sf_spawner_news(struct sf_spawner *spawner, char *text, size_t size);

/* Writes the JSON object for the statistics. */
void sf_spawner_json(const struct sf_spawner *spawner, FILE *stream);

/* Writes the line for the statistics. */
void sf_spawner_text(const struct sf_spawner *spawner, FILE *stream);

/* Tells the process that no files follow. */
void sf_spawner_end(struct sf_spawner *spawner);

/* Waits for the commands. False: some still run after `ms`. */
bool sf_spawner_wait(struct sf_spawner *spawner, unsigned ms);

/* Frees the spawner's memory; commands that still run go on. Allowed for a zeroed struct. */
void sf_spawner_fini(struct sf_spawner *spawner);

#endif
