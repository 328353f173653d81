/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a flow record costs the exporter: encoding into a message, the same with the session's
 * counters (an IPFIX file on /dev/null), sending over loopback to a socket that nobody reads (what
 * does not fit its buffer is dropped by the kernel after the full way through the stack), and text.
 * The counters must balance before a figure is printed.
 *
 * Figures are CPU time of the process.
 *
 *	bench_export [records, default 2000000 [URL…]]
 *
 * Collectors by URL, for connections, which are measured alone, beside UDP: spanflow collect -l
 * tcp://127.0.0.1:4739 -o none in another process, and bench_export 4000000
 * tcp://127.0.0.1:4739,profile=default. What the kernel alone takes for them: bench_send.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <spanflow/export.h>

#include "base/clock.h"
#include "encode/flowmessage.h"
#include "encode/template.h"

#define FLOWS  4096
#define RUN    32                                            /* flows that are encoded together */
#define CHOSEN "default+minimumTTL+maximumTTL+flowId-vlanId" /* a list of fields */

static struct sf_flow flows[FLOWS];

static void make_flows(void)
{
	for (unsigned i = 0; i < FLOWS; i++) {
		struct sf_flow *flow = &flows[i];
		struct sf_flow_half *half = &flow->half[0];

		flow->ip_version = 4;
		flow->directions = SF_FORWARD;
		flow->protocol = i % 2 ? 17 : 6;
		flow->end_reason = SF_END_IDLE;
		flow->id = i * UINT64_C(0x1234567) + 1;
		memcpy(flow->addr[0], &(uint32_t){ htonl(0x0a000000 + i * 77) }, 4);
		memcpy(flow->addr[1], &(uint32_t){ htonl(0xc0000200 + i % 256) }, 4);
		flow->port[0] = (uint16_t)(1024 + i);
		flow->port[1] = 443;
		half->packets = 1 + i % 20;
		half->octets = half->packets * (40 + i % 1400);
		half->start_ns = INT64_C(1767225600000000000) + i * INT64_C(1000000);
		half->end_ns = half->start_ns + i * INT64_C(3000000);
		half->ingress = 2;
		half->ttl_min = half->ttl_max = 64;
		half->tcp_flags = i % 2 ? 0 : 0x1b;
	}
}

/* `run`: so many flows are encoded together. */
static void bench_encode(const char *name, const char *list, uint64_t session, uint64_t when,
	unsigned run, uint64_t records)
{
	static uint8_t buffer[SF_RECORD_MAX * RUN];
	static const struct sf_encode_context context;
	struct sf_template template;
	struct sf_fields fields;
	int64_t start;

	if (sf_fields_choose(&fields, list, NULL, session, NULL, name, NULL) < 0)
		exit(1);
	sf_template_init(&template, &fields, session, SF_WHEN_IPV4 | SF_WHEN_NOT_ICMP | when);
	start = sf_clock_read(CLOCK_PROCESS_CPUTIME_ID);
	for (uint64_t i = 0; i < records; i += run)
		sf_template_encode(&template, buffer, &flows[i % FLOWS], run, 1, &context);
	printf("%-34s %8.1f ns/record\n", name,
		(double)(sf_clock_read(CLOCK_PROCESS_CPUTIME_ID) - start) / (double)records);
}

static void bench_flowmessage(uint64_t records)
{
	static uint8_t buffer[SF_FLOWMESSAGE_MAX * RUN];
	struct sf_flowmessage message = { .received_ns = UINT64_C(1767225700000000000),
		.sampling_rate = 1,
		.sampler = { 192, 0, 2, 1 },
		.sampler_length = 4 };
	int64_t start = sf_clock_read(CLOCK_PROCESS_CPUTIME_ID);

	for (uint64_t i = 0; i < records; i++) {
		message.sequence = (uint32_t)i;
		sf_flowmessage_write(&message, buffer + i % RUN * SF_FLOWMESSAGE_MAX,
			&flows[i % FLOWS], 0, &sf_extra_none);
	}
	printf("%-34s %8.1f ns/record\n", "encode FlowMessage (Kafka)",
		(double)(sf_clock_read(CLOCK_PROCESS_CPUTIME_ID) - start) / (double)records);
}

enum kind { COLLECTOR, FILE_, TEXT };

/* CPU time that the kernel spent for this process, in seconds. */
static double kernel_time(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec * 1e-6;
}

static void bench_exporter(const char *name, enum kind kind, const char *target,
	enum sf_text_format format, uint64_t records)
{
	struct sf_exporter *exporter;
	struct sf_error error;
	struct sf_destination_stats stats;
	FILE *null = fopen("/dev/null", "w");
	double kernel = kernel_time();
	int64_t start;
	int code;

	if (!null || sf_exporter_new(&exporter, &(struct sf_exporter_options){ 0 }, &error) < 0)
		exit(1);
	code = kind == COLLECTOR ? sf_exporter_add_collector(exporter, target, &error)
	       : kind == FILE_
		       ? sf_exporter_add_file(exporter, target, &error)
		       : sf_exporter_add_text(exporter,
				 &(struct sf_text_options){ null, format, false, false }, &error);
	if (code < 0) {
		fprintf(stderr, "%s\n", error.text);
		exit(1);
	}
	start = sf_clock_read(CLOCK_PROCESS_CPUTIME_ID);
	for (uint64_t i = 0; i < records; i += 64)
		sf_exporter_put(exporter, &flows[i % FLOWS], 64);
	sf_exporter_finish(exporter);
	start = sf_clock_read(CLOCK_PROCESS_CPUTIME_ID) - start;
	kernel = kernel_time() - kernel;
	sf_exporter_stats(exporter, 0, &stats);
	if (!sf_destination_balanced(&stats) || stats.sent.records != (records + 63) / 64 * 64) {
		fprintf(stderr, "%s: counters do not balance: %s\n", name, stats.failure);
		exit(1);
	}
	printf("%-34.34s %8.1f ns/record, %.1f of it in the kernel; %.1f octets/record\n", name,
		(double)start / (double)stats.sent.records,
		kernel * 1e9 / (double)stats.sent.records,
		(double)stats.message_octets / (double)stats.sent.records);
	sf_exporter_free(exporter);
	fclose(null);
}

int main(int argc, char **argv)
{
	uint64_t records = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000000;
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int sink = socket(AF_INET, SOCK_DGRAM, 0);
	char url[64];

	if (sink < 0 || bind(sink, (struct sockaddr *)&address, size) < 0 ||
		getsockname(sink, (struct sockaddr *)&address, &size) < 0)
		return 1;
	make_flows();
	snprintf(url, sizeof(url), "ipfix://127.0.0.1:%u,rate=0,profile=default",
		ntohs(address.sin_port));
	if (argc > 2)
		bench_exporter("ipfix over loopback", COLLECTOR, url, 0, records);
	for (int i = 2; i < argc; i++)
		bench_exporter(argv[i], COLLECTOR, argv[i], 0, records);
	if (argc > 2)
		return 0;
	bench_encode(
		"encode IPFIX, built in", "default", SF_WHEN_IPFIX | SF_WHEN_MS, 0, RUN, records);
	bench_encode("encode IPFIX, built in, two-way", "default",
		SF_WHEN_IPFIX | SF_WHEN_MS | SF_WHEN_BIFLOW, SF_WHEN_TWO_WAY, RUN, records);
	bench_encode("encode NetFlow v9, built in", "default", SF_WHEN_NETFLOW9 | SF_WHEN_UPTIME, 0,
		RUN, records);
	bench_encode("encode IPFIX, plan (extended)", "extended", SF_WHEN_IPFIX | SF_WHEN_MS, 0,
		RUN, records);
	bench_encode(
		"encode IPFIX, chosen fields", CHOSEN, SF_WHEN_IPFIX | SF_WHEN_MS, 0, RUN, records);
	bench_encode("encode IPFIX, chosen, one by one", CHOSEN, SF_WHEN_IPFIX | SF_WHEN_MS, 0, 1,
		records);
	bench_flowmessage(records);
	bench_exporter(
		"IPFIX file, default profile", FILE_, "/dev/null,profile=default", 0, records);
	bench_exporter("IPFIX file, extended profile", FILE_, "/dev/null", 0, records);
	bench_exporter("IPFIX file, chosen fields", FILE_, "/dev/null,fields=" CHOSEN, 0, records);
	for (int i = 0; i < 3; i++) {
		static const char *const schemes[] = { "ipfix", "netflow9", "netflow5" };
		char name[64];

		snprintf(url, sizeof(url), "%s://127.0.0.1:%u,rate=0", schemes[i],
			ntohs(address.sin_port));
		snprintf(name, sizeof(name), "%s over loopback", schemes[i]);
		bench_exporter(name, COLLECTOR, url, 0, records);
	}
	bench_exporter("JSON", TEXT, NULL, SF_TEXT_JSON, records / 4);
	bench_exporter("CSV", TEXT, NULL, SF_TEXT_CSV, records / 4);
	bench_exporter("table", TEXT, NULL, SF_TEXT_TABLE, records / 4);
	close(sink);
	return 0;
}
