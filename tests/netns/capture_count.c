/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens a capture source and counts: a driver's own measure, without a meter behind it.
 *
 *	capture_count [-q queues] [-t seconds] [-n frames] [-s snaplen] [-d direction] [-f filter]
 *		[-o driver-options] [-I] [-H] [-P] [-K] [-R] [-T] [-v] driver:name[+name...]
 *
 * One thread per queue, as workers do it. Ends after `seconds`, after `frames`, at the end of the
 * input or on SIGTERM/SIGINT; prints one line of key=value pairs. "ready" goes to standard error
 * when packets are counted, a line per change of condition after that. -v prints every frame. -T:
 * service tags count as other tags do in the checksum, for sources that do not tell them apart.
 */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <spanflow/capture.h>

#include "base/clock.h"
#include "base/wire.h"

#define QUEUES_MAX 64
#define NAMES_MAX  8
#define PRIME      UINT64_C(0x100000001b3)

struct tally {
	uint64_t frames, bytes, captured, tags, tagged_bytes, times_wrong, checksum;
	uint64_t by_interface[NAMES_MAX];
};

static struct sf_capture *capture;
static struct tally tallies[QUEUES_MAX];
static _Atomic uint64_t total;
static uint64_t wanted = UINT64_MAX;
static atomic_int stop, failed;
static int verbose, any_tag;

static void on_signal(int number)
{
	(void)number;
	atomic_store(&stop, 1);
}

/*
 * Order-independent: the same frames give the same sum whatever queue they came by, with the tag
 * in the frame or beside it.
 */
static uint64_t digest(const struct sf_packet *packet)
{
	uint32_t tag = packet->flags & SF_PACKET_VLAN ? 4 : 0;
	uint32_t length = packet->captured < 60 - tag ? packet->captured : 60 - tag;
	uint64_t hash = 0xcbf29ce484222325;

	for (uint32_t i = 0; i < length; i++) {
		if (i == 12 && tag) {
			uint16_t type =
				packet->flags & SF_PACKET_VLAN_AD && !any_tag ? 0x88a8 : 0x8100;

			hash = (hash ^ type >> 8) * PRIME;
			hash = (hash ^ (type & 0xff)) * PRIME;
			hash = (hash ^ packet->vlan_tci >> 8) * PRIME;
			hash = (hash ^ (packet->vlan_tci & 0xff)) * PRIME;
		}
		if (any_tag && i == 12 && i + 1 < length &&
			sf_load_be16(packet->data + i) == 0x88a8) {
			hash = (hash ^ 0x81) * PRIME;
			hash = (hash ^ 0x00) * PRIME;
			i++;
			continue;
		}
		hash = (hash ^ packet->data[i]) * PRIME;
	}
	return hash ^ (uint64_t)(packet->wire + tag) << 40;
}

static void count(struct tally *tally, unsigned queue, const struct sf_packet *packet, int64_t now)
{
	uint32_t tag = packet->flags & SF_PACKET_VLAN ? 4 : 0;
	uint16_t type = packet->captured >= 14 ? sf_load_be16(packet->data + 12) : 0;

	tally->frames++;
	tally->bytes += packet->wire + tag;
	tally->captured += packet->captured;
	tally->tags += tag > 0 || type == 0x8100 || type == 0x88a8;
	tally->times_wrong += llabs(packet->time_ns - now) > 5 * SF_NS_PER_S;
	tally->checksum += digest(packet);
	tally->by_interface[packet->interface % NAMES_MAX]++;
	if (verbose)
		printf("queue=%u interface=%u time=%" PRId64
		       " wire=%u captured=%u tci=%d digest=%016" PRIx64 "\n",
			queue, packet->interface, packet->time_ns, packet->wire, packet->captured,
			tag ? packet->vlan_tci : -1, digest(packet));
}

static void *work(void *argument)
{
	unsigned queue = (unsigned)(uintptr_t)argument;
	struct sf_packet batch[SF_BATCH_MAX];
	int n;

	while (!atomic_load(&stop)) {
		n = sf_capture_recv(capture, queue, batch, SF_BATCH_MAX);
		if (n < 0) {
			if (n != SF_EOF)
				atomic_store(&failed, n);
			break;
		}
		if (n > 0) {
			int64_t now = sf_clock_read(CLOCK_REALTIME);

			for (int i = 0; i < n; i++)
				count(&tallies[queue], queue, &batch[i], now);
		}
		sf_capture_release(capture, queue);
		if (n > 0 && atomic_fetch_add(&total, (uint64_t)n) + (uint64_t)n >= wanted)
			atomic_store(&stop, 1);
	}
	atomic_store(&stop, 1);
	return NULL;
}

static void report(void)
{
	struct sf_capture_stats stats = { 0 };
	struct tally sum = { 0 };

	for (unsigned i = 0; i < capture->queues; i++) {
		sum.frames += tallies[i].frames;
		sum.bytes += tallies[i].bytes;
		sum.captured += tallies[i].captured;
		sum.tags += tallies[i].tags;
		sum.times_wrong += tallies[i].times_wrong;
		sum.checksum += tallies[i].checksum;
		for (unsigned j = 0; j < NAMES_MAX; j++)
			sum.by_interface[j] += tallies[i].by_interface[j];
	}
	capture->ops->stats(capture, &stats);
	printf("frames=%" PRIu64 " bytes=%" PRIu64 " captured=%" PRIu64 " tags=%" PRIu64
	       " times_wrong=%" PRIu64 " checksum=%016" PRIx64 " stats_frames=%" PRIu64
	       " kernel=%" PRIu64 " nic=%" PRIu64 " passed=%" PRIu64 " super=%" PRIu64,
		sum.frames, sum.bytes, sum.captured, sum.tags, sum.times_wrong, sum.checksum,
		stats.frames, stats.dropped_kernel, stats.dropped_nic, stats.passed_to_host,
		stats.super_packets);
	for (unsigned i = 0; i < capture->queues; i++)
		printf(" queue%u=%" PRIu64, i, tallies[i].frames);
	for (unsigned i = 0; i < NAMES_MAX; i++)
		if (capture->ops->interface(capture, i))
			printf(" interface%u=%" PRIu64, i, sum.by_interface[i]);
	for (unsigned i = 0; i < stats.cause_count; i++)
		printf(" %s=%" PRIu64, stats.causes[i].name, stats.causes[i].count);
	printf("\n");
}

/* Watches the clock and the condition while the queues' threads work. */
static void watch(double seconds)
{
	int64_t deadline = sf_clock_read(CLOCK_MONOTONIC) + (int64_t)(seconds * SF_NS_PER_S);
	const char *before = NULL;

	while (!atomic_load(&stop)) {
		const char *now = capture->ops->condition ? capture->ops->condition(capture) : NULL;

		if (now != before)
			fprintf(stderr, "condition: %s\n", now ? now : "none");
		before = now;
		if (seconds > 0 && sf_clock_read(CLOCK_MONOTONIC) >= deadline)
			atomic_store(&stop, 1);
		usleep(10000);
	}
}

static int run(
	const struct sf_capture_ops *ops, const struct sf_capture_options *options, double seconds)
{
	pthread_t threads[QUEUES_MAX];
	struct sf_error error = { 0 };
	char text[512] = "";
	int result = ops->open(&capture, options, &error);

	if (result < 0) {
		fprintf(stderr, "error: %s\n", error.text);
		return 1;
	}
	if (capture->queues > QUEUES_MAX) {
		fprintf(stderr, "error: more than %d queues\n", QUEUES_MAX);
		return 1;
	}
	if (capture->warning.code)
		fprintf(stderr, "warning: %s\n", capture->warning.text);
	if (capture->ops->describe)
		capture->ops->describe(capture, text, sizeof(text));
	for (unsigned i = 0; i < capture->queues; i++)
		pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i);
	fprintf(stderr, "describe: %s\nready\n", text);
	watch(seconds);
	for (unsigned i = 0; i < capture->queues; i++)
		pthread_join(threads[i], NULL);
	report();
	if (atomic_load(&failed))
		fprintf(stderr, "error: %s\n", capture->error.text);
	capture->ops->close(capture);
	return atomic_load(&failed) ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct sf_capture_options options = { 0 };
	const struct sf_capture_ops *ops;
	const char *names[NAMES_MAX];
	struct sigaction action = { .sa_handler = on_signal };
	struct sf_error error;
	double seconds = 0;
	char *source, *colon;
	int option;

	setlinebuf(stdout);
	while ((option = getopt(argc, argv, "q:t:n:s:d:f:o:r:IHPKRTv")) != -1) {
		switch (option) {
		case 'q':
			options.queues = (unsigned)atoi(optarg);
			break;
		case 't':
			seconds = atof(optarg);
			break;
		case 'n':
			wanted = strtoull(optarg, NULL, 10);
			break;
		case 's':
			options.snaplen = (unsigned)atoi(optarg);
			break;
		case 'd':
			options.direction = strcmp(optarg, "in") == 0    ? SF_DIRECTION_IN
					    : strcmp(optarg, "out") == 0 ? SF_DIRECTION_OUT
									 : SF_DIRECTION_BOTH;
			break;
		case 'f':
			options.filter = optarg;
			break;
		case 'o':
			options.driver_options = optarg;
			break;
		case 'r':
			options.ring_bytes = (unsigned)atoi(optarg);
			break;
		case 'I':
			options.immediate = true;
			break;
		case 'H':
			options.hardware_time = true;
			break;
		case 'P':
			options.no_promiscuous = true;
			break;
		case 'K':
			options.keep_offloads = true;
			break;
		case 'R':
			options.set_rss = true;
			break;
		case 'T':
			any_tag = 1;
			break;
		case 'v':
			verbose = 1;
			break;
		default:
			return 2;
		}
	}
	colon = optind < argc ? strchr(argv[optind], ':') : NULL;
	if (!colon)
		return 2;
	*colon = '\0';
	source = colon + 1;
	ops = sf_capture_driver(argv[optind]);
	if (!ops) {
		fprintf(stderr, "error: no driver '%s' in this build\n", argv[optind]);
		return 77;
	}
	if (ops->probe && ops->probe(&error) < 0)
		fprintf(stderr, "probe: %s\n", error.text);
	options.names = names;
	/* a DPDK device string may hold a plus sign; it is always one port */
	for (char *name = source; name && options.name_count < NAMES_MAX;) {
		char *plus = strcmp(ops->name, "dpdk") == 0 ? NULL : strchr(name, '+');

		if (plus)
			*plus++ = '\0';
		names[options.name_count++] = name;
		name = plus;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	return run(ops, &options, seconds);
}
