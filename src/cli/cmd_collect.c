/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spanflow collect: a small collecting process for NetFlow v5, v9 and IPFIX over UDP.
 *
 * One thread: it waits for any of the sockets, empties them in batches, decodes and hands out. A
 * flood on one socket does not starve the others, because each gets one batch per round. Signals and
 * --duration are looked at after each datagram. At the end of a run what already lies in the sockets
 * is still read, for DRAIN_NS; what had been received by then and was not decoded is counted.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "cli/collected.h"
#include "cli/command.h"
#include "cli/metrics.h"
#include "cli/signals.h"
#include "receive/listener.h"

#define ROUND_MS       100 /* longest wait: signals between two waits are noticed by then */
#define DRAIN_NS       INT64_C(150000000) /* at the end, for what lies in the sockets */
#define COMPLAINTS     10                 /* bad messages that are described; all are counted */
#define DEFAULT_LISTEN "udp://:4739"

struct collect {
	const struct sf_options *options;
	struct sf_collected_sink sink;
	struct sf_listener listeners[SF_LISTEN_MAX];
	struct pollfd polls[SF_LISTEN_MAX + 1]; /* the metrics come last */
	struct sf_metrics metrics;
	unsigned count;
	struct sf_listen_batch *batch;
	uint64_t datagrams;
	uint64_t undecoded; /* received, but there was no time for them at the end */
	unsigned complaints;
	bool failed;     /* a socket, or there was no memory */
	int64_t started; /* monotonic ns, as those below */
	int64_t idle_since;
	int64_t until;      /* the end of draining; 0: the run goes on */
	const char *ending; /* why it is draining */
	const char *ended;  /* NULL: goes on */
};

static int listeners_open(struct collect *collect)
{
	const struct sf_strings *urls = &collect->options->listen;
	const char *fallback = DEFAULT_LISTEN;
	const char *const *items = urls->count ? urls->items : &fallback;
	unsigned count = urls->count ? urls->count : 1;
	struct sf_error error = { 0 };

	for (unsigned i = 0; i < count; i++) {
		int opened = sf_listen_open(&collect->listeners[collect->count],
			SF_LISTEN_MAX - collect->count, items[i], &error);

		if (opened < 0)
			return sf_exit_error(&error);
		collect->count += (unsigned)opened;
	}
	for (unsigned i = 0; i < collect->count; i++)
		collect->polls[i] =
			(struct pollfd){ .fd = collect->listeners[i].fd, .events = POLLIN };
	for (unsigned i = 0; i < collect->count && !collect->options->quiet; i++)
		fprintf(stderr, "listening on %s\n", collect->listeners[i].url);
	return SF_EXIT_OK;
}

static void datagram_decode(struct collect *collect, unsigned index)
{
	char name[SF_LISTEN_NAME];
	struct sf_error error = { 0 };
	size_t length;
	const uint8_t *data = sf_listen_datagram(collect->batch, index, &length, name);
	int result;

	collect->datagrams++;
	result = sf_collector_message(collect->sink.collector, name, data, length, &error);
	if (result == 0)
		return;
	collect->failed |= result == -ENOMEM;
	if (collect->complaints < COMPLAINTS && !collect->options->quiet) {
		sf_complain("message from %s: %s", name, error.text);
		if (++collect->complaints == COMPLAINTS)
			sf_complain("further bad messages are counted only");
	}
}

/* Why the run is to end, or NULL. */
static const char *end_of_run(const struct collect *collect, int64_t now)
{
	const struct sf_options *options = collect->options;

	if (sf_signal_stop)
		return sf_signal_name(sf_signal_stop);
	if (options->duration_ns && now - collect->started >= options->duration_ns)
		return "duration";
	if (options->idle_exit_ns && now - collect->idle_since >= options->idle_exit_ns)
		return "idle";
	return NULL;
}

/*
 * Looks at output, -c, signals and clocks. From the first reason to end on what lies in the sockets
 * is read until the time for that is over.
 */
static void look_for_end(struct collect *collect)
{
	int64_t now = sf_clock_read(CLOCK_MONOTONIC);

	if (collect->ended)
		return;
	if (collect->sink.failure || collect->sink.lost) {
		collect->ended = "output";
	} else if (collect->sink.most && collect->sink.flows >= collect->sink.most) {
		collect->ended = "count";
	} else if (!collect->ending) {
		collect->ending = end_of_run(collect, now);
		collect->until = now + DRAIN_NS;
	} else if (now >= collect->until || sf_signal_hurry(NULL)) {
		collect->ended = collect->ending;
	}
}

/* One batch of every socket; false: there was nothing. */
static bool round_receive(struct collect *collect)
{
	bool any = false;

	for (unsigned i = 0; i < collect->count && !collect->ended; i++) {
		int n = sf_listen_receive(&collect->listeners[i], collect->batch), j;

		if (n < 0) {
			sf_complain("%s: %s", collect->listeners[i].url, sf_strerror(n));
			collect->failed = true;
			collect->ended = "failure";
			break;
		}
		for (j = 0; j < n && !collect->ended; j++) {
			datagram_decode(collect, (unsigned)j);
			look_for_end(collect);
		}
		/* -c has what it wants; other ends leave something undone */
		if (j < n && collect->ended == collect->ending) {
			collect->undecoded += (uint64_t)(n - j);
			collect->datagrams += (uint64_t)(n - j);
		}
		any |= n > 0;
	}
	return any;
}

static uint64_t dropped(struct collect *collect)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < collect->count; i++) {
		sf_listen_drops(&collect->listeners[i]);
		sum += collect->listeners[i].dropped;
	}
	return sum;
}

static struct sf_collected_input received_by(struct collect *collect)
{
	return (struct sf_collected_input){
		.datagrams = collect->datagrams,
		.dropped = dropped(collect),
		.undecoded = collect->undecoded,
	};
}

static void write_metrics(void *context, bool openmetrics, FILE *stream)
{
	struct collect *collect = context;
	const struct sf_collected_input received = received_by(collect);
	struct sf_collector_stats stats;
	const struct sf_metric_set set = {
		.whole.objects[SF_SCOPE_RECEIVED] = &received,
		.whole.objects[SF_SCOPE_COLLECTOR] = &stats,
		.exporter = collect->sink.exporter,
		.balanced = sf_collected_balanced(&collect->sink),
	};

	sf_collector_stats(collect->sink.collector, &stats);
	sf_metrics_write(&set, openmetrics, stream);
}

static bool is_hindered(void *context, char *text, size_t size)
{
	const struct collect *collect = context;

	if (!collect->ending && !collect->ended)
		return false;
	snprintf(text, size, "the run is about to end: %s",
		collect->ending ? collect->ending : collect->ended);
	return true;
}

static int metrics_open(struct collect *collect)
{
	const struct sf_metrics_owner owner = { write_metrics, is_hindered, collect };
	struct sf_error error = { 0 };

	if (sf_metrics_open(&collect->metrics, collect->options->metrics, &owner,
		    collect->options->quiet, &error))
		return sf_exit_error(&error);
	collect->polls[collect->count] =
		(struct pollfd){ .fd = sf_metrics_fd(&collect->metrics), .events = POLLIN };
	return SF_EXIT_OK;
}

static void report(struct collect *collect, const char *ended)
{
	const struct sf_collected_input received = received_by(collect);

	sf_collected_report(&collect->sink, &received, ended);
}

/* Output leaves when the input pauses, and at least this often when it does not. */
static void pause_output(struct collect *collect, int64_t *flushed)
{
	*flushed = sf_clock_read(CLOCK_MONOTONIC);
	sf_collected_flush(&collect->sink, sf_clock_read(CLOCK_REALTIME));
	look_for_end(collect);
	dropped(collect);
	sf_metrics_serve(&collect->metrics);
	sf_signals_answer();
	if (sf_signal_stats) {
		sf_signal_stats = 0;
		report(collect, "request");
	}
}

static void collect_run(struct collect *collect)
{
	int64_t flushed = sf_clock_read(CLOCK_MONOTONIC);

	collect->started = collect->idle_since = flushed;
	while (!collect->ended) {
		bool any = round_receive(collect);
		int64_t now = sf_clock_read(CLOCK_MONOTONIC);

		/* the sockets are empty: nothing is left to drain */
		if (!any && collect->ending && !collect->ended)
			collect->ended = collect->ending;
		if (any && !collect->ending)
			collect->idle_since = now;
		if (!any || now - flushed >= ROUND_MS * INT64_C(1000000))
			pause_output(collect, &flushed);
		look_for_end(collect);
		if (!any && !collect->ended && !collect->ending)
			poll(collect->polls, collect->count + 1, ROUND_MS);
	}
}

int sf_cmd_collect(struct sf_options *options)
{
	struct collect collect = { .options = options };
	int status;

	if (options->operands.count) {
		sf_complain(
			"unexpected argument '%s': the address to listen on is -l udp://HOST:PORT",
			options->operands.items[0]);
		return SF_EXIT_USAGE;
	}
	sf_signals_catch();
	status = sf_collected_open(&collect.sink, options);
	collect.sink.most = options->count;
	collect.batch = sf_listen_batch_new();
	if (status == SF_EXIT_OK && !collect.batch) {
		sf_complain("no memory for datagrams");
		status = SF_EXIT_FAILED;
	}
	if (status == SF_EXIT_OK)
		status = listeners_open(&collect);
	if (status == SF_EXIT_OK)
		status = metrics_open(&collect);
	if (status == SF_EXIT_OK) {
		collect_run(&collect);
		if (!sf_collected_finish(&collect.sink) || collect.failed)
			status = SF_EXIT_FAILED;
		report(&collect, collect.ended);
	}
	sf_metrics_close(&collect.metrics);
	for (unsigned i = 0; i < collect.count; i++)
		sf_listen_close(&collect.listeners[i]);
	sf_listen_batch_free(collect.batch);
	sf_collected_close(&collect.sink);
	return status;
}
