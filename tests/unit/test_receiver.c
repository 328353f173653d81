/* SPDX-License-Identifier: BSD-2-Clause */
/* How a collecting process receives, and how its runs end: sockets on loopback and a fake clock. */
#include <arpa/inet.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "check_main.h"
#include "receive/receiver.h"

#define START INT64_C(1000000000000)

static struct sf_loop *loop;
static struct sf_receiver receiver;
static struct sf_error error;

/* What the functions of the receiver saw, and what they are to do. */
static struct {
	unsigned messages, written_out;
	char last[64], order[512];
	unsigned ends, troubles;
	unsigned act_at;            /* number of the message that does: */
	void (*act)(void);          /* this */
	int64_t work_ns;            /* each message takes so long */
	int64_t first_ns, final_ns; /* of writing out */
} seen;

static void on_message(void *context, const char *sender, const uint8_t *data, size_t length)
{
	ck_assert_ptr_eq(context, &seen);
	ck_assert_int_eq(strncmp(sender, "127.0.0.1:", 10), 0);
	ck_assert_uint_lt(length, sizeof(seen.last));
	memcpy(seen.last, data, length);
	seen.last[length] = '\0';
	seen.order[seen.messages] = seen.last[0];
	if (seen.work_ns)
		sf_loop_fake_clock(loop, sf_loop_now(loop) + seen.work_ns);
	if (++seen.messages == seen.act_at)
		seen.act();
}

static void on_stream_message(
	void *context, const char *sender, uint16_t stream, const uint8_t *data, size_t length)
{
	ck_assert_uint_eq(stream, 0);
	on_message(context, sender, data, length);
}

static void on_end(void *context, const char *sender, const char *trouble)
{
	ck_assert_ptr_eq(context, &seen);
	ck_assert_int_eq(strncmp(sender, "127.0.0.1:", 10), 0);
	seen.ends++;
	seen.troubles += trouble != NULL;
}

static void on_write_out(void *context)
{
	ck_assert_ptr_eq(context, &seen);
	if (!seen.written_out++)
		seen.first_ns = sf_loop_now(loop);
	seen.final_ns = sf_loop_now(loop);
}

static void make(int64_t duration_ns, int64_t silence_ns)
{
	const struct sf_receiver_options options = {
		.message = on_message,
		.stream_message = on_stream_message,
		.stream_end = on_end,
		.write_out = on_write_out,
		.context = &seen,
		.duration_ns = duration_ns,
		.silence_ns = silence_ns,
	};

	memset(&seen, 0, sizeof(seen));
	ck_assert_int_eq(sf_loop_new(&loop), 0);
	sf_loop_fake_clock(loop, START);
	ck_assert_int_eq(sf_receiver_init(&receiver, loop, &options), 0);
	ck_assert_int_eq(sf_receiver_listen(&receiver, "udp://127.0.0.1:0", &error), 0);
}

static void send_to(unsigned listener, unsigned count, const char *text)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const char *port = strrchr(receiver.listeners[listener].url, ':') + 1;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	to.sin_port = htons((uint16_t)atoi(port));
	for (unsigned i = 0; i < count; i++)
		ck_assert_int_gt(
			sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to, sizeof(to)), 0);
	close(fd);
}

static void fini(void)
{
	sf_receiver_fini(&receiver);
	sf_receiver_fini(&receiver);
	sf_loop_free(loop);
}

START_TEST(duration_ends_a_run)
{
	make(3600 * SF_NS_PER_S, 0);
	send_to(0, 3, "abc");
	ck_assert_str_eq(sf_receiver_run(&receiver), "duration");
	ck_assert_int_eq(sf_loop_now(loop), START + 3600 * SF_NS_PER_S);
	ck_assert_uint_eq(seen.messages, 3);
	ck_assert_str_eq(seen.last, "abc");
	ck_assert_uint_eq(receiver.datagrams, 3);
	ck_assert_uint_eq(receiver.undecoded, 0);
	ck_assert_int_eq(receiver.error.code, 0);
	ck_assert_uint_eq(sf_receiver_dropped(&receiver), 0);
	fini();
}
END_TEST

static void send_more(void)
{
	sf_loop_fake_clock(loop, sf_loop_now(loop) + 7 * SF_NS_PER_S);
	send_to(0, 1, "b");
}

START_TEST(silence_ends_a_run)
{
	make(0, 10 * SF_NS_PER_S);
	send_to(0, 1, "a");
	seen.act_at = 1;
	seen.act = send_more;
	ck_assert_str_eq(sf_receiver_run(&receiver), "idle");
	ck_assert_uint_eq(seen.messages, 2);
	ck_assert_int_eq(sf_loop_now(loop), START + 17 * SF_NS_PER_S);
	fini();
}
END_TEST

static void end(void)
{
	sf_receiver_end(&receiver, "SIGTERM");
	sf_receiver_end(&receiver, "SIGINT");
}

/* What lies in the sockets by then is received, in any number of batches. */
START_TEST(end_drains_the_sockets)
{
	make(0, 0);
	send_to(0, 200, "x");
	seen.act_at = 1;
	seen.act = end;
	ck_assert_str_eq(sf_receiver_run(&receiver), "SIGTERM");
	ck_assert_uint_eq(seen.messages, 200);
	ck_assert_uint_eq(receiver.undecoded, 0);
	fini();
	make(0, 0);
	send_to(0, 5, "x");
	end();
	ck_assert_str_eq(sf_receiver_run(&receiver), "SIGTERM");
	ck_assert_uint_eq(seen.messages, 5);
	fini();
}
END_TEST

static void end_before_more(void)
{
	end();
	send_to(0, 20, "late");
}

/* Of what is much work: a second for 10 datagrams, and 5 s for those that lie in the socket. */
START_TEST(draining_is_bounded)
{
	make(0, 0);
	send_to(0, 60, "x");
	seen.work_ns = SF_NS_PER_S / 10;
	seen.act_at = 10;
	seen.act = end_before_more;
	ck_assert_str_eq(sf_receiver_run(&receiver), "SIGTERM");
	ck_assert_uint_eq(seen.messages, 60);
	ck_assert_uint_eq(receiver.datagrams, 60);
	ck_assert_uint_eq(receiver.undecoded, 0);
	ck_assert_uint_eq(sf_receiver_dropped(&receiver), 0);
	fini();
	make(0, 0);
	send_to(0, 100, "x");
	seen.work_ns = SF_NS_PER_S / 10;
	seen.act_at = 10;
	seen.act = end_before_more;
	ck_assert_str_eq(sf_receiver_run(&receiver), "SIGTERM");
	ck_assert_uint_eq(seen.messages, 60);
	ck_assert_uint_eq(receiver.datagrams, 100);
	ck_assert_uint_eq(receiver.undecoded, 40);
	fini();
}
END_TEST

/* The duration is looked at between two datagrams of a batch. */
START_TEST(duration_is_seen_within_a_batch)
{
	make(SF_NS_PER_S / 10, 0);
	send_to(0, 60, "x");
	seen.work_ns = SF_NS_PER_S / 5;
	ck_assert_str_eq(sf_receiver_run(&receiver), "duration");
	ck_assert_uint_eq(seen.messages, 1 + 25);
	ck_assert_uint_eq(receiver.undecoded, 34);
	fini();
}
END_TEST

static void cut(void)
{
	sf_receiver_cut(&receiver); /* it does not drain yet: no effect */
	ck_assert_ptr_null(receiver.ended);
	end();
	sf_receiver_cut(&receiver);
}

static void stop(void)
{
	sf_receiver_stop(&receiver, "count");
	sf_receiver_stop(&receiver, "output");
	end();
}

START_TEST(run_can_end_between_two_datagrams)
{
	make(0, 0);
	send_to(0, 20, "x");
	seen.act_at = 5;
	seen.act = cut;
	ck_assert_str_eq(sf_receiver_run(&receiver), "SIGTERM");
	ck_assert_uint_eq(seen.messages, 5);
	ck_assert_uint_eq(receiver.datagrams, 20);
	ck_assert_uint_eq(receiver.undecoded, 15);
	fini();
	/* what nobody wants is not counted */
	make(0, 0);
	send_to(0, 20, "x");
	seen.act_at = 5;
	seen.act = stop;
	ck_assert_str_eq(sf_receiver_run(&receiver), "count");
	ck_assert_uint_eq(receiver.datagrams, 5);
	ck_assert_uint_eq(receiver.undecoded, 0);
	fini();
}
END_TEST

static void end_with_more(void)
{
	send_to(1, 100, "y");
	end();
}

/*
 * What is in the sockets when there is no time left is counted: 51 of 200 datagrams in the first
 * socket and none of 100 in the second one are decoded. Later ones are neither received nor
 * dropped.
 */
START_TEST(what_is_left_in_the_sockets_is_counted)
{
	make(0, 0);
	ck_assert_int_eq(sf_receiver_listen(&receiver, "udp://127.0.0.1:0", &error), 0);
	send_to(0, 200, "x");
	seen.work_ns = SF_NS_PER_S / 10;
	seen.act_at = 1;
	seen.act = end_with_more;
	ck_assert_str_eq(sf_receiver_run(&receiver), "SIGTERM");
	ck_assert_uint_eq(seen.messages, 51);
	ck_assert_uint_eq(receiver.datagrams, 300);
	ck_assert_uint_eq(receiver.undecoded, 249);
	ck_assert_uint_eq(sf_receiver_dropped(&receiver), 0);
	send_to(0, 5, "x");
	ck_assert_uint_eq(sf_receiver_dropped(&receiver), 0);
	fini();
	/* those of no use are not */
	make(0, 0);
	send_to(0, 200, "x");
	seen.act_at = 5;
	seen.act = stop;
	ck_assert_str_eq(sf_receiver_run(&receiver), "count");
	ck_assert_uint_eq(receiver.datagrams, 5);
	ck_assert_uint_eq(receiver.undecoded, 0);
	fini();
}
END_TEST

/* At the first pause, then every 100 ms while records may be held back, then never again. */
START_TEST(output_is_written_when_the_input_pauses)
{
	make(86400 * SF_NS_PER_S, 0);
	send_to(0, 1, "x");
	sf_receiver_run(&receiver);
	ck_assert_int_eq(seen.first_ns, START);
	ck_assert_int_gt(seen.final_ns, START + SF_NS_PER_S);
	ck_assert_int_lt(seen.final_ns, START + 2 * SF_NS_PER_S);
	ck_assert_uint_ge(seen.written_out, 12);
	ck_assert_uint_le(seen.written_out, 18);
	fini();
}
END_TEST

START_TEST(flood_on_one_socket_does_not_starve_another)
{
	make(SF_NS_PER_S, 0);
	ck_assert_int_eq(sf_receiver_listen(&receiver, "udp://127.0.0.1:0", &error), 0);
	ck_assert_uint_eq(receiver.count, 2);
	send_to(0, 200, "f");
	send_to(1, 1, "q");
	sf_receiver_run(&receiver);
	ck_assert_uint_eq(seen.messages, 201);
	ck_assert_int_le(strchr(seen.order, 'q') - seen.order, SF_LISTEN_BATCH);
	fini();
}
END_TEST

START_TEST(wrong_urls_are_refused)
{
	make(0, 0);
	ck_assert_int_eq(sf_receiver_listen(&receiver, "tcp:127.0.0.1", &error), SF_EUSAGE);
	ck_assert_ptr_nonnull(strstr(error.text, "udp://HOST:PORT"));
	ck_assert_int_lt(sf_receiver_listen(&receiver, receiver.listeners[0].url, &error), 0);
	ck_assert_uint_eq(receiver.count, 1);
	fini();
}
END_TEST

/* ---------------------------------------------------------------- connections */

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

/* What lies in a connection when the run ends is still received. */
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

CHECK_MAIN("receiver", a_stream_is_cut_into_messages, a_stream_that_breaks_off,
	connections_are_bounded, silent_connections_give_their_place_up,
	a_handshake_has_ten_seconds, connections_wait_for_a_free_descriptor, end_drains_connections,
	duration_ends_a_run, silence_ends_a_run, end_drains_the_sockets, draining_is_bounded,
	duration_is_seen_within_a_batch, run_can_end_between_two_datagrams,
	what_is_left_in_the_sockets_is_counted, output_is_written_when_the_input_pauses,
	flood_on_one_socket_does_not_starve_another, wrong_urls_are_refused)
