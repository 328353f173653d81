/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last step of a session: header, pace, transport, and the books of what became of it.
 *
 * A message gets its header, with time and sequence number, when its batch leaves: messages of
 * one stream go out in the order of their sequence numbers although they fill at different
 * speeds.
 */
#include <stdio.h>
#include <string.h>

#include "export/session.h"

/* ---------------------------------------------------------------- time */

/* DESIGN §6: IPFIX over a network carries wall time; all else follows the packet clock. */
static bool on_packet_clock(const struct sf_session *session)
{
	return session->destination.shared->options.packet_clock &&
	       (sf_session_is_netflow(session) || !session->options.network);
}

int64_t sf_session_instant(const struct sf_session *session, struct sf_stream *stream)
{
	const struct sf_shared *shared = session->destination.shared;
	int64_t now = shared->wall_ns;

	/* RFC 7011 §3.1: when the message leaves, by a clock that may be set back */
	if (!sf_session_is_netflow(session) && session->options.network)
		return now;
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
		/* too long ago for 32 bits of ms: the records' own time, and a new boot next */
		stream->boot_end_ns = INT64_MIN;
		now = session->latest_ns < stream->boot_ns + SF_UPTIME_RANGE - SF_FLUSH_NS
			      ? session->latest_ns
			      : stream->boot_ns + SF_UPTIME_RANGE - SF_UPTIME_MARGIN;
	}
	return now;
}

/* ---------------------------------------------------------------- books */

static struct sf_destination_count *fate_count(
	struct sf_destination_stats *stats, enum sf_fate fate)
{
	switch (fate) {
#define X(name)                                                                                    \
	case SF_FATE_##name:                                                                       \
		return &stats->lost_##name;
		SF_LOST_REASONS(X)
#undef X
	case SF_FATE_SENT:
		break;
	}
	return &stats->sent;
}

static void note_failure(struct sf_session *session, enum sf_fate fate, int64_t now)
{
	struct sf_destination_stats *stats = &session->destination.stats;
	int code = session->transport->error;

	sf_losses_note(&session->losses, now);
	if (fate == SF_FATE_stopped)
		snprintf(stats->failure, sizeof(stats->failure),
			"%.200s was not ready for all records when the run had to end", stats->url);
	else if (code == -ECONNREFUSED)
		snprintf(stats->failure, sizeof(stats->failure), "nobody listens at %.200s: %s",
			stats->url, sf_strerror(code));
	else
		snprintf(stats->failure, sizeof(stats->failure), "%s %.200s: %s",
			session->options.network ? "cannot send to" : "cannot write", stats->url,
			sf_strerror(code));
}

/* The datagrams of the last call came back as refused: they were not sent after all. */
void sf_session_refused(struct sf_session *session, int64_t now)
{
	struct sf_destination_stats *stats = &session->destination.stats;

	sf_count_subtract(&stats->sent, &session->last_call);
	sf_count_add(&stats->lost_unreachable, &session->last_call);
	session->flow_records -= session->last_call.records;
	session->last_call = (struct sf_destination_count){ 0 };
	note_failure(session, SF_FATE_unreachable, now);
}

static void enter_fates(struct sf_session *session, struct sf_batch *batch, int64_t now)
{
	struct sf_destination_stats *stats = &session->destination.stats;

	if (batch->earlier_refused)
		sf_session_refused(session, now);
	if (batch->last_call_from < batch->count)
		session->last_call = (struct sf_destination_count){ 0 };
	for (unsigned i = 0; i < batch->count; i++) {
		enum sf_fate fate = batch->messages[i].fate;

		sf_count_add(fate_count(stats, fate), &batch->messages[i].flows);
		if (fate != SF_FATE_SENT) {
			stats->incomplete |= fate == SF_FATE_write ||
					     (fate == SF_FATE_stopped && !session->options.network);
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

/* False: the run is to end, and this destination is not ready now, or nothing is sent any more. */
static bool may_leave(struct sf_session *session, uint64_t records)
{
	return sf_hurry_level(session->transport->hurry) < 2 &&
	       sf_pace_wait(&session->pace, records);
}

static void stop_batch(struct sf_batch *batch)
{
	batch->earlier_refused = false;
	batch->last_call_from = batch->count;
	for (unsigned i = 0; i < batch->count; i++)
		batch->messages[i].fate = SF_FATE_stopped;
}

void sf_session_send(struct sf_session *session, struct sf_stream *stream, struct sf_batch *batch)
{
	const struct sf_dialect *dialect = session->options.dialect;
	struct sf_stamp stamp = {
		.boot_ms = stream->context.boot_ms,
		.time_ns = sf_session_instant(session, stream),
		.domain = stream->domain,
		.sampling_interval = session->destination.shared->options.sampling_interval,
	};
	uint8_t *bytes = batch->bytes;
	uint64_t records = 0;

	for (unsigned i = 0; i < batch->count; bytes += batch->messages[i].length, i++) {
		stamp.sequence = stream->sequence;
		stamp.data_records = batch->messages[i].data_records;
		stamp.template_records = batch->messages[i].template_records;
		stream->sequence = dialect->seal(bytes, batch->messages[i].length, &stamp);
		records += batch->messages[i].data_records;
	}
	if (may_leave(session, records))
		session->transport->ops->send(session->transport, batch);
	else
		stop_batch(batch);
	enter_fates(session, batch, stamp.time_ns);
	batch->count = 0;
}
