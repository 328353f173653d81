/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transport over connections, RFC 7011 §10.4: messages stay in a window until the peer has read them.
 * When the connection is lost, the next one is attempted after a pause; the session
 * then sends its templates and takes back, seals and sends again what the peer may not have
 * (sf_transport_ops.again).
 *
 *	LOOKING ── has addresses ─> CONNECTING ── connected ─> OPEN
 *	   ^ name: asked again          │ failed: next address    │ lost
 *	   └──────────── AWAY <─────────┴─────────────────────────┘
 *	                  after retry_ns, doubled while attempts fail
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "encode/message.h"
#include "transport/stream.h"

#define CONNECT_NS INT64_C(10000000000)
/* [RFC7011-10.4.4-2] */
#define RETRY_NS   INT64_C(60000000000) /* RFC 7011 §10.4.4: by default, no more than once a minute */
#define WINDOW_MAX ((size_t)4 << 20)    /* bytes that wait for the peer's acknowledgement */
/*
 * What the peer has acknowledged and its program may not have read: so many bytes (a receive buffer
 * of Linux grows to 6 MiB), for so long; longer while the peer's window says that it does not read.
 */
#define CHECK_NS   INT64_C(10000000) /* between two looks whether the connection still is one */
#define UNREAD_MAX ((size_t)8 << 20)
#define UNREAD_NS  INT64_C(5000000000)

#define DATAGRAMS_MAX 8 /* messages in a batch, so that what keeps a pace leaves in small bursts */

#define LOOK_NS  INT64_C(5000000) /* between two looks for acknowledgements */
#define WAIT_NS  INT64_C(1000000)
#define END_NS   INT64_C(1000000000) /* the end waits so long for acknowledgements */
#define CLOSE_NS INT64_C(2000000000) /* and so long for the peer to close the connection */

#define REFUSAL_NS INT64_C(100000000) /* datagrams: an answer to one takes so long, at most */

#define EARLY " soon after it was made; what it got is sent again"

enum state { AWAY, LOOKING, CONNECTING, OPEN };

struct stream {
	struct sf_transport transport;
	struct sf_connection *link;
	struct sf_peer peer;
	struct sf_hold hold;
	struct sf_outcome lost;
	enum state state;
	unsigned address;    /* that is connected to, or was last */
	int64_t mono;        /* of the last ready() */
	int64_t begun_ns;    /* the last attempt */
	int64_t again_ns;    /* the next attempt */
	int64_t deadline_ns; /* of connecting to one address */
	int64_t opened_ns;   /* when the connection was made */
	int64_t check_ns;    /* the next look whether the connection still is one */
	int64_t retry_ns;    /* shortest time between two attempts */
	int64_t pause_ns;    /* present time between two attempts */
	int64_t wrote_ns;    /* the last write */
	bool renewing; /* the connection that is being made takes the place of a working one */
};

/* ---------------------------------------------------------------- the connection */

static void say(struct stream *stream, const char *what, int code)
{
	struct sf_transport *transport = &stream->transport;
	const char *why = stream->link->trouble;

	transport->error = code;
	snprintf(transport->trouble, sizeof(transport->trouble),
		"%s collector %.60s port %s: %.130s", what, stream->peer.host, stream->peer.port,
		why[0] ? why : sf_peer_reason(&stream->peer, code));
}

/* The next attempt is due retry_ns after the last one, later if that one failed too. */
static void go_away(struct stream *stream)
{
	stream->link->ops->close(stream->link);
	stream->state = AWAY;
	stream->renewing = false;
	stream->transport.fails = true;
	stream->transport.peer_size = stream->transport.local_size = 0;
	stream->again_ns = stream->begun_ns + stream->pause_ns;
	stream->transport.pause_ns =
		stream->again_ns > stream->mono ? stream->again_ns - stream->mono : 0;
	stream->pause_ns *= 2;
	if (stream->pause_ns > RETRY_NS)
		stream->pause_ns = RETRY_NS > stream->retry_ns ? RETRY_NS : stream->retry_ns;
}

/*
 * The connection has ended. With SF_EOF the peer has read everything, and closed the connection. If it did so
 * soon after the connection was made, it may have refused what it read: a TLS server that does not find TLS,
 * a proxy without a collector behind it. Then the messages stay to be sent again.
 */
static void lose(struct stream *stream, int code)
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

/* The addresses of the connection, which is not yet there perhaps: known before its first packet. */
static void learn_addresses(struct stream *stream)
{
	struct sf_transport *transport = &stream->transport;

	transport->local_size = sizeof(transport->local);
	if (getsockname(stream->link->fd, (struct sockaddr *)&transport->local,
		    &transport->local_size) < 0)
		transport->local_size = 0;
	transport->peer = stream->peer.found.addresses[stream->address];
	transport->peer_size =
		transport->local_size ? stream->peer.found.sizes[stream->address] : 0;
}

static void open_up(struct stream *stream)
{
	uint32_t most = stream->link->max_message;

	stream->state = OPEN;
	stream->opened_ns = stream->mono;
	stream->check_ns = 0;
	stream->transport.fails = false;
	stream->transport.connects++;
	stream->transport.renewals += stream->renewing;
	stream->renewing = false;
	/* room was made for the longest message so far */
	if (most && most < stream->transport.max_message)
		stream->transport.max_message = most;
	sf_hold_connect(&stream->hold);
	stream->transport.foreign = stream->hold.foreign;
	learn_addresses(stream);
}

/* Begins to connect to the first address from `from` on that does not fail at once. */
static void try_from(struct stream *stream, unsigned from)
{
	int code = -EADDRNOTAVAIL;

	for (unsigned i = from; i < stream->peer.found.count; i++) {
		code = stream->link->ops->connect(stream->link, &stream->peer, i);
		if (code == 0) {
			stream->address = i;
			stream->state = CONNECTING;
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
static void begin(struct stream *stream)
{
	stream->begun_ns = stream->mono;
	if (!stream->peer.named) {
		try_from(stream, 0);
		return;
	}
	sf_peer_ask(&stream->peer, stream->mono);
	stream->state = LOOKING;
	stream->deadline_ns = stream->mono + CONNECT_NS;
}

static void look(struct stream *stream)
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
	stream->transport.error = SF_ERESOLVE;
	sf_peer_say_unresolved(
		&stream->peer, stream->transport.trouble, sizeof(stream->transport.trouble));
	go_away(stream);
}

static void make_progress(struct stream *stream)
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
static void lose_writing(struct stream *stream, int code)
{
	int told = stream->link->ops->check(stream->link);

	lose(stream, told < 0 && told != SF_EOF ? told : code);
}

/* Writes what the connection takes now. */
static void write_some(struct stream *stream)
{
	struct sf_window *window = &stream->hold.window;
	const uint8_t *bytes;
	size_t length;

	while (stream->state == OPEN && (bytes = sf_window_unwritten(window, &length))) {
		ssize_t n = stream->link->ops->write(stream->link, bytes, length);

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
static void release(struct stream *stream)
{
	struct sf_window *window = &stream->hold.window;
	int64_t before = stream->mono - UNREAD_NS;
	int64_t oldest = sf_window_oldest(window);

	if (oldest <= before && stream->link->ops->stands(stream->link))
		before = INT64_MIN;
	sf_hold_release(&stream->hold, before, UNREAD_MAX);
}

/* Makes another connection at once. `read`: the peer has read what this one carried. */
static void replace(struct stream *stream, bool read)
{
	if (read)
		stream->link->ops->finish(stream->link);
	sf_hold_cut(&stream->hold, read);
	stream->link->ops->close(stream->link);
	begin(stream);
}

/* The connection is of no more use, and the peer may be there. */
static void renew(struct stream *stream, int code)
{
	stream->renewing = code == -ETIME;
	if (!stream->renewing)
		say(stream, "lost the session with", code);
	sf_window_acknowledge(
		&stream->hold.window, stream->link->ops->acknowledged(stream->link), stream->mono);
	replace(stream, stream->renewing);
}

static void look_after(struct stream *stream)
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
		lose(stream, code);
		return;
	}
	write_some(stream);
	if (stream->state != OPEN ||
		(stream->hold.window.count == 0 && !stream->hold.needs_connection))
		return;
	sf_window_acknowledge(&stream->hold.window, link->ops->acknowledged(link), stream->mono);
	release(stream);
	/* the connection works: the next failure is the first one again */
	if (stream->hold.window.sent.pieces)
		stream->pause_ns = stream->retry_ns;
	/* what is to be sent next needs another connection, and the peer has acknowledged all that this one carried */
	if (stream->hold.needs_connection && sf_window_waiting(&stream->hold.window) == 0)
		replace(stream, true);
}

/* One step of the state machine for each state that can be passed now. */
static void step(struct stream *stream)
{
	if (stream->state == AWAY && stream->mono >= stream->again_ns)
		begin(stream);
	if (stream->state == LOOKING)
		look(stream);
	if (stream->state == CONNECTING)
		make_progress(stream);
	if (stream->state == OPEN)
		look_after(stream);
}

/* ---------------------------------------------------------------- transport */

static bool is_full(const struct stream *stream)
{
	const struct sf_window *window = &stream->hold.window;

	return window->octets - window->acknowledged_octets >= WINDOW_MAX;
}

static void show_spool(struct stream *stream)
{
	struct sf_transport *transport = &stream->transport;

	if (!stream->hold.has_spool)
		return;
	transport->inherited = stream->hold.spool.inherited;
	transport->spooled = stream->hold.spool.unread;
	transport->torn_octets = stream->hold.spool.torn_octets;
}

static int64_t stream_ready(struct sf_transport *transport, int64_t mono, int *fd)
{
	struct stream *stream = (struct stream *)transport;
	size_t length;

	*fd = -1;
	stream->mono = mono;
	step(stream);
	show_spool(stream);
	/* with a spool messages can always be taken */
	if (stream->hold.has_spool) {
		stream->hold.spooling |= stream->state != OPEN || is_full(stream);
		return mono;
	}
	switch (stream->state) {
	case AWAY:
		return stream->again_ns > mono ? stream->again_ns : mono + LOOK_NS;
	case LOOKING:
		return mono + SF_PEER_LOOK_NS;
	case CONNECTING:
		*fd = stream->link->wants_read ? -1 : stream->link->fd;
		return stream->link->wants_read ? mono + LOOK_NS : stream->deadline_ns;
	case OPEN:
		break;
	}
	/* the session takes back first */
	if (stream->hold.window.kept || !is_full(stream))
		return mono;
	if (!sf_window_unwritten(&stream->hold.window, &length))
		return mono + LOOK_NS;
	*fd = stream->link->fd;
	return mono + 20 * LOOK_NS;
}

static void stream_send(struct sf_transport *transport, struct sf_batch *batch)
{
	struct stream *stream = (struct stream *)transport;
	const uint8_t *bytes = batch->bytes;

	batch->earlier_refused = false;
	batch->last_call_from = batch->count;
	for (unsigned i = 0; i < batch->count; bytes += batch->messages[i].length, i++) {
		int code = sf_hold_put(&stream->hold, batch, i, bytes);

		if (code < 0)
			transport->error = code;
	}
	write_some(stream);
	show_spool(stream);
}

static void lose_flows(struct stream *stream, struct sf_destination_count *flows, enum sf_fate fate)
{
	if (stream->lost.pieces || flows->records == 0)
		return;
	stream->lost.pieces = 1;
	stream->lost.flows = *flows;
	stream->transport.lost_as = fate;
	stream->transport.error = fate == SF_FATE_LOST_spool ? -EDQUOT : -ENOMEM;
	*flows = (struct sf_destination_count){ 0 };
}

static void stream_settle(
	struct sf_transport *transport, struct sf_outcome *sent, struct sf_outcome *lost)
{
	struct stream *stream = (struct stream *)transport;

	lose_flows(stream, &stream->hold.spool.dropped, SF_FATE_LOST_spool);
	lose_flows(stream, &stream->hold.lost, SF_FATE_LOST_send);
	*sent = stream->hold.window.sent;
	*lost = stream->lost;
	stream->hold.window.sent = stream->lost = (struct sf_outcome){ 0 };
}

static bool stream_again(struct sf_transport *transport, struct sf_batch *batch, uint8_t *room)
{
	struct stream *stream = (struct stream *)transport;

	return stream->state == OPEN && sf_hold_again(&stream->hold, batch, room, WINDOW_MAX);
}

/* The peer of a session of datagrams may still answer that it does not know the session, or is not there. */
static bool may_be_refused(const struct stream *stream)
{
	return stream->link->max_message && stream->state == OPEN && stream->hold.window.count &&
	       stream->mono - stream->wrote_ns < REFUSAL_NS;
}

static bool stream_holds(const struct sf_transport *transport)
{
	const struct sf_hold *hold = &((const struct stream *)transport)->hold;

	return may_be_refused((const struct stream *)transport) ||
	       sf_window_waiting(&hold->window) != 0 ||
	       (hold->has_spool && sf_spool_next_run(&hold->spool) != 0);
}

static int stream_reload(struct sf_transport *transport, struct sf_error *error)
{
	struct sf_connection *link = ((struct stream *)transport)->link;

	return link->ops->reload ? link->ops->reload(link, error) : 0;
}

static int64_t now(struct stream *stream)
{
	stream->mono = stream->link->ops->now(stream->link);
	return stream->mono;
}

/* Waits a moment for the peer's acknowledgements. */
static void await_end(struct stream *stream)
{
	int64_t end = now(stream) + END_NS;

	while (stream->state == OPEN && sf_window_waiting(&stream->hold.window) &&
		now(stream) < end && sf_hurry_level(stream->transport.hurry) < 2) {
		stream->link->ops->wait(stream->link, WAIT_NS);
		look_after(stream);
	}
}

/*
 * Tells the peer that nothing follows, and waits a moment for its answer: a peer that closes the connection
 * has read everything; one that resets it, or says why it refuses the records, has not.
 */
static void await_close(struct stream *stream)
{
	int64_t end = now(stream) + CLOSE_NS;
	int code = 0;

	stream->link->ops->finish(stream->link);
	if (stream->hold.window.count == 0)
		return;
	while (code == 0 && now(stream) < end && sf_hurry_level(stream->transport.hurry) < 2) {
		stream->link->ops->wait(stream->link, WAIT_NS);
		code = stream->link->ops->check(stream->link);
	}
	if (code < 0 && code != SF_EOF)
		lose(stream, code);
}

static int stream_end(struct sf_transport *transport)
{
	struct stream *stream = (struct stream *)transport;

	if (stream->state == OPEN) {
		write_some(stream);
		await_end(stream);
	}
	if (stream->state == OPEN)
		await_close(stream);
	transport->lost_as =
		stream->state == OPEN ? SF_FATE_LOST_stopped : SF_FATE_LOST_unreachable;
	stream->lost = sf_hold_end(&stream->hold);
	show_spool(stream);
	stream->link->ops->close(stream->link);
	stream->state = AWAY;
	stream->again_ns = INT64_MAX;
	return 0;
}

static void stream_free(struct sf_transport *transport)
{
	struct stream *stream = (struct stream *)transport;

	if (stream->link)
		stream->link->ops->free(stream->link);
	sf_peer_fini(&stream->peer);
	sf_hold_fini(&stream->hold);
	free(stream);
}

static const struct sf_transport_ops stream_ops = {
	.send = stream_send,
	.ready = stream_ready,
	.settle = stream_settle,
	.again = stream_again,
	.holds = stream_holds,
	.reload = stream_reload,
	.end = stream_end,
	.free = stream_free,
};

/* The first connection: waited for, unless it may come later. */
static int await_start(struct stream *stream, struct sf_error *error)
{
	while (stream->state == LOOKING || stream->state == CONNECTING) {
		if (sf_hurry_level(stream->transport.hurry))
			return sf_error_set(
				error, -EINTR, "stopped while connecting to %s", stream->peer.host);
		stream->link->ops->wait(stream->link, WAIT_NS);
		now(stream);
		step(stream);
	}
	if (stream->state == OPEN)
		return 0;
	return sf_error_set(error, stream->transport.error, "%s", stream->transport.trouble);
}

static int start(struct stream *stream, bool late, struct sf_error *error)
{
	stream->begun_ns = now(stream);
	sf_peer_find(&stream->peer, late);
	if (stream->peer.found.count) {
		try_from(stream, 0);
	} else {
		stream->transport.error = SF_ERESOLVE;
		sf_peer_say_unresolved(&stream->peer, stream->transport.trouble,
			sizeof(stream->transport.trouble));
		go_away(stream);
	}
	return late ? 0 : await_start(stream, error);
}

int sf_stream_open(struct sf_transport **transport, const struct sf_stream_options *options,
	struct sf_error *error)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	int code;

	if (!stream || !options->link) {
		free(stream);
		if (options->disk)
			options->disk->ops->free(options->disk);
		if (options->link)
			options->link->ops->free(options->link);
		return sf_error_set(
			error, -ENOMEM, "no memory for collector %s", options->peer.host);
	}
	stream->link = options->link;
	stream->retry_ns = stream->pause_ns = options->retry_ns ? options->retry_ns : RETRY_NS;
	stream->transport = (struct sf_transport){
		.ops = &stream_ops,
		.hurry = options->hurry,
		.protocol = options->link->max_message ? IPPROTO_UDP : IPPROTO_TCP,
		.traits = {
			.datagrams = options->link->max_message != 0,
			.live = true,
			.connected = true,
			.cannot = "cannot send to",
			.failure = SF_FATE_LOST_send,
			.unready = SF_FATE_LOST_unreachable,
		},
		.max_message = options->link->max_message ? options->link->max_message
							  : sf_ipfix.max_length,
		.max_messages = options->link->max_message ? DATAGRAMS_MAX : 1,
	};
	code = options->disk
		       ? sf_hold_open_spool(&stream->hold, options->disk, &options->spool, error)
		       : 0;
	stream->transport.spools = options->disk != NULL;
	show_spool(stream);
	if (code == 0)
		code = sf_peer_init(&stream->peer, &options->peer, error);
	if (code == 0)
		code = start(stream, options->late || options->disk, error);
	if (stream->link->max_message)
		stream->transport.max_message = stream->link->max_message;
	if (code == 0)
		*transport = &stream->transport;
	else
		stream_free(&stream->transport);
	return code;
}
