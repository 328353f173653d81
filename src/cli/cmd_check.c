/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spanflow check: watches a source for some seconds, or reads capture files, and tells whether it
 * is a healthy mirror port. One thread asks all queues in turn; the conclusions are drawn in
 * check/findings.c.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ethtool.h"
#include "base/netdev.h"
#include "check/mirror.h"
#include "cli/command.h"
#include "cli/report.h"
#include "cli/signals.h"
#include "engine/input.h"

#define DEFAULT_NS (10 * SF_NS_PER_S)

static const char *const stripping[] = { "rx-vlan-hw-parse", NULL };

/* Adds the properties of an interface of the kernel; other devices add nothing. */
static void learn_device(struct sf_mirror_host *host, const char *name)
{
	struct sf_netdev netdev;

	if (sf_netdev_open(&netdev, name, NULL) < 0)
		return;
	if (host->mac_count < sizeof(host->mac) / sizeof(host->mac[0]))
		memcpy(host->mac[host->mac_count++], netdev.mac, sizeof(netdev.mac));
	if (!host->mtu || netdev.mtu < host->mtu)
		host->mtu = netdev.mtu;
	host->merging |= sf_ethtool_features_any(&netdev, sf_ethtool_merging);
	host->tags_stripped |= sf_ethtool_features_any(&netdev, stripping);
	sf_netdev_close(&netdev);
}

static void learn_host(struct sf_mirror_host *host, const struct sf_input *input, const char *name)
{
	struct sf_capture *capture = input->capture;
	const struct sf_interface *interface;

	*host = (struct sf_mirror_host){
		.name = name, .file = !capture->live, .queues = capture->queues
	};
	for (unsigned slot = 0;
		capture->live && (interface = capture->ops->interface(capture, slot)); slot++)
		learn_device(host, interface->name);
}

/* One line on standard error: at the start, and on a terminal each second in its place. */
struct watching {
	const struct sf_mirror *mirror;
	int64_t start, next, duration_ns; /* monotonic ns */
	bool quiet, terminal;
};

static void tell_begin(struct watching *watching)
{
	watching->terminal = !watching->quiet && isatty(STDERR_FILENO);
	if (watching->quiet)
		return;
	if (watching->mirror->host.file)
		fprintf(stderr, "reading %s\n", watching->mirror->host.name);
	else
		fprintf(stderr, "watching %s for %.0f s; Ctrl-C ends it earlier\n",
			watching->mirror->host.name, (double)watching->duration_ns / 1e9);
}

static void tell_progress(struct watching *watching, int64_t now)
{
	if (!watching->terminal || now < watching->next)
		return;
	watching->next = now + SF_NS_PER_S;
	fprintf(stderr, "\r%.0f s, %" PRIu64 " frames ", (double)(now - watching->start) / 1e9,
		watching->mirror->frames);
}

static void tell_end(const struct watching *watching)
{
	if (watching->terminal)
		fputs("\r\033[K", stderr);
}

/* Asks every queue once. Returns the number of packets, or a negative code. */
static int look(struct sf_mirror *mirror, struct sf_capture *capture)
{
	struct sf_packet packets[SF_BATCH_MAX];
	int sum = 0;

	for (unsigned queue = 0; queue < capture->queues; queue++) {
		int n = sf_capture_recv(capture, queue, packets, SF_BATCH_MAX);

		if (n < 0)
			return n;
		sf_mirror_watch(mirror, queue, packets, (unsigned)n, sf_clock_read(CLOCK_REALTIME));
		sf_capture_release(capture, queue);
		sum += n;
	}
	return sum;
}

/*
 * Until the time is over, the files end or a signal comes. Returns the seconds watched, of files
 * those between the first packet and the last; < 0 on failure.
 */
static double watch(
	struct sf_mirror *mirror, struct sf_capture *capture, const struct sf_options *options)
{
	int64_t now = sf_clock_read(CLOCK_MONOTONIC);
	struct watching watching = { mirror, now, now + SF_NS_PER_S,
		options->duration_ns ? options->duration_ns : DEFAULT_NS, options->quiet, false };
	int n = 0;

	tell_begin(&watching);
	while (!sf_signal_stop && (!capture->live || now - watching.start < watching.duration_ns)) {
		n = look(mirror, capture);
		if (n < 0)
			break;
		now = sf_clock_read(CLOCK_MONOTONIC);
		tell_progress(&watching, now);
		sf_signals_answer();
	}
	tell_end(&watching);
	if (n < 0 && n != SF_EOF)
		return -1;
	if (capture->live)
		return (double)(now - watching.start) / 1e9;
	return mirror->frames ? (double)(mirror->last_ns - mirror->first_ns) / 1e9 : 0;
}

static void print_text(
	const struct sf_mirror_host *host, const struct sf_finding *findings, unsigned count)
{
	unsigned counts[SF_VERDICT_PROBLEM + 1] = { 0 };

	for (unsigned i = 0; i < count; i++) {
		counts[findings[i].verdict]++;
		printf("%-8s %-13s %s\n", sf_verdict_name(findings[i].verdict), findings[i].name,
			findings[i].text);
		if (findings[i].advice[0])
			printf("%22s  -> %s\n", "", findings[i].advice);
	}
	if (counts[SF_VERDICT_PROBLEM])
		printf("result   %u problem%s: repair %s before metering\n",
			counts[SF_VERDICT_PROBLEM], counts[SF_VERDICT_PROBLEM] == 1 ? "" : "s",
			counts[SF_VERDICT_PROBLEM] == 1 ? "it" : "them");
	else if (counts[SF_VERDICT_WARNING])
		printf("result   usable, with %u warning%s; to meter: spanflow meter %s %s\n",
			counts[SF_VERDICT_WARNING], counts[SF_VERDICT_WARNING] == 1 ? "" : "s",
			host->file ? "-r" : "-i", host->name);
	else
		printf("result   healthy; to meter: spanflow meter %s %s\n",
			host->file ? "-r" : "-i", host->name);
}

static void print_json(double seconds, const struct sf_mirror *mirror,
	const struct sf_finding *findings, unsigned count)
{
	fputs("{\"source\":", stdout);
	sf_report_json_string(stdout, mirror->host.name);
	printf(",\"verdict\":\"%s\",\"seconds\":%.3f,\"frames\":%" PRIu64 ",\"ip\":%" PRIu64
	       ",\"findings\":[",
		sf_verdict_name(sf_mirror_verdict(findings, count)), seconds, mirror->frames,
		mirror->ip);
	for (unsigned i = 0; i < count; i++) {
		printf("%s{\"name\":\"%s\",\"verdict\":\"%s\",\"text\":", i ? "," : "",
			findings[i].name, sf_verdict_name(findings[i].verdict));
		sf_report_json_string(stdout, findings[i].text);
		fputs(",\"advice\":", stdout);
		sf_report_json_string(stdout, findings[i].advice);
		putchar('}');
	}
	puts("]}");
}

/* Watches and prints. Returns the exit status. */
static int check(const struct sf_options *options, struct sf_input *input, struct sf_mirror *mirror)
{
	struct sf_finding findings[SF_FINDINGS_MAX];
	struct sf_capture_stats stats = { 0 };
	double seconds = watch(mirror, input->capture, options);
	unsigned count;

	if (seconds < 0) {
		sf_complain("%s", input->capture->error.text);
		return SF_EXIT_BLIND;
	}
	input->capture->ops->stats(input->capture, &stats);
	count = sf_mirror_findings(mirror, &stats, seconds, findings);
	if (options->output == SF_OUTPUT_JSON)
		print_json(seconds, mirror, findings, count);
	else
		print_text(&mirror->host, findings, count);
	if (sf_exit_printed() != SF_EXIT_OK)
		return SF_EXIT_BLIND;
	return sf_mirror_verdict(findings, count) == SF_VERDICT_PROBLEM ? SF_EXIT_FAILED
									: SF_EXIT_OK;
}

/* "eth1" of "xdp:eth1"; several files are named by the first one. */
static const char *name_of(const struct sf_options *options)
{
	const char *name, *colon;

	if (options->files.count)
		return options->files.items[0];
	name = options->interfaces.items[0];
	colon = strncmp(name, "dpdk:", 5) ? strchr(name, ':') : NULL;
	return colon ? colon + 1 : name;
}

static int open_source(
	struct sf_input *input, const struct sf_options *options, struct sf_error *error)
{
	int err;

	if (options->files.count)
		return sf_input_open_files(input, options, error);
	err = sf_input_refuse_twice(options, error);
	return err ? err
		   : sf_input_open_live(
			     input, options->interfaces.items[0], options, NULL, NULL, error);
}

int sf_cmd_check(struct sf_options *options)
{
	struct sf_input input = { .span = 1 };
	struct sf_mirror *mirror = malloc(sizeof(*mirror));
	struct sf_mirror_host host;
	struct sf_error error = { -ENOMEM, "out of memory" };
	int status = mirror ? 0 : -ENOMEM;

	if ((options->interfaces.count == 1) == (options->files.count > 0) ||
		options->operands.count) {
		free(mirror);
		sf_complain("check looks at one source (-i SOURCE) or at capture files (-r FILE)");
		return SF_EXIT_USAGE;
	}
	input.interfaces = calloc(1, sizeof(*input.interfaces));
	/* the interface's settings stay as they are: check reports them */
	options->keep_offloads = true;
	options->keep_link = true;
	options->no_wait = true;
	sf_signals_catch();
	if (!status && input.interfaces)
		status = open_source(&input, options, &error);
	if (!status) {
		learn_host(&host, &input, name_of(options));
		status = sf_mirror_init(mirror, &host);
	}
	if (status < 0) {
		sf_complain("%s", error.text);
		status = SF_EXIT_BLIND;
	} else {
		status = check(options, &input, mirror);
		sf_mirror_fini(mirror);
	}
	sf_input_close(&input);
	free(input.interfaces);
	free(mirror);
	return status;
}
