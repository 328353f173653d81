/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions of the collecting process, and the sequence numbers of their messages.
 *
 *	collector ── session buckets ── session (exporter, version, domain) ── its templates
 *	          └─ template buckets ─ template (session, id)
 *
 * Both tables have chained buckets, whose number depends on max_templates; a random seed keeps
 * senders from choosing collisions. Sessions and templates are never removed to make room: beyond
 * the limit new ones are refused and counted, so that a flood of invented senders cannot displace
 * the exporters that were there first. After such a flood, new exporters stay unknown until the
 * process restarts.
 *
 * Sequence numbers (modulo 2^32) are checked in the unit of each protocol. If a message steps back,
 * the next message decides: if it continues from the old place, the message was late; if it
 * continues from the message that stepped back, the exporter has restarted.
 */
#include <stdlib.h>
#include <string.h>

#include "collect/internal.h"

/*
 * Length of the part of a sender's name that identifies the exporter. NetFlow v9 (RFC 3954 §5.1):
 * the address, because a device may send from several ports. IPFIX (RFC 7011 §3.1): address and
 * port.
 */
static size_t name_length(const char *exporter, uint16_t version)
{
	const char *colon = strrchr(exporter, ':');

	if (version != SF_NETFLOW9 || !colon)
		return strlen(exporter);
	/* the last colon is part of an IPv6 address without a port */
	if (exporter[0] == '[' ? colon[-1] != ']' : strchr(exporter, ':') != colon)
		return strlen(exporter);
	return (size_t)(colon - exporter);
}

/* FNV-1a over the exporter's name, begun with the seed and ended with a multiplicative mix. */
static uint32_t session_hash(const struct sf_collector *c, const char *exporter, size_t length,
	uint16_t version, uint32_t domain)
{
	uint64_t hash = c->seed ^ domain ^ (uint64_t)version << 32;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t)exporter[i]) * UINT64_C(0x100000001b3);
	hash *= UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(hash >> 32) & c->mask;
}

/* [RFC3954-7-2] */
static bool session_is(const struct sf_collect_session *session, const char *exporter,
	size_t length, uint16_t version, uint32_t domain, bool connected)
{
	return session->domain == domain && session->version == version &&
	       session->connected == connected &&
	       strncmp(session->exporter, exporter, length) == 0 &&
	       session->exporter[length] == '\0';
}

struct sf_collect_session *sf_collect_session_get(
	struct sf_collect_message *message, const char *exporter, uint16_t version, uint32_t domain)
{
	struct sf_collector *c = message->collector;
	struct sf_collect_session *session, **bucket;
	size_t length = name_length(exporter, version);

	if (c->last && session_is(c->last, exporter, length, version, domain, message->withdrawals))
		return c->last;
	bucket = &c->session_buckets[session_hash(c, exporter, length, version, domain)];
	for (session = *bucket; session; session = session->hash_next)
		if (session_is(session, exporter, length, version, domain, message->withdrawals))
			return c->last = session;
	if (c->session_count >= c->options.max_templates)
		return NULL;
	session = calloc(1, sizeof(*session) + length + 1);
	if (!session) {
		sf_collect_no_memory(message);
		return NULL;
	}
	memcpy(session->exporter, exporter, length);
	session->version = version;
	session->domain = domain;
	session->connected = message->withdrawals;
	session->hash_next = *bucket;
	*bucket = session;
	c->session_count++;
	return c->last = session;
}

static void session_free(struct sf_collector *c, struct sf_collect_session *session)
{
	while (session->templates)
		sf_collect_template_drop(c, session->templates);
	if (c->last == session)
		c->last = NULL;
	c->session_count--;
	free(session->streams);
	free(session);
}

void sf_collect_forget(struct sf_collector *c, const char *exporter)
{
	for (uint32_t i = 0; i <= c->mask; i++) {
		struct sf_collect_session **link = &c->session_buckets[i];

		while (*link) {
			struct sf_collect_session *session = *link;

			if (!exporter ||
				(session->connected && strcmp(session->exporter, exporter) == 0)) {
				*link = session->hash_next;
				session_free(c, session);
			} else {
				link = &session->hash_next;
			}
		}
	}
}

/* ---------------------------------------------------------------- sequence numbers */

/* Sequence numbers of the message's stream. NULL: it is one stream too many, or out of memory. */
static struct sf_collect_sequence *sequence_of(const struct sf_collect_message *message)
{
	struct sf_collect_session *session = message->session;
	struct sf_collect_sequence *grown;

	if (message->stream == 0)
		return &session->sequence;
	for (unsigned i = 0; i < session->stream_count; i++)
		if (session->streams[i].stream == message->stream)
			return &session->streams[i];
	if (session->stream_count == SF_COLLECT_STREAMS)
		return NULL;
	grown = realloc(session->streams, (session->stream_count + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	session->streams = grown;
	grown += session->stream_count++;
	*grown = (struct sf_collect_sequence){ .stream = message->stream };
	return grown;
}

/* [RFC7011-11.6-1] */
void sf_collect_sequence_check(
	struct sf_collect_message *message, uint32_t sequence, uint32_t units, bool known)
{
	struct sf_collect_sequence *stream = message->session ? sequence_of(message) : NULL;
	struct sf_collector_stats *stats = &message->collector->stats;
	uint32_t next = sequence + units, step;

	if (!stream)
		return;
	step = sequence - stream->expected;
	if (stream->expecting && step != 0) {
		if (stream->late_valid && sequence == stream->late) {
			/* the exporter has restarted: see the top of this file */
		} else if (step < UINT32_C(1) << 31) {
			stats->sequence_gaps++;
			stats->sequence_lost += step;
			stream->lost += step;
		} else {
			uint64_t back = stream->lost < units ? stream->lost : units;

			stats->sequence_gaps++;
			stats->sequence_lost -= back;
			stream->lost -= back;
			stream->late = next;
			stream->late_valid = known;
			return;
		}
	}
	stream->late_valid = false;
	stream->expecting = known;
	stream->expected = next;
}
