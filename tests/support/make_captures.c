/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * make_captures DIRECTORY          writes the captures of pcaps/, the same bytes each time
 * make_captures --check DIRECTORY  compares them with what lies there, and what lies there with
 *                                  README.md, which has to name every file
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captures.h"

static const struct capture *const sets[] = { captures_ip, captures_link, captures_file,
	captures_demo, captures_tunnel, captures_nested, captures_facts, captures_apps };

static void *read_file(const char *directory, const char *name, size_t *size)
{
	char path[4096];
	uint8_t *data;
	FILE *file;
	long end;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "rb");
	if (!file || fseek(file, 0, SEEK_END) || (end = ftell(file)) < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return NULL;
	}
	rewind(file);
	data = malloc((size_t)end + 1);
	*size = fread(data, 1, (size_t)end, file);
	data[*size] = 0;
	fclose(file);
	return data;
}

static bool write_file(const char *directory, const char *name, const struct cw *cw)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "wb");
	if (!file || fwrite(cw->data, 1, cw->size, file) != cw->size || fclose(file)) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return false;
	}
	return true;
}

static bool check_file(const char *directory, const char *name, const struct cw *cw)
{
	size_t size;
	void *data = read_file(directory, name, &size);
	bool same = data && size == cw->size && memcmp(data, cw->data, size) == 0;

	if (data && !same)
		fprintf(stderr, "%s differs from what the generator writes\n", name);
	free(data);
	return same;
}

static bool is_capture(const char *name)
{
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		for (const struct capture *capture = sets[i]; capture->name; capture++)
			if (strcmp(capture->name, name) == 0)
				return true;
	return false;
}

/* Every file is one of the captures, and README.md has it as `name`. */
static bool check_directory(const char *path)
{
	size_t size;
	char *readme = read_file(path, "README.md", &size);
	DIR *directory = opendir(path);
	struct dirent *entry;
	bool good = readme && directory;

	while (good && (entry = readdir(directory))) {
		char quoted[300];

		if (entry->d_name[0] == '.' || strcmp(entry->d_name, "README.md") == 0)
			continue;
		snprintf(quoted, sizeof(quoted), "`%s`", entry->d_name);
		if (!is_capture(entry->d_name) || !strstr(readme, quoted)) {
			fprintf(stderr, "%s is not made by the generator or not in README.md\n",
				entry->d_name);
			good = false;
		}
	}
	if (directory)
		closedir(directory);
	free(readme);
	return good;
}

int main(int argc, char **argv)
{
	bool check = argc == 3 && strcmp(argv[1], "--check") == 0, good = true;
	const char *directory = argv[argc - 1];

	if (!check && argc != 2) {
		fprintf(stderr, "usage: make_captures [--check] DIRECTORY\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		for (const struct capture *capture = sets[i]; capture->name; capture++) {
			struct cw cw = { 0 };

			capture->write(&cw);
			good &= check ? check_file(directory, capture->name, &cw)
				      : write_file(directory, capture->name, &cw);
			cw_free(&cw);
		}
	}
	if (check)
		good &= check_directory(directory);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
