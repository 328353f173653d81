/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions to flow records in memory: records per second of conditions, on one core.
 *
 *	bench_ask [EXPRESSION...]
 *	bench_ask --write FILE|ipfix://HOST:PORT COUNT [GROUPS]
 *
 * With --write it makes so many records for a comparison of spanflow show and nfdump. With GROUPS
 * all of them are of UDP, and have so many different pairs of sender and receiver.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <spanflow/export.h>

#include "ask/where.h"

#define FLOWS  (1u << 14) /* in the cache, as records that have just been decoded */
#define ROUNDS 200

static uint64_t state = 88172645463325252u;

static unsigned random_below(unsigned bound)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 16) % bound;
}

static void make(struct sf_flow *flow)
{
	*flow = (struct sf_flow){
		.ip_version = 4, .protocol = random_below(3) ? 6 : 17, .directions = SF_FORWARD
	};
	flow->addr[0][0] = flow->addr[1][0] = 10;
	flow->addr[0][3] = (uint8_t)random_below(256);
	flow->addr[1][2] = (uint8_t)random_below(256);
	flow->port[0] = (uint16_t)(1024 + random_below(60000));
	flow->port[1] = random_below(2) ? 443 : 53;
	flow->half[0].packets = 1 + random_below(100);
	flow->half[0].octets = flow->half[0].packets * (40 + random_below(1400));
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void measure(const char *text, const struct sf_flow *flows)
{
	const struct sf_where_options options = { .mode = SF_ASK_UNIFLOW };
	struct sf_error error = { 0 };
	struct sf_where *where;
	double best = 1e9;
	unsigned met = 0;

	if (sf_where_new(&where, text, &options, &error)) {
		fprintf(stderr, "%s\n", error.text);
		exit(1);
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		double start = now(), took;

		met = 0;
		for (unsigned i = 0; i < FLOWS; i++)
			met += sf_where_flow(where, &flows[i], NULL) != 0;
		took = now() - start;
		best = took < best ? took : best;
	}
	printf("%8.1f M records/s, %7u of %u: %s\n", FLOWS / best / 1e6, met, FLOWS, text);
	sf_where_free(where);
}

/* 65,536 senders, few of which send much, and as many receivers, within one hour. */
static void make_record(struct sf_flow *flow)
{
	unsigned source = random_below(1u << (4 + random_below(13)));
	unsigned to = random_below(1u << (4 + random_below(13)));
	int64_t start = INT64_C(1700000000000000000) + random_below(3600000) * INT64_C(1000000);

	make(flow);
	memcpy(&flow->addr[0][2], &(uint16_t){ (uint16_t)source }, 2);
	memcpy(&flow->addr[1][2], &(uint16_t){ (uint16_t)to }, 2);
	flow->addr[1][1] = 1;
	flow->half[0].start_ns = start;
	flow->half[0].end_ns = start + random_below(60000) * INT64_C(1000000);
	flow->half[0].tcp_flags = flow->protocol == 6 ? 0x1b : 0;
	flow->half[0].ingress = 1;
	flow->end_reason = SF_END_IDLE;
}

/* Record `number` of those in so many groups: each group once, then groups by chance. */
static void make_grouped(struct sf_flow *flow, unsigned long number, unsigned long groups)
{
	unsigned group = number < groups ? (unsigned)number : random_below((unsigned)groups);
	unsigned scattered = group * 2654435761u; /* one of each group: the factor is odd */

	make_record(flow);
	flow->protocol = 17;
	memcpy(&flow->addr[0][2], &scattered, 2);
	memcpy(&flow->addr[1][2], (const uint8_t *)&scattered + 2, 2);
}

/* `groups`: 0: as make_record() has them. */
static int write_file(const char *path, unsigned long count, unsigned long groups)
{
	const struct sf_exporter_options options = { .packet_clock = true };
	struct sf_error error = { 0 };
	struct sf_exporter *exporter;
	struct sf_flow flow;

	if (sf_exporter_new(&exporter, &options, &error) ||
		(strstr(path, "://") ? sf_exporter_add_collector(exporter, path, &error)
				     : sf_exporter_add_file(exporter, path, &error))) {
		fprintf(stderr, "%s\n", error.text);
		return 1;
	}
	for (unsigned long i = 0; i < count; i++) {
		if (groups)
			make_grouped(&flow, i, groups);
		else
			make_record(&flow);
		sf_exporter_put(exporter, &flow, 1);
	}
	sf_exporter_finish(exporter);
	sf_exporter_free(exporter);
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const usual[] = { "proto tcp",
		"proto udp and dst port 53 and bytes > 10k",
		"src net 10.0.0.0/25 and dst port 443 and packets > 50",
		"net 10.0.0.0/8 and port 53 and bpp > 100" };
	struct sf_flow *flows;

	if ((argc == 4 || argc == 5) && strcmp(argv[1], "--write") == 0)
		return write_file(argv[2], strtoul(argv[3], NULL, 10),
			argc == 5 ? strtoul(argv[4], NULL, 10) : 0);
	flows = malloc(FLOWS * sizeof(*flows));
	if (!flows)
		return 1;
	for (unsigned i = 0; i < FLOWS; i++)
		make(&flows[i]);
	if (argc > 1)
		for (int i = 1; i < argc; i++)
			measure(argv[i], flows);
	else
		for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
			measure(usual[i], flows);
	free(flows);
	return 0;
}
