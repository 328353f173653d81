/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The connection of a stream: looked up, made, watched, written to, and made again when it is lost.
 *
 *	LOOKING ── has addresses ─> CONNECTING ── connected ─> OPEN
 *	   ^ name: asked again          │ failed: next address    │ lost
 *	   └──────────── AWAY <─────────┴─────────────────────────┘
 *	                  after retry_ns, doubled while attempts fail
 */
#include "transport/reconnect.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

#define CONNECT_NS INT64_C(10000000000)
#define CHECK_NS   INT64_C(10000000) /* between two looks whether the connection still is one */
/*
 * What the peer has acknowledged and its program may not have read: so many bytes (a receive buffer
 * of Linux grows to 6 MiB), for so long; longer while the peer's window says that it does not read.
 */
#define UNREAD_MAX ((size_t)8 << 20)
#define UNREAD_NS  INT64_C(5000000000)

#define EARLY " soon after it was made; what it got is sent again"

static void say(struct sf_stream_transport *stream, const char *what, int code)
{
	struct sf_transport *transport = &stream->transport;
	const char *why = stream->link->trouble;

	transport->error = code;
	snprintf(transport->trouble, sizeof(transport->trouble),
		"%s collector %.60s port %s: %.130s", what, stream->peer.host, stream->peer.port,
		why[0] ? why : sf_peer_reason(&stream->peer, code));
}

/* The next attempt is due retry_ns after the last one, later if that one failed too. */
static void go_away(struct sf_stream_transport *stream)
{
	stream->link->ops->close(stream->link);
	stream->state = SF_STREAM_AWAY;
	stream->renewing = false;
	stream->transport.fails = true;
	stream->transport.peer_size = stream->transport.local_size = 0;
	stream->again_ns = stream->begun_ns + stream->pause_ns;
	stream->transport.pause_ns =
		stream->again_ns > stream->mono ? stream->again_ns - stream->mono : 0;
	stream->pause_ns *= 2;
	if (stream->pause_ns > SF_STREAM_RETRY_NS)
		stream->pause_ns = SF_STREAM_RETRY_NS > stream->retry_ns ? SF_STREAM_RETRY_NS
									 : stream->retry_ns;
}

void sf_stream_lose(struct sf_stream_transport *stream, int code)
{
	bool read = code == SF_EOF && stream->mono - stream->opened_ns >= UNREAD_NS;

	say(stream, "lost the connection to", code == SF_EOF ? -ECONNRESET : code);
	if (code == SF_EOF)
		snprintf(stream->transport.trouble, sizeof(stream->transport.trouble),
			"collector %.60s port %s has closed the connection%s", stream->peer.host,
			stream->peer.port, read ? "" : EARLY);
	sf_window_acknowledge(
		&stream->hold.window, stream->link->ops->acknowledged(stream->link), stream->mono);
	sf_hold_cut(&stream->hold, read);
	go_away(stream);
}

/* The addresses of the connection: known before its first packet, so it need not be made yet. */
static void learn_addresses(struct sf_stream_transport *stream)
{
	struct sf_transport *transport = &stream->transport;

	transport->local_size = sizeof(transport->local);
	if (getsockname(stream->link->fd, (struct sockaddr *)&transport->local,
		    &transport->local_size) < 0)
		transport->local_size = 0;
	transport->peer = stream->peer.found.addresses[stream->address];
	if (stream->link->port)
		*sf_peer_port(&transport->peer) = htons(stream->link->port);
	transport->peer_size =
		transport->local_size ? stream->peer.found.sizes[stream->address] : 0;
}

static void open_up(struct sf_stream_transport *stream)
{
	uint32_t most = stream->link->max_message;

	stream->state = SF_STREAM_OPEN;
	stream->opened_ns = stream->mono;
	stream->check_ns = 0;
	stream->transport.fails = false;
	stream->transport.connects++;
	stream->transport.renewals += stream->renewing;
	stream->renewing = false;
	/* room was made for the longest message so far */
	if (most && most < stream->transport.max_message)
		stream->transport.max_message = most;
	stream->transport.sctp_streams =
		stream->link->streams < SF_STREAMS_MAX ? stream->link->streams : SF_STREAMS_MAX;
	sf_hold_connect(&stream->hold);
	stream->transport.foreign = stream->hold.foreign;
	learn_addresses(stream);
}

/* Begins to connect to the first address from `from` on that does not fail at once. */
static void try_from(struct sf_stream_transport *stream, unsigned from)
{
	int code = -EADDRNOTAVAIL;

	for (unsigned i = from; i < stream->peer.found.count; i++) {
		code = stream->link->ops->connect(stream->link, &stream->peer, i);
		if (code == 0) {
			stream->address = i;
			stream->state = SF_STREAM_CONNECTING;
			stream->deadline_ns = stream->mono + CONNECT_NS;
			if (stream->transport.connects == 0)
				learn_addresses(stream);
			return;
		}
		say(stream, "cannot connect to", code);
	}
	go_away(stream);
}

/* A name is looked up before each attempt: the collector may have moved. */
static void begin(struct sf_stream_transport *stream)
{
	stream->begun_ns = stream->mono;
	if (!stream->peer.named) {
		try_from(stream, 0);
		return;
	}
	sf_peer_ask(&stream->peer, stream->mono);
	stream->state = SF_STREAM_LOOKING;
	stream->deadline_ns = stream->mono + CONNECT_NS;
}

static void say_unresolved(struct sf_stream_transport *stream)
{
	stream->transport.error = SF_ERESOLVE;
	sf_peer_say_unresolved(
		&stream->peer, stream->transport.trouble, sizeof(stream->transport.trouble));
	go_away(stream);
}

static void look(struct sf_stream_transport *stream)
{
	bool answered = sf_peer_answer(&stream->peer);

	if (!answered && stream->mono < stream->deadline_ns)
		return;
	if (answered && stream->peer.found.count) {
		try_from(stream, 0);
		return;
	}
	if (!answered)
		snprintf(stream->peer.found.trouble, sizeof(stream->peer.found.trouble),
			"no answer yet");
	say_unresolved(stream);
}

static void make_progress(struct sf_stream_transport *stream)
{
	int code = stream->link->ops->progress(stream->link);

	if (code == -EAGAIN && stream->mono >= stream->deadline_ns)
		code = -ETIMEDOUT;
	if (code == 0) {
		open_up(stream);
	} else if (code != -EAGAIN) {
		say(stream, "cannot connect to", code);
		stream->link->ops->close(stream->link);
		try_from(stream, stream->address + 1);
	}
}

/* Writing has failed with `code`. Before the peer closed the connection, it may have said why. */
static void lose_writing(struct sf_stream_transport *stream, int code)
{
	int told = stream->link->ops->check(stream->link);

	sf_stream_lose(stream, told < 0 && told != SF_EOF ? told : code);
}

void sf_stream_write(struct sf_stream_transport *stream)
{
	struct sf_window *window = &stream->hold.window;
	const uint8_t *bytes;
	size_t length;

	while (stream->state == SF_STREAM_OPEN && (bytes = sf_window_unwritten(window, &length))) {
		const struct sf_window_message *message = sf_window_next(window);
		ssize_t n;

		stream->link->lasting = message->flows.records == 0;
		stream->link->stream = message->sctp_stream;
		n = stream->link->ops->write(stream->link, bytes, length);
		stream->wrote_ns = stream->mono;
		if (n > 0)
			sf_window_wrote(window, (size_t)n, stream->link->written);
		else if (n == -EAGAIN)
			return;
		else
			lose_writing(stream, n ? (int)n : -EIO);
	}
}

/* The peer has read by now what it acknowledged long ago, unless its program stands still. */
static void release(struct sf_stream_transport *stream)
{
	struct sf_window *window = &stream->hold.window;
	int64_t before = stream->mono - UNREAD_NS;
	int64_t oldest = sf_window_oldest(window);

	if (oldest <= before && stream->link->ops->stands(stream->link))
		before = INT64_MIN;
	sf_hold_release(&stream->hold, before, UNREAD_MAX);
}

/* Makes another connection at once. `read`: the peer has read what this one carried. */
static void replace(struct sf_stream_transport *stream, bool read)
{
	if (read)
		stream->link->ops->finish(stream->link);
	sf_hold_cut(&stream->hold, read);
	stream->link->ops->close(stream->link);
	begin(stream);
}

/* The connection is of no more use, and the peer may be there. */
static void renew(struct sf_stream_transport *stream, int code)
{
	stream->renewing = code == -ETIME;
	if (!stream->renewing)
		say(stream, "lost the session with", code);
	sf_window_acknowledge(
		&stream->hold.window, stream->link->ops->acknowledged(stream->link), stream->mono);
	replace(stream, stream->renewing);
}

/* Messages that the connection has given up. */
static void take_abandoned(struct sf_stream_transport *stream)
{
	struct sf_connection *link = stream->link;
	uint32_t end;

	while (link->ops->abandoned && link->ops->abandoned(link, &end))
		sf_window_abandon(&stream->hold.window, end);
}

void sf_stream_look_after(struct sf_stream_transport *stream)
{
	struct sf_connection *link = stream->link;
	int code = 0;

	if (stream->mono >= stream->check_ns) {
		stream->check_ns = stream->mono + CHECK_NS;
		code = link->ops->check(link);
	}
	if (code == -ETIME || code == -ESTALE) {
		renew(stream, code);
		return;
	}
	if (code < 0) {
		sf_stream_lose(stream, code);
		return;
	}
	take_abandoned(stream);
	sf_stream_write(stream);
	if (stream->state != SF_STREAM_OPEN ||
		(stream->hold.window.count == 0 && !stream->hold.needs_connection))
		return;
	sf_window_acknowledge(&stream->hold.window, link->ops->acknowledged(link), stream->mono);
	release(stream);
	/* the connection works: the next failure is the first one again */
	if (stream->hold.window.sent.pieces)
		stream->pause_ns = stream->retry_ns;
	/* the next message needs another connection; the peer has acknowledged all before it */
	if (stream->hold.needs_connection && sf_window_waiting(&stream->hold.window) == 0)
		replace(stream, true);
}

void sf_stream_step(struct sf_stream_transport *stream)
{
	if (stream->state == SF_STREAM_AWAY && stream->mono >= stream->again_ns)
		begin(stream);
	if (stream->state == SF_STREAM_LOOKING)
		look(stream);
	if (stream->state == SF_STREAM_CONNECTING)
		make_progress(stream);
	if (stream->state == SF_STREAM_OPEN)
		sf_stream_look_after(stream);
}

void sf_stream_start(struct sf_stream_transport *stream, bool late)
{
	stream->begun_ns = stream->mono;
	sf_peer_find(&stream->peer, late);
	if (stream->peer.found.count)
		try_from(stream, 0);
	else
		say_unresolved(stream);
}
