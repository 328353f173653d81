/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A series of IPFIX files: "flows/%Y/%m/%d/%H%M.ipfix.zst". Each file is a transport session of its
 * own. Until a file is complete its name is ".1205.ipfix.zst.partial"; then it gets its own name,
 * files that are too old are removed, and the hook is told. A compressed file without a time in its
 * name is a series of one.
 *
 *	message ─> [compressor] ─> bytes, not written yet ─> file
 *
 * A message is `unsure` until all its bytes are in the file. Without compression they are there
 * after each message. A compressor keeps bytes back: it is flushed every FLUSH_NS on live input,
 * and at the end of the file.
 *
 * When the disk is full, bytes wait here, and the series takes nothing further. There is an attempt
 * once a second, which goes on where the last one stopped. If the file ends before there is room, a
 * plain file is cut after its last whole message; a compressed one keeps its temporary name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/squeeze.h"
#include "encode/message.h"
#include "transport/keep.h"
#include "transport/transport.h"

#define AGAIN_NS    INT64_C(1000000000)
#define FLUSH_NS    INT64_C(5000000000)
#define BYTES_MAX   ((size_t)1 << 20) /* that wait for a full disk */
#define NUMBERS_MAX 1000000           /* files of the same time */

struct series {
	struct sf_transport transport;
	struct sf_series_options options; /* without path */
	struct sf_pattern pattern;
	enum sf_compression compression;
	int base;
	bool made; /* the base directory was not there before */
	bool told; /* that files of an earlier run are there; or it is not to be told */
	struct sf_keep keep;

	/* the present file */
	int fd; /* -1: there is none */
	char name[PATH_MAX], partial[PATH_MAX];
	int64_t begin_ns, end_ns; /* the times that belong into it */
	uint64_t length;          /* bytes that are written */
	uint64_t whole;           /* of them, up to the last whole message */
	bool ended_early;         /* another file is due whatever the time is */
	bool broken;              /* the compressor has failed */
	struct sf_squeeze *pack;
	struct sf_squeeze_buffer bytes; /* not written yet */
	struct sf_outcome unsure;
	int64_t flushed_ns; /* monotonic */

	int64_t again_ns;         /* monotonic time of the next attempt after an error */
	int64_t wall_ns;          /* of the last turn */
	char last_name[PATH_MAX]; /* without a number, and the last number that was in use */
	unsigned last_number;
	struct sf_outcome sent, lost;
};

/* False: one file, whose name has no time and no number. */
static bool is_series(const struct series *series)
{
	return series->pattern.timed || series->options.octets;
}

static size_t waiting(const struct series *series)
{
	return series->bytes.end - series->bytes.start;
}

static void fail(struct series *series, int code, const char *what, const char *name)
{
	series->transport.error = code;
	series->transport.fails = true;
	snprintf(series->transport.trouble, sizeof(series->transport.trouble), "%s %.60s/%.80s: %s",
		what, series->pattern.base, name, sf_strerror(code));
	series->again_ns = sf_clock_read(CLOCK_MONOTONIC) + AGAIN_NS;
}

/* Notes a mishap that ends no file and stops no record. */
static void remark(struct series *series, int code, const char *what, const char *name)
{
	snprintf(series->transport.remark, sizeof(series->transport.remark), "%s %.60s/%.80s: %s",
		what, series->pattern.base, name, sf_strerror(code));
}

static void recover(struct series *series)
{
	series->transport.fails = false;
	series->transport.trouble[0] = 0;
}

/* ---------------------------------------------------------------- writing */

static void move_unsure(struct series *series, struct sf_outcome *to)
{
	to->pieces += series->unsure.pieces;
	to->octets += series->unsure.octets;
	sf_count_add(&to->flows, &series->unsure.flows);
	series->unsure = (struct sf_outcome){ 0 };
}

/* Writes what waits. True: nothing waits any more. */
static bool write_out(struct series *series)
{
	while (waiting(series)) {
		ssize_t n = write(
			series->fd, series->bytes.bytes + series->bytes.start, waiting(series));

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
	struct series *series, const uint8_t *bytes, size_t length, enum sf_squeeze_step step)
{
	int code = sf_squeeze_run(series->pack, bytes, length, step, &series->bytes);

	if (code == 0)
		return;
	series->broken = series->ended_early = true;
	fail(series, code, "cannot compress", series->partial);
}

/* Flushes the compressor: all messages so far can be read from the file afterwards. */
static void flush(struct series *series)
{
	series->flushed_ns = sf_clock_read(CLOCK_MONOTONIC);
	if (!series->broken)
		pack(series, NULL, 0, SF_SQUEEZE_FLUSH);
	if (!series->broken && write_out(series))
		move_unsure(series, &series->sent);
}

/* A compressor keeps bytes back: they are written after FLUSH_NS at the latest. */
static void flush_by_time(struct series *series)
{
	if (!series->pack || series->options.steady || series->unsure.pieces == 0 ||
		waiting(series) || sf_clock_read(CLOCK_MONOTONIC) - series->flushed_ns < FLUSH_NS)
		return;
	flush(series);
}

/* ---------------------------------------------------------------- begin and end of a file */

static bool exists(const struct series *series, const char *name)
{
	int fd = openat(series->base, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	/* another error is told when the file cannot be made */
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* The names of the file with this number. */
static bool set_names(struct series *series, int64_t time_ns, unsigned number)
{
	return sf_pattern_name(
		       &series->pattern, time_ns, number, series->name, sizeof(series->name)) &&
	       sf_pattern_partial(series->name, series->partial, sizeof(series->partial));
}

/*
 * Notes that another run has written a file of this name, so that the files of this run get
 * numbers. Once is enough: the directory has the records of both runs.
 */
static void tell_others(struct series *series)
{
	if (series->told || !is_series(series))
		return;
	series->told = true;
	snprintf(series->transport.note, sizeof(series->transport.note),
		"%.60s/%.60s is of an earlier run and stays: this one writes %.60s beside it",
		series->pattern.base, series->last_name, series->name);
}

/* A file of this time that does not exist yet. Returns its descriptor or -errno. */
static int create(struct series *series, int64_t time_ns)
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
		if (is_series(series) && exists(series, series->name))
			continue;
		fd = openat(series->base, series->partial,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
		if (fd < 0 && errno == EEXIST && is_series(series))
			continue;
		series->last_number = number;
		if (fd >= 0 && first == 0 && number)
			tell_others(series);
		return fd < 0 ? -errno : fd;
	}
	return -EEXIST;
}

static void begin_file(struct series *series, int64_t now_ns)
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

static void tell_hook(const struct series *series)
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
static int complete(struct series *series)
{
	unsigned flags = is_series(series) ? RENAME_NOREPLACE : 0;
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
static bool write_end(struct series *series)
{
	bool whole;

	if (series->pack && !series->broken)
		pack(series, NULL, 0, SF_SQUEEZE_END);
	if (!series->broken && write_out(series)) {
		move_unsure(series, &series->sent);
		return true;
	}
	whole = !series->pack && ftruncate(series->fd, (off_t)series->whole) == 0;
	series->length = whole ? series->whole : series->length;
	move_unsure(series, &series->lost);
	series->bytes.start = series->bytes.end = 0;
	return whole;
}

/* Returns 0 or -errno: the file keeps its temporary name, or its end could not be written. */
static int end_file(struct series *series)
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

/* ---------------------------------------------------------------- operations */

static bool series_due(struct sf_transport *transport, int64_t now_ns)
{
	struct series *series = (struct series *)transport;
	const int64_t span = series->options.rotate_ns;

	if (series->fd < 0)
		return sf_clock_read(CLOCK_MONOTONIC) >= series->again_ns;
	flush_by_time(series);
	if (series->ended_early)
		return true;
	/* a clock that was set back by a little goes on in the same file */
	return now_ns >= series->end_ns || (span && now_ns < series->begin_ns - span);
}

static void series_turn(struct sf_transport *transport, int64_t now_ns, int64_t wall_ns)
{
	struct series *series = (struct series *)transport;

	series->wall_ns = wall_ns;
	end_file(series);
	begin_file(series, now_ns);
}

/* False: no memory. */
static bool take(struct series *series, const uint8_t *bytes, size_t length)
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

static bool may_try(const struct series *series)
{
	return !series->transport.fails || sf_clock_read(CLOCK_MONOTONIC) >= series->again_ns;
}

/* True if the file takes a message now: nothing waits, or it may wait too. */
static bool has_room(struct series *series)
{
	if (series->fd < 0 || series->broken)
		return false;
	if (waiting(series) && may_try(series))
		write_out(series);
	return waiting(series) == 0 || (!series->options.waits && waiting(series) < BYTES_MAX);
}

static void series_send(struct sf_transport *transport, struct sf_batch *batch)
{
	struct series *series = (struct series *)transport;
	const uint8_t *bytes = batch->bytes;

	for (unsigned i = 0; i < batch->count; bytes += batch->messages[i].length, i++) {
		uint32_t length = batch->messages[i].length;

		batch->messages[i].fate = SF_FATE_LOST_write;
		if (!has_room(series) || !take(series, bytes, length))
			continue;
		batch->messages[i].fate = SF_FATE_WAITING;
		sf_outcome_enter(&series->unsure, length, &batch->messages[i].flows);
		if (may_try(series))
			write_out(series);
		if (series->options.octets &&
			series->length + waiting(series) >= series->options.octets)
			series->ended_early = true;
	}
}

static int64_t series_ready(struct sf_transport *transport, int64_t mono, int *fd)
{
	struct series *series = (struct series *)transport;

	*fd = -1;
	if (!transport->fails)
		return mono;
	if (mono < series->again_ns)
		return series->again_ns;
	if (series->fd < 0)
		begin_file(series, series->begin_ns);
	else if (!series->broken)
		write_out(series);
	return transport->fails && !series->broken ? series->again_ns : mono;
}

static void series_settle(
	struct sf_transport *transport, struct sf_outcome *sent, struct sf_outcome *lost)
{
	struct series *series = (struct series *)transport;

	transport->lost_as = SF_FATE_LOST_write;
	*sent = series->sent;
	*lost = series->lost;
	series->sent = series->lost = (struct sf_outcome){ 0 };
}

/* SIGHUP: completes the present file. */
static int series_reload(struct sf_transport *transport, struct sf_error *error)
{
	(void)error;
	((struct series *)transport)->ended_early = true;
	return 0;
}

static int series_end(struct sf_transport *transport)
{
	return end_file((struct series *)transport);
}

static void series_free(struct sf_transport *transport)
{
	struct series *series = (struct series *)transport;

	if (series->fd >= 0)
		close(series->fd);
	/*
	 * the start has failed: the next run may become another user, to whom the directory would
	 * not belong
	 */
	if (series->made && !series->transport.connects)
		rmdir(series->pattern.base);
	if (series->base >= 0)
		close(series->base);
	sf_squeeze_free(series->pack);
	free(series->bytes.bytes);
	sf_keep_fini(&series->keep);
	free(series);
}

static const struct sf_transport_ops series_ops = {
	.send = series_send,
	.ready = series_ready,
	.settle = series_settle,
	.due = series_due,
	.turn = series_turn,
	.reload = series_reload,
	.end = series_end,
	.free = series_free,
};

/* ---------------------------------------------------------------- opening */

bool sf_series_is_wanted(const struct sf_series_options *options)
{
	return strchr(options->path, '%') || options->rotate_ns || options->octets ||
	       options->keep_ns || options->keep_octets ||
	       sf_squeeze_suffix(options->path) != SF_PLAIN;
}

static int open_directory(struct series *series, bool *made, struct sf_error *error)
{
	const char *base = series->pattern.base;
	char partial[PATH_MAX];
	int code = sf_pattern_open_base(&series->pattern, made);

	if (code >= 0) {
		series->base = code;
		code = sf_keep_start(&series->keep, &series->pattern, series->base);
	}
	if (code < 0)
		return sf_error_set(
			error, code, "cannot write files below %s: %s", base, sf_strerror(code));
	if (is_series(series) ||
		!sf_pattern_partial(series->pattern.names, partial, sizeof(partial)) ||
		!exists(series, partial))
		return 0;
	if (series->options.keeps)
		return sf_error_set(error, -EEXIST,
			"%s/%s is there: another run writes it, or was killed; --force removes it",
			base, partial);
	unlinkat(series->base, partial, 0);
	return 0;
}

static int check_options(
	struct series *series, const struct sf_series_options *options, struct sf_error *error)
{
	const char *path = options->path;
	struct sf_squeeze *tried;
	int code = sf_pattern_init(&series->pattern, path, error);

	if (code == 0 && series->compression != SF_PLAIN) {
		struct sf_error reason;

		code = sf_squeeze_new(&tried, series->compression, &reason);
		if (code == 0)
			sf_squeeze_free(tried);
		else
			sf_error_set(error, code, "%s: %s", path, reason.text);
	}
	if (code)
		return code;
	if (series->pattern.names[0] == 0 ||
		series->pattern.names[strlen(series->pattern.names) - 1] == '/')
		return sf_error_set(error, SF_EUSAGE, "%s: not a file name", path);
	if (options->rotate_ns && !series->pattern.timed)
		return sf_error_set(error, SF_EUSAGE,
			"%s: rotate= needs a time in the name, such as "
			"flows-%%Y%%m%%d-%%H%%M.ipfix",
			path);
	if ((options->keep_ns || options->keep_octets) && !series->pattern.timed &&
		!options->octets)
		return sf_error_set(error, SF_EUSAGE,
			"%s: keep= and keep-size= need a time in the name, or size=", path);
	if (series->pattern.timed && !options->rotate_ns && !options->octets)
		series->options.rotate_ns = series->pattern.usual_ns;
	return 0;
}

/* A single file: it is refused if it exists, and never half replaced. */
static int check_single(struct series *series, const char *path, struct sf_error *error)
{
	struct stat status;

	if (is_series(series) || stat(path, &status) < 0)
		return 0;
	if (!S_ISREG(status.st_mode))
		return sf_error_set(error, SF_EUSAGE,
			"%s: is no regular file: what is compressed goes into files only", path);
	if (series->options.keeps && status.st_size)
		return sf_error_set(error, -EEXIST,
			"output file %s exists and is not empty: --force replaces it", path);
	return 0;
}

int sf_series_open(struct sf_transport **transport, const struct sf_series_options *options,
	bool *made, struct sf_error *error)
{
	struct series *series = calloc(1, sizeof(*series));
	int code;

	if (!series)
		return sf_error_set(error, -ENOMEM, "no memory for output file %s", options->path);
	series->options = *options;
	series->base = series->fd = -1;
	series->compression = sf_squeeze_suffix(options->path);
	series->keep.age_ns = options->keep_ns;
	series->keep.octets = options->keep_octets;
	series->transport.ops = &series_ops;
	series->transport.hurry = options->hurry;
	series->transport.traits = (struct sf_traits){
		.cannot = "cannot write",
		.failure = SF_FATE_LOST_write,
		.unready = SF_FATE_LOST_write,
	};
	series->transport.max_message = sf_ipfix.max_length;
	series->transport.max_messages = 1;
	code = check_options(series, options, error);
	if (code == 0)
		code = check_single(series, options->path, error);
	if (code == 0)
		code = open_directory(series, made, error);
	series->made = code == 0 && *made;
	if (code) {
		series_free(&series->transport);
		return code;
	}
	series->transport.timed = true;
	*transport = &series->transport;
	return 0;
}
