/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of a spool: "0000000000000002.spool" and so on in a directory of their own. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/spool.h"

struct directory {
	struct sf_disk disk;
	int fd, lock;
};

static void name_of(uint64_t number, char name[32])
{
	snprintf(name, 32, "%016" PRIu64 ".spool", number);
}

static uint64_t disk_next(struct sf_disk *disk, uint64_t after)
{
	struct directory *directory = (struct directory *)disk;
	int fd = openat(directory->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	uint64_t next = 0;

	for (struct dirent *entry; list && (entry = readdir(list)) != NULL;) {
		char expected[32], *end;
		uint64_t number = strtoull(entry->d_name, &end, 10);

		name_of(number, expected);
		if (strcmp(expected, entry->d_name) == 0 && number > after &&
			(next == 0 || number < next))
			next = number;
	}
	if (list)
		closedir(list);
	else if (fd >= 0)
		close(fd);
	return next;
}

static int disk_file(struct sf_disk *disk, uint64_t number, bool create)
{
	char name[32];
	int fd;

	name_of(number, name);
	fd = openat(((struct directory *)disk)->fd, name,
		O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0), 0600);
	return fd < 0 ? -errno : fd;
}

static ssize_t disk_read(struct sf_disk *disk, int handle, void *to, size_t length, uint64_t offset)
{
	ssize_t n;

	(void)disk;
	do {
		n = pread(handle, to, length, (off_t)offset);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static ssize_t disk_write(
	struct sf_disk *disk, int handle, const void *from, size_t length, uint64_t offset)
{
	ssize_t n;

	(void)disk;
	do {
		n = pwrite(handle, from, length, (off_t)offset);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int disk_truncate(struct sf_disk *disk, int handle, uint64_t length)
{
	(void)disk;
	return ftruncate(handle, (off_t)length) < 0 ? -errno : 0;
}

static void disk_close(struct sf_disk *disk, int handle)
{
	(void)disk;
	close(handle);
}

static int disk_remove(struct sf_disk *disk, uint64_t number)
{
	char name[32];

	name_of(number, name);
	return unlinkat(((struct directory *)disk)->fd, name, 0) < 0 ? -errno : 0;
}

static void disk_free(struct sf_disk *disk)
{
	struct directory *directory = (struct directory *)disk;

	if (directory->lock >= 0)
		close(directory->lock);
	if (directory->fd >= 0)
		close(directory->fd);
	free(directory);
}

static const struct sf_disk_ops directory_ops = {
	.next = disk_next,
	.open = disk_file,
	.read = disk_read,
	.write = disk_write,
	.truncate = disk_truncate,
	.close = disk_close,
	.remove = disk_remove,
	.free = disk_free,
};

static int open_directory(struct directory *directory, const char *path, const char *name)
{
	int parent = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), code = 0;

	if (parent < 0)
		return -errno;
	if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
		code = -errno;
	if (code == 0)
		directory->fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (code == 0 && directory->fd < 0)
		code = -errno;
	close(parent);
	return code;
}

int sf_disk_open(struct sf_disk **disk, const char *path, const char *name, struct sf_error *error)
{
	struct directory *directory = calloc(1, sizeof(*directory));
	int code;

	if (!directory)
		return sf_error_set(error, -ENOMEM, "no memory for the spool %s", path);
	directory->disk.ops = &directory_ops;
	directory->fd = directory->lock = -1;
	code = open_directory(directory, path, name);
	if (code == 0) {
		directory->lock = openat(directory->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		code = directory->lock < 0 ? -errno : 0;
	}
	if (code == 0 && flock(directory->lock, LOCK_EX | LOCK_NB) < 0)
		code = sf_error_set(error, -EBUSY,
			"spool %s/%s: another run uses it: give each run a directory of its own",
			path, name);
	else if (code < 0)
		sf_error_set(error, code, "spool %s/%s: %s", path, name, sf_strerror(code));
	if (code == 0)
		*disk = &directory->disk;
	else
		disk_free(&directory->disk);
	return code;
}
