/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transport over connections, RFC 7011 §10.4. Messages stay in a window (window.h) until the peer
 * has read them. When the connection is lost, the next one is attempted after a pause
 * (reconnect.c). Then the session sends its templates, takes back the messages that the peer may
 * not have (sf_transport_ops.again), seals them anew and sends them again.
 */
#include "transport/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "encode/message.h"
#include "transport/reconnect.h"

#define WINDOW_MAX ((size_t)4 << 20) /* bytes that wait for the peer's acknowledgement */

#define DATAGRAMS_MAX 8 /* messages in a batch, so that what keeps a pace leaves in small bursts */

#define LOOK_NS  INT64_C(5000000) /* between two looks for acknowledgements */
#define WAIT_NS  INT64_C(1000000)
#define END_NS   INT64_C(1000000000) /* the end waits so long for acknowledgements */
#define CLOSE_NS INT64_C(2000000000) /* and so long for the peer to close the connection */

#define REFUSAL_NS INT64_C(100000000) /* datagrams: an answer to one takes so long, at most */

static bool is_full(const struct sf_stream_transport *stream)
{
	const struct sf_window *window = &stream->hold.window;

	return window->octets - window->acknowledged_octets >= WINDOW_MAX;
}

static void show_spool(struct sf_stream_transport *stream)
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
	struct sf_stream_transport *stream = (struct sf_stream_transport *)transport;
	size_t length;

	*fd = -1;
	stream->mono = mono;
	sf_stream_step(stream);
	show_spool(stream);
	/* with a spool messages can always be taken */
	if (stream->hold.has_spool) {
		stream->hold.spooling |= stream->state != SF_STREAM_OPEN || is_full(stream);
		return mono;
	}
	switch (stream->state) {
	case SF_STREAM_AWAY:
		return stream->again_ns > mono ? stream->again_ns : mono + LOOK_NS;
	case SF_STREAM_LOOKING:
		return mono + SF_PEER_LOOK_NS;
	case SF_STREAM_CONNECTING:
		*fd = stream->link->wants_read ? -1 : stream->link->fd;
		return stream->link->wants_read ? mono + LOOK_NS : stream->deadline_ns;
	case SF_STREAM_OPEN:
		break;
	}
	/* the session takes back first */
	if (stream->hold.window.kept || !is_full(stream))
		return mono;
	if (!sf_window_unwritten(&stream->hold.window, &length))
		return mono + LOOK_NS;
	if (stream->link->wants_read)
		return mono + WAIT_NS;
	*fd = stream->link->fd;
	return mono + 20 * LOOK_NS;
}

static void stream_send(struct sf_transport *transport, struct sf_batch *batch)
{
	struct sf_stream_transport *stream = (struct sf_stream_transport *)transport;
	const uint8_t *bytes = batch->bytes;

	batch->earlier_refused = false;
	batch->last_call_from = batch->count;
	for (unsigned i = 0; i < batch->count; bytes += batch->messages[i].length, i++) {
		int code = sf_hold_put(&stream->hold, batch, i, bytes);

		if (code < 0)
			transport->error = code;
	}
	sf_stream_write(stream);
	show_spool(stream);
}

static void lose_flows(
	struct sf_stream_transport *stream, struct sf_destination_count *flows, enum sf_fate fate)
{
	if (stream->lost.pieces || flows->records == 0)
		return;
	stream->lost.pieces = 1;
	stream->lost.flows = *flows;
	stream->transport.lost_as = fate;
	stream->transport.error = fate == SF_FATE_LOST_spool     ? -EDQUOT
				  : fate == SF_FATE_LOST_tooLate ? -ETIME
								 : -ENOMEM;
	*flows = (struct sf_destination_count){ 0 };
}

static void stream_settle(
	struct sf_transport *transport, struct sf_outcome *sent, struct sf_outcome *lost)
{
	struct sf_stream_transport *stream = (struct sf_stream_transport *)transport;

	lose_flows(stream, &stream->hold.spool.dropped, SF_FATE_LOST_spool);
	lose_flows(stream, &stream->hold.lost, SF_FATE_LOST_send);
	lose_flows(stream, &stream->hold.window.abandoned, SF_FATE_LOST_tooLate);
	*sent = stream->hold.window.sent;
	*lost = stream->lost;
	stream->hold.window.sent = stream->lost = (struct sf_outcome){ 0 };
}

static bool stream_again(struct sf_transport *transport, struct sf_batch *batch, uint8_t *room)
{
	struct sf_stream_transport *stream = (struct sf_stream_transport *)transport;

	return stream->state == SF_STREAM_OPEN &&
	       sf_hold_again(&stream->hold, batch, room, WINDOW_MAX);
}

/* Datagrams: the peer may still answer that it is not there, or does not know the session. */
static bool may_be_refused(const struct sf_stream_transport *stream)
{
	return stream->link->max_message && stream->state == SF_STREAM_OPEN &&
	       stream->hold.window.count && stream->mono - stream->wrote_ns < REFUSAL_NS;
}

static bool stream_holds(const struct sf_transport *transport)
{
	const struct sf_hold *hold = &((const struct sf_stream_transport *)transport)->hold;

	return may_be_refused((const struct sf_stream_transport *)transport) ||
	       sf_window_waiting(&hold->window) != 0 ||
	       (hold->has_spool && sf_spool_next_run(&hold->spool) != 0);
}

static int stream_reload(struct sf_transport *transport, struct sf_error *error)
{
	struct sf_connection *link = ((struct sf_stream_transport *)transport)->link;

	return link->ops->reload ? link->ops->reload(link, error) : 0;
}

static int64_t now(struct sf_stream_transport *stream)
{
	stream->mono = stream->link->ops->now(stream->link);
	return stream->mono;
}

/* Waits a moment for the peer's acknowledgements. */
static void await_end(struct sf_stream_transport *stream)
{
	int64_t end = now(stream) + END_NS;

	while (stream->state == SF_STREAM_OPEN && sf_window_waiting(&stream->hold.window) &&
		now(stream) < end && sf_hurry_level(stream->transport.hurry) < 2) {
		stream->link->ops->wait(stream->link, WAIT_NS);
		sf_stream_look_after(stream);
	}
}

/*
 * Tells the peer that nothing follows, and waits a moment for its answer. A peer that closes the
 * connection has read everything; a peer that resets the connection, or says why it refuses the
 * records, has not.
 */
static void await_close(struct sf_stream_transport *stream)
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
		sf_stream_lose(stream, code);
}

static int stream_end(struct sf_transport *transport)
{
	struct sf_stream_transport *stream = (struct sf_stream_transport *)transport;

	if (stream->state == SF_STREAM_OPEN) {
		sf_stream_write(stream);
		await_end(stream);
	}
	if (stream->state == SF_STREAM_OPEN)
		await_close(stream);
	transport->lost_as =
		stream->state == SF_STREAM_OPEN ? SF_FATE_LOST_stopped : SF_FATE_LOST_unreachable;
	stream->lost = sf_hold_end(&stream->hold);
	show_spool(stream);
	stream->link->ops->close(stream->link);
	stream->state = SF_STREAM_AWAY;
	stream->again_ns = INT64_MAX;
	return 0;
}

static void stream_free(struct sf_transport *transport)
{
	struct sf_stream_transport *stream = (struct sf_stream_transport *)transport;

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
static int await_start(struct sf_stream_transport *stream, struct sf_error *error)
{
	while (stream->state == SF_STREAM_LOOKING || stream->state == SF_STREAM_CONNECTING) {
		if (sf_hurry_level(stream->transport.hurry))
			return sf_error_set(
				error, -EINTR, "stopped while connecting to %s", stream->peer.host);
		stream->link->ops->wait(stream->link, WAIT_NS);
		now(stream);
		sf_stream_step(stream);
	}
	if (stream->state == SF_STREAM_OPEN)
		return 0;
	return sf_error_set(error, stream->transport.error, "%s", stream->transport.trouble);
}

static int start(struct sf_stream_transport *stream, bool late, struct sf_error *error)
{
	now(stream);
	sf_stream_start(stream, late);
	return late ? 0 : await_start(stream, error);
}

int sf_stream_open(struct sf_transport **transport, const struct sf_stream_options *options,
	struct sf_error *error)
{
	struct sf_stream_transport *stream = calloc(1, sizeof(*stream));
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
	stream->retry_ns = stream->pause_ns =
		options->retry_ns ? options->retry_ns : SF_STREAM_RETRY_NS;
	stream->transport = (struct sf_transport){
		.ops = &stream_ops,
		.hurry = options->hurry,
		.protocol = options->link->protocol,
		.traits = {
			.datagrams = options->link->max_message != 0,
			.apart = options->link->max_message != 0 || options->link->own_streams,
			.own_streams = options->link->own_streams,
			.gives_up = options->link->gives_up,
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
