/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/file_list.h"

#include <dirent.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct identity {
	dev_t device;
	ino_t inode;
};

static int compare_identities(const void *a, const void *b)
{
	const struct identity *x = a, *y = b;

	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

/* 1: this file or directory was not found before; 0: it was; or -ENOMEM. */
static int is_new(struct sf_list *list, const struct stat *status)
{
	struct identity *identity = malloc(sizeof(*identity)), *const * found;

	if (!identity)
		return -ENOMEM;
	*identity = (struct identity){ status->st_dev, status->st_ino };
	found = tsearch(identity, &list->seen, compare_identities);
	if (found && *found == identity)
		return 1;
	free(identity);
	return found ? 0 : -ENOMEM;
}

void sf_list_leave_out(struct sf_list *list, enum sf_left_out why, const char *path)
{
	if (list->left_out[why].count++ == 0)
		snprintf(list->left_out[why].first, sizeof(list->left_out[why].first), "%s", path);
}

/* Adds a file; takes over the path. */
static int list_add(struct sf_list *list, char *path, bool in_directory)
{
	if (list->count == list->room) {
		unsigned room = list->room ? 2 * list->room : 16;
		void *grown = reallocarray(list->files, room, sizeof(*list->files));

		if (!grown) {
			free(path);
			return -ENOMEM;
		}
		list->files = grown;
		list->room = room;
	}
	list->files[list->count++] = (struct sf_listed){ path, in_directory };
	return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int list_directory(struct sf_list *list, const char *directory);

/* Adds an entry of a directory; takes over the path. */
static int list_entry(struct sf_list *list, char *path)
{
	struct stat status;
	int rc = 0;

	if (stat(path, &status) < 0 || !(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))) {
		sf_list_leave_out(list, SF_LEFT_SPECIAL, path);
	} else if (S_ISREG(status.st_mode) && status.st_size == 0) {
		sf_list_leave_out(list, SF_LEFT_EMPTY, path);
	} else {
		rc = is_new(list, &status);
		if (rc == 0)
			sf_list_leave_out(list, SF_LEFT_AGAIN, path);
		else if (rc > 0 && S_ISREG(status.st_mode))
			return list_add(list, path, true);
		else if (rc > 0)
			rc = list_directory(list, path);
		/* such as lost+found */
		if (rc < 0 && rc != -ENOMEM) {
			sf_list_leave_out(list, SF_LEFT_UNREADABLE, path);
			rc = 0;
		}
	}
	free(path);
	return rc < 0 ? rc : 0;
}

/* Adds all entries of a directory, by name. */
static int list_directory(struct sf_list *list, const char *directory)
{
	const char *slash = directory[strlen(directory) - 1] == '/' ? "" : "/";
	struct dirent **entries;
	int count = scandir(directory, &entries, NULL, by_name);
	int rc = 0;

	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		char *path;

		if (rc == 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			rc = asprintf(&path, "%s%s%s", directory, slash, name) < 0
				     ? -ENOMEM
				     : list_entry(list, path);
		free(entries[i]);
	}
	free(entries);
	return rc;
}

/* Adds a name of the command line. */
static int list_name(struct sf_list *list, const char *name, struct sf_error *error)
{
	bool standard_input = strcmp(name, "-") == 0;
	struct stat status;
	char *path;
	int rc;

	if ((standard_input ? fstat(0, &status) : stat(name, &status)) < 0)
		return sf_error_set(error, -errno, "%s: %s", name, sf_strerror(-errno));
	rc = S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) ? is_new(list, &status) : 1;
	if (rc == 0) {
		sf_list_leave_out(list, SF_LEFT_AGAIN, name);
		return 0;
	}
	if (rc > 0 && S_ISDIR(status.st_mode) && !standard_input) {
		rc = list_directory(list, name);
		if (rc < 0 && rc != -ENOMEM)
			return sf_error_set(error, rc, "%s: cannot read the directory: %s", name,
				sf_strerror(rc));
	} else if (rc > 0) {
		path = strdup(name);
		rc = path ? list_add(list, path, false) : -ENOMEM;
	}
	return rc < 0 ? sf_error_set(error, rc, "%s: no memory", name) : 0;
}

/* The length of a path without the ending of a compression. */
static size_t stem_length(const char *path)
{
	static const char *const endings[] = { ".gz", ".zst", ".xz", ".bz2" };
	size_t length = strlen(path);

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t ending = strlen(endings[i]);

		if (length > ending && strcmp(path + length - ending, endings[i]) == 0)
			return length - ending;
	}
	return length;
}

/* Sorts by the path without such an ending; the uncompressed file first, as it is read fastest. */
static int by_stem(const void *a, const void *b)
{
	const char *x = (*(struct sf_listed *const *)a)->path;
	const char *y = (*(struct sf_listed *const *)b)->path;
	size_t x_stem = stem_length(x), y_stem = stem_length(y);
	int order = strncmp(x, y, x_stem < y_stem ? x_stem : y_stem);

	if (order)
		return order;
	return x_stem != y_stem ? (x_stem < y_stem ? -1 : 1) : strcmp(x, y);
}

/* Keeps one of the files that differ in their compression only. */
static int list_drop_twins(struct sf_list *list)
{
	struct sf_listed **sorted = calloc(list->count + 1, sizeof(struct sf_listed *));
	unsigned kept = 0;

	if (!sorted)
		return -ENOMEM;
	for (unsigned i = 0; i < list->count; i++)
		sorted[i] = &list->files[i];
	qsort(sorted, list->count, sizeof(struct sf_listed *), by_stem);
	for (unsigned i = 1, first = 0; i < list->count; i++) {
		size_t stem = stem_length(sorted[i]->path);

		if (stem != stem_length(sorted[first]->path) ||
			strncmp(sorted[i]->path, sorted[first]->path, stem) != 0) {
			first = i;
			continue;
		}
		sf_list_leave_out(list, SF_LEFT_TWIN, sorted[i]->path);
		free(sorted[i]->path);
		sorted[i]->path = NULL;
	}
	free(sorted);
	for (unsigned i = 0; i < list->count; i++)
		if (list->files[i].path)
			list->files[kept++] = list->files[i];
	list->count = kept;
	return 0;
}

int sf_list_make(
	struct sf_list *list, const char *const *names, unsigned count, struct sf_error *error)
{
	for (unsigned i = 0; i < count; i++) {
		int rc = list_name(list, names[i], error);

		if (rc < 0)
			return rc;
	}
	if (list_drop_twins(list) < 0)
		return sf_error_set(error, -ENOMEM, "no memory for %u files", list->count);
	return 0;
}

void sf_list_fini(struct sf_list *list)
{
	for (unsigned i = 0; i < list->count; i++)
		free(list->files[i].path);
	free(list->files);
	tdestroy(list->seen, free);
	*list = (struct sf_list){ 0 };
}

void sf_list_describe(const struct sf_list *list, char *text, size_t size)
{
	static const char *const words[SF_LEFT_COUNT][2] = {
		[SF_LEFT_FOREIGN] = { "file that is not a capture", "files that are not captures" },
		[SF_LEFT_EMPTY] = { "empty file", "empty files" },
		[SF_LEFT_SPECIAL] = { "entry that is neither file nor directory",
			"entries that are neither file nor directory" },
		[SF_LEFT_UNREADABLE] = { "directory that cannot be read",
			"directories that cannot be read" },
		[SF_LEFT_AGAIN] = { "second way to a file or directory",
			"further ways to files or directories" },
		[SF_LEFT_TWIN] = { "file whose capture is there with another compression",
			"files whose captures are there with another compression" },
	};
	size_t length = 0;

	*text = '\0';
	for (unsigned i = 0; i < SF_LEFT_COUNT && length < size; i++) {
		unsigned n = list->left_out[i].count;

		if (n)
			length += (size_t)snprintf(text + length, size - length, "%s%u %s (%s%s)",
				length ? "; " : "left out: ", n, words[i][n > 1],
				list->left_out[i].first, n > 1 ? ", …" : "");
	}
}
