/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions to flow records in memory: records per second of conditions, on one core.
 *
 *	bench_ask [EXPRESSION...]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

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

int main(int argc, char **argv)
{
	static const char *const usual[] = { "proto tcp",
		"proto udp and dst port 53 and bytes > 10k",
		"src net 10.0.0.0/25 and dst port 443 and packets > 50",
		"net 10.0.0.0/8 and port 53 and bpp > 100" };
	struct sf_flow *flows = malloc(FLOWS * sizeof(*flows));

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
