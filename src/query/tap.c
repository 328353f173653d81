/* SPDX-License-Identifier: BSD-2-Clause */
/* Everything belongs to the thread from its start until it has been joined. */
#include "query/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "collect/gather.h"

struct sf_tap {
	bool (*record)(void *context, const struct sf_collected *record);
	void *context;
	struct sf_collector *collector;
	int in, out; /* ends of the pipe; -1: closed */
	char file[64];
	pthread_t thread;
	bool started, ended;
	int code;
	struct sf_error error;
};

static void take(void *context, const struct sf_collected *record)
{
	struct sf_tap *tap = context;

	if (!tap->ended)
		tap->ended = !tap->record(tap->context, record);
}

int sf_tap_open(struct sf_tap **result,
	bool (*record)(void *context, const struct sf_collected *record), void *context,
	struct sf_error *error)
{
	struct sf_tap *tap = calloc(1, sizeof(*tap));
	const struct sf_collector_options options = { .record = take, .context = tap };
	int ends[2], code;

	if (!tap)
		return sf_error_set(error, -ENOMEM, "no memory for records");
	*tap = (struct sf_tap){ .record = record, .context = context, .in = -1, .out = -1 };
	code = sf_collector_new(&tap->collector, &options, error);
	if (code == 0 && pipe2(ends, O_CLOEXEC) < 0)
		code = sf_error_set(error, -errno, "no pipe for records: %s", sf_strerror(-errno));
	if (code) {
		sf_tap_free(tap);
		return code;
	}
	/* fewer turns between the two threads */
	fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
	tap->in = ends[0];
	tap->out = ends[1];
	snprintf(tap->file, sizeof(tap->file), "/proc/self/fd/%d,biflow=yes,profile=extended",
		tap->out);
	*result = tap;
	return 0;
}

const char *sf_tap_file(const struct sf_tap *tap)
{
	return tap->file;
}

/* Also what take() does not want is read: the run must not wait. */
static void *run(void *context)
{
	struct sf_tap *tap = context;
	int in = tap->in;

	tap->in = -1;
	tap->code = sf_collect_stream(tap->collector, in, "the run", &tap->error);
	return NULL;
}

int sf_tap_start(struct sf_tap *tap, struct sf_error *error)
{
	sigset_t all, before;
	int code;

	/* signals are for the thread of the run */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = -pthread_create(&tap->thread, NULL, run, tap);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	tap->started = code == 0;
	return code ? sf_error_set(error, code, "no thread for records: %s", sf_strerror(code)) : 0;
}

static void close_end(int *end)
{
	if (*end >= 0)
		close(*end);
	*end = -1;
}

int sf_tap_finish(struct sf_tap *tap, struct sf_error *error)
{
	close_end(&tap->out);
	if (!tap->started)
		return 0;
	pthread_join(tap->thread, NULL);
	tap->started = false;
	if (tap->code)
		*error = tap->error;
	return tap->code;
}

void sf_tap_free(struct sf_tap *tap)
{
	struct sf_error ignored;

	if (!tap)
		return;
	sf_tap_finish(tap, &ignored);
	close_end(&tap->in);
	sf_collector_free(tap->collector);
	free(tap);
}
