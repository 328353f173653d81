/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A live engine with a callback for records: prints each flow when it ends.  live SOURCE  (Ctrl-C
 * ends it)
 */
#include <arpa/inet.h>
#include <signal.h>
#include <spanflow/spanflow.h>
#include <stdio.h>

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

static void notice(void *context, enum sf_notice kind, const char *text)
{
	fprintf(context, kind == SF_NOTICE_FAILED ? "failed: %s\n" : "%s\n", text);
}

int main(int argc, char **argv)
{
	struct sf_plan_source source = { .no_wait = true }; /* a missing interface is an error */
	struct sf_plan_destination callback = { .kind = SF_TO_CALLBACK, .sink = { print, stdout } };
	struct sf_plan plan = { .sources = &source, .destinations = &callback };
	struct sf_engine_options options = { .events = { notice, NULL, NULL, stderr } };
	struct sf_engine *engine = NULL;
	struct sf_error error = { SF_EUSAGE, "usage: live SOURCE" };
	struct sf_engine_counters counters;

	plan.source_count = plan.destination_count = 1;
	if (argc != 2 || sf_plan_source_parse(&source, argv[1], &error) < 0 ||
		sf_engine_new(&engine, &plan, &options, &error) < 0 ||
		sf_engine_start(engine, &error) < 0)
		return fprintf(stderr, "%s\n", error.text) != 0;
	signal(SIGINT, stop);
	while (sf_engine_step(engine)) {
		fflush(stdout);
		if (stopped)
			sf_engine_stop(engine, "signal");
		sf_engine_wait(engine);
	}
	sf_engine_counters(engine, &counters);
	fprintf(stderr, "%llu packets\n", (unsigned long long)counters.ledger.packets);
	sf_engine_free(engine);
	sf_plan_source_free(&source);
	return 0;
}
