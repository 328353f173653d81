/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Live sessions: when a session can take records, and whether its collector listens.
 *
 * If no process listens, the collector's host refuses a datagram by ICMP. From then on only probes
 * are sent: all templates, every PROBE_NS; of NetFlow v5 a header alone. If a probe is refused too,
 * the records that wait in the queue are lost. If a probe is not refused in time, the collector
 * listens again: templates and options data are sent again, because it may have started after the
 * probe, and then the records.
 *
 * Silence does not prove that a collector listens: hosts limit ICMP to one answer per second, and a
 * host may be switched off. So after an outage templates are sent before every batch for DOUBT_NS.
 *
 *	SF_REACH_OK ─ refused ─> REFUSED ─ after PROBE_NS: probe ─> PROBED ─ silence ─> OK
 *	                            ^──────────── refused ────────────┘
 */
#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "export/session.h"

#define PROBE_NS INT64_C(2000000000)
#define DOUBT_NS INT64_C(60000000000)
#define LOOK_NS  INT64_C(50000000)
/* time limits for ICMP: from the host, a round trip; from the last router, three tries of ARP */
#define SILENCE_NS      INT64_C(500000000)
#define HOST_SILENCE_NS INT64_C(4000000000)
/* without a queue the reader of the capture files waits so long for ICMP, in steps */
#define ANSWER_NS INT64_C(200000000)
#define STEP_NS   INT64_C(10000000)

static int64_t silence(const struct sf_session *session)
{
	return session->transport->error == -ECONNREFUSED ? SILENCE_NS : HOST_SILENCE_NS;
}

static void probe(struct sf_session *session, int64_t mono)
{
	session->reach = SF_REACH_PROBED;
	session->reach_ns = mono + silence(session);
	if (session->transport->ops->doubt)
		session->transport->ops->doubt(session->transport, mono);
	for (struct sf_stream *stream = session->streams; stream; stream = stream->next)
		sf_session_ask(session, stream);
	/* the send itself was refused: the next probe is due as usual */
	if (session->reach == SF_REACH_REFUSED)
		session->reach_ns = mono + PROBE_NS;
}

static void return_to_service(struct sf_session *session)
{
	struct sf_destination *destination = &session->destination;

	session->reach = SF_REACH_OK;
	destination->fails = false;
	destination->lost_as = SF_FATE_LOST_queue;
	session->doubt_ns = destination->shared->wall_ns + DOUBT_NS;
	for (struct sf_stream *stream = session->streams; stream; stream = stream->next)
		sf_session_announce(session, stream);
	sf_destination_news(destination,
		"collector %.150s answers again: templates were sent first",
		destination->stats.url);
}

/* The time from which records may be sent, as far as the collector's state decides it. */
static int64_t reach(struct sf_session *session, int64_t mono)
{
	struct sf_transport *transport = session->transport;

	if (transport->ops->refused(transport))
		sf_session_refused(session, session->destination.shared->wall_ns);
	if (session->reach == SF_REACH_REFUSED && session->reach_ns == 0)
		session->reach_ns = mono + PROBE_NS;
	if (session->reach == SF_REACH_REFUSED && mono >= session->reach_ns)
		probe(session, mono);
	else if (session->reach == SF_REACH_PROBED && mono >= session->reach_ns)
		return_to_service(session);
	if (session->reach == SF_REACH_OK)
		return mono;
	if (session->reach == SF_REACH_PROBED && session->reach_ns > mono + LOOK_NS)
		return mono + LOOK_NS;
	return session->reach_ns > mono ? session->reach_ns : mono + LOOK_NS;
}

/*
 * Prepares the session for another peer of the transport, or the first one, which has no templates.
 */
static void meet(struct sf_session *session)
{
	session->connects = session->transport->connects;
	session->epoch++;
	sf_session_watch(session);
	if (session->transport->traits.connected)
		sf_session_resume(session);
}

int64_t sf_session_ready(struct sf_destination *destination, int64_t mono)
{
	struct sf_session *session = (struct sf_session *)destination;
	struct sf_transport *transport = session->transport;
	int64_t when = transport->ops->ready(transport, mono, &destination->fd);

	sf_session_settle(session);
	if (when > mono)
		return when;
	if (session->connects != transport->connects)
		meet(session);
	if (transport->ops->again)
		sf_session_replay(session, mono);
	if (transport->ops->refused) {
		when = reach(session, mono);
		if (when > mono)
			return when;
	}
	return sf_pace_due(&session->pace, mono);
}

bool sf_session_flush(struct sf_destination *destination)
{
	struct sf_session *session = (struct sf_session *)destination;

	for (struct sf_stream *stream = session->streams; stream; stream = stream->next)
		if (sf_fill_flush_one(session, stream))
			return true;
	return false;
}

/* ---------------------------------------------------------------- without a queue */

/* Waits for ICMP: from this host it comes before the datagram's call returns. */
static bool is_refused(struct sf_session *session)
{
	struct sf_transport *transport = session->transport;
	int64_t left = sf_udp_stays_here(transport) ? 0 : ANSWER_NS;

	for (; !transport->ops->refused(transport); left -= STEP_NS) {
		if (left <= 0 || sf_hurry_level(transport->hurry))
			return false;
		nanosleep(&(struct timespec){ .tv_nsec = STEP_NS }, NULL);
	}
	return true;
}

/* Sends templates, which are the probe over UDP (sf_session_ask()). False: they were refused. */
static bool takes_templates(struct sf_session *session, const struct sf_flow *flow)
{
	struct sf_destination *destination = &session->destination;
	int64_t refused_ns = destination->refused_ns;
	struct sf_stream *stream;

	destination->refused_ns = 0;
	stream = sf_session_begin(session, flow);
	if (stream)
		sf_session_ask(session, stream);
	if (is_refused(session))
		sf_session_refused(session, destination->shared->wall_ns);
	if (destination->refused_ns)
		return false;
	destination->refused_ns = refused_ns;
	return true;
}

/* Waits for a connection (--stop-timeout) once; after that was in vain, only looks for one. */
static bool connects(struct sf_session *session)
{
	if (!session->given_up)
		return sf_session_await(session);
	sf_session_ready(&session->destination, sf_clock_read(CLOCK_MONOTONIC));
	session->given_up = session->transport->fails;
	return !session->given_up;
}

bool sf_session_probe(struct sf_destination *destination, const struct sf_flow *flow)
{
	struct sf_session *session = (struct sf_session *)destination;

	if (session->transport->traits.connected)
		return connects(session);
	return !session->transport->ops->refused || takes_templates(session, flow);
}
