/* SPDX-License-Identifier: BSD-2-Clause */
#include "file/sources.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes that nearly always contain the first packet of a file. */
#define LOOK_CHUNK 16384

/*
 * Chunk sizes: small for small files and for many files at once. If queues read in turns, a chunk
 * has about the bytes of a turn, so that a queue finds most packets of its turn in its own chunk.
 */
#define CHUNK_MIN   4096
#define CHUNK_SMALL ((size_t)128 << 10)
#define MANY_FILES  16

/* Number of files ahead that are looked through for packets out of order. */
#define LOOK_AHEAD 64

const char *sf_source_name(const struct sf_source *source)
{
	return strcmp(source->path, "-") == 0 ? "standard input" : source->path;
}

static int open_path(const char *path)
{
	int fd;

	if (strcmp(path, "-") == 0)
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	else
		fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static enum sf_source_time order_of_packets(struct sf_reader *reader)
{
	struct sf_packet packets[SF_BATCH_MAX];
	int64_t last = INT64_MIN;
	unsigned seen = 0;

	while (reader->state < SF_READER_END && seen < SF_SORT_LOOK_PACKETS &&
		sf_file_stream_offset(&reader->stream) < SF_SORT_LOOK_BYTES) {
		unsigned n = sf_reader_decode(reader, packets, SF_BATCH_MAX, INT64_MAX);

		for (unsigned i = 0; i < n; i++) {
			if (packets[i].time_ns < last)
				return SF_SOURCE_UNORDERED;
			last = packets[i].time_ns;
		}
		seen += n;
		if (reader->state == SF_READER_HUNGRY)
			sf_reader_fill(reader, 0);
	}
	return SF_SOURCE_ORDERED;
}

/* Reads the begin of a regular file to see whether it is in the order of time, and goes back. */
static enum sf_source_time look_for_order(int fd, uint64_t size)
{
	off_t begin = lseek(fd, 0, SEEK_CUR);
	uint8_t magic[SF_COMPRESSION_MAGIC];
	struct sf_reader *reader;
	enum sf_source_time order = SF_SOURCE_UNKNOWN;
	ssize_t n = begin < 0 ? -1 : pread(fd, magic, sizeof(magic), begin);
	int copy;

	if (n == 0)
		return SF_SOURCE_ORDERED;
	if (n < 0 || sf_compression_of(magic, (size_t)n) != SF_PLAIN)
		return SF_SOURCE_UNKNOWN;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	reader = malloc(sizeof(*reader));
	if (reader && copy >= 0 && sf_reader_init(reader, copy, size, CHUNK_SMALL, 1, NULL) == 0) {
		order = order_of_packets(reader);
		sf_reader_fini(reader);
	} else if (!reader && copy >= 0) {
		close(copy);
	}
	free(reader);
	if (lseek(fd, begin, SEEK_SET) < 0)
		return SF_SOURCE_ORDERED;
	return order;
}

/* Makes a reader; takes over fd. `look`: only to examine the file, not for its packets. */
static int source_start(const struct sf_sources *sources, struct sf_source *source, int fd,
	size_t chunk, bool look, struct sf_error *error)
{
	struct sf_slots *slots = look ? NULL : sources->slots;

	if (!look && source->time == SF_SOURCE_NOT_LOOKED)
		source->time = look_for_order(fd, source->size);
	source->reader = malloc(sizeof(*source->reader));
	if (!source->reader) {
		close(fd);
		return sf_error_set(error, -ENOMEM, "%s: no memory", sf_source_name(source));
	}
	if (sf_reader_init(source->reader, fd, source->size, chunk, sources->queues, slots) < 0) {
		sf_source_close(source);
		return sf_error_set(
			error, -ENOMEM, "%s: no memory for a buffer", sf_source_name(source));
	}
	source->reader->name = sf_source_name(source);
	if (!look) {
		source->reader->oddities = sources->oddities;
		source->reader->sorting = sources->sorting;
	}
	if (!look && source->time != SF_SOURCE_ORDERED &&
		sf_sort_begin(source->reader, NULL, 0, source->time == SF_SOURCE_UNKNOWN) < 0) {
		sf_source_close(source);
		return sf_error_set(error, -ENOMEM, "%s: no memory", sf_source_name(source));
	}
	return 0;
}

static size_t chunk_for(int fd, unsigned open_files, unsigned queues)
{
	size_t most = open_files < MANY_FILES && queues == 1 ? SF_STREAM_CHUNK : CHUNK_SMALL;
	struct stat status;

	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || (size_t)status.st_size >= most)
		return most;
	return status.st_size < CHUNK_MIN ? CHUNK_MIN : (size_t)status.st_size + 1;
}

/* The file that was found at start. Returns its descriptor. */
static int source_reopen(const struct sf_source *source, struct sf_error *error)
{
	int fd = open_path(source->path);
	struct stat status;

	if (fd < 0)
		return sf_error_set(
			error, fd, "%s: cannot open: %s", sf_source_name(source), sf_strerror(fd));
	if (fstat(fd, &status) < 0 || status.st_dev != source->device ||
		status.st_ino != source->inode) {
		close(fd);
		return sf_error_set(error, SF_ECORRUPT,
			"%s: another file took its place before it was read",
			sf_source_name(source));
	}
	return fd;
}

int sf_source_open(const struct sf_sources *sources, struct sf_source *source, unsigned open_files,
	struct sf_error *error)
{
	int fd = source_reopen(source, error);

	if (fd < 0)
		return fd;
	return source_start(
		sources, source, fd, chunk_for(fd, open_files, sources->queues), false, error);
}

void sf_source_close(struct sf_source *source)
{
	if (!source->reader)
		return;
	sf_reader_fini(source->reader);
	free(source->reader);
	source->reader = NULL;
}

/* Makes the list of inputs. */
static int sources_list(struct sf_sources *sources, const char *const *names, unsigned count,
	struct sf_error *error)
{
	struct sf_list *list = &sources->listed;
	int rc = sf_list_make(list, names, count, error);

	if (rc < 0)
		return rc;
	sources->list = calloc(list->count + 1, sizeof(*sources->list));
	if (!sources->list)
		return sf_error_set(error, -ENOMEM, "no memory for %u files", list->count);
	for (unsigned i = 0; i < list->count; i++) {
		sources->list[i] = (struct sf_source){
			.path = list->files[i].path,
			.in_directory = list->files[i].in_directory,
			.order = i,
			.leaf = SF_NO_LEAF,
			.first_ns = INT64_MIN,
			.size = UINT64_MAX,
		};
		list->files[i].path = NULL;
	}
	sources->count = list->count;
	return 0;
}

/* Reads up to the first packet, for its time and the format. */
static void source_look(struct sf_source *source)
{
	struct sf_reader *reader = source->reader;
	struct sf_packet packet;

	do
		sf_reader_decode(reader, &packet, 1, INT64_MIN);
	while (reader->state == SF_READER_HUNGRY && sf_reader_fill(reader, 0));
	if (reader->state == SF_READER_HEAD)
		source->first_ns = reader->head_ns;
}

static void sources_add_format(struct sf_sources *sources, const struct sf_reader *reader)
{
	char text[24];
	size_t length = strlen(sources->formats);

	sf_reader_describe(reader, text, sizeof(text));
	for (const char *at = sources->formats; *text && (at = strstr(at, text)); at++) {
		char after = at[strlen(text)];

		if ((at == sources->formats || at[-1] == ' ') && (after == ',' || after == '\0'))
			return;
	}
	if (*text)
		snprintf(sources->formats + length, sizeof(sources->formats) - length, "%s%s",
			length ? ", " : "", text);
}

/*
 * Opens and examines an input. 1: it stays in the list; 0: it is left out; or an error.
 */
static int source_examine(
	struct sf_sources *sources, struct sf_source *source, struct sf_error *error)
{
	bool only = sources->count == 1;
	int fd = open_path(source->path), rc;
	struct stat status;

	if (fd < 0)
		return sf_error_set(
			error, fd, "%s: cannot open: %s", sf_source_name(source), sf_strerror(fd));
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || strcmp(source->path, "-") == 0) {
		if (S_ISREG(status.st_mode))
			sources->bytes_total += (uint64_t)status.st_size;
		else
			sources->unknown_size = true;
		rc = source_start(
			sources, source, fd, chunk_for(fd, 0, sources->queues), false, error);
		return rc < 0 ? rc : 1;
	}
	source->device = status.st_dev;
	source->inode = status.st_ino;
	if (status.st_size)
		source->size = (uint64_t)status.st_size;
	rc = source_start(sources, source, fd,
		only ? chunk_for(fd, 0, sources->queues) : LOOK_CHUNK, !only, error);
	if (rc < 0)
		return rc;
	source_look(source);
	if (source->reader->foreign && source->in_directory) {
		sf_list_leave_out(&sources->listed, SF_LEFT_FOREIGN, source->path);
		sf_source_close(source);
		return 0;
	}
	if (source->reader->error.code == SF_EUNSUPPORTED && !source->in_directory)
		return sf_error_set(error, SF_EUNSUPPORTED, "%s: %.400s", source->path,
			source->reader->error.text);
	sources_add_format(sources, source->reader);
	sources->bytes_total += (uint64_t)status.st_size;
	if (!only)
		sf_source_close(source);
	return 1;
}

static int by_first_time(const void *a, const void *b)
{
	const struct sf_source *x = a, *y = b;

	if (x->first_ns != y->first_ns)
		return x->first_ns < y->first_ns ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

int sf_sources_open(struct sf_sources *sources, const char *const *names, unsigned count,
	struct sf_error *error)
{
	unsigned kept = 0;
	int rc = sources_list(sources, names, count, error);

	for (unsigned i = 0; rc >= 0 && i < sources->count; i++) {
		rc = source_examine(sources, &sources->list[i], error);
		if (rc == 0) {
			free(sources->list[i].path);
			sources->list[i].path = NULL;
		} else if (rc > 0 && kept++ != i) {
			sources->list[kept - 1] = sources->list[i];
			sources->list[i] = (struct sf_source){ .path = NULL };
		}
	}
	if (rc < 0)
		return rc;
	sources->count = kept;
	if (kept == 0) {
		char left[400];

		sf_list_describe(&sources->listed, left, sizeof(left));
		return sf_error_set(error, SF_EUNSUPPORTED,
			"%s: no capture file in this directory%s%s", names[0], *left ? "; " : "",
			left);
	}
	qsort(sources->list, kept, sizeof(*sources->list), by_first_time);
	if (sources->unknown_size)
		sources->bytes_total = 0;
	return 0;
}

/* The time of the packet that a reader gives first; INT64_MIN: it has none. Takes over fd. */
static int64_t earliest_time(int fd, const struct sf_source *source)
{
	struct sf_sorting sorting = { .open = 1 };
	struct sf_source looked = { .path = source->path, .first_ns = INT64_MIN };

	looked.reader = malloc(sizeof(*looked.reader));
	if (!looked.reader) {
		close(fd);
		return INT64_MIN;
	}
	if (sf_reader_init(looked.reader, fd, source->size, CHUNK_SMALL, 1, NULL) == 0) {
		looked.reader->name = sf_source_name(source);
		looked.reader->sorting = &sorting;
		if (sf_sort_begin(looked.reader, NULL, 0, source->time == SF_SOURCE_UNKNOWN) == 0)
			source_look(&looked);
	}
	sf_source_close(&looked);
	return looked.first_ns;
}

/*
 * True if its first packet is earlier than was known. An error in the file is reported when the
 * file is read.
 */
static bool source_look_through(struct sf_source *source)
{
	struct sf_error error;
	int64_t first_ns;
	int fd = source_reopen(source, &error);

	if (fd < 0) {
		source->time = SF_SOURCE_UNKNOWN;
		return false;
	}
	source->time = look_for_order(fd, source->size);
	if (source->time == SF_SOURCE_ORDERED) {
		close(fd);
		return false;
	}
	first_ns = earliest_time(fd, source);
	if (first_ns == INT64_MIN || first_ns == source->first_ns)
		return false;
	source->first_ns = first_ns;
	return true;
}

void sf_sources_look_ahead(struct sf_sources *sources, unsigned waiting)
{
	for (unsigned i = waiting; i < sources->count && i - waiting < LOOK_AHEAD; i++) {
		struct sf_source *source = &sources->list[i];

		if (source->reader || source->time != SF_SOURCE_NOT_LOOKED)
			continue;
		if (source_look_through(source)) {
			qsort(sources->list + waiting, sources->count - waiting,
				sizeof(*sources->list), by_first_time);
			i = waiting - 1;
		}
	}
}

void sf_sources_fini(struct sf_sources *sources)
{
	for (unsigned i = 0; i < sources->count; i++) {
		sf_source_close(&sources->list[i]);
		free(sources->list[i].path);
	}
	free(sources->list);
	sf_list_fini(&sources->listed);
}
