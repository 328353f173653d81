/* SPDX-License-Identifier: BSD-2-Clause */
#include "collect/inputs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_kind.h"
#include "collect/gather.h"

/* A file that cannot be opened counts as a file of flows: its reader reports the error. */
static int kind_of(const char *path)
{
	struct stat status;
	int kind;

	/* a pipe with a name can be opened once only */
	if (strcmp(path, "-") != 0 && (stat(path, &status) < 0 || !S_ISREG(status.st_mode)))
		return SF_FILE_FLOWS;
	kind = sf_file_kind(path, NULL);
	return kind < 0 ? SF_FILE_FLOWS : kind;
}

/* A file of a series (transport/series.c) that a run has not completed. */
static bool is_partial(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t length = strlen(name);

	return *name == '.' && length > 8 && strcmp(name + length - 8, ".partial") == 0;
}

enum sf_found sf_found_kind(const struct sf_listed *file)
{
	int kind;

	if (file->in_directory && is_partial(file->path))
		return SF_FOUND_PARTIAL;
	kind = kind_of(file->path);
	if (kind == SF_FILE_CAPTURE)
		return SF_FOUND_CAPTURE;
	return kind == SF_FILE_OTHER && file->in_directory ? SF_FOUND_FOREIGN : SF_FOUND_FLOWS;
}

static int add_problem(struct sf_inputs *inputs, const char *text)
{
	char **grown = reallocarray(
		inputs->problems, inputs->problem_count + 1, sizeof(*inputs->problems));

	if (!grown)
		return -ENOMEM;
	inputs->problems = grown;
	grown[inputs->problem_count] = strdup(text);
	return grown[inputs->problem_count] ? (inputs->problem_count++, 0) : -ENOMEM;
}

/* A name that does not exist is no reason to leave out the others. */
int sf_inputs_make(struct sf_inputs *inputs, const char *const *names, unsigned count)
{
	int code = 0;

	for (unsigned i = 0; i < count && code == 0; i++) {
		struct sf_error error = { 0 };

		if (sf_list_make(&inputs->list, &names[i], 1, &error))
			code = add_problem(inputs, error.text);
	}
	return code;
}

void sf_inputs_fini(struct sf_inputs *inputs)
{
	for (unsigned i = 0; i < inputs->problem_count; i++)
		free(inputs->problems[i]);
	free(inputs->problems);
	sf_list_fini(&inputs->list);
}

/* ---------------------------------------------------------------- before a run */

/* A directory with a file of flows or a capture in it; false also if it cannot be read. */
static bool has_input(const char *directory)
{
	struct sf_error ignored;
	struct sf_list list = { 0 };
	bool has = false;

	if (sf_list_make(&list, &directory, 1, &ignored) == 0)
		for (unsigned i = 0; i < list.count && !has; i++)
			has = kind_of(list.files[i].path) != SF_FILE_OTHER;
	sf_list_fini(&list);
	return has;
}

/* 0: it can be read, and is no directory without anything to read. */
static int check_one(const char *name, struct sf_error *error)
{
	struct stat status;

	if (strcmp(name, "-") == 0)
		return 0;
	if (access(name, R_OK) < 0)
		return sf_error_set(error, -errno, "%s: %s", name, sf_strerror(-errno));
	if (stat(name, &status) == 0 && S_ISDIR(status.st_mode) && !has_input(name))
		return sf_error_set(error, -ENOENT,
			"%s: no file of flows and no capture in this directory", name);
	return 0;
}

int sf_gather_check(const char *const *names, unsigned count, struct sf_error *error)
{
	struct sf_error first = { 0 };
	int code = 0;

	for (unsigned i = 0; i < count; i++) {
		int result = check_one(names[i], i ? NULL : &first);

		if (result == 0)
			return 0;
		code = i ? code : result;
	}
	if (count > 1)
		return sf_error_set(
			error, code, "none of the %u files can be read; %s", count, first.text);
	return count ? sf_error_set(error, code, "%s", first.text) : 0;
}
