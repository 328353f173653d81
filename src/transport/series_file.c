/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One file of a series: made under its temporary name, filled, completed.
 *
 *	message ─> [compressor] ─> bytes, not written yet ─> file
 *
 * A message is `unsure` until all its bytes are in the file. Without compression they are there
 * after each message. A compressor keeps bytes back: it is flushed every FLUSH_NS on live input,
 * and at the end of the file.
 *
 * When the disk is full, bytes wait here. If the file ends before there is room, a plain file is
 * cut after its last whole message; a compressed one keeps its temporary name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "transport/series.h"

#define AGAIN_NS    INT64_C(1000000000)
#define FLUSH_NS    INT64_C(5000000000)
#define NUMBERS_MAX 1000000 /* files of the same time */

static void fail(struct sf_series *series, int code, const char *what, const char *name)
{
	series->transport.error = code;
	series->transport.fails = true;
	snprintf(series->transport.trouble, sizeof(series->transport.trouble), "%s %.60s/%.80s: %s",
		what, series->pattern.base, name, sf_strerror(code));
	series->again_ns = sf_clock_read(CLOCK_MONOTONIC) + AGAIN_NS;
}

/* Notes a mishap that ends no file and stops no record. */
static void remark(struct sf_series *series, int code, const char *what, const char *name)
{
	snprintf(series->transport.remark, sizeof(series->transport.remark), "%s %.60s/%.80s: %s",
		what, series->pattern.base, name, sf_strerror(code));
}

static void recover(struct sf_series *series)
{
	series->transport.fails = false;
	series->transport.trouble[0] = 0;
}

/* ---------------------------------------------------------------- writing */

static void move_unsure(struct sf_series *series, struct sf_outcome *to)
{
	to->pieces += series->unsure.pieces;
	to->octets += series->unsure.octets;
	sf_count_add(&to->flows, &series->unsure.flows);
	series->unsure = (struct sf_outcome){ 0 };
}

bool sf_series_write(struct sf_series *series)
{
	while (sf_series_waiting(series)) {
		ssize_t n = write(series->fd, series->bytes.bytes + series->bytes.start,
			sf_series_waiting(series));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			fail(series, n < 0 ? -errno : -EIO, "cannot write", series->partial);
			return false;
		}
		series->bytes.start += (size_t)n;
		series->length += (uint64_t)n;
	}
	recover(series);
	if (!series->pack) {
		series->whole = series->length;
		move_unsure(series, &series->sent);
	}
	return true;
}

/* Gives bytes to the compressor, or takes its last ones. */
static void pack(
	struct sf_series *series, const uint8_t *bytes, size_t length, enum sf_squeeze_step step)
{
	int code = sf_squeeze_run(series->pack, bytes, length, step, &series->bytes);

	if (code == 0)
		return;
	series->broken = series->ended_early = true;
	fail(series, code, "cannot compress", series->partial);
}

/* Flushes the compressor: all messages so far can be read from the file afterwards. */
static void flush(struct sf_series *series)
{
	series->flushed_ns = sf_clock_read(CLOCK_MONOTONIC);
	if (!series->broken)
		pack(series, NULL, 0, SF_SQUEEZE_FLUSH);
	if (!series->broken && sf_series_write(series))
		move_unsure(series, &series->sent);
}

bool sf_series_take(struct sf_series *series, const uint8_t *bytes, size_t length)
{
	if (series->pack) {
		pack(series, bytes, length, SF_SQUEEZE_MORE);
		return !series->broken;
	}
	if (!sf_squeeze_room(&series->bytes, length)) {
		series->transport.error = -ENOMEM;
		return false;
	}
	memcpy(series->bytes.bytes + series->bytes.end, bytes, length);
	series->bytes.end += length;
	return true;
}

void sf_series_flush_by_time(struct sf_series *series)
{
	if (!series->pack || series->options.steady || series->unsure.pieces == 0 ||
		sf_series_waiting(series) ||
		sf_clock_read(CLOCK_MONOTONIC) - series->flushed_ns < FLUSH_NS)
		return;
	flush(series);
}

/* ---------------------------------------------------------------- begin and end of a file */

bool sf_series_exists(const struct sf_series *series, const char *name)
{
	int fd = openat(series->base, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	/* another error is told when the file cannot be made */
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* The names of the file with this number. */
static bool set_names(struct sf_series *series, int64_t time_ns, unsigned number)
{
	return sf_pattern_name(
		       &series->pattern, time_ns, number, series->name, sizeof(series->name)) &&
	       sf_pattern_partial(series->name, series->partial, sizeof(series->partial));
}

/*
 * Notes that another run has written a file of this name, so that the files of this run get
 * numbers. Once is enough: the directory has the records of both runs.
 */
static void tell_others(struct sf_series *series)
{
	if (series->told || !sf_series_is_several(series))
		return;
	series->told = true;
	snprintf(series->transport.note, sizeof(series->transport.note),
		"%.60s/%.60s is of an earlier run and stays: this one writes %.60s beside it",
		series->pattern.base, series->last_name, series->name);
}

/* A file of this time that does not exist yet. Returns its descriptor or -errno. */
static int create(struct sf_series *series, int64_t time_ns)
{
	unsigned number = 0, first;
	int fd;

	if (!set_names(series, time_ns, 0))
		return -ENAMETOOLONG;
	sf_pattern_make_directories(series->base, series->name);
	if (strcmp(series->last_name, series->name) == 0)
		number = series->last_number + 1;
	else
		strcpy(series->last_name, series->name);
	for (first = number; number < NUMBERS_MAX; number++) {
		if (!set_names(series, time_ns, number))
			return -ENAMETOOLONG;
		if (sf_series_is_several(series) && sf_series_exists(series, series->name))
			continue;
		fd = openat(series->base, series->partial,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
		if (fd < 0 && errno == EEXIST && sf_series_is_several(series))
			continue;
		series->last_number = number;
		if (fd >= 0 && first == 0 && number)
			tell_others(series);
		return fd < 0 ? -errno : fd;
	}
	return -EEXIST;
}

void sf_series_begin(struct sf_series *series, int64_t now_ns)
{
	const int64_t span = series->options.rotate_ns;
	struct sf_error error;
	int code = 0;

	/* the clock was set back: files of this time may be of this run */
	series->told |= now_ns < series->begin_ns;
	series->begin_ns = span && now_ns > 0 ? now_ns / span * span : now_ns;
	series->end_ns = span ? series->begin_ns + span : INT64_MAX;
	series->ended_early = series->broken = false;
	if (series->compression != SF_PLAIN)
		code = sf_squeeze_new(&series->pack, series->compression, &error);
	series->fd = code ? -1 : create(series, series->begin_ns);
	if (series->fd < 0) {
		fail(series, code ? code : series->fd, "cannot make", series->partial);
		sf_squeeze_free(series->pack);
		series->pack = NULL;
		series->fd = -1;
		return;
	}
	series->length = series->whole = 0;
	series->flushed_ns = sf_clock_read(CLOCK_MONOTONIC);
	series->transport.connects++;
	recover(series);
}

static void tell_hook(const struct sf_series *series)
{
	const char *base = series->pattern.base;
	char path[2 * PATH_MAX];

	if (!series->options.hook)
		return;
	if (strcmp(base, ".") == 0)
		snprintf(path, sizeof(path), "%s", series->name);
	else
		snprintf(path, sizeof(path), "%s%s%s", base, strcmp(base, "/") == 0 ? "" : "/",
			series->name);
	series->options.hook->complete(series->options.hook->context, path);
}

/* Gives the file its name, because it has all its messages. Returns 0 or -errno. */
static int complete(struct sf_series *series)
{
	unsigned flags = sf_series_is_several(series) ? RENAME_NOREPLACE : 0;
	int code;

	if (renameat2(series->base, series->partial, series->base, series->name, flags) < 0) {
		/* a file system that cannot do that: the name was free a moment ago */
		if (errno != EINVAL ||
			renameat(series->base, series->partial, series->base, series->name) < 0)
			return -errno;
	}
	series->transport.files++;
	if (series->options.keep_ns || series->options.keep_octets) {
		code = sf_keep_add(&series->keep, series->name, series->length, series->wall_ns);
		if (code < 0)
			remark(series, code, "keep= and keep-size= will not remove", series->name);
		code = sf_keep_enforce(&series->keep, series->wall_ns);
		series->transport.removed_files = series->keep.removed;
		if (code < 0)
			remark(series, code, "cannot remove old files of the series of",
				series->name);
	}
	tell_hook(series);
	return 0;
}

/*
 * Writes the last bytes of the file; those that cannot be written are lost. True: the file is
 * whole.
 */
static bool write_end(struct sf_series *series)
{
	bool whole;

	if (series->pack && !series->broken)
		pack(series, NULL, 0, SF_SQUEEZE_END);
	if (!series->broken && sf_series_write(series)) {
		move_unsure(series, &series->sent);
		return true;
	}
	whole = !series->pack && ftruncate(series->fd, (off_t)series->whole) == 0;
	series->length = whole ? series->whole : series->length;
	move_unsure(series, &series->lost);
	series->bytes.start = series->bytes.end = 0;
	return whole;
}

int sf_series_end(struct sf_series *series)
{
	bool whole;
	int code = 0;

	if (series->fd < 0)
		return 0;
	whole = write_end(series);
	sf_squeeze_free(series->pack);
	series->pack = NULL;
	/* some file systems report the full disk only here */
	if (close(series->fd) < 0)
		code = -errno;
	series->fd = -1;
	if (!whole)
		code = series->transport.error;
	else if (code == 0)
		code = complete(series);
	if (code < 0)
		remark(series, code, "cannot complete", series->partial);
	return code;
}
