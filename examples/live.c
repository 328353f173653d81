/* SPDX-License-Identifier: BSD-2-Clause */
/* Meters an interface and prints each flow when it ends:  live INTERFACE  (Ctrl-C ends it) */
#include <arpa/inet.h>
#include <signal.h>
#include <spanflow/spanflow.h>
#include <stdio.h>
#include <time.h>

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	stopped = signal;
}

static unsigned print(void *context, const struct sf_flow *flows, unsigned count)
{
	for (const struct sf_flow *flow = flows; flow < flows + count; flow++) {
		int family = flow->ip_version == 4 ? AF_INET : AF_INET6;
		char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
		inet_ntop(family, flow->addr[0], from, sizeof(from));
		inet_ntop(family, flow->addr[1], to, sizeof(to));
		fprintf(context, "%s %u > %s %u: %llu packets\n", from, flow->port[0], to,
			flow->port[1], (unsigned long long)sf_flow_packets(flow));
	}
	return count;
}

int main(int argc, char **argv)
{
	struct sf_capture_options from = { .names = (const char **)&argv[1], .name_count = 1 };
	struct sf_meter_options options = { .max_flows = 100000, .sink = { print, stdout } };
	const struct sf_observation_point point = { 0 };
	struct sf_packet batch[SF_BATCH_MAX];
	struct sf_capture *capture = NULL;
	struct sf_meter *meter = NULL;
	struct sf_error error = { SF_EUSAGE, "usage: live INTERFACE" };
	struct timespec now;
	int n = 0;

	from.queues = 1;
	options.active_timeout_ns = options.idle_timeout_ns = 10 * SF_NS_PER_S;
	if (argc != 2 || sf_capture_open(&capture, "pcap", &from, &error) < 0 ||
		sf_meter_new(&meter, &options, &error) < 0)
		return fprintf(stderr, "%s\n", error.text) != 0;
	signal(SIGINT, stop);
	while (!stopped && (n = sf_capture_recv(capture, 0, batch, SF_BATCH_MAX)) >= 0) {
		sf_meter_batch(meter, batch, (unsigned)n, NULL, &point);
		sf_capture_release(capture, 0);
		timespec_get(&now, TIME_UTC);
		sf_meter_age(meter, now.tv_sec * SF_NS_PER_S + now.tv_nsec);
		fflush(stdout);
	}
	if (n < 0)
		fprintf(stderr, "%s\n", capture->error.text);
	sf_meter_finish(meter, INT64_MAX);
	sf_meter_free(meter);
	sf_capture_close(capture);
	return n < 0;
}
