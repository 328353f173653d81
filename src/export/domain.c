/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The streams of a session: one per observation domain, each with its sequence number, its
 * templates and, for NetFlow, the boot time that its records are relative to.
 */
#include <stdlib.h>

#include "export/session.h"

#define NS_PER_MS INT64_C(1000000)
/* sysUptime of the first record; earlier flows may follow, and a record spans up to 72 h */
#define BOOT_BEFORE (96 * 3600 * INT64_C(1000000000))

/*
 * The time at which sysUptime is 0, for a first flow with this start: BOOT_BEFORE the flow, but not
 * before 1970, because collectors (SiLK) use an unsigned number of ms since then.
 */
static int64_t boot_of(int64_t start_ns)
{
	const int64_t latest_ns = INT64_MAX - SF_UPTIME_RANGE;

	if (start_ns >= 0 && start_ns < BOOT_BEFORE)
		return 0;
	if (start_ns < INT64_MIN + BOOT_BEFORE)
		return INT64_MIN;
	return start_ns - BOOT_BEFORE < latest_ns ? start_ns - BOOT_BEFORE : latest_ns;
}

void sf_stream_set_boot(struct sf_session *session, struct sf_stream *stream, int64_t start_ns)
{
	/* IPFIX times are absolute */
	if (!sf_session_is_netflow(session))
		return;
	if (stream->boot_end_ns != 0)
		sf_fill_flush(session, stream);
	stream->context.boot_ms = boot_of(start_ns) / NS_PER_MS;
	stream->boot_ns = stream->context.boot_ms * NS_PER_MS;
	stream->boot_end_ns = stream->boot_ns + SF_UPTIME_RANGE - SF_UPTIME_MARGIN;
}

/* Adds the templates of the usual records, so that collectors know them before the first record. */
static void add_usual_slots(struct sf_session *session, struct sf_stream *stream)
{
	const uint64_t mask = session->record_mask;

	for (unsigned i = 0; i < (session->options.biflow ? 8 : 4); i++) {
		uint64_t when = SF_WHEN_IPV4 << (i & 1) | SF_WHEN_NOT_ICMP << (i >> 1 & 1) |
				(i & 4 ? SF_WHEN_TWO_WAY : 0);

		if (!sf_stream_slot(stream, when & mask))
			sf_fill_slot_new(session, stream, when & mask);
	}
}

struct sf_stream *sf_stream_new(struct sf_session *session, uint32_t domain)
{
	struct sf_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->domain = domain;
	if (!session->options.no_extra)
		stream->context.extra = session->destination.shared->extra;
	if (!sf_session_is_netflow(session)) {
		/* IPFIX times are absolute */
		stream->boot_ns = INT64_MIN;
		stream->boot_end_ns = INT64_MAX;
	}
	stream->next = session->streams;
	session->streams = stream;
	add_usual_slots(session, stream);
	return stream;
}

struct sf_stream *sf_stream_find(struct sf_session *session, uint32_t domain)
{
	for (struct sf_stream **at = &session->streams; *at; at = &(*at)->next) {
		struct sf_stream *stream = *at;

		if (stream->domain != domain)
			continue;
		*at = stream->next;
		stream->next = session->streams;
		session->streams = stream;
		return stream;
	}
	return sf_stream_new(session, domain);
}

void sf_streams_free(struct sf_session *session)
{
	while (session->streams) {
		struct sf_stream *stream = session->streams;

		session->streams = stream->next;
		sf_fill_slots_free(stream);
		free(stream->ordered.bytes);
		free(stream);
	}
}
