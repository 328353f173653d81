/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page as a file. It is written beside its place and then renamed, so that a
 * browser never reads half of one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report/page.h"

#define MARK      "<meta name=\"generator\" content=\"spanflow report\">"
#define MARK_SPAN 4096 /* bytes at the begin of a page that have the mark */

bool sf_page_may_replace(const char *path)
{
	char begin[MARK_SPAN];
	FILE *file = fopen(path, "re");
	size_t length;

	if (!file)
		return errno == ENOENT;
	length = fread(begin, 1, sizeof(begin), file);
	fclose(file);
	return length == 0 || memmem(begin, length, MARK, strlen(MARK));
}

/* Sets the error of errno for a page at `path`; returns its code. */
static int refused(const char *path, struct sf_error *error)
{
	return sf_error_set(error, -errno, "cannot write page %s: %s", path, sf_strerror(-errno));
}

int sf_page_write_file(struct sf_page *page, const char *path, struct sf_error *error)
{
	char *temporary = NULL;
	FILE *stream = NULL;
	int fd = -1, code;
	mode_t mask = umask(0);

	umask(mask);
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return sf_error_set(error, -ENOMEM, "no memory");
	fd = mkostemp(temporary, O_CLOEXEC);
	stream = fd < 0 ? NULL : fdopen(fd, "w");
	if (!stream) {
		code = refused(path, error);
	} else {
		code = sf_page_write(page, stream, error);
		if ((fchmod(fd, 0666 & ~mask) || fclose(stream)) && code == 0)
			code = refused(path, error);
	}
	if (code == 0 && rename(temporary, path))
		code = refused(path, error);
	if (code && fd >= 0)
		unlink(temporary);
	free(temporary);
	return code;
}
