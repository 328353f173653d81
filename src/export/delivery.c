/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last step of a session: gives messages their headers, keeps the pace, hands batches to the
 * transport and counts the fate of each message.
 *
 * A message gets its time and its sequence number when its batch is sent, not when the message is
 * begun. So the messages of a stream are sent in the order of their sequence numbers, although the
 * messages of different templates fill at different speeds.
 */
#include <stdio.h>
#include <string.h>

#include "export/session.h"

/* ---------------------------------------------------------------- time */

/* docs/design.md §6: IPFIX over a network carries wall time; all else follows the packet clock. */
static bool on_packet_clock(const struct sf_session *session)
{
	return session->destination.shared->options.packet_clock &&
	       (sf_session_is_netflow(session) || !session->transport->traits.live);
}

int64_t sf_session_instant(const struct sf_session *session, struct sf_stream *stream)
{
	const struct sf_shared *shared = session->destination.shared;
	int64_t now = shared->wall_ns;

	/* RFC 7011 §3.1: the time at which the message leaves; the wall clock may be set back */
	if (!sf_session_is_netflow(session) && session->transport->traits.live) {
		if (!session->transport->traits.connected)
			return now;
		/* collectors refuse a time that goes back within a connection (RFC 7011 §8.2) */
		if (now > stream->instant_ns)
			stream->instant_ns = now;
		return stream->instant_ns;
	}
	if (on_packet_clock(session))
		now = session->latest_ns > 0 ? session->latest_ns
		      : shared->clock_ns > 0 ? shared->clock_ns
					     : 0;
	else if (sf_session_is_netflow(session) && session->latest_ns > now)
		now = session->latest_ns; /* LAST_SWITCHED is never above sysUptime */
	if (now > stream->instant_ns)
		stream->instant_ns = now;
	now = stream->instant_ns;
	if (sf_session_is_netflow(session) &&
		now >= stream->boot_ns + SF_UPTIME_RANGE - SF_FLUSH_NS) {
		/*
		 * sysUptime has no room for `now`: takes the time of
		 * the latest record, and the next
		 * 		   record begins a new boot time (set_boot())
		 */
		stream->boot_end_ns = INT64_MIN;
		now = session->latest_ns < stream->boot_ns + SF_UPTIME_RANGE - SF_FLUSH_NS
			      ? session->latest_ns
			      : stream->boot_ns + SF_UPTIME_RANGE - SF_UPTIME_MARGIN;
	}
	return now;
}

/* ---------------------------------------------------------------- counters */

static void note_failure(struct sf_session *session, enum sf_fate fate, int64_t now)
{
	struct sf_destination_stats *stats = &session->destination.stats;
	int code = session->transport->error;

	sf_losses_note(&session->losses, now);
	stats->error = code;
	if (fate == SF_FATE_LOST_stopped)
		snprintf(stats->failure, sizeof(stats->failure),
			"%.200s was not ready for all records when the run had to end", stats->url);
	else if (fate == SF_FATE_LOST_tooLate)
		snprintf(stats->failure, sizeof(stats->failure),
			"%.150s has not got records in time: they were given up (lifetime=)",
			stats->url);
	else if (session->transport->fails && session->transport->trouble[0])
		snprintf(stats->failure, sizeof(stats->failure), "%s", session->transport->trouble);
	else if (code == -ECONNREFUSED)
		snprintf(stats->failure, sizeof(stats->failure),
			"collector %.200s is not listening: %s", stats->url, sf_strerror(code));
	else
		snprintf(stats->failure, sizeof(stats->failure), "%s %.200s: %s",
			session->transport->traits.cannot, stats->url, sf_strerror(code));
}

/*
 * ICMP says that the datagrams of the last call were refused: counts them as lost, which had
 * counted as sent. A collector that listens later does not know the templates: they are due again
 * (epoch).
 */
void sf_session_refused(struct sf_session *session, int64_t now)
{
	struct sf_destination *destination = &session->destination;
	struct sf_destination_stats *stats = &destination->stats;

	sf_count_subtract(&stats->sent, &session->last_call);
	sf_count_add(&stats->lost_unreachable, &session->last_call);
	session->flow_records -= session->last_call.records;
	session->last_call = (struct sf_destination_count){ 0 };
	note_failure(session, SF_FATE_LOST_unreachable, now);
	session->epoch++;
	/* ICMP "packet too big" (-EMSGSIZE) comes from a router: the collector may well listen */
	if (session->transport->error == -EMSGSIZE)
		return;
	destination->refused_ns = destination->shared->wall_ns;
	if (!destination->shared->options.queued)
		return;
	if (session->reach == SF_REACH_OK)
		sf_destination_news(destination, "%s; %s until it answers", stats->failure,
			destination->group ? "other collectors get its records"
					   : "its records are lost");
	destination->drops |= session->reach == SF_REACH_PROBED;
	destination->fails = true;
	destination->lost_as = SF_FATE_LOST_unreachable;
	session->reach = SF_REACH_REFUSED;
	session->reach_ns = 0;
}

/* True if a message with this fate is missing in the middle or at the end of a file. */
static bool leaves_a_gap(enum sf_fate fate, const struct sf_session *session)
{
	return fate == SF_FATE_LOST_write ||
	       (fate == SF_FATE_LOST_stopped && !session->transport->traits.live);
}

/* Counts the messages of a batch that was sent. */
static void enter_fates(struct sf_session *session, struct sf_batch *batch, int64_t now)
{
	struct sf_destination_stats *stats = &session->destination.stats;

	if (batch->earlier_refused)
		sf_session_refused(session, now);
	if (batch->last_call_from < batch->count)
		session->last_call = (struct sf_destination_count){ 0 };
	for (unsigned i = 0; i < batch->count; i++) {
		enum sf_fate fate = batch->messages[i].fate;

		if (fate == SF_FATE_WAITING)
			continue;
		sf_count_add(sf_destination_fate(stats, fate), &batch->messages[i].flows);
		if (fate != SF_FATE_SENT) {
			stats->incomplete |= leaves_a_gap(fate, session);
			note_failure(session, fate, now);
			continue;
		}
		stats->messages++;
		stats->message_octets += batch->messages[i].length;
		session->flow_records += batch->messages[i].flows.records;
		if (i >= batch->last_call_from)
			sf_count_add(&session->last_call, &batch->messages[i].flows);
	}
}

/*
 * Counts messages whose fate the transport has learnt since the last call. False: it has told all.
 */
static bool settle_some(struct sf_session *session, int64_t now)
{
	struct sf_destination_stats *stats = &session->destination.stats;
	struct sf_transport *transport = session->transport;
	struct sf_outcome sent, lost;

	if (!transport->ops->settle)
		return false;
	transport->ops->settle(transport, &sent, &lost);
	sf_count_add(&stats->sent, &sent.flows);
	stats->messages += sent.pieces;
	stats->message_octets += sent.octets;
	session->flow_records += sent.flows.records;
	if (lost.pieces == 0)
		return false;
	sf_count_add(sf_destination_fate(stats, transport->lost_as), &lost.flows);
	stats->incomplete |= leaves_a_gap(transport->lost_as, session);
	note_failure(session, transport->lost_as, now);
	/* templates may be among the lost messages; a connection loses no single message */
	if (!transport->traits.connected)
		session->epoch++;
	return true;
}

static void settle(struct sf_session *session, int64_t now)
{
	while (settle_some(session, now))
		;
}

/* Tells the user that the transport has failed and takes nothing for now. */
static void tell_attempts(struct sf_destination *destination, const struct sf_transport *transport)
{
	int64_t seconds = (transport->pause_ns + SF_NS_PER_S / 2) / SF_NS_PER_S;

	if (seconds > 1)
		sf_destination_news(destination, "%s; next attempt in %d s (retry=)",
			transport->trouble, (int)seconds);
	else
		sf_destination_news(destination, "%s; trying again", transport->trouble);
}

static void begin_stall(struct sf_session *session)
{
	const struct sf_transport *transport = session->transport;
	struct sf_destination *destination = &session->destination;
	struct sf_destination_stats *stats = &destination->stats;

	session->stalled = destination->fails = true;
	destination->lost_as = transport->traits.unready;
	stats->gone = transport->gone;
	stats->error = transport->error;
	if (transport->gone)
		sf_destination_news(destination, "%s %.150s any more: %s", transport->traits.cannot,
			stats->url, sf_strerror(transport->error));
	else if (transport->trouble[0])
		tell_attempts(destination, transport);
	else if (transport->error == -ENXIO)
		sf_destination_news(destination,
			"%.150s: waiting for a program that reads from this FIFO", stats->url);
	else
		sf_destination_news(destination, "%s %.150s: %s; trying again once a second",
			transport->traits.cannot, stats->url, sf_strerror(transport->error));
	if (transport->error != -ENXIO && !stats->failure[0])
		snprintf(stats->failure, sizeof(stats->failure), "%s", stats->news);
}

/* Tells the user that the transport takes messages again. */
static void end_stall(struct sf_session *session)
{
	struct sf_destination *destination = &session->destination;
	const struct sf_transport *transport = session->transport;

	session->stalled = destination->fails = false;
	destination->lost_as = SF_FATE_LOST_queue;
	session->said_connects = transport->connects - transport->renewals;
	if (transport->traits.connected && transport->trouble[0])
		sf_destination_news(destination, "%.60s can be reached again (%.160s)",
			destination->stats.url, transport->trouble);
	else
		sf_destination_news(destination, "%.150s %s again", destination->stats.url,
			transport->traits.live ? "can be reached" : "takes records");
}

void sf_session_settle(struct sf_session *session)
{
	const struct sf_transport *transport = session->transport;
	unsigned peers = transport->connects - transport->renewals;

	settle(session, session->destination.shared->wall_ns);
	session->destination.stats.inherited = transport->inherited;
	session->destination.stats.spooled = transport->spooled;
	session->destination.stats.torn_octets = transport->torn_octets;
	session->destination.stats.files = transport->files;
	session->destination.stats.removed_files = transport->removed_files;
	if (transport->fails &&
		(!session->stalled || (transport->gone && !session->destination.stats.gone)))
		begin_stall(session);
	else if (!transport->fails &&
		 (session->stalled || (peers > 1 && transport->traits.connected &&
					      session->said_connects != peers)))
		end_stall(session);
}

/* ---------------------------------------------------------------- sending */

void sf_session_watch(struct sf_session *session)
{
	const struct sf_session_options *options = &session->options;

	sf_pace_fini(&session->pace);
	sf_pace_init(&session->pace, options->rate, session->transport->hurry);
	if (options->rate_is_default && options->rate && session->transport->peer_size)
		sf_pace_watch(&session->pace, session->transport);
}

/* True if sf_exporter_put() may wait for this session: there is no queue (capture files). */
static bool waits(const struct sf_session *session)
{
	return !session->destination.shared->options.queued;
}

/*
 * Keeps the pace. False: the batch cannot be sent, because the run has to end and the pace does not
 * allow the records now, or because nothing is sent any more.
 */
static bool may_leave(struct sf_session *session, uint64_t records)
{
	if (sf_hurry_level(session->transport->hurry) > 1)
		return false;
	if (waits(session))
		return sf_pace_wait(&session->pace, records);
	sf_pace_spend(&session->pace, records);
	return true;
}

static void lose_batch(struct sf_batch *batch, enum sf_fate fate)
{
	batch->earlier_refused = false;
	batch->last_call_from = batch->count;
	for (unsigned i = 0; i < batch->count; i++)
		batch->messages[i].fate = (uint8_t)fate;
}

/* Writes the headers of the messages. Returns the number of their data records. */
static uint64_t seal(struct sf_session *session, struct sf_stream *stream, struct sf_batch *batch,
	int64_t time_ns)
{
	const struct sf_exporter_options *options = &session->destination.shared->options;
	const struct sf_dialect *dialect = session->options.dialect;
	struct sf_stamp stamp = {
		.boot_ms = stream->context.boot_ms,
		.time_ns = time_ns,
		.domain = stream->domain,
		.sampling_interval = options->sampling_interval,
		.sampling_random = options->sampling && options->sampling->kind != SF_SAMPLE_COUNT,
	};
	uint32_t *sequence = &stream->sequences[batch->sctp_stream];
	uint8_t *bytes = batch->bytes;
	uint64_t records = 0;

	for (unsigned i = 0; i < batch->count; bytes += batch->messages[i].length, i++) {
		stamp.sequence = *sequence;
		stamp.data_records = batch->messages[i].data_records;
		stamp.template_records = batch->messages[i].template_records;
		*sequence = dialect->seal(bytes, batch->messages[i].length, &stamp);
		records += batch->messages[i].data_records;
	}
	return records;
}

void sf_session_send(struct sf_session *session, struct sf_stream *stream, struct sf_batch *batch)
{
	const struct sf_transport *transport = session->transport;
	/*
	 * waiting may send templates and options data, so it must not be done while these are made
	 */
	bool ready = !transport->traits.connected || !waits(session) ||
		     batch == &session->control || sf_session_await(session);
	int64_t time_ns = sf_session_instant(session, stream);
	uint32_t sequence;
	uint64_t records;

	batch->sctp_stream =
		transport->traits.own_streams ? sf_own_stream(session, stream, batch->bytes) : 0;
	sequence = stream->sequences[batch->sctp_stream];
	records = seal(session, stream, batch, time_ns);
	/* no process listens at the collector, and the records cannot wait, as the run ends */
	if ((session->reach != SF_REACH_OK && batch->messages[0].flows.records) ||
		(!ready && session->given_up))
		lose_batch(batch, SF_FATE_LOST_unreachable);
	else if (ready && may_leave(session, records))
		transport->ops->send(session->transport, batch);
	else
		lose_batch(batch, SF_FATE_LOST_stopped);
	if (batch->spooled)
		stream->sequences[batch->sctp_stream] = sequence;
	batch->spooled = false;
	enter_fates(session, batch, time_ns);
	sf_session_settle(session);
	batch->count = 0;
}
