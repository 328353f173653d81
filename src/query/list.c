/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of `in FILE`. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "query/query.h"

#define LIST_MAX ((size_t)256 << 20) /* bytes of a file of addresses */

int sf_query_list(const char *path, const char *baseline, uint64_t memory, char **text,
	struct sf_error *error)
{
	size_t length = 0, room = 0;
	char *bytes = NULL;
	int code = 0;
	FILE *file;

	if (baseline && strcmp(path, "baseline") == 0)
		return sf_query_hosts(baseline, memory, text, error);
	file = fopen(path, "re");
	if (!file && errno == ENOENT && strcmp(path, "baseline") == 0)
		return sf_error_set(error, SF_EUSAGE,
			"--baseline FILE is missing: flows whose hosts these are");
	if (!file)
		return sf_error_set(error, -errno, "%s: %s", path, sf_strerror(-errno));
	while (code == 0 && !feof(file)) {
		if (room - length < 2) {
			char *grown = realloc(bytes, room = room ? 2 * room : 65536);

			if (!grown)
				code = sf_error_set(
					error, -ENOMEM, "%s: no memory to read it", path);
			else
				bytes = grown;
		}
		if (code == 0)
			length += fread(bytes + length, 1, room - length - 1, file);
		if (code == 0 && ferror(file))
			code = sf_error_set(error, -errno, "%s: %s", path, sf_strerror(-errno));
		if (code == 0 && length > LIST_MAX)
			code = sf_error_set(error, SF_EUSAGE, "%s: longer than 256 MiB", path);
	}
	fclose(file);
	if (code) {
		free(bytes);
		return code;
	}
	bytes[length] = '\0';
	*text = bytes;
	return 0;
}
