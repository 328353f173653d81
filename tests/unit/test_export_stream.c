/* SPDX-License-Identifier: BSD-2-Clause */
/* Export over connections: what a collector reads, and what is counted, when they are cut. */
#include <pthread.h>

#include "simulated_collector.h"
#include "spanflow_config.h"
#ifdef HAVE_LZ4
#include <lz4.h>
#endif

#define RETRY S

static struct sim sim;
static struct sim_exporter out;

static void begin_sim(int64_t retry_ns, uint64_t queue_records, bool late)
{
	sim_init(&sim);
	sim_export(&out, &sim, retry_ns, queue_records, late);
}

static void end_sim(void)
{
	sim_fini(&sim);
}

/* One connection, short writes: everything arrives once, in order. */
/* [RFC5471-3.5.1-1] */
START_TEST(everything_arrives)
{
	struct sf_destination_stats stats;

	begin_sim(RETRY, 10000, false);
	sim.write_max = 777;
	for (unsigned i = 0; i < 20; i++) {
		sim_put(&out, 100);
		sim_pump(&out, &sim, S / 4, false);
		sim_deliver(&sim, SIZE_MAX);
	}
	sim_pump(&out, &sim, S, true);
	sim_deliver(&sim, SIZE_MAX);
	sim_pump(&out, &sim, S, true);
	ck_assert(!sf_destination_waits(out.destination));
	stats = sim_finish(&out, &sim);
	ck_assert_uint_eq(stats.sent.records, 2000);
	ck_assert_uint_eq(sim.distinct, 2000);
	ck_assert_uint_eq(stats.repeated.records, 0);
	ck_assert_uint_eq(sim.count, 1);
	end_sim();
}
END_TEST

/* Nothing counts as sent before the peer has acknowledged it. */
START_TEST(sent_means_acknowledged)
{
	begin_sim(RETRY, 10000, false);
	sim_put(&out, 100);
	sim_pump(&out, &sim, S, true);
	ck_assert_uint_gt(sim.under_way_length, 0);
	ck_assert_uint_eq(out.destination->stats.sent.records, 0);
	ck_assert(sf_destination_waits(out.destination));
	sim_deliver(&sim, sim.under_way_length - 1);
	sim_pump(&out, &sim, S, true);
	ck_assert_uint_eq(out.destination->stats.sent.records, 0);
	sim_deliver(&sim, 1);
	sim_pump(&out, &sim, S, true);
	ck_assert_uint_eq(out.destination->stats.sent.records, 100);
	sim_finish(&out, &sim);
	end_sim();
}
END_TEST

/*
 * Cut at every byte of the stream: the message that was cut is sent again as a whole on the next
 * connection, behind the templates, and nothing is lost.
 */
START_TEST(a_cut_in_a_message_loses_nothing)
{
	struct sf_destination_stats stats;
	size_t whole = 0;

	for (size_t at = 0; at <= whole; at += at < 64 || at + 64 > whole ? 1 : 37) {
		begin_sim(RETRY, 10000, false);
		sim_pump(&out, &sim, 10 * S, false);
		sim_put(&out, 60);
		sim_pump(&out, &sim, S, true);
		if (at == 0)
			whole = sim.under_way_length;
		sim_deliver(&sim, at);
		sim_pump(&out, &sim, S / 100, false);
		sim.closes = at % 2;
		sim_cut(&sim);
		sim_put(&out, 10);
		sim_pump(&out, &sim, S / 100, false);
		ck_assert(out.destination->fails || at == whole || sim.count > 1);
		for (unsigned i = 0; i < 10; i++) {
			sim_pump(&out, &sim, S / 2, true);
			sim_deliver(&sim, SIZE_MAX);
		}
		stats = sim_finish(&out, &sim);
		ck_assert_uint_eq(stats.sent.records, 70);
		ck_assert_uint_eq(sim.distinct, 70);
		ck_assert_uint_eq(sim.count, 2);
		/* a collector that closes an old connection has read all that it acknowledged */
		ck_assert_uint_eq(stats.repeated.records, at == whole && sim.closes ? 0 : 60);
		end_sim();
	}
}
END_TEST

/* What was acknowledged and then refused, while nothing follows any more, is lost by name. */
START_TEST(a_refusal_at_the_end_is_seen)
{
	for (unsigned refuses = 0; refuses < 2; refuses++) {
		struct sf_destination_stats stats;

		begin_sim(RETRY, 10000, false);
		sim.refuses = refuses;
		sim_put(&out, 60);
		sim_pump(&out, &sim, S, true);
		sim_deliver(&sim, SIZE_MAX);
		sim_pump(&out, &sim, S, true);
		ck_assert_uint_eq(out.destination->stats.sent.records, 60);
		stats = sim_finish(&out, &sim);
		ck_assert_uint_eq(stats.sent.records, refuses ? 0 : 60);
		ck_assert_uint_eq(stats.lost_unreachable.records, refuses ? 60 : 0);
		ck_assert_int_eq(
			strncmp(stats.failure, "lost the connection", refuses ? 19 : 0), 0);
		end_sim();
	}
}
END_TEST

/* A peer that closes the connection soon after it was made may have refused what it read. */
START_TEST(a_connection_that_is_closed_early_is_no_delivery)
{
	for (unsigned early = 0; early < 2; early++) {
		struct sf_destination_stats stats;

		begin_sim(RETRY, 10000, false);
		sim_pump(&out, &sim, early ? S : 6 * S, false);
		sim_put(&out, 60);
		sim_pump(&out, &sim, S, true);
		sim_deliver(&sim, SIZE_MAX);
		sim_pump(&out, &sim, S, true);
		sim.closes = true;
		sim_cut(&sim);
		sim_pump(&out, &sim, S / 10, true);
		ck_assert_uint_eq(out.destination->stats.sent.records, early ? 0 : 60);
		stats = sim_finish(&out, &sim);
		ck_assert_uint_eq(stats.lost_unreachable.records, early ? 60 : 0);
		ck_assert((strstr(stats.news, "what it got is sent again") != NULL) == early);
		end_sim();
	}
}
END_TEST

/* What arrived without an acknowledgement is sent again, and counted as what may be there twice. */
START_TEST(what_may_arrive_twice_is_counted)
{
	struct sf_destination_stats stats;

	begin_sim(RETRY, 10000, false);
	sim.acks_are_lost = true;
	sim_put(&out, 60);
	sim_pump(&out, &sim, S, true);
	sim_deliver(&sim, SIZE_MAX);
	sim_pump(&out, &sim, S, true);
	sim_cut(&sim);
	sim.acks_are_lost = false;
	sim_pump(&out, &sim, S, true);
	sim_pump(&out, &sim, S, true);
	sim_deliver(&sim, SIZE_MAX);
	stats = sim_finish(&out, &sim);
	ck_assert_uint_eq(stats.sent.records, 60);
	ck_assert_uint_eq(sim.twice, 60);
	ck_assert_uint_eq(stats.repeated.records, 60);
	end_sim();
}
END_TEST

/*
 * A collector is killed that has not read what its kernel had acknowledged: it is sent again, if that
 * was a moment ago, or if the collector stood still since then; and only then.
 */
START_TEST(what_the_peer_had_not_read_is_sent_again)
{
	static const struct {
		unsigned seconds;
		bool stands;
		uint64_t repeated;
	} cases[] = { { 1, false, 60 }, { 10, false, 0 }, { 10, true, 60 } };

	for (unsigned i = 0; i < 3; i++) {
		struct sf_destination_stats stats;

		begin_sim(RETRY, 10000, false);
		sim_put(&out, 60);
		sim_pump(&out, &sim, S, true);
		sim_deliver(&sim, SIZE_MAX);
		sim_pump(&out, &sim, S, true);
		ck_assert_uint_eq(out.destination->stats.sent.records, 60);
		sim.stands = cases[i].stands;
		for (unsigned k = 0; k < cases[i].seconds; k++)
			sim_pump(&out, &sim, S, true);
		if (cases[i].repeated)
			sim.connections[0].unread = sim.connections[0].length;
		sim_cut(&sim);
		sim_pump(&out, &sim, S / 100, true);
		ck_assert_uint_eq(out.destination->stats.sent.records, 60 - cases[i].repeated);
		for (unsigned k = 0; k < 10; k++) {
			sim_pump(&out, &sim, S, true);
			sim_deliver(&sim, SIZE_MAX);
		}
		stats = sim_finish(&out, &sim);
		ck_assert_uint_eq(stats.sent.records, 60);
		ck_assert_uint_eq(stats.repeated.records, cases[i].repeated);
		ck_assert_uint_eq(sim.distinct, 60);
		end_sim();
	}
}
END_TEST

/* A collector that does not read: memory is bounded, and the queue loses by name. */
START_TEST(a_reader_that_stands_still)
{
	struct sf_destination_stats stats;

	begin_sim(RETRY, 1000, false);
	sim.buffer = 5000;
	for (unsigned i = 0; i < 180; i++) {
		sim_put(&out, 100);
		sim_pump(&out, &sim, S / 4, false);
	}
	ck_assert_uint_eq(sim.count, 1);
	ck_assert_uint_le(out.destination->queued.records, 1000);
	sim.buffer = 1 << 20;
	for (unsigned i = 0; i < 100; i++) {
		sim_deliver(&sim, SIZE_MAX);
		sim_pump(&out, &sim, S / 4, true);
	}
	stats = sim_finish(&out, &sim);
	ck_assert_uint_eq(stats.sent.records + stats.lost_queue.records, 18000);
	ck_assert_uint_eq(sim.distinct, stats.sent.records);
	end_sim();
}
END_TEST

/* RFC 7011 §10.4.4: by default, no more than one attempt in a minute. */
/* [RFC7011-10.4.4-2] */
START_TEST(attempts_keep_their_distance)
{
	begin_sim(0, 1000, true);
	sim.listens = false;
	for (unsigned i = 0; i < 4000; i++)
		sim_pump(&out, &sim, S / 10, false);
	ck_assert_uint_ge(sim.attempts, 6);
	for (unsigned i = 1; i < sim.attempts; i++)
		ck_assert_int_ge(sim.attempt_ns[i] - sim.attempt_ns[i - 1], 60 * S);
	ck_assert_ptr_nonnull(strstr(out.destination->stats.news, "cannot connect to collector"));
	ck_assert_ptr_nonnull(strstr(out.destination->stats.news, "refused"));
	ck_assert_ptr_nonnull(
		strstr(out.destination->stats.news, "; next attempt in 60 s (retry=)"));
	ck_assert_uint_eq(out.destination->stats.news_count, 1);
	sim_finish(&out, &sim);
	end_sim();
	/* retry=1s: 1, 2, 4 … 60 seconds */
	begin_sim(S, 1000, true);
	sim.listens = false;
	for (unsigned i = 0; i < 4000; i++)
		sim_pump(&out, &sim, S / 10, false);
	for (unsigned i = 1; i < sim.attempts; i++)
		ck_assert_int_ge(sim.attempt_ns[i] - sim.attempt_ns[i - 1],
			i < 7 ? (int64_t)(1 << (i - 1)) * S : 60 * S);
	ck_assert_uint_ge(sim.attempts, 10);
	sim_finish(&out, &sim);
	end_sim();
}
END_TEST

/* An attempt that nobody answers ends after ten seconds; the collector comes, and gets what waits. */
START_TEST(nobody_answers_and_then_somebody_does)
{
	struct sf_destination_stats stats;

	begin_sim(RETRY, 1000, true);
	sim.drops_attempts = true;
	sim_put(&out, 100);
	for (unsigned i = 0; i < 150; i++)
		sim_pump(&out, &sim, S / 10, false);
	ck_assert_uint_ge(sim.attempts, 2);
	ck_assert_ptr_nonnull(strstr(out.destination->stats.news, "timed out"));
	/* the end waits for it */
	sim_pump(&out, &sim, S / 10, true);
	ck_assert(sf_destination_waits(out.destination));
	sim.drops_attempts = false;
	for (unsigned i = 0; i < 30; i++) {
		sim_pump(&out, &sim, S, true);
		sim_deliver(&sim, SIZE_MAX);
	}
	ck_assert(!sf_destination_waits(out.destination));
	ck_assert_ptr_nonnull(strstr(out.destination->stats.news, "can be reached again"));
	stats = sim_finish(&out, &sim);
	ck_assert_uint_eq(stats.sent.records, 100);
	end_sim();
}
END_TEST

/* What waits for a collector that never comes is lost by name. */
START_TEST(a_collector_that_never_comes)
{
	struct sf_destination_stats stats;

	begin_sim(RETRY, 50, true);
	sim.listens = false;
	sim_put(&out, 80);
	sim_pump(&out, &sim, S, false);
	sim_put(&out, 20);
	sim_pump(&out, &sim, S, true);
	stats = sim_finish(&out, &sim);
	ck_assert_uint_eq(stats.lost_unreachable.records + stats.lost_queue.records, 100);
	ck_assert_uint_ge(stats.lost_unreachable.records, 50);
	end_sim();
}
END_TEST

/* The wall clock is set back: export times do not go back in a connection. */
START_TEST(export_time_never_goes_back)
{
	uint32_t last = 0;

	begin_sim(RETRY, 1000, false);
	for (unsigned i = 0; i < 10; i++) {
		sim_put(&out, 10);
		sim_pump(&out, &sim, S, false);
		out.shared.wall_ns += (i % 2 ? 300 : -200) * S;
	}
	sim_deliver(&sim, SIZE_MAX);
	sim_finish(&out, &sim);
	for (size_t at = 0; at < sim.connections[0].length;
		at += sf_load_be16(sim.connections[0].bytes + at + 2)) {
		uint32_t time = sf_load_be32(sim.connections[0].bytes + at + 4);

		ck_assert_uint_ge(time, last);
		last = time;
	}
	ck_assert_uint_gt(last, 0);
	end_sim();
}
END_TEST

/* ---------------------------------------------------------------- TCP itself */

static int listen_on(int family, uint16_t *port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	struct sockaddr_in four = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr *address =
		family == AF_INET6 ? (struct sockaddr *)&six : (struct sockaddr *)&four;
	socklen_t size = family == AF_INET6 ? sizeof(six) : sizeof(four);
	int fd = socket(family, SOCK_STREAM, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	four.sin_port = six.sin6_port = htons(*port);
	ck_assert_int_eq(bind(fd, address, size), 0);
	ck_assert_int_eq(listen(fd, 4), 0);
	ck_assert_int_eq(getsockname(fd, address, &size), 0);
	*port = ntohs(family == AF_INET6 ? six.sin6_port : four.sin_port);
	return fd;
}

/* A collector in a thread of its own: accepts a connection, reads until the exporter ends, and closes it. */
static struct {
	pthread_t thread;
	int listener;
	struct sockaddr_storage peer;
	size_t length;
	uint8_t bytes[1 << 20];
} collector;

static void *collect(void *unused)
{
	size_t room = sizeof(collector.bytes);
	socklen_t size = sizeof(collector.peer);
	int fd = accept(collector.listener, (struct sockaddr *)&collector.peer, &size);
	ssize_t n;

	while ((n = recv(fd, collector.bytes + collector.length, room - collector.length, 0)) > 0)
		collector.length += (size_t)n;
	close(fd);
	return unused;
}

static void start_collector(int listener)
{
	collector.listener = listener;
	collector.length = 0;
	ck_assert_int_eq(pthread_create(&collector.thread, NULL, collect, NULL), 0);
}

static void read_collected(struct reader *into)
{
	size_t at = 0, length;

	pthread_join(collector.thread, NULL);
	for (; at < collector.length; at += length) {
		length = sf_load_be16(collector.bytes + at + 2);
		ck_assert_uint_ge(collector.length - at, length);
		read_message(into, collector.bytes + at, length);
	}
}

/* Without a queue, as for capture files: both address families, source port and class. */
/* [RFC5471-3.1.1-1] */
START_TEST(over_tcp_from_a_chosen_address)
{
	static const struct {
		int family;
		const char *url, *source;
	} cases[] = {
		{ AF_INET, "tcp://127.0.0.1:%u,dscp=10,source=127.0.0.1", "127.0.0.1" },
		{ AF_INET, "ipfix+tcp://127.0.0.1:%u,source=127.0.0.9", "127.0.0.9" },
		{ AF_INET6, "tcp://[::1]:%u,dscp=46,source=::1", "::1" },
	};

	for (unsigned i = 0; i < 3; i++) {
		struct sf_exporter *exporter;
		struct sf_destination_stats stats;
		struct sockaddr_storage local, peer;
		unsigned local_size = sizeof(local), peer_size = sizeof(peer);
		struct sf_error error = { 0 };
		uint16_t port = 0;
		int listener = listen_on(cases[i].family, &port);
		char url[128], host[64];

		snprintf(url, sizeof(url), cases[i].url, port);
		reader = reader_new();
		ck_assert_int_eq(sf_exporter_new(&exporter, LIVE, &error), 0);
		ck_assert_msg(
			sf_exporter_add_collector(exporter, url, &error) == 0, "%s", error.text);
		ck_assert(sf_exporter_local_address(exporter, 0, (struct sockaddr *)&local,
			&local_size, (struct sockaddr *)&peer, &peer_size));
		start_collector(listener);
		put_many(exporter, 300);
		sf_exporter_finish(exporter);
		stats = stats_of(exporter, 0);
		ck_assert_int_eq(stats.protocol, IPPROTO_TCP);
		ck_assert_uint_eq(stats.sent.records, 300);
		ck_assert(sf_destination_balanced(&stats));
		sf_exporter_free(exporter);
		read_collected(reader);
		ck_assert_uint_eq(flow_count(reader), 300);
		peer = collector.peer;
		inet_ntop(cases[i].family,
			cases[i].family == AF_INET
				? (void *)&((struct sockaddr_in *)&peer)->sin_addr
				: (void *)&((struct sockaddr_in6 *)&peer)->sin6_addr,
			host, sizeof(host));
		ck_assert_str_eq(host, cases[i].source);
		ck_assert_int_eq(memcmp(&local, &peer, local_size), 0);
		reader_free(reader);
		close(listener);
	}
}
END_TEST

#ifdef HAVE_LZ4
static size_t decompressed_length;

/* As IPFIXcol2's Lz4Decoder reads: blocks one behind the other in a buffer of the size that the start tells. */
static void read_compressed(struct reader *into)
{
	static uint8_t messages[1 << 20];
	const uint8_t *p = collector.bytes, *end;
	size_t length = 0;

	pthread_join(collector.thread, NULL);
	end = p + collector.length;
	ck_assert_uint_eq(sf_load_be32(p), 0x4c5a3463);
	ck_assert_uint_ge(sf_load_be32(p + 4), 65536);
	for (p += 8; p < end; p += sf_load_be16(p + 2) + 4) {
		int plain = sf_load_be16(p), size = sf_load_be16(p + 2);

		ck_assert_int_eq(LZ4_decompress_safe((const char *)p + 4, (char *)messages + length,
					 size, plain),
			plain);
		length += (size_t)plain;
	}
	ck_assert_ptr_eq(p, end);
	for (size_t at = 0; at < length; at += sf_load_be16(messages + at + 2))
		read_message(into, messages + at, sf_load_be16(messages + at + 2));
	decompressed_length = length;
}

START_TEST(over_tcp_with_lz4)
{
	struct sf_exporter *exporter;
	struct sf_destination_stats stats;
	struct sf_error error = { 0 };
	uint16_t port = 0;
	int listener = listen_on(AF_INET, &port);
	char url[128];

	snprintf(url, sizeof(url), "tcp://127.0.0.1:%u,compress=lz4", port);
	reader = reader_new();
	ck_assert_int_eq(sf_exporter_new(&exporter, OFFLINE, &error), 0);
	ck_assert_msg(sf_exporter_add_collector(exporter, url, &error) == 0, "%s", error.text);
	start_collector(listener);
	put_many(exporter, 3000);
	sf_exporter_finish(exporter);
	stats = stats_of(exporter, 0);
	ck_assert_uint_eq(stats.sent.records, 3000);
	sf_exporter_free(exporter);
	read_compressed(reader);
	ck_assert_uint_eq(flow_count(reader), 3000);
	ck_assert_uint_lt(collector.length, decompressed_length / 2);
	reader_free(reader);
	close(listener);
}
END_TEST
#else
START_TEST(over_tcp_with_lz4)
{
	struct sf_exporter *exporter;
	struct sf_error error = { 0 };

	ck_assert_int_eq(sf_exporter_new(&exporter, OFFLINE, &error), 0);
	ck_assert_int_eq(
		sf_exporter_add_collector(exporter, "tcp://127.0.0.1:1,compress=lz4", &error),
		SF_EUNSUPPORTED);
	sf_exporter_free(exporter);
}
END_TEST
#endif

static void refuse(const char *url, const char *why)
{
	struct sf_exporter *exporter;
	struct sf_error error = { 0 };

	ck_assert_int_eq(sf_exporter_new(&exporter, LIVE, &error), 0);
	ck_assert_int_lt(sf_exporter_add_collector(exporter, url, &error), 0);
	ck_assert_msg(strstr(error.text, why) != NULL, "%s", error.text);
	sf_exporter_free(exporter);
}

START_TEST(what_does_not_go_over_tcp_is_named)
{
	refuse("netflow9+tcp://127.0.0.1", "NetFlow is sent over UDP only");
	refuse("netflow5+tcp://127.0.0.1", "NetFlow is sent over UDP only");
	refuse("tcp://127.0.0.1,mtu=1500",
		"'mtu' does not apply here: it is for ipfix://, dtls://, sctp://, netflow9://");
	refuse("tcp://127.0.0.1,retry=1ms", "option 'retry'");
	refuse("tcp://127.0.0.1,compress=zip", "option 'compress' is 'zip'");
	refuse("tls://127.0.0.1,compress=lz4", "compress= is for tcp://");
	refuse("tcp://127.0.0.1:4739,source=nonsense", "option 'source' is 'nonsense'");
	refuse("ipfix://127.0.0.1,retry=1s",
		"'retry' does not apply here: it is for tcp://, tls://, dtls://");
	refuse("ipfix://127.0.0.1,dscp=64", "option 'dscp' is '64'");
}
END_TEST

/* The connection is cut while a run on files goes on: the reader waits, and nothing is lost. */
START_TEST(a_run_on_files_waits_for_the_next_connection)
{
	struct sf_exporter *exporter;
	struct sf_destination_stats stats;
	struct sf_error error = { 0 };
	uint16_t port = 0;
	int fd, listener = listen_on(AF_INET, &port);
	struct linger reset = { 1, 0 };
	char url[128];

	snprintf(url, sizeof(url), "tcp://127.0.0.1:%u,retry=100ms", port);
	reader = reader_new();
	ck_assert_int_eq(sf_exporter_new(&exporter, OFFLINE, &error), 0);
	ck_assert_int_eq(sf_exporter_add_collector(exporter, url, &error), 0);
	fd = accept(listener, NULL, NULL);
	put_many(exporter, 200);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	put_many(exporter, 200);
	start_collector(listener);
	sf_exporter_finish(exporter);
	stats = stats_of(exporter, 0);
	ck_assert(sf_destination_balanced(&stats));
	ck_assert_uint_eq(stats.sent.records, 400);
	sf_exporter_free(exporter);
	read_collected(reader);
	/* the first connection was closed with everything unread */
	ck_assert_uint_eq(flow_count(reader), 400);
	ck_assert_uint_le(stats.repeated.records, 400);
	ck_assert_uint_eq(reader->messages[0].sequence, 0);
	reader_free(reader);
	close(listener);
}
END_TEST

CHECK_MAIN("export_stream", everything_arrives, sent_means_acknowledged,
	a_cut_in_a_message_loses_nothing, a_refusal_at_the_end_is_seen,
	a_connection_that_is_closed_early_is_no_delivery, what_may_arrive_twice_is_counted,
	what_the_peer_had_not_read_is_sent_again, a_reader_that_stands_still,
	attempts_keep_their_distance, nobody_answers_and_then_somebody_does,
	a_collector_that_never_comes, export_time_never_goes_back, over_tcp_from_a_chosen_address,
	over_tcp_with_lz4, what_does_not_go_over_tcp_is_named,
	a_run_on_files_waits_for_the_next_connection)
