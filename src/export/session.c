/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An export session: records in, messages out, the books in between.
 *
 *	session ── stream per observation domain: sequence number, templates, times
 *	              └── slot per template: buffer of messages being filled
 *
 * Each slot fills its own messages, so all but the last of a batch have the same size and leave
 * with one system call. A message gets its header, with time and sequence number, when its batch
 * leaves: messages of one stream go out in the order of their sequence numbers although the slots
 * fill at different speeds.
 *
 * Books: a record is offered when it is put; when its message has left it is sent or lost by
 * name. Between the two it lies in a slot, for a second at most on a network.
 */
#include "export/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLUSH_NS      INT64_C(1000000000)
#define NS_PER_MS     INT64_C(1000000)
#define UPTIME_RANGE  ((INT64_C(1) << 32) * NS_PER_MS) /* 49.7 days */
#define UPTIME_MARGIN (60 * INT64_C(1000000000))
/* sysUptime of the first record: flows that began earlier may follow; a record spans <= 72 h */
#define BOOT_BEFORE (96 * 3600 * INT64_C(1000000000))

/* ---------------------------------------------------------------- time */

static bool is_netflow(const struct sf_session *session)
{
	return session->options.dialect->version < 10;
}

/* DESIGN §6: IPFIX over a network carries wall time; all else follows the packet clock. */
static bool on_packet_clock(const struct sf_session *session)
{
	return session->destination.shared->options.packet_clock &&
	       (is_netflow(session) || !session->options.network);
}

static int64_t instant(const struct sf_session *session, struct sf_stream *stream)
{
	const struct sf_shared *shared = session->destination.shared;
	int64_t now = shared->wall_ns;

	if (on_packet_clock(session))
		now = session->latest_ns > 0 ? session->latest_ns
		      : shared->clock_ns > 0 ? shared->clock_ns
					     : 0;
	else if (is_netflow(session) && session->latest_ns > now)
		now = session->latest_ns; /* LAST_SWITCHED is never above sysUptime */
	if (now > stream->instant_ns)
		stream->instant_ns = now;
	now = stream->instant_ns;
	if (is_netflow(session) && now >= stream->boot_ns + UPTIME_RANGE - FLUSH_NS) {
		/* too long ago for 32 bits of ms: the records' own time, and a new boot next */
		stream->boot_end_ns = INT64_MIN;
		now = session->latest_ns < stream->boot_ns + UPTIME_RANGE - FLUSH_NS
			      ? session->latest_ns
			      : stream->boot_ns + UPTIME_RANGE - UPTIME_MARGIN;
	}
	return now;
}

static void flush_stream(struct sf_session *session, struct sf_stream *stream);

/* sysUptime cannot express a flow of this start: choose another boot, RFC 3954 §5.1. */
static void set_boot(struct sf_session *session, struct sf_stream *stream, int64_t start_ns)
{
	if (stream->boot_end_ns != 0)
		flush_stream(session, stream);
	stream->context.boot_ms = (start_ns - BOOT_BEFORE) / NS_PER_MS;
	stream->boot_ns = stream->context.boot_ms * NS_PER_MS;
	stream->boot_end_ns = stream->boot_ns + UPTIME_RANGE - UPTIME_MARGIN;
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

static void note_failure(struct sf_session *session, int64_t now)
{
	struct sf_destination_stats *stats = &session->destination.stats;
	int code = session->transport->error;

	if (session->first_loss_ns == 0)
		session->first_loss_ns = now;
	session->last_loss_ns = now;
	if (code == -ECONNREFUSED)
		snprintf(stats->failure, sizeof(stats->failure), "nobody listens at %.200s: %s",
			stats->url, sf_strerror(code));
	else
		snprintf(stats->failure, sizeof(stats->failure), "%s %.200s: %s",
			session->options.network ? "cannot send to" : "cannot write", stats->url,
			sf_strerror(code));
}

/* The datagrams of the last call came back as refused: they were not sent after all. */
static void refuse_last_call(struct sf_session *session, int64_t now)
{
	struct sf_destination_stats *stats = &session->destination.stats;

	sf_count_subtract(&stats->sent, &session->last_call);
	sf_count_add(&stats->lost_unreachable, &session->last_call);
	session->flow_records -= session->last_call.records;
	session->last_call = (struct sf_destination_count){ 0 };
	note_failure(session, now);
}

static void enter_fates(struct sf_session *session, struct sf_batch *batch, int64_t now)
{
	struct sf_destination_stats *stats = &session->destination.stats;
	bool sent = false;

	if (batch->earlier_refused)
		refuse_last_call(session, now);
	for (unsigned i = 0; i < batch->count; i++) {
		enum sf_fate fate = batch->messages[i].fate;

		sf_count_add(fate_count(stats, fate), &batch->messages[i].flows);
		if (fate != SF_FATE_SENT) {
			note_failure(session, now);
			continue;
		}
		stats->messages++;
		stats->message_octets += batch->messages[i].length;
		session->flow_records += batch->messages[i].flows.records;
		if (!sent)
			session->last_call = (struct sf_destination_count){ 0 };
		sent = true;
		if (i >= batch->last_call_from)
			sf_count_add(&session->last_call, &batch->messages[i].flows);
	}
}

void sf_session_send(struct sf_session *session, struct sf_stream *stream, struct sf_batch *batch)
{
	const struct sf_dialect *dialect = session->options.dialect;
	struct sf_stamp stamp = {
		.boot_ms = stream->context.boot_ms,
		.time_ns = instant(session, stream),
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
	sf_pace_wait(&session->pace, records);
	session->transport->ops->send(session->transport, batch);
	enter_fates(session, batch, stamp.time_ns);
	batch->count = 0;
}

/* ---------------------------------------------------------------- slots */

static unsigned records_per_message(const struct sf_session *session, unsigned record_length)
{
	const struct sf_dialect *dialect = session->options.dialect;
	unsigned headers = dialect->header_length + dialect->set_header_length;
	unsigned room = session->transport->max_message < dialect->max_length
				? session->transport->max_message
				: dialect->max_length;
	unsigned count = room > headers ? (room - headers) / record_length : 0;

	/* with the set's padding */
	while (count && dialect->set_header_length &&
		((headers + count * record_length + 3) & ~3u) > room)
		count--;
	return count;
}

static struct sf_slot *new_slot(struct sf_session *session, struct sf_stream *stream, unsigned key)
{
	struct sf_slot *slot = calloc(1, sizeof(*slot));

	if (!slot)
		return NULL;
	if (session->options.dialect == &sf_netflow5)
		slot->template.record_length = SF_V5_RECORD_LENGTH;
	else
		sf_template_init(&slot->template, session->options.profile, session->when, key);
	slot->capacity = records_per_message(session, slot->template.record_length);
	slot->batch.bytes = malloc(
		(size_t)session->transport->max_messages * session->transport->max_message + 4);
	if (!slot->batch.bytes) {
		free(slot);
		return NULL;
	}
	return stream->slots[key] = slot;
}

static void free_slot(struct sf_slot *slot)
{
	if (slot)
		free(slot->batch.bytes);
	free(slot);
}

/* Starts the next message behind those of the batch. */
static void open_message(const struct sf_session *session, struct sf_slot *slot)
{
	const struct sf_dialect *dialect = session->options.dialect;
	uint8_t *start = slot->batch.bytes;

	if (slot->batch.count) /* all before have the same length */
		start += (size_t)slot->batch.count * slot->batch.messages[0].length;
	slot->message = start;
	slot->p = start + dialect->header_length + dialect->set_header_length;
	slot->last = slot->p + (size_t)(slot->capacity - 1) * slot->template.record_length;
	slot->packets = 0;
	slot->octets = 0;
}

static void close_message(const struct sf_session *session, struct sf_slot *slot)
{
	const struct sf_dialect *dialect = session->options.dialect;
	unsigned headers = dialect->header_length + dialect->set_header_length;
	struct sf_message message;
	unsigned records, i;

	if (!slot->last)
		return;
	slot->last = NULL;
	records = (unsigned)(slot->p - slot->message - headers) / slot->template.record_length;
	sf_message_begin(&message, dialect, slot->message, session->transport->max_message + 4);
	if (dialect->set_header_length)
		sf_message_set(&message, slot->template.id);
	message.p = slot->p;
	if (dialect->set_header_length)
		sf_message_set_end(&message, slot->template.record_length);
	i = slot->batch.count++;
	slot->batch.messages[i].length = (uint32_t)(message.p - message.start);
	slot->batch.messages[i].data_records = (uint16_t)records;
	slot->batch.messages[i].template_records = 0;
	slot->batch.messages[i].flows = (struct sf_destination_count){
		records,
		slot->packets,
		slot->octets,
	};
}

static bool refresh_due(const struct sf_session *session, const struct sf_stream *stream)
{
	const struct sf_session_options *options = &session->options;
	int64_t age = session->destination.shared->wall_ns - stream->announced_ns;

	/* RFC 7011 §8.4, RFC 3954 §7: by time and by number of messages, on UDP only */
	return options->network && options->dialect->set_header_length &&
	       ((options->template_refresh_ns && age >= options->template_refresh_ns) ||
		       (options->template_refresh_messages &&
			       stream->data_messages >= options->template_refresh_messages));
}

static void flush_slot(struct sf_session *session, struct sf_stream *stream, struct sf_slot *slot)
{
	close_message(session, slot);
	if (slot->batch.count == 0)
		return;
	if (!stream->started)
		sf_session_start(session, stream);
	else if (refresh_due(session, stream))
		sf_session_announce(session, stream);
	if (!slot->announced)
		sf_session_announce_slot(session, stream, slot);
	stream->data_messages += slot->batch.count;
	sf_session_send(session, stream, &slot->batch);
}

static void flush_stream(struct sf_session *session, struct sf_stream *stream)
{
	for (unsigned key = 0; key < SF_KEY_COUNT; key++)
		if (stream->slots[key])
			flush_slot(session, stream, stream->slots[key]);
}

/* ---------------------------------------------------------------- streams */

static struct sf_stream *new_stream(struct sf_session *session, uint32_t domain)
{
	struct sf_stream *stream = calloc(1, sizeof(*stream));
	bool netflow5 = session->options.dialect == &sf_netflow5;

	if (!stream)
		return NULL;
	stream->domain = domain;
	if (!is_netflow(session)) {
		/* IPFIX times are absolute */
		stream->boot_ns = INT64_MIN;
		stream->boot_end_ns = INT64_MAX;
	}
	stream->next = session->streams;
	session->streams = stream;
	/* the templates of every session, so that collectors know them before the first record */
	for (unsigned key = 0; key < (session->options.biflow ? 8 : netflow5 ? 1 : 4); key++)
		new_slot(session, stream, key);
	return stream;
}

/* The stream of a domain, moved to the front. */
static struct sf_stream *find_stream(struct sf_session *session, uint32_t domain)
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
	return new_stream(session, domain);
}

static struct sf_stream *stream_of(struct sf_session *session, const struct sf_flow *flow)
{
	uint32_t domain = flow->domain ? flow->domain : session->destination.shared->options.domain;

	if (session->streams && session->streams->domain == domain)
		return session->streams;
	return find_stream(session, domain);
}

/* ---------------------------------------------------------------- records */

static void lose(struct sf_session *session, struct sf_destination_count *reason, uint64_t packets,
	uint64_t octets, const char *why)
{
	struct sf_destination_stats *stats = &session->destination.stats;

	sf_count_add(reason, &(struct sf_destination_count){ 1, packets, octets });
	snprintf(stats->failure, sizeof(stats->failure), "%.200s: %s", stats->url, why);
}

/* Where the next record goes; NULL: it was counted as lost. */
static struct sf_slot *open_slot(struct sf_session *session, struct sf_stream *stream,
	const struct sf_flow_half *half, unsigned key, uint64_t packets, uint64_t octets)
{
	struct sf_destination_stats *stats = &session->destination.stats;
	struct sf_slot *slot = stream ? stream->slots[key] : NULL;

	if (stream && !slot)
		slot = new_slot(session, stream, key);
	if (!slot) {
		lose(session, session->options.network ? &stats->lost_send : &stats->lost_write,
			packets, octets, "no memory for another template");
		return NULL;
	}
	if (half->end_ns > session->latest_ns)
		session->latest_ns = half->end_ns;
	if (half->start_ns < stream->boot_ns || half->end_ns >= stream->boot_end_ns)
		set_boot(session, stream, half->start_ns);
	if (slot->last && slot->p <= slot->last)
		return slot;
	close_message(session, slot);
	if (slot->batch.count == session->transport->max_messages)
		flush_slot(session, stream, slot);
	if (slot->capacity == 0) {
		lose(session, &stats->lost_tooLarge, packets, octets,
			"a record does not fit into a datagram of this mtu");
		return NULL;
	}
	open_message(session, slot);
	return slot;
}

static void put_record(struct sf_session *session, struct sf_stream *stream,
	const struct sf_flow *flow, unsigned d, bool two_way)
{
	const struct sf_flow_half *half = &flow->half[d];
	unsigned key = sf_record_key(flow, session->has_mask, two_way);
	uint64_t packets = two_way ? sf_flow_packets(flow) : half->packets;
	uint64_t octets = two_way ? sf_flow_octets(flow) : half->octets;
	struct sf_destination_stats *stats = &session->destination.stats;
	struct sf_slot *slot;

	stats->offered.records++;
	stats->offered.packets += packets;
	stats->offered.octets += octets;
	slot = open_slot(session, stream, half, key, packets, octets);
	if (!slot)
		return;
	slot->p = sf_template_encode(&slot->template, slot->p, flow, d, &stream->context);
	slot->packets += packets;
	slot->octets += octets;
}

/* RFC 3954 §3.2: a flow beyond the 32-bit counters becomes several records, never a wrong one. */
static void put_netflow5(struct sf_session *session, struct sf_stream *stream,
	const struct sf_flow *flow, unsigned d)
{
	const struct sf_flow_half *half = &flow->half[d];
	struct sf_destination_stats *stats = &session->destination.stats;
	uint64_t most = half->packets > half->octets ? half->packets : half->octets;
	uint64_t parts = most / UINT32_MAX + (most % UINT32_MAX != 0);
	uint64_t packets = half->packets, octets = half->octets;

	if (flow->ip_version != 4) {
		struct sf_destination_count one = { 1, packets, octets };

		sf_count_add(&stats->offered, &one);
		sf_count_add(&stats->skipped_ipv6, &one);
		return;
	}
	for (; parts; parts--) {
		uint32_t part_packets = (uint32_t)(packets / parts);
		uint32_t part_octets = (uint32_t)(octets / parts);
		struct sf_slot *slot;

		sf_count_add(&stats->offered,
			&(struct sf_destination_count){ 1, part_packets, part_octets });
		packets -= part_packets;
		octets -= part_octets;
		slot = open_slot(session, stream, half, 0, part_packets, part_octets);
		if (!slot)
			continue;
		slot->p =
			sf_v5_encode(slot->p, flow, d, part_packets, part_octets, &stream->context);
		slot->packets += part_packets;
		slot->octets += part_octets;
	}
}

static void session_put(
	struct sf_destination *destination, const struct sf_flow *flows, unsigned count)
{
	struct sf_session *session = (struct sf_session *)destination;
	bool netflow5 = session->options.dialect == &sf_netflow5;

	if (session->init_ns == 0 && count)
		session->init_ns = flows[0].half[!flows[0].half[0].packets].start_ns;
	for (unsigned i = 0; i < count; i++) {
		const struct sf_flow *flow = &flows[i];
		struct sf_stream *stream = stream_of(session, flow);

		if (session->options.biflow) {
			bool answered = flow->half[1].packets != 0;
			bool asked = flow->half[0].packets != 0;

			/* RFC 5103 §4: no reverse elements when there is one direction only */
			put_record(session, stream, flow, !asked, asked && answered);
			if (asked && answered && flow->half[1].end_ns > session->latest_ns)
				session->latest_ns = flow->half[1].end_ns;
			continue;
		}
		for (unsigned d = 0; d < 2; d++) {
			if (flow->half[d].packets == 0)
				continue;
			if (netflow5)
				put_netflow5(session, stream, flow, d);
			else
				put_record(session, stream, flow, d, false);
		}
	}
}

/* ---------------------------------------------------------------- time passes, ends */

static void start_if_idle(struct sf_session *session, struct sf_stream *stream)
{
	if (stream->started)
		return;
	if (stream->boot_end_ns == 0)
		set_boot(session, stream, instant(session, stream));
	sf_session_start(session, stream);
}

static void session_tick(struct sf_destination *destination)
{
	struct sf_session *session = (struct sf_session *)destination;
	const struct sf_shared *shared = destination->shared;

	/* a file on packet time must not depend on when it was written */
	if (!session->options.network && shared->options.packet_clock)
		return;
	if (shared->wall_ns - session->flushed_ns < FLUSH_NS &&
		shared->wall_ns >= session->flushed_ns)
		return;
	session->flushed_ns = shared->wall_ns;
	if (!shared->options.packet_clock && !session->streams)
		new_stream(session, shared->options.domain);
	for (struct sf_stream *stream = session->streams; stream; stream = stream->next) {
		start_if_idle(session, stream);
		flush_stream(session, stream);
		if (refresh_due(session, stream))
			sf_session_announce(session, stream);
	}
}

static void session_finish(struct sf_destination *destination)
{
	struct sf_session *session = (struct sf_session *)destination;
	struct sf_destination_stats *stats = &destination->stats;
	struct sf_transport *transport = session->transport;
	int code;

	if (!transport)
		return;
	/* an IPFIX file has its templates even if no flow came */
	if (!session->options.network && !session->streams)
		new_stream(session, destination->shared->options.domain);
	for (struct sf_stream *stream = session->streams; stream; stream = stream->next) {
		flush_stream(session, stream);
		if (!session->options.network)
			start_if_idle(session, stream);
	}
	if (transport->ops->refused && transport->ops->refused(transport))
		refuse_last_call(session, session->latest_ns);
	for (struct sf_stream *stream = session->streams; stream; stream = stream->next)
		if (stream->started)
			sf_session_options_data(session, stream, true);
	code = transport->ops->close(transport);
	if (code < 0)
		snprintf(stats->failure, sizeof(stats->failure), "cannot finish %.200s: %s",
			stats->url, sf_strerror(code));
	session->transport = NULL;
}

static void session_free(struct sf_destination *destination)
{
	struct sf_session *session = (struct sf_session *)destination;

	while (session->streams) {
		struct sf_stream *stream = session->streams;

		session->streams = stream->next;
		for (unsigned key = 0; key < SF_KEY_COUNT; key++)
			free_slot(stream->slots[key]);
		free(stream);
	}
	if (session->transport)
		session->transport->ops->close(session->transport);
	free(session->control_bytes);
	free(session);
}

static const struct sf_transport *session_transport(const struct sf_destination *destination)
{
	return ((const struct sf_session *)destination)->transport;
}

static const struct sf_destination_ops session_ops = {
	.put = session_put,
	.tick = session_tick,
	.finish = session_finish,
	.free = session_free,
	.transport = session_transport,
};

int sf_session_new(struct sf_destination **destination, const struct sf_shared *shared,
	const struct sf_session_options *options, struct sf_transport *transport)
{
	struct sf_session *session = calloc(1, sizeof(*session));
	uint32_t when;

	if (session)
		session->control_bytes = malloc(transport->max_message + 4);
	if (!session || !session->control_bytes) {
		free(session);
		transport->ops->close(transport);
		return -ENOMEM;
	}
	when = sf_profile_when(options->profile) & SF_WHEN_HAS;
	session->destination.ops = &session_ops;
	session->destination.shared = shared;
	session->destination.stats.kind = options->network ? options->dialect->name : "file";
	session->destination.cold_facts = when & (SF_WHEN_MAC | SF_WHEN_MPLS | SF_WHEN_LABEL);
	session->options = *options;
	session->when = (options->dialect == &sf_ipfix ? SF_WHEN_IPFIX | options->time
						       : SF_WHEN_NETFLOW9 | SF_WHEN_UPTIME) |
			(options->biflow ? SF_WHEN_BIFLOW : 0) |
			(options->network ? SF_WHEN_NETWORK : 0);
	session->has_mask = (uint8_t)(when >> 8);
	session->transport = transport;
	session->init_ns = shared->options.packet_clock ? 0 : shared->start_ns;
	session->control.bytes = session->control_bytes;
	sf_pace_init(&session->pace, options->rate);
	*destination = &session->destination;
	return 0;
}
