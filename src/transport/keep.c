/* SPDX-License-Identifier: BSD-2-Clause */
#include "transport/keep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

int sf_keep_add(struct sf_keep *keep, const char *name, uint64_t octets, int64_t time_ns)
{
	struct sf_kept *files = keep->files;

	if (keep->first > 64 && keep->first > keep->count / 2) {
		keep->count -= keep->first;
		memmove(files, files + keep->first, keep->count * sizeof(*files));
		keep->first = 0;
	}
	if (keep->count == keep->size) {
		size_t size = keep->size ? 2 * keep->size : 64;

		files = realloc(files, size * sizeof(*files));
		if (!files)
			return -ENOMEM;
		keep->files = files;
		keep->size = size;
	}
	files[keep->count] = (struct sf_kept){ time_ns, octets, strdup(name) };
	if (!files[keep->count].name)
		return -ENOMEM;
	keep->count++;
	keep->sum += octets;
	return 0;
}

/* ---------------------------------------------------------------- what is there at the start */

struct walk {
	struct sf_keep *keep;
	const struct sf_pattern *pattern;
};

static int walk_below(const struct walk *walk, int directory, const char *path, unsigned depth);

static int take_file(const struct walk *walk, int directory, const char *entry, const char *path)
{
	struct stat status;

	/* a file that was removed meanwhile */
	if (fstatat(directory, entry, &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(status.st_mode))
		return 0;
	return sf_keep_add(walk->keep, path, (uint64_t)status.st_size,
		status.st_mtim.tv_sec * NS_PER_S + status.st_mtim.tv_nsec);
}

static int take_entry(
	const struct walk *walk, int directory, const char *entry, const char *path, unsigned depth)
{
	char name[PATH_MAX];
	bool last;
	int below, n;

	if (!sf_pattern_matches(walk->pattern, depth, entry, &last))
		return 0;
	n = snprintf(name, sizeof(name), "%s%s%s", path, *path ? "/" : "", entry);
	if (n < 0 || (size_t)n >= sizeof(name))
		return 0;
	if (last)
		return take_file(walk, directory, entry, name);
	below = openat(directory, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* one that may not be read has no files of ours */
	return below < 0 ? 0 : walk_below(walk, below, name, depth + 1);
}

/* Closes the directory. */
static int walk_below(const struct walk *walk, int directory, const char *path, unsigned depth)
{
	DIR *list = fdopendir(directory);
	struct dirent *entry;
	int code = 0;

	if (!list) {
		close(directory);
		return -ENOMEM;
	}
	while (code == 0 && (entry = readdir(list)) != NULL)
		code = take_entry(walk, directory, entry->d_name, path, depth);
	closedir(list);
	return code;
}

static int older(const void *one, const void *other)
{
	const struct sf_kept *a = one, *b = other;

	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns ? -1 : 1;
	return strcmp(a->name, b->name);
}

int sf_keep_start(struct sf_keep *keep, const struct sf_pattern *pattern, int base)
{
	const struct walk walk = { keep, pattern };
	int directory, code;

	keep->base = base;
	if (!keep->age_ns && !keep->octets)
		return 0;
	directory = openat(base, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return -errno;
	code = walk_below(&walk, directory, "", 0);
	if (code == 0 && keep->count)
		qsort(keep->files, keep->count, sizeof(*keep->files), older);
	return code;
}

/* ---------------------------------------------------------------- removal */

/* Removes the directories of the path that are empty now. */
static void remove_directories(int base, char *name)
{
	char *slash;

	while ((slash = strrchr(name, '/')) != NULL) {
		*slash = 0;
		if (unlinkat(base, name, AT_REMOVEDIR) < 0)
			return;
	}
}

/* The newest file stays even if it alone has more bytes than may be kept. */
int sf_keep_enforce(struct sf_keep *keep, int64_t now_ns)
{
	int code = 0;

	while (keep->first < keep->count) {
		struct sf_kept *oldest = &keep->files[keep->first];

		if (!(keep->age_ns && oldest->time_ns < now_ns - keep->age_ns) &&
			!(keep->octets && keep->sum > keep->octets &&
				keep->first + 1 < keep->count))
			break;
		if (unlinkat(keep->base, oldest->name, 0) == 0)
			keep->removed++;
		else if (errno != ENOENT)
			code = -errno;
		keep->sum -= oldest->octets;
		remove_directories(keep->base, oldest->name);
		free(oldest->name);
		keep->first++;
	}
	return code;
}

void sf_keep_fini(struct sf_keep *keep)
{
	for (size_t i = keep->first; i < keep->count; i++)
		free(keep->files[i].name);
	free(keep->files);
	keep->files = NULL;
	keep->first = keep->count = keep->size = 0;
}
