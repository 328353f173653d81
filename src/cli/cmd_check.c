/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spanflow check: watches a source for some seconds and tells whether it is a healthy mirror port.
 * One thread asks all queues in turn; the drawing of conclusions is meter/mirror.c.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/ethtool.h"
#include "base/netdev.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/report.h"
#include "cli/signals.h"
#include "meter/mirror.h"

static const char *const stripping[] = { "rx-vlan-hw-parse", NULL };

/* What the system knows of one interface; a device that is none of the kernel's adds nothing. */
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

static void learn_host(struct sf_mirror_host *host, struct sf_capture *capture)
{
	const struct sf_interface *interface;

	*host = (struct sf_mirror_host){ .queues = capture->queues };
	for (unsigned slot = 0; (interface = capture->ops->interface(capture, slot)); slot++)
		learn_device(host, interface->name);
}

/* Until the time is over or a signal comes. Returns the seconds watched, < 0 on failure. */
static double watch(struct sf_mirror *mirror, struct sf_capture *capture, int64_t duration_ns)
{
	int64_t start = sf_clock_read(CLOCK_MONOTONIC), now = start;

	while (now - start < duration_ns && !sf_signal_stop) {
		for (unsigned queue = 0; queue < capture->queues; queue++) {
			struct sf_packet packets[SF_BATCH_MAX];
			int n = sf_capture_recv(capture, queue, packets, SF_BATCH_MAX);

			if (n < 0)
				return -1;
			sf_mirror_watch(
				mirror, queue, packets, (unsigned)n, sf_clock_read(CLOCK_REALTIME));
			sf_capture_release(capture, queue);
		}
		now = sf_clock_read(CLOCK_MONOTONIC);
		sf_signals_answer();
	}
	return (double)(now - start) / 1e9;
}

static void print_text(const struct sf_finding *findings, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		printf("%-8s %-13s %s\n", sf_verdict_name(findings[i].verdict), findings[i].name,
			findings[i].text);
		if (findings[i].advice[0])
			printf("%22s  -> %s\n", "", findings[i].advice);
	}
}

static void print_json(const char *source, double seconds, const struct sf_mirror *mirror,
	const struct sf_finding *findings, unsigned count)
{
	fputs("{\"source\":", stdout);
	sf_report_json_string(stdout, source);
	printf(",\"seconds\":%.3f,\"frames\":%" PRIu64 ",\"ip\":%" PRIu64 ",\"findings\":[",
		seconds, mirror->frames, mirror->ip);
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
static int check(const struct sf_options *options, struct sf_input *input)
{
	struct sf_finding findings[SF_FINDINGS_MAX];
	struct sf_mirror *mirror = malloc(sizeof(*mirror));
	struct sf_capture_stats stats = { 0 };
	struct sf_mirror_host host;
	int status = SF_EXIT_OK;
	unsigned count;
	double seconds;

	learn_host(&host, input->capture);
	if (!mirror || sf_mirror_init(mirror, &host) < 0) {
		free(mirror);
		sf_complain("out of memory");
		return SF_EXIT_FAILED;
	}
	seconds = watch(mirror, input->capture, options->duration_ns);
	if (seconds < 0) {
		sf_complain("%s", input->capture->error.text);
		status = SF_EXIT_FAILED;
	} else {
		input->capture->ops->stats(input->capture, &stats);
		count = sf_mirror_findings(mirror, &stats, seconds, findings);
		if (options->output == SF_OUTPUT_JSON)
			print_json(input->name, seconds, mirror, findings, count);
		else
			print_text(findings, count);
		for (unsigned i = 0; i < count; i++)
			if (findings[i].verdict == SF_VERDICT_PROBLEM)
				status = SF_EXIT_FAILED;
		if (sf_exit_printed() != SF_EXIT_OK)
			status = SF_EXIT_FAILED;
	}
	sf_mirror_fini(mirror);
	free(mirror);
	return status;
}

int sf_cmd_check(struct sf_options *options)
{
	struct sf_interfaces *interfaces;
	struct sf_input input = { .span = 1 };
	struct sf_error error;
	int status;

	if (options->interfaces.count != 1 || options->operands.count) {
		sf_complain("check looks at one source: -i SOURCE");
		return SF_EXIT_USAGE;
	}
	interfaces = calloc(1, sizeof(*interfaces));
	if (!interfaces) {
		sf_complain("out of memory");
		return SF_EXIT_FAILED;
	}
	input.interfaces = interfaces;
	/* as it is, not as metering would make it */
	options->keep_offloads = true;
	sf_signals_catch();
	status = sf_input_open_live(
		&input, options->interfaces.items[0], options, NULL, NULL, &error);
	status = status < 0 ? sf_exit_error(&error) : check(options, &input);
	sf_input_close(&input);
	free(interfaces);
	return status;
}
