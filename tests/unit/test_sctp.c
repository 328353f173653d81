/* SPDX-License-Identifier: BSD-2-Clause */
/* Associations over UDP: exporters of the test's own at a collecting process. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wire.h"
#include "check_main.h"
#include "receive/receiver.h"

#define CLIENTS 300
#define PORT    4739

static struct sf_loop *loop;
static struct sf_receiver receiver;
static struct sf_error error;
static const struct sf_sctp_ops *sctp;

static struct {
	unsigned messages, ends, troubles;
	uint16_t streams[64];
	size_t lengths[64];
	char trouble[128];
} seen;

static struct client {
	int fd;
	struct sf_sctp *sctp;
	int news; /* what ended the association; 0: nothing did */
} clients[CLIENTS];

static void on_message(
	void *context, const char *sender, uint16_t stream, const uint8_t *data, size_t length)
{
	(void)context;
	ck_assert_int_eq(strncmp(sender, "127.0.0.1:", 10), 0);
	ck_assert_uint_eq(sf_load_be16(data), 10);
	seen.streams[seen.messages % 64] = stream;
	seen.lengths[seen.messages++ % 64] = length;
}

static void on_end(void *context, const char *sender, const char *trouble)
{
	(void)context, (void)sender;
	seen.ends++;
	seen.troubles += trouble != NULL;
	if (trouble)
		snprintf(seen.trouble, sizeof(seen.trouble), "%s", trouble);
}

static ssize_t send_out(void *context, const uint8_t *bytes, size_t length)
{
	return send(((struct client *)context)->fd, bytes, length, MSG_DONTWAIT);
}

static void make(void)
{
	const struct sf_receiver_options options = {
		.stream_message = on_message,
		.stream_end = on_end,
		.context = &seen,
	};

	memset(&seen, 0, sizeof(seen));
	memset(clients, 0, sizeof(clients));
	sctp = sf_sctp_load(&error);
	ck_assert_msg(sctp != NULL, "%s", error.text);
	ck_assert_int_eq(sf_loop_new(&loop), 0);
	ck_assert_int_eq(sf_receiver_init(&receiver, loop, &options), 0);
	ck_assert_int_eq(sf_receiver_listen(&receiver, "sctp://127.0.0.1:4739,udp=0", &error), 0);
}

static void open_client(struct client *client, unsigned host)
{
	struct sockaddr_in own = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK + host) };
	struct sockaddr_in to = own;
	const struct sf_sctp_start start = {
		.wire = { send_out, client }, .port = PORT, .mtu = 1400
	};

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons((uint16_t)atoi(strrchr(receiver.listeners[0].url, '=') + 1));
	client->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(client->fd, (struct sockaddr *)&own, sizeof(own)), 0);
	ck_assert_int_eq(connect(client->fd, (struct sockaddr *)&to, sizeof(to)), 0);
	ck_assert_int_eq(sctp->connect(&client->sctp, &start), 0);
}

/* Lets the client read what has come. */
static void attend(struct client *client)
{
	static uint8_t bytes[65536];
	struct sf_sctp_arrival arrival;
	ssize_t n;
	int news;

	while ((n = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		sctp->input(NULL, client->sctp->handle, NULL, bytes, (size_t)n);
	/* progress() reads the news of an association that is not there yet */
	if (sctp->progress(client->sctp) < 0)
		return;
	while ((news = sctp->receive(client->sctp, bytes, sizeof(bytes), &arrival)) >= 0 &&
		news != SF_SCTP_CLOSED)
		;
	if (news != -EAGAIN && !client->news)
		client->news = news == SF_SCTP_CLOSED ? 1 : news;
}

/* Some turns of both sides. */
static void turn(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		sf_loop_turn(loop, sf_loop_read_clock(loop) + SF_NS_PER_S / 1000);
		for (unsigned c = 0; c < CLIENTS && clients[c].sctp; c++)
			attend(&clients[c]);
	}
}

static void close_client(struct client *client)
{
	sctp->close(client->sctp, true);
	close(client->fd);
	client->sctp = NULL;
}

static void fini(void)
{
	for (unsigned c = 0; c < CLIENTS; c++)
		if (clients[c].sctp)
			close_client(&clients[c]);
	sf_receiver_fini(&receiver);
	sf_loop_free(loop);
}

/* A message of this length; its sets are not looked at here. */
static void send_message(struct client *client, uint16_t stream, unsigned version, size_t length)
{
	uint8_t *bytes = calloc(1, length);
	const struct sf_sctp_sending sending = { .stream = stream };

	sf_store_be16(bytes, (uint16_t)version);
	sf_store_be16(bytes + 2, (uint16_t)length);
	ck_assert_int_eq(sctp->send(client->sctp, bytes, length, &sending), (ssize_t)length);
	free(bytes);
}

/* [RFC7011-9.2-1] [RFC7011-10-1] */
START_TEST(messages_of_any_length_and_stream)
{
	static const struct {
		uint16_t stream;
		size_t length;
	} sent[] = { { 0, 16 }, { 1, 1400 }, { 63, 65535 }, { 0, 65535 }, { 7, 40000 } };
	unsigned count = sizeof(sent) / sizeof(sent[0]);
	struct client *client = &clients[0];

	make();
	open_client(client, 0);
	turn(10);
	ck_assert_int_eq(sctp->progress(client->sctp), 0);
	for (unsigned i = 0; i < count; i++)
		send_message(client, sent[i].stream, 10, sent[i].length);
	ck_assert_uint_ge(sctp->waiting(client->sctp), 65535);
	turn(300);
	ck_assert_uint_eq(seen.messages, count);
	for (unsigned i = 0; i < count; i++) {
		unsigned found = 0;

		/* streams do not wait for each other */
		for (unsigned j = 0; j < count; j++)
			found += seen.streams[j] == sent[i].stream &&
				 seen.lengths[j] == sent[i].length;
		ck_assert_uint_eq(found, 1);
	}
	ck_assert_uint_eq(sctp->waiting(client->sctp), 0);
	sctp->finish(client->sctp);
	turn(20);
	ck_assert_int_eq(client->news, 1);
	ck_assert_uint_eq(seen.ends, 1);
	ck_assert_uint_eq(seen.troubles, 0);
	ck_assert_uint_eq(receiver.inflows.count, 0);
	ck_assert_uint_eq(receiver.inflows.over_udp, 0);
	fini();
}
END_TEST

START_TEST(what_is_not_ipfix_is_refused)
{
	static const struct {
		unsigned version;
		size_t length, told;
		const char *words;
	} wrong[] = {
		{ 9, 100, 100, "this is not IPFIX: connections carry nothing else" },
		{ 10, 100, 15, "a message is shorter than its header" },
		{ 10, 100, 101, "a message of SCTP does not hold whole IPFIX messages" },
		{ 10, 100, 90, "this is not IPFIX: connections carry nothing else" },
	};
	uint8_t bytes[100] = { 0 };
	const struct sf_sctp_sending sending = { 0 };

	make();
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		open_client(&clients[i], 0);
		turn(10);
		sf_store_be16(bytes, (uint16_t)wrong[i].version);
		sf_store_be16(bytes + 2, (uint16_t)wrong[i].told);
		ck_assert_int_eq(sctp->send(clients[i].sctp, bytes, wrong[i].length, &sending),
			(ssize_t)wrong[i].length);
		turn(10);
		ck_assert_str_eq(seen.trouble, wrong[i].words);
		/* it is aborted, and not taken for delivered */
		ck_assert_int_eq(clients[i].news, -ECONNRESET);
		ck_assert_uint_eq(receiver.inflows.broken, i + 1);
	}
	fini();
}
END_TEST

START_TEST(their_number_is_bounded)
{
	make();
	for (unsigned c = 0; c < CLIENTS; c++) {
		open_client(&clients[c], c % 200);
		turn(1);
	}
	turn(20);
	ck_assert_uint_eq(receiver.inflows.count, SF_INFLOW_MAX);
	ck_assert_uint_eq(receiver.inflows.connections, CLIENTS);
	/* those that had brought no message gave their place */
	ck_assert_uint_eq(receiver.inflows.broken, CLIENTS - SF_INFLOW_MAX);
	for (unsigned c = 0; c < CLIENTS; c++)
		ck_assert_int_eq(clients[c].news, c < CLIENTS - SF_INFLOW_MAX ? -ECONNRESET : 0);
	fini();
}
END_TEST

START_TEST(noise_costs_nothing)
{
	struct client *client = &clients[0];
	uint8_t noise[200];

	make();
	open_client(client, 0);
	turn(10);
	srand(1);
	for (unsigned i = 0; i < 2000; i++) {
		size_t length = (size_t)(rand() % (int)sizeof(noise));

		for (size_t b = 0; b < length; b++)
			noise[b] = (uint8_t)rand();
		/* in the name of the exporter */
		send(client->fd, noise, length, MSG_DONTWAIT);
		if (i % 50 == 0)
			turn(1);
	}
	send_message(client, 0, 10, 16);
	turn(20);
	ck_assert_uint_eq(seen.messages, 1);
	ck_assert_uint_eq(seen.ends, 0);
	ck_assert_uint_eq(receiver.inflows.count, 1);
	fini();
}
END_TEST

START_TEST(the_end_of_a_run_ends_associations_in_order)
{
	make();
	open_client(&clients[0], 0);
	turn(10);
	send_message(&clients[0], 0, 10, 16);
	turn(20);
	sf_receiver_fini(&receiver);
	attend(&clients[0]);
	ck_assert_int_eq(clients[0].news, 1);
	fini();
}
END_TEST

CHECK_MAIN("sctp", messages_of_any_length_and_stream, what_is_not_ipfix_is_refused,
	their_number_is_bounded, noise_costs_nothing, the_end_of_a_run_ends_associations_in_order)
