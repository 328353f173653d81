/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spanflow check: is a source a healthy mirror port? check/observe.h examines the packets,
 * check/findings.c draws the conclusions, and check/print.c prints them.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/socket_name.h"
#include "check/mirror.h"
#include "check/observe.h"
#include "cli/command.h"
#include "cli/plan.h"
#include "guard/privileges.h"
#include "service/signals.h"

#define DEFAULT_NS (10 * SF_NS_PER_S)

/* A line on standard error: at the start, and on a terminal each second in its place. */
struct watching {
	struct sf_observation observation;
	struct sf_timer progress;
	bool quiet;    /* no line at all */
	bool terminal; /* a line each second */
};

static void tell_begin(struct watching *watching, int64_t duration_ns)
{
	const struct sf_mirror_host *host = &watching->observation.mirror->host;

	watching->terminal = !watching->quiet && isatty(STDERR_FILENO);
	if (watching->quiet)
		return;
	if (host->file)
		fprintf(stderr, "reading %s\n", host->name);
	else
		fprintf(stderr, "watching %s for %.0f s; Ctrl-C ends it earlier\n", host->name,
			(double)duration_ns / 1e9);
}

static void tell_progress(struct sf_timer *timer)
{
	const struct sf_observation *observation = timer->context;
	int64_t now = sf_loop_now(timer->loop);

	fprintf(stderr, "\r%.0f s, %" PRIu64 " frames ",
		(double)(now - observation->start_ns) / 1e9, observation->mirror->frames);
	sf_timer_set(timer, now + SF_NS_PER_S);
}

static void on_signal(void *context)
{
	sf_answer_hangup();
	if (sf_signal_stop)
		sf_observation_stop(context);
}

/* Loop, signals and the timer of the progress line. */
static int open_loop(struct watching *watching)
{
	struct sf_observation *observation = &watching->observation;
	const struct sf_inbox inbox = { .take = on_signal, .context = observation };
	int err = sf_loop_new(&observation->loop);

	if (!err)
		err = sf_loop_add_timer(
			observation->loop, &watching->progress, tell_progress, observation);
	if (err)
		return err;
	sf_loop_set_inbox(observation->loop, &inbox);
	sf_signals_wake(sf_loop_wakeup(observation->loop));
	on_signal(observation); /* one may have come before there was a loop */
	return 0;
}

/* Seconds that the source was watched, or -1 after a failure, which was printed. */
static double watch(
	struct sf_mirror *mirror, struct sf_capture *capture, const struct sf_options *options)
{
	struct watching watching = {
		.observation = { .mirror = mirror, .capture = capture },
		.quiet = options->quiet,
	};
	int64_t duration_ns = options->duration_ns ? options->duration_ns : DEFAULT_NS;
	int err = open_loop(&watching);

	tell_begin(&watching, duration_ns);
	if (!err && watching.terminal)
		sf_timer_set(
			&watching.progress, sf_loop_now(watching.observation.loop) + SF_NS_PER_S);
	if (!err)
		err = sf_observe(&watching.observation, duration_ns);
	if (watching.terminal)
		fputs("\r\033[K", stderr);
	sf_signals_wake(NULL);
	sf_loop_free(watching.observation.loop);
	if (!err)
		return watching.observation.seconds;
	sf_complain("%s", capture->error.code ? capture->error.text : sf_strerror(err));
	return -1;
}

/* Watches and prints. Returns the exit status. */
static int check(
	const struct sf_options *options, struct sf_capture *capture, struct sf_mirror *mirror)
{
	struct sf_finding findings[SF_FINDINGS_MAX];
	struct sf_capture_stats stats = { 0 };
	double seconds = watch(mirror, capture, options);
	unsigned count;

	if (seconds < 0)
		return SF_EXIT_BLIND;
	sf_capture_stats(capture, &stats);
	count = sf_mirror_findings(mirror, &stats, seconds, findings);
	if (options->output == SF_OUTPUT_JSON)
		sf_findings_json(mirror, seconds, findings, count, stdout);
	else
		sf_findings_text(mirror, findings, count, stdout);
	if (sf_exit_printed() != SF_EXIT_OK)
		return SF_EXIT_BLIND;
	return sf_mirror_verdict(findings, count) == SF_VERDICT_PROBLEM ? SF_EXIT_FAILED
									: SF_EXIT_OK;
}

/* "eth1" of "xdp:eth1", all of "udp://0.0.0.0:4789"; several files are named by the first one. */
static const char *name_of(const struct sf_options *options)
{
	const char *name, *colon;

	if (options->files.count)
		return options->files.items[0];
	name = options->interfaces.items[0];
	colon = strncmp(name, "dpdk:", 5) ? strchr(name, ':') : NULL;
	return colon && colon[1] != '/' ? colon + 1 : name;
}

static int open_source(struct sf_capture **capture, const struct sf_plan *plan,
	struct sf_tunnel_options *tunnels, struct sf_error *error)
{
	int err = sf_permits_refuse_twice(plan, error);

	if (!err)
		err = sf_plan_source_tunnels(tunnels, &plan->sources[0], &plan->tunnels, error);
	return err ? err : sf_plan_source_open(capture, &plan->sources[0], plan->workers, error);
}

int sf_cmd_check(struct sf_options *options)
{
	struct sf_capture *capture = NULL;
	struct sf_made_plan made = { 0 };
	struct sf_mirror *mirror = malloc(sizeof(*mirror));
	struct sf_tunnel_options tunnels;
	struct sf_mirror_host host;
	struct sf_error error = { -ENOMEM, "out of memory" };
	int status = mirror ? 0 : -ENOMEM;

	if ((options->interfaces.count == 1) == (options->files.count > 0) ||
		options->operands.count) {
		free(mirror);
		sf_complain(
			"nothing to check: give one source, -i SOURCE, or capture files, -r FILE");
		return SF_EXIT_USAGE;
	}
	/* the interface's settings stay as they are: check reports them */
	options->keep_offloads = true;
	options->keep_link = true;
	options->no_wait = true;
	sf_signals_catch();
	if (!status)
		status = sf_made_plan_init(&made, options, NULL, &error);
	if (!status)
		status = open_source(&capture, &made.plan, &tunnels, &error);
	if (!status) {
		sf_mirror_host_learn(&host, capture, name_of(options));
		if (sf_socket_driver(made.plan.sources[0].driver))
			host.socket = &tunnels;
		status = sf_mirror_init(mirror, &host);
	}
	if (status < 0) {
		sf_complain("%s", error.text);
		status = SF_EXIT_BLIND;
	} else {
		status = check(options, capture, mirror);
		sf_mirror_fini(mirror);
	}
	sf_capture_close(capture);
	sf_made_plan_fini(&made);
	free(mirror);
	return status;
}
