/* SPDX-License-Identifier: BSD-2-Clause */
/* Capture files for tests of the driver. */
#ifndef TESTS_FILE_SUPPORT_H
#define TESTS_FILE_SUPPORT_H

#include <dirent.h>
#include <pthread.h>
#include <sys/resource.h>

#include "capture_bytes.h"
#include "check_main.h"

#define S SF_NS_PER_S

#define HEADER        PCAP(LE16, LE32, 0xa1b2c3d4, 65535, 1)
#define AT(time, tag) RECORD(LE32, time, 0, 1, 60), tag

static struct seen seen;
static const char *directory;
static char *names[1024];
static unsigned name_count;

static inline void begin(void)
{
	directory = test_directory();
	name_count = 0;
}

static inline void add(const char *name, const void *bytes, size_t length)
{
	names[name_count++] = test_file(directory, name, bytes, length);
}

#define ADD(name, ...)                                                                             \
	do {                                                                                       \
		static const uint8_t file[] = { __VA_ARGS__ };                                     \
		add(name, file, sizeof(file));                                                     \
	} while (0)

static inline void end(void)
{
	while (name_count) {
		unlink(names[--name_count]);
		free(names[name_count]);
	}
	rmdir(directory);
	seen_free(&seen);
}

static inline void see_names(void)
{
	seen_free(&seen);
	see_files(&seen, (const char *const *)names, name_count);
}

/* Each test packet is one octet, its tag. */
static inline void tags(const char *expected)
{
	ck_assert_uint_eq(seen.bytes_length, strlen(expected));
	ck_assert_msg(memcmp(seen.bytes, expected, seen.bytes_length) == 0, "%.*s, not %s",
		(int)seen.bytes_length, seen.bytes, expected);
}

static inline struct sf_capture *open_names(const struct sf_capture_options *more)
{
	struct sf_capture_options options = more ? *more : (struct sf_capture_options){ 0 };
	struct sf_capture *capture;
	struct sf_error error;

	options.names = (const char *const *)names;
	options.name_count = name_count;
	ck_assert_msg(
		sf_capture_driver("file")->open(&capture, &options, &error) == 0, "%s", error.text);
	return capture;
}

/* Compresses by the tools that make such files; false when the tool is not there. */
static inline bool compress_with(const char *tool, const char *from, const char *to)
{
	char command[1024];

	snprintf(command, sizeof(command), "%s -c < %s >> %s 2>/dev/null", tool, from, to);
	return system(command) == 0;
}

static inline unsigned open_descriptors(void)
{
	DIR *fds = opendir("/proc/self/fd");
	unsigned count = 0;

	while (readdir(fds))
		count++;
	closedir(fds);
	return count - 3; /* ".", ".." and the directory's own */
}

#endif
