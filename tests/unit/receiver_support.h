/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the receiver share: sockets on loopback, a fake clock, what the receiver calls.
 */
#ifndef TESTS_RECEIVER_SUPPORT_H
#define TESTS_RECEIVER_SUPPORT_H

#include <arpa/inet.h>
#include <string.h>
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

static inline void on_message(void *context, const char *sender, const uint8_t *data, size_t length)
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

static inline void on_stream_message(
	void *context, const char *sender, uint16_t stream, const uint8_t *data, size_t length)
{
	ck_assert_uint_eq(stream, 0);
	on_message(context, sender, data, length);
}

static inline void on_end(void *context, const char *sender, const char *trouble)
{
	ck_assert_ptr_eq(context, &seen);
	ck_assert_int_eq(strncmp(sender, "127.0.0.1:", 10), 0);
	seen.ends++;
	seen.troubles += trouble != NULL;
}

static inline void on_write_out(void *context)
{
	ck_assert_ptr_eq(context, &seen);
	if (!seen.written_out++)
		seen.first_ns = sf_loop_now(loop);
	seen.final_ns = sf_loop_now(loop);
}

static inline void make(int64_t duration_ns, int64_t silence_ns)
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

static inline void send_to(unsigned listener, unsigned count, const char *text)
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

static inline void fini(void)
{
	sf_receiver_fini(&receiver);
	sf_receiver_fini(&receiver);
	sf_loop_free(loop);
}

#endif
