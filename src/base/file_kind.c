/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/file_kind.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/wire.h"

#define HEAD  4096
#define DEPTH 64 /* directories in each other */

/* ---------------------------------------------------------------- kinds */

static enum sf_file_kind kind_of(const uint8_t *head, size_t length)
{
	static const uint8_t captures[][4] = { { 0xa1, 0xb2, 0xc3, 0xd4 },
		{ 0xd4, 0xc3, 0xb2, 0xa1 }, { 0xa1, 0xb2, 0x3c, 0x4d }, { 0x4d, 0x3c, 0xb2, 0xa1 },
		{ 0xa1, 0xb2, 0xcd, 0x34 }, { 0x34, 0xcd, 0xb2, 0xa1 },
		{ 0x0a, 0x0d, 0x0d, 0x0a } };

	if (length == 0)
		return SF_FILE_EMPTY;
	for (size_t i = 0; i < sizeof(captures) / sizeof(captures[0]); i++)
		if (length >= 4 && memcmp(head, captures[i], 4) == 0)
			return SF_FILE_CAPTURE;
	/* version 10 and a length that has room for the header */
	return length >= 4 && head[0] == 0 && head[1] == 10 && (head[2] << 8 | head[3]) >= 16
		       ? SF_FILE_FLOWS
		       : SF_FILE_OTHER;
}

/* The kind of what is compressed. */
static int kind_within(const uint8_t *head, size_t length, struct sf_error *error)
{
	enum sf_compression compression = sf_compression_of(head, length);
	const uint8_t *in = head;
	uint8_t plain[64], *out = plain;
	struct sf_codec *codec;
	int code;

	if (compression == SF_PLAIN)
		return (int)kind_of(head, length);
	code = sf_codec_new(&codec, compression, error);
	if (code)
		return code;
	code = sf_codec_run(codec, &in, head + length, &out, plain + sizeof(plain), error);
	sf_codec_free(codec);
	/* what cannot be decompressed, the reader of the file describes */
	return code ? SF_FILE_FLOWS : (int)kind_of(plain, (size_t)(out - plain));
}

/* The begin of what a descriptor reads, which stays there: of a file or of a pipe. */
static ssize_t look_ahead(int fd, uint8_t *head, size_t size)
{
	ssize_t length =
		pread(fd, head, size, lseek(fd, 0, SEEK_CUR) > 0 ? lseek(fd, 0, SEEK_CUR) : 0);
	int copy[2];

	if (length >= 0 || errno != ESPIPE)
		return length;
	if (pipe2(copy, O_CLOEXEC) < 0)
		return -1;
	length = tee(fd, copy[1], size, 0);
	if (length > 0)
		length = read(copy[0], head, (size_t)length);
	close(copy[0]);
	close(copy[1]);
	return length;
}

int sf_file_kind(const char *path, struct sf_error *error)
{
	bool input = strcmp(path, "-") == 0;
	int fd = input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	uint8_t head[HEAD];
	ssize_t length = fd < 0 ? -1 : look_ahead(fd, head, sizeof(head));
	int code = -errno;

	if (fd >= 0 && !input)
		close(fd);
	if (length < 0)
		return sf_error_set(
			error, code, "%s: %s", input ? "standard input" : path, sf_strerror(code));
	return kind_within(head, (size_t)length, error);
}

/* ---------------------------------------------------------------- names */

int sf_file_names_add(struct sf_file_names *names, const char *path)
{
	char **items = realloc(names->items, (names->count + 1) * sizeof(*items));

	if (!items)
		return -ENOMEM;
	names->items = items;
	items[names->count] = strdup(path);
	return items[names->count] ? (names->count++, 0) : -ENOMEM;
}

void sf_file_names_free(struct sf_file_names *names)
{
	for (unsigned i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
	*names = (struct sf_file_names){ 0 };
}

static int below(
	struct sf_file_names *names, const char *directory, unsigned depth, struct sf_error *error);

static int take_entry(struct sf_file_names *names, const char *directory, const char *name,
	unsigned depth, struct sf_error *error)
{
	size_t size = strlen(directory) + strlen(name) + 2;
	char *path = malloc(size);
	struct stat info;
	int code = 0;

	if (!path)
		return -ENOMEM;
	snprintf(path, size, "%s/%s", directory, name);
	/* symbolic links to directories are not followed: they may lead in a circle */
	if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode))
		code = below(names, path, depth + 1, error);
	else if (stat(path, &info) == 0 && S_ISREG(info.st_mode))
		code = sf_file_names_add(names, path);
	free(path);
	return code;
}

static int below(
	struct sf_file_names *names, const char *directory, unsigned depth, struct sf_error *error)
{
	struct dirent **entries = NULL;
	int count = depth > DEPTH ? -1 : scandir(directory, &entries, NULL, alphasort);
	int code = 0;

	if (count < 0)
		return sf_error_set(error, depth > DEPTH ? -ELOOP : -errno, "%s: %s", directory,
			sf_strerror(depth > DEPTH ? -ELOOP : -errno));
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;

		if (code == 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			code = take_entry(names, directory, name, depth, error);
		free(entries[i]);
	}
	free(entries);
	return code;
}

int sf_file_names_below(struct sf_file_names *names, const char *directory, struct sf_error *error)
{
	return below(names, directory, 0, error);
}
