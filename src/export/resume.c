/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions over connections: RFC 7011 §10.4. A new connection is a new transport session: sequence
 * numbers begin at 0, templates are sent, and then what the peer may not have from the last
 * connection. With capture files, the reader waits for the connection.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/wire.h"
#include "export/session.h"

#define LOOK_NS     INT64_C(100000000)
#define PATIENCE_NS INT64_C(60000000000)
#define GRACE_NS    INT64_C(500000000) /* for the attempt that begins when the patience ends */

static struct sf_stream *stream_of_message(struct sf_session *session, const uint8_t *bytes)
{
	uint32_t domain = sf_load_be32(bytes + 12);
	struct sf_stream *stream = session->streams;

	while (stream && stream->domain != domain)
		stream = stream->next;
	return stream;
}

void sf_session_resume(struct sf_session *session)
{
	const struct sf_transport *transport = session->transport;

	session->foreign_count = 0;
	session->told_of_sharing = false;
	for (struct sf_stream *stream = session->streams; stream; stream = stream->next) {
		memset(stream->sequences, 0, sizeof(stream->sequences));
		stream->reliability_told = 0;
		stream->instant_ns = 0;
		if (!stream->started || transport->foreign)
			continue;
		sf_session_announce(session, stream);
		/* RFC 7011 §8.4: more than once where they may get lost */
		if (transport->traits.datagrams)
			sf_session_templates(session, stream);
	}
}

/*
 * The sequence number of an observation domain of an earlier run; NULL: there are too many domains.
 */
static uint32_t *foreign_sequence(struct sf_session *session, uint32_t domain)
{
	unsigned i = 0;

	while (i < session->foreign_count && session->foreign[i].domain != domain)
		i++;
	if (i == SF_FOREIGN_MAX)
		return NULL;
	if (i == session->foreign_count) {
		session->foreign[i].domain = domain;
		session->foreign[i].sequence = 0;
		session->foreign_count++;
	}
	return &session->foreign[i].sequence;
}

/* A message of an earlier run: it has templates of its own, and its sequence numbers begin at 0. */
static void send_foreign(struct sf_session *session, struct sf_batch *batch)
{
	uint32_t domain = sf_load_be32(batch->bytes + 12);
	uint32_t *sequence = foreign_sequence(session, domain);
	struct sf_stamp stamp = {
		.time_ns = session->destination.shared->wall_ns,
		.sequence = sequence ? *sequence : 0,
		.domain = domain,
		.data_records = batch->messages[0].data_records,
	};

	stamp.sequence = sf_ipfix.seal(batch->bytes, batch->messages[0].length, &stamp);
	if (sequence)
		*sequence = stamp.sequence;
	/* its templates may share messages */
	batch->sctp_stream = 0;
	session->transport->ops->send(session->transport, batch);
}

/* Datagrams keep the pace: a collector's buffer would not hold all of them at once. */
static bool keeps_pace(struct sf_session *session, int64_t mono)
{
	return !session->transport->traits.datagrams || sf_pace_due(&session->pace, mono) <= mono;
}

void sf_session_replay(struct sf_session *session, int64_t mono)
{
	struct sf_transport *transport = session->transport;
	struct sf_batch *batch = &session->control;
	struct sf_stream *stream;

	while (keeps_pace(session, mono) &&
		transport->ops->again(transport, batch, session->control_bytes)) {
		if (batch->repeated)
			sf_count_add(
				&session->destination.stats.repeated, &batch->messages[0].flows);
		stream = stream_of_message(session, batch->bytes);
		if (transport->foreign || !stream)
			send_foreign(session, batch);
		else
			sf_session_send(session, stream, batch);
		batch->replay = false;
		batch->place = (struct sf_spool_span){ 0 };
	}
	batch->count = 0;
}

static bool waits_in_vain(struct sf_session *session, int64_t away_ns)
{
	/* one side refuses the other, such as its certificate: waiting does not help */
	bool refused = session->transport->error == -EPROTO;
	int64_t patience_ns = session->destination.shared->options.patience_ns;

	patience_ns = GRACE_NS + (patience_ns ? patience_ns : PATIENCE_NS);
	if (!session->transport->fails)
		session->given_up = false;
	else if (away_ns > patience_ns || refused)
		session->given_up = true;
	return session->given_up;
}

/* Waits until `is_done`. False: the run is in a hurry, or the collector is away for too long. */
static bool await(struct sf_session *session, bool (*is_done)(struct sf_session *, int64_t when))
{
	int64_t mono = sf_clock_read(CLOCK_MONOTONIC), since = mono;

	for (;; mono = sf_clock_read(CLOCK_MONOTONIC)) {
		int64_t when = sf_session_ready(&session->destination, mono), pause;
		struct pollfd out = { .fd = session->destination.fd, .events = POLLOUT };

		if (is_done(session, when - mono))
			return true;
		if (!session->transport->fails)
			since = mono;
		if (sf_hurry_level(session->transport->hurry) ||
			waits_in_vain(session, mono - since))
			return false;
		pause = when > mono && when - mono < LOOK_NS ? when - mono : LOOK_NS;
		ppoll(&out, 1, &(struct timespec){ .tv_nsec = pause }, NULL);
	}
}

static bool may_send(struct sf_session *session, int64_t when)
{
	(void)session;
	return when <= 0;
}

static bool has_sent(struct sf_session *session, int64_t when)
{
	const struct sf_transport *transport = session->transport;

	/* what a collector that is away does not get stays in the spool */
	return when <= 0 &&
	       (!transport->ops->holds(transport) || (transport->spools && transport->fails));
}

bool sf_session_await(struct sf_session *session)
{
	return await(session, may_send);
}

void sf_session_await_sent(struct sf_session *session)
{
	await(session, has_sent);
}
