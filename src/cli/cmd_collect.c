/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spanflow collect: a small collecting process for NetFlow v5, v9 and IPFIX over UDP.
 *
 * One thread: it waits for any of the sockets, empties them in batches, decodes and hands out. A
 * flood on one socket does not starve the others, because each gets one batch per round. At the
 * end of a run what already lies in the sockets is still read, within a bounded time.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "cli/collected.h"
#include "cli/command.h"
#include "cli/listen.h"
#include "cli/signals.h"

#define ROUND_MS       200 /* longest wait: signals between two waits are noticed by then */
#define DRAIN_NS       INT64_C(1000000000)
#define COMPLAINTS     10 /* bad messages that are described; all are counted */
#define DEFAULT_LISTEN "udp://[::]:4739"

struct collect {
	const struct sf_options *options;
	struct sf_collected_sink sink;
	struct sf_listener listeners[SF_LISTEN_MAX];
	struct pollfd polls[SF_LISTEN_MAX];
	unsigned count;
	struct sf_listen_batch *batch;
	uint64_t datagrams;
	unsigned complaints;
	bool failed;       /* a socket */
	const char *ended; /* NULL: goes on */
};

static int listeners_open(struct collect *collect)
{
	const struct sf_strings *urls = &collect->options->listen;
	const char *fallback = DEFAULT_LISTEN;
	const char *const *items = urls->count ? urls->items : &fallback;
	unsigned count = urls->count ? urls->count : 1;
	struct sf_error error = { 0 };

	if (count > SF_LISTEN_MAX) {
		sf_complain("--listen: at most %d are possible", SF_LISTEN_MAX);
		return SF_EXIT_USAGE;
	}
	for (unsigned i = 0; i < count; i++) {
		struct sf_listener *listener = &collect->listeners[collect->count];

		if (sf_listen_open(listener, items[i], &error))
			return sf_exit_error(&error);
		collect->polls[collect->count++] =
			(struct pollfd){ .fd = listener->fd, .events = POLLIN };
	}
	for (unsigned i = 0; i < count && !collect->options->quiet; i++)
		fprintf(stderr, "listening on %s\n", collect->listeners[i].url);
	return SF_EXIT_OK;
}

static void datagram_decode(struct collect *collect, unsigned index)
{
	char name[SF_LISTEN_NAME];
	struct sf_error error = { 0 };
	size_t length;
	const uint8_t *data = sf_listen_datagram(collect->batch, index, &length, name);

	collect->datagrams++;
	if (sf_collector_message(collect->sink.collector, name, data, length, &error) == 0)
		return;
	if (collect->complaints < COMPLAINTS && !collect->options->quiet) {
		sf_complain("message from %s: %s", name, error.text);
		if (++collect->complaints == COMPLAINTS)
			sf_complain("further bad messages are counted only");
	}
}

/* Whether anything has been said by the output or by -c that ends the run. */
static void look_for_end(struct collect *collect)
{
	if (collect->ended)
		return;
	if (collect->sink.failure || collect->sink.lost)
		collect->ended = "output";
	else if (collect->sink.most && collect->sink.flows >= collect->sink.most)
		collect->ended = "count";
}

/* One batch of every socket; false: there was nothing. */
static bool round_receive(struct collect *collect)
{
	bool any = false;

	for (unsigned i = 0; i < collect->count && !collect->ended; i++) {
		int n = sf_listen_receive(&collect->listeners[i], collect->batch);

		if (n < 0) {
			sf_complain("%s: %s", collect->listeners[i].url, sf_strerror(n));
			collect->failed = true;
			collect->ended = "failure";
		}
		for (int j = 0; j < n && !collect->ended; j++) {
			datagram_decode(collect, (unsigned)j);
			look_for_end(collect);
		}
		any |= n > 0;
	}
	return any;
}

/* Signals and clocks; `idle_since` and `started` are monotonic ns. */
static const char *end_of_run(const struct collect *collect, int64_t started, int64_t idle_since)
{
	const struct sf_options *options = collect->options;
	int64_t now = sf_clock_read(CLOCK_MONOTONIC);

	if (sf_signal_stop)
		return sf_signal_name(sf_signal_stop);
	if (options->duration_ns && now - started >= options->duration_ns)
		return "duration";
	if (options->idle_exit_ns && now - idle_since >= options->idle_exit_ns)
		return "idle";
	return NULL;
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

/* Output leaves when the input pauses, and at least this often when it does not. */
static void pause_output(struct collect *collect, int64_t *flushed)
{
	*flushed = sf_clock_read(CLOCK_MONOTONIC);
	sf_collected_flush(&collect->sink, sf_clock_read(CLOCK_REALTIME));
	look_for_end(collect);
	dropped(collect);
	sf_signals_answer();
	if (sf_signal_stats) {
		sf_signal_stats = 0;
		sf_collected_report(
			&collect->sink, collect->datagrams, dropped(collect), "request");
	}
}

static void collect_run(struct collect *collect)
{
	int64_t started = sf_clock_read(CLOCK_MONOTONIC), idle_since = started, flushed = started;

	while (!collect->ended) {
		const char *end = end_of_run(collect, started, idle_since);
		bool any = round_receive(collect);

		if (end) {
			int64_t until = sf_clock_read(CLOCK_MONOTONIC) + DRAIN_NS;

			while (any && sf_clock_read(CLOCK_MONOTONIC) < until &&
				!sf_signal_hurry(NULL))
				any = round_receive(collect);
			if (!collect->ended)
				collect->ended = end;
			break;
		}
		if (any)
			idle_since = sf_clock_read(CLOCK_MONOTONIC);
		if (!any || idle_since - flushed >= ROUND_MS * INT64_C(1000000))
			pause_output(collect, &flushed);
		if (!any && !collect->ended)
			poll(collect->polls, collect->count, ROUND_MS);
	}
}

int sf_cmd_collect(struct sf_options *options)
{
	struct collect collect = { .options = options };
	int status;

	if (options->operands.count) {
		sf_complain("'%s' stands alone: where to listen is -l udp://HOST:PORT",
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
	if (status == SF_EXIT_OK) {
		collect_run(&collect);
		if (!sf_collected_finish(&collect.sink) || collect.failed)
			status = SF_EXIT_FAILED;
		sf_collected_report(
			&collect.sink, collect.datagrams, dropped(&collect), collect.ended);
	}
	for (unsigned i = 0; i < collect.count; i++)
		sf_listen_close(&collect.listeners[i]);
	sf_listen_batch_free(collect.batch);
	sf_collected_close(&collect.sink);
	return status;
}
