/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pace of an export session over UDP: rate, bursts, collectors that read slowly, a run that must
 * end.
 */
#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "export_support.h"
#include "transport/transport.h"

/* A burst that keeps a rate fills a small part of a collector's buffer, whatever its datagrams. */
START_TEST(paced_bursts_are_small)
{
	for (unsigned mtu = 128; mtu <= 65535; mtu += 128) {
		struct sf_udp_options options = {
			.peer.host = "127.0.0.1", .peer.port = "4739", .mtu = mtu, .paced = true
		};
		struct sf_transport *transport;
		struct sf_error error;

		ck_assert_int_eq(sf_udp_open(&transport, &options, &error), 0);
		ck_assert_uint_le(transport->max_messages, 8);
		ck_assert(transport->max_messages == 1 ||
			  transport->max_messages * transport->max_message <= 2 * 7680);
		transport->ops->free(transport);
	}
}
END_TEST

/* A rate is never exceeded by more than the burst. */
/* [RFC5471-3.5.2-1] */
START_TEST(rate_limits_records_per_second)
{
	struct sf_exporter *exporter = start(OFFLINE, IPFIX, ",rate=10000,options=no");
	int64_t began = sf_clock_read(CLOCK_MONOTONIC);

	put_many(exporter, 3000);
	finish(exporter);
	ck_assert_int_ge(sf_clock_read(CLOCK_MONOTONIC) - began, 200 * MS);
	ck_assert_uint_eq(flow_count(reader), 3000);
	end();
}
END_TEST

static void *read_slowly(void *context)
{
	const struct timespec pause = { .tv_nsec = 500000 };
	struct pollfd ready = { .fd = receiver.fd, .events = POLLIN };
	uint64_t *records = context;
	uint8_t buffer[8192];

	/* the datagrams of the end have all come when none came for half a second */
	while (poll(&ready, 1, 500) > 0) {
		ssize_t n = recv(receiver.fd, buffer, sizeof(buffer), 0);

		if (n > 20 && sf_load_be16(buffer + 16) >= 256 && sf_load_be16(buffer + 16) < 60000)
			*records += (uint64_t)(n - 20) / 65;
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/*
 * docs/design.md §8: a collector with the system's default buffer that reads more slowly than a
 * file is metered receives everything without any option.
 */
START_TEST(slow_collector_gets_everything_from_a_file)
{
	int space = 100000; /* as small as the kernel's default or smaller */
	struct sf_exporter *exporter;
	uint64_t records = 0;
	pthread_t thread;

	begin();
	ck_assert_int_eq(setsockopt(receiver.fd, SOL_SOCKET, SO_RCVBUF, &space, sizeof(space)), 0);
	exporter = exporter_to(&receiver, OFFLINE, IPFIX, ",options=no");
	ck_assert_int_eq(pthread_create(&thread, NULL, read_slowly, &records), 0);
	for (unsigned i = 0; i < 40000; i++) {
		struct sf_flow flow = flow_ipv4(i % 10000);

		put(exporter, &flow);
	}
	sf_exporter_finish(exporter);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_eq(records, 40000);
	sf_exporter_free(exporter);
	end();
}
END_TEST

/* A collector on this host that does not read is not watched for ever, nor flooded then. */
START_TEST(stuck_collector_gets_the_plain_rate)
{
	struct sf_udp_options options = { .peer.host = "127.0.0.1" };
	static const uint8_t datagram[1000];
	struct sf_transport *transport;
	struct sf_error error;
	struct sf_pace pace;
	int64_t began;
	char port[8];

	begin();
	snprintf(port, sizeof(port), "%u", receiver.port);
	options.peer.port = port;
	ck_assert_int_eq(sf_udp_open(&transport, &options, &error), 0);
	sf_pace_init(&pace, 1000, NULL);
	sf_pace_watch(&pace, transport);
	if (!pace.backlog)
		return; /* this kernel does not tell */
	sf_pace_wait(&pace, 1000);
	ck_assert_uint_gt(pace.rate, 1000);
	for (unsigned i = 0; i < 20000; i++)
		sendto(receiver.fd, datagram, sizeof(datagram), 0,
			(struct sockaddr *)&transport->peer, transport->peer_size);
	sf_pace_wait(&pace, 1);
	ck_assert_uint_eq(pace.rate, 1000);
	ck_assert_ptr_null(pace.backlog);
	/* beyond what may be caught up: the burst, which is a quarter of a second then */
	sf_pace_wait(&pace, 500);
	began = sf_clock_read(CLOCK_MONOTONIC);
	sf_pace_wait(&pace, 1);
	ck_assert_int_ge(sf_clock_read(CLOCK_MONOTONIC) - began, 200 * MS);
	sf_pace_fini(&pace);
	transport->ops->free(transport);
	end();
}
END_TEST

static unsigned told_level(void *context)
{
	return *(unsigned *)context;
}

/* A run that is to end at once sends what needs no wait, or nothing; the rest is lost by name. */
START_TEST(a_hurry_waits_for_nothing)
{
	static const struct {
		unsigned level;
		const char *options;
		unsigned sent_least, sent_most;
	} cases[] = {
		{ 0, ",rate=100000", 3000, 3000 },
		{ 1, ",rate=0", 3000, 3000 },
		{ 1, ",rate=10", 1, 2999 },
		{ 2, ",rate=0", 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned level = cases[i].level;
		struct sf_exporter_options options = {
			.packet_clock = true,
			.hurry = { told_level, &level },
		};
		int64_t began = sf_clock_read(CLOCK_MONOTONIC);
		struct sf_destination_stats stats;
		struct sf_exporter *exporter;

		begin();
		exporter = exporter_to(&receiver, &options, IPFIX, cases[i].options);
		put_many(exporter, 3000);
		sf_exporter_finish(exporter);
		ck_assert(sf_exporter_stats(exporter, 0, &stats));
		ck_assert(sf_destination_balanced(&stats));
		ck_assert_uint_ge(stats.sent.records, cases[i].sent_least);
		ck_assert_uint_le(stats.sent.records, cases[i].sent_most);
		ck_assert_uint_eq(stats.sent.records + stats.lost_stopped.records, 3000);
		/* at 10 a second they take 300 s */
		ck_assert_int_lt(sf_clock_read(CLOCK_MONOTONIC) - began, 100 * S);
		sf_exporter_free(exporter);
		end();
	}
}
END_TEST

CHECK_MAIN("export_pace", paced_bursts_are_small, rate_limits_records_per_second,
	slow_collector_gets_everything_from_a_file, stuck_collector_gets_the_plain_rate,
	a_hurry_waits_for_nothing);
