/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions over files that end while a run goes on (series.c, file.c): each file is a transport
 * session of its own. A record goes into the file of the time at which it is put: no flow ends
 * because a file ends.
 *
 * Live, that time is the wall clock. With capture files it is the latest end of a flow so far, or
 * the packet clock if that is later: the exporter learns the packet clock only after many packets.
 * A single flow with a wild time moves the time no more than a packet moves the packet clock
 * (base/clock.h).
 */
#include "export/session.h"

/* The time that decides about files. */
static int64_t file_time(const struct sf_session *session)
{
	const struct sf_shared *shared = session->destination.shared;
	int64_t clock_ns = shared->clock_ns;

	if (!shared->options.packet_clock)
		return shared->wall_ns;
	if (session->clock.now > clock_ns)
		clock_ns = session->clock.now;
	return clock_ns > INT64_MIN ? clock_ns : shared->wall_ns;
}

void sf_destination_tell(struct sf_destination *destination, struct sf_transport *transport)
{
	struct sf_destination_stats *stats = &destination->stats;

	/* one message at a time is kept: a note waits for the next turn */
	if (transport->remark[0]) {
		stats->incomplete = true;
		snprintf(stats->failure, sizeof(stats->failure), "%s", transport->remark);
		sf_destination_news(destination, "%s", transport->remark);
		transport->remark[0] = 0;
	} else if (transport->note[0]) {
		sf_destination_news(destination, "%s", transport->note);
		transport->note[0] = 0;
	}
}

void sf_session_turn(struct sf_session *session)
{
	struct sf_transport *transport = session->transport;
	int64_t now_ns = file_time(session);

	if (!transport->ops->due || !transport->ops->due(transport, now_ns))
		return;
	for (struct sf_stream *stream = session->streams; stream && transport->connects;
		stream = stream->next) {
		sf_fill_flush(session, stream);
		if (stream->started)
			sf_session_options_data(session, stream, true);
	}
	transport->ops->turn(transport, now_ns, session->destination.shared->wall_ns);
	sf_session_settle(session);
	sf_destination_tell(&session->destination, transport);
	if (session->connects == transport->connects)
		return;
	session->connects = transport->connects;
	sf_session_resume(session);
}

static int64_t end_of(const struct sf_flow *flow)
{
	int64_t end_ns = INT64_MIN;

	for (unsigned d = 0; d < 2; d++)
		if (flow->directions >> d & 1 && flow->half[d].end_ns > end_ns)
			end_ns = flow->half[d].end_ns;
	return end_ns;
}

unsigned sf_session_turn_before(
	struct sf_session *session, const struct sf_flow *flows, unsigned count)
{
	struct sf_transport *transport = session->transport;

	if (!transport->timed || !session->destination.shared->options.packet_clock) {
		sf_session_turn(session);
		return count;
	}
	for (unsigned i = 0; i < count; i++) {
		struct sf_clock before = session->clock;

		sf_clock_advance(&session->clock, end_of(&flows[i]));
		if (!transport->ops->due(transport, file_time(session)))
			continue;
		if (i) {
			session->clock = before;
			return i;
		}
		sf_session_turn(session);
	}
	return count;
}
