/* SPDX-License-Identifier: BSD-2-Clause */
/* Connections of exporters: how they are cut into messages, bounded, and ended. */
#include <sys/resource.h>

#include "receiver_support.h"

static void make_stream(void)
{
	make(SF_NS_PER_S, 0);
	ck_assert_int_eq(sf_receiver_listen(&receiver, "tcp://127.0.0.1:0", &error), 0);
	ck_assert_int_eq(strncmp(receiver.listeners[1].url, "tcp://127.0.0.1:", 16), 0);
}

static int connect_to(unsigned listener)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_port = htons((uint16_t)atoi(strrchr(receiver.listeners[listener].url, ':') + 1));
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void turns(unsigned count)
{
	while (count--)
		ck_assert_int_ge(sf_loop_turn(loop, 0), 0);
}

/* 20 octets: the header of an IPFIX message, and a text. */
static const char message[] = "\0\x0a\0\x14"
			      "time"
			      "sequ"
			      "doma"
			      "text";

START_TEST(a_stream_is_cut_into_messages)
{
	char three[60];
	int fd;

	make_stream();
	fd = connect_to(1);
	turns(2);
	for (unsigned i = 0; i < 20; i++) {
		ck_assert_uint_eq(seen.messages, 0);
		ck_assert_int_eq(send(fd, message + i, 1, 0), 1);
		turns(1);
	}
	ck_assert_uint_eq(seen.messages, 1);
	ck_assert_int_eq(memcmp(seen.last, message, 20), 0);
	for (unsigned i = 0; i < 3; i++)
		memcpy(three + 20 * i, message, 20);
	ck_assert_int_eq(send(fd, three, 50, 0), 50);
	turns(1);
	ck_assert_uint_eq(seen.messages, 3);
	ck_assert_int_eq(send(fd, three + 50, 10, 0), 10);
	turns(1);
	ck_assert_uint_eq(seen.messages, 4);
	close(fd);
	turns(1);
	ck_assert_uint_eq(seen.ends, 1);
	ck_assert_uint_eq(seen.troubles, 0);
	ck_assert_uint_eq(receiver.inflows.count, 0);
	fini();
}
END_TEST

/*
 * A connection that ends in a message, is no IPFIX, or has an impossible length is closed, reported
 * and counted.
 */
START_TEST(a_stream_that_breaks_off)
{
	static const struct {
		const char *bytes;
		size_t length;
	} cases[] = { { message, 19 }, { message, 3 }, { "\0\x09\0\x14", 4 }, { "\x16\x03", 2 },
		{ "\0\x0a\0\x0f", 4 }, { "\0\x0a\0\0", 4 } };

	make_stream();
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = connect_to(1);

		ck_assert_int_eq(
			send(fd, cases[i].bytes, cases[i].length, 0), (ssize_t)cases[i].length);
		if (i < 2)
			shutdown(fd, SHUT_WR);
		turns(3);
		ck_assert_uint_eq(seen.ends, i + 1);
		ck_assert_uint_eq(receiver.inflows.broken, i + 1);
		ck_assert_uint_eq(receiver.inflows.count, 0);
		close(fd);
	}
	ck_assert_uint_eq(seen.troubles, 6);
	ck_assert_uint_eq(seen.messages, 0);
	fini();
}
END_TEST

/* Too many connections that are in use: the newest are refused, the others go on. */
START_TEST(connections_are_bounded)
{
	int fds[SF_INFLOW_MAX + 3];
	char byte;

	make_stream();
	for (unsigned i = 0; i < SF_INFLOW_MAX + 3; i++) {
		fds[i] = connect_to(1);
		if (i < SF_INFLOW_MAX)
			ck_assert_int_eq(send(fds[i], message, 20, 0), 20);
		turns(2);
	}
	turns(3);
	ck_assert_uint_eq(seen.messages, SF_INFLOW_MAX);
	ck_assert_uint_eq(receiver.inflows.count, SF_INFLOW_MAX);
	ck_assert_uint_eq(receiver.inflows.refused, 3);
	ck_assert_int_eq(recv(fds[SF_INFLOW_MAX], &byte, 1, 0), 0);
	ck_assert_int_eq(send(fds[0], message, 20, 0), 20);
	turns(2);
	ck_assert_uint_eq(seen.messages, SF_INFLOW_MAX + 1);
	for (unsigned i = 0; i < SF_INFLOW_MAX + 3; i++)
		close(fds[i]);
	fini();
}
END_TEST

/* Connections that send nothing do not keep others out: the oldest one is closed for the next. */
START_TEST(silent_connections_give_their_place_up)
{
	int fds[SF_INFLOW_MAX + 2];
	char byte;

	make_stream();
	for (unsigned i = 0; i < SF_INFLOW_MAX + 2; i++) {
		fds[i] = connect_to(1);
		/* the first one is in use */
		if (i == 0)
			ck_assert_int_eq(send(fds[i], message, 20, 0), 20);
		turns(2);
	}
	ck_assert_uint_eq(receiver.inflows.count, SF_INFLOW_MAX);
	ck_assert_uint_eq(receiver.inflows.refused, 0);
	ck_assert_uint_eq(receiver.inflows.broken, 2);
	ck_assert_int_eq(recv(fds[1], &byte, 1, 0), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	ck_assert_int_eq(recv(fds[0], &byte, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, EAGAIN);
	for (unsigned i = 0; i < SF_INFLOW_MAX + 2; i++)
		close(fds[i]);
	fini();
}
END_TEST

/* TLS whose handshake never ends, or ends when `shakes` says so. */
static int shakes = -EAGAIN;

static struct sf_tls *fake_open(struct sf_tls_context *context, int fd, const char *name)
{
	(void)context, (void)fd, (void)name;
	return calloc(1, sizeof(struct sf_tls));
}

static int fake_handshake(struct sf_tls *tls)
{
	tls->wants_read = true;
	return shakes;
}

static ssize_t fake_read(struct sf_tls *tls, uint8_t *bytes, size_t length)
{
	(void)tls, (void)bytes, (void)length;
	return -EAGAIN;
}

static void fake_close(struct sf_tls *tls)
{
	free(tls);
}

static void fake_context_free(struct sf_tls_context *context)
{
	(void)context;
}

/*
 * A client that does not end its handshake is closed after ten seconds; one that did so may be
 * silent.
 */
START_TEST(a_handshake_has_ten_seconds)
{
	static const struct sf_tls_ops fake = { .open = fake_open,
		.handshake = fake_handshake,
		.read = fake_read,
		.close = fake_close,
		.context_free = fake_context_free };
	int fds[2];

	make(0, 0);
	ck_assert_int_eq(sf_receiver_listen(&receiver, "tcp://127.0.0.1:0", &error), 0);
	receiver.listeners[1].gate.tls = &fake;
	receiver.listeners[1].gate.context = (struct sf_tls_context *)&fds;
	for (unsigned i = 0; i < 2; i++) {
		fds[i] = connect_to(1);
		turns(1);
		shakes = i ? -EAGAIN : 0;
		ck_assert_int_eq(send(fds[i], "hello", 5, 0), 5);
		turns(1);
	}
	ck_assert_int_ge(sf_loop_turn(loop, START + 9 * SF_NS_PER_S), 0);
	ck_assert_uint_eq(receiver.inflows.count, 2);
	sf_loop_fake_clock(loop, START + 11 * SF_NS_PER_S);
	turns(2);
	ck_assert_uint_eq(receiver.inflows.count, 1);
	ck_assert_uint_eq(seen.troubles, 1);
	sf_loop_fake_clock(loop, START + 60 * SF_NS_PER_S);
	turns(2);
	ck_assert_uint_eq(receiver.inflows.count, 1);
	close(fds[0]);
	close(fds[1]);
	fini();
}
END_TEST

/* Without a free descriptor connections wait, at every listening socket, until one ends. */
START_TEST(connections_wait_for_a_free_descriptor)
{
	struct rlimit limit;
	int fds[3];

	make_stream();
	ck_assert_int_eq(sf_receiver_listen(&receiver, "tcp://127.0.0.1:0", &error), 0);
	fds[0] = connect_to(1);
	turns(2);
	ck_assert_uint_eq(receiver.inflows.count, 1);
	fds[1] = connect_to(1);
	fds[2] = connect_to(2);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = (rlim_t)dup(0);
	close((int)limit.rlim_cur);
	setrlimit(RLIMIT_NOFILE, &limit);
	turns(3);
	ck_assert_uint_eq(receiver.inflows.count, 1);
	/* nothing is ready, although both sockets have a connection to accept */
	ck_assert_int_eq(sf_loop_turn(loop, 0), 0);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	close(fds[0]);
	turns(3);
	ck_assert_uint_eq(receiver.inflows.count, 2);
	ck_assert_uint_eq(receiver.inflows.connections, 3);
	close(fds[1]);
	close(fds[2]);
	fini();
}
END_TEST

/* What lies in a connection when the run ends is still received. */
START_TEST(end_drains_connections)
{
	int fd;

	make_stream();
	fd = connect_to(1);
	turns(2);
	ck_assert_int_eq(send(fd, message, 20, 0), 20);
	sf_receiver_end(&receiver, "SIGTERM");
	ck_assert_str_eq(sf_receiver_run(&receiver), "SIGTERM");
	ck_assert_uint_eq(seen.messages, 1);
	close(fd);
	fini();
}
END_TEST

CHECK_MAIN("receiver_streams", a_stream_is_cut_into_messages, a_stream_that_breaks_off,
	connections_are_bounded, silent_connections_give_their_place_up,
	a_handshake_has_ten_seconds, connections_wait_for_a_free_descriptor,
	end_drains_connections);
