/* SPDX-License-Identifier: BSD-2-Clause */
/* Export over TCP itself: addresses, compression, refusals, a connection that is cut. */
#include <pthread.h>

#include "export_support.h"
#include "spanflow_config.h"
#ifdef HAVE_LZ4
#include <lz4.h>
#endif

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

/*
 * A collector in a thread of its own: accepts a connection, reads until the exporter ends, and
 * closes it.
 */
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

/*
 * As IPFIXcol2's Lz4Decoder reads: blocks one behind the other in a buffer of the size that the
 * start tells.
 */
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

CHECK_MAIN("export_tcp", over_tcp_from_a_chosen_address, over_tcp_with_lz4,
	what_does_not_go_over_tcp_is_named, a_run_on_files_waits_for_the_next_connection);
