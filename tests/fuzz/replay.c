/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A main() in libFuzzer's place: runs every file given, and every file of a directory given in
 * order of name, through LLVMFuzzerTestOneInput(). So each fuzz target is a regression test over
 * its seeds with any compiler. Each input lies in its own exactly sized allocation, so that
 * AddressSanitizer sees a read past its end.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned runs;

static void fail(const char *path, const char *text)
{
	fprintf(stderr, "%s: %s\n", path, text);
	exit(EXIT_FAILURE);
}

static void run_file(const char *path, size_t size)
{
	uint8_t *data = malloc(size ? size : 1);
	FILE *file = fopen(path, "rb");

	if (!data || !file || fread(data, 1, size, file) != size)
		fail(path, strerror(errno));
	fclose(file);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	runs++;
}

static void run_path(const char *path)
{
	struct dirent **entries;
	struct stat status;
	int count;

	if (stat(path, &status) < 0)
		fail(path, strerror(errno));
	if (!S_ISDIR(status.st_mode)) {
		run_file(path, (size_t)status.st_size);
		return;
	}
	count = scandir(path, &entries, NULL, alphasort);
	if (count < 0)
		fail(path, strerror(errno));
	for (int i = 0; i < count; i++) {
		char *name;

		if (entries[i]->d_name[0] != '.') {
			if (asprintf(&name, "%s/%s", path, entries[i]->d_name) < 0)
				fail(path, strerror(errno));
			run_path(name);
			free(name);
		}
		free(entries[i]);
	}
	free(entries);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		run_path(argv[i]);
	if (runs == 0)
		fail(argv[0], "no input was run");
	printf("%u inputs\n", runs);
	return EXIT_SUCCESS;
}
