/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of addresses: the files of `in FILE`. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "query/query.h"

#define LIST_MAX ((size_t)256 << 20) /* bytes of a file of addresses */

/* The rest of the file with a NUL at its end, from malloc(). 0 or -errno; -E2BIG: too long. */
static int read_all(FILE *file, char **text)
{
	size_t length = 0, room = 0;

	*text = NULL;
	while (!feof(file)) {
		if (room - length < 2) {
			char *grown = realloc(*text, room ? 2 * room : 65536);

			if (!grown)
				return -ENOMEM;
			*text = grown;
			room = room ? 2 * room : 65536;
		}
		errno = 0;
		length += fread(*text + length, 1, room - length - 1, file);
		if (ferror(file))
			return errno ? -errno : -EIO;
		if (length > LIST_MAX)
			return -E2BIG;
	}
	(*text)[length] = '\0';
	return 0;
}

int sf_query_list(const char *path, const char *baseline, uint64_t memory, char **text,
	struct sf_error *error)
{
	FILE *file;
	int code;

	if (baseline && strcmp(path, "baseline") == 0)
		return sf_query_hosts(baseline, memory, text, error);
	file = fopen(path, "re");
	if (!file && errno == ENOENT && strcmp(path, "baseline") == 0)
		return sf_error_set(error, SF_EUSAGE,
			"--baseline FILE is missing: flows whose hosts these are");
	if (!file)
		return sf_error_set(error, -errno, "%s: %s", path, sf_strerror(-errno));
	code = read_all(file, text);
	fclose(file);
	if (code == 0)
		return 0;
	free(*text);
	*text = NULL;
	return code == -E2BIG
		       ? sf_error_set(error, SF_EUSAGE,
				 "%s: longer than 256 MiB, the most for a list of addresses", path)
		       : sf_error_set(error, code, "%s: %s", path, sf_strerror(code));
}
