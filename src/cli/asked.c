/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/asked.h"

#include <stdlib.h>
#include <time.h>

#define LIST_MAX ((size_t)256 << 20) /* octets of a file of addresses */

/* The whole file with a NUL at its end. */
static int load(void *context, const char *path, char **text, struct sf_error *error)
{
	size_t length = 0, room = 0;
	FILE *file = fopen(path, "re");
	char *bytes = NULL;
	int code = 0;

	(void)context;
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
			code = sf_error_set(error, -EIO, "%s: %s", path, sf_strerror(-EIO));
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

int sf_asked_where(struct sf_where **where, const struct sf_options *options, unsigned mode,
	struct sf_error *error)
{
	struct sf_where_options how = { .mode = mode, .local = options->local_time, .load = load };
	struct sf_error reason = { 0 };
	struct timespec now;
	int code;

	*where = NULL;
	if (!options->where)
		return 0;
	clock_gettime(CLOCK_REALTIME, &now);
	how.now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	code = sf_where_new(where, options->where, &how, &reason);
	return code ? sf_error_set(error, code, "--where: %s", reason.text) : 0;
}
