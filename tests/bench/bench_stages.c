/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way of a packet, cut off after each stage: read; + parse; + meter (clock, parse, table,
 * records to a sink that counts them); + encode (IPFIX messages to /dev/null); + send (to a UDP
 * collector). The difference between two rows is the price of a stage. "age" is the row "meter"
 * with the time spent in sf_meter_age() measured apart. One process, one thread, CPU time; also
 * the program that callgrind counts instructions of. With facts= the meter
 * gathers these (base/facts.def). Prints one JSON object per stage and run.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <spanflow/capture.h>
#include <spanflow/export.h>
#include <spanflow/meter.h>

#include "base/clock.h"
#include "parse/parse.h"

struct totals {
	uint64_t packets, octets, records, record_packets;
	double age; /* seconds in sf_meter_age() */
};

struct setup {
	const char *path, *collector;
	uint32_t flows; /* cap of the table */
	int64_t idle_ns, active_ns;
	uint64_t facts; /* gathered on request */
};

static struct sf_capture *open_file(const char *path)
{
	const struct sf_capture_ops *ops = sf_capture_driver("file");
	struct sf_capture *capture;
	struct sf_error error;

	if (!ops ||
		ops->open(&capture, &(struct sf_capture_options){ .names = &path, .name_count = 1 },
			&error) < 0)
		return NULL;
	return capture;
}

static bool run_read(const struct setup *setup, struct totals *totals)
{
	struct sf_capture *capture = open_file(setup->path);
	struct sf_packet packets[SF_BATCH_MAX];
	int n;

	if (!capture)
		return false;
	while ((n = sf_capture_recv(capture, 0, packets, SF_BATCH_MAX)) >= 0) {
		totals->packets += (unsigned)n;
		sf_capture_release(capture, 0);
	}
	capture->ops->close(capture);
	return n == SF_EOF;
}

static bool run_parse(const struct setup *setup, struct totals *totals)
{
	struct sf_capture *capture = open_file(setup->path);
	struct sf_packet packets[SF_BATCH_MAX];
	struct sf_facts facts;
	int n;

	if (!capture)
		return false;
	while ((n = sf_capture_recv(capture, 0, packets, SF_BATCH_MAX)) >= 0) {
		for (int i = 0; i < n; i++)
			if (sf_parse(&packets[i], &facts) == SF_PARSED)
				totals->octets += facts.octets;
		totals->packets += (unsigned)n;
		sf_capture_release(capture, 0);
	}
	capture->ops->close(capture);
	return n == SF_EOF;
}

static unsigned count_flows(void *context, const struct sf_flow *flows, unsigned count)
{
	struct totals *totals = context;

	totals->records += count;
	for (unsigned i = 0; i < count; i++)
		totals->record_packets += sf_flow_packets(&flows[i]);
	return count;
}

/* Meters the file into `sink`; with `exporter`, lets it tick as the program does. */
static bool run_meter_into(const struct setup *setup, struct totals *totals,
	struct sf_flow_sink sink, struct sf_exporter *exporter, bool time_age)
{
	static const uint32_t ifindex[1] = { 1 };
	struct sf_meter_options options = { .active_timeout_ns = setup->active_ns,
		.idle_timeout_ns = setup->idle_ns,
		.max_flows = setup->flows,
		.facts = setup->facts,
		.hash_seed = (const uint64_t[]){ 1, 2 },
		.sink = sink,
		.ifindex = ifindex };
	struct sf_observation_point point = { 0 };
	struct sf_capture *capture = open_file(setup->path);
	struct sf_packet packets[SF_BATCH_MAX];
	int64_t times[SF_BATCH_MAX], age_ns = 0;
	struct sf_meter *meter;
	struct sf_ledger ledger;
	struct sf_clock clock;
	int n;

	if (!capture || sf_meter_new(&meter, &options, NULL) < 0)
		return false;
	sf_clock_init(&clock, setup->idle_ns);
	while ((n = sf_capture_recv(capture, 0, packets, SF_BATCH_MAX)) >= 0) {
		int64_t start;

		bool own = sf_clock_follow(&clock, packets, (unsigned)n, times);

		sf_meter_batch(meter, packets, (unsigned)n, own ? NULL : times, &point);
		sf_capture_release(capture, 0);
		start = time_age ? sf_clock_read(CLOCK_MONOTONIC) : 0;
		while (sf_meter_age(meter, clock.now))
			;
		if (time_age)
			age_ns += sf_clock_read(CLOCK_MONOTONIC) - start;
		if (exporter)
			sf_exporter_tick(exporter, clock.now, clock.now);
	}
	sf_meter_finish(meter, sf_clock_finish(&clock));
	if (exporter)
		sf_exporter_finish(exporter);
	sf_meter_ledger(meter, &ledger);
	totals->packets = ledger.packets;
	totals->octets = ledger.octets;
	totals->records = ledger.records;
	totals->record_packets = ledger.record_packets;
	totals->age = (double)age_ns * 1e-9;
	sf_meter_free(meter);
	capture->ops->close(capture);
	return n == SF_EOF && sf_ledger_balanced(&ledger);
}

static bool run_meter(const struct setup *setup, struct totals *totals)
{
	return run_meter_into(
		setup, totals, (struct sf_flow_sink){ count_flows, totals }, NULL, false);
}

static bool run_age(const struct setup *setup, struct totals *totals)
{
	return run_meter_into(
		setup, totals, (struct sf_flow_sink){ count_flows, totals }, NULL, true);
}

static bool run_export(const struct setup *setup, struct totals *totals, const char *collector)
{
	struct sf_exporter *exporter;
	bool good;

	if (sf_exporter_new(
		    &exporter, &(struct sf_exporter_options){ .packet_clock = true }, NULL) < 0)
		return false;
	good = (collector ? sf_exporter_add_collector(exporter, collector, NULL)
			  : sf_exporter_add_file(exporter, "/dev/null,profile=default", NULL)) ==
		       0 &&
	       run_meter_into(setup, totals, (struct sf_flow_sink){ sf_exporter_put, exporter },
		       exporter, false);
	sf_exporter_free(exporter);
	return good;
}

static bool run_encode(const struct setup *setup, struct totals *totals)
{
	return run_export(setup, totals, NULL);
}

static bool run_send(const struct setup *setup, struct totals *totals)
{
	return run_export(setup, totals, setup->collector);
}

static const struct stage {
	const char *name;
	bool (*run)(const struct setup *setup, struct totals *totals);
} stages[] = {
	{ "read", run_read },
	{ "parse", run_parse },
	{ "meter", run_meter },
	{ "encode", run_encode },
	{ "send", run_send },
	{ "age", run_age },
};

/* "mpls+src_mac" as a set of facts; 0: there is no such fact. */
static uint64_t facts_of(char *names)
{
	uint64_t facts = 0;

	for (char *name = strtok(names, "+"); name; name = strtok(NULL, "+")) {
		if (!sf_fact_find(name))
			return 0;
		facts |= sf_fact_find(name);
	}
	return facts;
}

static bool measure(const struct setup *setup, const struct stage *stage)
{
	struct totals totals = { 0 };
	int64_t start = sf_clock_read(CLOCK_PROCESS_CPUTIME_ID), spent;

	if (!stage->run(setup, &totals)) {
		fprintf(stderr, "bench_stages: stage %s failed on %s\n", stage->name, setup->path);
		return false;
	}
	spent = sf_clock_read(CLOCK_PROCESS_CPUTIME_ID) - start;
	printf("{\"stage\":\"%s\",\"packets\":%llu,\"octets\":%llu,\"records\":%llu,"
	       "\"recordPackets\":%llu,\"cpu\":%.6f,\"age\":%.6f}\n",
		stage->name, (unsigned long long)totals.packets, (unsigned long long)totals.octets,
		(unsigned long long)totals.records, (unsigned long long)totals.record_packets,
		(double)spent * 1e-9, totals.age);
	return true;
}

int main(int argc, char **argv)
{
	struct setup setup = { .path = argv[1],
		.flows = 1u << 20,
		.idle_ns = 15 * SF_NS_PER_S,
		.active_ns = 60 * SF_NS_PER_S };
	const char *only = NULL;
	int runs = 1;

	for (int i = 2; i < argc; i++) {
		if (strncmp(argv[i], "flows=", 6) == 0)
			setup.flows = (uint32_t)strtoul(argv[i] + 6, NULL, 10);
		else if (strncmp(argv[i], "idle=", 5) == 0)
			setup.idle_ns = strtoll(argv[i] + 5, NULL, 10) * SF_NS_PER_S;
		else if (strncmp(argv[i], "active=", 7) == 0)
			setup.active_ns = strtoll(argv[i] + 7, NULL, 10) * SF_NS_PER_S;
		else if (strncmp(argv[i], "collector=", 10) == 0)
			setup.collector = argv[i] + 10;
		else if (strncmp(argv[i], "runs=", 5) == 0)
			runs = atoi(argv[i] + 5);
		else if (strncmp(argv[i], "stage=", 6) == 0)
			only = argv[i] + 6;
		else if (strncmp(argv[i], "facts=", 6) != 0 ||
			 !(setup.facts = facts_of(argv[i] + 6)))
			argc = 0;
	}
	if (argc < 2) {
		fprintf(stderr, "usage: bench_stages FILE [flows=N] [idle=S] [active=S] [runs=N] "
				"[collector=URL] [stage=read|parse|meter|encode|send|age] "
				"[facts=NAME+…]\n");
		return 2;
	}
	for (int run = 0; run < runs; run++)
		for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
			if (only ? strcmp(only, stages[i].name) != 0
				 : stages[i].run == run_send && !setup.collector)
				continue;
			if (!measure(&setup, &stages[i]))
				return 1;
		}
	return 0;
}
