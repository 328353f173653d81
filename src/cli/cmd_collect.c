/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spanflow collect: a small collecting process for NetFlow v5, v9 and IPFIX over UDP, and IPFIX
 * over TCP. receive/receiver.h
 * receives the messages, the collector of include/spanflow/collect.h decodes them, and collected.c
 * prints and writes the records. Here is what ends a run, and what is said about it.
 */
#include <stdio.h>

#include "base/clock.h"
#include "cli/collected.h"
#include "cli/command.h"
#include "metrics/metrics.h"
#include "receive/receiver.h"
#include "service/signals.h"

#define COMPLAINTS     10 /* bad messages that are described; all are counted */
#define DEFAULT_LISTEN "udp://:4739"

struct collect {
	const struct sf_options *options;
	struct sf_collected_sink sink;
	struct sf_loop *loop;
	struct sf_receiver receiver;
	struct sf_metrics metrics;
	unsigned complaints;
	bool failed; /* there was no memory */
};

/* After each record and message, and when a signal came. */
static void look_for_end(struct collect *collect)
{
	const struct sf_outputs *out = &collect->sink.out;
	uint64_t most = collect->options->count;

	if (out->failure || out->lost)
		sf_receiver_stop(&collect->receiver, "output");
	else if (most && out->selected.records >= most)
		sf_receiver_stop(&collect->receiver, "count");
	else if (sf_signal_stop)
		sf_receiver_end(&collect->receiver, sf_signal_name(sf_signal_stop));
	if (sf_signal_hurry(NULL))
		sf_receiver_cut(&collect->receiver);
}

static void complain(struct collect *collect, const char *what, const char *sender, const char *why)
{
	if (collect->complaints >= COMPLAINTS || collect->options->quiet)
		return;
	sf_complain("%s from %s: %s", what, sender, why);
	if (++collect->complaints == COMPLAINTS)
		sf_complain("further bad messages are counted only");
}

static void take_result(
	struct collect *collect, const char *sender, int result, const struct sf_error *error)
{
	collect->failed |= result == -ENOMEM;
	if (result)
		complain(collect, "message", sender, error->text);
	look_for_end(collect);
}

static void decode(void *context, const char *sender, const uint8_t *data, size_t length)
{
	struct collect *collect = context;
	struct sf_error error = { 0 };
	int result =
		sf_collector_message(collect->sink.out.collector, sender, data, length, &error);

	take_result(collect, sender, result, &error);
}

static void decode_stream(
	void *context, const char *sender, uint16_t stream, const uint8_t *data, size_t length)
{
	struct collect *collect = context;
	struct sf_error error = { 0 };
	int result = sf_collector_stream_message(
		collect->sink.out.collector, sender, stream, data, length, &error);

	take_result(collect, sender, result, &error);
}

static void end_stream(void *context, const char *sender, const char *trouble)
{
	struct collect *collect = context;

	sf_collector_stream_end(collect->sink.out.collector, sender);
	if (trouble)
		complain(collect, "connection", sender, trouble);
}

static void write_out(void *context)
{
	struct collect *collect = context;

	sf_outputs_flush(&collect->sink.out, sf_clock_read(CLOCK_REALTIME));
	sf_collected_tell(&collect->sink);
	sf_receiver_dropped(&collect->receiver);
	look_for_end(collect);
}

static struct sf_collected_input received_by(struct collect *collect)
{
	const struct sf_inflows *inflows = &collect->receiver.inflows;
	const struct sf_sessions *sessions = &collect->receiver.sessions;

	return (struct sf_collected_input){
		.datagrams = collect->receiver.datagrams,
		.dropped = sf_receiver_dropped(&collect->receiver),
		.undecoded = collect->receiver.undecoded,
		.connections = inflows->connections + sessions->connections,
		.refused = inflows->refused + sessions->refused,
		.broken = inflows->broken + sessions->broken,
		.strays = sessions->strays,
	};
}

static void report(struct collect *collect, const char *ended)
{
	const struct sf_collected_input received = received_by(collect);

	sf_collected_report(&collect->sink, &received, ended);
}

/* ---------------------------------------------------------------- signals */

static bool uses_tls(const struct collect *collect)
{
	for (unsigned i = 0; i < collect->receiver.count; i++)
		if (sf_listen_is_secure(&collect->receiver.listeners[i]))
			return true;
	return false;
}

/* Answers a SIGHUP. */
static void read_again(struct collect *collect)
{
	struct sf_error error;

	sf_signal_hangup = 0;
	if (sf_receiver_reload(&collect->receiver, &error) < 0)
		sf_complain("SIGHUP: certificates and keys stay as they are: %s", error.text);
	else
		sf_complain("SIGHUP: certificates and keys were read again");
}

static void on_signal(void *context)
{
	struct collect *collect = context;

	struct sf_exporter *exporter = collect->sink.out.exporter;

	if (sf_signal_hangup && exporter && sf_exporter_reloads(exporter)) {
		/* files cannot fail to be ended */
		(void)!sf_exporter_reload(exporter, NULL);
		sf_signal_hangup = uses_tls(collect);
		sf_complain("SIGHUP: output files are begun anew");
	}
	if (sf_signal_hangup && uses_tls(collect))
		read_again(collect);
	sf_answer_hangup();
	look_for_end(collect);
}

static void on_statistics(void *context, int number)
{
	(void)number;
	sf_signal_stats = 0;
	write_out(context);
	report(context, "request");
}

static int open_loop(struct collect *collect)
{
	const struct sf_inbox inbox = { .take = on_signal, .context = collect };
	int err = sf_loop_new(&collect->loop);

	if (err)
		return err;
	sf_loop_set_inbox(collect->loop, &inbox);
	sf_signals_wake(sf_loop_wakeup(collect->loop));
	return sf_loop_add_signal(collect->loop, SIGUSR1, on_statistics, collect);
}

/* ---------------------------------------------------------------- metrics */

static void write_metrics(void *context, bool openmetrics, FILE *stream)
{
	struct collect *collect = context;
	const struct sf_collected_input received = received_by(collect);
	struct sf_collector_stats stats;
	const struct sf_metric_set set = {
		.whole.objects[SF_SCOPE_RECEIVED] = &received,
		.whole.objects[SF_SCOPE_COLLECTOR] = &stats,
		.exporter = collect->sink.out.exporter,
		.balanced = sf_outputs_balanced(&collect->sink.out),
	};

	sf_collector_stats(collect->sink.out.collector, &stats);
	sf_metrics_write(&set, openmetrics, stream);
}

static bool is_hindered(void *context, char *text, size_t size)
{
	const struct collect *collect = context;
	const char *ending =
		collect->receiver.ending ? collect->receiver.ending : collect->receiver.ended;

	if (ending)
		snprintf(text, size, "the run is about to end: %s", ending);
	return ending != NULL;
}

static int open_metrics(struct collect *collect, struct sf_error *error)
{
	const struct sf_metrics_owner owner = { write_metrics, is_hindered, collect };
	int err = sf_metrics_open(&collect->metrics, collect->options->metrics, &owner, error);

	if (err)
		return err;
	sf_tell_metrics(&collect->metrics, collect->options);
	err = sf_metrics_join(&collect->metrics, collect->loop);
	return err ? sf_error_set(error, err, "--metrics: %s", sf_strerror(err)) : 0;
}

/* ---------------------------------------------------------------- the run */

static int listen_everywhere(struct collect *collect, struct sf_error *error)
{
	const struct sf_strings *urls = &collect->options->listen;
	int err = urls->count ? 0 : sf_receiver_listen(&collect->receiver, DEFAULT_LISTEN, error);

	for (unsigned i = 0; i < urls->count && !err; i++)
		err = sf_receiver_listen(&collect->receiver, urls->items[i], error);
	for (unsigned i = 0; i < collect->receiver.count && !err && !collect->options->quiet; i++)
		fprintf(stderr, "listening on %s\n", collect->receiver.listeners[i].url);
	return err;
}

/* Loop, sockets and metrics. */
static int open_receiver(struct collect *collect, struct sf_error *error)
{
	const struct sf_receiver_options options = {
		.message = decode,
		.stream_message = decode_stream,
		.stream_end = end_stream,
		.write_out = write_out,
		.context = collect,
		.duration_ns = collect->options->duration_ns,
		.silence_ns = collect->options->idle_exit_ns,
	};
	int err = open_loop(collect);

	if (!err)
		err = sf_receiver_init(&collect->receiver, collect->loop, &options);
	if (err)
		return sf_error_set(error, err, "the event loop: %s", sf_strerror(err));
	err = listen_everywhere(collect, error);
	return err ? err : open_metrics(collect, error);
}

static int run(struct collect *collect)
{
	const char *ended;

	/* signals may have come before there was a loop */
	look_for_end(collect);
	if (sf_signal_stats)
		on_statistics(collect, SIGUSR1);
	ended = sf_receiver_run(&collect->receiver);
	if (collect->receiver.error.code) {
		sf_complain("%s", collect->receiver.error.text);
		collect->failed = true;
	}
	collect->failed |= !sf_collected_finish(&collect->sink);
	report(collect, ended);
	return collect->failed ? SF_EXIT_FAILED : SF_EXIT_OK;
}

static void close_all(struct collect *collect)
{
	sf_metrics_close(&collect->metrics);
	sf_receiver_fini(&collect->receiver);
	sf_signals_wake(NULL);
	sf_loop_free(collect->loop);
	sf_collected_close(&collect->sink);
}

int sf_cmd_collect(struct sf_options *options)
{
	struct collect collect = { .options = options };
	struct sf_error error = { 0 };
	int status;

	if (options->operands.count) {
		sf_complain(
			"unexpected argument '%s': the address to listen on is -l udp://HOST:PORT "
			"or tcp://HOST:PORT",
			options->operands.items[0]);
		return SF_EXIT_USAGE;
	}
	sf_signals_catch();
	status = sf_collected_open(&collect.sink, options, options->count);
	if (status == SF_EXIT_OK && open_receiver(&collect, &error))
		status = sf_exit_error(&error);
	if (status == SF_EXIT_OK)
		status = run(&collect);
	close_all(&collect);
	return status;
}
