/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capture files read by the file driver, for tests that want their packets.
 *
 *	for (each packet) visit(packet, context): capture_read(path, visit, context);
 */
#ifndef TESTS_CAPTURE_READ_H
#define TESTS_CAPTURE_READ_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <spanflow/capture.h>

#include "check_quiet.h"

/* The project's own captures, and real ones that may not be there. */
#define OWN_CAPTURES SOURCE_ROOT "/pcaps"

static inline const char *real_captures(void)
{
	const char *named = getenv("SPANFLOW_PCAPS");

	return named ? named : SOURCE_ROOT "/../shared/pcaps";
}

/* A file that cannot be read to its end gives the packets up to there. */
static inline void capture_read(const char *path,
	void (*visit)(const struct sf_packet *packet, void *context), void *context)
{
	const struct sf_capture_options options = { .names = &path, .name_count = 1 };
	const struct sf_capture_ops *ops = sf_capture_driver("file");
	struct sf_packet batch[SF_BATCH_MAX];
	struct sf_capture *capture;
	struct sf_error error;
	int n;

	if (ops->open(&capture, &options, &error) < 0)
		return;
	while ((n = sf_capture_recv(capture, 0, batch, SF_BATCH_MAX)) > 0) {
		for (int i = 0; i < n; i++)
			visit(&batch[i], context);
		sf_capture_release(capture, 0);
	}
	capture->ops->close(capture);
}

/* Every file of a directory, in order of name. */
static inline void captures_read(const char *directory, const char *not_this,
	void (*visit)(const struct sf_packet *packet, void *context), void *context)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, NULL, alphasort);

	ck_assert_msg(count >= 0, "no directory %s", directory);
	for (int i = 0; i < count; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' && strcmp(entries[i]->d_name, not_this) != 0)
			capture_read(path, visit, context);
		free(entries[i]);
	}
	free(entries);
}

/*
 * The rows of the reference table of the real captures, split into `columns` fields; `file` is
 * the path of the capture. Returns the number of rows, 0 if the table is not there.
 */
static inline unsigned reference_rows(
	int columns, void (*visit)(const char *file, char **fields, void *context), void *context)
{
	char line[4096], name[4096];
	unsigned rows = 0;
	FILE *table;

	snprintf(name, sizeof(name), "%s/REFERENCE.tsv", real_captures());
	table = fopen(name, "r");
	if (!table)
		return 0;
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), table));
	while (fgets(line, sizeof(line), table)) {
		char *fields[64], *rest = line;

		for (int i = 0; i < columns; i++)
			fields[i] = strsep(&rest, "\t\n");
		snprintf(name, sizeof(name), "%s/%s", real_captures(), fields[0]);
		visit(name, fields, context);
		rows++;
	}
	fclose(table);
	return rows;
}

#endif
