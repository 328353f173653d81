/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLS between two sockets of this process: how messages leave, and what stays when a socket is
 * full.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check_main.h"
#include "tls/tls.h"
#include "tls_support.h"

#define LONGEST  65535 /* bytes of a message */
#define MESSAGES 40

static const struct sf_tls_ops *tls;
static struct sf_tls_context *contexts[2]; /* client, server */
static struct sf_tls *client, *server;
static int ends[2]; /* their sockets */
static char certificate[] = "/tmp/test_tls.XXXXXX";
static uint8_t message[LONGEST], received[MESSAGES * LONGEST];

static void begin(void)
{
	const struct sf_tls_files files = { .ca = certificate, .cert = certificate };
	struct sf_error error = { 0 };

	strcpy(certificate, "/tmp/test_tls.XXXXXX");
	make_certificate(certificate);
	tls = sf_tls_load(&error);
	ck_assert_msg(tls != NULL, "%s", error.text);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_msg(
			tls->context_new(&contexts[i], &files, i, &error) == 0, "%s", error.text);
	client = tls->open(contexts[0], ends[0], "both.example");
	server = tls->open(contexts[1], ends[1], NULL);
	for (unsigned turn = 0, done = 0; done != 3; turn++) {
		ck_assert_uint_lt(turn, 10);
		done |= tls->handshake(client) == 0 ? 1 : 0;
		done |= tls->handshake(server) == 0 ? 2 : 0;
	}
	for (unsigned i = 0; i < LONGEST; i++)
		message[i] = (uint8_t)(i * 7 + i / 251);
}

static void end(void)
{
	tls->close(client);
	tls->close(server);
	for (unsigned i = 0; i < 2; i++) {
		tls->context_free(contexts[i]);
		close(ends[i]);
	}
	unlink(certificate);
}

/*
 * Reads what has come, behind `length` bytes. Returns their new number; the last read had no more.
 */
static size_t read_all(size_t length)
{
	ssize_t n;

	while ((n = tls->read(server, received + length, sizeof(received) - length)) > 0)
		length += (size_t)n;
	ck_assert_msg(n == -EAGAIN || n == 0, "%d: %s", (int)n, server->trouble);
	return length;
}

/* A socket that tells one send() from the next stands in for the client's. */
START_TEST(a_message_leaves_by_one_send)
{
	static const size_t lengths[] = { 1, 100, 16384, 16385, 30000, 65476, LONGEST };
	static uint8_t sent[2 * LONGEST];
	int stream, packets[2];
	uint64_t before;
	size_t length = 0;
	ssize_t n;

	begin();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, packets), 0);
	stream = dup(ends[0]);
	dup2(packets[0], ends[0]);
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		before = client->carried;
		ck_assert_int_eq(tls->write(client, message, lengths[i]), (ssize_t)lengths[i]);
		n = recv(packets[1], sent, sizeof(sent), 0);
		ck_assert_int_gt(n, (ssize_t)lengths[i]);
		ck_assert_uint_eq(client->carried - before, (uint64_t)n);
		ck_assert_int_eq(recv(packets[1], sent, sizeof(sent), 0), -1);
		for (ssize_t done = 0; done < n;) {
			ssize_t part = send(stream, sent + done, (size_t)(n - done), 0);

			done += part > 0 ? part : 0;
			length = read_all(length);
		}
		ck_assert_mem_eq(received + length - lengths[i], message, lengths[i]);
	}
	/* close_notify does not wait for anything */
	tls->finish(client);
	n = recv(packets[1], sent, sizeof(sent), 0);
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(send(stream, sent, (size_t)n, 0), n);
	ck_assert_int_eq(tls->read(server, received, 1), 0);
	close(stream);
	close(packets[0]);
	close(packets[1]);
	end();
}
END_TEST

/*
 * A peer that reads slowly. What counts as written has left: the peer can read it although the
 * client does nothing more. While records of a message wait, no other record gets between them.
 */
START_TEST(a_full_socket_loses_nothing)
{
	size_t written = 0, length = 0;
	unsigned waits = 0;
	int room = 20000;

	begin();
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	for (unsigned i = 0; i < MESSAGES; i++) {
		size_t size = i % 4 ? LONGEST - i : 5000;
		uint64_t before = client->carried;
		ssize_t n;

		message[0] = (uint8_t)i;
		while ((n = tls->write(client, message, size)) == -EAGAIN) {
			ck_assert(!client->wants_read);
			ck_assert_uint_lt(++waits, 10000);
			if (i == MESSAGES - 1)
				tls->finish(client);
			n = tls->read(server, received + length, 3000);
			length += n > 0 ? (size_t)n : 0;
		}
		ck_assert_int_eq(n, (ssize_t)size);
		ck_assert_uint_gt(client->carried - before, size);
		written += size;
		if (i % 3 == 0) {
			length = read_all(length);
			ck_assert_uint_eq(length, written);
		}
	}
	length = read_all(length);
	ck_assert_uint_eq(length, written);
	ck_assert_uint_gt(waits, MESSAGES);
	for (unsigned i = MESSAGES; i--;) {
		size_t size = i % 4 ? LONGEST - i : 5000;

		written -= size;
		message[0] = (uint8_t)i;
		ck_assert_mem_eq(received + written, message, size);
	}
	end();
}
END_TEST

CHECK_MAIN("tls", a_message_leaves_by_one_send, a_full_socket_loses_nothing)
