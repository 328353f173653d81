/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bare readers on one file: libpcap's pcap_next_ex() and pcap_dispatch(), and spanflow's own file
 * driver. Each touches nothing of a packet but its lengths. The readers take turns, RUNS times,
 * in one process, so that a ratio between them compares the same minutes of the machine. Prints
 * one JSON object per reader and run: packets, captured bytes, CPU seconds (user and system of
 * the whole process).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <spanflow/capture.h>

#include "base/clock.h"

#ifdef BENCH_WITH_LIBPCAP
#include <pcap/pcap.h>
#endif

struct totals {
	uint64_t packets, bytes;
};

#ifdef BENCH_WITH_LIBPCAP
static bool read_next_ex(const char *path, struct totals *totals)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline(path, text);
	struct pcap_pkthdr *header;
	const u_char *data;
	int status;

	if (!pcap)
		return false;
	while ((status = pcap_next_ex(pcap, &header, &data)) == 1) {
		totals->packets++;
		totals->bytes += header->caplen;
	}
	pcap_close(pcap);
	return status == PCAP_ERROR_BREAK;
}

static void count_packet(u_char *user, const struct pcap_pkthdr *header, const u_char *data)
{
	struct totals *totals = (struct totals *)(void *)user;

	(void)data;
	totals->packets++;
	totals->bytes += header->caplen;
}

static bool read_dispatch(const char *path, struct totals *totals)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline(path, text);
	int status;

	if (!pcap)
		return false;
	while ((status = pcap_dispatch(pcap, -1, count_packet, (u_char *)totals)) > 0)
		;
	pcap_close(pcap);
	return status == 0;
}
#endif

static bool read_driver(const char *path, struct totals *totals)
{
	const struct sf_capture_ops *ops = sf_capture_driver("file");
	struct sf_packet packets[SF_BATCH_MAX];
	struct sf_capture *capture;
	struct sf_error error;
	int n;

	if (!ops ||
		ops->open(&capture, &(struct sf_capture_options){ .names = &path, .name_count = 1 },
			&error) < 0)
		return false;
	while ((n = sf_capture_recv(capture, 0, packets, SF_BATCH_MAX)) >= 0) {
		for (int i = 0; i < n; i++)
			totals->bytes += packets[i].captured;
		totals->packets += (unsigned)n;
		sf_capture_release(capture, 0);
	}
	capture->ops->close(capture);
	return n == SF_EOF;
}

static const struct reader {
	const char *name;
	bool (*read)(const char *path, struct totals *totals);
} readers[] = {
#ifdef BENCH_WITH_LIBPCAP
	{ "pcap_next_ex", read_next_ex },
	{ "pcap_dispatch", read_dispatch },
#endif
	{ "spanflow", read_driver },
};

int main(int argc, char **argv)
{
	int runs = argc > 2 ? atoi(argv[2]) : 1;

	if (argc < 2 || runs < 1) {
		fprintf(stderr, "usage: bench_reader FILE [RUNS]\n");
		return 2;
	}
	for (int run = 0; run < runs; run++)
		for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
			struct totals totals = { 0 };
			int64_t start = sf_clock_read(CLOCK_PROCESS_CPUTIME_ID);
			int64_t spent;

			if (!readers[i].read(argv[1], &totals)) {
				fprintf(stderr, "bench_reader: %s cannot read %s\n",
					readers[i].name, argv[1]);
				return 1;
			}
			spent = sf_clock_read(CLOCK_PROCESS_CPUTIME_ID) - start;
			printf("{\"reader\":\"%s\",\"packets\":%llu,\"bytes\":%llu,"
			       "\"cpu\":%.6f}\n",
				readers[i].name, (unsigned long long)totals.packets,
				(unsigned long long)totals.bytes, (double)spent * 1e-9);
		}
	return 0;
}
