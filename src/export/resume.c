/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions over connections: RFC 7011 §10.4. A new connection is a new transport session: sequence
 * numbers begin at 0, templates are sent, and then what the peer may not have from the last connection.
 * With capture files, the reader waits for the connection.
 */
#include <errno.h>
#include <poll.h>

#include "base/clock.h"
#include "base/wire.h"
#include "export/session.h"

#define LOOK_NS INT64_C(100000000)
/* with capture files: a collector that is away for so long is not waited for (two attempts) */
#define AWAY_NS INT64_C(150000000000)

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
	struct sf_batch *batch = &session->control;

	for (struct sf_stream *stream = session->streams; stream; stream = stream->next) {
		stream->sequence = 0;
		stream->instant_ns = 0;
		if (stream->started)
			sf_session_announce(session, stream);
	}
	while (transport->ops->again(session->transport, batch, session->control_bytes)) {
		if (batch->repeated)
			sf_count_add(
				&session->destination.stats.repeated, &batch->messages[0].flows);
		sf_session_send(session, stream_of_message(session, batch->bytes), batch);
	}
}

static bool waits_in_vain(struct sf_session *session, int64_t away_ns)
{
	/* one side refuses the other's certificate: waiting does not help */
	bool refused = session->transport->error == -EPROTO;

	if (!session->transport->fails)
		session->given_up = false;
	else if (away_ns > AWAY_NS || refused)
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
	return when <= 0 && !session->transport->ops->holds(session->transport);
}

bool sf_session_await(struct sf_session *session)
{
	return await(session, may_send);
}

void sf_session_await_sent(struct sf_session *session)
{
	await(session, has_sent);
}
