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

#define MESSAGE_MAX 65535
#define BUFFER      (2 * (MESSAGE_MAX + 1)) /* room for a part of a message and a whole one */

/*
 * Keep-alive of TCP, which notices that an exporter has gone without closing the connection:
 * seconds of silence before the first probe, and between probes.
 */
#define IDLE_S 60

/* Time limit of the TLS handshake. */
#define HANDSHAKE_NS INT64_C(10000000000)

/* Pieces of messages that one association of the kernel's SCTP may bring in a turn of the loop. */
#define PIECES 64

struct sf_inflow {
	struct sf_watch watch;    /* not added: SCTP over UDP */
	struct sf_timer patience; /* with TLS: ends a handshake that takes too long */
	struct sf_inflows *inflows;
	struct sf_inflow *next, *previous;
	char sender[SF_HOSTPORT_NAME];
	const struct sf_tls_ops *tls;
	struct sf_tls *session; /* NULL: no TLS */
	bool shaken;            /* the handshake of TLS is done */
	const struct sf_sctp_ops *sctp;
	struct sf_sctp *association; /* NULL: no SCTP */
	struct sf_path path;         /* SCTP over UDP */
	uint16_t stream;             /* of SCTP, of the last message */
	bool refused;                /* what the peer has sent is refused */
	bool useful;                 /* it has brought a whole message */
	size_t fill;
	uint8_t buffer[BUFFER];
};

void sf_inflows_init(
	struct sf_inflows *inflows, struct sf_loop *loop, const struct sf_inflow_owner *owner)
{
	*inflows = (struct sf_inflows){ .loop = loop, .owner = *owner };
}

static bool is_over_udp(const struct sf_inflow *inflow)
{
	return inflow->association && inflow->association->fd < 0;
}

/*
 * Over UDP, bytes that were taken and not handed on are not the exporter's fault: it keeps
 * them if this is no orderly end.
 */
static void close_association(struct sf_inflow *inflow)
{
	struct sf_inflows *inflows = inflow->inflows;

	if (is_over_udp(inflow) && --inflows->over_udp == 0)
		sf_timer_stop(&inflows->tick);
	inflow->sctp->close(inflow->association, inflow->refused || inflow->fill);
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
	if (inflow->association)
		close_association(inflow);
	else
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
	sf_timer_remove(&inflows->tick);
}

/*
 * Reads and discards what has arrived. Closing a connection with unread bytes resets it, and the
 * peer might not see the alert of TLS that says why.
 */
static void drain(struct sf_inflow *inflow)
{
	shutdown(inflow->watch.fd, SHUT_WR);
	recv(inflow->watch.fd, inflow->buffer, BUFFER, MSG_DONTWAIT);
}

/*
 * What the peer has sent is refused: closing resets the connection, so that an exporter which sees
 * this does not take its records for delivered.
 */
static void refuse(struct sf_inflow *inflow)
{
	const struct linger at_once = { .l_onoff = 1 };

	inflow->refused = true;
	if (!inflow->association)
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
static const char *fault_of(const uint8_t *p, size_t length)
{
	if (length >= 2 && sf_load_be16(p) != SF_INFLOW_VERSION)
		return "this is not IPFIX: connections carry nothing else";
	if (length >= 4 && sf_load_be16(p + 2) < SF_INFLOW_HEADER)
		return "a message is shorter than its header";
	return NULL;
}

/*
 * Hands on all whole messages. False: the connection was closed,
 * or no further message is wanted.
 */
static bool hand_on(struct sf_inflow *inflow)
{
	const struct sf_inflow_owner *owner = &inflow->inflows->owner;
	size_t at = 0;
	bool wanted = true;

	while (wanted) {
		const uint8_t *p = inflow->buffer + at;
		size_t left = inflow->fill - at, length;
		const char *fault = fault_of(p, left);

		if (fault) {
			refuse(inflow);
			end(inflow, fault);
			return false;
		}
		length = left < 4 ? SF_INFLOW_HEADER : sf_load_be16(p + 2);
		if (left < length && left && inflow->association) {
			refuse(inflow);
			end(inflow, "a message of SCTP does not hold whole IPFIX messages");
			return false;
		}
		if (left < length)
			break;
		at += length;
		inflow->useful = true;
		wanted = owner->message(owner->context, inflow->sender, inflow->stream, p, length);
	}
	inflow->fill -= at;
	memmove(inflow->buffer, inflow->buffer + at, inflow->fill);
	return wanted;
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

/* ---------------------------------------------------------------- SCTP */

static ssize_t send_back(void *context, const uint8_t *bytes, size_t length)
{
	return sf_path_answer(context, bytes, length);
}

/*
 * One piece of what an association has brought. False: there is no
 * more, or the connection was closed.
 */
static bool take_piece(struct sf_inflow *inflow)
{
	const struct sf_inflow_owner *owner = &inflow->inflows->owner;
	struct sf_sctp_arrival arrival;
	int news = inflow->sctp->receive(inflow->association, inflow->buffer + inflow->fill,
		BUFFER - inflow->fill, &arrival);

	if (news == -EAGAIN)
		return false;
	if (news < 0 || news == SF_SCTP_CLOSED) {
		end(inflow, news < 0       ? sf_strerror(news)
			    : inflow->fill ? "it was cut in the middle of a message"
					   : NULL);
		return false;
	}
	if (news == SF_SCTP_BROKEN) /* the next message's sequence number shows what is missing */
		inflow->fill = 0;
	if (news != SF_SCTP_DATA)
		return true;
	inflow->fill += arrival.length;
	inflow->stream = arrival.stream;
	owner->input(owner->context);
	if (arrival.ends)
		return hand_on(inflow);
	if (inflow->fill < BUFFER)
		return true;
	refuse(inflow);
	end(inflow, "a message of SCTP is longer than any of IPFIX");
	return false;
}

static void receive_pieces(struct sf_watch *watch, unsigned ready)
{
	(void)ready;
	for (unsigned i = 0; i < PIECES && take_piece((struct sf_inflow *)watch); i++)
		;
}

void sf_inflows_serve(struct sf_inflows *inflows)
{
	struct sf_inflow *next;

	for (struct sf_inflow *inflow = inflows->first; inflow; inflow = next) {
		next = inflow->next;
		if (is_over_udp(inflow))
			while (take_piece(inflow))
				;
	}
}

static void tick(struct sf_timer *timer)
{
	struct sf_inflow *inflow = ((struct sf_inflows *)timer->context)->first;

	while (inflow && !is_over_udp(inflow))
		inflow = inflow->next;
	if (inflow)
		inflow->sctp->tick(sf_loop_read_clock(timer->loop));
	sf_inflows_serve(timer->context);
}

/* ---------------------------------------------------------------- accepting */

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

static struct sf_inflow *inflow_new(struct sf_inflows *inflows, const struct sockaddr_storage *peer)
{
	struct sf_inflow *inflow = malloc(sizeof(*inflow));

	if (!inflow)
		return NULL;
	/* not the buffer, of which only the pages in use are to be touched */
	memset(inflow, 0, offsetof(struct sf_inflow, buffer));
	inflow->inflows = inflows;
	sf_hostport_name(peer, inflow->sender);
	return inflow;
}

static void link_first(struct sf_inflow *inflow)
{
	struct sf_inflows *inflows = inflow->inflows;

	inflow->next = inflows->first;
	if (inflow->next)
		inflow->next->previous = inflow;
	inflows->first = inflow;
	inflows->count++;
	inflows->connections++;
}

/* TLS or SCTP over the socket. 0 or a negative error. */
static int enter_gate(struct sf_inflow *inflow, int fd, const struct sf_inflow_gate *gate)
{
	struct sf_loop *loop = inflow->inflows->loop;

	if (gate->sctp) {
		inflow->sctp = gate->sctp;
		return gate->sctp->adopt(&inflow->association, fd);
	}
	if (!gate->context)
		return 0;
	inflow->tls = gate->tls;
	inflow->session = gate->tls->open(gate->context, fd, NULL);
	if (!inflow->session)
		return -ENOMEM;
	return sf_loop_add_timer(loop, &inflow->patience, lose_patience, inflow);
}

static int open_inflow(struct sf_inflows *inflows, int fd, const struct sockaddr_storage *peer,
	const struct sf_inflow_gate *gate)
{
	struct sf_inflow *inflow = inflow_new(inflows, peer);
	int err = inflow ? enter_gate(inflow, fd, gate) : -ENOMEM;

	if (!err)
		err = sf_loop_add_watch(inflows->loop, &inflow->watch, fd, SF_LOOP_READ,
			gate->sctp ? receive_pieces : receive, inflow);
	if (err) {
		if (inflow && inflow->session)
			inflow->tls->close(inflow->session);
		if (inflow && inflow->association)
			inflow->sctp->close(inflow->association, true);
		else
			close(fd);
		if (inflow)
			sf_timer_remove(&inflow->patience);
		free(inflow);
		return err;
	}
	if (inflow->session)
		sf_timer_set(&inflow->patience, sf_loop_now(inflows->loop) + HANDSHAKE_NS);
	if (!gate->sctp)
		set_options(fd);
	link_first(inflow);
	return 0;
}

/*
 * All places are taken: the oldest connection that has brought no message
 * gives its place to the next one.
 */
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

int sf_inflows_accept(
	struct sf_inflows *inflows, struct sf_watch *watch, const struct sf_inflow_gate *gate)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);
	int fd = accept4(watch->fd, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0 && inflows->count == SF_INFLOW_MAX)
		make_place(inflows);
	if (fd >= 0 && inflows->count < SF_INFLOW_MAX)
		return open_inflow(inflows, fd, &peer, gate);
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

/* ---------------------------------------------------------------- SCTP over UDP */

/*
 * A number for the peer, the same for each of its datagrams, and never one
 * that an exporter gives itself.
 */
static uint64_t handle_of(const struct sf_inflows *inflows, const struct sf_path *path)
{
	uint64_t words[3] = { 0 }, top = UINTPTR_MAX - UINTPTR_MAX / 2;
	uint8_t id[SF_PATH_ID] = { 0 };

	sf_path_id(&path->peer, id);
	memcpy(words, id, sizeof(id));
	words[2] |= (uint64_t)path->fd << 32;
	return (uintptr_t)sf_hash_strong(&inflows->key, words, 3) | top;
}

static int prepare(struct sf_inflows *inflows)
{
	int err = 0;

	if (!inflows->has_key)
		err = sf_hash_key_random(&inflows->key);
	inflows->has_key = !err;
	if (!err && !inflows->tick.loop)
		err = sf_loop_add_timer(inflows->loop, &inflows->tick, tick, inflows);
	return err;
}

/* [RFC7011-10.2.4-1] */
/* The peer of the datagram has begun an association. */
static void open_association(struct sf_inflows *inflows, const struct sf_inflow_gate *gate,
	const struct sf_path *path, struct sf_sctp *association)
{
	struct sf_inflow *inflow;

	if (inflows->count == SF_INFLOW_MAX)
		make_place(inflows);
	inflow = inflows->count < SF_INFLOW_MAX ? inflow_new(inflows, &path->peer) : NULL;
	if (!inflow) {
		inflows->refused++;
		gate->sctp->close(association, true);
		return;
	}
	inflow->sctp = gate->sctp;
	inflow->association = association;
	inflow->path = *path;
	gate->sctp->attach(association, &(struct sf_sctp_wire){ send_back, &inflow->path });
	link_first(inflow);
	if (inflows->over_udp++ == 0)
		sf_timer_repeat(&inflows->tick, SF_SCTP_TICK_NS);
}

int sf_inflows_take(struct sf_inflows *inflows, const struct sf_inflow_gate *gate,
	struct sf_path *path, const uint8_t *datagram, size_t length, bool accepts)
{
	const struct sf_sctp_wire wire = { send_back, path };
	struct sf_sctp *association;
	int err = prepare(inflows);
	uint64_t handle;

	if (err)
		return err;
	handle = handle_of(inflows, path);
	gate->sctp->tick(sf_loop_read_clock(inflows->loop));
	gate->sctp->input(gate->sctp_listener, handle, &wire, datagram, length);
	while (accepts && (association = gate->sctp->accept(gate->sctp_listener, handle)))
		open_association(inflows, gate, path, association);
	return 0;
}
