/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DTLS without a network: cookies, copies, forged datagrams; and sessions of a collector that are
 * bounded.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "check_main.h"
#include "receive/sessions.h"
#include "tls/dtls.h"
#include "tls_support.h"
#include "transport/connection.h"

#define HOUR_NS   INT64_C(3600000000000)
#define DATAGRAMS 64
#define PEER      ((const uint8_t *)"192.0.2.1:4000")

/* A fatal alert that nobody has encrypted. */
static const uint8_t clear_alert[15] = { 21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 10 };

/* What one side has sent and the other has not got yet. */
struct line {
	unsigned count, read;
	size_t lengths[DATAGRAMS];
	uint8_t bytes[DATAGRAMS][2048];
};

static const struct sf_dtls_ops *dtls;
static struct sf_tls_context *contexts[2]; /* client, server */
static struct line lines[2];               /* of the client, of the server */
static char certificate[] = "/tmp/test_dtls.XXXXXX";

static ssize_t put(void *context, const uint8_t *bytes, size_t length)
{
	struct line *line = context;

	ck_assert_uint_lt(line->count, DATAGRAMS);
	ck_assert_uint_le(length, sizeof(line->bytes[0]));
	memcpy(line->bytes[line->count], bytes, length);
	line->lengths[line->count++] = length;
	return (ssize_t)length;
}

static void begin(void)
{
	const struct sf_tls_files files = { .ca = certificate, .cert = certificate };
	struct sf_error error = { 0 };

	strcpy(certificate, "/tmp/test_dtls.XXXXXX");
	make_certificate(certificate);
	dtls = sf_dtls_load(&error);
	ck_assert_msg(dtls != NULL, "%s", error.text);
	for (unsigned server = 0; server < 2; server++) {
		int code = dtls->context_new(&contexts[server], &files, server, &error);

		ck_assert_msg(code == 0, "%s", error.text);
	}
	memset(lines, 0, sizeof(lines));
}

static void end(void)
{
	dtls->context_free(contexts[0]);
	dtls->context_free(contexts[1]);
	unlink(certificate);
}

static struct sf_dtls *open_side(unsigned server)
{
	const struct sf_dtls_wire wire = { put, &lines[server] };
	struct sf_dtls *session =
		dtls->open(contexts[server], server ? NULL : "both.example", &wire);

	ck_assert_ptr_nonnull(session);
	return session;
}

/* The handshake, the cookie too. */
static void shake(struct sf_dtls *client, struct sf_dtls *server)
{
	bool known = false;

	for (unsigned turn = 0; turn < 10 && !(client->shaken && server->shaken); turn++) {
		if (!client->shaken)
			dtls->handshake(client);
		for (; lines[0].read < lines[0].count; lines[0].read++) {
			const uint8_t *bytes = lines[0].bytes[lines[0].read];
			size_t length = lines[0].lengths[lines[0].read];

			if (known)
				dtls->input(server, bytes, length);
			else
				known = dtls->hello(server, PEER, 14, bytes, length, 0) == 1;
			if (known)
				dtls->handshake(server);
		}
		for (; lines[1].read < lines[1].count; lines[1].read++) {
			dtls->input(client, lines[1].bytes[lines[1].read],
				lines[1].lengths[lines[1].read]);
			dtls->handshake(client);
		}
	}
	ck_assert(client->shaken && server->shaken);
}

/* The last datagram of a side arrives. Bytes, or an error. */
static ssize_t arrive(struct sf_dtls *to, unsigned from, uint8_t *bytes, size_t size)
{
	struct line *line = &lines[from];

	dtls->input(to, line->bytes[line->count - 1], line->lengths[line->count - 1]);
	return dtls->read(to, bytes, size);
}

START_TEST(a_cookie_is_of_one_peer)
{
	struct sf_dtls *client, *server, *other;

	begin();
	client = open_side(0), server = open_side(1), other = open_side(1);
	ck_assert_int_eq(dtls->handshake(client), -EAGAIN);
	/*
	 * a hello without a cookie begins nothing, however often it comes, and its answer is
	 * shorter
	 */
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(
			dtls->hello(server, PEER, 14, lines[0].bytes[0], lines[0].lengths[0], 0),
			0);
	ck_assert_uint_eq(lines[1].count, 3);
	ck_assert_uint_lt(lines[1].lengths[0], lines[0].lengths[0]);
	dtls->input(client, lines[1].bytes[0], lines[1].lengths[0]);
	ck_assert_int_eq(dtls->handshake(client), -EAGAIN);
	ck_assert_uint_eq(lines[0].count, 2);
	ck_assert_int_eq(dtls->hello(other, (const uint8_t *)"192.0.2.2:4000", 14,
				 lines[0].bytes[1], lines[0].lengths[1], 0),
		0);
	/* it is good for this hour and the next one */
	ck_assert_int_eq(
		dtls->hello(other, PEER, 14, lines[0].bytes[1], lines[0].lengths[1], 2 * HOUR_NS),
		0);
	ck_assert_int_eq(dtls->hello(server, PEER, 14, lines[0].bytes[1], lines[0].lengths[1],
				 2 * HOUR_NS - 1),
		1);
	dtls->close(client);
	dtls->close(server);
	dtls->close(other);
	end();
}
END_TEST

START_TEST(a_message_comes_once)
{
	struct sf_dtls *client, *server;
	uint8_t bytes[2048];

	begin();
	client = open_side(0), server = open_side(1);
	shake(client, server);
	ck_assert_int_eq(dtls->write(client, (const uint8_t *)"flows", 5), 5);
	ck_assert_int_eq(arrive(server, 0, bytes, sizeof(bytes)), 5);
	ck_assert_mem_eq(bytes, "flows", 5);
	ck_assert_int_eq(dtls->read(server, bytes, sizeof(bytes)), -EAGAIN);
	/* a copy of the datagram */
	ck_assert_int_eq(arrive(server, 0, bytes, sizeof(bytes)), -EAGAIN);
	/* an alert in the clear is a hint, and ends nothing */
	dtls->input(client, clear_alert, sizeof(clear_alert));
	ck_assert_int_eq(dtls->read(client, bytes, sizeof(bytes)), -EAGAIN);
	ck_assert(client->disowned);
	dtls->finish(client);
	ck_assert_int_eq(arrive(server, 0, bytes, sizeof(bytes)), 0);
	dtls->close(client);
	dtls->close(server);
	end();
}
END_TEST

static uint32_t chance(void)
{
	static uint64_t state = 1;

	state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(state >> 33);
}

/*
 * A datagram that one of the sides has sent, with other bytes, or noise with the header of a
 * record.
 */
static size_t forge(uint8_t *bytes)
{
	const struct line *line = &lines[chance() % 2];
	unsigned index = chance() % line->count;
	size_t length = line->lengths[index];

	memcpy(bytes, line->bytes[index], length);
	if (chance() % 3 == 0) {
		const uint8_t header[13] = { (uint8_t)(20 + chance() % 6), 254, 253, 0,
			(uint8_t)(chance() % 3), 0, 0, 0, 0, 0, (uint8_t)chance(), 0,
			(uint8_t)(chance() % 64) };

		length = 13 + (chance() % 2 ? header[12] : chance() % 64);
		for (size_t i = 0; i < length; i++)
			bytes[i] = i < 13 ? header[i] : (uint8_t)chance();
		return length;
	}
	for (unsigned n = 1 + chance() % 4; n; n--)
		bytes[chance() % (chance() % 2 ? length : 25)] = (uint8_t)chance();
	return chance() % 4 ? length : 1 + chance() % length;
}

/* Forged datagrams bring nothing and end no session, neither of the server nor of the client. */
START_TEST(forged_datagrams_end_nothing)
{
	struct sf_dtls *sides[2];
	uint8_t bytes[2048], read[2048];

	begin();
	sides[0] = open_side(0), sides[1] = open_side(1);
	shake(sides[0], sides[1]);
	ck_assert_int_eq(dtls->write(sides[0], (const uint8_t *)"flows", 5), 5);
	ck_assert_int_eq(arrive(sides[1], 0, read, sizeof(read)), 5);
	for (unsigned i = 0; i < 20000; i++) {
		struct sf_dtls *side = sides[i % 2];
		size_t length = forge(bytes);
		unsigned counts[2] = { lines[0].count, lines[1].count };

		dtls->input(side, bytes, length);
		ck_assert_msg(dtls->read(side, read, sizeof(read)) == -EAGAIN, "%u: %s", i,
			side->trouble);
		/* a part of the handshake may be repeated */
		lines[0].count = counts[0], lines[1].count = counts[1];
	}
	ck_assert_int_eq(dtls->write(sides[0], (const uint8_t *)"more", 4), 4);
	ck_assert_int_eq(arrive(sides[1], 0, read, sizeof(read)), 4);
	dtls->close(sides[0]);
	dtls->close(sides[1]);
	end();
}
END_TEST

/* ---------------------------------------------------------------- sessions of a collector */

static unsigned ended, messages;
static bool none_wanted;

static void on_input(void *context)
{
	(void)context;
}

static bool on_message(
	void *context, const char *sender, uint16_t stream, const uint8_t *data, size_t length)
{
	ck_assert_uint_eq(stream, 0);
	(void)context, (void)sender, (void)data, (void)length;
	ck_assert_msg(!none_wanted, "a message of nobody");
	messages++;
	return true;
}

static void on_end(void *context, const char *sender, const char *trouble)
{
	(void)context, (void)sender;
	ck_assert_ptr_nonnull(trouble);
	ended++;
}

static int bound(struct sockaddr_in *address, unsigned host)
{
	socklen_t size = sizeof(*address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK + host) };
	ck_assert_int_eq(bind(fd, (struct sockaddr *)address, size), 0);
	getsockname(fd, (struct sockaddr *)address, &size);
	return fd;
}

/*
 * A client that returns its cookie and then is silent; its socket, as others may not have its
 * address.
 */
static int greet(
	struct sf_sessions *sessions, struct sf_dtls_listener *listener, int server, unsigned host)
{
	struct sf_path path = { .fd = server, .peer_size = sizeof(struct sockaddr_in) };
	int fd = bound((struct sockaddr_in *)&path.peer, host);
	struct sf_dtls *client = open_side(0);
	uint8_t answer[2048];
	ssize_t n;

	lines[0].count = 0;
	ck_assert_int_eq(dtls->handshake(client), -EAGAIN);
	ck_assert(sf_sessions_take(
		sessions, listener, &path, lines[0].bytes[0], lines[0].lengths[0], true));
	n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
	ck_assert_int_gt(n, 0);
	dtls->input(client, answer, (size_t)n);
	ck_assert_int_eq(dtls->handshake(client), -EAGAIN);
	ck_assert(sf_sessions_take(
		sessions, listener, &path, lines[0].bytes[1], lines[0].lengths[1], true));
	dtls->close(client);
	return fd;
}

START_TEST(handshakes_are_bounded)
{
	const struct sf_inflow_owner owner = { on_input, on_message, on_end, NULL };
	static struct sf_sessions sessions;
	struct sockaddr_in address;
	struct sf_dtls_listener listener = { 0 };
	struct sf_loop *loop;
	int clients[SF_SESSIONS_HALF + 6 + 4];
	int64_t until;
	int fd;

	begin();
	ended = 0;
	none_wanted = true;
	ck_assert_int_eq(sf_loop_new(&loop), 0);
	sf_loop_fake_clock(loop, SF_NS_PER_S);
	ck_assert_int_eq(sf_sessions_init(&sessions, loop, &owner), 0);
	fd = bound(&address, 0);
	listener.ops = dtls;
	listener.context = contexts[1];
	/* one host has 8 of them at most, whatever its ports */
	for (unsigned i = 0; i < SF_SESSIONS_HOST + 4; i++)
		clients[i] = greet(&sessions, &listener, fd, 0);
	ck_assert_uint_eq(sessions.half, SF_SESSIONS_HOST);
	ck_assert_uint_eq(ended, 4);
	for (unsigned i = SF_SESSIONS_HOST + 4; i < SF_SESSIONS_HALF + 6 + 4; i++)
		clients[i] = greet(&sessions, &listener, fd, i / 4);
	ck_assert_uint_eq(sessions.count, SF_SESSIONS_HALF);
	ck_assert_uint_eq(sessions.half, SF_SESSIONS_HALF);
	ck_assert_uint_eq(ended, 6 + 4);
	/* those that are silent have ten seconds */
	until = sf_loop_now(loop) + 11 * SF_NS_PER_S;
	while (sf_loop_now(loop) < until && sessions.count)
		sf_loop_turn(loop, until);
	ck_assert_uint_eq(sessions.count, 0);
	ck_assert_uint_eq(sessions.half, 0);
	ck_assert_uint_eq(ended, SF_SESSIONS_HALF + 6 + 4);
	ck_assert_uint_eq(sessions.broken, SF_SESSIONS_HALF + 6 + 4);
	sf_sessions_fini(&sessions);
	sf_dtls_listener_close(&listener);
	sf_loop_free(loop);
	for (unsigned i = 0; i < SF_SESSIONS_HALF + 6 + 4; i++)
		close(clients[i]);
	close(fd);
	end();
}
END_TEST

/* An exporter whose handshake is done. */
struct joined {
	int fd;
	struct sf_path path;
	struct sf_dtls *session;
};

/* What the exporter has sent since datagram `from` arrives. */
static void deliver(struct sf_sessions *sessions, struct sf_dtls_listener *listener,
	const struct joined *joined, unsigned from)
{
	for (unsigned i = from; i < lines[0].count; i++)
		ck_assert(sf_sessions_take(sessions, listener, &joined->path, lines[0].bytes[i],
			lines[0].lengths[i], true));
}

static void join(struct sf_sessions *sessions, struct sf_dtls_listener *listener, int server,
	struct joined *joined)
{
	uint8_t answer[2048];
	ssize_t n;

	*joined = (struct joined){ .path = { .fd = server,
					   .peer_size = sizeof(struct sockaddr_in) } };
	joined->fd = bound((struct sockaddr_in *)&joined->path.peer, 0);
	joined->session = open_side(0);
	for (unsigned turn = 0; turn < 10 && !joined->session->shaken; turn++) {
		unsigned from = lines[0].count;

		dtls->handshake(joined->session);
		deliver(sessions, listener, joined, from);
		while ((n = recv(joined->fd, answer, sizeof(answer), MSG_DONTWAIT)) > 0) {
			dtls->input(joined->session, answer, (size_t)n);
			dtls->handshake(joined->session);
		}
		deliver(sessions, listener, joined, lines[0].count > from + 1 ? from + 1 : from);
	}
	ck_assert(joined->session->shaken);
}

/* An empty IPFIX message. */
static void send_message(struct sf_sessions *sessions, struct sf_dtls_listener *listener,
	const struct joined *joined)
{
	const uint8_t empty[16] = { 0, 10, 0, 16 };
	unsigned from = lines[0].count;

	ck_assert_int_eq(dtls->write(joined->session, empty, sizeof(empty)), sizeof(empty));
	deliver(sessions, listener, joined, from);
}

/*
 * Datagrams that the session's key did not make say nothing of the peer, though they have its
 * address: the session stays where it is in the order of silence, in which sessions lose their
 * places.
 */
START_TEST(only_what_is_decrypted_is_heard)
{
	const struct sf_inflow_owner owner = { on_input, on_message, on_end, NULL };
	static struct sf_sessions sessions;
	struct sockaddr_in address;
	struct sf_dtls_listener listener = { 0 };
	struct sf_dtls_session *newer;
	struct joined peers[2];
	struct sf_loop *loop;
	uint8_t bytes[2048];
	int fd;

	begin();
	ended = messages = 0;
	none_wanted = false;
	ck_assert_int_eq(sf_loop_new(&loop), 0);
	sf_loop_fake_clock(loop, SF_NS_PER_S);
	ck_assert_int_eq(sf_sessions_init(&sessions, loop, &owner), 0);
	fd = bound(&address, 0);
	listener.ops = dtls;
	listener.context = contexts[1];
	for (unsigned i = 0; i < 2; i++) {
		lines[0].count = 0;
		join(&sessions, &listener, fd, &peers[i]);
	}
	ck_assert_uint_eq(sessions.count, 2);
	ck_assert_uint_eq(sessions.half, 0);
	newer = sessions.first;
	lines[1] = lines[0]; /* forge() takes what either side has sent */
	for (unsigned i = 0; i < 5000; i++) {
		size_t length = forge(bytes);

		/* a hello would begin another session beside it */
		bytes[0] = bytes[0] == 22 ? 23 : bytes[0];
		ck_assert(sf_sessions_take(
			&sessions, &listener, &peers[0].path, bytes, length, true));
		ck_assert_ptr_eq(sessions.first, newer);
	}
	ck_assert_uint_eq(sessions.count, 2);
	ck_assert_uint_eq(messages, 0);
	ck_assert_uint_eq(ended, 0);
	send_message(&sessions, &listener, &peers[0]);
	ck_assert_ptr_ne(sessions.first, newer);
	ck_assert_ptr_eq(sessions.last, newer);
	send_message(&sessions, &listener, &peers[1]);
	ck_assert_ptr_eq(sessions.first, newer);
	ck_assert_uint_eq(messages, 2);
	/* a new peer's: counted, and nothing is kept of it */
	((struct sockaddr_in *)&peers[0].path.peer)->sin_port ^= 1;
	ck_assert(sf_sessions_take(&sessions, &listener, &peers[0].path, bytes, 20, true));
	ck_assert_uint_eq(sessions.strays, 1);
	ck_assert_uint_eq(sessions.count, 2);
	sf_sessions_fini(&sessions);
	sf_dtls_listener_close(&listener);
	sf_loop_free(loop);
	for (unsigned i = 0; i < 2; i++) {
		dtls->close(peers[i].session);
		close(peers[i].fd);
	}
	close(fd);
	end();
}
END_TEST

/* ---------------------------------------------------------------- the exporter's end */

static int64_t exporter_ns;

static int64_t exporter_now(struct sf_connection *link)
{
	(void)link;
	return exporter_ns;
}

/*
 * The collector, on socket `fd`, takes a session of the exporter, and then somebody forges an alert
 * in the clear.
 */
static void take_and_forge(struct sf_connection *link, const struct sf_peer *peer, int fd)
{
	struct sf_dtls *server = open_side(1);
	struct sockaddr_in exporter;
	socklen_t size = sizeof(exporter);
	struct sockaddr *from = (struct sockaddr *)&exporter;
	uint8_t bytes[2048] = { 0 };
	bool known = false;
	int code = -EAGAIN;
	ssize_t n;

	lines[1].count = lines[1].read = 0;
	ck_assert_int_eq(link->ops->connect(link, peer, 0), 0);
	for (unsigned turn = 0; turn < 10 && code == -EAGAIN; turn++) {
		code = link->ops->progress(link);
		while ((n = recvfrom(fd, bytes, sizeof(bytes), MSG_DONTWAIT, from, &size)) > 0) {
			if (known)
				dtls->input(server, bytes, (size_t)n);
			else
				known = dtls->hello(server, PEER, 14, bytes, (size_t)n, 0) == 1;
			if (known)
				dtls->handshake(server);
		}
		for (; lines[1].read < lines[1].count; lines[1].read++)
			sendto(fd, lines[1].bytes[lines[1].read], lines[1].lengths[lines[1].read],
				0, from, size);
	}
	ck_assert_int_eq(code, 0);
	dtls->close(server);
	ck_assert_int_eq(
		sendto(fd, clear_alert, sizeof(clear_alert), 0, from, size), sizeof(clear_alert));
}

/*
 * An alert in the clear ends a session that is a second old. After each session that ended so
 * within two minutes the next one has to be twice as old, up to a minute; a longer one ends the
 * distrust.
 */
START_TEST(alerts_in_the_clear_are_believed_less_each_time)
{
	static const struct {
		int64_t believed_s; /* age of the session from which the alert ends it */
		int64_t lasted_s;   /* its age when the exporter looks next */
	} rows[] = { { 1, 1 }, { 2, 2 }, { 4, 4 }, { 8, 8 }, { 16, 16 }, { 32, 32 }, { 60, 60 },
		{ 60, 60 }, { 60, 120 }, { 60, 121 }, { 1, 1 }, { 2, 121 }, { 1, 1 } };
	const struct sf_tls_files files = {
		.ca = certificate, .cert = certificate, .name = "both.example"
	};
	struct sf_connection_ops ops;
	struct sf_connection *link;
	struct sockaddr_in address;
	struct sf_error error = { 0 };
	struct sf_peer peer;
	char port[8];
	int fd;

	begin();
	ck_assert_int_eq(sf_dtls_connection_new(&link, &files, 0, 0, &error), 0);
	ops = *link->ops;
	ops.now = exporter_now;
	link->ops = &ops;
	fd = bound(&address, 0);
	snprintf(port, sizeof(port), "%u", ntohs(address.sin_port));
	ck_assert_int_eq(
		sf_peer_init(&peer, &(struct sf_peer_options){ .host = "127.0.0.1", .port = port },
			&error),
		0);
	sf_peer_find(&peer, false);
	exporter_ns = HOUR_NS;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t made_ns = exporter_ns;

		take_and_forge(link, &peer, fd);
		exporter_ns = made_ns + rows[i].believed_s * SF_NS_PER_S - 1;
		ck_assert_msg(link->ops->check(link) == 0, "row %u: too soon", i);
		exporter_ns = made_ns + rows[i].lasted_s * SF_NS_PER_S;
		ck_assert_msg(link->ops->check(link) == -ESTALE, "row %u: not believed", i);
		ck_assert_ptr_nonnull(strstr(link->trouble, "does not know the session"));
		link->ops->close(link);
	}
	link->ops->free(link);
	sf_peer_fini(&peer);
	close(fd);
	end();
}
END_TEST

CHECK_MAIN("dtls", a_cookie_is_of_one_peer, a_message_comes_once, forged_datagrams_end_nothing,
	handshakes_are_bounded, only_what_is_decrypted_is_heard,
	alerts_in_the_clear_are_believed_less_each_time)
