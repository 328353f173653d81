/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A series of IPFIX files: "flows/%Y/%m/%d/%H%M.ipfix.zst". Each file is a transport session of its
 * own. Until a file is complete its name is ".1205.ipfix.zst.partial"; then it gets its own name,
 * files that are too old are removed, and the hook is told (series_file.c). A compressed file
 * without a time in its name is a series of one.
 *
 * When the disk is full, bytes wait, and the series takes nothing further. There is an attempt once
 * a second, which goes on where the last one stopped.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "encode/message.h"
#include "transport/series.h"

#define BYTES_MAX ((size_t)1 << 20) /* that wait for a full disk */

static bool series_due(struct sf_transport *transport, int64_t now_ns)
{
	struct sf_series *series = (struct sf_series *)transport;
	const int64_t span = series->options.rotate_ns;

	if (series->fd < 0)
		return sf_clock_read(CLOCK_MONOTONIC) >= series->again_ns;
	sf_series_flush_by_time(series);
	if (series->ended_early)
		return true;
	/* a clock that was set back by a little goes on in the same file */
	return now_ns >= series->end_ns || (span && now_ns < series->begin_ns - span);
}

static void series_turn(struct sf_transport *transport, int64_t now_ns, int64_t wall_ns)
{
	struct sf_series *series = (struct sf_series *)transport;

	series->wall_ns = wall_ns;
	sf_series_end(series);
	sf_series_begin(series, now_ns);
}

static bool may_try(const struct sf_series *series)
{
	return !series->transport.fails || sf_clock_read(CLOCK_MONOTONIC) >= series->again_ns;
}

/* True if the file takes a message now: nothing waits, or it may wait too. */
static bool has_room(struct sf_series *series)
{
	if (series->fd < 0 || series->broken)
		return false;
	if (sf_series_waiting(series) && may_try(series))
		sf_series_write(series);
	return sf_series_waiting(series) == 0 ||
	       (!series->options.waits && sf_series_waiting(series) < BYTES_MAX);
}

static void series_send(struct sf_transport *transport, struct sf_batch *batch)
{
	struct sf_series *series = (struct sf_series *)transport;
	const uint8_t *bytes = batch->bytes;

	for (unsigned i = 0; i < batch->count; bytes += batch->messages[i].length, i++) {
		uint32_t length = batch->messages[i].length;

		batch->messages[i].fate = SF_FATE_LOST_write;
		if (!has_room(series) || !sf_series_take(series, bytes, length))
			continue;
		batch->messages[i].fate = SF_FATE_WAITING;
		sf_outcome_enter(&series->unsure, length, &batch->messages[i].flows);
		if (may_try(series))
			sf_series_write(series);
		if (series->options.octets &&
			series->length + sf_series_waiting(series) >= series->options.octets)
			series->ended_early = true;
	}
}

static int64_t series_ready(struct sf_transport *transport, int64_t mono, int *fd)
{
	struct sf_series *series = (struct sf_series *)transport;

	*fd = -1;
	if (!transport->fails)
		return mono;
	if (mono < series->again_ns)
		return series->again_ns;
	if (series->fd < 0)
		sf_series_begin(series, series->begin_ns);
	else if (!series->broken)
		sf_series_write(series);
	return transport->fails && !series->broken ? series->again_ns : mono;
}

static void series_settle(
	struct sf_transport *transport, struct sf_outcome *sent, struct sf_outcome *lost)
{
	struct sf_series *series = (struct sf_series *)transport;

	transport->lost_as = SF_FATE_LOST_write;
	*sent = series->sent;
	*lost = series->lost;
	series->sent = series->lost = (struct sf_outcome){ 0 };
}

/* SIGHUP: completes the present file. */
static int series_reload(struct sf_transport *transport, struct sf_error *error)
{
	(void)error;
	((struct sf_series *)transport)->ended_early = true;
	return 0;
}

static int series_end(struct sf_transport *transport)
{
	return sf_series_end((struct sf_series *)transport);
}

static void series_free(struct sf_transport *transport)
{
	struct sf_series *series = (struct sf_series *)transport;

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

static int open_directory(struct sf_series *series, bool *made, struct sf_error *error)
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
	if (sf_series_is_several(series) ||
		!sf_pattern_partial(series->pattern.names, partial, sizeof(partial)) ||
		!sf_series_exists(series, partial))
		return 0;
	if (series->options.keeps)
		return sf_error_set(error, -EEXIST,
			"%s/%s is there: another run writes it, or was killed; --force removes it",
			base, partial);
	unlinkat(series->base, partial, 0);
	return 0;
}

static int check_options(
	struct sf_series *series, const struct sf_series_options *options, struct sf_error *error)
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
static int check_single(struct sf_series *series, const char *path, struct sf_error *error)
{
	struct stat status;

	if (sf_series_is_several(series) || stat(path, &status) < 0)
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
	struct sf_series *series = calloc(1, sizeof(*series));
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
