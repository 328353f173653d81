/* SPDX-License-Identifier: BSD-2-Clause */
#include "receive/inflow.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/tcp.h>

#include <spanflow/error.h>

#include "base/wire.h"

#define IPFIX       10
#define HEADER      16
#define MESSAGE_MAX 65535
#define BUFFER      (2 * (MESSAGE_MAX + 1)) /* room for a part of a message and a whole one */

/*
 * Keep-alive of TCP, which notices that an exporter has gone without closing the connection: seconds of
 * silence before the first probe, and between probes.
 */
#define IDLE_S 60

/* Time limit of the TLS handshake. */
#define HANDSHAKE_NS INT64_C(10000000000)

struct sf_inflow {
	struct sf_watch watch;
	struct sf_timer patience; /* with TLS: ends a handshake that takes too long */
	struct sf_inflows *inflows;
	struct sf_inflow *next, *previous;
	char sender[SF_HOSTPORT_NAME];
	const struct sf_tls_ops *tls;
	struct sf_tls *session; /* NULL: no TLS */
	bool shaken;            /* the handshake of TLS is done */
	bool useful;            /* it has brought a whole message */
	size_t fill;
	uint8_t buffer[BUFFER];
};

void sf_inflows_init(
	struct sf_inflows *inflows, struct sf_loop *loop, const struct sf_inflow_owner *owner)
{
	*inflows = (struct sf_inflows){ .loop = loop, .owner = *owner };
}

static void close_inflow(struct sf_inflow *inflow)
{
	struct sf_inflows *inflows = inflow->inflows;

	*(inflow->previous ? &inflow->previous->next : &inflows->first) = inflow->next;
	if (inflow->next)
		inflow->next->previous = inflow->previous;
	inflows->count--;
	sf_watch_remove(&inflow->watch);
	sf_timer_remove(&inflow->patience);
	if (inflow->session)
		inflow->tls->close(inflow->session);
	close(inflow->watch.fd);
	free(inflow);
	while (inflows->waiting_count)
		sf_watch_set(inflows->waiting[--inflows->waiting_count], SF_LOOP_READ);
}

void sf_inflows_fini(struct sf_inflows *inflows)
{
	inflows->waiting_count = 0;
	while (inflows->first)
		close_inflow(inflows->first);
}

/*
 * Reads and discards what has arrived. Closing a connection with unread bytes resets it, and the peer might
 * not see the alert of TLS that says why.
 */
static void drain(struct sf_inflow *inflow)
{
	shutdown(inflow->watch.fd, SHUT_WR);
	recv(inflow->watch.fd, inflow->buffer, BUFFER, MSG_DONTWAIT);
}

/*
 * What the peer has sent is refused: closing resets the connection, so that an exporter which sees this does
 * not take its records for delivered.
 */
static void refuse(struct sf_inflow *inflow)
{
	const struct linger at_once = { .l_onoff = 1 };

	setsockopt(inflow->watch.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static void end(struct sf_inflow *inflow, const char *trouble)
{
	struct sf_inflows *inflows = inflow->inflows;

	inflows->broken += trouble != NULL;
	inflows->owner.end(inflows->owner.context, inflow->sender, trouble);
	close_inflow(inflow);
}

/* Why the bytes at p are not the begin of an IPFIX message; NULL: they are. */
static const char *is_wrong(const uint8_t *p, size_t length)
{
	if (length >= 2 && sf_load_be16(p) != IPFIX)
		return "this is not IPFIX: connections carry nothing else";
	if (length >= 4 && sf_load_be16(p + 2) < HEADER)
		return "a message is shorter than its header";
	return NULL;
}

/* Hands on all whole messages. False: the connection was closed, or no message is wanted. */
static bool hand_on(struct sf_inflow *inflow)
{
	const struct sf_inflow_owner *owner = &inflow->inflows->owner;
	size_t at = 0;

	for (;;) {
		const uint8_t *p = inflow->buffer + at;
		size_t left = inflow->fill - at, length;
		const char *wrong = is_wrong(p, left);

		if (wrong) {
			refuse(inflow);
			end(inflow, wrong);
			return false;
		}
		length = left < 4 ? HEADER : sf_load_be16(p + 2);
		if (left < length)
			break;
		at += length;
		inflow->useful = true;
		if (!owner->message(owner->context, inflow->sender, p, length))
			break;
	}
	inflow->fill -= at;
	memmove(inflow->buffer, inflow->buffer + at, inflow->fill);
	return true;
}

/* Reads from the connection. Returns what recv(2) does, but -errno on failure. */
static ssize_t read_some(struct sf_inflow *inflow, uint8_t *to, size_t size)
{
	ssize_t n;

	if (inflow->session)
		return inflow->tls->read(inflow->session, to, size);
	n = recv(inflow->watch.fd, to, size, MSG_DONTWAIT);
	return n < 0 ? -errno : n;
}

static void fail(struct sf_inflow *inflow, int code)
{
	/* the peer is to see the alert of TLS, if there is one */
	if (inflow->session && inflow->session->carried)
		drain(inflow);
	else
		refuse(inflow);
	if (inflow->session && inflow->session->trouble[0])
		end(inflow, inflow->session->trouble);
	else
		end(inflow, sf_strerror(code));
}

/* True: the handshake of TLS is done, or there is none. */
static bool shake(struct sf_inflow *inflow)
{
	int code;

	if (!inflow->session || inflow->shaken)
		return true;
	code = inflow->tls->handshake(inflow->session);
	if (code == -EAGAIN) {
		sf_watch_set(
			&inflow->watch, inflow->session->wants_read ? SF_LOOP_READ : SF_LOOP_WRITE);
	} else if (code < 0) {
		fail(inflow, code);
	} else {
		inflow->shaken = true;
		sf_timer_stop(&inflow->patience);
		sf_watch_set(&inflow->watch, SF_LOOP_READ);
	}
	return code == 0;
}

static void lose_patience(struct sf_timer *timer)
{
	end(timer->context, "the handshake of TLS was not done within 10 seconds");
}

static void receive(struct sf_watch *watch, unsigned ready)
{
	struct sf_inflow *inflow = (struct sf_inflow *)watch;
	const struct sf_inflow_owner *owner = &inflow->inflows->owner;
	ssize_t n;

	(void)ready;
	if (!shake(inflow))
		return;
	n = read_some(inflow, inflow->buffer + inflow->fill, BUFFER - inflow->fill);
	if (n > 0) {
		inflow->fill += (size_t)n;
		owner->input(owner->context);
		hand_on(inflow);
	} else if (n == 0) {
		end(inflow, inflow->fill ? "it was cut in the middle of a message" : NULL);
	} else if (n != -EAGAIN && n != -EINTR) {
		fail(inflow, (int)n);
	}
}

static void set_options(int fd)
{
	static const struct {
		int level, name, value;
	} settings[] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, IDLE_S },
		{ IPPROTO_TCP, TCP_KEEPINTVL, IDLE_S },
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		setsockopt(
			fd, settings[i].level, settings[i].name, &settings[i].value, sizeof(int));
}

static int open_inflow(struct sf_inflows *inflows, int fd, const struct sockaddr_storage *peer,
	const struct sf_tls_ops *tls, struct sf_tls_context *context)
{
	struct sf_inflow *inflow = malloc(sizeof(*inflow));
	int err;

	if (!inflow) {
		close(fd);
		return -ENOMEM;
	}
	/* not the buffer, of which only the pages in use are to be touched */
	memset(inflow, 0, offsetof(struct sf_inflow, buffer));
	inflow->inflows = inflows;
	sf_hostport_name(peer, inflow->sender);
	inflow->tls = tls;
	inflow->session = context ? tls->open(context, fd, NULL) : NULL;
	err = context && !inflow->session ? -ENOMEM : 0;
	if (!err && context)
		err = sf_loop_add_timer(inflows->loop, &inflow->patience, lose_patience, inflow);
	if (!err)
		err = sf_loop_add_watch(
			inflows->loop, &inflow->watch, fd, SF_LOOP_READ, receive, inflow);
	if (err) {
		sf_timer_remove(&inflow->patience);
		if (inflow->session)
			tls->close(inflow->session);
		close(fd);
		free(inflow);
		return err;
	}
	if (context)
		sf_timer_set(&inflow->patience, sf_loop_now(inflows->loop) + HANDSHAKE_NS);
	set_options(fd);
	inflow->next = inflows->first;
	if (inflow->next)
		inflow->next->previous = inflow;
	inflows->first = inflow;
	inflows->count++;
	inflows->connections++;
	return 0;
}

/* All places are taken: the oldest connection that has brought no message gives its place to the next one. */
static void make_place(struct sf_inflows *inflows)
{
	struct sf_inflow *oldest = NULL;

	for (struct sf_inflow *inflow = inflows->first; inflow; inflow = inflow->next)
		if (!inflow->useful)
			oldest = inflow;
	if (!oldest)
		return;
	refuse(oldest);
	end(oldest, "it has brought no message, and another connection needs its place");
}

int sf_inflows_accept(struct sf_inflows *inflows, struct sf_watch *watch,
	const struct sf_tls_ops *tls, struct sf_tls_context *context)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);
	int fd = accept4(watch->fd, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0 && inflows->count == SF_INFLOW_MAX)
		make_place(inflows);
	if (fd >= 0 && inflows->count < SF_INFLOW_MAX)
		return open_inflow(inflows, fd, &peer, tls, context);
	if (fd >= 0) {
		inflows->refused++;
		close(fd);
		return 0;
	}
	/* no descriptor is free: the socket is not watched until a connection ends */
	if ((errno == EMFILE || errno == ENFILE) && inflows->count &&
		inflows->waiting_count < SF_INFLOW_SOCKETS) {
		inflows->waiting[inflows->waiting_count++] = watch;
		return sf_watch_set(watch, 0);
	}
	/* other errors belong to the connection that was to be accepted: accept(2) */
	return errno == EBADF || errno == EINVAL || errno == EMFILE || errno == ENFILE ? -errno : 0;
}
